//! What lets an account survive its process: a folder with one document for each resource. Not what the resources are.
//!
//! `records` know which of them changed, `folder` is the disk, and one task per account (`writer`) brings the one to the
//! other. Events of jobs leave the account only after the documents that hold them are written.

mod folder;
mod records;
mod writer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

pub(super) use folder::Folder;
pub(super) use records::{Document, Kept, Records};
pub(super) use writer::{Settled, Unraised, write};

/// How long a request waits for the disk before it is answered that nobody knows.
const WRITTEN_WAIT_MAX: Duration = Duration::from_secs(10);

/// The folder that the accounts are kept in, or something in it, cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be used: {problem}", path = path.display())]
pub struct UnusableFolder {
    /// The folder, or the file.
    pub path: PathBuf,
    /// What the system says.
    pub problem: std::io::Error,
}

/// How an account is kept, for those who change it.
pub(super) struct Keeping {
    pub folder: Folder,
    pub changes: Arc<Changes>,
}

/// What the writer has to do, and what it has done.
pub(super) struct Changes {
    made: AtomicU64,
    written: watch::Sender<u64>,
    /// Places of settled events. As many wait here as outboxes hold.
    settled: Mutex<Vec<Settled>>,
    /// Rings when there is something to do.
    bell: Notify,
}

impl Changes {
    pub fn new() -> Self {
        Self {
            made: AtomicU64::new(0),
            written: watch::Sender::new(0),
            settled: Mutex::default(),
            bell: Notify::new(),
        }
    }

    fn note(&self) {
        self.made.fetch_add(1, Ordering::Relaxed);
        self.ring();
    }

    /// Has the writer look for changes and events.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    fn settle(&self, place: Settled) {
        self.settled().push(place);
        self.ring();
    }

    fn settled(&self) -> MutexGuard<'_, Vec<Settled>> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all that was changed so far is on disk. False when that takes too long.
    pub async fn are_written(&self) -> bool {
        let (made, mut written) = (self.made(), self.written.subscribe());
        let all = written.wait_for(|written| *written >= made);
        matches!(tokio::time::timeout(WRITTEN_WAIT_MAX, all).await, Ok(Ok(_)))
    }
}
