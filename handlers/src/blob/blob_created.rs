//! `Microsoft.Storage.BlobCreated`: tells the requestor that a blob is there. Not what made it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::lenient::null_as_default;
use crate::base::{
    Answer, EventData, Failure, Handler, Recovered, Step, arrive, arrive_with_end, is_ours, log_events,
};
use crate::participants::{BlobProperties, CopyState, ParticipantError, Participants, Pending};
use crate::resource_uri::ResourceUri;

/// What storage reports.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Microsoft.Storage.BlobCreated")]
pub struct BlobCreatedEvent {
    /// The call that made the blob, for example `CopyBlob`.
    #[serde(default, deserialize_with = "null_as_default")]
    api: String,
    /// What the caller put into `x-ms-client-request-id`: the operation context, if it was one of ours.
    #[serde(default, deserialize_with = "null_as_default")]
    client_request_id: String,
    /// The blob.
    url: ResourceUri,
}

/// The calls that make an empty file, or part of one, on an account with a hierarchical namespace, long before it is
/// complete.
const UNFINISHED: [&str; 3] = ["CreateFile", "SftpCreate", "SftpWrite"];
/// The call that makes a copy.
const COPIED: &str = "CopyBlob";

impl EventData for BlobCreatedEvent {
    const EVENT_TYPE: &'static str = "Microsoft.Storage.BlobCreated";
    /// Storage sends `""`, and `"2"` from accounts with a hierarchical namespace.
    const MAJOR_VERSIONS: &'static [u32] = &[];
    const CAN_BE_MUTED: bool = true;

    fn example() -> Value {
        json!({
            "api": "CopyBlob",
            "clientRequestId": "{\"sagaId\":\"s-1\",\"step\":2}",
            "requestId": "831e1650-001e-001b-66ab-eeb76e000000",
            "eTag": "0x8D4BCC2E4835CD0",
            "contentType": "application/mxf",
            "contentLength": 52_428_800,
            "blobType": "BlockBlob",
            "url": "https://gwlts00sasb.blob.core.windows.net/show-17/master.mxf",
            "sequencer": "00000000000004420000000000028963",
            "storageDiagnostics": {"batchId": "b68529f3-68cd-4744-baa4-3c0498ec19f0"},
        })
    }
}

/// A blob is there: the end of a copy, or of anybody's upload.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.blob.created.success")]
pub struct BlobCreatedSuccess {
    /// As storage spells it.
    blob_uri: ResourceUri,
    /// The blob's metadata, names as spelled; absent when it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_metadata: Option<BTreeMap<String, String>>,
}

impl Answer for BlobCreatedSuccess {
    const EVENT_TYPE: &'static str = "response.blob.created.success";

    fn example() -> Self {
        let uri = "https://gwlts00sasb.blob.core.windows.net/show-17/master.mxf";
        Self {
            blob_uri: ResourceUri::new(uri),
            blob_metadata: Some(BTreeMap::from([("department".into(), "news".into())])),
        }
    }
}

/// Announces a blob that is complete, and the failure of a copy that ended without success.
pub struct BlobCreated;

impl Handler for BlobCreated {
    type Event = BlobCreatedEvent;
    type Response = Option<BlobCreatedSuccess>;

    const ID: &'static str = "9d87e668-8d8c-4dd7-a7e2-b84ff6a53784";
    const CLASS: &'static str = "BlobCreatedHandler";

    async fn recover(
        event: &Self::Event,
        _: &str,
        participants: &Participants,
    ) -> Result<Recovered, Failure> {
        // Only ends that the watch might tell, too, need to be remembered.
        if event.api == COPIED {
            return arrive_with_end(&event.client_request_id, event.url.as_str(), participants).await;
        }
        arrive(&event.client_request_id, participants).await
    }

    async fn handle(event: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        if UNFINISHED.contains(&event.api.as_str()) {
            return Ok(None);
        }
        let is_our_copy = event.api == COPIED && is_ours(&event.client_request_id);
        announced(event.url, is_our_copy, step).await.map(Some)
    }
}

/// What there is to say of a blob once no copy onto it is under way any more. Whether it is a copy, and not something that
/// somebody wrote there, decides whether the copy's fate is its own.
pub(super) async fn announced(
    url: ResourceUri,
    is_copy: bool,
    step: &Step<'_>,
) -> Result<BlobCreatedSuccess, Failure> {
    let properties = match look(&url, is_copy, step).await {
        Ok(properties) => properties,
        Err(error) if error.is_passing() => return Err(Failure::of(log_events::BLOB_PROPERTIES)(error)),
        Err(error) => {
            let log_event = log_events::CREATED_BLOB_METADATA;
            tracing::warn!(log_event.id = log_event.id, operation.id = %step.operation.id, "{}: {error}", log_event.name);
            None
        }
    };
    if let Some(properties) = properties.as_ref().filter(|_| is_copy) {
        verify_copy(&url, properties, step).await?;
    }
    Ok(BlobCreatedSuccess { blob_uri: url, blob_metadata: properties.map(|properties| properties.metadata) })
}

/// What is there once no copy is under way any more; at once when our copy has ended and the one under way is another.
async fn look(
    url: &ResourceUri,
    is_copy: bool,
    step: &Step<'_>,
) -> Result<Option<BlobProperties>, ParticipantError> {
    let Some(storage) = step.participants.storage.as_deref() else {
        return Err(ParticipantError::NotFound("storage".to_owned(), None));
    };
    let blob = storage.locate(url.as_str())?;
    if is_copy
        && let Some(Pending::Copy(ours)) = storage.pending(&blob.container.account, step.operation.id).await?
        && storage.properties(&blob).await?.copy_id != Some(ours.copy_id)
    {
        // The event itself proves that ours succeeded; what is there now is another's.
        return Ok(None);
    }
    storage.settled_properties(&blob).await.map(Some)
}

/// A copy must have ended well, and with the checksum of its source where both have one.
async fn verify_copy(url: &ResourceUri, found: &BlobProperties, step: &Step<'_>) -> Result<(), Failure> {
    let failed =
        |log_event, became: &str| Err(Failure::reported(log_event, format!("the copy to {url} {became}")));
    match &found.copy {
        Some(CopyState::Aborted) => failed(log_events::COPY_NOT_COMPLETED, "was aborted"),
        Some(CopyState::Failed(reason)) => {
            failed(log_events::COPY_NOT_COMPLETED, &format!("failed: {reason}"))
        }
        Some(CopyState::Success) if !has_checksum_of_source(found, step).await => {
            failed(log_events::COPY_CHECKSUM, "has another checksum than its source")
        }
        // A copy that is under way still is not settled.
        Some(CopyState::Pending | CopyState::Success) | None => Ok(()),
    }
}

/// A source that has changed since, is gone or has no checksum says nothing against its copy.
async fn has_checksum_of_source(found: &BlobProperties, step: &Step<'_>) -> bool {
    let (Some(copied), Some(from)) = (&found.content_md5, &found.copied_from) else { return true };
    let Some(storage) = step.participants.storage.as_deref() else { return true };
    let Ok(source) = storage.properties(from).await else { return true };
    let is_as_copied = source.last_modified < found.last_modified && source.bytes == found.bytes;
    !is_as_copied || source.content_md5.is_none_or(|md5| md5 == *copied)
}
