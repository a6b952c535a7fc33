//! Where a secret is: the text of a Key Vault reference, taken apart. Decides who may be sent a token, and asks nobody.

use azure_core::http::Url;

/// How a reference begins and ends.
const BEGIN: &str = "@Microsoft.KeyVault(";
const END: &str = ")";
/// The one parameter of a reference that is understood.
const PARAMETER: &str = "SecretUri=";
/// What is said when a reference is none.
const EXPECTED: &str =
    "expected @Microsoft.KeyVault(SecretUri=https://{vault}.vault.azure.net/secrets/{name}/)";
/// Azure's clouds: what the hosts of their vaults end with, and what their tokens are for.
const CLOUDS: [(&str, &str); 3] = [
    (".vault.azure.net", "https://vault.azure.net/.default"),
    (".vault.azure.cn", "https://vault.azure.cn/.default"),
    (".vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net/.default"),
];

/// A secret in a vault that may be asked for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SecretUri {
    /// Scheme, host and port, without a slash at the end.
    pub vault: String,
    pub name: String,
    /// The only version that is meant, if one is.
    pub version: Option<String>,
    /// What a token for the vault is for.
    pub scope: &'static str,
}

impl SecretUri {
    /// Reads a reference; the vault is one of Azure's, or one of these hosts.
    ///
    /// # Errors
    /// Says what was expected.
    pub(super) fn of_reference(text: &str, allowed_hosts: &[String]) -> Result<Self, String> {
        let inner = text.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let uri = inner.and_then(|inner| inner.trim().strip_prefix(PARAMETER)).ok_or(EXPECTED)?;
        let url = Url::parse(uri.trim()).map_err(|_| EXPECTED)?;
        let named = Named::of(&url).ok_or(EXPECTED)?;
        let Named { vault, secret: Some((name, version)) } = named else { return Err(EXPECTED.to_owned()) };
        let scope = scope(&url, allowed_hosts).ok_or_else(|| {
            format!("{EXPECTED}, or a vault at a host in key_vault.allowed_hosts, which {vault} is not")
        })?;
        Ok(Self { vault, name, version, scope })
    }

    /// Whether what is named, a vault or a secret of it, concerns this one.
    pub(super) fn is_named_by(&self, named: &Named) -> bool {
        let is_same = |ours: &str, theirs: &str| ours.eq_ignore_ascii_case(theirs);
        let is_version = |theirs: &Option<String>| match (&self.version, theirs) {
            (Some(ours), Some(theirs)) => is_same(ours, theirs),
            _ => true,
        };
        self.vault == named.vault
            && named
                .secret
                .as_ref()
                .is_none_or(|(name, version)| is_same(&self.name, name) && is_version(version))
    }

    /// The path below the vault.
    pub(super) fn path(&self) -> String {
        let version = self.version.as_deref().unwrap_or_default();
        format!("/secrets/{}/{version}", self.name)
    }
}

/// A vault or a secret in it, by its URL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    vault: String,
    /// Name and version.
    secret: Option<(String, Option<String>)>,
}

impl Named {
    /// Reads the URL of a vault, or the id of a secret with or without its version.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::of(&Url::parse(text).ok()?)
    }

    fn of(url: &Url) -> Option<Self> {
        let is_plain = url.scheme() == "https"
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let segments = url.path().split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>();
        let secret = match segments.as_slice() {
            [] => None,
            [kind, name, version @ ..] if kind.eq_ignore_ascii_case("secrets") && version.len() <= 1 => {
                let parts = [name].into_iter().chain(version);
                if !parts.into_iter().all(|part| is_name(part)) {
                    return None;
                }
                Some(((*name).to_owned(), version.first().map(|version| (*version).to_owned())))
            }
            _ => return None,
        };
        is_plain.then(|| Self { vault: url.origin().ascii_serialization(), secret })
    }
}

/// Documented: names and versions are letters, digits and hyphens, at most 127.
fn is_name(part: &str) -> bool {
    (1..=127).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// What a token for a host is for; nothing for hosts that get none.
fn scope(url: &Url, allowed_hosts: &[String]) -> Option<&'static str> {
    let host = url.host_str()?;
    let with_port = match url.port() {
        None => host.to_owned(),
        Some(port) => format!("{host}:{port}"),
    };
    let is_vault = |suffix: &str| {
        let vault = host.strip_suffix(suffix);
        url.port().is_none() && vault.is_some_and(is_name)
    };
    let of_azure = CLOUDS.iter().find(|(suffix, _)| is_vault(suffix)).map(|(_, scope)| *scope);
    let is_allowed = || allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(&with_port));
    of_azure.or_else(|| is_allowed().then_some(CLOUDS[0].1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str) -> Result<SecretUri, String> {
        let allowed = ["localhost:7074".to_owned(), "vault.example".to_owned()];
        SecretUri::of_reference(&format!("@Microsoft.KeyVault(SecretUri={uri})"), &allowed)
    }

    #[test]
    fn a_reference_names_a_secret_and_perhaps_a_version() {
        for (uri, version) in [
            ("https://Vault01.vault.azure.net/secrets/storage-key", None),
            ("https://vault01.vault.azure.net/secrets/storage-key/", None),
            ("https://vault01.vault.azure.net:443/secrets/storage-key/0123abcd", Some("0123abcd")),
        ] {
            let read = read(uri).unwrap();
            assert_eq!(
                (read.vault.as_str(), read.name.as_str()),
                ("https://vault01.vault.azure.net", "storage-key")
            );
            assert_eq!(read.version.as_deref(), version);
        }
        assert_eq!(
            read("https://v.vault.azure.cn/secrets/a").unwrap().scope,
            "https://vault.azure.cn/.default"
        );
        assert_eq!(read("https://localhost:7074/secrets/a").unwrap().vault, "https://localhost:7074");
    }

    #[test]
    fn nobody_but_vaults_gets_a_token() {
        for uri in [
            "",
            "http://vault01.vault.azure.net/secrets/a",
            "https://vault01.vault.azure.net",
            "https://vault01.vault.azure.net/keys/a",
            "https://vault01.vault.azure.net/secrets/a/b/c",
            "https://vault01.vault.azure.net/secrets/a?x=1",
            "https://vault01.vault.azure.net/secrets/..%2fa",
            "https://vault01.vault.azure.net:444/secrets/a",
            "https://.vault.azure.net/secrets/a",
            "https://a.b.vault.azure.net/secrets/a",
            "https://vault.azure.net/secrets/a",
            "https://vault01.vault.azure.net.evil.example/secrets/a",
            "https://evilvault.azure.net/secrets/a",
            "https://vault01.vault.azure.net@evil.example/secrets/a",
            "https://user@vault01.vault.azure.net/secrets/a",
            "https://localhost/secrets/a",
            "https://localhost:7075/secrets/a",
            "https://vault.example:444/secrets/a",
        ] {
            assert!(read(uri).unwrap_err().starts_with("expected @Microsoft.KeyVault("), "{uri}");
        }
    }

    #[test]
    fn a_setting_is_concerned_by_its_secret_and_its_vault_and_its_own_version() {
        let concerns = |setting: &str, named: &str| {
            let uri = read(setting).unwrap();
            Named::parse(named).is_some_and(|named| uri.is_named_by(&named))
        };
        let (newest, pinned) =
            ("https://v.vault.azure.net/secrets/a/", "https://v.vault.azure.net/secrets/a/01");
        for named in [
            "https://V.vault.azure.net/secrets/A/01",
            "https://v.vault.azure.net/",
            "https://v.vault.azure.net/secrets/a",
        ] {
            assert!(concerns(newest, named) && concerns(pinned, named), "{named}");
        }
        assert!(concerns(newest, "https://v.vault.azure.net/secrets/a/02"));
        assert!(!concerns(pinned, "https://v.vault.azure.net/secrets/a/02"));
        for named in [
            "https://w.vault.azure.net/secrets/a",
            "https://v.vault.azure.net/secrets/b",
            "v",
            "http://v.vault.azure.net",
        ] {
            assert!(!concerns(newest, named), "{named}");
        }
    }
}
