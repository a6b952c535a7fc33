//! Copy Blob, Copy Blob From URL and Abort Copy Blob. Not what happens while a copy takes its time.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Response, StatusCode};

use super::blob::{Blob, BlobCopy, CopySource, CopyState, Priority, Tier};
use super::call::Call;
use super::container::put_stamp;
use super::copy_source::{self, Source};
use super::copying::NextCopy;
use super::error::{self, StorageError};
use super::events::Api;
use super::front_door::{Answer, answer};
use super::headers::{ContentHeaders, put_header};
use super::path::BlobPath;
use super::storage::{Draft, Storage};

/// The longest source of Copy Blob From URL.
const AT_ONCE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Copy Blob: answers at once and copies in time.
pub async fn start(storage: &Arc<Storage>, call: &Call, path: &BlobPath) -> Answer {
    let source = copy_source::open(storage, call)?;
    let tier = call.tier()?;
    let duration = duration(storage, call, &source, tier)?;
    let to_itself = source.path == *path && source.snapshot.is_none();
    let next = storage.next_copy(path);
    let copy = match to_itself || (next.is_none() && duration.is_zero()) {
        true => new_copy(storage, call, &source),
        false => BlobCopy {
            due: (next != Some(NextCopy::Waits)).then(|| storage.time_after(duration)),
            doom: next.and_then(NextCopy::doom),
            state: CopyState::Pending,
            ended: None,
            ..new_copy(storage, call, &source)
        },
    };
    let blob = replace(storage, call, path, source, tier, copy).await?;
    storage.forget_next_copy(path);
    let pending = blob.pending_copy();
    if pending.is_none() || storage.is_hierarchical(&path.container.account) {
        storage.raise_created(path, &blob, Api::CopyBlob, &call.origin);
    }
    if let Some(copy) = pending {
        storage.watch_copy(path, copy);
    }
    Ok(copy_answer(&blob))
}

/// Copy Blob From URL: copies, then answers.
pub async fn copy_at_once(storage: &Storage, call: &Call, path: &BlobPath) -> Answer {
    let source = copy_source::open(storage, call)?;
    source.blob.verify_online()?;
    if source.blob.content.bytes() > AT_ONCE_BYTES_MAX {
        return Err(error::INVALID_INPUT);
    }
    let copy = new_copy(storage, call, &source);
    let blob = replace(storage, call, path, source, call.tier()?, copy).await?;
    storage.raise_created(path, &blob, Api::CopyBlob, &call.origin);
    Ok(copy_answer(&blob))
}

/// Abort Copy Blob. The blob stays, empty, with its metadata.
pub async fn abort(storage: &Storage, call: &Call, path: &BlobPath) -> Answer {
    let id =
        call.query.get("copyid").ok_or(error::MISSING_REQUIRED_QUERY.with("QueryParameterName", "copyid"))?;
    match call.header("x-ms-copy-action") {
        Some("abort") => {}
        Some(_) => return Err(error::invalid_header("x-ms-copy-action")),
        None => return Err(error::missing_header("x-ms-copy-action")),
    }
    let pending = storage.blob(path, None)?.pending_copy().map(|copy| copy.id.clone());
    match pending {
        None => return Err(error::NO_PENDING_COPY),
        Some(pending) if pending != id => return Err(error::COPY_ID_MISMATCH),
        Some(_) => {}
    }
    storage.conclude(path, id, |_| CopyState::Aborted).await?;
    Ok(answer(StatusCode::NO_CONTENT))
}

/// How long the copy takes. An archived source can only be copied to another tier, as fast as it leaves the archive.
fn duration(
    storage: &Storage,
    call: &Call,
    source: &Source,
    tier: Option<Tier>,
) -> Result<Duration, StorageError> {
    let blob = &source.blob;
    if blob.tier() != Tier::Archive {
        return Ok(storage.settings.copy_pace.duration(blob.content.bytes()));
    }
    if tier.is_none_or(|tier| tier == Tier::Archive) || blob.rehydrating.is_some() {
        blob.verify_online()?;
    }
    Ok(storage.rehydration_time(Priority::read(call.header("x-ms-rehydrate-priority"))?))
}

/// A copy that has just succeeded.
fn new_copy(storage: &Storage, call: &Call, source: &Source) -> BlobCopy {
    let now = storage.settings.clock.now();
    BlobCopy {
        id: storage.settings.ids.guid().to_string(),
        source: CopySource {
            blob: source.path.clone(),
            snapshot: source.snapshot.clone(),
            stamp: source.blob.stamp,
            readable_until: source.readable_until,
        },
        source_url: source.url.clone(),
        bytes: source.blob.content.bytes(),
        started: now,
        due: Some(now),
        doom: None,
        state: CopyState::Success,
        description: None,
        ended: Some(now),
        origin: call.origin.clone(),
    }
}

/// Makes the destination: as its source is if the copy has succeeded, else with everything but content.
async fn replace(
    storage: &Storage,
    call: &Call,
    path: &BlobPath,
    source: Source,
    tier: Option<Tier>,
    copy: BlobCopy,
) -> Result<Arc<Blob>, StorageError> {
    let given = call.metadata()?;
    let metadata = if given.is_empty() { source.blob.metadata.clone() } else { given };
    let draft = match copy.state {
        CopyState::Success => Draft {
            content: source.blob.content.clone(),
            block_ids: source.blob.block_ids.clone(),
            headers: source.blob.headers.clone(),
            ..Draft::default()
        },
        _ => Draft {
            headers: ContentHeaders { content_md5: None, ..source.blob.headers.clone() },
            ..Draft::default()
        },
    };
    let draft = Draft { metadata, tier, copy: Some(copy), ..draft };
    let refuse = |error: StorageError| match error == error::CONDITION_NOT_MET {
        true => error::TARGET_CONDITION_NOT_MET,
        false => error,
    };
    storage.put(path, &call.terms()?, |_| Ok(draft)).await.map_err(refuse)
}

fn copy_answer(blob: &Blob) -> Response<Body> {
    let mut response = answer(StatusCode::ACCEPTED);
    put_stamp(response.headers_mut(), blob.stamp);
    if let Some(copy) = &blob.copy {
        put_header(response.headers_mut(), "x-ms-copy-id", &copy.id);
        put_header(response.headers_mut(), "x-ms-copy-status", copy.state.as_str());
    }
    response
}
