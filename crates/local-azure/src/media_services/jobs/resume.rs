//! Takes up the jobs that an earlier process left. What they were left as, their documents say.

use std::sync::Arc;

use super::custody::Outbox;
use super::queue::{self, change};
use super::upload::discard;
use super::{Job, JobId, events};
use crate::media_services::account::{Account, Holdings};
use crate::media_services::keeping::{Settled, Unraised};

/// Has new jobs come after those that were just read, which wait for [`resume`], as all events do.
pub(crate) fn hold(holdings: &mut Holdings) {
    let Holdings { jobs, farewells, queue, left_below, .. } = holdings;
    // A process that was killed before it had removed a job's document had removed the job.
    jobs.retain(|_, job| !farewells.contains_key(&job.number));
    let numbers = jobs.values().map(|job| job.number).chain(farewells.keys().copied());
    numbers.for_each(|number| queue.go_on_after(number));
    *left_below = Some(queue.next_number());
}

/// Tells what was not told, goes on with what the earlier process left, removes what it did not finish, and queues what it
/// did not end. Once for each account that is kept: another one has nothing to go on with.
pub(crate) async fn resume(account: &Arc<Account>) {
    let Some(left) = tell_all(account) else { return };
    for id in left {
        discard(account, &id).await;
        if change(account, &id, Job::take_up) == Some(true) {
            enqueue(&mut account.holdings(), &id);
        }
    }
    queue::dispatch(account);
}

/// Gives back what this process has not ended, before it ends itself. What it never took up stays the earlier one's.
pub(crate) fn release(account: &Account) {
    let process = account.environment.process;
    let mut holdings = account.holdings();
    let own = holdings.jobs.iter().filter(|(_, job)| job.custody.is_of(process));
    for key in own.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
        if let Some(job) = holdings.jobs.get_mut(&key) {
            job.custody.release();
        }
    }
}

/// Raises all events that are not settled, and has those that follow raised as they come. What an earlier process posted
/// is raised once more: whether it was, nobody knows. Returns the jobs of that process that are not over, in the order in
/// which they were made; `None` when this has been done.
fn tell_all(account: &Account) -> Option<Vec<JobId>> {
    let mut holdings = account.holdings();
    let Holdings { jobs, farewells, unraised, left_below, .. } = &mut *holdings;
    let left_below = left_below.take()?;
    let of_jobs = jobs.iter().map(|(key, job)| (job.id(key), events::subject(job), &job.custody.outbox));
    let of_removed =
        farewells.iter().map(|(number, left)| (left.id(*number), left.subject.clone(), &left.outbox));
    let mut outboxes = of_jobs.chain(of_removed).collect::<Vec<_>>();
    outboxes.sort_unstable_by_key(|(id, ..)| id.number);
    unraised.extend(outboxes.into_iter().flat_map(|(id, subject, outbox)| unsettled(id, subject, outbox)));
    if let Some(keeping) = &account.keeping {
        keeping.changes.ring();
    }
    let is_over = |job: &Job| job.state.is_final() && job.custody.unfinished.is_empty();
    let is_left = |job: &Job| job.number < left_below && !is_over(job);
    let mut left =
        jobs.iter().filter(|(_, job)| is_left(job)).map(|(key, job)| job.id(key)).collect::<Vec<_>>();
    left.sort_unstable_by_key(|id| id.number);
    Some(left)
}

fn unsettled(id: JobId, subject: String, outbox: &Outbox) -> impl Iterator<Item = Unraised> {
    outbox.events().iter().map(move |posted| Unraised {
        subject: subject.clone(),
        event: posted.event.clone(),
        occurrence: Some(posted.occurrence),
        posted: Some(Settled { job: id.clone(), event: posted.number }),
    })
}

fn enqueue(holdings: &mut Holdings, id: &JobId) {
    let priority = holdings.job(id).map(|job| job.priority);
    if let Some(priority) = priority {
        holdings.queue.add(id.clone(), priority);
    }
}
