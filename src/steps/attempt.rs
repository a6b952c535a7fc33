//! One delivery's share of the steps: what it started or joined, and what its redelivery finds settled. Not what runs in them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::time::Instant;

use super::{NotStarted, Running, StepKey, Steps, Verdict};

/// The longest that a delivery waits for room for its first step: with the twenty seconds that a publication is tried, its
/// acknowledgment still falls within the delivery budget. Whoever waited longer would be answered too late for its courier.
const ROOM_SECONDS_MAX: Duration = Duration::from_secs(5);

/// The steps of one delivery. Unless it is answered for good, what is settled of them is remembered, now or once they end:
/// also when nobody waits for the answer any more, and this is dropped.
pub struct Attempt<'a> {
    steps: &'a Steps,
    joined: Vec<(Arc<StepKey>, Running)>,
    is_answered: bool,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(steps: &'a Steps) -> Self {
        Self { steps, joined: Vec::new(), is_answered: false }
    }

    /// As [`Steps::join_or_start`], for this delivery. Once a step of its own runs it has to wait in any case, and waits for
    /// room as long.
    ///
    /// # Errors
    /// As there.
    pub async fn join_or_start(
        &mut self,
        key: StepKey,
        deadline: Instant,
        start: impl FnOnce() -> BoxFuture<'static, Verdict>,
    ) -> Result<(), NotStarted> {
        let is_first = self.joined.is_empty();
        let deadline = if is_first { deadline.min(Instant::now() + ROOM_SECONDS_MAX) } else { deadline };
        let key = Arc::new(key);
        let step = self.steps.find_or_start(Arc::clone(&key), deadline, start).await?;
        self.joined.push((key, step));
        Ok(())
    }

    /// Waits for all; whether all there was to say has been published.
    pub async fn is_settled(&self) -> bool {
        let verdicts = join_all(self.joined.iter().map(|(_, step)| step.clone().into_future())).await;
        verdicts.iter().all(|verdict| *verdict == Verdict::Settled)
    }

    /// The delivery is answered for good: nothing of it comes again.
    pub fn answered(mut self) {
        self.is_answered = true;
        self.steps.let_go(&self.joined);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.steps.keep(&self.joined);
        }
    }
}
