//! What we keep in an account for our own purposes: the contexts of operations, and what they were answered. Copies under
//! watch are `copies`'s.

use std::collections::HashMap;

use azure_core::http::{Etag, StatusCode};
use azure_storage_blob::BlobClient;
use azure_storage_blob::models::{BlobClientGetPropertiesResultHeaders, BlockBlobClientUploadOptions};
use bytes::Bytes;
use gridwich_handlers::operation_context::ContextReference;
use gridwich_handlers::operation_id::OperationId;
use gridwich_handlers::participants::{ContainerAddress, Kept, ParticipantError};

use super::{BlobStorage, CONTEXTS, silently};
use crate::azure::classify::{classify, code};

/// The metadata of a note that says what it is about.
const ABOUT: &str = "about";
/// What starts the names of answers that are kept.
const ANSWERED: &str = "answered/";

impl BlobStorage {
    /// Where an operation's context is kept.
    pub(super) fn note(&self, reference: &ContextReference) -> Result<BlobClient, ParticipantError> {
        let container = own_container(&reference.account);
        Ok(self.container(&container)?.blob_client(&reference.operation.digits()))
    }

    /// Where it is written down what an operation was answered.
    pub(super) fn answered(
        &self,
        account: &str,
        operation: OperationId,
    ) -> Result<BlobClient, ParticipantError> {
        let name = format!("{ANSWERED}{}", operation.digits());
        Ok(self.container(&own_container(account))?.blob_client(&name))
    }

    pub(super) async fn write_answer(
        &self,
        account: &str,
        operation: OperationId,
        answer: &str,
    ) -> Result<(), ParticipantError> {
        let answered = self.answered(account, operation)?;
        match self.write(&answered, account, operation, answer, "").await? {
            Ok(()) => Ok(()),
            Err(error) if code(&error) == Some("BlobAlreadyExists") => Ok(()),
            Err(error) => Err(classify(&error, "the answer of the operation")),
        }
    }

    /// Writes a note unless it is there; the container is made with the first.
    async fn write(
        &self,
        note: &BlobClient,
        account: &str,
        operation: OperationId,
        text: &str,
        about: &str,
    ) -> Result<azure_core::Result<()>, ParticipantError> {
        let written = write(note, text, about).await;
        if !written.as_ref().is_err_and(|error| code(error) == Some("ContainerNotFound")) {
            return Ok(written);
        }
        self.make_container(&own_container(account), operation).await?;
        Ok(write(note, text, about).await)
    }

    pub(super) async fn keep(
        &self,
        reference: &ContextReference,
        context: &str,
        about: &str,
    ) -> Result<Kept, ParticipantError> {
        let failed = |error: azure_core::Error| classify(&error, "the operation context");
        let note = self.note(reference)?;
        match self.write(&note, &reference.account, reference.operation, context, about).await? {
            Ok(()) => Ok(Kept::Now),
            Err(error) if code(&error) == Some("BlobAlreadyExists") => {
                let found = note.get_properties(None).await.map_err(failed)?;
                let mut metadata = found.metadata().map_err(failed)?;
                Ok(Kept::Before(metadata.remove(ABOUT).unwrap_or_default()))
            }
            Err(error) => Err(failed(error)),
        }
    }

    pub(super) async fn finds(&self, note: &BlobClient) -> Result<bool, ParticipantError> {
        match note.get_properties(None).await {
            Ok(_) => Ok(true),
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => Ok(false),
            Err(error) => Err(classify(&error, "the note of the operation")),
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

/// The container of an account that is ours alone.
pub(super) fn own_container(account: &str) -> ContainerAddress {
    ContainerAddress { account: account.to_owned(), container: CONTEXTS.to_owned() }
}

/// Writes a note unless it is there.
async fn write(note: &BlobClient, context: &str, about: &str) -> azure_core::Result<()> {
    let metadata = (!about.is_empty()).then(|| HashMap::from([(ABOUT.to_owned(), about.to_owned())]));
    let options = BlockBlobClientUploadOptions {
        blob_content_type: Some("application/json".to_owned()),
        if_none_match: Some(Etag::from("*")),
        metadata,
        method_options: silently(),
        ..BlockBlobClientUploadOptions::default()
    };
    note.upload(Bytes::copy_from_slice(context.as_bytes()).into(), Some(options)).await.map(|_| ())
}
