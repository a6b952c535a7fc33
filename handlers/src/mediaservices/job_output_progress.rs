//! `Microsoft.Media.JobOutputProgress`: how far one output is. It never means completion, not even at 100.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::job_event::{CorrelationData, EventJob, HANDLER_CLASS, HANDLER_ID, recover};
use crate::base::lenient::{null_as_default, number};
use crate::base::{EventData, Failure, Handler, Recovered, Step};
use crate::job_answers::{EncodeProcessing, Told};
use crate::participants::Participants;

/// What the encoder reports.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Microsoft.Media.JobOutputProgress")]
pub struct JobOutputProgressEvent {
    /// Which output.
    #[serde(default, deserialize_with = "null_as_default")]
    label: String,
    /// How far, in percent.
    #[serde(default, deserialize_with = "number")]
    progress: Option<f64>,
    /// What the submitter sent along.
    job_correlation_data: Option<CorrelationData>,
}

impl EventData for JobOutputProgressEvent {
    const EVENT_TYPE: &'static str = "Microsoft.Media.JobOutputProgress";
    const MAJOR_VERSIONS: &'static [u32] = &[];
    const IS_INTERIM: bool = true;

    fn example() -> Value {
        json!({
            "label": "BuiltInStandardEncoderPreset_0",
            "progress": 86,
            "jobCorrelationData": {"operationContext": "{\"sagaId\":\"s-1\",\"step\":8}"},
        })
    }
}

/// Passes it on.
pub struct JobOutputProgress;

impl Handler for JobOutputProgress {
    type Event = JobOutputProgressEvent;
    type Response = Told<EncodeProcessing>;

    const ID: &'static str = HANDLER_ID;
    const CLASS: &'static str = HANDLER_CLASS;

    async fn recover(
        event: &Self::Event,
        subject: &str,
        participants: &Participants,
    ) -> Result<Recovered, Failure> {
        recover(event.job_correlation_data.as_ref(), subject, participants).await
    }

    async fn handle(event: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let job = EventJob::of(event.job_correlation_data.as_ref(), step).await?;
        let answer = EncodeProcessing {
            workflow_job_name: job.name(),
            current_status: "Processing".to_owned(),
            percent_complete: event.progress.unwrap_or_default().clamp(0.0, 100.0) as u8,
            output_label: event.label,
        };
        Ok(Told::new(job.family, answer))
    }
}
