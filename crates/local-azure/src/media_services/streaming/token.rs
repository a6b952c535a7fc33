//! Whether a player's token is what a content key policy asks for. Hands out nothing.

use jsonwebtoken::errors::Error;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::media_services::publication::{RequiredClaim, TokenRestriction, VerificationKey};

/// The claim that names the key, which has no value of its own in a policy ("Content key policies").
const KEY_IDENTIFIER: &str = "urn:microsoft:azure:mediaservices:contentkeyidentifier";
/// How far clocks may differ, in seconds: five minutes, as token services commonly allow.
const LEEWAY_S: i64 = 300;

/// What a signature is verified with: only ever by the algorithm that belongs to the key.
pub(super) struct Verifier {
    key: DecodingKey,
    algorithm: Algorithm,
}

impl Verifier {
    /// A key of a content key policy, if it is of a kind that is checked here.
    pub fn of(key: &VerificationKey) -> Option<Self> {
        match key {
            VerificationKey::Symmetric { key_value } => {
                Some(Self { key: DecodingKey::from_secret(key_value), algorithm: Algorithm::HS256 })
            }
            VerificationKey::Rsa { exponent, modulus } => {
                Some(Self::rsa(DecodingKey::from_rsa_raw_components(modulus, exponent)))
            }
            VerificationKey::X509 => None,
        }
    }

    /// A token service's key.
    pub fn rsa(key: DecodingKey) -> Self {
        Self { key, algorithm: Algorithm::RS256 }
    }
}

/// The id of the key that has signed a token, if it names one; nothing when that is no RSA key, or the token none.
pub(super) fn key_id(token: &str) -> Option<Option<String>> {
    let header = decode_header(token).ok().filter(|header| header.alg == Algorithm::RS256)?;
    Some(header.kid)
}

/// Whether a token is signed with one of these keys, valid now, and has all claims of the restriction.
pub(super) fn is_taken(
    token: &str,
    verifiers: &[Verifier],
    restriction: &TokenRestriction,
    key: Uuid,
    now: OffsetDateTime,
) -> bool {
    let verified = verifiers.iter().find_map(|verifier| claims(token, verifier, restriction).ok());
    verified.is_some_and(|claims| {
        is_now(&claims, now.unix_timestamp())
            && restriction.required_claims.iter().flatten().all(|claim| has(&claims, claim, key))
    })
}

fn claims(
    token: &str,
    verifier: &Verifier,
    restriction: &TokenRestriction,
) -> Result<Map<String, Value>, Error> {
    let mut validation = Validation::new(verifier.algorithm);
    validation.set_issuer(&[&restriction.issuer]);
    validation.set_audience(&[&restriction.audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    // The time of day is the cloud's, which the library does not know.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    Ok(decode::<Map<String, Value>>(token, &verifier.key, &validation)?.claims)
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
