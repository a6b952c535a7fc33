//! Bearer tokens that callers present: whether they are there, and what they say of themselves. Nothing here verifies a
//! signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::Value;
use time::OffsetDateTime;

/// Whom a presented token is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Publishing.
    EventGrid,
    /// Managing resources.
    ResourceManager,
    /// Reading and writing secrets.
    KeyVault,
}

impl Audience {
    fn takes(self, audience: &str) -> bool {
        let audience = audience.trim_end_matches('/');
        match self {
            Self::EventGrid => audience == "https://eventgrid.azure.net",
            Self::ResourceManager => {
                audience == "https://management.azure.com"
                    || audience == "https://management.core.windows.net"
            }
            Self::KeyVault => audience == "https://vault.azure.net",
        }
    }
}

/// The token of an `Authorization: Bearer …`, if there is one.
pub(crate) fn presented(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
}

/// Whether a text is a JWT and, when asked, for this audience and valid now.
pub(crate) fn check(token: &str, strict: Option<(Audience, OffsetDateTime)>) -> Result<(), &'static str> {
    let claims = claims(token).ok_or("The bearer token cannot be read.")?;
    let Some((audience, now)) = strict else { return Ok(()) };
    let now = now.unix_timestamp();
    if !claims["aud"].as_str().is_some_and(|named| audience.takes(named)) {
        return Err("The bearer token is for another audience.");
    }
    if claims["exp"].as_i64().is_none_or(|expires| expires <= now) {
        return Err("The bearer token has expired.");
    }
    match claims["nbf"].as_i64() {
        Some(begins) if begins > now => Err("The bearer token is not valid yet."),
        _ => Ok(()),
    }
}

fn claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let mut json = || {
        let part = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        serde_json::from_slice::<Value>(&part).ok().filter(Value::is_object)
    };
    let (_header, claims) = (json()?, json()?);
    let _signature = parts.next()?;
    parts.next().is_none().then_some(claims)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event_grid::unsigned_token;

    #[test]
    fn only_a_jwt_is_a_bearer_token() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let token = |claims: &Value| unsigned_token(claims);
        assert_eq!(check(&token(&json!({})), None), Ok(()));
        for text in ["", "a.b.c", "e30.e30", "e30.e30.x.y", "MQ.MQ."] {
            assert!(check(text, None).is_err(), "{text}");
        }
        let strict = Some((Audience::EventGrid, now));
        let good = json!({"aud": "https://eventgrid.azure.net", "exp": 10});
        assert_eq!(check(&token(&good), strict), Ok(()));
        for bad in [
            json!({"exp": 10}),
            json!({"aud": "https://eventgrid.azure.net"}),
            json!({"aud": "https://eventgrid.azure.net", "exp": 0}),
            json!({"aud": "https://management.azure.com", "exp": 10}),
            json!({"aud": "https://eventgrid.azure.net", "exp": 10, "nbf": 5}),
        ] {
            assert!(check(&token(&bad), strict).is_err(), "{bad}");
        }
    }
}
