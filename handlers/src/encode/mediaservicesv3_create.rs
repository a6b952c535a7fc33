//! `request.encode.mediaservicesv3.create`: gives a job to the encoder. How it goes on is for the job's events to say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::submission::{CONTINUES_WITH, EncodeInput, INPUTS_MAX, Submission, clip, invalid, memory};
use crate::base::time_range::TimeRange;
use crate::base::{Answer, EventData, Failure, Handler, Kind, Step};
use crate::job_answers::Family;
use crate::operation_context::OperationContext;
use crate::participants::{MEDIA_SERVICES, Participants, Work};
use crate::resource_uri::ResourceUri;

/// An encode job to submit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "request.encode.mediaservicesv3.create")]
pub struct EncodeMediaServicesV3CreateRequest {
    /// What to encode: blobs of one container.
    #[schemars(length(min = 1, max = INPUTS_MAX))]
    inputs: Vec<EncodeInput>,
    /// The URI of the container the outputs go to.
    output_container: ResourceUri,
    /// A transform of the account, or a preset of the dialect.
    transform_name: String,
    /// The part of the inputs to encode.
    time_based_encode: Option<TimeRange>,
    operation_context: OperationContext,
}

impl EventData for EncodeMediaServicesV3CreateRequest {
    const EVENT_TYPE: &'static str = "request.encode.mediaservicesv3.create";

    fn operation_context(&self) -> Option<&OperationContext> {
        Some(&self.operation_context)
    }

    fn example() -> Value {
        json!({
            "inputs": [{"blobUri": "https://gwinbox00sasb.blob.core.windows.net/show-17/master.mp4"}],
            "outputContainer": "https://gwinboxpxy00sasb.blob.core.windows.net/show-17-mbr/",
            "transformName": "AdaptiveStreaming",
            "timeBasedEncode": {"startSeconds": 0.5, "endSeconds": 3.5},
            "operationContext": {"sagaId": "s-1", "step": 8},
        })
    }
}

/// The encoder has the job.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.encode.mediaservicesv3.dispatched")]
pub struct EncodeMediaServicesV3Dispatched {
    /// The job's name at the encoder.
    workflow_job_name: String,
}

impl Answer for EncodeMediaServicesV3Dispatched {
    const EVENT_TYPE: &'static str = "response.encode.mediaservicesv3.dispatched";

    fn kind(&self) -> Kind {
        Kind::Interim
    }

    fn example() -> Self {
        Self { workflow_job_name: "gwinboxpxy00sasb-show-17-mbr-28f4bfd4eb1".into() }
    }
}

/// Submits the job under a name that follows from the operation, so that a repeated request meets its own job.
pub struct EncodeMediaServicesV3Create;

impl Handler for EncodeMediaServicesV3Create {
    type Event = EncodeMediaServicesV3CreateRequest;
    type Response = EncodeMediaServicesV3Dispatched;

    const ID: &'static str = "EE2FCC5A-ACC6-428A-9EBE-2A248147BBE9";
    const CLASS: &'static str = "MediaServicesV3EncodeCreateHandler";
    const CONTINUES_WITH: &'static [&'static str] = CONTINUES_WITH;
    const HANDS_OVER: bool = true;

    fn memory(request: &Self::Event, participants: &Participants) -> Option<String> {
        memory(&request.output_container, participants)
    }

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let (backend, encoder) = step.encoder(Some(MEDIA_SERVICES))?;
        if request.transform_name.trim().is_empty() {
            return Err(invalid("transformName: expected the name of a transform"));
        }
        let submission = Submission {
            family: Family::MediaServicesV3,
            backend,
            encoder,
            inputs: &request.inputs,
            is_scattered: false,
            output_container: &request.output_container,
            work: Work::Named(request.transform_name),
            clip: clip(request.time_based_encode)?,
            priority: None,
        };
        let workflow_job_name = submission.submit(step).await?;
        Ok(EncodeMediaServicesV3Dispatched { workflow_job_name })
    }
}
