//! Why something is not streamed, for players and for the people who look at them.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use crate::inside::BlobFileError;
use crate::media_services::jobs::{JobError, JobErrorCode};

/// How long to wait before asking again, in seconds.
const RETRY_AFTER_S: u32 = 5;

/// A refusal: a status and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StreamError {
    status: StatusCode,
    message: String,
}

impl StreamError {
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    /// No token, or none that holds.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, message: message.into() }
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, message: message.into() }
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.into() }
    }

    /// Not now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message: message.into() }
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, message: message.into() }
    }

    /// Media that cannot be packaged.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, message: message.into() }
    }
}

impl From<JobError> for StreamError {
    fn from(error: JobError) -> Self {
        let message = format!("{:?}: {}", error.code, error.message);
        match error.code {
            JobErrorCode::ContentMalformed
            | JobErrorCode::ContentUnsupported
            | JobErrorCode::ConfigurationUnsupported => Self::unprocessable(message),
            JobErrorCode::DownloadNotAccessible => Self::not_found(message),
            JobErrorCode::ServiceTransientError | JobErrorCode::DownloadTransientError => {
                Self::unavailable(message)
            }
            JobErrorCode::ServiceError
            | JobErrorCode::UploadNotAccessible
            | JobErrorCode::UploadTransientError => Self::internal(message),
        }
    }
}

impl From<BlobFileError> for StreamError {
    fn from(error: BlobFileError) -> Self {
        match error {
            BlobFileError::NotFound(_) => Self::not_found("The file is not in the asset."),
            BlobFileError::Unreadable(..) => {
                Self::forbidden("The file cannot be read now; it may be archived.")
            }
            BlobFileError::Failed(_) => Self::unavailable("The storage of the asset does not answer."),
        }
    }
}

impl From<std::io::Error> for StreamError {
    fn from(error: std::io::Error) -> Self {
        Self::internal(format!("The origin cannot use its disk: {}.", error.kind()))
    }
}

impl IntoResponse for StreamError {
    fn into_response(self) -> Response {
        let mut response = (self.status, format!("{}\n", self.message)).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
