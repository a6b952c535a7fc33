//! What we keep in an account for our own purposes: the contexts of operations, and what they were answered. What is
//! pending is `pending`'s.

use std::collections::HashMap;

use azure_core::http::{Etag, StatusCode};
use azure_storage_blob::BlobClient;
use azure_storage_blob::models::{BlobClientGetPropertiesResultHeaders, BlockBlobClientUploadOptions};
use bytes::Bytes;
use gridwich_handlers::operation_context::ContextReference;
use gridwich_handlers::operation_id::OperationId;
use gridwich_handlers::participants::{Before, ContainerAddress, Kept, ParticipantError, Said};
use uuid::Uuid;

use super::{BlobStorage, CONTEXTS, silently};
use crate::azure::classify::{classify, code};
use crate::clock;

/// The metadata of a note that says what it is about.
const ABOUT: &str = "about";
/// The metadata of a note that tells the tries of one attempt from other attempts.
const ATTEMPT: &str = "attempt";
/// What starts the names of answers that are kept.
const ANSWERED: &str = "answered/";
/// What starts the names of ends that are kept.
const ENDED: &str = "ended/";

impl BlobStorage {
    /// Where an operation's context is kept.
    pub(super) fn note(&self, reference: &ContextReference) -> Result<BlobClient, ParticipantError> {
        self.own_blob(&reference.account, &reference.operation.digits())
    }

    /// A blob in the container of an account that is ours alone.
    pub(super) fn own_blob(&self, account: &str, name: &str) -> Result<BlobClient, ParticipantError> {
        Ok(self.container(&own_container(account))?.blob_client(name))
    }

    /// Where it is written down what was said of an operation.
    pub(super) fn said(
        &self,
        account: &str,
        operation: OperationId,
        said: Said,
    ) -> Result<BlobClient, ParticipantError> {
        let folder = match said {
            Said::Answer => ANSWERED,
            Said::End => ENDED,
        };
        self.own_blob(account, &format!("{folder}{}", operation.digits()))
    }

    /// Writes it down unless something stands there, which is then returned.
    pub(super) async fn write_said(
        &self,
        account: &str,
        operation: OperationId,
        said: Said,
        text: &str,
    ) -> Result<Option<String>, ParticipantError> {
        let note = self.said(account, operation, said)?;
        match self.write(&note, account, operation, text, &[]).await? {
            Ok(()) => Ok(None),
            Err(error) if code(&error) == Some("BlobAlreadyExists") => self.read(&note).await.map(Some),
            Err(error) => Err(classify(&error, "the answer of the operation").of_our_own()),
        }
    }

    /// Writes a note unless it is there; the container is made with the first.
    async fn write(
        &self,
        note: &BlobClient,
        account: &str,
        operation: OperationId,
        text: &str,
        metadata: &[(&str, &str)],
    ) -> Result<azure_core::Result<()>, ParticipantError> {
        let written = write(note, text, metadata).await;
        if !written.as_ref().is_err_and(|error| code(error) == Some("ContainerNotFound")) {
            return Ok(written);
        }
        self.make_container(&own_container(account), operation).await?;
        Ok(write(note, text, metadata).await)
    }

    pub(super) async fn keep(
        &self,
        reference: &ContextReference,
        context: &str,
        about: &str,
    ) -> Result<Kept, ParticipantError> {
        let failed = |error: azure_core::Error| classify(&error, "the operation context").of_our_own();
        let note = self.note(reference)?;
        let attempt = Uuid::new_v4().to_string();
        let metadata = [(ATTEMPT, attempt.as_str()), (ABOUT, about)];
        match self.write(&note, &reference.account, reference.operation, context, &metadata).await? {
            Ok(()) => Ok(Kept::Now),
            Err(error) if code(&error) == Some("BlobAlreadyExists") => {
                let found = note.get_properties(None).await.map_err(failed)?;
                // A try of ours whose answer was lost has written it.
                if found.metadata().map_err(failed)?.get(ATTEMPT) == Some(&attempt) {
                    return Ok(Kept::Now);
                }
                before(&found).map(Kept::Before).map_err(failed)
            }
            Err(error) => Err(failed(error)),
        }
    }

    pub(super) async fn look_at_note(
        &self,
        reference: &ContextReference,
    ) -> Result<Option<Before>, ParticipantError> {
        let failed = |error: azure_core::Error| classify(&error, "the note of the operation");
        match self.note(reference)?.get_properties(None).await {
            Ok(found) => before(&found).map(Some).map_err(failed),
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    pub(super) async fn read(&self, note: &BlobClient) -> Result<String, ParticipantError> {
        let failed = |error: azure_core::Error| classify(&error, "what was kept of the operation");
        let content = note.download(None).await.map_err(failed)?;
        let content = content.body.collect().await.map_err(failed)?;
        String::from_utf8(content.to_vec()).map_err(|_| {
            ParticipantError::Rejected("what was kept of the operation is no text".to_owned(), None)
        })
    }
}

fn before(note: &impl BlobClientGetPropertiesResultHeaders) -> azure_core::Result<Before> {
    let noted = note.last_modified()?.unwrap_or_else(clock::now);
    let age = (clock::now() - noted).whole_seconds();
    Ok(Before {
        about: note.metadata()?.remove(ABOUT).unwrap_or_default(),
        seconds_ago: u64::try_from(age).unwrap_or_default(),
    })
}

/// The container of an account that is ours alone.
pub(super) fn own_container(account: &str) -> ContainerAddress {
    ContainerAddress { account: account.to_owned(), container: CONTEXTS.to_owned() }
}

/// Writes a note unless it is there.
pub(super) async fn write(
    note: &BlobClient,
    text: &str,
    metadata: &[(&str, &str)],
) -> azure_core::Result<()> {
    let metadata = metadata.iter().filter(|(_, value)| !value.is_empty());
    let metadata = metadata.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let metadata = Some(metadata.collect::<HashMap<_, _>>());
    let options = BlockBlobClientUploadOptions {
        blob_content_type: Some("application/json".to_owned()),
        if_none_match: Some(Etag::from("*")),
        metadata,
        method_options: silently(),
        ..BlockBlobClientUploadOptions::default()
    };
    note.upload(Bytes::copy_from_slice(text.as_bytes()).into(), Some(options)).await.map(|_| ())
}

/// Writes a note, whatever stands there.
pub(super) async fn overwrite(note: &BlobClient, text: impl Into<Bytes>) -> azure_core::Result<()> {
    let options = BlockBlobClientUploadOptions {
        blob_content_type: Some("application/json".to_owned()),
        method_options: silently(),
        ..BlockBlobClientUploadOptions::default()
    };
    note.upload(text.into().into(), Some(options)).await.map(|_| ())
}
