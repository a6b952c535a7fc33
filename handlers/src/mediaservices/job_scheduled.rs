//! `Microsoft.Media.JobScheduled`: the encoder has queued the job. Not that it was given the job: that was `dispatched`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::job_event::{CorrelationData, HANDLER_CLASS, HANDLER_ID, job_name, recover};
use crate::base::{Answer, EventData, Failure, Handler, Kind, Recovered, Step};
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

/// The job is queued.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.encode.mediaservicesv3.scheduled")]
pub struct EncodeMediaServicesV3Scheduled {
    /// The job's name at the encoder.
    workflow_job_name: String,
}

impl Answer for EncodeMediaServicesV3Scheduled {
    const EVENT_TYPE: &'static str = "response.encode.mediaservicesv3.scheduled";

    fn kind(&self) -> Kind {
        Kind::Interim
    }

    fn example() -> Self {
        Self { workflow_job_name: "gwinboxpxy00sasb-show-17-mbr-28f4bfd4eb1".into() }
    }
}

/// Passes it on.
pub struct JobScheduled;

impl Handler for JobScheduled {
    type Event = JobScheduledEvent;
    type Response = EncodeMediaServicesV3Scheduled;

    const ID: &'static str = HANDLER_ID;
    const CLASS: &'static str = HANDLER_CLASS;

    async fn recover(
        event: &Self::Event,
        subject: &str,
        participants: &Participants,
    ) -> Result<Recovered, Failure> {
        recover(event.correlation_data.as_ref(), subject, participants).await
    }

    async fn handle(_: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        Ok(EncodeMediaServicesV3Scheduled { workflow_job_name: job_name(&step.operation.subject) })
    }
}
