//! `Microsoft.Storage.BlobDeleted`: tells the requestor that a blob is gone. Not who deleted it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::lenient::null_as_default;
use crate::base::{Answer, EventData, Failure, Handler, Recovered, Step, arrive_with_end, log_events};
use crate::participants::Participants;
use crate::resource_uri::ResourceUri;

/// What storage reports.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Microsoft.Storage.BlobDeleted")]
pub struct BlobDeletedEvent {
    /// What the caller put into `x-ms-client-request-id`: the operation context, if it was one of ours.
    #[serde(default, deserialize_with = "null_as_default")]
    pub client_request_id: String,
    /// The blob.
    pub url: ResourceUri,
}

impl EventData for BlobDeletedEvent {
    const EVENT_TYPE: &'static str = "Microsoft.Storage.BlobDeleted";
    /// Storage sends `""`, and `"2"` from accounts with a hierarchical namespace.
    const MAJOR_VERSIONS: &'static [u32] = &[];
    const CAN_BE_MUTED: bool = true;

    fn example() -> Value {
        json!({
            "api": "DeleteBlob",
            "clientRequestId": "{\"sagaId\":\"s-1\",\"step\":9}",
            "requestId": "831e1650-001e-001b-66ab-eeb76e000000",
            "contentType": "application/mxf",
            "blobType": "BlockBlob",
            "url": "https://gwinbox00sasb.blob.core.windows.net/show-17/master.mxf",
            "sequencer": "00000000000004420000000000028963",
            "storageDiagnostics": {"batchId": "b68529f3-68cd-4744-baa4-3c0498ec19f0"},
        })
    }
}

/// A blob is gone: the end of a delete, or anybody's doing.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.blob.delete.success")]
pub struct BlobDeleteSuccess {
    /// As storage spells it.
    pub(super) blob_uri: ResourceUri,
}

impl Answer for BlobDeleteSuccess {
    const EVENT_TYPE: &'static str = "response.blob.delete.success";

    fn example() -> Self {
        let uri = "https://gwinbox00sasb.blob.core.windows.net/show-17/master.mxf";
        Self { blob_uri: ResourceUri::new(uri) }
    }
}

/// Announces that a blob is gone.
pub struct BlobDeleted;

impl Handler for BlobDeleted {
    type Event = BlobDeletedEvent;
    type Response = BlobDeleteSuccess;

    const ID: &'static str = "ed59019b-5e8e-43a7-8b83-490611cdb722";
    const CLASS: &'static str = "BlobDeletedHandler";

    async fn recover(
        event: &Self::Event,
        _: &str,
        participants: &Participants,
    ) -> Result<Recovered, Failure> {
        // A deletion that is asked for again learns from the end that it has had its effect.
        arrive_with_end(&event.client_request_id, event.url.as_str(), participants).await
    }

    async fn handle(event: Self::Event, _: &Step<'_>) -> Result<Self::Response, Failure> {
        if !event.url.as_str().contains("://") {
            let message = format!("data.url: expected an absolute URI, found {}", event.url);
            return Err(Failure::new(log_events::DELETED_BLOB_URL, message));
        }
        Ok(BlobDeleteSuccess { blob_uri: event.url })
    }
}
