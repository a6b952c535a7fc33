//! `request.blob.container.access.change`: says who may read a container without any right of their own.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::words::in_any_case;
use crate::base::lenient::null_as_default;
use crate::base::{Answer, EventData, Failure, Handler, Step, log_events};
use crate::operation_context::OperationContext;
use crate::participants::{ContainerAddress, Participants, PublicAccess};

/// Access to set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "request.blob.container.access.change")]
pub struct BlobContainerAccessChangeRequest {
    /// The account the container is in.
    storage_account_name: String,
    /// The container's name.
    container_name: String,
    /// `None` when left out: private.
    #[serde(default, deserialize_with = "null_as_default")]
    access_type: AccessType,
    operation_context: Option<OperationContext>,
}

impl EventData for BlobContainerAccessChangeRequest {
    const EVENT_TYPE: &'static str = "request.blob.container.access.change";

    fn operation_context(&self) -> Option<&OperationContext> {
        self.operation_context.as_ref()
    }

    fn example() -> Value {
        json!({
            "storageAccountName": "gwproxy00sasb",
            "containerName": "show-17",
            "accessType": "Blob",
            "operationContext": {"sagaId": "s-1", "step": 4},
        })
    }
}

/// The access is set.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.blob.container.access.change.success")]
pub struct BlobContainerAccessChangeSuccess {
    /// As requested.
    storage_account_name: String,
    /// As requested.
    container_name: String,
    /// In the contract's own spelling.
    access_type: AccessType,
}

impl Answer for BlobContainerAccessChangeSuccess {
    const EVENT_TYPE: &'static str = "response.blob.container.access.change.success";

    fn example() -> Self {
        Self {
            storage_account_name: "gwproxy00sasb".into(),
            container_name: "show-17".into(),
            access_type: AccessType::Blob,
        }
    }
}

/// Who may read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
enum AccessType {
    /// Blobs, not their list.
    Blob,
    /// Blobs and their list.
    BlobContainer,
    /// Nothing.
    #[default]
    None,
}

const NAMES: [(&str, AccessType); 3] =
    [("Blob", AccessType::Blob), ("BlobContainer", AccessType::BlobContainer), ("None", AccessType::None)];

impl TryFrom<String> for AccessType {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let found = NAMES.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
        found.map(|(_, access)| access).ok_or_else(|| "expected Blob, BlobContainer or None".to_owned())
    }
}

impl JsonSchema for AccessType {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AccessType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        in_any_case(&NAMES.map(|(name, _)| name))
    }
}

impl From<AccessType> for PublicAccess {
    fn from(access: AccessType) -> Self {
        match access {
            AccessType::Blob => Self::Blob,
            AccessType::BlobContainer => Self::BlobContainer,
            AccessType::None => Self::None,
        }
    }
}

/// Sets the access; access that is set already is as wanted.
pub struct BlobContainerAccessChange;

impl Handler for BlobContainerAccessChange {
    type Event = BlobContainerAccessChangeRequest;
    type Response = BlobContainerAccessChangeSuccess;

    const ID: &'static str = "CAFEBABE-D7C9-4C66-B21A-4C775030BE09";
    const CLASS: &'static str = "ContainerAccessChangeHandler";

    fn memory(request: &Self::Event, _: &Participants) -> Option<String> {
        Some(request.storage_account_name.clone())
    }

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let container =
            ContainerAddress { account: request.storage_account_name, container: request.container_name };
        let set = step.storage()?.set_access(&container, request.access_type.into()).await;
        set.map_err(Failure::of(log_events::CONTAINER_ACCESS))?;
        Ok(BlobContainerAccessChangeSuccess {
            storage_account_name: container.account,
            container_name: container.container,
            access_type: request.access_type,
        })
    }
}
