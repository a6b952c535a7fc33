//! Takes up the jobs that an earlier process left. What they were left as, their documents say.

use std::sync::Arc;

use super::queue::{self, change};
use super::upload::discard;
use super::{Job, JobId, events};
use crate::media_services::account::{Account, Holdings};
use crate::media_services::keeping::{Settled, Unraised};

/// Has new jobs come after those that were just read, which wait for [`resume`], as all events do.
pub(crate) fn hold(holdings: &mut Holdings) {
    let Holdings { jobs, queue, left_below, .. } = holdings;
    jobs.values().for_each(|job| queue.go_on_after(job.number));
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
/// is raised once more: whether it was, nobody knows. Returns the jobs which that process did not end, in the order in
/// which they were made; `None` when this has been done.
fn tell_all(account: &Account) -> Option<Vec<JobId>> {
    let mut holdings = account.holdings();
    let Holdings { jobs, unraised, left_below, .. } = &mut *holdings;
    let left_below = left_below.take()?;
    let mut in_order = jobs.iter().collect::<Vec<_>>();
    in_order.sort_unstable_by_key(|(_, job)| job.number);
    unraised.extend(in_order.iter().flat_map(|(key, job)| outbox(job.id(key), job)));
    if let Some(keeping) = &account.keeping {
        keeping.changes.ring();
    }
    let is_left = |job: &Job| job.number < left_below && !job.state.is_final();
    Some(in_order.into_iter().filter(|(_, job)| is_left(job)).map(|(key, job)| job.id(key)).collect())
}

fn outbox(id: JobId, job: &Job) -> impl Iterator<Item = Unraised> {
    job.custody.outbox.events().map(move |(number, event)| Unraised {
        subject: events::subject(job),
        event: event.clone(),
        posted: Some(Settled { job: id.clone(), event: number }),
    })
}

fn enqueue(holdings: &mut Holdings, id: &JobId) {
    let priority = holdings.job(id).map(|job| job.priority);
    if let Some(priority) = priority {
        holdings.queue.add(id.clone(), priority);
    }
}
