//! Takes up the jobs that an earlier process left. What they were left as, their documents say.

use std::sync::Arc;

use super::queue::{self, change};
use super::upload::discard;
use super::{Job, JobKey, events};
use crate::media_services::account::{Account, Holdings};
use crate::media_services::keeping::{Settled, Unraised};

/// Has new jobs come after those that were just read, which wait for [`resume`].
pub(crate) fn hold(holdings: &mut Holdings) {
    let Holdings { jobs, queue, .. } = holdings;
    jobs.values().for_each(|job| queue.go_on_after(job.number));
}

/// Goes on with what the earlier process left: tells what it did not tell, removes what it did not finish, and queues what
/// it did not end.
pub(crate) async fn resume(account: &Arc<Account>) {
    let left = left(&account.holdings());
    for key in left {
        discard(account, &key).await;
        tell_again(&mut account.holdings(), &key);
        if change(account, &key, Job::take_up) == Some(true) {
            enqueue(&mut account.holdings(), key);
        }
    }
    queue::dispatch(account);
}

/// Gives back what this process has not ended, before it ends itself.
pub(crate) fn release(account: &Account) {
    let mut holdings = account.holdings();
    let leased = holdings.jobs.iter().filter(|(_, job)| job.custody.lease.is_some());
    for key in leased.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
        if let Some(job) = holdings.jobs.get_mut(&key) {
            job.custody.release();
        }
    }
}

/// Jobs of the earlier process about which there is something to do, in the order in which they were made.
fn left(holdings: &Holdings) -> Vec<JobKey> {
    let is_left = |job: &Job| !job.state.is_final() || job.custody.outbox.events().next().is_some();
    let held = holdings.jobs.iter().filter(|(_, job)| job.custody.outbox.is_held && is_left(job));
    let mut left = held.map(|(key, job)| (job.number, key.clone())).collect::<Vec<_>>();
    left.sort_unstable();
    left.into_iter().map(|(_, key)| key).collect()
}

/// Raises what is not settled once more: whether it was raised, nobody knows.
fn tell_again(holdings: &mut Holdings, key: &JobKey) {
    let Holdings { jobs, unraised, .. } = holdings;
    let Some(job) = jobs.get_mut(key) else { return };
    job.custody.outbox.is_held = false;
    let subject = events::subject(job);
    unraised.extend(job.custody.outbox.events().map(|(number, event)| Unraised {
        subject: subject.clone(),
        event: event.clone(),
        posted: Some(Settled { key: key.clone(), job: job.number, event: number }),
    }));
}

fn enqueue(holdings: &mut Holdings, key: JobKey) {
    let Holdings { jobs, queue, .. } = holdings;
    if let Some(job) = jobs.get(&key) {
        queue.add(key, job);
    }
}
