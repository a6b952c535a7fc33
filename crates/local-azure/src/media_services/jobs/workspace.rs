//! A folder of its own for each job that is encoded. What is put there is not its business.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use uuid::Uuid;

use super::{JobError, JobErrorCode};
use crate::scratch;

/// A scratch folder that goes with the job. All names in it are given here.
pub(crate) struct Workspace {
    folder: PathBuf,
    inputs: AtomicUsize,
}

impl Workspace {
    pub fn new(scratch: &Path, id: Uuid) -> Self {
        Self { folder: scratch.join(format!("job-{id}")), inputs: AtomicUsize::new(0) }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) async fn make(&self) -> Result<(), JobError> {
        tokio::fs::create_dir_all(&self.folder).await.map_err(|error| {
            let message = format!("The encoder has no room to work: {}.", error.kind());
            JobError::new(JobErrorCode::ServiceTransientError, message)
        })
    }

    /// A new name for an input: without an extension, so that only the content says what it is.
    pub(super) fn path_of_input(&self) -> PathBuf {
        self.folder.join(format!("in-{}", self.inputs.fetch_add(1, Ordering::Relaxed)))
    }

    /// Removes the folder and all in it.
    pub(super) async fn remove(&self) {
        if let Err(error) = scratch::remove(&self.folder).await {
            tracing::warn!(%error, "a scratch folder could not be removed");
        }
    }
}

impl Drop for Workspace {
    /// The last resort, for when the whole service stops and nobody waits any more.
    fn drop(&mut self) {
        if self.folder.exists() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}
