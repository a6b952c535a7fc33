//! What couriers and handshakes have in common: the settings, the way to endpoints, the storage of dead letters.
//! Nothing of a topic or a subscription.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::neighbour::Neighbour;
use super::settings::Settings;
use crate::inside::BlobFiles;
use crate::webhook::WebhookError;

/// Documented: how long Event Grid waits for an answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(30);

/// The world around topics and subscriptions.
pub(super) struct Outside {
    pub settings: Settings,
    /// Where dead letters go.
    pub storage: Neighbour<Arc<dyn BlobFiles>>,
    /// Rings when a courier has done something.
    pub progress: Notify,
}

impl Outside {
    /// Calls an endpoint. An endpoint in memory that panics is a connection that breaks.
    pub async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WebhookError> {
        let call = AssertUnwindSafe(self.settings.webhooks.call(request)).catch_unwind();
        match timeout(ANSWER_WAIT_MAX, call).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panic)) => Err(WebhookError::Socket),
            Err(_elapsed) => Err(WebhookError::TimedOut),
        }
    }
}
