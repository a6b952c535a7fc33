//! What all encode requests have in common: what they say of inputs and times, and how a job is made of it. Not what a
//! request is called, nor what to do with the inputs.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::base::correlation::{self, Correlation};
use crate::base::time_range::TimeRange;
use crate::base::{Failure, LogEvent, Step, log_events, place};
use crate::job_answers::Family;
use crate::participants::{
    BlobAddress, ClipTimes, ContainerAddress, EncodeError, EncodeJob, Encoder, ParticipantError,
    Participants, Pending, PendingJob, Priority, ProviderError, Storage, SubmitStep, Work,
};
use crate::resource_uri::ResourceUri;

/// Inputs beyond this are refused, wherever they lie: the dialect takes ten files an input asset (its published quota).
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

/// What a request asks of an encoder.
pub(super) struct Submission<'a> {
    pub(super) family: Family,
    /// The encoder's name.
    pub(super) backend: &'a str,
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
    /// Gives the job to the encoder, and answers its name. The name follows from the operation, and where it went is noted
    /// before it goes there, so that a repeated request meets its own job.
    pub(super) async fn submit(self, step: &Step<'_>) -> Result<String, Failure> {
        let storage = step.storage()?;
        let output = storage.locate_container(self.output_container.as_str());
        let output = output.map_err(|error| error.in_member("outputContainer"));
        let output = output.map_err(Failure::of(log_events::ENCODE_OUTPUT))?;
        let inputs = locate_inputs(self.inputs, self.is_scattered, storage)?;
        let account = output.account.clone();
        let mut job = EncodeJob {
            name: format!("{}-{}", output.asset_name(), step.operation.id.suffix()),
            work: self.work,
            inputs,
            output,
            clip: self.clip,
            priority: self.priority,
            correlation: Correlation::new(),
        };
        let choose = async {
            for input in &job.inputs {
                must_exist(input, storage).await?;
            }
            self.encoder.place(&job).await.map_err(not_submitted)
        };
        let place = place(step, &account, choose).await?;
        let room = self.encoder.correlation_bytes_max();
        let container = self.output_container.as_str();
        job.correlation = correlation::write(step, self.family.noted(), &account, container, room).await?;
        let ticket = self.encoder.submit(&job, &place).await.map_err(not_submitted)?;
        // Whoever is killed in between leaves a request that comes again, and finds its job.
        let pending = PendingJob {
            backend: self.backend.to_owned(),
            place,
            transform: ticket.transform,
            job: ticket.job,
            correlation: job.correlation,
        };
        let written = storage.write_down(&account, step.operation.id, &Pending::Job(pending)).await;
        written.map_err(Failure::of(log_events::ENCODE_JOB_NOT_CREATED))?;
        Ok(job.name)
    }
}

/// The part of the inputs that is meant.
pub(super) fn clip(times: Option<TimeRange>) -> Result<ClipTimes, Failure> {
    let times = times.map_or(Ok(ClipTimes::default()), |times| times.times("timeBasedEncode"));
    times.map_err(|expected| {
        let LogEvent { id, name } = log_events::TIME_OUT_OF_RANGE;
        let cause = ProviderError { code: id.to_string(), message: name.to_owned() };
        Failure::new(log_events::ENCODE_JOB_NOT_CREATED, expected).caused_by(cause)
    })
}

/// The account in which it is remembered what a request was answered.
pub(super) fn memory(output_container: &ResourceUri, participants: &Participants) -> Option<String> {
    let storage = participants.storage.as_deref()?;
    Some(storage.locate_container(output_container.as_str()).ok()?.account)
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
    let locate = |(number, input): (usize, &EncodeInput)| {
        let located = storage.locate(input.blob_uri.as_str());
        let located = located.map_err(|error| error.in_member(&format!("inputs[{number}].blobUri")));
        located.map_err(Failure::of(log_events::ENCODE_REQUEST_INVALID))
    };
    let located = inputs.iter().enumerate().map(locate).collect::<Result<Vec<_>, _>>()?;
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
        SubmitStep::Job => log_events::ENCODE_JOB_NOT_CREATED,
    };
    Failure::of(log_event)(error.source)
}
