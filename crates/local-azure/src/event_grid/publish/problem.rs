//! How the publish side refuses, as measured against real topics. Not how the management side does.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::header::ALLOW;
use http::{HeaderValue, StatusCode};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::event_grid::InputSchema;
use crate::event_grid::timestamp;

/// What a topic answers to other verbs than POST and OPTIONS.
pub(crate) const ALLOWED: HeaderValue = HeaderValue::from_static("POST,OPTIONS");

/// A refused publish request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    /// The code of the one detail; `error.code` is the name of the status.
    detail: &'static str,
    message: String,
}

impl Problem {
    /// 400: the body is not what the topic's schema wants.
    pub fn not_conforming(schema: InputSchema, why: &str) -> Self {
        let name = schema.wire_name();
        Self::invalid_json(format!(
            "This resource is configured to receive event in '{name}' schema. The JSON received does not conform to \
             the expected schema.{space}{why}",
            space = if why.is_empty() { "" } else { " " },
        ))
    }

    /// 400: a member is missing or empty. Real topics name one member only.
    pub fn requires(schema: InputSchema, member: &str) -> Self {
        let name = schema.wire_name();
        Self::invalid_json(format!(
            "This resource is configured for '{name}' schema and requires '{member}' property to be set."
        ))
    }

    /// 400: a member is there but cannot be used.
    pub fn invalid_member(schema: InputSchema, member: &str, wanted: &str) -> Self {
        let name = schema.wire_name();
        Self::invalid_json(format!(
            "This resource is configured for '{name}' schema and requires '{member}' property to be {wanted}."
        ))
    }

    fn invalid_json(message: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, detail: "InputJsonInvalid", message }
    }

    /// 400: a `ce-` header of a binary CloudEvent is missing or empty.
    pub fn cloud_event_header(header: &str, fault: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            detail: "InvalidCloudEventHeader",
            message: format!(
                "{header} header is {fault} for the cloud event. Please check required attributes at \
                 https://github.com/cloudevents/spec/blob/v1.0/spec.md#required-attributes"
            ),
        }
    }

    /// 400: an access key that is no text at all.
    pub fn empty_key() -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            detail: "InvalidSas",
            message: "The aeg-sas-key header or query parameter is empty.".to_owned(),
        }
    }

    /// 401: who are you, or: this is not your topic.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, detail: "Unauthorized", message: message.into() }
    }

    /// 404: no such path or topic.
    pub fn not_found(uri: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            detail: "ResourceNotFound",
            message: format!("No HTTP resource was found that matches the request URI '{uri}'."),
        }
    }

    /// 405: topics know POST and OPTIONS.
    pub fn method_not_allowed(method: &http::Method) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            detail: "MethodNotAllowed",
            message: format!("The requested resource does not support http method '{method}'."),
        }
    }

    /// 408: the body stopped arriving.
    pub fn body_too_slow() -> Self {
        Self {
            status: StatusCode::REQUEST_TIMEOUT,
            detail: "RequestTimeout",
            message: "The request body did not arrive in time.".to_owned(),
        }
    }

    /// 413: the only refusal without the support hint.
    pub fn too_large(bytes_max: usize) -> Self {
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            detail: "PayloadTooLarge",
            message: format!("The maximum size ({bytes_max}) has been exceeded."),
        }
    }

    /// 413 as well: the documented number of events in a batch.
    pub fn too_many(events_max: usize) -> Self {
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            detail: "PayloadTooLarge",
            message: format!("The maximum number of events per request ({events_max}) has been exceeded."),
        }
    }

    /// 415: a CloudEvents topic and a content type that says nothing of CloudEvents.
    pub fn content_type() -> Self {
        Self {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            detail: "InvalidContentType",
            message: "The Content-Type header is either missing or it doesn't have a valid value. The content type \
                      header must either be application/cloudevents+json; charset=utf-8 or \
                      application/cloudevents-batch+json; charset=UTF-8."
                .to_owned(),
        }
    }

    /// The answer: `error.message` equals the detail's and ends with a hint that names the request, except on 413.
    pub fn into_response(self, request_id: Uuid, now: OffsetDateTime) -> Response {
        let message = match self.status {
            StatusCode::PAYLOAD_TOO_LARGE => self.message,
            _ => format!(
                "{} Report '{request_id}:1:{} (UTC)' to our forums for assistance or raise a support ticket.",
                self.message,
                timestamp::us_culture(now)
            ),
        };
        let details = [json!({"code": self.detail, "message": message})];
        let error = json!({"code": status_name(self.status), "message": message, "details": details});
        let mut response = (self.status, Json(json!({"error": error}))).into_response();
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, ALLOWED);
        }
        response
    }
}

/// .NET's name of the status, which real topics put where the documentation promises its number.
fn status_name(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "BadRequest",
        StatusCode::UNAUTHORIZED => "Unauthorized",
        StatusCode::NOT_FOUND => "NotFound",
        StatusCode::METHOD_NOT_ALLOWED => "MethodNotAllowed",
        StatusCode::REQUEST_TIMEOUT => "RequestTimeout",
        StatusCode::PAYLOAD_TOO_LARGE => "RequestEntityTooLarge",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "UnsupportedMediaType",
        _ => "InternalServerError",
    }
}
