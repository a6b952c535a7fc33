//! Hands content keys to players whom the content key policy takes. Keys go nowhere else, not into logs either.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http_body_util::{BodyExt as _, Limited};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::access::Opened;
use super::discovery::Discovery;
use super::error::StreamError;
use super::token::{self, Verifier};
use crate::media_services::publication::{
    ContentKey, KeyConfiguration, KeyKind, KeyRestriction, TokenRestriction, TokenType,
};
use crate::media_services::resource::folded;
use crate::tokens;

/// A request for licences names a handful of keys, of 22 characters each.
const LICENCE_REQUEST_BYTES_MAX: usize = 16 * 1024;
/// Keys that one request may ask for: a locator has no more than three.
const KEYS_MAX: usize = 16;
/// The only type of licence that Clear Key must know.
const TEMPORARY: &str = "temporary";

/// "Encrypted Media Extensions", 9.1.3: what a player asks for.
#[derive(Deserialize)]
struct LicenceRequest {
    kids: Vec<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// "Encrypted Media Extensions", 9.1.4: what it is given.
#[derive(Serialize)]
struct Licence {
    keys: Vec<JsonKey>,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct JsonKey {
    kty: &'static str,
    k: String,
    kid: String,
}

/// The sixteen bytes of a key of envelope encryption.
pub(super) async fn deliver(
    discovery: &Discovery,
    opened: &Opened,
    key: Uuid,
    token: Option<String>,
) -> Result<Response, StreamError> {
    let absent = || StreamError::not_found("The streaming locator has no such key.");
    let key = find(opened, key, KeyKind::EnvelopeEncryption).ok_or_else(absent)?;
    admit(discovery, opened, key, token.as_deref()).await?;
    let headers = [(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, key.value.to_vec()).into_response())
}

/// Keys of common encryption, to players that speak W3C Clear Key.
pub(super) async fn deliver_clear_key(
    discovery: &Discovery,
    opened: &Opened,
    request: Request,
) -> Result<Response, StreamError> {
    let token = presented(&request);
    let asked = read(request).await?;
    if asked.kind.is_some_and(|kind| kind != TEMPORARY) {
        return Err(StreamError::bad_request("Only temporary licences are given."));
    }
    if asked.kids.len() > KEYS_MAX {
        return Err(StreamError::bad_request(format!("A licence request names at most {KEYS_MAX} keys.")));
    }
    let ids = asked.kids.iter().filter_map(|id| URL_SAFE_NO_PAD.decode(id.trim_end_matches('=')).ok());
    let ids = ids.filter_map(|id| Uuid::from_slice(&id).ok());
    let found = ids.filter_map(|id| find(opened, id, KeyKind::CommonEncryptionCenc)).collect::<Vec<_>>();
    if found.is_empty() {
        return Err(StreamError::not_found("The streaming locator has no such key."));
    }
    for key in &found {
        admit(discovery, opened, key, token.as_deref()).await?;
    }
    let keys = found.iter().map(|key| JsonKey {
        kty: "oct",
        k: URL_SAFE_NO_PAD.encode(key.value),
        kid: URL_SAFE_NO_PAD.encode(key.id),
    });
    let licence = Licence { keys: keys.collect(), kind: TEMPORARY };
    Ok(([(CACHE_CONTROL, "no-store")], Json(licence)).into_response())
}

fn find(opened: &Opened, id: Uuid, kind: KeyKind) -> Option<&ContentKey> {
    opened.locator.keys.iter().find(|key| key.id == id && key.kind == kind)
}

async fn read(request: Request) -> Result<LicenceRequest, StreamError> {
    let body = Limited::new(request.into_body(), LICENCE_REQUEST_BYTES_MAX).collect().await;
    let unreadable =
        || StreamError::bad_request("This is no licence request of W3C Clear Key: {\"kids\":[…]}.");
    let body = body.map_err(|_| unreadable())?.to_bytes();
    serde_json::from_slice(&body).map_err(|_| unreadable())
}

/// A player's token, which is in a header or, where players can set none, in the query.
pub(super) fn presented(request: &Request) -> Option<String> {
    let in_query = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
        .find(|(name, _)| name.eq_ignore_ascii_case("token"))
        .map(|(_, value)| value.strip_prefix("Bearer ").unwrap_or(&value).to_owned());
    tokens::presented(request.headers()).map(str::to_owned).or(in_query)
}

/// Takes a token that one of the policy's options takes. When that cannot be known, the player is told to come again.
async fn admit(
    discovery: &Discovery,
    opened: &Opened,
    key: &ContentKey,
    token: Option<&str>,
) -> Result<(), StreamError> {
    let mut asked_for = Vec::new();
    for restriction in restrictions(opened, key)? {
        match restriction {
            KeyRestriction::Open => return Ok(()),
            KeyRestriction::Token(restriction) if restriction.restriction_token_type == TokenType::Jwt => {
                asked_for.push(restriction);
            }
            // Nothing here can read other tokens; a policy may have been changed since its locator was made.
            KeyRestriction::Token(_) => {}
        }
    }
    let token = token.ok_or_else(|| StreamError::unauthorized("This key is for bearers of a token."))?;
    let now = opened.account.now();
    let mut refusal = StreamError::forbidden("The token is not what the content key policy asks for.");
    for restriction in &asked_for {
        let verifiers = restriction.keys().filter_map(Verifier::of).collect::<Vec<_>>();
        if token::is_taken(token, &verifiers, restriction, key.id, now) {
            return Ok(());
        }
        match discovered(discovery, restriction, token).await {
            Ok(verifiers) if token::is_taken(token, &verifiers, restriction, key.id, now) => {
                return Ok(());
            }
            Ok(_) => {}
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

async fn discovered(
    discovery: &Discovery,
    restriction: &TokenRestriction,
    token: &str,
) -> Result<Vec<Verifier>, StreamError> {
    let Some(document) = &restriction.open_id_connect_discovery_document else { return Ok(Vec::new()) };
    let Some(id) = token::key_id(token) else { return Ok(Vec::new()) };
    let keys = discovery.keys(document, id.as_deref()).await?;
    Ok(keys.into_iter().map(Verifier::rsa).collect())
}

/// What the options ask for by which a key is handed out.
fn restrictions(opened: &Opened, key: &ContentKey) -> Result<Vec<KeyRestriction>, StreamError> {
    let elsewhere = || StreamError::not_found("This key is not delivered here.");
    let policy = key.policy.as_deref().ok_or_else(elsewhere)?;
    let holdings = opened.account.holdings();
    let policy = holdings.publication.content_key_policies.get(&folded(policy)).ok_or_else(elsewhere)?;
    let options = policy.options.iter().filter(|option| option.configuration == KeyConfiguration::ClearKey);
    let restrictions = options.map(|option| option.restriction.clone()).collect::<Vec<_>>();
    if restrictions.is_empty() { Err(elsewhere()) } else { Ok(restrictions) }
}
