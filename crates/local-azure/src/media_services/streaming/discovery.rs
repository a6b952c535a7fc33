//! Verification keys of token services, found by OpenID Connect Discovery and kept for a while. Judges no token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use super::error::StreamError;
use crate::media_services::publication::is_discoverable;

/// Token services publish keys days before they sign with them.
const LIFE: Duration = Duration::from_secs(60 * 60);
/// For so long keys are believed when the token service cannot be asked.
const LIFE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// A service is asked no more often, whatever tokens come: as long as players are told to wait.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// For each of the two documents.
const FETCH_TIME_MAX: Duration = Duration::from_secs(5);
/// Microsoft's own have some 20 KB.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// Keys of one service; there are some five at a time.
const KEYS_MAX: usize = 50;
/// Documents that are remembered; beyond that, all are read anew.
const DOCUMENTS_MAX: usize = 100;

/// What is known of all token services. Cloning shares it.
#[derive(Clone, Default)]
pub(super) struct Discovery(Arc<Mutex<HashMap<String, Arc<Service>>>>);

/// One token service.
#[derive(Default)]
struct Service {
    known: Mutex<Known>,
    /// Whoever asks it holds this; whoever knows enough does not wait for that.
    asking: tokio::sync::Mutex<()>,
}

/// What is known of one.
#[derive(Default)]
struct Known {
    keys: Vec<(Option<String>, DecodingKey)>,
    asked: Option<Instant>,
    fetched: Option<Instant>,
}

#[derive(Deserialize)]
struct Document {
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// An RSA key of a set (RFC 7517).
#[derive(Deserialize)]
struct RsaKey {
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    n: String,
    e: String,
}

impl Discovery {
    /// The RSA keys with an id, or all when a token names none.
    pub async fn keys(&self, document: &str, id: Option<&str>) -> Result<Vec<DecodingKey>, StreamError> {
        let service = self.service(document);
        let fresh = service.known().within(LIFE, id);
        if let Some(keys) = fresh.filter(|keys| !keys.is_empty()) {
            return Ok(keys);
        }
        // On a task of its own: a player that hangs up leaves no others without an answer.
        let (asked, document, wanted) = (Arc::clone(&service), document.to_owned(), id.map(str::to_owned));
        let asking = tokio::spawn(async move { asked.ask(&document, wanted.as_deref()).await });
        asking.await.map_err(|_| StreamError::internal("Asking a token service was given up."))?;
        let believed = service.known().within(LIFE_MAX, id);
        believed.ok_or_else(|| {
            StreamError::unavailable(
                "The keys of the token service cannot be had: the content key policy's openIdConnectDiscoveryDocument, or \
                 the jwks_uri in it, does not answer as it should.",
            )
        })
    }

    fn service(&self, document: &str) -> Arc<Service> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= DOCUMENTS_MAX && !all.contains_key(document) {
            all.clear();
        }
        Arc::clone(all.entry(document.to_owned()).or_default())
    }
}

impl Service {
    /// Asks for the keys, unless that has been done meanwhile, or lately.
    async fn ask(&self, document: &str, id: Option<&str>) {
        let _asking = self.asking.lock().await;
        {
            let mut known = self.known();
            let is_enough = known.within(LIFE, id).is_some_and(|keys| !keys.is_empty());
            if is_enough || is_lately(known.asked, ASK_AGAIN) {
                return;
            }
            known.asked = Some(Instant::now());
        }
        match fetch_keys(document).await {
            Ok(keys) => {
                let mut known = self.known();
                (known.keys, known.fetched) = (keys, Some(Instant::now()));
            }
            Err(reason) => tracing::warn!("an OpenID Connect discovery document is of no use: {reason}"),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_lately(time: Option<Instant>, within: Duration) -> bool {
    time.is_some_and(|time| time.elapsed() < within)
}

impl Known {
    /// The keys with an id, or all without one; nothing when they are older than that.
    fn within(&self, life: Duration, id: Option<&str>) -> Option<Vec<DecodingKey>> {
        let is_asked_for = |own: &Option<String>| id.is_none() || own.as_deref() == id;
        let keys = self.keys.iter().filter(|(own, _)| is_asked_for(own)).map(|(_, key)| key.clone());
        is_lately(self.fetched, life).then(|| keys.collect())
    }
}

async fn fetch_keys(document: &str) -> Result<Vec<(Option<String>, DecodingKey)>, &'static str> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(FETCH_TIME_MAX)
        .build()
        .map_err(|_| "TLS cannot be set up")?;
    let document = fetch::<Document>(&client, document).await?;
    let keys = fetch::<KeySet>(&client, &document.jwks_uri).await?.keys;
    let keys = keys.into_iter().filter(|key| key["kty"] == "RSA").take(KEYS_MAX);
    let keys = keys.filter_map(|key| serde_json::from_value::<RsaKey>(key).ok());
    let keys = keys.filter(|key| key.usage.as_deref().is_none_or(|usage| usage == "sig"));
    let keys = keys.filter_map(|key| Some((key.kid, DecodingKey::from_rsa_components(&key.n, &key.e).ok()?)));
    Ok(keys.collect())
}

async fn fetch<T: DeserializeOwned>(client: &reqwest::Client, url: &str) -> Result<T, &'static str> {
    if !is_discoverable(url) {
        return Err("a URL is neither at https nor at http on this machine");
    }
    let mut answer = client.get(url).send().await.map_err(|_| "it does not answer")?;
    if !answer.status().is_success() {
        return Err("it answers with an error");
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| "it breaks off")? {
        if body.len() + chunk.len() > DOCUMENT_BYTES_MAX {
            return Err("it is too long");
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|_| "it is not what it should be")
}
