//! The POSTs that are under way: what goes into each, and what of a refused one is tried again, and when. What an event is, and
//! who waits for it, is the publisher's.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use gridwich_handlers::base::PublishError;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{PostError, Topic, Waiting};
use crate::telemetry::metrics::Metrics;

/// Most events in one POST: more gained nothing when measured, and a refused POST costs more.
const BATCH_EVENTS_MAX: usize = 256;
/// Most bytes in one POST: Event Grid's documented limit of 1 MB, less room for brackets and commas.
const BATCH_BYTES_MAX: usize = 1_048_576 - 1_024;
/// A POST that has not been answered by then is tried again: three of them fit into the time that an answer has, and while one
/// hangs it keeps a slot from others.
const POST_SECONDS_MAX: Duration = Duration::from_secs(6);
/// First wait after a refused POST; it doubles with each. An answer with less time left than this is given up.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// Longest wait between two tries, unless the topic asks for more: what waits when an outage ends is published within this.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// POSTs to one topic. A slot is held while a POST is under way, and not while what was refused waits for its next try.
pub(super) struct Posts {
    topic: Arc<dyn Topic>,
    posts_max: usize,
    metrics: Arc<Metrics>,
    under_way: JoinSet<Vec<(Instant, Waiting)>>,
    later: Later,
}

impl Posts {
    pub(super) fn new(topic: Arc<dyn Topic>, posts_max: usize, metrics: Arc<Metrics>) -> Self {
        Self { topic, posts_max, metrics, under_way: JoinSet::new(), later: Later::default() }
    }

    /// Takes a free slot first and then everything that waits: a lone answer leaves at once, and batches grow under load
    /// only. Ends when nobody can publish any more and nothing waits.
    pub(super) async fn run(mut self, queue: &mut mpsc::Receiver<Waiting>) {
        let mut is_open = true;
        loop {
            let has_slot = self.under_way.len() < self.posts_max;
            let due = self.later.due();
            tokio::select! {
                biased;
                Some(refused) = self.under_way.join_next() => {
                    // A POST that panicked has told whoever waited, by letting go of them.
                    self.later.extend(refused.unwrap_or_default());
                }
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if has_slot && due.is_some() => {
                    if let Some(first) = self.later.pop_due() {
                        self.post(first, queue);
                    }
                }
                next = queue.recv(), if has_slot && is_open => match next {
                    Some(first) => self.post(first, queue),
                    None => is_open = false,
                },
                else => return,
            }
        }
    }

    /// Sends it off with all that is due and fits.
    fn post(&mut self, first: Waiting, queue: &mut mpsc::Receiver<Waiting>) {
        let mut bytes = first.event.len();
        let mut batch = vec![first];
        while batch.len() < BATCH_EVENTS_MAX && !batch[0].is_alone {
            let Some(next) = self.later.pop_due().or_else(|| queue.try_recv().ok()) else { break };
            bytes += next.event.len() + 1;
            if bytes > BATCH_BYTES_MAX || next.is_alone {
                self.later.extend([(Instant::now(), next)]);
                break;
            }
            batch.push(next);
        }
        let (topic, metrics) = (Arc::clone(&self.topic), Arc::clone(&self.metrics));
        self.under_way.spawn(async move { post(&*topic, batch, &metrics).await });
    }
}

/// What was refused, by when it is tried again.
#[derive(Default)]
struct Later {
    waiting: BTreeMap<(Instant, u64), Waiting>,
    count: u64,
}

impl Later {
    fn extend(&mut self, refused: impl IntoIterator<Item = (Instant, Waiting)>) {
        for (due, waiting) in refused {
            self.waiting.insert((due, self.count), waiting);
            self.count += 1;
        }
    }

    fn due(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// The next that is due and that somebody still waits for.
    fn pop_due(&mut self) -> Option<Waiting> {
        while self.due()? <= Instant::now() {
            let (_, waiting) = self.waiting.pop_first()?;
            if !waiting.done.is_closed() {
                return Some(waiting);
            }
        }
        None
    }
}

/// POSTs once, and returns what is to be tried again.
async fn post(topic: &dyn Topic, batch: Vec<Waiting>, metrics: &Metrics) -> Vec<(Instant, Waiting)> {
    let (body, started) = (array_of(&batch), Instant::now());
    let posting = AssertUnwindSafe(tokio::time::timeout(POST_SECONDS_MAX, topic.post(body.clone())));
    let result = match posting.catch_unwind().await {
        Ok(in_time) => in_time.unwrap_or_else(|_| Err(unanswered("the topic did not answer in time"))),
        Err(_) => Err(unanswered("the POST panicked")),
    };
    metrics.posted(result.is_ok(), started.elapsed());
    let Err(error) = result else {
        for waiting in batch {
            waiting.settle(Ok(()));
        }
        return Vec::new();
    };
    tracing::debug!(events = batch.len(), "the topic refused a POST: {error}");
    if error.is_about_events && batch.len() > 1 {
        // One event may have spoiled it for the others.
        let alone = |waiting| (Instant::now(), Waiting { is_alone: true, ..waiting });
        return batch.into_iter().map(alone).collect();
    }
    let jitter = jitter(&body);
    let mut again = Vec::new();
    for waiting in batch {
        match wait(&waiting, &error, jitter) {
            Some(wait) => {
                let refusals = waiting.refusals + 1;
                again.push((Instant::now() + wait, Waiting { refusals, ..waiting }));
            }
            None => waiting.settle(Err(PublishError(error.message.clone()))),
        }
    }
    again
}

fn unanswered(reason: &str) -> PostError {
    let message = reason.to_owned();
    PostError { is_transient: true, is_about_events: false, is_reached: false, retry_after: None, message }
}

/// How long to wait until the next try, if one may succeed in time: as long as the topic asks, but never so long that only
/// one try is left. A delivery that has to come again repeats what has been published before.
fn wait(waiting: &Waiting, error: &PostError, jitter: f64) -> Option<Duration> {
    let left = waiting.deadline.saturating_duration_since(Instant::now());
    if !error.is_transient || waiting.done.is_closed() || left < BACKOFF_MIN {
        return None;
    }
    let full = BACKOFF_MIN.saturating_mul(1 << waiting.refusals.min(10)).min(BACKOFF_MAX);
    let asked = full.mul_f64(jitter).max(error.retry_after.unwrap_or_default());
    // Whole milliseconds: timers know nothing finer.
    Some(Duration::from_millis(asked.min(left / 2).as_millis() as u64))
}

/// From a half to the whole, by the body rather than by chance, so that a run can be repeated.
fn jitter(body: &Bytes) -> f64 {
    let sum = body.iter().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
    1.0 - f64::from(sum % 1_000) / 2_000.0
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
