//! What the base needs of a publisher. How events reach a topic is not known here.

use std::borrow::Cow;

use async_trait::async_trait;
use uuid::Uuid;

/// An event to publish, complete but for its time and its topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The same for the same answer, however often it is published.
    pub id: Uuid,
    /// For example `response.acknowledge`.
    pub event_type: Cow<'static, str>,
    /// As the original formed it.
    pub subject: String,
    /// The event's `data`, as JSON.
    pub data: Vec<u8>,
}

/// Why an event was not accepted by the topic, after all retries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event could not be published: {0}")]
pub struct PublishError(pub String);

/// Gives events to the broker.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Returns once the topic has accepted the event.
    async fn publish(&self, draft: Draft) -> Result<(), PublishError>;
}
