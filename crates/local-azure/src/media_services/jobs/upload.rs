//! Brings what an encoder made into the output container, or takes it away again. Not what it is.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::{JobError, JobErrorCode};
use crate::inside::BlobPlace;
use crate::inside::{BlobFileError, BlobFiles};
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

/// Blobs that count for nothing until their output is finished.
#[derive(Default)]
pub(super) struct Unfinished(Mutex<Vec<BlobPlace>>);

impl Unfinished {
    /// The output is finished: its blobs stay.
    pub fn keep(&self) {
        self.places().clear();
    }

    /// The output will not be finished: its blobs go.
    pub async fn discard(&self, blobs: &dyn BlobFiles) {
        let places = std::mem::take(&mut *self.places());
        for place in places {
            if let Err(error) = blobs.remove(&place.account, &place.container, &place.blob).await {
                tracing::warn!(%error, "a partial output stays");
            }
        }
    }

    fn places(&self) -> std::sync::MutexGuard<'_, Vec<BlobPlace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes files into an asset's container.
pub(super) async fn upload(
    account: &Account,
    asset: &str,
    files: Vec<OutputFile>,
    unfinished: &Unfinished,
) -> Result<(), JobError> {
    let (storage, container) = container_of(account, asset).await?;
    let blobs = &account.environment.blobs;
    for OutputFile { name, content, content_type } in files {
        let place = BlobPlace { account: storage.clone(), container: container.clone(), blob: name.clone() };
        unfinished.places().push(place);
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
