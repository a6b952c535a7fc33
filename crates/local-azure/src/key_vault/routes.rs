//! From a request for a secret to its answer ("Set Secret", "Get Secret"). Slashes too many are no matter, as clients send
//! them.

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue, Method, StatusCode, request};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::KeyVault;
use super::error::VaultError;
use super::secrets::{NewSecret, Version};
use crate::body::{self, BodyError};
use crate::tokens::{self, Audience};

/// A value of 25 KiB, escaped, with tags.
const BODY_BYTES_MAX: usize = 256 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
/// Where clients get a token, and for what; the directory is nobody's.
const CHALLENGE: HeaderValue = HeaderValue::from_static(
    "Bearer authorization=\"https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000\", \
     resource=\"https://vault.azure.net\"",
);
/// What vaults have unless told otherwise: deleted secrets can be had back for 90 days.
const RECOVERY: (&str, u32) = ("Recoverable+Purgeable", 90);

type Answer = Result<Response, VaultError>;

/// Answers any request.
pub(super) async fn serve(State(vault): State<KeyVault>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = decide(&vault, &parts, body).await.unwrap_or_else(VaultError::into_response);
    let id = HeaderValue::try_from(vault.settings().ids.guid().to_string()).expect("a GUID is ASCII");
    response.headers_mut().insert(REQUEST_ID, id);
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    response
}

async fn decide(vault: &KeyVault, parts: &request::Parts, body: Body) -> Answer {
    check_bearer(vault, parts)?;
    let query = parts.uri.query().unwrap_or_default();
    let has_version = form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name.eq_ignore_ascii_case("api-version") && !value.is_empty());
    if !has_version {
        return Err(VaultError::bad_parameter("api-version must be specified"));
    }
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let segments = path.split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>();
    match (segments.as_slice(), &parts.method) {
        ([kind, name], &Method::PUT) if is_secrets(kind) => {
            let version = vault.set(name, read(body).await?)?;
            Ok(shown(vault, name, &version))
        }
        ([kind, name], &Method::GET) if is_secrets(kind) => get(vault, name, None),
        ([kind, name, version], &Method::GET) if is_secrets(kind) => get(vault, name, Some(version)),
        ([kind, ..], method) if is_secrets(kind) => {
            let message = format!("The method {method} is not allowed here.");
            Err(VaultError::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message))
        }
        _ => Err(VaultError::new(StatusCode::NOT_FOUND, "NotFound", "The resource was not found.")),
    }
}

fn is_secrets(segment: &str) -> bool {
    segment.eq_ignore_ascii_case("secrets")
}

/// Any token will do, unless authentication is strict.
fn check_bearer(vault: &KeyVault, parts: &request::Parts) -> Result<(), VaultError> {
    let token = tokens::presented(&parts.headers)
        .ok_or_else(|| VaultError::unauthorized("AKV10000: Request is missing a Bearer or PoP token."))?;
    let settings = vault.settings();
    if !settings.strict_auth {
        return Ok(());
    }
    let strict = Some((Audience::KeyVault, settings.clock.now()));
    tokens::check(token, strict).map_err(VaultError::unauthorized)
}

fn get(vault: &KeyVault, name: &str, version: Option<&str>) -> Answer {
    let version = vault.secrets().get(name, version)?;
    Ok(shown(vault, name, &version))
}

/// A version with its value and its attributes. What was never said is left out.
fn shown(vault: &KeyVault, name: &str, version: &Version) -> Response {
    let created = version.created.unix_timestamp();
    let mut attributes = json!({
        "enabled": version.enabled,
        "created": created,
        "updated": created,
        "recoveryLevel": RECOVERY.0,
        "recoverableDays": RECOVERY.1,
    });
    let mut bundle = json!({"value": version.value, "id": vault.secret_id(name, version)});
    let add = |object: &mut Value, member: &str, value: Value| {
        if !value.is_null() {
            object[member] = value;
        }
    };
    add(&mut attributes, "nbf", json!(version.not_before));
    add(&mut attributes, "exp", json!(version.expires));
    add(&mut bundle, "contentType", json!(version.content_type));
    add(&mut bundle, "tags", json!(version.tags));
    bundle["attributes"] = attributes;
    Json(bundle).into_response()
}

async fn read(body: Body) -> Result<NewSecret, VaultError> {
    let body = body::read(body, BODY_BYTES_MAX).await.map_err(|error| match error {
        BodyError::TooLarge => {
            let message = "The request body is too large.";
            VaultError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestBodyTooLarge", message)
        }
        BodyError::TooSlow | BodyError::Broken => {
            VaultError::bad_parameter("The request body did not arrive.")
        }
    })?;
    // The parser's words could quote the value.
    serde_json::from_slice(&body)
        .map_err(|_| VaultError::bad_parameter("Property has invalid value: expected a secret with a value."))
}
