//! Gives answers to the topic: as many as wait in one POST, never waiting for more. How a POST is made is the topic's.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gridwich_handlers::base::{Draft, PublishError, Publisher};
use serde::Serialize;
use serde_json::value::RawValue;
use time::format_description::well_known::Rfc3339;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use crate::clock;
use crate::telemetry::metrics::Metrics;

/// Most events in one POST: more gained nothing when measured, and a refused POST costs more.
const BATCH_EVENTS_MAX: usize = 256;
/// Most bytes in one POST: Event Grid's documented limit of 1 MB, less room for brackets and commas.
const BATCH_BYTES_MAX: usize = 1_048_576 - 1_024;
/// Answers waiting for a POST; beyond it, steps wait, and with them their deliveries.
const QUEUE_EVENTS_MAX: usize = 8_192;
/// First wait after a refused POST; it doubles with each.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// Longest wait between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// `dataVersion` of everything we publish, as the original's.
const DATA_VERSION: &str = "1.0";

/// Why a POST was not accepted.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct PostError {
    /// Whether the same POST can succeed later.
    pub is_transient: bool,
    /// Whether one of the events is at fault, so that the others alone may be accepted.
    pub is_about_events: bool,
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
}

impl TopicPublisher {
    /// Starts publishing to a topic, with `posts_max` POSTs at once, trying each answer for `budget`. It ends when the
    /// publisher is dropped; steps that wait for an answer keep it.
    #[must_use]
    pub fn start(topic: Arc<dyn Topic>, posts_max: usize, budget: Duration, metrics: Arc<Metrics>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_EVENTS_MAX);
        let posts = Arc::new(Semaphore::new(posts_max));
        tokio::spawn(gather(topic, posts, waiting, Arc::clone(&metrics)));
        Self { queue, budget, metrics }
    }
}

#[async_trait]
impl Publisher for TopicPublisher {
    async fn publish(&self, draft: Draft) -> Result<(), PublishError> {
        let (done, accepted) = oneshot::channel();
        let event_type = draft.event_type.clone();
        let waiting = Waiting { event: envelope(&draft)?, done, deadline: Instant::now() + self.budget };
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

/// An event of ours, complete.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    id: &'a str,
    event_type: &'a str,
    subject: &'a str,
    event_time: String,
    data_version: &'static str,
    data: &'a RawValue,
}

fn envelope(draft: &Draft) -> Result<Vec<u8>, PublishError> {
    let unwritable = |error: serde_json::Error| PublishError(error.to_string());
    let mut id = Uuid::encode_buffer();
    let envelope = Envelope {
        id: draft.id.hyphenated().encode_lower(&mut id),
        event_type: &draft.event_type,
        subject: &draft.subject,
        event_time: clock::now().format(&Rfc3339).unwrap_or_default(),
        data_version: DATA_VERSION,
        data: serde_json::from_slice(&draft.data).map_err(unwritable)?,
    };
    serde_json::to_vec(&envelope).map_err(unwritable)
}

/// Takes a free slot first and then everything that waits: a lone answer leaves at once, and batches grow under load only.
async fn gather(
    topic: Arc<dyn Topic>,
    posts: Arc<Semaphore>,
    mut queue: mpsc::Receiver<Waiting>,
    metrics: Arc<Metrics>,
) {
    let mut left_over = None;
    loop {
        let Some(first) = (match left_over.take() {
            Some(waiting) => Some(waiting),
            None => queue.recv().await,
        }) else {
            return;
        };
        let Ok(slot) = Arc::clone(&posts).acquire_owned().await else { return };
        let mut bytes = first.event.len();
        let mut batch = vec![first];
        while batch.len() < BATCH_EVENTS_MAX {
            let Ok(next) = queue.try_recv() else { break };
            bytes += next.event.len() + 1;
            if bytes > BATCH_BYTES_MAX {
                left_over = Some(next);
                break;
            }
            batch.push(next);
        }
        tokio::spawn(deliver(Arc::clone(&topic), batch, Arc::clone(&metrics), slot));
    }
}

async fn deliver(
    topic: Arc<dyn Topic>,
    batch: Vec<Waiting>,
    metrics: Arc<Metrics>,
    slot: OwnedSemaphorePermit,
) {
    match post_until_accepted(&*topic, &batch, &metrics).await {
        Ok(()) => settle(batch, &Ok(())),
        // One event may have spoiled it for the others.
        Err(error) if error.is_about_events && batch.len() > 1 => {
            for waiting in batch.into_iter().filter(|waiting| !waiting.done.is_closed()) {
                let alone = [waiting];
                let result = post_until_accepted(&*topic, &alone, &metrics).await;
                settle(alone.into(), &result.map_err(|e| PublishError(e.message)));
            }
        }
        Err(error) => settle(batch, &Err(PublishError(error.message))),
    }
    drop(slot);
}

fn settle(batch: Vec<Waiting>, result: &Result<(), PublishError>) {
    for waiting in batch {
        // Whoever waited may have given up.
        let _ = waiting.done.send(result.clone());
    }
}

/// Tries until the topic accepts, refuses for good, or the last of the batch has run out of time.
async fn post_until_accepted(
    topic: &dyn Topic,
    batch: &[Waiting],
    metrics: &Metrics,
) -> Result<(), PostError> {
    let body = array_of(batch);
    let deadline = batch.iter().map(|waiting| waiting.deadline).max().unwrap_or_else(Instant::now);
    for attempt in 0.. {
        let started = Instant::now();
        let result = topic.post(body.clone()).await;
        metrics.posted(result.is_ok(), started.elapsed());
        let Err(error) = result else { return Ok(()) };
        let wait = backoff(attempt, &body).max(error.retry_after.unwrap_or_default());
        let is_in_vain = batch.iter().all(|waiting| waiting.done.is_closed());
        if !error.is_transient || is_in_vain || Instant::now() + wait >= deadline {
            return Err(error);
        }
        tracing::debug!(attempt, wait_ms = wait.as_millis() as u64, "the topic refused a POST: {error}");
        tokio::time::sleep(wait).await;
    }
    unreachable!("attempts end with their deadline")
}

fn array_of(batch: &[Waiting]) -> Bytes {
    let mut body = Vec::with_capacity(batch.iter().map(|waiting| waiting.event.len() + 1).sum::<usize>() + 2);
    for waiting in batch {
        body.push(if body.is_empty() { b'[' } else { b',' });
        body.extend_from_slice(&waiting.event);
    }
    body.push(b']');
    Bytes::from(body)
}

/// Doubles with each attempt, less up to a half: by the body rather than by chance, so that a run can be repeated.
fn backoff(attempt: u32, body: &Bytes) -> Duration {
    let full = BACKOFF_MIN.saturating_mul(1 << attempt.min(10)).min(BACKOFF_MAX);
    let sum = body
        .iter()
        .fold(u32::from(attempt as u16), |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
    // Whole milliseconds: timers know nothing finer.
    full - Duration::from_millis(full.as_millis() as u64 * u64::from(sum % 1_000) / 2_000)
}
