//! The steps that are running: bounded in number, joined by redeliveries, waited for when draining. The only place that
//! spawns work for an event; knows nothing of what the work is.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use gridwich_handlers::base::Unsettled;
use gridwich_handlers::event::Event;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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
        let Event { id, event_type, subject, data, .. } = event.clone();
        Self { event_id: id, event_type, subject, data }
    }
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

/// Why a step was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotStarted {
    /// There were as many steps as there may be, until the deadline.
    Full,
    /// The program is stopping.
    Stopping,
}

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

    /// Joins the step if it is running, or starts it once there is room.
    ///
    /// # Errors
    /// When there is no room until the deadline, or the program is stopping.
    pub async fn join_or_start(
        &self,
        key: StepKey,
        deadline: Instant,
        start: impl FnOnce() -> BoxFuture<'static, Verdict>,
    ) -> Result<Running, NotStarted> {
        if let Some(step) = self.running().get(&key) {
            return Ok(step.clone());
        }
        let slot = tokio::time::timeout_at(deadline, Arc::clone(&self.slots).acquire_owned()).await;
        let Ok(Ok(slot)) = slot else { return Err(NotStarted::Full) };
        let mut running = self.running();
        if self.is_stopping() {
            return Err(NotStarted::Stopping);
        }
        if let Some(step) = running.get(&key) {
            return Ok(step.clone());
        }
        let (tell, told) = oneshot::channel();
        let step = told.map(|verdict| verdict.unwrap_or(Verdict::Unsettled)).boxed().shared();
        running.insert(key.clone(), step.clone());
        self.tasks.spawn(self.clone().run(key, start(), slot, tell));
        Ok(step)
    }

    fn running(&self) -> MutexGuard<'_, HashMap<StepKey, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
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
        let running = self.running();
        self.stopping.cancel();
        self.tasks.close();
        drop(running);
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
        self.steps.running().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::Notify;

    use super::*;

    fn key(id: &str) -> StepKey {
        let (event_id, data) = (id.to_owned(), Bytes::from_static(b"{}"));
        StepKey { event_id, event_type: "t".into(), subject: String::new(), data }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }

    #[tokio::test(start_paused = true)]
    async fn events_under_an_all_zero_id_are_told_apart_by_what_they_are_about() {
        let steps = Steps::new(2);
        let of = |subject: &str| StepKey { subject: subject.to_owned(), ..key("00000000") };
        let never = || std::future::pending().boxed();
        let _one = steps.join_or_start(of("jobs/1"), soon(), never).await.unwrap();
        let _two = steps.join_or_start(of("jobs/2"), soon(), never).await.unwrap();
        assert_eq!(steps.count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_redelivery_joins_the_running_step_and_others_wait_for_room() {
        let (steps, release) = (Steps::new(1), Arc::new(Notify::new()));
        let held = Arc::clone(&release);
        let work = async move {
            held.notified().await;
            Verdict::Settled
        };
        let first = steps.join_or_start(key("1"), soon(), || work.boxed()).await.unwrap();
        let second = steps.join_or_start(key("1"), soon(), || panic!("started twice")).await.unwrap();
        let third = steps.join_or_start(key("2"), soon(), || panic!("beyond the bound")).await;
        assert_eq!(third.unwrap_err(), NotStarted::Full);
        let fourth = steps.join_or_start(key("3"), soon(), || async { Verdict::Settled }.boxed());
        release.notify_one();
        assert_eq!(fourth.await.unwrap().await, Verdict::Settled);
        assert_eq!((first.await, second.await), (Verdict::Settled, Verdict::Settled));
        steps.stop();
        let late = steps.join_or_start(key("4"), soon(), || panic!("after the stop")).await;
        assert_eq!(late.unwrap_err(), NotStarted::Stopping);
        steps.drained().await;
        assert_eq!(steps.count(), 0);
    }

    #[tokio::test]
    async fn a_step_that_panics_is_forgotten_and_comes_again() {
        let steps = Steps::new(1);
        let panics = || async { panic!("on purpose") }.boxed();
        let step = steps.join_or_start(key("1"), soon(), panics).await.unwrap();
        assert_eq!(step.await, Verdict::Unsettled);
        let again =
            steps.join_or_start(key("1"), soon(), || async { Verdict::Settled }.boxed()).await.unwrap();
        assert_eq!(again.await, Verdict::Settled);
    }
}
