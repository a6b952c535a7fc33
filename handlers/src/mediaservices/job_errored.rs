//! `Microsoft.Media.JobErrored`: the encoder gave the job up. Not whether another try would help.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::job_event::JobStateData;
use crate::base::{EventData, Failure, Handler, Never, Recovered, Step, log_events};
use crate::participants::Participants;

/// What the encoder reports.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(title = "Microsoft.Media.JobErrored")]
pub struct JobErroredEvent(JobStateData);

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

    const ID: &'static str = "2229453D-58CF-4F16-A2FF-19647F6CBF81";
    const CLASS: &'static str = "MediaServicesV3EncoderStatusHandler";

    async fn recover(
        event: &Self::Event,
        subject: &str,
        participants: &Participants,
    ) -> Result<Recovered, Failure> {
        event.0.recover(subject, participants).await
    }

    async fn handle(event: Self::Event, _: &Step<'_>) -> Result<Self::Response, Failure> {
        Err(Failure::reported(
            log_events::ENCODE_JOB_ERRORED,
            format!("the job failed: {}", event.0.errors()),
        ))
    }
}
