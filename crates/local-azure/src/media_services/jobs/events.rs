//! What the account tells its subscribers about jobs. Not how events reach anybody.
//!
//! Every change of state is told twice, as the state's own event and as the umbrella `…StateChange`. Events of jobs
//! carry `correlationData`, events of outputs the same map as `jobCorrelationData`; a job without it sends neither.

use serde_json::{Map, Value, json};

use super::{JOB_OUTPUT_ASSET, Job, JobOutput, JobState};

/// The data version of all media events.
pub(super) const DATA_VERSION: &str = "1.0";

/// An event that is still without topic and subject.
#[derive(Debug)]
pub(crate) struct JobEvent {
    pub event_type: &'static str,
    pub data: Value,
}

/// The subject of all of a job's events.
pub(super) fn subject(job: &Job) -> String {
    format!("transforms/{}/jobs/{}", job.transform, job.name)
}

/// A job's new state, in two events.
pub(super) fn job_changed(job: &Job, previous: JobState) -> [JobEvent; 2] {
    let mut data = with_correlation(job, "correlationData");
    data.insert("previousState".to_owned(), json!(previous));
    data.insert("state".to_owned(), json!(job.state));
    let umbrella = JobEvent { event_type: "Microsoft.Media.JobStateChange", data: data.clone().into() };
    if job.state.is_final() {
        data.insert("outputs".to_owned(), job.outputs.iter().map(output_data).collect());
    }
    [JobEvent { event_type: job_event_type(job.state), data: data.into() }, umbrella]
}

/// An output's new state, in two events.
pub(super) fn output_changed(job: &Job, output: &JobOutput, previous: JobState) -> [JobEvent; 2] {
    let mut data = with_correlation(job, "jobCorrelationData");
    data.insert("previousState".to_owned(), json!(previous));
    data.insert("output".to_owned(), output_data(output));
    let umbrella = JobEvent { event_type: "Microsoft.Media.JobOutputStateChange", data: data.clone().into() };
    [JobEvent { event_type: output_event_type(output.state), data: data.into() }, umbrella]
}

/// How far an output is.
pub(super) fn output_progressed(job: &Job, output: &JobOutput) -> JobEvent {
    let mut data = with_correlation(job, "jobCorrelationData");
    data.insert("label".to_owned(), json!(output.label));
    data.insert("progress".to_owned(), json!(output.progress));
    JobEvent { event_type: "Microsoft.Media.JobOutputProgress", data: data.into() }
}

fn with_correlation(job: &Job, member: &str) -> Map<String, Value> {
    let mut data = Map::new();
    if !job.correlation.is_empty() {
        data.insert(member.to_owned(), json!(job.correlation));
    }
    data
}

fn output_data(output: &JobOutput) -> Value {
    json!({
        "@odata.type": JOB_OUTPUT_ASSET,
        "assetName": output.asset,
        "label": output.label,
        "progress": output.progress,
        "state": output.state,
        "error": output.error,
    })
}

fn job_event_type(state: JobState) -> &'static str {
    match state {
        // Nothing becomes queued again: this is only ever a previous state.
        JobState::Queued => "Microsoft.Media.JobStateChange",
        JobState::Scheduled => "Microsoft.Media.JobScheduled",
        JobState::Processing => "Microsoft.Media.JobProcessing",
        JobState::Canceling => "Microsoft.Media.JobCanceling",
        JobState::Canceled => "Microsoft.Media.JobCanceled",
        JobState::Finished => "Microsoft.Media.JobFinished",
        JobState::Error => "Microsoft.Media.JobErrored",
    }
}

fn output_event_type(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "Microsoft.Media.JobOutputStateChange",
        JobState::Scheduled => "Microsoft.Media.JobOutputScheduled",
        JobState::Processing => "Microsoft.Media.JobOutputProcessing",
        JobState::Canceling => "Microsoft.Media.JobOutputCanceling",
        JobState::Canceled => "Microsoft.Media.JobOutputCanceled",
        JobState::Finished => "Microsoft.Media.JobOutputFinished",
        JobState::Error => "Microsoft.Media.JobOutputErrored",
    }
}
