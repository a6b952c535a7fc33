//! What is written down of work that goes on by itself, in the container that is ours. Not how that work stands.

use azure_core::http::StatusCode;
use azure_core::time::Duration;
use azure_storage_blob::BlobClient;
use azure_storage_blob::models::{
    BlobClientDeleteOptions, BlobClientGetPropertiesResultHeaders, BlobContainerClientListBlobsOptions,
    BlobItem,
};
use futures_util::TryStreamExt as _;
use gridwich_handlers::operation_id::OperationId;
use gridwich_handlers::participants::{ParticipantError, Pending, PendingEntry, PendingPage, Sign};

use super::notes::{overwrite, own_container, write};
use super::{BlobStorage, silently};
use crate::azure::classify::{classify, code};
use crate::clock;

/// What starts the names of what is pending.
const PENDING: &str = "pending/";
/// What starts the names of marks that say since when work seems to be over.
const UNCLEAR: &str = "unclear/";
/// What such a mark is called in errors.
const MARK: &str = "the mark of what seems to be over";
/// What ends the names of marks of work that its doer does not know; those of work that has ended have no such end.
const GONE: &str = ".gone";

impl BlobStorage {
    fn mark(
        &self,
        account: &str,
        operation: OperationId,
        sign: Sign,
    ) -> Result<BlobClient, ParticipantError> {
        let end = match sign {
            Sign::Gone => GONE,
            Sign::Ended => "",
        };
        self.own_blob(account, &format!("{UNCLEAR}{}{end}", operation.digits()))
    }

    fn pending_note(&self, account: &str, operation: OperationId) -> Result<BlobClient, ParticipantError> {
        self.own_blob(account, &format!("{PENDING}{}", operation.digits()))
    }

    /// The container is there, because the operation was noted in it.
    pub(super) async fn write_pending(
        &self,
        account: &str,
        operation: OperationId,
        pending: &Pending,
    ) -> Result<(), ParticipantError> {
        let text = serde_json::to_vec(pending).unwrap_or_default();
        let note = self.pending_note(account, operation)?;
        let Err(error) = overwrite(&note, text).await else { return Ok(()) };
        match classify(&error, "what is pending").of_our_own() {
            passing if passing.is_passing() => Err(passing),
            // The work goes on all the same.
            refused => {
                tracing::warn!(operation.id = %operation, "work that goes on is not looked after: {refused}");
                Ok(())
            }
        }
    }

    /// What cannot be read is nothing, as what is not there; but somebody has to look at it.
    pub(super) async fn read_pending(
        &self,
        account: &str,
        operation: OperationId,
    ) -> Result<Option<Pending>, ParticipantError> {
        let failed = |error: azure_core::Error| classify(&error, "what is pending");
        let content = match self.pending_note(account, operation)?.download(None).await {
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => return Ok(None),
            content => content.map_err(failed)?.body.collect().await.map_err(failed)?,
        };
        let read = serde_json::from_slice(&content);
        if read.is_err() {
            tracing::warn!(account, operation.id = %operation, "what is pending cannot be read: nobody looks after it");
        }
        Ok(read.ok())
    }

    pub(super) async fn delete_pending(
        &self,
        account: &str,
        operation: OperationId,
    ) -> Result<(), ParticipantError> {
        delete(&self.pending_note(account, operation)?, "what is pending").await
    }

    pub(super) async fn delete_mark(
        &self,
        account: &str,
        operation: OperationId,
        sign: Sign,
    ) -> Result<(), ParticipantError> {
        delete(&self.mark(account, operation, sign)?, MARK).await
    }

    pub(super) async fn page_of_pending(
        &self,
        account: &str,
        after: Option<&str>,
    ) -> Result<PendingPage, ParticipantError> {
        let failed = |error: azure_core::Error| {
            classify(&error, &format!("what is pending in the account {account:?}"))
        };
        let options = BlobContainerClientListBlobsOptions {
            prefix: Some(PENDING.to_owned()),
            marker: after.map(str::to_owned),
            ..BlobContainerClientListBlobsOptions::default()
        };
        let container = self.container(&own_container(account))?;
        let mut pages = container.list_blobs(Some(options)).map_err(failed)?.into_pages();
        let page = match pages.try_next().await {
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => None,
            page => page.map_err(failed)?,
        };
        let Some(page) = page else { return Ok(PendingPage::default()) };
        let page = page.into_model().map_err(failed)?;
        let next = page.next_marker.filter(|marker| !marker.is_empty());
        Ok(PendingPage { entries: page.blob_items.into_iter().filter_map(entry).collect(), next })
    }

    /// For how long there has been a sign that work is over; from the first time it is asked.
    pub(super) async fn unclear_for(
        &self,
        account: &str,
        operation: OperationId,
        sign: Sign,
    ) -> Result<Duration, ParticipantError> {
        let failed = |error: azure_core::Error| classify(&error, MARK);
        let mark = self.mark(account, operation, sign)?;
        match mark.get_properties(None).await {
            Ok(found) => Ok(clock::now() - found.last_modified().map_err(failed)?.unwrap_or_else(clock::now)),
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => {
                match write(&mark, "", &[]).await {
                    Err(error) if code(&error) != Some("BlobAlreadyExists") => Err(failed(error)),
                    _ => Ok(Duration::ZERO),
                }
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// Deletes what may be gone already.
async fn delete(note: &BlobClient, what: &str) -> Result<(), ParticipantError> {
    let options =
        BlobClientDeleteOptions { method_options: silently(), ..BlobClientDeleteOptions::default() };
    match note.delete(Some(options)).await {
        Ok(_) => Ok(()),
        Err(error) if error.http_status() == Some(StatusCode::NotFound) => Ok(()),
        Err(error) => Err(classify(&error, what)),
    }
}

fn entry(item: BlobItem) -> Option<PendingEntry> {
    let operation = OperationId::parse(item.name?.strip_prefix(PENDING)?)?;
    let written = item.properties.and_then(|properties| properties.last_modified);
    let age = written.map(|written| (clock::now() - written).whole_seconds());
    Some(PendingEntry {
        operation,
        age_seconds: age.and_then(|age| u64::try_from(age).ok()).unwrap_or_default(),
    })
}
