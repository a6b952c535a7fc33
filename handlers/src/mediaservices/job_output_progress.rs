//! `Microsoft.Media.JobOutputProgress`: how far one output is. It never means completion, not even at 100.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::job_event::{CorrelationData, HANDLER_CLASS, HANDLER_ID, job_name, recover};
use crate::base::lenient::{null_as_default, number};
use crate::base::{Answer, EventData, Failure, Handler, Kind, Recovered, Step};
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

/// The job is under way.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.encode.mediaservicesv3.processing")]
pub struct EncodeMediaServicesV3Processing {
    /// The job's name at the encoder.
    workflow_job_name: String,
    /// Always `Processing`.
    current_status: String,
    /// How far, in percent.
    percent_complete: u8,
    /// Which of the job's outputs.
    #[serde(skip_serializing_if = "String::is_empty")]
    output_label: String,
}

impl Answer for EncodeMediaServicesV3Processing {
    const EVENT_TYPE: &'static str = "response.encode.mediaservicesv3.processing";

    fn kind(&self) -> Kind {
        Kind::Progress(format!("{}/{}", self.output_label, self.percent_complete))
    }

    fn example() -> Self {
        Self {
            workflow_job_name: "gwinboxpxy00sasb-show-17-mbr-28f4bfd4eb1".into(),
            current_status: "Processing".into(),
            percent_complete: 86,
            output_label: "BuiltInStandardEncoderPreset_0".into(),
        }
    }
}

/// Passes it on.
pub struct JobOutputProgress;

impl Handler for JobOutputProgress {
    type Event = JobOutputProgressEvent;
    type Response = EncodeMediaServicesV3Processing;

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
        Ok(EncodeMediaServicesV3Processing {
            workflow_job_name: job_name(&step.operation.subject),
            current_status: "Processing".to_owned(),
            percent_complete: event.progress.unwrap_or_default().clamp(0.0, 100.0) as u8,
            output_label: event.label,
        })
    }
}
