//! `request.blob.container.delete`: deletes a container and all that is in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::{Answer, Effect, EventData, Failure, Handler, Step, begin, begun_before, log_events};
use crate::operation_context::OperationContext;
use crate::participants::{ContainerAddress, ParticipantError, Participants};

/// A container to delete.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "request.blob.container.delete")]
pub struct BlobContainerDeleteRequest {
    /// The account it is in.
    storage_account_name: String,
    /// Its name.
    container_name: String,
    operation_context: Option<OperationContext>,
}

impl EventData for BlobContainerDeleteRequest {
    const EVENT_TYPE: &'static str = "request.blob.container.delete";

    fn operation_context(&self) -> Option<&OperationContext> {
        self.operation_context.as_ref()
    }

    fn example() -> Value {
        json!({
            "storageAccountName": "gwproxy00sasb",
            "containerName": "show-17",
            "operationContext": {"sagaId": "s-1", "step": 12},
        })
    }
}

/// The container is gone for all who ask for it; storage clears it away in its own time.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.blob.container.delete.success")]
pub struct BlobContainerDeleteSuccess {
    /// As requested.
    storage_account_name: String,
    /// As requested.
    container_name: String,
}

impl Answer for BlobContainerDeleteSuccess {
    const EVENT_TYPE: &'static str = "response.blob.container.delete.success";

    fn example() -> Self {
        Self { storage_account_name: "gwproxy00sasb".into(), container_name: "show-17".into() }
    }
}

/// Deletes the container. One that is not there is a failure, unless this request has deleted it.
pub struct BlobContainerDelete;

impl Handler for BlobContainerDelete {
    type Event = BlobContainerDeleteRequest;
    type Response = BlobContainerDeleteSuccess;

    const ID: &'static str = "B8AC2788-7818-11EA-BC55-024DAC130003";
    const CLASS: &'static str = "ContainerDeleteHandler";
    const EFFECT: Effect = Effect::Noted;

    fn memory(request: &Self::Event, _: &Participants) -> Option<String> {
        Some(request.storage_account_name.clone())
    }

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let storage = step.storage()?;
        let container =
            ContainerAddress { account: request.storage_account_name, container: request.container_name };
        match storage.container_etag(&container).await {
            Ok(etag) => {
                let begun = begin(step, &container.account, &etag).await?;
                // Whether it is the one that was to be deleted, or another in its place, cannot be told.
                if begun.before.is_some_and(|before| before.about != etag) {
                    let name = &container.container;
                    let message =
                        format!("the container {name:?} has been changed since it was to be deleted");
                    return Err(Failure::new(log_events::CONTAINER_NOT_DELETED, message).in_doubt());
                }
                delete(&container, step).await?;
            }
            // Only who began to delete it can know that it was there.
            Err(ParticipantError::NotFound(..))
                if begun_before(step, &container.account).await?.is_some() => {}
            Err(error) => return Err(Failure::of(log_events::CONTAINER_NOT_DELETED)(error)),
        }
        Ok(BlobContainerDeleteSuccess {
            storage_account_name: container.account,
            container_name: container.container,
        })
    }
}

async fn delete(container: &ContainerAddress, step: &Step<'_>) -> Result<(), Failure> {
    match step.storage()?.delete_container(container).await {
        // A repeated try of ours finds nothing left.
        Ok(()) | Err(ParticipantError::NotFound(..)) => Ok(()),
        Err(error) => Err(Failure::of(log_events::CONTAINER_NOT_DELETED)(error)),
    }
}
