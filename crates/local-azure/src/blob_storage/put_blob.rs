//! Put Blob and Put Blob From URL: a whole blob in one request. Not blocks.

use axum::body::Body;
use http::{Response, StatusCode};
use http_body_util::BodyDataStream;

use super::blob::Blob;
use super::call::Call;
use super::container::put_stamp;
use super::copy_source;
use super::error::{self, StorageError};
use super::events::Api;
use super::front_door::{Answer, answer};
use super::headers::{ContentHeaders, put_header};
use super::path::BlobPath;
use super::storage::{Draft, Storage};

/// The longest body of Put Blob ("Put Blob", versions since 2019-12-12), and the longest source of Put Blob From URL.
const BODY_BYTES_MAX: u64 = 5000 * 1024 * 1024;

/// Put Blob.
pub async fn put(storage: &Storage, call: &Call, path: &BlobPath, body: &mut Body) -> Answer {
    let bytes = call.body_bytes(body)?;
    if bytes > BODY_BYTES_MAX {
        return Err(error::REQUEST_BODY_TOO_LARGE);
    }
    let headers = ContentHeaders::read_upload(&call.headers);
    let (metadata, tier, terms) = (call.metadata()?, call.tier()?, call.terms()?);
    let received = storage.shelf.receive(BodyDataStream::new(body), bytes, BODY_BYTES_MAX).await?;
    // The blob's own MD5 header counts more than the request's.
    let md5 = headers.content_md5.as_deref().or(call.header("content-md5"));
    received.sums.verify(md5, call.header("x-ms-content-crc64"))?;
    let (md5, crc64) = (received.sums.md5(), received.sums.crc64());
    let headers = ContentHeaders { content_md5: Some(md5.clone()), ..headers };
    let content = received.part.into_iter().collect();
    let draft = Draft { content, headers, metadata, tier, ..Draft::default() };
    let blob = storage.put(path, &terms, |_| Ok(draft)).await?;
    storage.raise_created(path, &blob, Api::PutBlob, &call.origin);
    let mut response = created(&blob);
    put_header(response.headers_mut(), "content-md5", &md5);
    put_header(response.headers_mut(), "x-ms-content-crc64", &crc64);
    Ok(response)
}

/// Put Blob From URL. Content headers come from the source unless the caller says otherwise; metadata never does.
pub async fn put_from_url(storage: &Storage, call: &Call, path: &BlobPath) -> Answer {
    let source = copy_source::open(storage, call)?;
    source.blob.verify_online()?;
    if source.blob.content.bytes() > BODY_BYTES_MAX {
        return Err(error::INVALID_INPUT);
    }
    let given = ContentHeaders::read(&call.headers);
    let headers = match call.header("x-ms-copy-source-blob-properties") {
        Some(copies) if copies.eq_ignore_ascii_case("false") => given,
        _ => given.or(&source.blob.headers),
    };
    verify_source_md5(call, &source.blob)?;
    let (content, metadata) = (source.blob.content.clone(), call.metadata()?);
    let draft = Draft { content, headers, metadata, tier: call.tier()?, ..Draft::default() };
    let blob = storage.put(path, &call.terms()?, |_| Ok(draft)).await?;
    storage.raise_created(path, &blob, Api::PutBlob, &call.origin);
    Ok(created(&blob))
}

/// A source whose MD5 is known must have the one the caller expects.
fn verify_source_md5(call: &Call, source: &Blob) -> Result<(), StorageError> {
    let expected = call.header("x-ms-source-content-md5");
    match (expected, source.headers.content_md5.as_deref()) {
        (Some(expected), Some(md5)) if expected != md5 => Err(error::MD5_MISMATCH),
        _ => Ok(()),
    }
}

/// 201 with the state of what was made.
pub fn created(blob: &Blob) -> Response<Body> {
    let mut response = answer(StatusCode::CREATED);
    put_stamp(response.headers_mut(), blob.stamp);
    put_header(response.headers_mut(), "x-ms-request-server-encrypted", "true");
    response
}
