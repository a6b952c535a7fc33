//! What stays of a job that was removed: events that are not settled. Not the job, which nobody sees any more.

use serde::{Deserialize, Serialize};

use super::custody::Outbox;
use super::{JobId, JobKey, events};
use crate::media_services::account::Holdings;
use crate::media_services::keeping::{Records, Settled};

/// As many removed jobs as jobs may have something to tell; after that the earliest is given up.
const FAREWELLS_MAX: usize = 10_000;

/// Events of a removed job, until they are settled.
#[derive(Serialize, Deserialize)]
pub(crate) struct Farewell {
    key: JobKey,
    pub subject: String,
    pub outbox: Outbox,
}

impl Farewell {
    /// The id of the job that had this number.
    pub fn id(&self, number: u64) -> JobId {
        JobId { key: self.key.clone(), number }
    }
}

/// Removes a job. What it has to tell is told nevertheless.
pub(crate) fn remove(holdings: &mut Holdings, key: &JobKey) {
    let Holdings { jobs, farewells, .. } = holdings;
    let Some(job) = jobs.remove(key).filter(|job| !job.custody.outbox.is_empty()) else { return };
    let earliest = farewells.keys().next().copied();
    if let Some(earliest) = earliest.filter(|_| farewells.len() >= FAREWELLS_MAX) {
        tracing::warn!(
            "too many removed jobs wait for their events to be delivered; those of one are given up"
        );
        farewells.remove(&earliest);
    }
    let subject = events::subject(&job);
    farewells.insert(job.number, Farewell { key: key.clone(), subject, outbox: job.custody.outbox });
}

/// Takes a settled event off a removed job's outbox, which goes with the last one.
pub(crate) fn forget_settled(farewells: &mut Records<u64, Farewell>, place: &Settled) {
    let number = place.job.number;
    let Some(farewell) = farewells.get_mut(&number) else { return };
    farewell.outbox.forget(place.event);
    if farewell.outbox.is_empty() {
        farewells.remove(&number);
    }
}
