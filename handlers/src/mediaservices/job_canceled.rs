//! `Microsoft.Media.JobCanceled`: somebody stopped the job. Who it was is not known.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::job_event::{CorrelationData, EventJob, HANDLER_CLASS, HANDLER_ID, recover_end};
use crate::base::lenient::null_as_default;
use crate::base::{EventData, Failure, Handler, Recovered, Step, log_events};
use crate::job_answers::{EncodeCanceled, Told, context_for};
use crate::participants::{CanceledAs, Participants};

/// What the encoder reports.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Microsoft.Media.JobCanceled")]
pub struct JobCanceledEvent {
    /// What the submitter sent along.
    correlation_data: Option<CorrelationData>,
    /// Where the job stood before.
    #[serde(default, deserialize_with = "null_as_default")]
    previous_state: String,
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
    type Response = Told<EncodeCanceled>;

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
        if step.participants.policy.canceled == CanceledAs::Failure {
            let failure = Failure::reported(log_events::ENCODE_JOB_CANCELED, "the job was canceled");
            return Err(failure.of_job(job.name()));
        }
        let encoder_context = context_for(job.family, &job.name(), &event.previous_state, "Canceled");
        Ok(Told::new(job.family, EncodeCanceled { workflow_job_name: job.name(), encoder_context }))
    }
}
