//! Delete Blob: a blob, its snapshots, or one of them, for good. Not containers.

use std::mem;
use std::sync::Arc;

use http::StatusCode;

use super::blob::{Blob, Container, Entry};
use super::call::{Call, Origin};
use super::conditions::Conditions;
use super::error::{self, StorageError};
use super::front_door::{Answer, answer};
use super::headers::put_header;
use super::path::BlobPath;
use super::storage::Storage;

/// What goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goes<'a> {
    /// The blob, which must have no snapshots.
    BlobAlone,
    BlobAndSnapshots,
    SnapshotsOnly,
    Snapshot(&'a str),
}

impl<'a> Goes<'a> {
    fn read(call: &'a Call) -> Result<Self, StorageError> {
        match (call.snapshot(), call.header("x-ms-delete-snapshots")) {
            (Some(time), None) => Ok(Self::Snapshot(time)),
            (Some(_), Some(_)) => Err(error::invalid_header("x-ms-delete-snapshots")),
            (None, None) => Ok(Self::BlobAlone),
            (None, Some(which)) if which.eq_ignore_ascii_case("include") => Ok(Self::BlobAndSnapshots),
            (None, Some(which)) if which.eq_ignore_ascii_case("only") => Ok(Self::SnapshotsOnly),
            (None, Some(_)) => Err(error::invalid_header("x-ms-delete-snapshots")),
        }
    }
}

/// Delete Blob.
pub async fn delete(storage: &Storage, call: &Call, path: &BlobPath) -> Answer {
    remove(storage, path, Goes::read(call)?, &call.conditions()?, &call.origin).await?;
    let mut response = answer(StatusCode::ACCEPTED);
    put_header(response.headers_mut(), "x-ms-delete-type-permanent", "true");
    Ok(response)
}

/// Removes what goes, and says so when the blob itself went.
pub async fn remove(
    storage: &Storage,
    path: &BlobPath,
    goes: Goes<'_>,
    conditions: &Conditions,
    origin: &Origin,
) -> Result<(), StorageError> {
    // Content may go only when the record that refers to it has gone.
    let removed =
        storage.with_container(&path.container, |container| take(container, path, goes, conditions))?;
    storage.save_blob(path).await?;
    if let Some(blob) = &removed.blob {
        storage.raise_deleted(path, blob, origin);
    }
    Ok(())
}

fn take(
    container: &mut Container,
    path: &BlobPath,
    goes: Goes<'_>,
    conditions: &Conditions,
) -> Result<Entry, StorageError> {
    let snapshot = if let Goes::Snapshot(time) = goes { Some(time) } else { None };
    let blob: &Arc<Blob> = container.blob(&path.name, snapshot)?;
    conditions.allow_write(Some(blob.stamp))?;
    blob.verify_no_pending_copy()?;
    let entry = container.blobs.get_mut(&path.name).ok_or(error::BLOB_NOT_FOUND)?;
    match goes {
        Goes::BlobAlone if !entry.snapshots.is_empty() => Err(error::SNAPSHOTS_PRESENT),
        Goes::BlobAlone | Goes::BlobAndSnapshots => {
            Ok(container.blobs.remove(&path.name).unwrap_or_default())
        }
        Goes::SnapshotsOnly => Ok(Entry { snapshots: mem::take(&mut entry.snapshots), ..Entry::default() }),
        Goes::Snapshot(time) => {
            let snapshots = entry.snapshots.remove_entry(time).into_iter().collect();
            Ok(Entry { snapshots, ..Entry::default() })
        }
    }
}
