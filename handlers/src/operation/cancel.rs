//! `request.operation.cancel`: stops an encode, or a copy that is under way. What is stopped ends in an answer of its own,
//! with its own context.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::{Answer, Effect, EventData, Failure, Handler, Step, begin, log_events};
use crate::operation_context::OperationContext;
use crate::participants::{CopyState, JobTicket, ParticipantError, Participants};
use crate::resource_uri::ResourceUri;

/// What to stop: either a job by `workflowJobName`, or a copy by its destination in `blobUri`. It ends in an answer of its
/// own, with its own context: a job is canceled, a copy fails.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    title = "request.operation.cancel",
    extend("oneOf" = [
        {"required": ["workflowJobName"], "properties": {"workflowJobName": {"type": "string"}}},
        {"required": ["blobUri"], "properties": {"blobUri": {"type": "string"}}},
    ])
)]
pub struct OperationCancelRequest {
    /// The job, as answers about the encode call it.
    workflow_job_name: Option<String>,
    /// The job's transform; without it the job is looked for in all there are.
    transform_name: Option<String>,
    /// The destination of the copy.
    blob_uri: Option<ResourceUri>,
    operation_context: Option<OperationContext>,
}

impl EventData for OperationCancelRequest {
    const EVENT_TYPE: &'static str = "request.operation.cancel";

    fn operation_context(&self) -> Option<&OperationContext> {
        self.operation_context.as_ref()
    }

    fn example() -> Value {
        json!({
            "workflowJobName": "gwproxy00sasb-show-17-28f4bfd4eb1",
            "operationContext": {"sagaId": "s-1", "step": 13},
        })
    }
}

/// It is being stopped.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.operation.cancel.success")]
pub struct OperationCancelSuccess {
    /// As requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_job_name: Option<String>,
    /// As requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    blob_uri: Option<ResourceUri>,
}

impl Answer for OperationCancelSuccess {
    const EVENT_TYPE: &'static str = "response.operation.cancel.success";

    fn example() -> Self {
        let job = Some("gwproxy00sasb-show-17-28f4bfd4eb1".to_owned());
        Self { workflow_job_name: job, blob_uri: None }
    }
}

/// Asks whoever does the work to stop. Work that is stopped already is as wanted.
pub struct OperationCancel;

impl Handler for OperationCancel {
    type Event = OperationCancelRequest;
    type Response = OperationCancelSuccess;

    const ID: &'static str = "0ae69203-bffd-48de-a74c-b99bdcb830c4";
    const CLASS: &'static str = "OperationCancelHandler";
    const EFFECT: Effect = Effect::Noted;

    fn memory(request: &Self::Event, participants: &Participants) -> Option<String> {
        participants.account_of(request.blob_uri.as_ref()?.as_str())
    }

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        match (&request.workflow_job_name, &request.blob_uri) {
            (Some(job), None) => cancel_job(job, request.transform_name.as_deref(), step).await?,
            (None, Some(uri)) => abort_copy(uri, step).await?,
            _ => {
                let message = "data: expected either workflowJobName or blobUri";
                return Err(Failure::new(log_events::NOTHING_TO_CANCEL, message));
            }
        }
        Ok(OperationCancelSuccess {
            workflow_job_name: request.workflow_job_name,
            blob_uri: request.blob_uri,
        })
    }
}

async fn cancel_job(job: &str, transform: Option<&str>, step: &Step<'_>) -> Result<(), Failure> {
    // Without any encoder there is a better reason than that nobody has it.
    step.encoder(None)?;
    let ticket = JobTicket { job: job.to_owned(), transform: transform.map(str::to_owned) };
    step.participants.encoders.cancel(&ticket).await.map_err(|error| match error {
        ParticipantError::NotFound(..) => Failure::of(log_events::NOTHING_TO_CANCEL)(error),
        error => Failure::of(log_events::ENCODE_JOB_NOT_CANCELED)(error),
    })
}

async fn abort_copy(uri: &ResourceUri, step: &Step<'_>) -> Result<(), Failure> {
    let storage = step.storage()?;
    let not_aborted = || Failure::of(log_events::COPY_NOT_ABORTED);
    let destination = storage.locate(uri.as_str()).map_err(not_aborted())?;
    let account = &destination.container.account;
    let found = storage.properties(&destination).await.map_err(not_aborted())?;
    match (&found.copy, &found.copy_id) {
        (Some(CopyState::Pending), Some(id)) => {
            let begun = begin(step, account, id).await?;
            // What this request was to stop is over; another copy is none of its business.
            if begun.before.is_some_and(|before| before.about != *id) {
                return Err(nothing_to_stop(uri));
            }
            match storage.abort_copy(&destination, id).await {
                Err(conflict @ ParticipantError::Conflict(..)) => {
                    // A try whose answer was lost has stopped it already.
                    let found = storage.properties(&destination).await.map_err(not_aborted())?;
                    let is_stopped =
                        found.copy == Some(CopyState::Aborted) && found.copy_id.as_ref() == Some(id);
                    if is_stopped { Ok(()) } else { Err(not_aborted()(conflict)) }
                }
                aborted => aborted.map_err(Failure::of(log_events::COPY_NOT_ABORTED)),
            }
        }
        (Some(CopyState::Aborted), _) => Ok(()),
        _ => Err(nothing_to_stop(uri)),
    }
}

fn nothing_to_stop(uri: &ResourceUri) -> Failure {
    Failure::new(log_events::NOTHING_TO_CANCEL, format!("no copy to {uri} is under way"))
}
