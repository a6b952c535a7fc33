//! Refusals as Key Vault words them: `{"error":{"code","message","innererror"}}`. Not when they are due.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

/// A refusal.
#[derive(Clone, Debug)]
pub(super) struct VaultError {
    pub status: StatusCode,
    code: &'static str,
    message: String,
    inner_code: Option<&'static str>,
}

impl VaultError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), inner_code: None }
    }

    pub fn bad_parameter(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadParameter", message)
    }

    pub fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message)
    }

    pub fn not_found(secret: &str) -> Self {
        let message = format!(
            "A secret with (name/id) {secret} was not found in this key vault. If you recently deleted this secret you \
             may be able to recover it using the correct recovery command."
        );
        Self::new(StatusCode::NOT_FOUND, "SecretNotFound", message)
    }

    pub fn disabled() -> Self {
        let message = "Operation get is not allowed on a disabled secret.";
        Self { inner_code: Some("SecretDisabled"), ..Self::new(StatusCode::FORBIDDEN, "Forbidden", message) }
    }
}

impl IntoResponse for VaultError {
    fn into_response(self) -> Response {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(inner) = self.inner_code {
            error["innererror"] = json!({"code": inner});
        }
        (self.status, Json(json!({"error": error}))).into_response()
    }
}
