//! Looks after work that goes on by itself: finds what is over and should have been reported minutes ago, and has that end
//! told by the handler that the report would have had. Decides nothing about what an end means.

use std::collections::{BTreeMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{FutureExt as _, StreamExt as _};
use gridwich_handlers::base::{Dispatcher, World};
use gridwich_handlers::event::Event;
use gridwich_handlers::operation_id::OperationId;
use gridwich_handlers::participants::{
    JobStands, ParticipantError, Pending, PendingEntry, PendingJob, Sign, Storage,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::schedule::Schedule;
use crate::jitter::{about, part_of};
use crate::steps::{StepKey, Steps, Verdict};

mod events;
mod schedule;

/// How often it looks: work that fails has usually taken longer than this.
const EVERY: Duration = Duration::from_secs(60);
/// How long a round may take; what is left comes first in the next.
const ROUND_SECONDS_MAX: Duration = Duration::from_secs(50);
/// How long one look may take: whoever does not answer by then is in trouble.
const LOOK_SECONDS_MAX: Duration = Duration::from_secs(10);
/// Looks at once, in one account.
const LOOKS_AT_ONCE: usize = 8;
/// Pages of a listing that are read in one round, in one account; storage lists up to 5,000 blobs a page ("List Blobs").
const PAGES_MAX: usize = 10;
/// Providers have so long to report what is over before we say so: Event Grid delivers within seconds, and tries again after
/// 10, 30, 60 and 300.
const REPORTED_WITHIN_SECONDS: u64 = 600;
/// A job that its encoder does not know may be known again after an outage; nobody waits longer than this.
const GONE_AFTER_SECONDS: u64 = 6 * 3_600;

/// The watch over what is pending. Every replica keeps it; what they tell has the same ids, and the first is right.
#[derive(Clone)]
pub struct Watch {
    dispatcher: Arc<Dispatcher>,
    world: World,
    steps: Steps,
    /// By account. Forgotten with the process.
    schedules: Arc<Mutex<BTreeMap<String, Schedule>>>,
}

/// What a look has shown.
enum Found {
    /// Nothing that is to be told; how long to wait for more, where that is known.
    NotYet(Option<Duration>),
    /// It is over.
    Over(Event),
}

/// A place of an encoder.
type Place = (String, String);

impl Watch {
    /// A watch over what is written down in the storage of `world`.
    #[must_use]
    pub fn new(dispatcher: Arc<Dispatcher>, world: World, steps: Steps) -> Self {
        Self { dispatcher, world, steps, schedules: Arc::default() }
    }

    /// Looks again and again until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut wait = part_of(EVERY);
        while stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_some() {
            self.look().await;
            wait = about(EVERY);
        }
    }

    /// Looks once, and has told what there is to tell. An account that is in trouble is in nobody else's way.
    pub async fn look(&self) {
        let Some(storage) = self.world.participants.storage.as_deref() else { return };
        let deadline = Instant::now() + ROUND_SECONDS_MAX;
        let accounts = storage.accounts();
        let looks = accounts.iter().map(|account| async move {
            // What was wrong is in the log, by the hook that every panic meets.
            if AssertUnwindSafe(self.look_in(account, storage, deadline)).catch_unwind().await.is_err() {
                tracing::error!(account, "the look after what is pending panicked");
            }
        });
        join_all(looks).await;
    }

    async fn look_in(&self, account: &str, storage: &dyn Storage, deadline: Instant) {
        let due = match tokio::time::timeout_at(deadline, self.list_due(account, storage)).await {
            Ok(Ok(due)) => due,
            Ok(Err(error)) => return tracing::warn!("what is pending could not be looked after: {error}"),
            Err(_) => return tracing::warn!(account, "what is pending was not listed in time"),
        };
        let round = &Round { account, storage, deadline, ill: Mutex::default() };
        let looks = futures_util::stream::iter(due);
        let look = |entry: PendingEntry| async move {
            // What is not looked at in time keeps its turn, and comes first in the next round.
            if Instant::now() >= deadline {
                return;
            }
            let operation = entry.operation;
            if AssertUnwindSafe(self.look_at(round, entry)).catch_unwind().await.is_err() {
                tracing::error!(operation.id = %operation, "the look at pending work panicked");
            }
        };
        looks.for_each_concurrent(LOOKS_AT_ONCE, look).await;
    }

    async fn list_due(
        &self,
        account: &str,
        storage: &dyn Storage,
    ) -> Result<Vec<PendingEntry>, ParticipantError> {
        let begun_at = self.schedules().entry(account.to_owned()).or_default().rest.take();
        let (mut next, mut listed) = (begun_at.clone(), Vec::new());
        for _ in 0..PAGES_MAX {
            let page = storage.list_pending(account, next.as_deref()).await?;
            listed.extend(page.entries);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        let is_all = begun_at.is_none() && next.is_none();
        let mut schedules = self.schedules();
        let schedule = schedules.entry(account.to_owned()).or_default();
        schedule.rest = next;
        Ok(schedule.due(listed, is_all, Instant::now()))
    }

    async fn look_at(&self, round: &Round<'_>, entry: PendingEntry) {
        let operation = entry.operation;
        let again = |wait| {
            let mut schedules = self.schedules();
            schedules.entry(round.account.to_owned()).or_default().looked_at(entry, wait, Instant::now());
        };
        // Also where the look fails: nobody is asked all the time.
        again(None);
        match self.find(round, entry).await {
            Ok(Found::Over(event)) => self.tell(round, operation, event).await,
            Ok(Found::NotYet(wait)) => again(wait),
            Err(error) => {
                tracing::warn!(operation.id = %operation, "pending work was not looked at: {error}");
            }
        }
    }

    async fn find(&self, round: &Round<'_>, entry: PendingEntry) -> Result<Found, ParticipantError> {
        let PendingEntry { operation, age_seconds } = entry;
        let Round { account, storage, .. } = round;
        match round.within(storage.pending(account, operation)).await? {
            // It has been struck off by somebody else meanwhile.
            None => Ok(Found::NotYet(None)),
            Some(Pending::Copy(copy)) => {
                let end = round.within(storage.copy_end(account, operation, &copy)).await?;
                Ok(end
                    .map_or(Found::NotYet(None), |end| Found::Over(events::copy_ended(operation, copy, end))))
            }
            Some(Pending::Deletion(deletion)) => {
                Ok(reported_within(age_seconds, || events::deleted(operation, deletion)))
            }
            Some(Pending::Job(job)) => {
                let place = (job.backend.clone(), job.place.clone());
                if lock(&round.ill).contains(&place) {
                    return Ok(Found::NotYet(None));
                }
                let stands = round.within(self.world.participants.encoders.look_after(&job)).await;
                if stands.as_ref().is_err_and(ParticipantError::is_passing) {
                    // The others that are there would only wait, too, and keep those elsewhere waiting.
                    lock(&round.ill).insert(place);
                }
                round.judge(operation, job, stands).await
            }
        }
    }

    async fn tell(&self, round: &Round<'_>, operation: OperationId, event: Event) {
        let settled = tokio::time::timeout_at(round.deadline, self.settle(event, round.deadline)).await;
        if !matches!(settled, Ok(Some(Verdict::Settled))) {
            return;
        }
        // Whoever settles it strikes it off, unless it could not be known where.
        if let Err(error) = round.within(round.storage.strike_off(round.account, operation)).await {
            tracing::warn!(operation.id = %operation, "what has ended is still looked after: {error}");
        }
    }

    async fn settle(&self, event: Event, deadline: Instant) -> Option<Verdict> {
        let handling = self.dispatcher.route_raised(&event)?;
        let key = StepKey::of(&event);
        let (id, world) = (event.id.clone(), self.world.clone());
        let work = || handling.start(event, world).map(move |settled| Verdict::of(&id, settled)).boxed();
        let step = self.steps.join_or_start(key, deadline, work).await.ok()?;
        Some(step.await)
    }

    fn schedules(&self) -> MutexGuard<'_, BTreeMap<String, Schedule>> {
        lock(&self.schedules)
    }
}

/// One round in one account.
struct Round<'a> {
    account: &'a str,
    storage: &'a dyn Storage,
    deadline: Instant,
    /// Places that were in trouble in this round.
    ill: Mutex<HashSet<Place>>,
}

impl Round<'_> {
    /// Waits for a look, but not for ever.
    async fn within<T>(
        &self,
        look: impl Future<Output = Result<T, ParticipantError>>,
    ) -> Result<T, ParticipantError> {
        let patience = self.deadline.min(Instant::now() + LOOK_SECONDS_MAX);
        let late = |_| Err(ParticipantError::Unavailable("whoever was asked".to_owned(), None));
        tokio::time::timeout_at(patience, look).await.unwrap_or_else(late)
    }

    /// What it means how a job stands. That this cannot be found out is no fault of its encoder.
    async fn judge(
        &self,
        operation: OperationId,
        job: PendingJob,
        stands: Result<JobStands, ParticipantError>,
    ) -> Result<Found, ParticipantError> {
        let seems_over_for = |sign| self.within(self.storage.seems_over_for(self.account, operation, sign));
        match stands {
            Ok(JobStands::UnderWay) => {
                // It goes on: what it was taken for before must not count when that is seen again.
                join_all([Sign::Gone, Sign::Ended].map(|sign| self.withdraw(operation, sign))).await;
                Ok(Found::NotYet(None))
            }
            Ok(JobStands::Over { seconds_ago, report }) => {
                self.withdraw(operation, Sign::Gone).await;
                let over_for = match seconds_ago {
                    Some(seconds) => seconds,
                    None => seems_over_for(Sign::Ended).await?,
                };
                Ok(reported_within(over_for, || events::reported(operation, report)))
            }
            Err(ParticipantError::NotFound(..))
                if seems_over_for(Sign::Gone).await? >= GONE_AFTER_SECONDS =>
            {
                Ok(Found::Over(events::job_lost(operation, job)))
            }
            Err(ParticipantError::NotFound(..)) => Ok(Found::NotYet(None)),
            Err(error) => Err(error),
        }
    }

    /// Where it fails, the next look tries again.
    async fn withdraw(&self, operation: OperationId, sign: Sign) {
        if let Err(error) = self.within(self.storage.withdraw(self.account, operation, sign)).await {
            tracing::warn!(operation.id = %operation, "what seemed over and is not still seems so: {error}");
        }
    }
}

/// What is over is told when its report should have come.
fn reported_within(over_for_seconds: u64, event: impl FnOnce() -> Event) -> Found {
    match REPORTED_WITHIN_SECONDS.saturating_sub(over_for_seconds) {
        0 => Found::Over(event()),
        left => Found::NotYet(Some(Duration::from_secs(left))),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
