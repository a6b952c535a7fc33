//! The steps that are running: bounded in number, joined by redeliveries, waited for when draining. The only place that
//! spawns work for an event; knows nothing of what the work is.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All there was to say has been published.
    Settled,
    /// Something could not be published: the event must come again.
    Unpublished,
}

/// What makes two deliveries the same event. Ids alone do not: some services send progress under an all-zero id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepKey {
    /// The event's id.
    pub event_id: String,
    /// The event's type.
    pub event_type: String,
    /// The event's data.
    pub data: Bytes,
}

impl Hash for StepKey {
    /// The data is compared but not hashed: ids nearly always differ.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.event_id.hash(state);
        self.event_type.hash(state);
    }
}

/// Waits for a step, however many wait for it.
pub type Running = Shared<BoxFuture<'static, Verdict>>;

/// There are as many steps as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The steps that are running. Cloning shares them.
#[derive(Clone)]
pub struct Steps {
    running: Arc<Mutex<HashMap<StepKey, Running>>>,
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Steps {
    /// Room for `steps_max` at once.
    #[must_use]
    pub fn new(steps_max: usize) -> Self {
        Self {
            running: Arc::default(),
            slots: Arc::new(Semaphore::new(steps_max)),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// Joins the step if it is running, or starts it.
    ///
    /// # Errors
    /// When there is no room.
    pub fn join_or_start(
        &self,
        key: StepKey,
        start: impl FnOnce() -> BoxFuture<'static, Verdict>,
    ) -> Result<Running, Full> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(step) = running.get(&key) {
            return Ok(step.clone());
        }
        let slot = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| Full)?;
        let (tell, told) = oneshot::channel();
        let step = told.map(|verdict| verdict.unwrap_or(Verdict::Unpublished)).boxed().shared();
        running.insert(key.clone(), step.clone());
        drop(running);
        self.tasks.spawn(self.clone().run(key, start(), slot, tell));
        Ok(step)
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
        self.stopping.cancel();
        self.tasks.close();
    }

    /// Returns when everything that was running has ended.
    pub async fn drained(&self) {
        self.tasks.wait().await;
    }

    async fn run(
        self,
        key: StepKey,
        work: BoxFuture<'static, Verdict>,
        slot: OwnedSemaphorePermit,
        tell: oneshot::Sender<Verdict>,
    ) {
        let forget = Forget { steps: &self, key };
        let verdict = work.await;
        drop(forget);
        drop(slot);
        // Nobody may be waiting any more: then the delivery was asked to come again, and will find the step settled.
        let _ = tell.send(verdict);
    }
}

/// Removes a step from the table however it ends, also by a panic.
struct Forget<'a> {
    steps: &'a Steps,
    key: StepKey,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.steps.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;

    use super::*;

    fn key(id: &str) -> StepKey {
        StepKey { event_id: id.into(), event_type: "t".into(), data: Bytes::from_static(b"{}") }
    }

    #[tokio::test]
    async fn a_redelivery_joins_the_running_step() {
        let (steps, release) = (Steps::new(1), Arc::new(Notify::new()));
        let held = Arc::clone(&release);
        let work = || {
            async move {
                held.notified().await;
                Verdict::Settled
            }
            .boxed()
        };
        let first = steps.join_or_start(key("1"), work).unwrap();
        let second = steps.join_or_start(key("1"), || panic!("started twice")).unwrap();
        assert_eq!(steps.join_or_start(key("2"), || panic!("beyond the bound")).unwrap_err(), Full);
        release.notify_one();
        assert_eq!((first.await, second.await), (Verdict::Settled, Verdict::Settled));
        steps.stop();
        steps.drained().await;
        assert_eq!(steps.count(), 0);
    }

    #[tokio::test]
    async fn a_step_that_panics_is_forgotten_and_comes_again() {
        let steps = Steps::new(1);
        let step = steps.join_or_start(key("1"), || async { panic!("on purpose") }.boxed()).unwrap();
        assert_eq!(step.await, Verdict::Unpublished);
        let again = steps.join_or_start(key("1"), || async { Verdict::Settled }.boxed()).unwrap();
        assert_eq!(again.await, Verdict::Settled);
    }
}
