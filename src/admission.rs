//! Who may deliver: shared secrets and the two subscription handshakes. Not what is delivered.

use http::{HeaderMap, HeaderName, Uri};
use percent_encoding::percent_decode_str;

use crate::config::AdmissionConfig;
use crate::secret::Secret;

/// Header under which Azure Functions takes its key, which callers of the original use.
const FUNCTIONS_KEY: &str = "x-functions-key";
/// Query parameter under which Azure Functions takes its key.
const CODE: &str = "code";

/// Why a caller is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing was presented.
    #[error("expected a secret in ?code=, x-functions-key or the configured header")]
    NoSecret,
    /// It is not one of ours.
    #[error("the secret is not known here")]
    WrongSecret,
}

/// What is asked of a caller.
#[derive(Debug)]
pub struct Admission {
    secrets: Vec<Secret>,
    header: HeaderName,
    allowed_origins: Vec<String>,
}

impl Admission {
    /// Takes the operator's rules.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn new(config: &AdmissionConfig) -> Result<Self, String> {
        let header = HeaderName::try_from(config.header.as_str()).map_err(|_| {
            format!("admission.header: expected the name of a header, found {:?}", config.header)
        })?;
        if config.secrets.iter().any(Secret::is_empty) {
            return Err("admission.secrets: expected secrets that are not empty".to_owned());
        }
        Ok(Self { secrets: config.secrets.clone(), header, allowed_origins: config.allowed_origins.clone() })
    }

    /// Whether anybody at all may deliver; then nobody beyond this machine may reach us.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.secrets.is_empty()
    }

    /// Lets a caller in, or says why not.
    ///
    /// # Errors
    /// When no presented secret is one of ours. The configured header may have a scheme in front (`Bearer …`).
    pub fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.is_open() {
            return Ok(());
        }
        let from_query = uri.query().and_then(code);
        let from_headers = [headers.get(FUNCTIONS_KEY), headers.get(&self.header)].into_iter().flatten();
        let mut presented = from_headers.map(|value| value.as_bytes().to_vec()).chain(from_query).peekable();
        if presented.peek().is_none() {
            return Err(Refusal::NoSecret);
        }
        // Every pair is compared, so that the time taken tells nothing.
        let matches =
            presented.map(|presented| self.knows(&presented)).fold(false, |any, is_known| any | is_known);
        if matches { Ok(()) } else { Err(Refusal::WrongSecret) }
    }

    /// Whether an origin may subscribe with the CloudEvents schema.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin))
    }

    fn knows(&self, presented: &[u8]) -> bool {
        let bare = presented.strip_prefix(b"Bearer ").unwrap_or(presented);
        self.secrets.iter().fold(false, |any, secret| any | secret.is_same_as(bare))
    }
}

fn code(query: &str) -> Option<Vec<u8>> {
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(CODE)?.strip_prefix('='))?;
    Some(percent_decode_str(pair).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(secrets: &[&str]) -> Admission {
        let config = AdmissionConfig {
            secrets: secrets.iter().map(|s| Secret::new(*s)).collect(),
            header: "x-gridwich-key".into(),
            allowed_origins: vec!["eventgrid.azure.net".into()],
        };
        Admission::new(&config).unwrap()
    }

    fn admit(admission: &Admission, uri: &str, header: Option<(&'static str, &str)>) -> Result<(), Refusal> {
        let headers = header.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        admission.admit(&uri.parse().unwrap(), &headers.into_iter().collect())
    }

    #[test]
    fn either_secret_is_good_in_any_of_three_places() {
        let door = admission(&["old secret==", "new"]);
        assert_eq!(admit(&door, "/api/EventGrid?code=old%20secret==&x=1", None), Ok(()));
        assert_eq!(admit(&door, "/api/EventGrid?x=1&code=new", None), Ok(()));
        assert_eq!(admit(&door, "/", Some(("x-functions-key", "new"))), Ok(()));
        assert_eq!(admit(&door, "/", Some(("x-gridwich-key", "Bearer new"))), Ok(()));
    }

    #[test]
    fn anything_else_is_turned_away() {
        let door = admission(&["old", "new"]);
        assert_eq!(admit(&door, "/", None), Err(Refusal::NoSecret));
        for uri in ["/?code=", "/?code=ne", "/?code=neww", "/?code=New"] {
            assert_eq!(admit(&door, uri, None), Err(Refusal::WrongSecret), "{uri}");
        }
        assert_eq!(admit(&door, "/?encode=new", None), Err(Refusal::NoSecret));
        assert_eq!(admit(&door, "/", Some(("authorization", "new"))), Err(Refusal::NoSecret));
    }

    #[test]
    fn an_empty_secret_is_a_mistake() {
        let config =
            AdmissionConfig { secrets: vec![Secret::new("")], header: "x".into(), allowed_origins: vec![] };
        assert!(Admission::new(&config).unwrap_err().starts_with("admission.secrets"));
    }
}
