//! `Gridwich.CopyEnded`: a copy has ended of which storage has told nobody. Raised by our own watch over copies, never
//! delivered by a courier.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::blob_created::{BlobCreated, BlobCreatedSuccess, announced};
use crate::base::{EventData, Failure, Handler, Recovered, Step, arrive_with_end, log_events};
use crate::participants::{CopyEnd, Participants};
use crate::resource_uri::ResourceUri;

/// What the watch found.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CopyEndedEvent {
    /// What was sent with the copy.
    pub client_request_id: String,
    /// The destination.
    pub url: ResourceUri,
    /// How it ended.
    pub end: CopyEnd,
    /// Storage's reason, where it gave one.
    pub reason: String,
}

impl EventData for CopyEndedEvent {
    const EVENT_TYPE: &'static str = "Gridwich.CopyEnded";
    const MAJOR_VERSIONS: &'static [u32] = &[];
    const CAN_BE_MUTED: bool = true;
    const IS_INTERNAL: bool = true;
    const REPORTED_AS: &'static str = "request.blob.copy";

    fn example() -> Value {
        json!({
            "clientRequestId": "{\"sagaId\":\"s-1\",\"step\":2}",
            "url": "https://gwlts00sasb.blob.core.windows.net/show-17/master.mxf",
            "end": "Failed",
            "reason": "404 NotFound \"Copy failed when reading the source.\"",
        })
    }
}

/// Says how the copy ended, as `BlobCreated` would have.
pub struct CopyEnded;

impl Handler for CopyEnded {
    type Event = CopyEndedEvent;
    type Response = BlobCreatedSuccess;

    const ID: &'static str = BlobCreated::ID;
    const CLASS: &'static str = BlobCreated::CLASS;
    /// Storage may have told the end already, and what has become of the blob since is another story.
    const ONCE_AT_MOST: bool = true;

    async fn recover(
        event: &Self::Event,
        _: &str,
        participants: &Participants,
    ) -> Result<Recovered, Failure> {
        arrive_with_end(&event.client_request_id, event.url.as_str(), participants).await
    }

    async fn handle(event: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let became = match event.end {
            CopyEnd::Succeeded => return announced(event.url, true, step).await,
            CopyEnd::Failed => format!("failed: {}", event.reason),
            CopyEnd::Aborted => "was aborted".to_owned(),
            CopyEnd::Replaced => "was overtaken: something else has been written there".to_owned(),
            CopyEnd::Deleted => "was lost: the blob has been deleted".to_owned(),
        };
        let message = format!("the copy to {} {became}", event.url);
        Err(Failure::reported(log_events::COPY_NOT_COMPLETED, message))
    }
}
