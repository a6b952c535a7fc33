//! `request.blob.delete`: deletes a blob with its snapshots. That it is gone is `blob_deleted`'s to say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::blob_deleted::BlobDeleteSuccess;
use crate::base::{
    Answer, Either, EventData, Failure, Handler, Kind, Step, begin, begun_before, has_had_effect, log_events,
};
use crate::operation_context::OperationContext;
use crate::participants::{ParticipantError, Participants, Pending, PendingDeletion};
use crate::resource_uri::ResourceUri;

/// A blob to delete.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "request.blob.delete")]
pub struct BlobDeleteRequest {
    /// Which. Its snapshots go with it.
    blob_uri: ResourceUri,
    operation_context: Option<OperationContext>,
}

impl EventData for BlobDeleteRequest {
    const EVENT_TYPE: &'static str = "request.blob.delete";

    fn operation_context(&self) -> Option<&OperationContext> {
        self.operation_context.as_ref()
    }

    fn example() -> Value {
        json!({
            "blobUri": "https://gwinbox00sasb.blob.core.windows.net/show-17/master.mxf",
            "operationContext": {"sagaId": "s-1", "step": 9},
        })
    }
}

/// The blob is being deleted; `response.blob.delete.success` follows when it is gone.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.blob.delete.scheduled")]
pub struct BlobDeleteScheduled {
    /// As requested.
    blob_uri: ResourceUri,
    /// The blob's metadata as it was; empty when it had none.
    blob_metadata: BTreeMap<String, String>,
}

impl Answer for BlobDeleteScheduled {
    const EVENT_TYPE: &'static str = "response.blob.delete.scheduled";

    fn kind(&self) -> Kind {
        Kind::Interim
    }

    fn example() -> Self {
        Self {
            blob_uri: ResourceUri::new("https://gwinbox00sasb.blob.core.windows.net/show-17/master.mxf"),
            blob_metadata: BTreeMap::from([("department".into(), "news".into())]),
        }
    }
}

/// Deletes the version that was looked at, and no other.
pub struct BlobDelete;

impl Handler for BlobDelete {
    type Event = BlobDeleteRequest;
    type Response = Either<BlobDeleteScheduled, BlobDeleteSuccess>;

    const ID: &'static str = "13244CB5-64F7-4C64-87B7-D7B0001E028F";
    const CLASS: &'static str = "BlobDeleteHandler";
    const CONTINUES_WITH: &'static [&'static str] = &["Microsoft.Storage.BlobDeleted"];
    const HANDS_OVER: bool = true;

    fn memory(request: &Self::Event, participants: &Participants) -> Option<String> {
        participants.account_of(request.blob_uri.as_str())
    }

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let storage = step.storage()?;
        let blob = storage.locate(request.blob_uri.as_str());
        let blob = blob.map_err(Failure::of(log_events::DELETE_URI_INVALID))?;
        let account = &blob.container.account;
        // Storage may have told somebody else, or us before; the id is the same.
        let gone =
            |request: BlobDeleteRequest| Ok(Either::Other(BlobDeleteSuccess { blob_uri: request.blob_uri }));
        let found = match storage.properties(&blob).await {
            // Only who began to delete it can know that it was there.
            Err(missing @ ParticipantError::NotFound(..)) => {
                return if begun_before(step, account).await?.is_some() {
                    gone(request)
                } else {
                    Err(Failure::of(log_events::NO_SUCH_BLOB_TO_DELETE)(missing))
                };
            }
            found => found.map_err(Failure::of(log_events::BLOB_PROPERTIES))?,
        };
        let begun = begin(step, account, &found.etag).await?;
        if begun.before.as_ref().is_some_and(|before| found.etag != before.about) {
            // What was to be deleted may have been; then this is another blob in its place.
            return if has_had_effect(account, log_events::BLOB_NOT_DELETED, step).await? {
                gone(request)
            } else {
                let message = format!("{} has been changed since it was to be deleted", request.blob_uri);
                // Storage may be about to report that it was deleted before.
                Err(Failure::not_yet(log_events::BLOB_NOT_DELETED, message))
            };
        }
        let carried = begun.carried(step, storage.context_bytes_max());
        match storage.delete(&blob, &found.etag, &carried).await {
            Ok(()) => {}
            // A repeated try of ours finds nothing left, or somebody else was faster.
            Err(ParticipantError::NotFound(..)) => return gone(request),
            Err(error) => return Err(Failure::of(log_events::BLOB_NOT_DELETED)(error)),
        }
        // Written down after the effect, so that what is written down has happened: whoever is killed in between leaves a
        // request that comes again, and finds nothing left.
        let is_muted = step.operation.context.as_ref().is_some_and(OperationContext::is_muted);
        if !is_muted {
            let deletion =
                PendingDeletion { deleted: storage.uri(&blob), carried: carried.as_str().to_owned() };
            let written = storage.write_down(account, step.operation.id, &Pending::Deletion(deletion)).await;
            written.map_err(Failure::of(log_events::BLOB_NOT_DELETED))?;
        }
        let (blob_uri, blob_metadata) = (request.blob_uri, found.metadata);
        Ok(Either::One(BlobDeleteScheduled { blob_uri, blob_metadata }))
    }
}
