//! Bearer tokens: whether they look like tokens for Azure Storage. Not whether anyone vouches for them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::StorageError;
use crate::blob_storage::error;
use crate::blob_storage::storage::Storage;

/// The audience of a token for any storage account, with or without a final slash.
const AUDIENCE: &str = "https://storage.azure.com";
/// The largest difference between two clocks that Entra ID's libraries forgive.
const SKEW_SECONDS: i64 = 300;
/// Who a token without object or tenant id stands for.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// Who a token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub object_id: String,
    pub tenant_id: String,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    aud: Option<String>,
    #[serde(default)]
    exp: Option<i64>,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    oid: Option<String>,
    #[serde(default)]
    tid: Option<String>,
}

/// Reads a token and, when the service is strict, verifies time and audience.
pub fn verify(storage: &Storage, token: &str) -> Result<Identity, StorageError> {
    let claims = read_claims(token).ok_or(error::INVALID_TOKEN)?;
    if storage.settings.strict_auth {
        verify_claims(&claims, storage.settings.clock.now().unix_timestamp())?;
    }
    let or_nobody = |id: Option<String>| id.unwrap_or_else(|| NOBODY.to_owned());
    Ok(Identity { object_id: or_nobody(claims.oid), tenant_id: or_nobody(claims.tid) })
}

/// Verifies the value of a header that holds `Bearer` and a token.
pub fn read_token(storage: &Storage, authorization: &str) -> Result<Identity, StorageError> {
    let token = authorization.strip_prefix("Bearer ").ok_or(error::INVALID_AUTHENTICATION_INFO)?;
    verify(storage, token.trim())
}

/// Header, claims and signature, each in Base64, the first two JSON objects.
fn read_claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let (header, claims, _signature) = (parts.next()??, parts.next()??, parts.next()??);
    let well_formed = parts.next().is_none()
        && serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&header).is_ok();
    serde_json::from_slice(&claims).ok().filter(|_| well_formed)
}

fn verify_claims(claims: &Claims, now: i64) -> Result<(), StorageError> {
    let in_time = claims.exp.is_some_and(|exp| now < exp.saturating_add(SKEW_SECONDS))
        && claims.nbf.is_none_or(|nbf| now >= nbf.saturating_sub(SKEW_SECONDS));
    if !in_time {
        return Err(error::INVALID_TOKEN.with("AuthenticationErrorDetail", "Lifetime validation failed."));
    }
    match claims.aud.as_deref().map(|audience| audience.trim_end_matches('/')) {
        Some(AUDIENCE) => Ok(()),
        _ => Err(error::INVALID_TOKEN.with("AuthenticationErrorDetail", "Audience validation failed.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims),
            URL_SAFE_NO_PAD.encode("s")
        )
    }

    #[test]
    fn a_token_has_three_parts_and_two_of_them_are_objects() {
        assert!(read_claims(&token("{}", "{}")).is_some());
        assert!(read_claims(&token("7", "{}")).is_none());
        assert!(read_claims(&token("{}", "[]x")).is_none());
        assert!(read_claims("e30.e30").is_none());
        assert!(read_claims("e30.e30.cw.cw").is_none());
    }

    #[test]
    fn a_strict_service_wants_a_token_in_time_and_for_storage() {
        let verify =
            |claims: &str| verify_claims(&read_claims(&token("{}", claims)).unwrap(), 10_000).is_ok();
        assert!(verify(r#"{"aud":"https://storage.azure.com","exp":10001}"#));
        assert!(verify(r#"{"aud":"https://storage.azure.com/","exp":10001,"nbf":10000}"#));
        assert!(verify(r#"{"aud":"https://storage.azure.com","exp":9701}"#));
        assert!(!verify(r#"{"aud":"https://storage.azure.com","exp":9700}"#));
        assert!(!verify(r#"{"aud":"https://storage.azure.com","exp":10001,"nbf":10301}"#));
        assert!(!verify(r#"{"aud":"https://management.azure.com","exp":10001}"#));
        assert!(!verify(r#"{"aud":"https://storage.azure.com"}"#));
    }
}
