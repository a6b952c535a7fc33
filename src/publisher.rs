//! Gives answers to the topic: as many as wait in one POST, never waiting for more. How a POST is made is the topic's, how
//! POSTs are filled and tried again is `posts`'.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt as _;
use gridwich_handlers::base::{Draft, PublishError, Publisher};
use serde::Serialize;
use time::format_description::well_known::Rfc3339;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use self::posts::Posts;
use crate::clock;
use crate::telemetry::metrics::Metrics;

mod posts;

/// Answers waiting for a POST; beyond it, steps wait, and with them their deliveries.
const QUEUE_EVENTS_MAX: usize = 8_192;
/// `dataVersion` of everything we publish, as the original's.
const DATA_VERSION: &str = "1.0";
/// What an envelope takes besides its subject: with our longest event type, so that it is written without growing.
const ENVELOPE_BYTES: usize = 256;
/// What panics again and again must not keep the processor busy.
const ANEW_AFTER: Duration = Duration::from_secs(1);

/// Why a POST was not accepted.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct PostError {
    /// Whether the same POST can succeed later.
    pub is_transient: bool,
    /// Whether one of the events is at fault, so that the others alone may be accepted.
    pub is_about_events: bool,
    /// Whether the topic is there and takes our credential all the same.
    pub is_reached: bool,
    /// When the topic asked us to come again.
    pub retry_after: Option<Duration>,
    /// Fit for a log: no key, no body.
    pub message: String,
}

/// A topic: where POSTs go.
#[async_trait]
pub trait Topic: Send + Sync {
    /// POSTs a JSON array of events. Waiting is bounded.
    async fn post(&self, events: Bytes) -> Result<(), PostError>;
}

/// Publishes to one topic, giving each answer a bounded time.
pub struct TopicPublisher {
    queue: mpsc::Sender<Waiting>,
    budget: Duration,
    metrics: Arc<Metrics>,
}

/// An answer on its way, and who waits for it.
struct Waiting {
    event: Vec<u8>,
    done: oneshot::Sender<Result<(), PublishError>>,
    deadline: Instant,
    /// How many POSTs of it were refused.
    refusals: u32,
    /// Whether others must not suffer from it: a POST of several was refused for what is in it.
    is_alone: bool,
}

impl Waiting {
    fn new(event: Vec<u8>, budget: Duration) -> (Self, oneshot::Receiver<Result<(), PublishError>>) {
        let (done, accepted) = oneshot::channel();
        let deadline = Instant::now() + budget;
        (Self { event, done, deadline, refusals: 0, is_alone: false }, accepted)
    }

    /// Whoever waited may have given up.
    fn settle(self, result: Result<(), PublishError>) {
        let _ = self.done.send(result);
    }
}

impl TopicPublisher {
    /// Starts publishing to a topic, with `posts_max` POSTs at once, trying each answer for `budget`. It ends when the
    /// publisher is dropped; steps that wait for an answer keep it.
    #[must_use]
    pub fn start(topic: Arc<dyn Topic>, posts_max: usize, budget: Duration, metrics: Arc<Metrics>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_EVENTS_MAX);
        tokio::spawn(keep_publishing(topic, posts_max, Arc::clone(&metrics), waiting));
        Self { queue, budget, metrics }
    }
}

/// Ends only with the queue: a panic costs those whose answers were under way a repetition, and nobody else anything.
async fn keep_publishing(
    topic: Arc<dyn Topic>,
    posts_max: usize,
    metrics: Arc<Metrics>,
    mut waiting: mpsc::Receiver<Waiting>,
) {
    loop {
        let posts = Posts::new(Arc::clone(&topic), posts_max, Arc::clone(&metrics));
        if AssertUnwindSafe(posts.run(&mut waiting)).catch_unwind().await.is_ok() {
            return;
        }
        tracing::error!("publishing panicked, and begins anew");
        tokio::time::sleep(ANEW_AFTER).await;
    }
}

#[async_trait]
impl Publisher for TopicPublisher {
    async fn publish(&self, draft: Draft) -> Result<(), PublishError> {
        let event_type = draft.event_type.clone();
        let (waiting, accepted) = Waiting::new(written(&draft), self.budget);
        let publishing = async {
            let stopped = || PublishError("the publisher has stopped".to_owned());
            self.queue.send(waiting).await.map_err(|_| stopped())?;
            accepted.await.map_err(|_| stopped())?
        };
        let published = tokio::time::timeout(self.budget, publishing).await;
        let published =
            published.unwrap_or_else(|_| Err(PublishError("no answer from the topic in time".to_owned())));
        self.metrics.published(event_type, published.is_ok());
        published
    }
}

/// An event of ours, without its data.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    id: &'a str,
    event_type: &'a str,
    subject: &'a str,
    event_time: &'a str,
    data_version: &'static str,
}

/// An answer as it travels: an event of the Event Grid schema.
#[must_use]
pub fn written(draft: &Draft) -> Vec<u8> {
    let mut id = Uuid::encode_buffer();
    let envelope = Envelope {
        id: draft.id.hyphenated().encode_lower(&mut id),
        event_type: &draft.event_type,
        subject: &draft.subject,
        event_time: &clock::now().format(&Rfc3339).unwrap_or_default(),
        data_version: DATA_VERSION,
    };
    let mut event = Vec::with_capacity(draft.data.len() + draft.subject.len() + ENVELOPE_BYTES);
    serde_json::to_writer(&mut event, &envelope).expect("an envelope is a struct of plain members");
    // The data is JSON already; reading it to have it written again takes 9,000 instructions for 600 bytes.
    event.pop();
    event.extend_from_slice(br#","data":"#);
    event.extend_from_slice(&draft.data);
    event.push(b'}');
    event
}
