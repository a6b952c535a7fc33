//! `request.encode.mediaservicesv3.create`: gives a job to the encoder. How it goes on is for the job's events to say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::lenient::number;
use crate::base::{Answer, EventData, Failure, Handler, Kind, LogEvent, Step, correlation, log_events};
use crate::operation_context::OperationContext;
use crate::participants::{
    BlobAddress, ClipTimes, ContainerAddress, EncodeError, EncodeJob, ParticipantError, ProviderError,
    Storage, SubmitStep,
};
use crate::resource_uri::ResourceUri;

/// Inputs beyond this are refused: the dialect takes ten files an input asset (its published quota).
const INPUTS_MAX: usize = 10;

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
    time_based_encode: Option<TimeBasedEncode>,
    operation_context: OperationContext,
}

/// One input.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EncodeInput {
    /// The blob's URI.
    blob_uri: ResourceUri,
}

/// A part of the inputs; an end that is left out is the input's own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TimeBasedEncode {
    /// From where, in seconds.
    #[serde(default, deserialize_with = "number")]
    start_seconds: Option<f64>,
    /// To where, in seconds.
    #[serde(default, deserialize_with = "number")]
    end_seconds: Option<f64>,
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
    const CONTINUES_WITH: &'static [&'static str] = &[
        "Microsoft.Media.JobScheduled",
        "Microsoft.Media.JobOutputProgress",
        "Microsoft.Media.JobFinished",
        "Microsoft.Media.JobErrored",
        "Microsoft.Media.JobCanceled",
    ];

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let (storage, encoder) = (step.storage()?, step.encoder()?);
        if request.transform_name.trim().is_empty() {
            return Err(invalid("transformName: expected the name of a transform"));
        }
        let clip = clip(request.time_based_encode.as_ref())?;
        let output = storage.locate_container(request.output_container.as_str());
        let output = output.map_err(Failure::of(log_events::ENCODE_OUTPUT))?;
        let (input, files) = locate_inputs(&request.inputs, storage)?;
        for file in &files {
            must_exist(&BlobAddress { container: input.clone(), name: file.clone() }, storage).await?;
        }
        let name = format!("{}-{}", output.asset_name(), step.operation.id.suffix());
        let correlation = correlation::write(
            step,
            &output.account,
            request.output_container.as_str(),
            encoder.correlation_bytes_max(),
        )
        .await?;
        let job =
            EncodeJob { name, transform: request.transform_name, input, files, output, clip, correlation };
        encoder.submit(&job).await.map_err(not_submitted)?;
        Ok(EncodeMediaServicesV3Dispatched { workflow_job_name: job.name })
    }
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(log_events::ENCODE_REQUEST_INVALID, message)
}

fn clip(times: Option<&TimeBasedEncode>) -> Result<ClipTimes, Failure> {
    let Some(times) = times else { return Ok(ClipTimes::default()) };
    let out_of_range = |message: &str| {
        let id = log_events::TIME_OUT_OF_RANGE.id;
        let cause =
            ProviderError { code: id.to_string(), message: log_events::TIME_OUT_OF_RANGE.name.to_owned() };
        Err(Failure::new(log_events::ENCODE_JOB_NOT_CREATED, message).caused_by(cause))
    };
    let start = times.start_seconds.unwrap_or_default();
    if start < 0.0 {
        return out_of_range("timeBasedEncode.startSeconds: expected a time that is not negative");
    }
    if times.end_seconds.is_some_and(|end| end <= start) {
        return out_of_range("timeBasedEncode.endSeconds: expected a time after startSeconds");
    }
    Ok(ClipTimes { start_seconds: times.start_seconds, end_seconds: times.end_seconds })
}

/// All inputs lie in one container, because one asset stands for them.
fn locate_inputs(
    inputs: &[EncodeInput],
    storage: &dyn Storage,
) -> Result<(ContainerAddress, Vec<String>), Failure> {
    if inputs.is_empty() || inputs.len() > INPUTS_MAX {
        return Err(invalid(format!("inputs: expected 1 to {INPUTS_MAX} inputs, found {}", inputs.len())));
    }
    let mut container = None;
    let mut files = Vec::with_capacity(inputs.len());
    for (i, input) in inputs.iter().enumerate() {
        let blob = storage
            .locate(input.blob_uri.as_str())
            .map_err(Failure::of(log_events::ENCODE_REQUEST_INVALID))?;
        let container = container.get_or_insert_with(|| blob.container.clone());
        if *container != blob.container {
            return Err(Failure::new(
                log_events::ENCODE_INPUT_ASSET,
                format!(
                    "inputs[{i}].blobUri: expected a blob of the same account and container as inputs[0]"
                ),
            ));
        }
        files.push(blob.name);
    }
    let container = container.expect("there is at least one input");
    Ok((container, files))
}

async fn must_exist(blob: &BlobAddress, storage: &dyn Storage) -> Result<(), Failure> {
    match storage.properties(blob).await {
        Ok(_) => Ok(()),
        Err(error @ ParticipantError::NotFound(..)) => {
            Err(Failure::of(log_events::ENCODE_INPUT_MISSING)(error))
        }
        Err(error) => Err(Failure::of(log_events::BLOB_PROPERTIES)(error)),
    }
}

fn not_submitted(error: EncodeError) -> Failure {
    let log_event: LogEvent = match error.step {
        SubmitStep::Transform => log_events::ENCODE_TRANSFORM,
        SubmitStep::InputAsset => log_events::ENCODE_INPUT_ASSET,
        SubmitStep::OutputAsset => log_events::ENCODE_OUTPUT,
        SubmitStep::Job => log_events::ENCODE_JOB_NOT_CREATED,
    };
    Failure::of(log_event)(error.source)
}
