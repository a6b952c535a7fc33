//! `Microsoft.Media.JobFinished`: the outputs are there. Not how they can be played: that is a locator's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::job_event::{
    CorrelationData, HANDLER_CLASS, HANDLER_ID, correlation as correlation_of, job_name, recover,
};
use crate::base::{Answer, EventData, Failure, Handler, Recovered, Step, correlation, log_events};
use crate::participants::{BlobAddress, JobTicket, ListedBlob, Participants};

/// What the encoder reports.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Microsoft.Media.JobFinished")]
pub struct JobFinishedEvent {
    /// What the submitter sent along.
    correlation_data: Option<CorrelationData>,
}

impl EventData for JobFinishedEvent {
    const EVENT_TYPE: &'static str = "Microsoft.Media.JobFinished";
    const MAJOR_VERSIONS: &'static [u32] = &[];

    fn example() -> Value {
        json!({
            "previousState": "Processing",
            "state": "Finished",
            "outputs": [{
                "@odata.type": "#Microsoft.Media.JobOutputAsset",
                "assetName": "gwinboxpxy00sasb-show-17-mbr",
                "error": null,
                "label": "BuiltInStandardEncoderPreset_0",
                "progress": 100,
                "state": "Finished",
            }],
            "correlationData": {
                "operationContext": "{\"sagaId\":\"s-1\",\"step\":8}",
                "outputAssetContainer": "https://gwinboxpxy00sasb.blob.core.windows.net/show-17-mbr/",
            },
        })
    }
}

/// The outputs are there.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.encode.mediaservicesv3.success")]
pub struct EncodeMediaServicesV3Success {
    /// The job's name at the encoder.
    workflow_job_name: String,
    /// The blobs in the output container.
    outputs: Vec<EncodeOutput>,
    /// As requested.
    output_container: String,
}

/// One blob.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EncodeOutput {
    /// Its URI.
    blob_uri: String,
}

impl Answer for EncodeMediaServicesV3Success {
    const EVENT_TYPE: &'static str = "response.encode.mediaservicesv3.success";

    fn example() -> Self {
        let container = "https://gwinboxpxy00sasb.blob.core.windows.net/show-17-mbr/";
        Self {
            workflow_job_name: "gwinboxpxy00sasb-show-17-mbr-28f4bfd4eb1".into(),
            outputs: vec![EncodeOutput { blob_uri: format!("{container}master_1280x720_3400.mp4") }],
            output_container: container.into(),
        }
    }
}

/// The encoder's clock and storage's may differ by so much.
const CLOCKS_DIFFER_SECONDS: i64 = 5;

/// Lists the outputs: what was written into the output container while the job ran.
pub struct JobFinished;

impl Handler for JobFinished {
    type Event = JobFinishedEvent;
    type Response = EncodeMediaServicesV3Success;

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
        let (storage, subject) = (step.storage()?, &step.operation.subject);
        let without_container =
            || Failure::new(log_events::ENCODE_OUTPUT, "the job does not say where its outputs are");
        let ticket = JobTicket::from_subject(subject).ok_or_else(without_container)?;
        let correlation = correlation_of(event.correlation_data.as_ref(), &ticket, step.participants).await?;
        let output_container = correlation::output_container(&correlation).ok_or_else(without_container)?;
        let container =
            storage.locate_container(output_container).map_err(Failure::of(log_events::ENCODE_OUTPUT))?;
        let listed = storage.list(&container).await.map_err(Failure::of(log_events::BLOBS_NOT_LISTED))?;
        let outputs = written_by_job(listed, &ticket, step).await?;
        let uri = |name| storage.uri(&BlobAddress { container: container.clone(), name });
        Ok(EncodeMediaServicesV3Success {
            workflow_job_name: job_name(subject),
            outputs: outputs.into_iter().map(|blob| EncodeOutput { blob_uri: uri(blob.name) }).collect(),
            output_container: output_container.to_owned(),
        })
    }
}

/// The dialect does not say which files a job has written, but when it ran. A job that does not say even that, or that is
/// gone, is taken to have written all there is, as the original took it.
async fn written_by_job(
    listed: Vec<ListedBlob>,
    ticket: &JobTicket,
    step: &Step<'_>,
) -> Result<Vec<ListedBlob>, Failure> {
    let job = match step.participants.encoder.as_deref() {
        Some(encoder) => encoder.job(ticket).await,
        None => return Ok(listed),
    };
    let (started, ended) = match job {
        Ok(job) => (job.started, job.ended),
        Err(error) if error.is_passing() => return Err(Failure::of(log_events::ENCODE_JOB_NOT_READ)(error)),
        Err(_) => (None, None),
    };
    let Some(started) = started else { return Ok(listed) };
    let ended = ended.unwrap_or(i64::MAX - CLOCKS_DIFFER_SECONDS);
    let while_it_ran = started - CLOCKS_DIFFER_SECONDS..=ended + CLOCKS_DIFFER_SECONDS;
    let (written, others) =
        listed.into_iter().partition::<Vec<_>, _>(|blob| while_it_ran.contains(&blob.last_modified));
    Ok(if written.is_empty() { others } else { written })
}
