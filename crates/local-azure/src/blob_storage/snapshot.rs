//! Snapshot Blob. Not reading snapshots, which is like reading blobs.

use std::sync::Arc;

use http::StatusCode;

use super::blob::Blob;
use super::call::Call;
use super::container::put_stamp;
use super::front_door::{Answer, answer};
use super::headers::put_header;
use super::path::BlobPath;
use super::storage::Storage;

/// Snapshot Blob. With metadata of its own the snapshot has a state of its own too.
pub async fn take(storage: &Storage, call: &Call, path: &BlobPath) -> Answer {
    let (metadata, conditions) = (call.metadata()?, call.conditions()?);
    let taken = storage.stamps.next();
    let time = taken.snapshot();
    let snapshot = storage.with_container(&path.container, |container| {
        let blob = container.blob(&path.name, None)?.clone();
        conditions.allow_write(Some(blob.stamp))?;
        blob.verify_no_pending_copy()?;
        blob.verify_online()?;
        let snapshot = match metadata.is_empty() {
            true => blob,
            false => Arc::new(Blob { metadata, stamp: taken, ..Blob::clone(&blob) }),
        };
        let entry = container.blobs.entry(path.name.clone()).or_default();
        entry.snapshots.insert(time.clone(), snapshot.clone());
        Ok(snapshot)
    })?;
    storage.save_blob(path).await?;
    let mut response = answer(StatusCode::CREATED);
    put_stamp(response.headers_mut(), snapshot.stamp);
    put_header(response.headers_mut(), "x-ms-snapshot", &time);
    put_header(response.headers_mut(), "x-ms-request-server-encrypted", "false");
    Ok(response)
}
