//! One region's account: how it is spoken to, whether it is well, and the names it has for containers. Not what it does with
//! media.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::http::headers::CONTENT_TYPE;
use azure_core::http::policies::Policy;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{Context, Method, Pipeline, Request, Url};
use gridwich_handlers::participants::{ContainerAddress, ParticipantError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::token::RmsTokenPolicy;
use crate::azure::classify::{classify, is_denied};
use crate::azure::pipeline::{client_options, segment};
use crate::azure::token_policy::StaticTokenPolicy;
use crate::azure::wire::Wire;
use crate::config::{MediaAccountConfig, MediaAuth};

/// The version for transforms and jobs.
pub(super) const ENCODING_VERSION: &str = "2022-07-01";
/// The version for assets, and for all that publishes them.
pub(super) const ASSETS_VERSION: &str = "2022-08-01";
/// The dialect's limit for a name.
const NAME_CHARACTERS_MAX: usize = 260;
const SCOPE: &str = "https://management.azure.com/.default";
/// For so long an account that was not well is asked last.
const ILL_FOR: Duration = Duration::from_secs(30);
/// More pages than this are not read: an account has 100 transforms at most.
const PAGES_MAX: usize = 20;

/// One region's account.
pub(super) struct Account {
    name: String,
    region: String,
    /// Up to and with the account's name, without a slash at the end.
    url: String,
    pipeline: Pipeline,
    correlation_bytes_max: usize,
    /// Until when it is taken to be ill. Forgotten with the process.
    ill_until: Mutex<Option<Instant>>,
    /// Paths that this process has put, with digests of what it put there. Forgotten with the process.
    put: Mutex<BTreeMap<String, Uuid>>,
}

/// A page of what the dialect lists.
#[derive(Deserialize)]
struct Page<T> {
    value: Vec<T>,
    #[serde(default, rename = "@odata.nextLink")]
    next_link: Option<String>,
}

impl Account {
    pub(super) fn new(
        config: &MediaAccountConfig,
        credential: Option<&Arc<dyn TokenCredential>>,
        wire: &Arc<dyn Wire>,
    ) -> Result<Self, String> {
        let invalid = |what: &str| format!("media.accounts: {:?}: {what}", config.account);
        let base_url = config.base_url();
        let base =
            Url::parse(base_url).map_err(|error| invalid(&format!("base_url: expected a URL: {error}")))?;
        if base.scheme() != "https" {
            return Err(invalid("base_url: expected https, because tokens are not sent in clear"));
        }
        let policy: Arc<dyn Policy> = match config.auth {
            MediaAuth::Entra => {
                let credential = credential.ok_or_else(|| invalid("expected an identity in [entra]"))?;
                Arc::new(BearerTokenAuthorizationPolicy::new(Arc::clone(credential), [SCOPE]))
            }
            MediaAuth::Bearer => Arc::new(StaticTokenPolicy::new(&config.token)),
            MediaAuth::Rms => {
                Arc::new(RmsTokenPolicy::new(base_url, &config.subscription_id, &config.token, wire))
            }
        };
        let url = format!(
            "{base_url}/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Media/mediaServices/{}",
            segment(&config.subscription_id),
            segment(&config.resource_group),
            segment(&config.account)
        );
        let pipeline =
            Pipeline::new(None, None, client_options(wire, vec![policy]), Vec::new(), Vec::new(), None);
        Ok(Self {
            name: config.account.clone(),
            region: config.region.clone(),
            url,
            pipeline,
            correlation_bytes_max: config.correlation_bytes_max,
            ill_until: Mutex::new(None),
            put: Mutex::default(),
        })
    }

    /// Its name, which says where work was begun.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where it is, as the end of a sentence.
    pub(super) fn here(&self) -> String {
        if self.region.is_empty() { String::new() } else { format!(" in {}", self.region) }
    }

    pub(super) fn correlation_bytes_max(&self) -> usize {
        self.correlation_bytes_max
    }

    pub(super) fn is_well(&self) -> bool {
        let ill_until = *self.ill_until.lock().unwrap_or_else(PoisonError::into_inner);
        ill_until.is_none_or(|until| until <= Instant::now())
    }

    /// Whether this process has put just this there.
    pub(super) fn has_put(&self, path: &str, body: &Value) -> bool {
        self.put.lock().unwrap_or_else(PoisonError::into_inner).get(path) == Some(&digest(body))
    }

    /// Remembers that it has.
    pub(super) fn note_put(&self, path: &str, body: &Value) {
        self.put.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), digest(body));
    }

    /// Remembers that the account is not well.
    pub(super) fn was_ill(&self) {
        *self.ill_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + ILL_FOR);
    }

    /// Remembers from an answer whether the account is well. One that refuses is, unless it refuses us altogether.
    fn heed<T>(&self, answer: &azure_core::Result<T>) {
        let is_ill = |error: &azure_core::Error| classify(error, "").is_passing() || is_denied(error);
        if answer.as_ref().is_err_and(is_ill) {
            self.was_ill();
        } else {
            *self.ill_until.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Asks for something below the account, and reads the answer.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        version: &str,
        what: &str,
    ) -> Result<T, ParticipantError> {
        read(&self.send(Method::Get, path, version, None, what).await?, what)
    }

    /// Puts something below the account.
    pub(super) async fn put(
        &self,
        path: &str,
        version: &str,
        body: &Value,
        what: &str,
    ) -> Result<Vec<u8>, ParticipantError> {
        self.send(Method::Put, path, version, Some(body), what).await
    }

    /// Has something done below the account.
    pub(super) async fn post(
        &self,
        path: &str,
        version: &str,
        what: &str,
    ) -> Result<Vec<u8>, ParticipantError> {
        self.send(Method::Post, path, version, None, what).await
    }

    /// Deletes something below the account. What is not there is deleted.
    pub(super) async fn delete(&self, path: &str, version: &str, what: &str) -> Result<(), ParticipantError> {
        match self.send(Method::Delete, path, version, None, what).await {
            Ok(_) | Err(ParticipantError::NotFound(..)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// All of a list below the account.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        version: &str,
        what: &str,
    ) -> Result<Vec<T>, ParticipantError> {
        let (mut all, mut after) = (Vec::new(), String::new());
        for _ in 0..PAGES_MAX {
            let url = format!("{}/{path}?api-version={version}{after}", self.url);
            let body = self.request(Method::Get, &url, None).await;
            let page: Page<T> = read(&body.map_err(|error| classify(&error, what))?, what)?;
            all.extend(page.value);
            // Of the link only the place to go on from is taken: nobody else gets to say where tokens are sent.
            let next = page.next_link.and_then(|link| Url::parse(&link).ok());
            let token = next.and_then(|link| {
                link.query_pairs().find(|(name, _)| name == "$skiptoken").map(|(_, token)| token.into_owned())
            });
            let Some(token) = token else { break };
            after = format!("&$skiptoken={}", segment(&token));
        }
        Ok(all)
    }

    /// Makes the asset that stands for a container, or leaves the one that is there.
    pub(super) async fn asset(&self, container: &ContainerAddress) -> Result<(), ParticipantError> {
        let name = container.asset_name();
        let (path, what) = (format!("assets/{}", segment(&name)), format!("the asset {name:?}"));
        match self.get::<Value>(&path, ASSETS_VERSION, &what).await {
            Err(ParticipantError::NotFound(..)) => {}
            found => return found.map(|_| ()),
        }
        let body = json!({"properties": {
            "container": container.container,
            "storageAccountName": container.account,
        }});
        self.put(&path, ASSETS_VERSION, &body, &what).await.map(|_| ()).map_err(ParticipantError::of_our_own)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        version: &str,
        body: Option<&Value>,
        what: &str,
    ) -> Result<Vec<u8>, ParticipantError> {
        let url = format!("{}/{path}?api-version={version}", self.url);
        self.request(method, &url, body).await.map_err(|error| classify(&error, what))
    }

    async fn request(&self, method: Method, url: &str, body: Option<&Value>) -> azure_core::Result<Vec<u8>> {
        let mut request = Request::new(Url::parse(url)?, method);
        if let Some(body) = body {
            request.insert_header(CONTENT_TYPE, "application/json");
            request.set_body(body.to_string().into_bytes());
        }
        let answer = self.pipeline.send(&Context::default(), &mut request, None).await;
        self.heed(&answer);
        Ok(answer?.into_body().to_vec())
    }
}

fn digest(body: &Value) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, body.to_string().as_bytes())
}

/// Reads an answer about something.
pub(super) fn read<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, ParticipantError> {
    let unreadable = |_| ParticipantError::Rejected(format!("the answer about {what} cannot be read"), None);
    serde_json::from_slice(body).map_err(unreadable)
}

/// Whether the dialect has names like this; it has none with dots, which could climb out of their path.
pub(super) fn is_name(name: &str) -> bool {
    let is_strange = |c: char| c.is_control() || "<>%&:\\?/*+.'".contains(c);
    !name.is_empty() && name.chars().count() <= NAME_CHARACTERS_MAX && !name.contains(is_strange)
}

/// Refuses a name that the dialect cannot have, as one that is not there.
pub(super) fn check_name(name: &str, what: &str) -> Result<(), ParticipantError> {
    if is_name(name) { Ok(()) } else { Err(ParticipantError::NotFound(what.to_owned(), None)) }
}
