//! Verification keys of token services, found by OpenID Connect Discovery and kept for a while. Judges no token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
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
pub(super) struct Discovery(Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<Known>>>>>);

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
        let known = self.known(document);
        // Who finds somebody asking waits for the answer.
        let mut known = known.lock().await;
        let is_lately = |time: Option<Instant>, within| time.is_some_and(|time| time.elapsed() < within);
        let is_enough = is_lately(known.fetched, LIFE) && known.with_id(id).next().is_some();
        if !is_enough && !is_lately(known.asked, ASK_AGAIN) {
            known.asked = Some(Instant::now());
            match fetch_keys(document).await {
                Ok(keys) => (known.keys, known.fetched) = (keys, Some(Instant::now())),
                Err(reason) => tracing::warn!("an OpenID Connect discovery document is of no use: {reason}"),
            }
        }
        match is_lately(known.fetched, LIFE_MAX) {
            true => Ok(known.with_id(id).cloned().collect()),
            false => Err(StreamError::unavailable(
                "The keys of the token service cannot be had: the content key policy's openIdConnectDiscoveryDocument, or \
                 the jwks_uri in it, does not answer as it should.",
            )),
        }
    }

    fn known(&self, document: &str) -> Arc<tokio::sync::Mutex<Known>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= DOCUMENTS_MAX && !all.contains_key(document) {
            all.clear();
        }
        Arc::clone(all.entry(document.to_owned()).or_default())
    }
}

impl Known {
    fn with_id(&self, id: Option<&str>) -> impl Iterator<Item = &DecodingKey> {
        let is_asked_for = move |own: &Option<String>| id.is_none() || own.as_deref() == id;
        self.keys.iter().filter(move |(own, _)| is_asked_for(own)).map(|(_, key)| key)
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
