//! What all encode requests have in common: what they say of inputs and times, and how a job is made of it. Not what a
//! request is called, nor what to do with the inputs.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::base::lenient::number;
use crate::base::{Failure, LogEvent, Step, correlation, log_events};
use crate::job_answers::Family;
use crate::participants::{
    BlobAddress, ClipTimes, ContainerAddress, EncodeError, EncodeJob, Encoder, ParticipantError, Priority,
    ProviderError, Storage, SubmitStep, Work,
};
use crate::resource_uri::ResourceUri;

/// Inputs beyond this are refused: the dialect takes ten files an input asset (its published quota).
pub(super) const INPUTS_MAX: usize = 10;

/// How it goes on with a job, whoever asked for it.
pub(super) const CONTINUES_WITH: &[&str] = &[
    "Microsoft.Media.JobScheduled",
    "Microsoft.Media.JobProcessing",
    "Microsoft.Media.JobOutputProgress",
    "Microsoft.Media.JobFinished",
    "Microsoft.Media.JobErrored",
    "Microsoft.Media.JobCanceled",
];

/// One input.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EncodeInput {
    /// The blob's URI.
    blob_uri: ResourceUri,
}

/// A part of the inputs; an end that is left out is the input's own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TimeBasedEncode {
    /// From where, in seconds.
    #[serde(default, deserialize_with = "number")]
    start_seconds: Option<f64>,
    /// To where, in seconds.
    #[serde(default, deserialize_with = "number")]
    end_seconds: Option<f64>,
}

/// What a request asks of an encoder.
pub(super) struct Submission<'a> {
    pub(super) family: Family,
    pub(super) encoder: &'a dyn Encoder,
    pub(super) inputs: &'a [EncodeInput],
    /// Whether inputs may lie in several containers.
    pub(super) is_scattered: bool,
    pub(super) output_container: &'a ResourceUri,
    pub(super) work: Work,
    pub(super) clip: ClipTimes,
    pub(super) priority: Option<Priority>,
}

impl Submission<'_> {
    /// Gives the job to the encoder, and answers its name. The name follows from the operation, so that a repeated request
    /// meets its own job.
    pub(super) async fn submit(self, step: &Step<'_>) -> Result<String, Failure> {
        let storage = step.storage()?;
        let output = storage.locate_container(self.output_container.as_str());
        let output = output.map_err(Failure::of(log_events::ENCODE_OUTPUT))?;
        let inputs = locate_inputs(self.inputs, self.is_scattered, storage)?;
        for input in &inputs {
            must_exist(input, storage).await?;
        }
        let room = self.encoder.correlation_bytes_max();
        let container = self.output_container.as_str();
        let correlation =
            correlation::write(step, self.family.noted(), &output.account, container, room).await?;
        let name = format!("{}-{}", output.asset_name(), step.operation.id.suffix());
        let Self { work, clip, priority, .. } = self;
        let is_repeated = step.operation.may_have_begun();
        let job = EncodeJob { name, work, inputs, output, clip, priority, is_repeated, correlation };
        self.encoder.submit(&job).await.map_err(not_submitted)?;
        Ok(job.name)
    }
}

/// The part of the inputs that is meant.
pub(super) fn clip(times: Option<&TimeBasedEncode>) -> Result<ClipTimes, Failure> {
    let Some(times) = times else { return Ok(ClipTimes::default()) };
    let start = times.start_seconds.unwrap_or_default();
    if start < 0.0 {
        return Err(out_of_range("timeBasedEncode.startSeconds: expected a time that is not negative"));
    }
    if times.end_seconds.is_some_and(|end| end <= start) {
        return Err(out_of_range("timeBasedEncode.endSeconds: expected a time after startSeconds"));
    }
    Ok(ClipTimes { start_seconds: times.start_seconds, end_seconds: times.end_seconds })
}

/// A time that cannot be meant.
pub(super) fn out_of_range(message: &str) -> Failure {
    let LogEvent { id, name } = log_events::TIME_OUT_OF_RANGE;
    let cause = ProviderError { code: id.to_string(), message: name.to_owned() };
    Failure::new(log_events::ENCODE_JOB_NOT_CREATED, message).caused_by(cause)
}

/// Something that cannot be meant.
pub(super) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(log_events::ENCODE_REQUEST_INVALID, message)
}

fn locate_inputs(
    inputs: &[EncodeInput],
    is_scattered: bool,
    storage: &dyn Storage,
) -> Result<Vec<BlobAddress>, Failure> {
    if inputs.is_empty() || inputs.len() > INPUTS_MAX {
        return Err(invalid(format!("inputs: expected 1 to {INPUTS_MAX} inputs, found {}", inputs.len())));
    }
    let locate = |input: &EncodeInput| {
        storage.locate(input.blob_uri.as_str()).map_err(Failure::of(log_events::ENCODE_REQUEST_INVALID))
    };
    let located = inputs.iter().map(locate).collect::<Result<Vec<_>, _>>()?;
    let together = |container: &ContainerAddress| *container == located[0].container;
    match located.iter().position(|blob| !is_scattered && !together(&blob.container)) {
        None => Ok(located),
        Some(elsewhere) => Err(Failure::new(
            log_events::ENCODE_INPUT_ASSET,
            format!(
                "inputs[{elsewhere}].blobUri: expected a blob of the same account and container as inputs[0]"
            ),
        )),
    }
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
    let log_event = match error.step {
        SubmitStep::Transform => log_events::ENCODE_TRANSFORM,
        SubmitStep::InputAsset => log_events::ENCODE_INPUT_ASSET,
        SubmitStep::OutputAsset => log_events::ENCODE_OUTPUT,
        // The encoder may have it, although its answer was lost.
        SubmitStep::Job => return Failure::unless_begun(log_events::ENCODE_JOB_NOT_CREATED)(error.source),
    };
    Failure::of(log_event)(error.source)
}
