//! `request.blob.copy`: starts a copy that storage carries out by itself. Its end is `blob_created`'s business.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::{
    Answer, EventData, Failure, Handler, Kind, Step, begin, begun_before, has_had_effect, log_events,
};
use crate::operation_context::OperationContext;
use crate::participants::{BlobProperties, CopyRequest, ParticipantError, Participants};
use crate::resource_uri::ResourceUri;

/// A blob to copy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "request.blob.copy")]
pub struct BlobCopyRequest {
    /// What to copy. No signature is needed: Gridwich has its own rights.
    source_uri: ResourceUri,
    /// Where to. Its container is made if missing; a blob that is there is replaced.
    destination_uri: ResourceUri,
    operation_context: Option<OperationContext>,
}

impl EventData for BlobCopyRequest {
    const EVENT_TYPE: &'static str = "request.blob.copy";

    fn operation_context(&self) -> Option<&OperationContext> {
        self.operation_context.as_ref()
    }

    fn example() -> Value {
        json!({
            "sourceUri": "https://gwinbox00sasb.blob.core.windows.net/show-17/master.mxf",
            "destinationUri": "https://gwlts00sasb.blob.core.windows.net/show-17/master.mxf",
            "operationContext": {"sagaId": "s-1", "step": 2},
        })
    }
}

/// Storage is copying; `response.blob.created.success` follows when the blob is there.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.blob.copy.scheduled")]
pub struct BlobCopyScheduled {
    /// As requested.
    source_uri: ResourceUri,
    /// As requested.
    destination_uri: ResourceUri,
    /// The source's metadata, names as spelled; the copy gets the same.
    blob_metadata: BTreeMap<String, String>,
}

impl Answer for BlobCopyScheduled {
    const EVENT_TYPE: &'static str = "response.blob.copy.scheduled";

    fn kind(&self) -> Kind {
        Kind::Interim
    }

    fn example() -> Self {
        Self {
            source_uri: ResourceUri::new("https://gwinbox00sasb.blob.core.windows.net/show-17/master.mxf"),
            destination_uri: ResourceUri::new("https://gwlts00sasb.blob.core.windows.net/show-17/master.mxf"),
            blob_metadata: BTreeMap::from([("department".into(), "news".into())]),
        }
    }
}

/// Starts the copy. Everything that can fail is tried before it starts.
pub struct BlobCopy;

impl Handler for BlobCopy {
    type Event = BlobCopyRequest;
    type Response = BlobCopyScheduled;

    const ID: &'static str = "C5BC453D-58CF-4F16-A2FF-16647F6CBF81";
    const CLASS: &'static str = "BlobCopyHandler";
    const CONTINUES_WITH: &'static [&'static str] = &["Microsoft.Storage.BlobCreated"];
    const HANDS_OVER: bool = true;

    fn memory(request: &Self::Event, participants: &Participants) -> Option<String> {
        participants.account_of(request.destination_uri.as_str())
    }

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let storage = step.storage()?;
        let locate = |uri: &ResourceUri| {
            storage.locate(uri.as_str()).map_err(Failure::of(log_events::COPY_URI_INVALID))
        };
        let (source, destination) = (locate(&request.source_uri)?, locate(&request.destination_uri)?);
        if source == destination {
            let message = "sourceUri and destinationUri name the same blob";
            return Err(Failure::new(log_events::COPY_URI_INVALID, message));
        }
        let account = &destination.container.account;
        if step.operation.tries_before > 0
            && has_had_effect(account, log_events::COPY_NOT_STARTED, step).await?
        {
            // It runs, or has ended: its source and its destination may have become something else since.
            let blob_metadata =
                storage.properties(&source).await.map(|found| found.metadata).unwrap_or_default();
            let BlobCopyRequest { source_uri, destination_uri, .. } = request;
            return Ok(BlobCopyScheduled { source_uri, destination_uri, blob_metadata });
        }
        let found = match storage.properties(&source).await {
            // It may have been started before the source went.
            Err(missing @ ParticipantError::NotFound(..)) => match begun_before(step, account).await? {
                Some(before) => BlobProperties { etag: before.about, ..BlobProperties::default() },
                None => return Err(not_read(missing)),
            },
            found => found.map_err(not_read)?,
        };
        let container = storage.create_container(&destination.container, step.operation.id).await;
        container.map_err(Failure::of(log_events::COPY_CONTAINER))?;
        let begun = begin(step, account, &found.etag).await?;
        let copy = CopyRequest {
            source: &source,
            source_etag: &found.etag,
            destination: &destination,
            note: &begun.note,
            is_repeated: begun.before.is_some(),
            carried: &begun.carried(step, storage.context_bytes_max()),
        };
        storage.start_copy(copy).await.map_err(Failure::of(log_events::COPY_NOT_STARTED))?;
        Ok(BlobCopyScheduled {
            source_uri: request.source_uri,
            destination_uri: request.destination_uri,
            blob_metadata: found.metadata,
        })
    }
}

/// A source that is not there made the original's copy fail to start.
fn not_read(error: ParticipantError) -> Failure {
    match error {
        ParticipantError::NotFound(..) => Failure::of(log_events::COPY_NOT_STARTED)(error),
        error => Failure::of(log_events::BLOB_PROPERTIES)(error),
    }
}
