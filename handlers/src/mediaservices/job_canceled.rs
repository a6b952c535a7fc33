//! `Microsoft.Media.JobCanceled`: somebody stopped the job, and the requestor hears of it as a failure, as from the original.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::job_event::{CorrelationData, HANDLER_CLASS, HANDLER_ID, recover};
use crate::base::{EventData, Failure, Handler, Never, Recovered, Step, log_events};
use crate::participants::Participants;

/// What the encoder reports.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Microsoft.Media.JobCanceled")]
pub struct JobCanceledEvent {
    /// What the submitter sent along.
    correlation_data: Option<CorrelationData>,
}

impl EventData for JobCanceledEvent {
    const EVENT_TYPE: &'static str = "Microsoft.Media.JobCanceled";
    const MAJOR_VERSIONS: &'static [u32] = &[];

    fn example() -> Value {
        json!({
            "previousState": "Canceling",
            "state": "Canceled",
            "outputs": [{
                "@odata.type": "#Microsoft.Media.JobOutputAsset",
                "assetName": "gwinboxpxy00sasb-show-17-mbr",
                "error": null,
                "label": "BuiltInStandardEncoderPreset_0",
                "progress": 40,
                "state": "Canceled",
            }],
            "correlationData": {"operationContext": "{\"sagaId\":\"s-1\",\"step\":8}"},
        })
    }
}

/// Tells the requestor.
pub struct JobCanceled;

impl Handler for JobCanceled {
    type Event = JobCanceledEvent;
    /// Nothing but a failure.
    type Response = Never;

    const ID: &'static str = HANDLER_ID;
    const CLASS: &'static str = HANDLER_CLASS;

    async fn recover(
        event: &Self::Event,
        subject: &str,
        participants: &Participants,
    ) -> Result<Recovered, Failure> {
        recover(event.correlation_data.as_ref(), subject, participants).await
    }

    async fn handle(_: Self::Event, _: &Step<'_>) -> Result<Self::Response, Failure> {
        Err(Failure::reported(log_events::ENCODE_JOB_CANCELED, "the job was canceled"))
    }
}
