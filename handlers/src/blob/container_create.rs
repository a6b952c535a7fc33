//! `request.blob.container.create`: makes a private container. Not what decides who may read it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::{Answer, EventData, Failure, Handler, Step, log_events};
use crate::operation_context::OperationContext;
use crate::participants::{ContainerAddress, Existence, Participants};

/// A container to make.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "request.blob.container.create")]
pub struct BlobContainerCreateRequest {
    /// The account to make it in.
    storage_account_name: String,
    /// 3 to 63 lower-case letters, digits and single hyphens.
    container_name: String,
    operation_context: Option<OperationContext>,
}

impl EventData for BlobContainerCreateRequest {
    const EVENT_TYPE: &'static str = "request.blob.container.create";

    fn operation_context(&self) -> Option<&OperationContext> {
        self.operation_context.as_ref()
    }

    fn example() -> Value {
        json!({"storageAccountName": "gwproxy00sasb", "containerName": "show-17", "operationContext": {"sagaId": "s-1", "step": 1}})
    }
}

/// The container is there.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.blob.container.create.success")]
pub struct BlobContainerCreateSuccess {
    /// The account it is in.
    storage_account_name: String,
    /// Its name.
    container_name: String,
}

impl Answer for BlobContainerCreateSuccess {
    const EVENT_TYPE: &'static str = "response.blob.container.create.success";

    fn example() -> Self {
        Self { storage_account_name: "gwproxy00sasb".into(), container_name: "show-17".into() }
    }
}

/// Makes the container. One that is there is in the way, as it was for the original, unless this request made it when it
/// came before.
pub struct BlobContainerCreate;

impl Handler for BlobContainerCreate {
    type Event = BlobContainerCreateRequest;
    type Response = BlobContainerCreateSuccess;

    const ID: &'static str = "24b0230e-b00f-7fae-e505-8ea18fd0b4e8";
    const CLASS: &'static str = "ContainerCreateHandler";

    fn memory(request: &Self::Event, _: &Participants) -> Option<String> {
        Some(request.storage_account_name.clone())
    }

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let address =
            ContainerAddress { account: request.storage_account_name, container: request.container_name };
        create(&address, step).await?;
        Ok(BlobContainerCreateSuccess {
            storage_account_name: address.account,
            container_name: address.container,
        })
    }
}

async fn create(address: &ContainerAddress, step: &Step<'_>) -> Result<(), Failure> {
    let created = step.storage()?.create_container(address, step.operation.id).await;
    match created.map_err(Failure::of(log_events::CONTAINER_NOT_CREATED))? {
        Existence::Created => Ok(()),
        Existence::Existed => {
            let message = format!("the container {:?} exists already", address.container);
            Err(Failure::new(log_events::CONTAINER_NOT_CREATED, message))
        }
    }
}
