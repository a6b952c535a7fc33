//! Get Blob and Get Blob Properties. Not the list of its blocks.

use std::ops::Range;

use axum::body::Body;
use futures_util::TryStreamExt as _;
use http::{HeaderMap, Response, StatusCode};

use super::authentication::Caller;
use super::blob::{Blob, BlobCopy};
use super::call::Call;
use super::checksum::Checksums;
use super::container::put_stamp;
use super::content::Content;
use super::dates;
use super::error::{self, StorageError};
use super::front_door::{Answer, answer};
use super::headers::{put_header, put_header_if, put_metadata};
use super::path::BlobPath;
use super::storage::Storage;

/// The longest range whose checksum may be asked for ("Get Blob").
const CHECKED_RANGE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Get Blob.
pub async fn get(storage: &Storage, call: &Call, path: &BlobPath) -> Answer {
    let blob = storage.blob(path, call.snapshot())?;
    call.conditions()?.allow_read(blob.stamp)?;
    blob.verify_online()?;
    let bytes = blob.content.bytes();
    let mut response = answer(StatusCode::OK);
    put_properties(&mut response, storage, call, &blob);
    let md5 = blob.headers.content_md5.as_deref();
    let range = match read_range(call)? {
        None => {
            put_header_if(response.headers_mut(), "content-md5", md5);
            0..bytes
        }
        Some(asked) => {
            let range = satisfy(&asked, bytes)?;
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let headers = response.headers_mut();
            put_header(headers, "content-range", &format!("bytes {}-{}/{bytes}", range.start, range.end - 1));
            put_header_if(headers, "x-ms-blob-content-md5", md5);
            put_range_checksum(headers, call, &blob.content, range.clone()).await?;
            range
        }
    };
    put_header(response.headers_mut(), "content-length", &(range.end - range.start).to_string());
    *response.body_mut() = blob.content.body(range);
    Ok(response)
}

/// Get Blob Properties and Get Blob Metadata.
pub fn get_properties(storage: &Storage, call: &Call, path: &BlobPath) -> Answer {
    let blob = storage.blob(path, call.snapshot())?;
    call.conditions()?.allow_read(blob.stamp)?;
    let mut response = answer(StatusCode::OK);
    put_properties(&mut response, storage, call, &blob);
    let headers = response.headers_mut();
    put_header_if(headers, "content-md5", blob.headers.content_md5.as_deref());
    put_tier(headers, &blob);
    if call.query.get("comp").is_none() {
        put_header(headers, "content-length", &blob.content.bytes().to_string());
    }
    Ok(response)
}

fn put_properties(response: &mut Response<Body>, storage: &Storage, call: &Call, blob: &Blob) {
    put_metadata(response, &blob.metadata);
    let headers = response.headers_mut();
    put_stamp(headers, blob.stamp);
    blob.headers.put(headers);
    put_header(headers, "accept-ranges", "bytes");
    put_header(headers, "x-ms-blob-type", "BlockBlob");
    put_header(headers, "x-ms-creation-time", &dates::http_date(blob.created));
    put_header(headers, "x-ms-lease-status", "unlocked");
    put_header(headers, "x-ms-lease-state", "available");
    put_header(headers, "x-ms-server-encrypted", "true");
    if let Some(copy) = &blob.copy {
        put_copy(headers, storage, copy);
    }
    if let Caller::Signed(grant) = &call.caller {
        grant.overrides.iter().for_each(|(name, value)| put_header(headers, name, value));
    }
}

fn put_copy(headers: &mut HeaderMap, storage: &Storage, copy: &BlobCopy) {
    put_header(headers, "x-ms-copy-id", &copy.id);
    put_header(headers, "x-ms-copy-source", &copy.source_url);
    put_header(headers, "x-ms-copy-status", copy.state.as_str());
    put_header(headers, "x-ms-copy-progress", &copy.progress(storage.settings.clock.now()));
    put_header_if(headers, "x-ms-copy-completion-time", copy.ended.map(dates::http_date).as_deref());
    put_header_if(headers, "x-ms-copy-status-description", copy.description.as_deref());
}

fn put_tier(headers: &mut HeaderMap, blob: &Blob) {
    put_header(headers, "x-ms-access-tier", blob.tier().as_str());
    match &blob.tier {
        Some(chosen) => put_header(headers, "x-ms-access-tier-change-time", &dates::http_date(chosen.since)),
        None => put_header(headers, "x-ms-access-tier-inferred", "true"),
    }
    if let Some(rehydrating) = &blob.rehydrating {
        put_header(headers, "x-ms-archive-status", &rehydrating.archive_status());
        put_header(headers, "x-ms-rehydrate-priority", rehydrating.priority.as_str());
    }
}

/// A first byte, and a last one if it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    first: u64,
    last: Option<u64>,
}

/// Reads `x-ms-range`, which must be good, or `Range`, which counts only if it is.
fn read_range(call: &Call) -> Result<Option<Asked>, StorageError> {
    match call.header("x-ms-range") {
        Some(range) => parse_range(range).map(Some).ok_or_else(|| error::invalid_header("x-ms-range")),
        None => Ok(call.header("range").and_then(parse_range)),
    }
}

/// `bytes=0-` and `bytes=0-499`; the service has no ranges that count from the end, nor several at once.
fn parse_range(text: &str) -> Option<Asked> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    let last = if last.is_empty() { None } else { Some(last.parse().ok()?) };
    Some(Asked { first, last }).filter(|asked| asked.last.is_none_or(|last| last >= first))
}

/// What of a range is there: a range may go beyond the end, but not begin there.
fn satisfy(asked: &Asked, bytes: u64) -> Result<Range<u64>, StorageError> {
    if asked.first >= bytes {
        return Err(error::INVALID_RANGE.with_header("content-range", format!("bytes */{bytes}")));
    }
    Ok(asked.first..asked.last.map_or(bytes, |last| last.saturating_add(1).min(bytes)))
}

async fn put_range_checksum(
    headers: &mut HeaderMap,
    call: &Call,
    content: &Content,
    range: Range<u64>,
) -> Result<(), StorageError> {
    let md5 = call.says_true("x-ms-range-get-content-md5");
    let crc64 = call.says_true("x-ms-range-get-content-crc64");
    if !md5 && !crc64 {
        return Ok(());
    }
    if range.end - range.start > CHECKED_RANGE_BYTES_MAX {
        return Err(error::OUT_OF_RANGE_QUERY);
    }
    let mut sums = Checksums::new();
    let mut chunks = std::pin::pin!(content.stream(range));
    while let Some(chunk) = chunks.try_next().await.map_err(|e| error::disk_failed(&e))? {
        sums.update(&chunk);
    }
    put_header_if(headers, "content-md5", md5.then(|| sums.md5()).as_deref());
    put_header_if(headers, "x-ms-content-crc64", crc64.then(|| sums.crc64()).as_deref());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_cut_to_what_is_there() {
        let range = |text: &str, bytes| parse_range(text).map(|asked| satisfy(&asked, bytes).ok());
        assert_eq!(range("bytes=0-499", 1000), Some(Some(0..500)));
        assert_eq!(range("bytes=500-", 1000), Some(Some(500..1000)));
        assert_eq!(range("bytes=999-5000", 1000), Some(Some(999..1000)));
        assert_eq!(range("bytes=1000-", 1000), Some(None));
        assert_eq!(range("bytes=0-", 0), Some(None));
        assert_eq!(range("bytes=4294967296-4294967297", u64::MAX), Some(Some(4_294_967_296..4_294_967_298)));
        assert_eq!(range("bytes=-5", 1000), None);
        assert_eq!(range("bytes=9-5", 1000), None);
        assert_eq!(range("bytes=0-1,4-5", 1000), None);
    }
}
