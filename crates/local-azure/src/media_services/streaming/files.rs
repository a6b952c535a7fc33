//! Sends files: whole, in ranges, or not at all when the caller has them. Not which file.

use std::path::Path;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, StatusCode};
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use super::error::StreamError;

/// Answers a GET or HEAD with a file, which is the same as long as its tag is.
pub(super) async fn send(
    mut request: Request,
    file: &Path,
    content_type: &'static str,
    tag: Option<HeaderValue>,
) -> Result<Response, StreamError> {
    if let Some(tag) = tag.as_ref().filter(|tag| is_known(request.headers(), tag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag.clone())]).into_response());
    }
    // A part of what has changed would be put beside parts of what was.
    if request.headers().get(IF_RANGE).is_some_and(|known| tag.as_ref() != Some(known)) {
        request.headers_mut().remove(RANGE);
    }
    let answered = ServeFile::new(file).oneshot(request).await;
    let mut response = answered.unwrap_or_else(|never| match never {}).map(Body::new);
    match response.status() {
        // Only a file that went in between is missing here.
        StatusCode::NOT_FOUND => return Err(StreamError::unavailable("The file is being made again.")),
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => {}
        _ => return Ok(response),
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().extend(tag.map(|tag| (ETAG, tag)));
    Ok(response)
}

fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let known =
        headers.get_all(IF_NONE_MATCH).iter().flat_map(|known| known.as_bytes().split(|byte| *byte == b','));
    known.map(<[u8]>::trim_ascii).any(|known| known == tag.as_bytes() || known == b"*")
}
