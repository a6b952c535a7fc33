//! `request.blob.sas-url.create`: a URL that lets its holder read one blob for a while. Off unless the operator switched it
//! on, because whoever reads the answer can read the blob.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::{Answer, Effect, EventData, Failure, Handler, Step, log_events};
use crate::operation_context::OperationContext;
use crate::participants::{ParticipantError, SignedUrl};
use crate::resource_uri::ResourceUri;

/// A URL to sign.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "request.blob.sas-url.create")]
pub struct BlobSasUrlCreateRequest {
    /// For which blob.
    blob_uri: ResourceUri,
    /// For how many seconds from now.
    #[schemars(range(min = 1))]
    sec_to_live: i64,
    operation_context: Option<OperationContext>,
}

impl EventData for BlobSasUrlCreateRequest {
    const EVENT_TYPE: &'static str = "request.blob.sas-url.create";

    fn operation_context(&self) -> Option<&OperationContext> {
        self.operation_context.as_ref()
    }

    fn example() -> Value {
        json!({
            "blobUri": "https://gwproxy00sasb.blob.core.windows.net/show-17/low.mp4",
            "secToLive": 1200,
            "operationContext": {"u": "ed-3"},
        })
    }
}

/// The URL.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.blob.sas-url.success")]
pub struct BlobSasUrlCreateSuccess {
    /// The blob's URI with a signature that allows reading and nothing else.
    #[serde(serialize_with = "revealed")]
    #[schemars(with = "ResourceUri")]
    sas_url: SignedUrl,
}

/// The one place where a signed URL is written out: the answer to who asked for it.
fn revealed<S: serde::Serializer>(url: &SignedUrl, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(url.reveal())
}

impl Answer for BlobSasUrlCreateSuccess {
    const EVENT_TYPE: &'static str = "response.blob.sas-url.success";

    fn example() -> Self {
        let uri =
            "https://gwproxy00sasb.blob.core.windows.net/show-17/low.mp4?sv=2020-12-06&sr=b&sp=r&sig=example";
        Self { sas_url: SignedUrl::new(uri) }
    }
}

/// Signs within the operator's bounds. Every repetition is a signature of its own.
pub struct BlobSasUrlCreate;

impl Handler for BlobSasUrlCreate {
    type Event = BlobSasUrlCreateRequest;
    type Response = BlobSasUrlCreateSuccess;

    const ID: &'static str = "dfe336ce-4d21-11ea-bb6e-cfd5a68b8278";
    const CLASS: &'static str = "BlobSasUrlCreateHandler";
    const EFFECT: Effect = Effect::Nothing;

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let Some(seconds_max) = step.participants.policy.sas_seconds_max else {
            let message = "signed URLs are switched off: requests.sas_seconds_max is 0";
            return Err(Failure::new(log_events::SWITCHED_OFF, message));
        };
        let storage = step.storage()?;
        let blob = storage.locate(request.blob_uri.as_str());
        let blob = blob.map_err(Failure::of(log_events::SAS_NOT_CREATED))?;
        let seconds = u32::try_from(request.sec_to_live).ok().filter(|s| (1..=seconds_max).contains(s));
        let seconds = seconds.ok_or_else(|| {
            let found = request.sec_to_live;
            let message = format!("data.secToLive: expected 1 to {seconds_max} seconds, found {found}");
            Failure::new(log_events::SAS_NOT_CREATED, message)
        })?;
        let sas_url = storage.read_url(&blob, seconds).await.map_err(not_signed)?;
        Ok(BlobSasUrlCreateSuccess { sas_url })
    }
}

/// What we refuse ourselves has the original's general number; without storage's key there is nothing to sign with.
fn not_signed(error: ParticipantError) -> Failure {
    match error {
        ParticipantError::Rejected(_, None) => Failure::of(log_events::SAS_NOT_CREATED)(error),
        error => Failure::of(log_events::SAS_NO_KEY)(error),
    }
}
