//! `Microsoft.Storage.BlobTierChanged`: tells the requestor that an archived blob can be read again. Other changes of tier
//! are over when they are answered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::lenient::null_as_default;
use crate::base::{Answer, EventData, Failure, Handler, Kind, Recovered, Step, arrive};
use crate::participants::{Participants, Tier};
use crate::resource_uri::ResourceUri;

/// What storage reports.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Microsoft.Storage.BlobTierChanged")]
pub struct BlobTierChangedEvent {
    /// What the caller put into `x-ms-client-request-id`: the operation context, if it was one of ours.
    #[serde(default, deserialize_with = "null_as_default")]
    client_request_id: String,
    /// The tier the blob is in now.
    #[serde(default, deserialize_with = "null_as_default")]
    access_tier: String,
    /// The tier it was in.
    #[serde(default, deserialize_with = "null_as_default")]
    previous_tier: String,
    /// The blob.
    url: ResourceUri,
}

impl EventData for BlobTierChangedEvent {
    const EVENT_TYPE: &'static str = "Microsoft.Storage.BlobTierChanged";
    /// Storage sends `""`, and `"2"` from accounts with a hierarchical namespace.
    const MAJOR_VERSIONS: &'static [u32] = &[];
    const CAN_BE_MUTED: bool = true;

    fn example() -> Value {
        json!({
            "api": "SetBlobTier",
            "clientRequestId": "{\"sagaId\":\"s-1\",\"step\":3}",
            "requestId": "831e1650-001e-001b-66ab-eeb76e000000",
            "contentType": "application/mxf",
            "contentLength": 52_428_800,
            "blobType": "BlockBlob",
            "url": "https://gwlts00sasb.blob.core.windows.net/show-17/master.mxf",
            "accessTier": "Hot",
            "previousTier": "Archive",
            "sequencer": "00000000000004420000000000028963",
            "storageDiagnostics": {"batchId": "b68529f3-68cd-4744-baa4-3c0498ec19f0"},
        })
    }
}

/// A blob has left the archive and can be read.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.blob.tier.rehydrated.success")]
pub struct BlobTierRehydratedSuccess {
    /// As storage spells it.
    blob_uri: ResourceUri,
    /// The tier it is in now, in storage's own spelling.
    access_tier: String,
}

impl Answer for BlobTierRehydratedSuccess {
    const EVENT_TYPE: &'static str = "response.blob.tier.rehydrated.success";

    /// The request's own outcome was that storage began; this comes hours after it, under an id of its own.
    fn kind(&self) -> Kind {
        Kind::Interim
    }

    fn example() -> Self {
        let uri = "https://gwlts00sasb.blob.core.windows.net/show-17/master.mxf";
        Self { blob_uri: ResourceUri::new(uri), access_tier: "Hot".to_owned() }
    }
}

/// Announces the end of a rehydration.
pub struct BlobTierChanged;

impl Handler for BlobTierChanged {
    type Event = BlobTierChangedEvent;
    type Response = Option<BlobTierRehydratedSuccess>;

    const ID: &'static str = "3c6ace76-32a7-44d8-ad8e-f729e3aee4be";
    const CLASS: &'static str = "BlobTierChangedHandler";

    async fn recover(
        event: &Self::Event,
        _: &str,
        participants: &Participants,
    ) -> Result<Recovered, Failure> {
        // Everything else has been told already, and is not worth fetching a context for.
        if Tier::parse(&event.previous_tier) != Some(Tier::Archive) {
            return Ok(Recovered::Nobody);
        }
        arrive(&event.client_request_id, participants).await
    }

    async fn handle(event: Self::Event, _: &Step<'_>) -> Result<Self::Response, Failure> {
        Ok(Some(BlobTierRehydratedSuccess { blob_uri: event.url, access_tier: event.access_tier }))
    }
}
