//! What Azure Resource Manager's services have in common: resource ids and error bodies. No service of its own.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

/// An error as Azure Resource Manager words it: `{"error":{"code","message","details":[]}}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ArmError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The provider's word for it, for example `ResourceNotFound`.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl ArmError {
    /// A refusal with the provider's word and a sentence.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// 404, naming what is not there.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFound", format!("The resource '{what}' was not found."))
    }

    /// 400, saying what was wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }
}

impl IntoResponse for ArmError {
    fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code, "message": self.message, "details": []}});
        (self.status, Json(body)).into_response()
    }
}

/// The ARM id of a resource, for example `/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a`.
#[must_use]
pub fn resource_id(subscription: &str, group: &str, kind: &str, name: &str) -> String {
    format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/{name}")
}
