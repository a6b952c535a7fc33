//! Which job runs next, and the one way in which a stored job changes. Not what a running job does.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use time::OffsetDateTime;

use super::events::{self, JobEvent};
use super::{Job, JobId, JobKey, Priority, run};
use crate::inside::Occurrence;
use crate::media_services::account::Account;
use crate::media_services::keeping::{Settled, Unraised};

/// More waiting jobs are refused with 429: a caller that submits faster than that should hear of it.
pub(super) const QUEUED_MAX: usize = 500;

/// Jobs that wait, and how many run.
#[derive(Default)]
pub(crate) struct Queue {
    /// The most urgent first, among equals the earliest.
    waiting: BTreeSet<(Reverse<Priority>, u64, JobKey)>,
    running: usize,
    numbered: u64,
}

impl Queue {
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= QUEUED_MAX
    }

    /// The number of the next job that is made.
    pub fn next_number(&self) -> u64 {
        self.numbered
    }

    /// Has new jobs come after the one with this number.
    pub fn go_on_after(&mut self, number: u64) {
        self.numbered = self.numbered.max(number + 1);
    }

    pub fn add(&mut self, id: JobId, priority: Priority) {
        self.go_on_after(id.number);
        self.waiting.insert((Reverse(priority), id.number, id.key));
    }

    /// Drops a job that is not to run any more.
    pub fn forget(&mut self, id: &JobId) {
        self.waiting.retain(|(_, number, _)| *number != id.number);
    }

    /// Changes a job's priority, and its place if it still waits.
    pub fn reprioritize(&mut self, key: &JobKey, job: &mut Job, priority: Priority) {
        let waits = self.waiting.remove(&(Reverse(job.priority), job.number, key.clone()));
        job.priority = priority;
        if waits {
            self.add(job.id(key), priority);
        }
    }

    fn take(&mut self, jobs_at_once: usize) -> Option<JobId> {
        if self.running >= jobs_at_once {
            return None;
        }
        let (_, number, key) = self.waiting.pop_first()?;
        self.running += 1;
        Some(JobId { key, number })
    }
}

/// Starts waiting jobs as long as there is room.
pub(super) fn dispatch(account: &Arc<Account>) {
    while let Some(id) = take(account) {
        let environment = &account.environment;
        let running = run_and_make_room(account.clone(), id);
        environment.tasks.spawn(environment.stop.clone().run_until_cancelled_owned(running));
    }
}

fn take(account: &Account) -> Option<JobId> {
    account.holdings().queue.take(account.settings.jobs_at_once)
}

async fn run_and_make_room(account: Arc<Account>, id: JobId) {
    run::run(&account, &id).await;
    account.holdings().queue.running -= 1;
    dispatch(&account);
}

/// Changes a job, if it is still that one, and tells the account's subscribers, in the order of the changes: before
/// anybody else can change the job, or, where it is kept, as soon as it is written.
pub(super) fn change<R>(
    account: &Account,
    id: &JobId,
    act: impl FnOnce(&mut Job, OffsetDateTime, &mut Vec<JobEvent>) -> R,
) -> Option<R> {
    let now = account.now();
    let mut holdings = account.holdings();
    let job = holdings.job_mut(id)?;
    let mut events = Vec::new();
    let result = act(job, now, &mut events);
    let subject = events::subject(job);
    match account.keeping {
        None => events.into_iter().for_each(|event| account.raise(subject.clone(), event, None, None)),
        Some(_) => {
            let new = || Occurrence { id: account.environment.ids.guid(), time: now };
            let posted =
                events.into_iter().map(|event| post(id, job, &subject, event, new)).collect::<Vec<_>>();
            if holdings.left_below.is_none() {
                holdings.unraised.extend(posted);
            }
        }
    }
    Some(result)
}

/// Puts an event into its job's outbox.
fn post(id: &JobId, job: &mut Job, subject: &str, event: JobEvent, new: impl Fn() -> Occurrence) -> Unraised {
    let occurrence = event.is_kept().then(new);
    let posted = occurrence.map(|occurrence| job.custody.outbox.post(&event, occurrence));
    let posted = posted.map(|event| Settled { job: id.clone(), event });
    Unraised { subject: subject.to_owned(), event, occurrence, posted }
}
