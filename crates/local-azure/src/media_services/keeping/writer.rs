//! The task that writes an account's documents and then raises its events. Not what changes either.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Changes, Document, Folder, Keeping};
use crate::inside::{Occurrence, Receipt};
use crate::media_services::account::Account;
use crate::media_services::jobs::{JobEvent, JobId};

/// A disk that is full or gone is tried again: until then nothing that changes is told to anybody.
const WRITE_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// An event that is raised as soon as the document that holds it is written.
pub(in crate::media_services) struct Unraised {
    pub subject: String,
    pub event: JobEvent,
    /// What it has in common with its repetition, if it is to be repeated.
    pub occurrence: Option<Occurrence>,
    /// Its place in an outbox; what is in none is raised, and may be lost.
    pub posted: Option<Settled>,
}

/// The place of an event in a job's outbox.
pub(in crate::media_services) struct Settled {
    pub job: JobId,
    pub event: u64,
}

/// Writes and raises until `stop`.
pub(in crate::media_services) async fn write(account: Arc<Account>, stop: CancellationToken) {
    let Some(keeping) = &account.keeping else { return };
    let working = async {
        loop {
            keeping.changes.bell.notified().await;
            write_changes(&account, keeping).await;
        }
    };
    // An account whose writer is stopped is as good as killed: the next process takes up what is on disk.
    let _: Option<()> = stop.run_until_cancelled(working).await;
}

/// Whatever is written is what is true at that moment, so that changes that come quickly are written once. Documents are
/// removed last: what a removed job has still to tell is in another one by then.
async fn write_changes(account: &Account, keeping: &Keeping) {
    let settled = std::mem::take(&mut *keeping.changes.settled());
    let (made, changed, unraised) = {
        let mut holdings = account.holdings();
        holdings.forget_settled(&settled);
        (keeping.changes.made(), holdings.take_changed(), std::mem::take(&mut holdings.unraised))
    };
    let (written, removed) =
        changed.into_iter().partition::<Vec<_>, _>(|document| document.content.is_some());
    write_all(&keeping.folder, written).await;
    for Unraised { subject, event, occurrence, posted } in unraised {
        let receipt = posted.map(|place| receipt(&keeping.changes, place));
        account.raise(subject, event, occurrence, receipt);
    }
    write_all(&keeping.folder, removed).await;
    keeping.changes.written.send_replace(made);
}

async fn write_all(folder: &Folder, mut documents: Vec<Document>) {
    while !documents.is_empty() {
        let folder = folder.clone();
        let writing = tokio::task::spawn_blocking(move || {
            let write = |document| folder.write(&document).err().map(|problem| (document, problem));
            documents.into_iter().filter_map(write).unzip::<_, _, Vec<_>, Vec<_>>()
        });
        // Nobody cancels it, and writing does not panic.
        let Ok((left, problems)) = writing.await else { return };
        documents = left;
        if let Some(problem) = problems.first() {
            tracing::error!(%problem, "documents are not written, and will be tried again");
            tokio::time::sleep(WRITE_AGAIN_AFTER).await;
        }
    }
}

fn receipt(changes: &Arc<Changes>, place: Settled) -> Receipt {
    let changes = Arc::clone(changes);
    Receipt::new(move || changes.settle(place))
}
