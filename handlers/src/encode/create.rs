//! `request.encode.create`: gives a job to an encoder, whichever it is. How it goes on is for the job's events to say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::submission::{CONTINUES_WITH, EncodeInput, INPUTS_MAX, Submission, clip, invalid, memory};
use crate::base::time_range::TimeRange;
use crate::base::{Answer, EventData, Failure, Handler, Kind, Step};
use crate::job_answers::Family;
use crate::operation_context::OperationContext;
use crate::participants::{Participants, Priority, Work};
use crate::resource_uri::ResourceUri;

/// An encode job to submit: either by `transformName` or by `presetName`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    title = "request.encode.create",
    extend("oneOf" = [
        {"required": ["transformName"], "properties": {"transformName": {"type": "string", "minLength": 1}}},
        {"required": ["presetName"], "properties": {"presetName": {"type": "string", "minLength": 1}}},
    ])
)]
pub struct EncodeCreateRequest {
    /// What to encode: blobs, also of several containers and accounts.
    #[schemars(length(min = 1, max = INPUTS_MAX))]
    inputs: Vec<EncodeInput>,
    /// The URI of the container the outputs go to.
    output_container: ResourceUri,
    /// What the encoder has under this name.
    transform_name: Option<String>,
    /// A preset, for example `AdaptiveStreaming`.
    preset_name: Option<String>,
    /// How urgent it is; `Normal` unless said.
    priority: Option<PriorityName>,
    /// Which of the configured encoders; the usual one unless said.
    backend: Option<String>,
    /// The part of the inputs to encode.
    time_based_encode: Option<TimeRange>,
    operation_context: Option<OperationContext>,
}

/// How urgent a job is.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
enum PriorityName {
    #[serde(alias = "low")]
    Low,
    #[serde(alias = "normal")]
    Normal,
    #[serde(alias = "high")]
    High,
}

impl From<PriorityName> for Priority {
    fn from(name: PriorityName) -> Self {
        match name {
            PriorityName::Low => Self::Low,
            PriorityName::Normal => Self::Normal,
            PriorityName::High => Self::High,
        }
    }
}

impl EventData for EncodeCreateRequest {
    const EVENT_TYPE: &'static str = Family::Any.request();

    fn operation_context(&self) -> Option<&OperationContext> {
        self.operation_context.as_ref()
    }

    fn example() -> Value {
        json!({
            "inputs": [{"blobUri": "https://gwinbox00sasb.blob.core.windows.net/show-17/master.mp4"}],
            "outputContainer": "https://gwinboxpxy00sasb.blob.core.windows.net/show-17-mbr/",
            "presetName": "AdaptiveStreaming",
            "priority": "High",
            "operationContext": {"sagaId": "s-1", "step": 8},
        })
    }
}

/// The encoder has the job.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.encode.dispatched")]
pub struct EncodeDispatched {
    /// The job's name at the encoder.
    workflow_job_name: String,
    /// Which of the configured encoders has it.
    backend: String,
}

impl Answer for EncodeDispatched {
    const EVENT_TYPE: &'static str = "response.encode.dispatched";

    fn kind(&self) -> Kind {
        Kind::Interim
    }

    fn example() -> Self {
        Self {
            workflow_job_name: "gwinboxpxy00sasb-show-17-mbr-28f4bfd4eb1".into(),
            backend: "mediaservices".into(),
        }
    }
}

/// Submits the job under a name that follows from the operation, so that a repeated request meets its own job.
pub struct EncodeCreate;

impl Handler for EncodeCreate {
    type Event = EncodeCreateRequest;
    type Response = EncodeDispatched;

    const ID: &'static str = "c1f1a8a0-6f1b-4a53-9f0e-2f6a4a4c8f37";
    const CLASS: &'static str = "EncodeCreateHandler";
    const CONTINUES_WITH: &'static [&'static str] = CONTINUES_WITH;
    const HANDS_OVER: bool = true;

    fn memory(request: &Self::Event, participants: &Participants) -> Option<String> {
        memory(&request.output_container, participants)
    }

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let (backend, encoder) =
            step.encoder(request.backend.as_deref().filter(|name| !name.trim().is_empty()))?;
        let submission = Submission {
            family: Family::Any,
            backend,
            encoder,
            inputs: &request.inputs,
            is_scattered: true,
            output_container: &request.output_container,
            work: work(request.transform_name, request.preset_name)?,
            clip: clip(request.time_based_encode)?,
            priority: request.priority.map(Priority::from),
        };
        let workflow_job_name = submission.submit(step).await?;
        Ok(EncodeDispatched { workflow_job_name, backend: backend.to_owned() })
    }
}

fn work(transform: Option<String>, preset: Option<String>) -> Result<Work, Failure> {
    match (transform, preset) {
        (Some(transform), None) if !transform.trim().is_empty() => Ok(Work::Transform(transform)),
        (None, Some(preset)) if !preset.trim().is_empty() => Ok(Work::Preset(preset)),
        _ => Err(invalid("data: expected either transformName or presetName")),
    }
}
