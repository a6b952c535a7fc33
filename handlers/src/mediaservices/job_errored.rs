//! `Microsoft.Media.JobErrored`: the encoder gave the job up. Not whether another try would help.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::job_event::{CorrelationData, EventJob, HANDLER_CLASS, HANDLER_ID, recover_end};
use crate::base::lenient::null_as_default;
use crate::base::{EventData, Failure, Handler, Never, Recovered, Step, log_events};
use crate::participants::Participants;

/// What the encoder reports.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Microsoft.Media.JobErrored")]
pub struct JobErroredEvent {
    /// What the submitter sent along.
    correlation_data: Option<CorrelationData>,
    /// What became of each output.
    #[serde(default, deserialize_with = "null_as_default")]
    outputs: Vec<JobOutput>,
}

/// One output of a job.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct JobOutput {
    /// Why it failed, if it did.
    error: Option<JobError>,
}

/// Why an output failed.
#[derive(Debug, Deserialize, JsonSchema)]
struct JobError {
    /// What kind of error it is, for example `ContentMalformed`.
    #[serde(default, deserialize_with = "null_as_default")]
    code: String,
    /// Whether the same may succeed another time: `MayRetry` or `DoNotRetry`.
    #[serde(default, deserialize_with = "null_as_default")]
    retry: String,
    /// In words.
    #[serde(default, deserialize_with = "null_as_default")]
    message: String,
    /// In more words.
    #[serde(default, deserialize_with = "null_as_default")]
    details: Vec<JobErrorDetail>,
}

/// One of the reasons an output failed.
#[derive(Debug, Deserialize, JsonSchema)]
struct JobErrorDetail {
    /// In words.
    #[serde(default, deserialize_with = "null_as_default")]
    message: String,
}

impl JobError {
    /// What kind of error it is, and what the encoder advises, as far as it says so.
    fn kind(&self) -> String {
        let said = [&self.code, &self.retry].map(String::as_str);
        let said = said.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ");
        if said.is_empty() { said } else { format!(" ({said})") }
    }
}

/// The errors of all outputs in the original's form.
fn errors(outputs: &[JobOutput]) -> String {
    let mut lines = Vec::new();
    for (i, error) in outputs.iter().enumerate().filter_map(|(i, output)| Some((i, output.error.as_ref()?))) {
        lines.push(format!("Output-{i}: {}{}", error.message, error.kind()));
        let details = error.details.iter().enumerate();
        lines.extend(details.map(|(j, detail)| format!("Output-{i} Detail-{j}: {}", detail.message)));
    }
    lines.join("; ")
}

impl EventData for JobErroredEvent {
    const EVENT_TYPE: &'static str = "Microsoft.Media.JobErrored";
    const MAJOR_VERSIONS: &'static [u32] = &[];

    fn example() -> Value {
        json!({
            "previousState": "Processing",
            "state": "Error",
            "outputs": [{
                "@odata.type": "#Microsoft.Media.JobOutputAsset",
                "assetName": "gwinboxpxy00sasb-show-17-mbr",
                "error": {
                    "code": "ContentMalformed",
                    "category": "Content",
                    "retry": "DoNotRetry",
                    "message": "the input has no track",
                    "details": [{"code": "NoTrack", "message": "stream 0 cannot be read"}],
                },
                "label": "BuiltInStandardEncoderPreset_0",
                "progress": 37,
                "state": "Error",
            }],
            "correlationData": {"operationContext": "{\"sagaId\":\"s-1\",\"step\":8}"},
        })
    }
}

/// Tells the requestor why.
pub struct JobErrored;

impl Handler for JobErrored {
    type Event = JobErroredEvent;
    /// Nothing but a failure.
    type Response = Never;

    const ID: &'static str = HANDLER_ID;
    const CLASS: &'static str = HANDLER_CLASS;

    async fn recover(
        event: &Self::Event,
        subject: &str,
        participants: &Participants,
    ) -> Result<Recovered, Failure> {
        recover_end(event.correlation_data.as_ref(), subject, participants).await
    }

    async fn handle(event: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let job = EventJob::of(event.correlation_data.as_ref(), step).await?;
        let message = format!("the job failed: {}", errors(&event.outputs));
        Err(Failure::reported(log_events::ENCODE_JOB_ERRORED, message).of_job(job.name()))
    }
}
