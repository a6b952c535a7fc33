//! `request.mediaservices.locator.delete`: takes a publication back. The media stay.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::{Answer, EventData, Failure, Handler, Step, log_events};
use crate::operation_context::OperationContext;

/// A publication to take back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "request.mediaservices.locator.delete")]
pub struct MediaServicesLocatorDeleteRequest {
    /// The publication, as the answer to its creation called it.
    locator_name: String,
    operation_context: Option<OperationContext>,
}

impl EventData for MediaServicesLocatorDeleteRequest {
    const EVENT_TYPE: &'static str = "request.mediaservices.locator.delete";

    fn operation_context(&self) -> Option<&OperationContext> {
        self.operation_context.as_ref()
    }

    fn example() -> Value {
        json!({"locatorName": "locator-5c2e12323a4", "operationContext": {"sagaId": "s-1", "step": 11}})
    }
}

/// The publication is no more.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.mediaservices.locator.delete.success")]
pub struct MediaServicesLocatorDeleteSuccess {
    /// As requested, without spaces around it.
    locator_name: String,
}

impl Answer for MediaServicesLocatorDeleteSuccess {
    const EVENT_TYPE: &'static str = "response.mediaservices.locator.delete.success";

    fn example() -> Self {
        Self { locator_name: "locator-5c2e12323a4".into() }
    }
}

/// Deletes it wherever it is. One that is not there is as wanted.
pub struct MediaServicesLocatorDelete;

impl Handler for MediaServicesLocatorDelete {
    type Event = MediaServicesLocatorDeleteRequest;
    type Response = MediaServicesLocatorDeleteSuccess;

    const ID: &'static str = "ff552563-5c1a-445a-ac7d-32fe6b89f865";
    const CLASS: &'static str = "MediaServicesLocatorDeleteHandler";

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let locator_name = request.locator_name.trim().to_owned();
        if locator_name.is_empty() {
            let message = "locatorName: expected the name of a locator";
            return Err(Failure::new(log_events::LOCATOR_NOT_DELETED, message));
        }
        let unpublished = step.publication()?.unpublish(&locator_name).await;
        unpublished.map_err(Failure::of(log_events::LOCATOR_NOT_DELETED))?;
        Ok(MediaServicesLocatorDeleteSuccess { locator_name })
    }
}
