//! The container of dead letters: events that were given up, as Event Grid writes them there, and we beside it. What is in
//! them is read elsewhere, and when one is written is not decided here.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::Etag;
use azure_storage_blob::BlobClient;
use azure_storage_blob::models::{
    BlobClientDeleteOptions, BlobClientDownloadOptions, BlobContainerClientListBlobsOptions,
    BlockBlobClientUploadOptions,
};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use gridwich_handlers::participants::{
    BlobAddress, ContainerAddress, DeadLetter, DeadLetters, ParticipantError,
};
use time::OffsetDateTime;

use super::{BlobStorage, notes, silently};
use crate::azure::classify::{classify, code};
use crate::clock;

mod record;

/// A failure is told after its letter was written, and must not be held up for longer.
const KEEP_SECONDS_MAX: Duration = Duration::from_secs(3);
/// Blobs of more bytes are not read: the wire takes no larger answers.
pub const BLOB_BYTES_MAX: u64 = 30 * 1024 * 1024;
/// Blobs that are listed at once; 20 pages of the service's.
pub const BLOBS_MAX: usize = 100_000;

/// A container of dead letters.
#[derive(Clone)]
pub struct DeadLetterContainer {
    storage: Arc<BlobStorage>,
    container: ContainerAddress,
}

/// A blob of dead letters, as it is listed.
#[derive(Clone, Debug)]
pub struct ListedLetters {
    /// Its name.
    pub name: String,
    /// When it was written.
    pub written: OffsetDateTime,
    /// How large it is.
    pub bytes: u64,
}

/// What is in a blob of dead letters.
#[derive(Clone, Debug)]
pub struct Letters {
    /// Its text.
    pub text: Bytes,
    /// Which version of the blob that is.
    pub etag: String,
    /// When it was written.
    pub written: OffsetDateTime,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was made.
    Made,
    /// The blob is another by now, or gone.
    Outdated,
}

impl DeadLetterContainer {
    /// A container of one of the accounts.
    #[must_use]
    pub fn new(storage: Arc<BlobStorage>, account: &str, container: &str) -> Self {
        let (account, container) = (account.to_owned(), container.to_owned());
        Self { storage, container: ContainerAddress { account, container } }
    }

    /// The blobs whose names begin with `prefix`, in the order of their names; nothing when there is no such container.
    ///
    /// # Errors
    /// When the account does not answer, does not let us, or there are more than [`BLOBS_MAX`].
    pub async fn list(&self, prefix: &str) -> Result<Option<Vec<ListedLetters>>, ParticipantError> {
        let options = BlobContainerClientListBlobsOptions {
            prefix: Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()),
            ..BlobContainerClientListBlobsOptions::default()
        };
        let listing = self.storage.container(&self.container)?.list_blobs(Some(options));
        let mut listing = listing.map_err(|error| self.failed(&error))?;
        let mut listed = Vec::new();
        loop {
            let item = match listing.try_next().await {
                Ok(Some(item)) => item,
                Ok(None) => return Ok(Some(listed)),
                Err(error) if code(&error) == Some("ContainerNotFound") => return Ok(None),
                Err(error) => return Err(self.failed(&error)),
            };
            if listed.len() == BLOBS_MAX {
                let message = format!("the container holds more than {BLOBS_MAX} blobs there");
                return Err(ParticipantError::Rejected(message, None));
            }
            let Some((name, properties)) = item.name.zip(item.properties) else { continue };
            let written = properties.last_modified.unwrap_or(OffsetDateTime::UNIX_EPOCH);
            listed.push(ListedLetters {
                name,
                written,
                bytes: properties.content_length.unwrap_or_default(),
            });
        }
    }

    /// Reads a blob; nothing when it is not there.
    ///
    /// # Errors
    /// When the account does not answer or does not let us, or the blob is larger than [`BLOB_BYTES_MAX`].
    pub async fn read(&self, name: &str) -> Result<Option<Letters>, ParticipantError> {
        // One request for the whole: the client would otherwise split it, and the parts need not be of one version.
        let options = BlobClientDownloadOptions {
            parallel: NonZero::new(1),
            partition_size: usize::try_from(BLOB_BYTES_MAX).ok().and_then(NonZero::new),
            range: Some((0..BLOB_BYTES_MAX).into()),
            ..BlobClientDownloadOptions::default()
        };
        let found = match self.blob(name)?.download(Some(options)).await {
            Ok(found) => found,
            Err(error) if matches!(code(&error), Some("BlobNotFound" | "ContainerNotFound")) => {
                return Ok(None);
            }
            Err(error) => return Err(self.failed(&error)),
        };
        let etag = found.properties.etag.map(|etag| etag.to_string()).unwrap_or_default();
        let written = found.properties.last_modified.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let text = found.body.collect().await.map_err(|error| self.failed(&error))?;
        if text.len() as u64 == BLOB_BYTES_MAX {
            let message = format!("{name}: expected less than {BLOB_BYTES_MAX} bytes");
            return Err(ParticipantError::Rejected(message, None));
        }
        Ok(Some(Letters { text, etag, written }))
    }

    /// Writes a blob anew, if it is still the version that was read.
    ///
    /// # Errors
    /// When the account does not answer or does not let us.
    pub async fn replace(&self, name: &str, etag: &str, text: Bytes) -> Result<Change, ParticipantError> {
        let options = BlockBlobClientUploadOptions {
            blob_content_type: Some("application/json".to_owned()),
            if_match: Some(Etag::from(etag.to_owned())),
            method_options: silently(),
            partition_size: NonZero::new(BLOB_BYTES_MAX),
            ..BlockBlobClientUploadOptions::default()
        };
        self.changed(self.blob(name)?.upload(text.into(), Some(options)).await)
    }

    /// Deletes a blob, if it is still the version that was read.
    ///
    /// # Errors
    /// When the account does not answer or does not let us.
    pub async fn remove(&self, name: &str, etag: &str) -> Result<Change, ParticipantError> {
        let options = BlobClientDeleteOptions {
            if_match: Some(Etag::from(etag.to_owned())),
            method_options: silently(),
            ..BlobClientDeleteOptions::default()
        };
        self.changed(self.blob(name)?.delete(Some(options)).await)
    }

    fn changed<T>(&self, answer: azure_core::Result<T>) -> Result<Change, ParticipantError> {
        match answer {
            Ok(_) => Ok(Change::Made),
            Err(error) if matches!(code(&error), Some("ConditionNotMet" | "BlobNotFound")) => {
                Ok(Change::Outdated)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn write(&self, letter: DeadLetter<'_>) -> Result<(), ParticipantError> {
        let name = record::blob_name(letter);
        let (note, text) = (self.blob(&name)?, record::text(letter, clock::now())?);
        let mut written = notes::write(&note, &text, &[]).await;
        if written.as_ref().is_err_and(|error| code(error) == Some("ContainerNotFound")) {
            let made = self.storage.container(&self.container)?.create(None).await;
            made.map(|_| ()).or_else(|error| match code(&error) {
                Some("ContainerAlreadyExists") => Ok(()),
                _ => Err(self.failed(&error)),
            })?;
            written = notes::write(&note, &text, &[]).await;
        }
        match written {
            Ok(()) => {
                let (id, reason) = (&letter.event.id, letter.reason.as_str());
                tracing::warn!(event.id = %id, reason, "the event is kept as the dead letter {name}");
                Ok(())
            }
            // Whoever replays the letter that stands there must not take this one for it, and take it off.
            Err(error) if code(&error) == Some("BlobAlreadyExists") => {
                notes::overwrite(&note, text).await.map_err(|error| self.failed(&error))
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn delete(&self, letter: DeadLetter<'_>) -> Result<(), ParticipantError> {
        let options =
            BlobClientDeleteOptions { method_options: silently(), ..BlobClientDeleteOptions::default() };
        match self.blob(&record::blob_name(letter))?.delete(Some(options)).await {
            Ok(_) => Ok(()),
            Err(error) if matches!(code(&error), Some("BlobNotFound" | "ContainerNotFound")) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn blob(&self, name: &str) -> Result<BlobClient, ParticipantError> {
        self.storage.blob(&BlobAddress { container: self.container.clone(), name: name.to_owned() })
    }

    fn failed(&self, error: &azure_core::Error) -> ParticipantError {
        classify(error, &format!("the container {:?} of dead letters", self.container.container))
    }
}

#[async_trait]
impl DeadLetters for DeadLetterContainer {
    async fn keep(&self, letter: DeadLetter<'_>) -> Result<(), ParticipantError> {
        in_time(self.write(letter)).await
    }

    async fn discard(&self, letter: DeadLetter<'_>) -> Result<(), ParticipantError> {
        in_time(self.delete(letter)).await
    }
}

async fn in_time(change: impl Future<Output = Result<(), ParticipantError>>) -> Result<(), ParticipantError> {
    let changed = tokio::time::timeout(KEEP_SECONDS_MAX, change).await;
    changed.unwrap_or_else(|_| Err(ParticipantError::Unavailable("the dead letters".to_owned(), None)))
}
