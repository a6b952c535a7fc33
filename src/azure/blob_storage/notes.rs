//! What we keep in an account for our own purposes: the contexts of operations. Copies under watch are `copies`'s.

use std::collections::HashMap;

use azure_core::http::{Etag, StatusCode};
use azure_storage_blob::BlobClient;
use azure_storage_blob::models::{BlobClientGetPropertiesResultHeaders, BlockBlobClientUploadOptions};
use bytes::Bytes;
use gridwich_handlers::operation_context::ContextReference;
use gridwich_handlers::participants::{ContainerAddress, Kept, ParticipantError};

use super::{BlobStorage, CONTEXTS, silently};
use crate::azure::classify::{classify, code};

/// The metadata of a note that says what it is about.
const ABOUT: &str = "about";

impl BlobStorage {
    /// Where an operation's context is kept.
    pub(super) fn note(&self, reference: &ContextReference) -> Result<BlobClient, ParticipantError> {
        let container = own_container(&reference.account);
        Ok(self.container(&container)?.blob_client(&reference.operation.digits()))
    }

    pub(super) async fn keep(
        &self,
        reference: &ContextReference,
        context: &str,
        about: &str,
    ) -> Result<Kept, ParticipantError> {
        let failed = |error: azure_core::Error| classify(&error, "the operation context");
        let note = self.note(reference)?;
        let write = || write(&note, context, about);
        let mut written = write().await;
        if written.as_ref().is_err_and(|error| code(error) == Some("ContainerNotFound")) {
            self.make_container(&own_container(&reference.account), reference.operation).await?;
            written = write().await;
        }
        match written {
            Ok(()) => Ok(Kept::Now),
            Err(error) if code(&error) == Some("BlobAlreadyExists") => {
                let found = note.get_properties(None).await.map_err(failed)?;
                let mut metadata = found.metadata().map_err(failed)?;
                Ok(Kept::Before(metadata.remove(ABOUT).unwrap_or_default()))
            }
            Err(error) => Err(failed(error)),
        }
    }

    pub(super) async fn finds_note(&self, reference: &ContextReference) -> Result<bool, ParticipantError> {
        match self.note(reference)?.get_properties(None).await {
            Ok(_) => Ok(true),
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => Ok(false),
            Err(error) => Err(classify(&error, "the operation context")),
        }
    }

    pub(super) async fn read_note(&self, reference: &ContextReference) -> Result<String, ParticipantError> {
        let failed = |error: azure_core::Error| classify(&error, "the operation context");
        let content = self.note(reference)?.download(None).await.map_err(failed)?;
        let content = content.body.collect().await.map_err(failed)?;
        String::from_utf8(content.to_vec())
            .map_err(|_| ParticipantError::Rejected("the kept operation context is no text".to_owned(), None))
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
