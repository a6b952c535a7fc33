//! `Microsoft.Media.JobCanceled`: somebody stopped the job, and the requestor hears of it as a failure, as from the original.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::job_event::JobStateData;
use crate::base::{EventData, Failure, Handler, Never, Recovered, Step, log_events};
use crate::participants::Participants;

/// What the encoder reports.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(title = "Microsoft.Media.JobCanceled")]
pub struct JobCanceledEvent(JobStateData);

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

    const ID: &'static str = "2229453D-58CF-4F16-A2FF-19647F6CBF81";
    const CLASS: &'static str = "MediaServicesV3EncoderStatusHandler";

    async fn recover(
        event: &Self::Event,
        subject: &str,
        participants: &Participants,
    ) -> Result<Recovered, Failure> {
        event.0.recover(subject, participants).await
    }

    async fn handle(_: Self::Event, _: &Step<'_>) -> Result<Self::Response, Failure> {
        Err(Failure::reported(log_events::ENCODE_JOB_CANCELED, "the job was canceled"))
    }
}
