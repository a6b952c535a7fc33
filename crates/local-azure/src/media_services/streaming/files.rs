//! Sends files: whole, in ranges, or not at all when the caller has them. Not which file.

use std::path::Path;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use super::error::StreamError;

/// Answers a GET or HEAD with a file; its name's extension says its type unless one is given.
pub(super) async fn send(
    request: Request,
    file: &Path,
    content_type: Option<&'static str>,
) -> Result<Response, StreamError> {
    let answered = ServeFile::new(file).oneshot(request).await;
    let mut response = answered.unwrap_or_else(|never| match never {}).map(Body::new);
    match response.status() {
        // Only a file that went in between is missing here.
        StatusCode::NOT_FOUND => return Err(StreamError::unavailable("The file is being made again.")),
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => {}
        _ => return Ok(response),
    }
    if let Some(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    Ok(response)
}
