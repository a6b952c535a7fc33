//! What happens while a copy takes its time, and how it ends. Not how it starts.

use std::sync::{Arc, PoisonError};

use super::blob::{Blob, BlobCopy, CopyState, Entry};
use super::error::{self, StorageError};
use super::events::Api;
use super::path::BlobPath;
use super::storage::{Storage, end_despite_the_disk};

/// What is to become of the next copy onto a blob, for those who want to see it go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextCopy {
    /// It stays pending until it is released or aborted.
    Waits,
    /// It ends as usual, but failed, with this as its status description.
    Fails(String),
}

impl NextCopy {
    /// What the copy is going to fail of.
    pub fn doom(self) -> Option<String> {
        match self {
            Self::Waits => None,
            Self::Fails(description) => Some(description),
        }
    }
}

impl Storage {
    /// Decides the next copy onto a blob. The last decision counts.
    pub fn decide_next_copy(&self, path: BlobPath, next: NextCopy) {
        self.next_copies.lock().unwrap_or_else(PoisonError::into_inner).insert(path, next);
    }

    /// What was decided, if anything was.
    pub fn next_copy(&self, path: &BlobPath) -> Option<NextCopy> {
        self.next_copies.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    /// A copy has begun: the decision about it has had its effect.
    pub fn forget_next_copy(&self, path: &BlobPath) {
        self.next_copies.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }

    /// Ends a pending copy when it is due.
    pub fn watch_copy(self: &Arc<Self>, path: &BlobPath, copy: &BlobCopy) {
        let Some(due) = copy.due else { return };
        let (path, id) = (path.clone(), copy.id.clone());
        self.at(due, async move |storage| end_despite_the_disk(|| storage.finish_copy(&path, &id)).await);
    }

    /// Ends a pending copy as it must end now: with the source's content, or not.
    pub async fn finish_copy(&self, path: &BlobPath, id: &str) -> Result<(), StorageError> {
        let pending = self.blob(path, None)?;
        let copy = pending.pending_copy().ok_or(error::NO_PENDING_COPY)?;
        let outcome = self.read_source(copy);
        let blob = self.conclude(path, id, |blob| match &outcome {
            Ok(source) => {
                blob.content = source.content.clone();
                blob.block_ids.clone_from(&source.block_ids);
                blob.headers.content_md5.clone_from(&source.headers.content_md5);
                CopyState::Success
            }
            Err(description) => {
                if let Some(copy) = &mut blob.copy {
                    copy.description = Some(description.clone());
                }
                CopyState::Failed
            }
        });
        let (blob, origin) = (blob.await?, &copy.origin);
        if outcome.is_ok() && !self.is_hierarchical(&path.container.account) {
            self.raise_created(path, &blob, Api::CopyBlob, origin);
        }
        Ok(())
    }

    /// Ends a pending copy: `end` changes the blob and says in what state the copy ends.
    pub async fn conclude(
        &self,
        path: &BlobPath,
        id: &str,
        end: impl FnOnce(&mut Blob) -> CopyState,
    ) -> Result<Arc<Blob>, StorageError> {
        let (before, blob) = self.with_container(&path.container, |container| {
            let slot = container.blob_mut(&path.name, None)?;
            slot.pending_copy().filter(|copy| copy.id == id).ok_or(error::NO_PENDING_COPY)?;
            let before = slot.clone();
            let blob = Arc::make_mut(slot);
            let state = end(blob);
            blob.stamp = self.stamps.next();
            if let Some(copy) = &mut blob.copy {
                copy.state = state;
                copy.ended = Some(blob.stamp.time());
            }
            Ok((before, slot.clone()))
        })?;
        self.save_change(path, None, before, &blob).await?;
        Ok(blob)
    }

    /// The source at the end of a copy, or the status description of a copy that cannot succeed.
    fn read_source(&self, copy: &BlobCopy) -> Result<Arc<Blob>, String> {
        const READING: &str = "\"Copy failed when reading the source.\"";
        if let Some(doom) = &copy.doom {
            return Err(doom.clone());
        }
        let now = self.settings.clock.now();
        if copy.source.readable_until.is_some_and(|until| until <= now) {
            return Err(format!("403 Forbidden {READING}"));
        }
        match self.blob(&copy.source.blob, copy.source.snapshot.as_deref()) {
            Err(_) => Err(format!("404 NotFound {READING}")),
            Ok(source) if source.stamp != copy.source.stamp => {
                Err(format!("412 PreconditionFailed {READING}"))
            }
            Ok(source) => Ok(source),
        }
    }

    /// Takes up what an earlier process left unfinished.
    pub fn resume(self: &Arc<Self>) {
        for account in self.accounts() {
            for (container, all) in account.lock().iter() {
                for (name, entry) in &all.blobs {
                    self.resume_entry(&BlobPath::new(&account.settings.name, container, name), entry);
                }
            }
        }
    }

    fn resume_entry(self: &Arc<Self>, path: &BlobPath, entry: &Entry) {
        if let Some(blob) = &entry.blob {
            self.watch_rehydration(path, None, blob);
            if let Some(copy) = blob.pending_copy() {
                self.watch_copy(path, copy);
            }
        }
        for (time, snapshot) in &entry.snapshots {
            self.watch_rehydration(path, Some(time), snapshot);
        }
    }
}
