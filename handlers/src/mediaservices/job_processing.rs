//! `Microsoft.Media.JobProcessing`: work on the job has begun. Not how far it is: that is `JobOutputProgress`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::job_event::{CorrelationData, EventJob, HANDLER_CLASS, HANDLER_ID, recover};
use crate::base::lenient::null_as_default;
use crate::base::{EventData, Failure, Handler, Recovered, Step};
use crate::job_answers::{EncodeBegun, Told, encoder_context};
use crate::participants::Participants;

/// What the encoder reports.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Microsoft.Media.JobProcessing")]
pub struct JobProcessingEvent {
    /// What the submitter sent along.
    correlation_data: Option<CorrelationData>,
    /// Where the job stood before.
    #[serde(default, deserialize_with = "null_as_default")]
    previous_state: String,
}

impl EventData for JobProcessingEvent {
    const EVENT_TYPE: &'static str = "Microsoft.Media.JobProcessing";
    const MAJOR_VERSIONS: &'static [u32] = &[];
    const IS_INTERIM: bool = true;

    fn example() -> Value {
        json!({
            "previousState": "Scheduled",
            "state": "Processing",
            "correlationData": {"operationContext": "{\"sagaId\":\"s-1\",\"step\":9}"},
        })
    }
}

/// Passes it on, where the requestor's words have something for it.
pub struct JobProcessing;

impl Handler for JobProcessing {
    type Event = JobProcessingEvent;
    type Response = Told<EncodeBegun>;

    const ID: &'static str = HANDLER_ID;
    const CLASS: &'static str = HANDLER_CLASS;

    async fn recover(
        event: &Self::Event,
        subject: &str,
        participants: &Participants,
    ) -> Result<Recovered, Failure> {
        recover(event.correlation_data.as_ref(), subject, participants).await
    }

    async fn handle(event: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let job = EventJob::of(event.correlation_data.as_ref(), step).await?;
        let encoder_context = encoder_context(&job.name(), &event.previous_state, "Processing");
        Ok(Told::new(job.family, EncodeBegun { workflow_job_name: job.name(), encoder_context }))
    }
}
