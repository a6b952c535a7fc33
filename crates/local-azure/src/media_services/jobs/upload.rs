//! Brings what an encoder made into the output container, or takes it away again. Not what it is.

use std::path::PathBuf;

use bytes::Bytes;

use super::queue::change;
use super::{JobError, JobErrorCode, JobId};
use crate::inside::BlobFileError;
use crate::inside::BlobPlace;
use crate::media_services::account::Account;
use crate::media_services::resource::folded;

/// A file that an encoder made.
#[derive(Debug)]
pub(crate) struct OutputFile {
    /// The name of its blob.
    pub name: String,
    pub content: Content,
    pub content_type: &'static str,
}

/// Where a file's bytes are.
#[derive(Debug)]
pub(crate) enum Content {
    File(PathBuf),
    Bytes(Bytes),
}

/// Takes away what a job has written for an output that will not be finished.
pub(super) async fn discard(account: &Account, id: &JobId) {
    let unfinished = account.holdings().job(id).map(|job| job.custody.unfinished.clone());
    let places = unfinished.unwrap_or_default();
    if places.is_empty() {
        return;
    }
    for place in &places {
        let removed = account.environment.blobs.remove(&place.account, &place.container, &place.blob).await;
        if let Err(error) = removed {
            tracing::warn!(%error, "a partial output stays");
        }
    }
    change(account, id, |job, _, _| job.custody.unfinished.clear());
}

/// Writes files into an asset's container. Whoever takes up the job from here on knows which.
pub(super) async fn upload(
    account: &Account,
    id: &JobId,
    asset: &str,
    files: Vec<OutputFile>,
) -> Result<(), JobError> {
    let (storage, container) = container_of(account, asset).await?;
    let blobs = &account.environment.blobs;
    for OutputFile { name, content, content_type } in files {
        let place = BlobPlace { account: storage.clone(), container: container.clone(), blob: name.clone() };
        change(account, id, |job, _, _| job.custody.unfinished.push(place));
        if !account.is_written().await {
            let message = "The service's disk does not answer.";
            return Err(JobError::new(JobErrorCode::ServiceTransientError, message));
        }
        let written = match content {
            Content::File(path) => {
                blobs.write_from_file(&storage, &container, &name, &path, content_type).await
            }
            Content::Bytes(bytes) => blobs.write(&storage, &container, &name, bytes, content_type).await,
        };
        written.map_err(|error| not_written(&name, &error))?;
    }
    Ok(())
}

/// The container of an output asset, which has to be there.
pub(super) async fn container_of(account: &Account, asset: &str) -> Result<(String, String), JobError> {
    let place = {
        let holdings = account.holdings();
        let asset = holdings.assets.get(&folded(asset));
        asset.map(|asset| (asset.storage_account.clone(), asset.container.clone()))
    };
    let missing = |what: &str| {
        let message = format!("The {what} of the output asset '{asset}' does not exist any more.");
        JobError::new(JobErrorCode::UploadNotAccessible, message)
    };
    let (storage, container) = place.ok_or_else(|| missing("record"))?;
    if !account.environment.blobs.has_container(&storage, &container).await {
        return Err(missing("container"));
    }
    Ok((storage, container))
}

fn not_written(name: &str, error: &BlobFileError) -> JobError {
    let code = match error {
        BlobFileError::NotFound(_) => JobErrorCode::UploadNotAccessible,
        BlobFileError::Unreadable(..) | BlobFileError::Failed(_) => JobErrorCode::UploadTransientError,
    };
    JobError::new(code, format!("The output '{name}' cannot be written: {error}."))
}
