//! What the account tells its subscribers about jobs. Not how events reach anybody.
//!
//! Every change of state is told twice, as the state's own event and as the umbrella `…StateChange`. Events of jobs
//! carry `correlationData`, events of outputs the same map as `jobCorrelationData`; a job without it sends neither.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use super::{JOB_OUTPUT_ASSET, Job, JobOutput, JobState};

/// The data version of all media events.
pub(crate) const DATA_VERSION: &str = "1.0";

const JOB_STATE_CHANGE: &str = "Microsoft.Media.JobStateChange";
const OUTPUT_STATE_CHANGE: &str = "Microsoft.Media.JobOutputStateChange";
const OUTPUT_PROGRESS: &str = "Microsoft.Media.JobOutputProgress";

/// An event that is still without topic and subject.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobEvent {
    pub event_type: EventType,
    pub data: Value,
}

/// One of the account's event types.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct EventType(&'static str);

impl EventType {
    pub fn name(self) -> &'static str {
        self.0
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let of_states = JobState::ALL.into_iter().flat_map(|s| [job_event_type(s), output_event_type(s)]);
        let mut known = of_states.chain([OUTPUT_PROGRESS]);
        known.find(|known| *known == name).map(Self).ok_or_else(|| D::Error::custom("no event type of a job"))
    }
}

impl JobEvent {
    fn new(event_type: &'static str, data: impl Into<Value>) -> Self {
        Self { event_type: EventType(event_type), data: data.into() }
    }

    /// Whether it has to reach its subscribers. The next report of progress takes the place of one that is lost.
    pub fn is_kept(&self) -> bool {
        self.event_type.0 != OUTPUT_PROGRESS
    }
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
    let umbrella = JobEvent::new(JOB_STATE_CHANGE, data.clone());
    if job.state.is_final() {
        data.insert("outputs".to_owned(), job.outputs.iter().map(output_data).collect());
    }
    [JobEvent::new(job_event_type(job.state), data), umbrella]
}

/// An output's new state, in two events.
pub(super) fn output_changed(job: &Job, output: &JobOutput, previous: JobState) -> [JobEvent; 2] {
    let mut data = with_correlation(job, "jobCorrelationData");
    data.insert("previousState".to_owned(), json!(previous));
    data.insert("output".to_owned(), output_data(output));
    let umbrella = JobEvent::new(OUTPUT_STATE_CHANGE, data.clone());
    [JobEvent::new(output_event_type(output.state), data), umbrella]
}

/// How far an output is.
pub(super) fn output_progressed(job: &Job, output: &JobOutput) -> JobEvent {
    let mut data = with_correlation(job, "jobCorrelationData");
    data.insert("label".to_owned(), json!(output.label));
    data.insert("progress".to_owned(), json!(output.progress));
    JobEvent::new(OUTPUT_PROGRESS, data)
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
        JobState::Queued => JOB_STATE_CHANGE,
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
        JobState::Queued => OUTPUT_STATE_CHANGE,
        JobState::Scheduled => "Microsoft.Media.JobOutputScheduled",
        JobState::Processing => "Microsoft.Media.JobOutputProcessing",
        JobState::Canceling => "Microsoft.Media.JobOutputCanceling",
        JobState::Canceled => "Microsoft.Media.JobOutputCanceled",
        JobState::Finished => "Microsoft.Media.JobOutputFinished",
        JobState::Error => "Microsoft.Media.JobOutputErrored",
    }
}
