//! Keys of storage accounts through Azure Resource Manager. Never asks for a key itself, and passes none on.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::headers::CONTENT_TYPE;
use azure_core::http::{Context, Method, Pipeline, Request, Url};
use gridwich_handlers::participants::{KEY_NAMES, KeyRoller, ParticipantError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::classify::classify;
use super::pipeline::{client_options, client_options_without_retries, segment};
use super::token_policy::token_policy;
use super::wire::Wire;
use crate::config::{KeyRollConfig, TokenAuth};

/// The version of the interface we speak; accounts say since 2021 when their keys were made.
const API_VERSION: &str = "2024-01-01";
const SCOPE: &str = "https://management.azure.com/.default";
const BASE_URL: &str = "https://management.azure.com";
/// Pages of accounts read of one subscription; one may have some thousand accounts, hundreds to a page.
const PAGES_MAX: usize = 100;
/// How long an account may be looked for, all subscriptions and pages together.
const FIND_SECONDS_MAX: Duration = Duration::from_secs(60);
/// Azure's limits for an account's name.
const ACCOUNT_NAME_BYTES: std::ops::RangeInclusive<usize> = 3..=24;

/// Replaces keys of the storage accounts in the configured subscriptions.
///
/// The request for a new key is sent once and never by the pipeline's own retries: sent again after an answer that was
/// lost, it would void a key that somebody may just have fetched. When it is not known what became of it (no answer, 408,
/// 5xx), the account is asked when its key was made, which says whether there is a new one. If that cannot be had either,
/// the error is one that is not repeated.
pub struct ArmKeyRoller {
    base: Url,
    subscriptions: Vec<String>,
    /// For questions, which may be repeated.
    patient: Pipeline,
    /// For the one request that must not be.
    once: Pipeline,
}

/// What is known of an account: where it is, and when its keys were made.
#[derive(Deserialize)]
struct Account {
    id: String,
    name: String,
    #[serde(default)]
    properties: Properties,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    /// Absent, or without values, for keys that were made before Azure kept this.
    #[serde(default)]
    key_creation_time: Option<KeyCreationTime>,
}

#[derive(Deserialize)]
struct KeyCreationTime {
    key1: Option<String>,
    key2: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    value: Vec<Account>,
    #[serde(default)]
    next_link: Option<String>,
}

impl Account {
    /// When a key was made, in the provider's spelling, which is only compared.
    fn created(&self, key_name: &str) -> Option<&str> {
        let times = self.properties.key_creation_time.as_ref()?;
        if key_name == KEY_NAMES[0] { times.key1.as_deref() } else { times.key2.as_deref() }
    }

    /// The account's path, made from the names in its id and nothing else of it.
    fn path(&self) -> Option<String> {
        let parts = self.id.split('/').collect::<Vec<_>>();
        let ["", subscriptions, subscription, groups, group, providers, provider, kind, name] = parts[..]
        else {
            return None;
        };
        let words = [subscriptions, groups, providers, provider, kind];
        let expected =
            ["subscriptions", "resourceGroups", "providers", "Microsoft.Storage", "storageAccounts"];
        let is_account =
            words.iter().zip(expected).all(|(word, expected)| word.eq_ignore_ascii_case(expected));
        is_account.then(|| {
            let [subscription, group, name] = [subscription, group, name].map(segment);
            format!(
                "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/{name}"
            )
        })
    }
}

impl ArmKeyRoller {
    /// For the configured subscriptions.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn new(
        config: &KeyRollConfig,
        credential: Option<&Arc<dyn TokenCredential>>,
        wire: &Arc<dyn Wire>,
    ) -> Result<Self, String> {
        let base_url = if config.base_url.is_empty() { BASE_URL } else { &config.base_url };
        let base = Url::parse(base_url.trim_end_matches('/'))
            .map_err(|error| format!("key_roll.base_url: expected a URL: {error}"))?;
        if !may_get_token(&base, config.auth) {
            return Err("key_roll.base_url: expected https, because tokens are not sent in clear".to_owned());
        }
        if config.subscriptions.iter().any(String::is_empty) {
            return Err("key_roll.subscriptions: expected ids that are not empty".to_owned());
        }
        let policy = token_policy(config.auth, &config.token, credential, SCOPE)
            .map_err(|expected| format!("key_roll.auth: {expected}"))?;
        let pipeline = |options| Pipeline::new(None, None, options, Vec::new(), Vec::new(), None);
        Ok(Self {
            base,
            subscriptions: config.subscriptions.clone(),
            patient: pipeline(client_options(wire, vec![Arc::clone(&policy)])),
            once: pipeline(client_options_without_retries(wire, vec![policy])),
        })
    }

    /// The account of that name. A subscription that cannot be read matters only when no other has it.
    async fn find(&self, name: &str) -> Result<Account, ParticipantError> {
        let mut trouble = None;
        for subscription in &self.subscriptions {
            match self.find_in(subscription, name).await {
                Ok(Some(account)) => return Ok(account),
                Ok(None) => {}
                // Azure says so too of a subscription we may not see.
                Err(ParticipantError::NotFound(..)) => {
                    tracing::warn!(subscription, "a subscription of key_roll.subscriptions was not found");
                }
                Err(error) => trouble = trouble.or(Some(error)),
            }
        }
        Err(trouble.unwrap_or_else(|| ParticipantError::NotFound(described(name), None)))
    }

    async fn find_in(&self, subscription: &str, name: &str) -> Result<Option<Account>, ParticipantError> {
        const WHAT: &str = "the list of storage accounts";
        let path =
            format!("/subscriptions/{}/providers/Microsoft.Storage/storageAccounts", segment(subscription));
        let mut url = self.url(&path);
        for _ in 0..PAGES_MAX {
            let page = self.get::<Page>(url, WHAT).await?;
            if let Some(account) = page.value.into_iter().find(|each| each.name.eq_ignore_ascii_case(name)) {
                return Ok(Some(account));
            }
            let Some(next) = page.next_link.filter(|link| !link.is_empty()) else { return Ok(None) };
            url = self.next(&next).ok_or_else(|| unreadable(WHAT))?;
        }
        Err(ParticipantError::Rejected(format!("{WHAT} has more than {PAGES_MAX} pages"), None))
    }

    /// The next page, if it is where the first was: nobody else gets our token.
    fn next(&self, link: &str) -> Option<Url> {
        let url = Url::parse(link).ok()?;
        let is_ours =
            url.origin() == self.base.origin() && url.username().is_empty() && url.password().is_none();
        is_ours.then_some(url)
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(Some(&format!("api-version={API_VERSION}")));
        url
    }

    async fn get<T: DeserializeOwned>(&self, url: Url, what: &str) -> Result<T, ParticipantError> {
        let mut request = Request::new(url, Method::Get);
        let answer = self.patient.send(&Context::default(), &mut request, None).await;
        let body = answer.map_err(|error| classify(&error, what))?.into_body();
        serde_json::from_slice(&body).map_err(|_| unreadable(what))
    }

    async fn regenerate(&self, path: &str, key_name: &str) -> azure_core::Result<()> {
        let mut request = Request::new(self.url(&format!("{path}/regenerateKey")), Method::Post);
        request.insert_header(CONTENT_TYPE, "application/json");
        request.set_body(json!({"keyName": key_name}).to_string().into_bytes());
        // The answer has the keys in it; nobody here looks.
        self.once.send(&Context::default(), &mut request, None).await.map(|_| ())
    }
}

#[async_trait]
impl KeyRoller for ArmKeyRoller {
    async fn roll(&self, account: &str, key_name: &str) -> Result<(), ParticipantError> {
        if !KEY_NAMES.contains(&key_name) {
            let expected = "expected key1 or key2 as the name of a storage account's key";
            return Err(ParticipantError::Rejected(expected.to_owned(), None));
        }
        if !is_account_name(account) {
            return Err(ParticipantError::NotFound("a storage account of that name".to_owned(), None));
        }
        let found = tokio::time::timeout(FIND_SECONDS_MAX, self.find(account)).await;
        let found = found.unwrap_or_else(|_| Err(ParticipantError::Unavailable(described(account), None)))?;
        let what = format!("{key_name} of {}", described(account));
        let path = found.path().ok_or_else(|| unreadable(&what))?;
        let Err(error) = self.regenerate(&path, key_name).await else {
            tracing::info!(account, key_name, "a key was rolled");
            return Ok(());
        };
        if !is_ambiguous(&error) {
            return Err(classify(&error, &what));
        }
        let now = self.get::<Account>(self.url(&path), &what).await.map_err(|_| {
            let unknown = format!("{what} may or may not have been rolled: it could not be found out");
            ParticipantError::Rejected(unknown, None)
        })?;
        if now.created(key_name) == found.created(key_name) {
            return Err(classify(&error, &what));
        }
        tracing::info!(account, key_name, "a key was rolled, although the answer was lost");
        Ok(())
    }
}

/// Whether the request may have been carried out all the same: it was sent, and nobody said no.
fn is_ambiguous(error: &azure_core::Error) -> bool {
    match error.kind() {
        ErrorKind::HttpResponse { status, .. } => matches!(u16::from(*status), 408 | 500..),
        ErrorKind::Connection | ErrorKind::Credential => false,
        _ => true,
    }
}

/// Whether a token may be sent there: over TLS or, if it is one that is configured, to this machine.
fn may_get_token(url: &Url, auth: TokenAuth) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => {
            auth == TokenAuth::Bearer && matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"))
        }
        _ => false,
    }
}

fn is_account_name(name: &str) -> bool {
    ACCOUNT_NAME_BYTES.contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn described(account: &str) -> String {
    format!("the storage account {account:?}")
}

fn unreadable(what: &str) -> ParticipantError {
    ParticipantError::Rejected(format!("the answer about {what} cannot be read"), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_account_has_a_path() {
        let path = |id: &str| {
            let account =
                Account { id: id.to_owned(), name: String::new(), properties: Properties::default() };
            account.path()
        };
        let account = "/subscriptions/s/resourceGroups/a%b/providers/microsoft.storage/storageaccounts/inbox";
        let expected =
            "/subscriptions/s/resourceGroups/a%25b/providers/Microsoft.Storage/storageAccounts/inbox";
        assert_eq!(path(account).as_deref(), Some(expected));
        for id in [
            "",
            "inbox",
            &account[1..],
            &format!("{account}/x"),
            &account.replace("storageaccounts", "disks"),
        ] {
            assert_eq!(path(id), None, "{id}");
        }
    }

    #[test]
    fn tokens_are_not_sent_in_clear_beyond_this_machine() {
        for (url, auth, expected) in [
            ("https://management.azure.com", TokenAuth::Entra, true),
            ("https://elsewhere.example", TokenAuth::Bearer, true),
            ("http://127.0.0.1:7072", TokenAuth::Bearer, true),
            ("http://127.0.0.1:7072", TokenAuth::Entra, false),
            ("http://127.0.0.1.example", TokenAuth::Bearer, false),
            ("ftp://127.0.0.1", TokenAuth::Bearer, false),
        ] {
            assert_eq!(may_get_token(&url.parse().unwrap(), auth), expected, "{url} {auth:?}");
        }
    }
}
