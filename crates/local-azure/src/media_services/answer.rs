//! How requests are read and answers written, for every resource alike. No resource of its own.

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};

use crate::arm::ArmError;

/// The largest body: 20 outputs with large presets and 48 KiB of correlation data are a small part of it.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// A request that has been read.
pub(super) struct Call {
    pub method: Method,
    pub query: Vec<(String, String)>,
    pub body: Bytes,
}

/// An answer, or why there is none.
pub(super) type Answer = Result<Response, Refusal>;

/// An ARM error, and the header that belongs to some of them.
pub(super) struct Refusal {
    error: ArmError,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Call {
    pub async fn read(request: Request) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default();
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|_| {
            let message = format!("The body cannot be read, or has more than {BODY_BYTES_MAX} bytes.");
            ArmError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
        })?;
        Ok(Self { method: parts.method, query, body: body.to_bytes() })
    }

    /// A parameter of the query; names are compared as ARM does, without case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut matching = self.query.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
        matching.next().map(|(_, value)| value.as_str())
    }

    /// The body as a type; the refusal names the member that does not fit.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ArmError> {
        let mut reader = serde_json::Deserializer::from_slice(&self.body);
        let body = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let (member, problem) = (error.path().to_string(), without_values(&error.inner().to_string()));
            ArmError::bad_request(format!("The body is invalid at '{member}': {problem}."))
        })?;
        reader.end().map_err(|_| ArmError::bad_request("The body has something behind its end."))?;
        Ok(body)
    }
}

/// A complaint without the value it is about, which may be a signed URL: values stand between double quotes.
fn without_values(problem: &str) -> String {
    match (problem.find('"'), problem.rfind('"')) {
        (Some(first), Some(last)) if first < last => format!("{}…{}", &problem[..=first], &problem[last..]),
        _ => problem.to_owned(),
    }
}

/// What a request's body holds: the envelope's other members are the service's to say.
#[derive(serde::Deserialize)]
pub(super) struct Incoming<P> {
    pub properties: P,
}

/// Reads a member of a PATCH: absent leaves as it is (`None`), `null` removes (`Some(None)`).
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

pub(super) fn answer(status: StatusCode, body: impl Serialize) -> Answer {
    Ok((status, Json(body)).into_response())
}

pub(super) fn answer_empty(status: StatusCode) -> Answer {
    Ok(status.into_response())
}

pub(super) fn conflict(message: impl Into<String>) -> ArmError {
    ArmError::new(StatusCode::CONFLICT, "Conflict", message)
}

impl Refusal {
    /// 405, with what would be allowed.
    pub fn method(allowed: &'static str) -> Self {
        let message = format!("The requested resource supports only {allowed}.");
        let error = ArmError::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
        Self { error, header: Some((ALLOW, HeaderValue::from_static(allowed))) }
    }

    /// 429, with the seconds to wait.
    pub fn throttled(message: &str, retry_after_s: u32) -> Self {
        let error = ArmError::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message);
        Self { error, header: Some((RETRY_AFTER, HeaderValue::from(retry_after_s))) }
    }
}

impl From<ArmError> for Refusal {
    fn from(error: ArmError) -> Self {
        let challenge = HeaderValue::from_static("Bearer");
        let header = (error.status == StatusCode::UNAUTHORIZED).then_some((WWW_AUTHENTICATE, challenge));
        Self { error, header }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.error.into_response();
        response.headers_mut().extend(self.header);
        response
    }
}
