//! `Microsoft.Media.JobFinished`: the outputs are there. Not how they can be played: that is a locator's.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::job_event::{CorrelationData, EventJob, HANDLER_CLASS, HANDLER_ID, recover_end};
use crate::base::lenient::null_as_default;
use crate::base::{EventData, Failure, Handler, Recovered, Step, correlation, log_events};
use crate::job_answers::{EncodeOutput, EncodeSuccess, Told, context_for};
use crate::participants::{BlobAddress, JobTicket, ListedBlob, Participants};

/// What the encoder reports.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Microsoft.Media.JobFinished")]
pub struct JobFinishedEvent {
    /// What the submitter sent along.
    correlation_data: Option<CorrelationData>,
    /// Where the job stood before.
    #[serde(default, deserialize_with = "null_as_default")]
    previous_state: String,
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

/// The encoder's clock and storage's may differ by so much.
const CLOCKS_DIFFER_SECONDS: i64 = 5;

/// Lists the outputs: what was written into the output container while the job ran.
pub struct JobFinished;

impl Handler for JobFinished {
    type Event = JobFinishedEvent;
    type Response = Told<EncodeSuccess>;

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
        let answer = outputs(&job, &event.previous_state, step).await;
        answer.map(|answer| Told::new(job.family, answer)).map_err(|failure| failure.of_job(job.name()))
    }
}

async fn outputs(job: &EventJob, previous_state: &str, step: &Step<'_>) -> Result<EncodeSuccess, Failure> {
    let storage = step.storage()?;
    let without_container =
        || Failure::new(log_events::ENCODE_OUTPUT, "the job does not say where its outputs are");
    let output_container = correlation::output_container(&job.correlation).ok_or_else(without_container)?;
    let container =
        storage.locate_container(output_container).map_err(Failure::of(log_events::ENCODE_OUTPUT))?;
    let listed = storage.list(&container).await.map_err(Failure::of(log_events::BLOBS_NOT_LISTED))?;
    let written = written_by_job(listed, &job.ticket, step).await?;
    let uri = |name| storage.uri(&BlobAddress { container: container.clone(), name });
    Ok(EncodeSuccess {
        workflow_job_name: job.name(),
        encoder_context: context_for(job.family, &job.name(), previous_state, "Finished"),
        outputs: written.into_iter().map(|blob| EncodeOutput { blob_uri: uri(blob.name) }).collect(),
        output_container: output_container.to_owned(),
    })
}

/// The dialect does not say which files a job has written, but when it ran. A job that does not say even that, or that is
/// gone, is taken to have written all there is, as the original took it.
async fn written_by_job(
    listed: Vec<ListedBlob>,
    ticket: &JobTicket,
    step: &Step<'_>,
) -> Result<Vec<ListedBlob>, Failure> {
    let (started, ended) = match step.participants.encoders.job(ticket).await {
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
