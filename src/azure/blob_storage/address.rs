//! URIs of blobs and containers, and the accounts they lie in. Whatever is not exactly of a configured account is refused
//! here, before anything is asked of anyone.

use super::CONTEXTS;
use gridwich_handlers::participants::{BlobAddress, ContainerAddress, ParticipantError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What may stand in a blob's name without being escaped: unreserved characters and the slash.
const KEPT: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// Azure's limit for a blob's name.
const NAME_CHARACTERS_MAX: usize = 1_024;

/// A blob's name as it stands in a URI.
pub(super) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, &KEPT).to_string()
}

/// The endpoints of the configured accounts.
pub(super) struct Addresses {
    /// Account name and endpoint, the latter in lower case.
    endpoints: Vec<(String, String)>,
}

impl Addresses {
    pub(super) fn new(endpoints: impl Iterator<Item = (String, String)>) -> Self {
        Self { endpoints: endpoints.map(|(name, endpoint)| (name, endpoint.to_ascii_lowercase())).collect() }
    }

    /// The blob a URI names.
    pub(super) fn blob(&self, uri: &str) -> Result<BlobAddress, ParticipantError> {
        let (account, path) = self.split(uri)?;
        let Some((container, name)) = path.split_once('/').filter(|(_, name)| !name.is_empty()) else {
            return Err(refused(
                uri,
                "expected the URI of a blob, https://{account}.blob.core.windows.net/{container}/{blob}",
            ));
        };
        let name = decoded(name).ok_or_else(|| refused(uri, "expected a name in UTF-8"))?;
        if name.chars().count() > NAME_CHARACTERS_MAX {
            return Err(refused(uri, "expected a blob's name of at most 1,024 characters"));
        }
        // The parsers of URLs on the way would leave these out, and name another blob.
        if name.contains(['\t', '\n', '\r']) {
            return Err(refused(uri, "expected a name without tabs and line breaks"));
        }
        if name.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(refused(uri, "expected a name without the segments . and .."));
        }
        Ok(BlobAddress { container: container_of(uri, account, container)?, name })
    }

    /// The container a URI names.
    pub(super) fn container(&self, uri: &str) -> Result<ContainerAddress, ParticipantError> {
        let (account, path) = self.split(uri)?;
        let (container, rest) = path.split_once('/').unwrap_or((path, ""));
        if !rest.trim_matches('/').is_empty() {
            return Err(refused(uri, "expected the URI of a container, without a path below it"));
        }
        container_of(uri, account, container)
    }

    /// The account whose endpoint a URI starts with, and the path below that endpoint.
    ///
    /// Scheme and host are compared as text, whole and without case: there is no spelling of another host that is equal.
    fn split<'a>(&self, uri: &'a str) -> Result<(&str, &'a str), ParticipantError> {
        if uri.contains('?') {
            return Err(refused(uri, "expected a blob itself and not a snapshot or a version of it"));
        }
        if !uri.contains("://") {
            return Err(refused(uri, "expected an absolute URI"));
        }
        let below = |endpoint: &str| {
            let start = uri.get(..endpoint.len())?;
            let rest = &uri[endpoint.len()..];
            let path = if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') };
            path.filter(|_| start.eq_ignore_ascii_case(endpoint))
        };
        let found =
            self.endpoints.iter().find_map(|(name, endpoint)| Some((name.as_str(), below(endpoint)?)));
        found.ok_or_else(|| refused(uri, "expected a storage account that is configured here"))
    }
}

fn container_of(uri: &str, account: &str, container: &str) -> Result<ContainerAddress, ParticipantError> {
    let is_name = |name: &str| {
        let is_dns = (3..=63).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !name.starts_with('-')
            && !name.ends_with('-')
            && !name.contains("--");
        is_dns || matches!(name, "$root" | "$web" | "$logs")
    };
    let container = decoded(container).filter(|name| is_name(name));
    if container.as_deref() == Some(CONTEXTS) {
        return Err(refused(uri, "expected another container: this is the processor's own"));
    }
    let container = container.ok_or_else(|| {
        refused(
            uri,
            "expected the name of a container (3 to 63 lower-case letters, digits and single hyphens)",
        )
    })?;
    Ok(ContainerAddress { account: account.to_owned(), container })
}

fn decoded(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// The URI is repeated without its query, which may be a signature, and without what stands before an `@`.
fn refused(uri: &str, expected: &str) -> ParticipantError {
    let shown = uri.split(['?', '#']).next().unwrap_or_default();
    let shown = shown.rsplit_once('@').map_or(shown, |(_, host)| host);
    let shown = shown.chars().take(200).collect::<String>();
    ParticipantError::Rejected(format!("{shown:?}: {expected}"), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Addresses {
        let endpoints =
            [("inbox01", "https://inbox01.blob.core.windows.net"), ("local", "http://127.0.0.1:10000/local")];
        Addresses::new(endpoints.into_iter().map(|(name, endpoint)| (name.to_owned(), endpoint.to_owned())))
    }

    #[test]
    fn blobs_are_found_whatever_their_names() {
        let addresses = addresses();
        for (uri, account, name) in [
            ("https://inbox01.blob.core.windows.net/show-17/a.mxf", "inbox01", "a.mxf"),
            (
                "HTTPS://INBOX01.blob.core.windows.net/show-17/a/b%2Fc+d%2B%20e.mxf",
                "inbox01",
                "a/b/c+d+ e.mxf",
            ),
            ("http://127.0.0.1:10000/local/show-17/%C3%A9//%23%3F%25", "local", "é//#?%"),
            ("https://inbox01.blob.core.windows.net/show-17/e\u{301}", "inbox01", "e\u{301}"),
        ] {
            let blob = addresses.blob(uri).unwrap();
            assert_eq!((blob.container.account.as_str(), blob.name.as_str()), (account, name), "{uri}");
            assert_eq!(blob.container.container, "show-17");
            let spelled = format!("https://inbox01.blob.core.windows.net/show-17/{}", encoded(&blob.name));
            assert_eq!(addresses.blob(&spelled).unwrap().name, blob.name);
        }
        let container = addresses.container("https://inbox01.blob.core.windows.net/show-17/").unwrap();
        assert_eq!(container.container, "show-17");
    }

    #[test]
    fn whatever_is_not_exactly_of_a_configured_account_is_refused() {
        let addresses = addresses();
        for uri in [
            "",
            "show-17/a.mxf",
            "//inbox01.blob.core.windows.net/show-17/a",
            "http://inbox01.blob.core.windows.net/show-17/a",
            "file:///etc/passwd",
            "https://other.blob.core.windows.net/show-17/a",
            "https://inbox01.blob.core.windows.net.evil.example/show-17/a",
            "https://inbox01.blob.core.windows.net./show-17/a",
            "https://inbox01.blob.core.windows.net:444/show-17/a",
            "https://inbox01.blob.core.windows.net@evil.example/show-17/a",
            "https://user:secret@inbox01.blob.core.windows.net/show-17/a",
            "https://inbox01.blob.core.windows.net\\@evil.example/show-17/a",
            "https://%69nbox01.blob.core.windows.net/show-17/a",
            "https://inbox01.blob.core.windows.net",
            "https://inbox01.blob.core.windows.net/show-17",
            "https://inbox01.blob.core.windows.net/show-17/",
            "https://inbox01.blob.core.windows.net/Show/a",
            "https://inbox01.blob.core.windows.net/../show-17/a",
            "https://inbox01.blob.core.windows.net/show-17/../other/a",
            "https://inbox01.blob.core.windows.net/show-17/%2e%2e/a",
            "https://inbox01.blob.core.windows.net/show-17/%ff",
            "https://inbox01.blob.core.windows.net/show-17/a%09b",
            "https://inbox01.blob.core.windows.net/show-17/a%0Ab",
            "https://inbox01.blob.core.windows.net/show-17/%2e%09%2e/a",
            "https://inbox01.blob.core.windows.net/gridwich-contexts/answered/1",
            "http://127.0.0.1:10000/localx/show-17/a",
            "http://0x7f.1:10000/local/show-17/a",
            "https://inbox01.blob.core.windows.net/show-17/a?snapshot=2026-03-04",
        ] {
            assert!(matches!(addresses.blob(uri), Err(ParticipantError::Rejected(..))), "{uri}");
        }
        let long = format!("https://inbox01.blob.core.windows.net/show-17/{}", "x".repeat(1_025));
        assert!(addresses.blob(&long).is_err());
        assert!(
            !addresses.blob("https://u:hush@x/show-17/a?sig=hush").unwrap_err().to_string().contains("hush")
        );
    }
}
