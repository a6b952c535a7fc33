//! Who may call: bearer tokens, and the endpoint that gives them out for an API key. Not Entra ID: no directory is asked.
//!
//! The token endpoint is the one that Ravnur Media Services, a successor that kept the dialect, puts beside it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use time::Duration;

use crate::arm::ArmError;
use crate::clock::Clock;
use crate::ids::development_key;
use crate::tokens;

/// As long as an Entra ID access token commonly lives.
const TOKEN_LIFE: Duration = Duration::hours(1);
const TOKEN_HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// Decides who may call.
#[derive(Clone)]
pub(super) struct Admission {
    clock: Clock,
    subscription: String,
    strict: bool,
}

/// What `POST /auth/token` is sent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenRequest {
    subscription_id: String,
    api_key: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
}

impl Admission {
    pub fn new(clock: Clock, subscription: String, strict: bool) -> Self {
        Self { clock, subscription, strict }
    }

    pub fn api_key(&self) -> String {
        development_key(&self.subscription, "media-services-api-key")
    }

    /// Lets a request with a bearer token through.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), ArmError> {
        let token = tokens::presented(headers).ok_or_else(|| {
            unauthorized(
                "AuthenticationFailed",
                "The 'Authorization' header is missing or is not a bearer token.",
            )
        })?;
        if self.strict && !self.gave_out(token) {
            return Err(unauthorized(
                "InvalidAuthenticationToken",
                "The access token is invalid or has expired.",
            ));
        }
        Ok(())
    }

    /// A token for whoever knows the API key.
    pub fn token(&self, request: &TokenRequest) -> Result<String, ArmError> {
        let known = request.subscription_id.eq_ignore_ascii_case(&self.subscription)
            && request.api_key == self.api_key();
        if !known {
            return Err(unauthorized("AuthenticationFailed", "The subscription or the API key is wrong."));
        }
        let expires = self.clock.now() + TOKEN_LIFE;
        let claims = Claims { sub: self.subscription.clone(), exp: expires.unix_timestamp() };
        let claims = serde_json::to_vec(&claims).expect("two plain members always become JSON");
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(TOKEN_HEADER), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.mac(&signed).finalize().into_bytes());
        Ok(format!("{signed}.{signature}"))
    }

    fn gave_out(&self, token: &str) -> bool {
        let Some((signed, signature)) = token.rsplit_once('.') else { return false };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        if self.mac(signed).verify_slice(&signature).is_err() {
            return false;
        }
        let claims = signed.split_once('.').and_then(|(_, claims)| URL_SAFE_NO_PAD.decode(claims).ok());
        let claims = claims.and_then(|claims| serde_json::from_slice::<Claims>(&claims).ok());
        claims.is_some_and(|claims| claims.exp > self.clock.now().unix_timestamp())
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(self.api_key().as_bytes()).expect("HMAC takes keys of any length");
        mac.update(text.as_bytes());
        mac
    }
}

fn unauthorized(code: &'static str, message: &str) -> ArmError {
    ArmError::new(StatusCode::UNAUTHORIZED, code, message)
}
