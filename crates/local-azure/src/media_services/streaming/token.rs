//! Whether a player's token is what a content key policy asks for. Hands out nothing.

use jsonwebtoken::errors::Error;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::media_services::publication::{RequiredClaim, TokenRestriction, VerificationKey};

/// The claim that names the key, which has no value of its own in a policy ("Content key policies").
const KEY_IDENTIFIER: &str = "urn:microsoft:azure:mediaservices:contentkeyidentifier";
/// How far clocks may differ, in seconds: five minutes, as token services commonly allow.
const LEEWAY_S: i64 = 300;

/// Whether a token is signed with one of the restriction's keys, valid now, and has all claims.
pub(super) fn is_taken(token: &str, restriction: &TokenRestriction, key: Uuid, now: OffsetDateTime) -> bool {
    let verified = restriction.keys().find_map(|signing| claims(token, signing, restriction).ok());
    verified.is_some_and(|claims| {
        is_now(&claims, now.unix_timestamp())
            && restriction.required_claims.iter().flatten().all(|claim| has(&claims, claim, key))
    })
}

fn claims(
    token: &str,
    signing: &VerificationKey,
    restriction: &TokenRestriction,
) -> Result<Map<String, Value>, Error> {
    let (key, algorithm) = match signing {
        VerificationKey::Symmetric { key_value } => (DecodingKey::from_secret(key_value), Algorithm::HS256),
        VerificationKey::Rsa { exponent, modulus } => {
            (DecodingKey::from_rsa_raw_components(modulus, exponent), Algorithm::RS256)
        }
        VerificationKey::X509 => return Err(jsonwebtoken::errors::ErrorKind::InvalidKeyFormat.into()),
    };
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[&restriction.issuer]);
    validation.set_audience(&[&restriction.audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    // The time of day is the cloud's, which the library does not know.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    Ok(decode::<Map<String, Value>>(token, &key, &validation)?.claims)
}

fn is_now(claims: &Map<String, Value>, now: i64) -> bool {
    let time = |name: &str| claims.get(name).map(|value| value.as_f64().map(|seconds| seconds as i64));
    let expires = time("exp").flatten();
    let is_begun = time("nbf").is_none_or(|begins| begins.is_some_and(|begins| begins <= now + LEEWAY_S));
    expires.is_some_and(|expires| expires.saturating_add(LEEWAY_S) > now) && is_begun
}

fn has(claims: &Map<String, Value>, required: &RequiredClaim, key: Uuid) -> bool {
    let Some(value) = claims.get(&required.claim_type) else { return false };
    let key = key.to_string();
    let wanted = match &required.claim_value {
        None if required.claim_type == KEY_IDENTIFIER => Some(key.as_str()),
        wanted => wanted.as_deref(),
    };
    let is = |value: &Value, wanted: &str| match value {
        Value::String(text) => text == wanted,
        Value::Bool(value) => wanted == if *value { "true" } else { "false" },
        Value::Number(value) => value.to_string() == wanted,
        _ => false,
    };
    match (wanted, value) {
        (None, _) => true,
        (Some(wanted), Value::Array(values)) => values.iter().any(|value| is(value, wanted)),
        (Some(wanted), value) => is(value, wanted),
    }
}
