//! Copies that go on by themselves: how they are started, known again, stopped, and how they ended. Storage reports a copy
//! that has succeeded; of one that failed nobody hears. Where they are written down meanwhile is `pending`'s.

use azure_core::http::{Etag, StatusCode, Url};
use azure_core::time::Duration;
use azure_storage_blob::models::{
    BlobClientGetPropertiesResultHeaders, BlobClientStartCopyFromUrlOptions,
    BlobClientStartCopyFromUrlResultHeaders, CopyStatus,
};
use gridwich_handlers::operation_id::OperationId;
use gridwich_handlers::participants::{
    BlobAddress, CopyEnd, CopyRequest, EndedCopy, ParticipantError, Pending, PendingCopy, Sign, Storage as _,
};

use super::{BlobStorage, carrying};
use crate::azure::classify::{classify, code};
use crate::azure::signature::COPY_LIFETIME;
use crate::clock;

/// `x-ms-copy-source` takes a URL of up to 2 KiB ("Copy Blob"): a name of 1,024 characters fits unless most are escaped.
const SOURCE_BYTES_MAX: usize = 2_048;
/// Storage has so long to report a copy that succeeded before we say so: Event Grid delivers within seconds, and tries again
/// after 10, 30, 60 and 300.
const REPORTED_WITHIN: Duration = Duration::minutes(10);

/// And so long where the destination shows another story: after an outage Event Grid's next try may be hours away.
const REPORTED_LATE_WITHIN: Duration = Duration::hours(6);

impl BlobStorage {
    pub(super) async fn begin_copy(&self, copy: CopyRequest<'_>) -> Result<(), ParticipantError> {
        let what = format!("the copy to {}", self.uri(copy.destination));
        let failed = |error: azure_core::Error| classify(&error, &what);
        if copy.is_repeated
            && let Some(started) = self.started_since(&copy).await.map_err(failed)?
        {
            // It may be another's, which will be reported as that; the watch tells of this one.
            return self.watch(&copy, &started).await;
        }
        let options = BlobClientStartCopyFromUrlOptions {
            source_if_match: Some(Etag::from(copy.source_etag.to_owned())),
            method_options: carrying(copy.carried),
            ..BlobClientStartCopyFromUrlOptions::default()
        };
        let source = self.source_url(&copy).await?;
        let begun = self.blob(copy.destination)?.start_copy_from_url(source.into(), Some(options)).await;
        match begun {
            // Also one that is over already: storage's word of it may be lost.
            Ok(begun) => {
                let copy_id = begun.copy_id().map_err(failed)?.unwrap_or_default();
                self.watch(&copy, &copy_id).await
            }
            Err(error) if code(&error) == Some("PendingCopyOperation") => {
                let started = self.started_since(&copy).await.map_err(failed)?;
                let started = started.ok_or_else(|| failed(error))?;
                self.watch(&copy, &started).await
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// The id of the copy from this source that the destination shows, if it was started since this one was noted.
    async fn started_since(&self, copy: &CopyRequest<'_>) -> azure_core::Result<Option<String>> {
        let (Ok(destination), Ok(note)) = (self.blob(copy.destination), self.note(copy.note)) else {
            return Ok(None);
        };
        let there = match destination.get_properties(None).await {
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => return Ok(None),
            there => there?,
        };
        let since = match there.copy_status()? {
            Some(CopyStatus::Pending) => there.last_modified()?,
            Some(CopyStatus::Success | CopyStatus::Aborted | CopyStatus::Failed) => {
                there.copy_completion_time()?
            }
            None => return Ok(None),
        };
        let noted = note.get_properties(None).await?.last_modified()?;
        let from = there.copy_source()?.unwrap_or_default();
        let from = self.locate(from.split('?').next().unwrap_or_default()).ok();
        let is_this = from.as_ref() == Some(copy.source) && since >= noted;
        Ok(is_this.then_some(there.copy_id()?.unwrap_or_default()))
    }

    /// The URL storage reads a copy's source from: signed, unless the destination's key opens it too.
    async fn source_url(&self, copy: &CopyRequest<'_>) -> Result<Url, ParticipantError> {
        let account = self.account(&copy.source.container.account)?;
        let mut url = self.blob(copy.source)?.url().clone();
        if copy.source.container.account != copy.destination.container.account || !account.has_key() {
            url.set_query(Some(&self.signature(copy.source, COPY_LIFETIME).await?));
        }
        if url.as_str().len() > SOURCE_BYTES_MAX {
            let bytes = url.as_str().len();
            let message = format!(
                "the URL of the copy's source has {bytes} bytes with its signature: expected at most {SOURCE_BYTES_MAX}"
            );
            return Err(ParticipantError::Rejected(message, None));
        }
        Ok(url)
    }

    /// A query that lets whoever has it read a blob.
    pub(super) async fn signature(
        &self,
        blob: &BlobAddress,
        lifetime: Duration,
    ) -> Result<String, ParticipantError> {
        let account = self.account(&blob.container.account)?;
        let query = account.read_signature(blob, clock::now(), lifetime).await;
        query.map_err(|error| classify(&error, &self.uri(blob)))
    }

    pub(super) async fn stop_copy(
        &self,
        destination: &BlobAddress,
        copy_id: &str,
    ) -> Result<(), ParticipantError> {
        let what = format!("the copy to {}", self.uri(destination));
        let stopped = self.blob(destination)?.abort_copy(copy_id, None).await;
        stopped.map(|_| ()).map_err(|error| classify(&error, &what))
    }

    /// Writes down a copy that storage may tell nobody of; the container is there, because the operation was noted in it.
    async fn watch(&self, copy: &CopyRequest<'_>, copy_id: &str) -> Result<(), ParticipantError> {
        let pending = Pending::Copy(PendingCopy {
            copy_id: copy_id.to_owned(),
            carried: copy.carried.as_str().to_owned(),
            destination: self.uri(copy.destination),
        });
        self.write_pending(&copy.destination.container.account, copy.note.operation, &pending).await
    }

    pub(super) async fn find_copy_end(
        &self,
        account: &str,
        operation: OperationId,
        copy: &PendingCopy,
    ) -> Result<Option<EndedCopy>, ParticipantError> {
        let end = self.end(copy).await.map_err(|error| classify(&error, "a copy under way"))?;
        match end {
            End::NotYet => Ok(None),
            End::Clear(end, reason) => Ok(Some(EndedCopy { end, reason })),
            End::Unclear(end) => {
                let patience = if end == CopyEnd::Succeeded { REPORTED_WITHIN } else { REPORTED_LATE_WITHIN };
                let since = self.unclear_for(account, operation, Sign::Ended).await?;
                Ok((since >= patience).then(|| EndedCopy { end, reason: String::new() }))
            }
        }
    }

    async fn end(&self, watched: &PendingCopy) -> azure_core::Result<End> {
        let destination = self.locate(&watched.destination).and_then(|address| self.blob(&address));
        let Ok(destination) = destination else { return Ok(End::NotYet) };
        let there = match destination.get_properties(None).await {
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => {
                return Ok(End::Unclear(CopyEnd::Deleted));
            }
            there => there?,
        };
        if there.copy_id()?.as_deref() != Some(watched.copy_id.as_str()) {
            return Ok(End::Unclear(CopyEnd::Replaced));
        }
        Ok(match there.copy_status()? {
            Some(CopyStatus::Pending) => End::NotYet,
            Some(CopyStatus::Aborted) => End::Clear(CopyEnd::Aborted, String::new()),
            Some(CopyStatus::Failed) => {
                End::Clear(CopyEnd::Failed, there.copy_status_description()?.unwrap_or_default())
            }
            Some(CopyStatus::Success) => End::Unclear(CopyEnd::Succeeded),
            None => End::Unclear(CopyEnd::Replaced),
        })
    }
}

/// How a pending copy stands.
enum End {
    /// It goes on.
    NotYet,
    /// It has ended, and nobody else tells of it.
    Clear(CopyEnd, String),
    /// It seems to have ended like this; but it may have succeeded before, and storage may be about to tell.
    Unclear(CopyEnd),
}
