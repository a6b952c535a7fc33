//! `Microsoft.Media.JobScheduled`: the encoder has queued the job. Not that it was given the job: that was `dispatched`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::job_event::{CorrelationData, EventJob, HANDLER_CLASS, HANDLER_ID, recover};
use crate::base::{EventData, Failure, Handler, Recovered, Step};
use crate::job_answers::{EncodeScheduled, Told};
use crate::participants::Participants;

/// What the encoder reports.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Microsoft.Media.JobScheduled")]
pub struct JobScheduledEvent {
    /// What the submitter sent along.
    correlation_data: Option<CorrelationData>,
}

impl EventData for JobScheduledEvent {
    const EVENT_TYPE: &'static str = "Microsoft.Media.JobScheduled";
    const MAJOR_VERSIONS: &'static [u32] = &[];
    const IS_INTERIM: bool = true;

    fn example() -> Value {
        json!({
            "previousState": "Queued",
            "state": "Scheduled",
            "correlationData": {
                "operationContext": "{\"sagaId\":\"s-1\",\"step\":8}",
                "outputAssetContainer": "https://gwinboxpxy00sasb.blob.core.windows.net/show-17-mbr/",
            },
        })
    }
}

/// Passes it on.
pub struct JobScheduled;

impl Handler for JobScheduled {
    type Event = JobScheduledEvent;
    type Response = Told<EncodeScheduled>;

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
        Ok(Told::new(job.family, EncodeScheduled { workflow_job_name: job.name() }))
    }
}
