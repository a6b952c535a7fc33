//! Entra's bearer tokens as deliveries carry them. Those that callers present are looked at elsewhere.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::clock::Clock;

/// Event Grid's first-party application in the public cloud (Secure webhook delivery with Microsoft Entra ID).
const EVENT_GRID_APPLICATION: &str = "4962773b-9cdb-44cf-a8bf-237846a00ab7";
/// The role a protected endpoint looks for (same page).
const SUBSCRIBER_ROLE: &str = "AzureEventGridSecureWebhookSubscriber";
/// Entra's application tokens live a little over an hour.
const LIFETIME: Duration = Duration::minutes(65);
/// A token is replaced while it is still good for as long as a slow delivery.
const RENEWAL: Duration = Duration::minutes(5);

/// Makes the compact JWT of a delivery from its claims.
pub type TokenMaker = Arc<dyn Fn(&Value) -> String + Send + Sync>;

/// A well-formed JWT that says itself that nobody signed it (`alg` is `none`).
#[must_use]
pub fn unsigned_token(claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}.", part(&json!({"typ": "JWT", "alg": "none"})), part(claims))
}

/// The token of one Entra-protected subscription, renewed before it expires.
#[derive(Debug)]
pub(super) struct DeliveryToken {
    tenant: String,
    audience: String,
    current: Mutex<Option<(OffsetDateTime, HeaderValue)>>,
}

impl DeliveryToken {
    pub fn new(tenant: String, audience: String) -> Self {
        Self { tenant, audience, current: Mutex::default() }
    }

    /// The `Authorization` header's value. A maker that makes something no header can hold gives none.
    pub fn header(&self, clock: &Clock, maker: &TokenMaker) -> Option<HeaderValue> {
        let now = clock.now();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, header)) = current.as_ref().filter(|(expires, _)| *expires - now > RENEWAL) {
            return Some(header.clone());
        }
        let expires = now + LIFETIME;
        let token = maker(&self.claims(now, expires));
        let mut header = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        header.set_sensitive(true);
        *current = Some((expires, header.clone()));
        Some(header)
    }

    /// The shape of a version 1 token, which is what was seen on real deliveries.
    fn claims(&self, now: OffsetDateTime, expires: OffsetDateTime) -> Value {
        let issuer = format!("https://sts.windows.net/{}/", self.tenant);
        let principal = format!("{issuer}{EVENT_GRID_APPLICATION}");
        let principal = Uuid::new_v5(&Uuid::NAMESPACE_URL, principal.as_bytes()).to_string();
        json!({
            "aud": self.audience,
            "iss": issuer,
            "iat": now.unix_timestamp(),
            "nbf": now.unix_timestamp(),
            "exp": expires.unix_timestamp(),
            "appid": EVENT_GRID_APPLICATION,
            "appidacr": "2",
            "idp": issuer,
            "oid": principal,
            "roles": [SUBSCRIBER_ROLE],
            "sub": principal,
            "tid": self.tenant,
            "ver": "1.0",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_delivery_token_is_kept_until_it_nears_its_end() {
        let clock = Clock::starting_at(OffsetDateTime::UNIX_EPOCH);
        let maker: TokenMaker = Arc::new(unsigned_token);
        let token = DeliveryToken::new("tenant".to_owned(), "api://app".to_owned());
        let first = token.header(&clock, &maker);
        tokio::time::advance(std::time::Duration::from_secs(59 * 60)).await;
        assert_eq!(token.header(&clock, &maker), first);
        tokio::time::advance(std::time::Duration::from_secs(60)).await;
        assert_ne!(token.header(&clock, &maker), first);
    }
}
