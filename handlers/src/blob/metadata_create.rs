//! `request.blob.metadata.create`: replaces a blob's metadata. Names keep their spelling.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::{Answer, EventData, Failure, Handler, Step, log_events};
use crate::operation_context::OperationContext;
use crate::participants::{ParticipantError, Participants};
use crate::resource_uri::ResourceUri;

/// Metadata to set: it replaces all the blob has.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "request.blob.metadata.create")]
pub struct BlobMetadataCreateRequest {
    /// On which blob.
    blob_uri: ResourceUri,
    /// All metadata the blob is to have: what it has and what is not here goes. Names are ASCII letters, digits and
    /// underscores, and do not begin with a digit.
    #[schemars(extend("minProperties" = 1, "propertyNames" = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}))]
    blob_metadata: BTreeMap<String, String>,
    operation_context: Option<OperationContext>,
}

impl EventData for BlobMetadataCreateRequest {
    const EVENT_TYPE: &'static str = "request.blob.metadata.create";

    fn operation_context(&self) -> Option<&OperationContext> {
        self.operation_context.as_ref()
    }

    fn example() -> Value {
        json!({
            "blobUri": "https://gwinbox00sasb.blob.core.windows.net/show-17/master.mxf",
            "blobMetadata": {"department": "news", "ingestId": "8812"},
            "operationContext": {"sagaId": "s-1", "step": 1},
        })
    }
}

/// The metadata is set.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.blob.metadata.success")]
pub struct BlobMetadataCreateSuccess {
    /// As requested.
    blob_uri: ResourceUri,
    /// As requested.
    blob_metadata: BTreeMap<String, String>,
}

impl Answer for BlobMetadataCreateSuccess {
    const EVENT_TYPE: &'static str = "response.blob.metadata.success";

    fn example() -> Self {
        Self {
            blob_uri: ResourceUri::new("https://gwinbox00sasb.blob.core.windows.net/show-17/master.mxf"),
            blob_metadata: BTreeMap::from([("department".into(), "news".into())]),
        }
    }
}

/// Sets the metadata.
pub struct BlobMetadataCreate;

impl Handler for BlobMetadataCreate {
    type Event = BlobMetadataCreateRequest;
    type Response = BlobMetadataCreateSuccess;

    const ID: &'static str = "EAB78688-2784-42AF-BC91-6A0E05D4AF6D";
    const CLASS: &'static str = "CreateMetadataHandler";

    fn memory(request: &Self::Event, participants: &Participants) -> Option<String> {
        participants.account_of(request.blob_uri.as_str())
    }

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        if request.blob_metadata.is_empty() {
            let message = "data.blobMetadata: expected at least one member";
            return Err(Failure::new(log_events::UNHANDLED_FAILURE, message));
        }
        let storage = step.storage()?;
        let blob = storage.locate(request.blob_uri.as_str());
        let blob = blob.map_err(Failure::of(log_events::BLOB_URI_INVALID))?;
        storage.set_metadata(&blob, &request.blob_metadata).await.map_err(not_set)?;
        Ok(BlobMetadataCreateSuccess { blob_uri: request.blob_uri, blob_metadata: request.blob_metadata })
    }
}

fn not_set(error: ParticipantError) -> Failure {
    match error {
        ParticipantError::NotFound(..) => Failure::of(log_events::METADATA_BLOB_MISSING)(error),
        error => Failure::of(log_events::METADATA_NOT_SET)(error),
    }
}
