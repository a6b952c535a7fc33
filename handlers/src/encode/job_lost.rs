//! `Gridwich.JobLost`: a job is gone from its encoder, and nobody has heard of its end. Raised by our own watch over what is
//! pending, never delivered by a courier.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::correlation::{self, Correlation};
use crate::base::{EventData, Failure, Handler, Never, Recovered, Step, log_events};
use crate::participants::Participants;

/// What the watch found.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobLostEvent {
    /// The job's name.
    pub job: String,
    /// What was sent with it.
    pub correlation: Correlation,
}

impl EventData for JobLostEvent {
    const EVENT_TYPE: &'static str = "Gridwich.JobLost";
    const MAJOR_VERSIONS: &'static [u32] = &[];
    const IS_INTERNAL: bool = true;

    fn example() -> Value {
        json!({
            "job": "gwinboxpxy00sasb-show-17-mbr-28f4bfd4eb1",
            "correlation": {
                "operationContext": "{\"sagaId\":\"s-1\",\"step\":8}",
                "outputAssetContainer": "https://gwinboxpxy00sasb.blob.core.windows.net/show-17-mbr/",
            },
        })
    }
}

/// Tells the requestor, who may ask again: what the job may have written is not known.
pub struct JobLost;

impl Handler for JobLost {
    type Event = JobLostEvent;
    /// Nothing but a failure.
    type Response = Never;

    const ID: &'static str = "4f4b1c56-7a0e-4a43-9a3f-6f5b9d0f6f7c";
    const CLASS: &'static str = "JobLostHandler";
    /// Its end may have been told already.
    const ONCE_AT_MOST: bool = true;

    async fn recover(
        event: &Self::Event,
        _: &str,
        participants: &Participants,
    ) -> Result<Recovered, Failure> {
        let home = correlation::home(&event.correlation, participants);
        Ok(correlation::recover(&event.correlation, participants).await?.at_home_in(home))
    }

    async fn handle(event: Self::Event, _: &Step<'_>) -> Result<Self::Response, Failure> {
        let message =
            "the job is gone: its encoder does not know it any more, and its end was never heard of";
        Err(Failure::reported(log_events::ENCODE_JOB_LOST, message).of_job(event.job))
    }
}
