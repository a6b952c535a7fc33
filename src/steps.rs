//! The steps that are running: bounded in number, joined by redeliveries, waited for when draining. The only place that
//! spawns work for an event; knows nothing of what the work is.

use std::collections::HashMap;
use std::future::IntoFuture;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use gridwich_handlers::base::Unsettled;
use gridwich_handlers::event::Event;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub use self::attempt::Attempt;
use self::settled::{Digest, Settled};

mod attempt;
mod settled;

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All there was to say has been published.
    Settled,
    /// Not so: the event must come again.
    Unsettled,
}

impl Verdict {
    /// What a handling that has ended came to; the log says why it must come again.
    pub fn of(event_id: &str, settled: Result<(), Unsettled>) -> Self {
        match settled {
            Ok(()) => Self::Settled,
            Err(error) => {
                tracing::error!(event.id = event_id, "{error}; the event must come again");
                Self::Unsettled
            }
        }
    }
}

/// What makes two deliveries the same event. Ids alone do not: some services send progress under an all-zero id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepKey {
    /// The event's id.
    pub event_id: String,
    /// The event's type.
    pub event_type: String,
    /// The event's subject.
    pub subject: String,
    /// The event's data.
    pub data: Bytes,
}

impl StepKey {
    /// The key of an event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let Event { id, event_type, subject, data, .. } = event;
        let (event_id, event_type) = (id.clone(), event_type.clone());
        Self { event_id, event_type, subject: subject.clone(), data: data.clone() }
    }

    fn digest(&self) -> Digest {
        let parts = [self.event_id.as_bytes(), self.event_type.as_bytes(), self.subject.as_bytes()];
        let mut text = Vec::with_capacity(self.data.len() + 256);
        for part in parts {
            // Lengths, so that nothing can be shifted from one part to the next.
            text.extend_from_slice(&part.len().to_le_bytes());
            text.extend_from_slice(part);
        }
        text.extend_from_slice(&self.data);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, &text)
    }
}

impl Hash for StepKey {
    /// The data is compared but not hashed: ids nearly always differ.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.event_id.hash(state);
        self.event_type.hash(state);
    }
}

/// A step that runs, or has run; awaited for its verdict, by however many.
#[derive(Clone, Debug)]
pub struct Running(watch::Receiver<Option<Verdict>>);

impl Running {
    fn settled() -> Self {
        Self(watch::channel(Some(Verdict::Settled)).1)
    }

    fn verdict(&self) -> Option<Verdict> {
        *self.0.borrow()
    }
}

impl IntoFuture for Running {
    type Output = Verdict;
    type IntoFuture = BoxFuture<'static, Verdict>;

    fn into_future(mut self) -> Self::IntoFuture {
        let verdict = async move { self.0.wait_for(Option::is_some).await.map_or(None, |verdict| *verdict) };
        verdict.map(|verdict| verdict.unwrap_or(Verdict::Unsettled)).boxed()
    }
}

/// Why a step was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotStarted {
    /// There were as many steps as there may be, and as many waiting, or there was no room in time.
    Full,
    /// The program is stopping.
    Stopping,
}

/// The steps that are running. Cloning shares them.
#[derive(Clone)]
pub struct Steps {
    table: Arc<Mutex<Table>>,
    slots: Arc<Semaphore>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

#[derive(Default)]
struct Table {
    running: HashMap<Arc<StepKey>, Entry>,
    settled: Settled,
}

struct Entry {
    step: Running,
    /// How it is remembered if it ends settled: somebody was asked to come again.
    wanted: Option<Digest>,
}

impl Steps {
    /// Room for `steps_max` at once, and for `waiting_max` deliveries that wait for it, in the order of their coming.
    #[must_use]
    pub fn new(steps_max: usize, waiting_max: usize) -> Self {
        Self {
            table: Arc::default(),
            slots: Arc::new(Semaphore::new(steps_max)),
            places: Arc::new(Semaphore::new(waiting_max)),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// A delivery's share of the steps.
    #[must_use]
    pub fn attempt(&self) -> Attempt<'_> {
        Attempt::new(self)
    }

    /// Joins the step if it is running, or starts it once there is room.
    ///
    /// # Errors
    /// At once when too many wait for room; when there is none in time; when the program is stopping.
    pub async fn join_or_start(
        &self,
        key: StepKey,
        deadline: Instant,
        start: impl FnOnce() -> BoxFuture<'static, Verdict>,
    ) -> Result<Running, NotStarted> {
        self.find_or_start(Arc::new(key), deadline, start).await
    }

    async fn find_or_start(
        &self,
        key: Arc<StepKey>,
        deadline: Instant,
        start: impl FnOnce() -> BoxFuture<'static, Verdict>,
    ) -> Result<Running, NotStarted> {
        if let Some(step) = self.find(&key) {
            return Ok(step);
        }
        let slot = self.room(deadline).await?;
        let mut table = self.table();
        if self.is_stopping() {
            return Err(NotStarted::Stopping);
        }
        if let Some(entry) = table.running.get(&key) {
            return Ok(entry.step.clone());
        }
        let (tell, told) = watch::channel(None);
        let step = Running(told);
        table.running.insert(Arc::clone(&key), Entry { step: step.clone(), wanted: None });
        let ending = Ending { steps: self.clone(), key, verdict: Verdict::Unsettled, tell };
        self.tasks.spawn(run(start(), slot, ending));
        Ok(step)
    }

    /// A step that runs, or that has settled for a delivery that was asked to come again.
    fn find(&self, key: &StepKey) -> Option<Running> {
        let table = self.table();
        if let Some(entry) = table.running.get(key) {
            return Some(entry.step.clone());
        }
        let may_be_settled = !table.settled.is_empty();
        // A digest takes milliseconds for the largest data.
        drop(table);
        let is_settled = may_be_settled && self.table().settled.contains(key.digest());
        is_settled.then(Running::settled)
    }

    async fn room(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, NotStarted> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(slot);
        }
        let _place = self.places.try_acquire().map_err(|_| NotStarted::Full)?;
        let slot = tokio::time::timeout_at(deadline, Arc::clone(&self.slots).acquire_owned()).await;
        slot.ok().and_then(Result::ok).ok_or(NotStarted::Full)
    }

    /// These will come again: what is settled of them is remembered, and so is what settles later.
    fn keep(&self, steps: &[(Arc<StepKey>, Running)]) {
        let digests = steps.iter().map(|(key, _)| key.digest()).collect::<Vec<_>>();
        let mut table = self.table();
        for ((key, step), digest) in steps.iter().zip(digests) {
            match step.verdict() {
                Some(Verdict::Settled) => table.settled.insert(digest),
                Some(Verdict::Unsettled) => {}
                None => {
                    if let Some(entry) = table.running.get_mut(key) {
                        entry.wanted = Some(digest);
                    }
                }
            }
        }
    }

    /// These do not come again.
    fn let_go(&self, steps: &[(Arc<StepKey>, Running)]) {
        if self.table().settled.is_empty() {
            return;
        }
        let digests = steps.iter().map(|(key, _)| key.digest()).collect::<Vec<_>>();
        let mut table = self.table();
        for digest in digests {
            table.settled.remove(digest);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are running.
    #[must_use]
    pub fn count(&self) -> usize {
        self.tasks.len()
    }

    /// Whether new work is refused.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Refuses new work from now on.
    pub fn stop(&self) {
        // Under the lock, so that no step is started after what is waited for has been counted.
        let table = self.table();
        self.stopping.cancel();
        self.tasks.close();
        drop(table);
    }

    /// Returns when everything that was running has ended.
    pub async fn drained(&self) {
        self.tasks.wait().await;
    }
}

async fn run(work: BoxFuture<'static, Verdict>, slot: OwnedSemaphorePermit, mut ending: Ending) {
    ending.verdict = work.await;
    drop(ending);
    drop(slot);
}

/// Takes a step off the table however it ends, also by a panic, and tells whoever waits.
struct Ending {
    steps: Steps,
    key: Arc<StepKey>,
    verdict: Verdict,
    tell: watch::Sender<Option<Verdict>>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let mut table = self.steps.table();
        let wanted = table.running.remove(&self.key).and_then(|entry| entry.wanted);
        if let (Verdict::Settled, Some(digest)) = (self.verdict, wanted) {
            table.settled.insert(digest);
        }
        // Under the lock: whoever keeps a step finds it running or its verdict told.
        self.tell.send_replace(Some(self.verdict));
    }
}

#[cfg(test)]
mod tests;
