//! Copies that go on by themselves: how they are started, known again, stopped, and watched until their end has been heard
//! of. Storage reports a copy that has succeeded; of one that failed nobody hears.

use azure_core::http::{Etag, StatusCode, Url};
use azure_core::time::Duration;
use azure_storage_blob::BlobClient;
use azure_storage_blob::models::{
    BlobClientDeleteOptions, BlobClientGetPropertiesResultHeaders, BlobClientStartCopyFromUrlOptions,
    BlobClientStartCopyFromUrlResultHeaders, BlobContainerClientListBlobsOptions,
    BlockBlobClientUploadOptions, CopyStatus,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use gridwich_handlers::operation_id::OperationId;
use gridwich_handlers::participants::{
    BlobAddress, CopyEnd, CopyRequest, EndedCopy, ParticipantError, Storage as _,
};
use serde::{Deserialize, Serialize};

use super::notes::{own_container, write};
use super::{BlobStorage, carrying, silently};
use crate::azure::classify::{classify, code};
use crate::azure::signature::COPY_LIFETIME;
use crate::clock;

/// Where copies under watch are written down, in the container that is ours.
const WATCHED: &str = "pending/";
/// `x-ms-copy-source` takes a URL of up to 2 KiB ("Copy Blob"): a name of 1,024 characters fits unless most are escaped.
const SOURCE_BYTES_MAX: usize = 2_048;
/// More copies than this are not looked at in one round, in one account.
const WATCHED_MAX: usize = 5_000;
/// Looks at once.
const LOOKS_AT_ONCE: usize = 8;
/// Storage has so long to report a copy that succeeded before we say so: Event Grid delivers within seconds, and tries again
/// after 10, 30, 60 and 300.
const REPORTED_WITHIN: Duration = Duration::minutes(10);

/// And so long where the destination shows another story: after an outage Event Grid's next try may be hours away.
const REPORTED_LATE_WITHIN: Duration = Duration::hours(6);
/// Where it is marked since when a copy seems to have ended.
const UNCLEAR: &str = "unclear/";

/// What is written down of a copy under watch.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Watched {
    copy_id: String,
    /// What was sent with it.
    carried: String,
    /// The URI of its destination.
    destination: String,
}

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
            // Of a copy that is over already storage tells by itself.
            Ok(begun) if begun.copy_status().map_err(failed)? == Some(CopyStatus::Success) => Ok(()),
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
        let watched = Watched {
            copy_id: copy_id.to_owned(),
            carried: copy.carried.as_str().to_owned(),
            destination: self.uri(copy.destination),
        };
        let account = &copy.destination.container.account;
        let client = self.container(&own_container(account))?.blob_client(&name(copy.note.operation));
        let options = BlockBlobClientUploadOptions {
            blob_content_type: Some("application/json".to_owned()),
            method_options: silently(),
            ..BlockBlobClientUploadOptions::default()
        };
        let text = serde_json::to_vec(&watched).unwrap_or_default();
        match client.upload(Bytes::from(text).into(), Some(options)).await {
            Ok(_) => Ok(()),
            Err(error) => match classify(&error, "the watch over the copy") {
                passing if passing.is_passing() => Err(passing),
                // The copy runs all the same.
                refused => {
                    tracing::warn!(operation.id = %copy.note.operation, "a copy is not watched: {refused}");
                    Ok(())
                }
            },
        }
    }

    pub(super) async fn find_watched(
        &self,
        account: &str,
        operation: OperationId,
    ) -> Result<Option<String>, ParticipantError> {
        let client = self.container(&own_container(account))?.blob_client(&name(operation));
        let watched = read_watched(&client).await;
        let watched = watched.map_err(|error| classify(&error, "the watch over the copy"))?;
        Ok(watched.map(|watched| watched.copy_id))
    }

    /// For how long a copy has seemed to have ended; from the first time it is asked.
    async fn unclear_for(&self, account: &str, operation: OperationId) -> azure_core::Result<Duration> {
        let Ok(container) = self.container(&own_container(account)) else { return Ok(Duration::ZERO) };
        let mark = container.blob_client(&format!("{UNCLEAR}{}", operation.digits()));
        match mark.get_properties(None).await {
            Ok(found) => Ok(clock::now() - found.last_modified()?.unwrap_or_else(clock::now)),
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => {
                match write(&mark, "", &[]).await {
                    Err(error) if code(&error) != Some("BlobAlreadyExists") => Err(error),
                    _ => Ok(Duration::ZERO),
                }
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn unwatch_copy(
        &self,
        account: &str,
        operation: OperationId,
    ) -> Result<(), ParticipantError> {
        let client = self.container(&own_container(account))?.blob_client(&name(operation));
        let options =
            BlobClientDeleteOptions { method_options: silently(), ..BlobClientDeleteOptions::default() };
        match client.delete(Some(options)).await {
            Ok(_) => Ok(()),
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => Ok(()),
            Err(error) => Err(classify(&error, "the watch over the copy")),
        }
    }

    /// An account that cannot be looked at does not keep the others from being looked at.
    pub(super) async fn find_ended_copies(&self) -> Result<Vec<EndedCopy>, ParticipantError> {
        let mut ended = Vec::new();
        let mut trouble = None;
        for account in self.accounts.keys() {
            match self.ended_copies_in(account).await {
                Ok(found) => ended.extend(found),
                Err(error) => trouble = Some(classify(&error, &format!("the storage account {account:?}"))),
            }
        }
        match trouble {
            Some(error) if ended.is_empty() => Err(error),
            _ => Ok(ended),
        }
    }

    async fn ended_copies_in(&self, account: &str) -> azure_core::Result<Vec<EndedCopy>> {
        let Ok(container) = self.container(&own_container(account)) else { return Ok(Vec::new()) };
        let options = BlobContainerClientListBlobsOptions {
            prefix: Some(WATCHED.to_owned()),
            ..BlobContainerClientListBlobsOptions::default()
        };
        let listing = container.list_blobs(Some(options))?.take(WATCHED_MAX);
        let names = match listing.try_filter_map(async |item| Ok(item.name)).try_collect::<Vec<_>>().await {
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => return Ok(Vec::new()),
            names => names?,
        };
        let looks = names.into_iter().map(async |name| {
            let ended = self.end_of(account, &name).await;
            ended.unwrap_or_else(|error| {
                // One that cannot be looked at does not keep the others from being looked at.
                let what = classify(&error, "a copy under way");
                tracing::warn!(operation.id = name, "{what}");
                None
            })
        });
        let found = futures_util::stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE);
        Ok(found.filter_map(async |ended| ended).collect().await)
    }

    async fn end_of(&self, account: &str, name: &str) -> azure_core::Result<Option<EndedCopy>> {
        let operation = name.strip_prefix(WATCHED).and_then(OperationId::parse);
        let (Some(operation), Ok(container)) = (operation, self.container(&own_container(account))) else {
            return Ok(None);
        };
        // It may have been forgotten by somebody else meanwhile.
        let Some(watched) = read_watched(&container.blob_client(name)).await? else { return Ok(None) };
        let (end, reason) = match self.end(&watched).await? {
            End::NotYet => return Ok(None),
            End::Clear(end, reason) => (end, reason),
            End::Unclear(end) => {
                let patience = if end == CopyEnd::Succeeded { REPORTED_WITHIN } else { REPORTED_LATE_WITHIN };
                if self.unclear_for(account, operation).await? < patience {
                    return Ok(None);
                }
                (end, String::new())
            }
        };
        let Watched { carried, destination, .. } = watched;
        Ok(Some(EndedCopy { account: account.to_owned(), operation, carried, destination, end, reason }))
    }

    async fn end(&self, watched: &Watched) -> azure_core::Result<End> {
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

/// How a copy under watch stands.
enum End {
    /// It goes on.
    NotYet,
    /// It has ended, and nobody else tells of it.
    Clear(CopyEnd, String),
    /// It seems to have ended like this; but it may have succeeded before, and storage may be about to tell.
    Unclear(CopyEnd),
}

/// What is written down there of a copy under watch; nothing where it is not there or not of ours.
async fn read_watched(client: &BlobClient) -> azure_core::Result<Option<Watched>> {
    let content = match client.download(None).await {
        Err(error) if error.http_status() == Some(StatusCode::NotFound) => return Ok(None),
        content => content?.body.collect().await?,
    };
    Ok(serde_json::from_slice(&content).ok())
}

fn name(operation: OperationId) -> String {
    format!("{WATCHED}{}", operation.digits())
}
