//! What of a job outlives the process that has it: who works on it, how often somebody began, what was not told yet. Not
//! the job.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::events::JobEvent;
use crate::inside::{BlobPlace, Occurrence};

/// Who works on a job is expected to report within this time: twice what may pass between two reports of an encoder.
const LEASE: Duration = Duration::seconds(60);

/// How often a job is begun. Whatever takes its process along so often would do it again.
pub(super) const ATTEMPTS_MAX: u32 = 3;

/// A job in somebody's hands.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Custody {
    /// How often work on the job began. What an orderly end of the process interrupted does not count.
    pub attempt: u32,
    /// Nobody's while the job waits or has ended.
    pub lease: Option<Lease>,
    /// Blobs that count for nothing until their output is finished.
    pub unfinished: Vec<BlobPlace>,
    pub outbox: Outbox,
}

/// Who works on a job. One process has the folder, so that a lease which a new process finds is that of a dead one, however
/// long it would last: its end is for whoever looks into the folder.
#[derive(Serialize, Deserialize)]
pub(crate) struct Lease {
    owner: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    expires: OffsetDateTime,
}

/// Events that are not settled yet, in the order of the job's changes.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Outbox {
    posted: u64,
    events: Vec<Posted>,
}

/// An event in an outbox.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Posted {
    pub number: u64,
    pub occurrence: Occurrence,
    pub event: JobEvent,
}

impl Custody {
    /// Gives the job to a process, which begins it once more.
    pub fn begin(&mut self, owner: Uuid, now: OffsetDateTime) {
        self.attempt += 1;
        self.lease = Some(Lease { owner, expires: now + LEASE });
    }

    /// The owner has reported.
    pub fn renew(&mut self, now: OffsetDateTime) {
        if let Some(lease) = &mut self.lease {
            lease.expires = now + LEASE;
        }
    }

    /// Whether this process works on the job.
    pub fn is_of(&self, process: Uuid) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.owner == process)
    }

    /// The owner lets go of the job before it has ended: it was not the job's fault.
    pub fn release(&mut self) {
        if self.lease.take().is_some() {
            self.attempt -= 1;
        }
    }
}

impl Outbox {
    /// Keeps an event until it is settled, and returns its number.
    pub fn post(&mut self, event: &JobEvent, occurrence: Occurrence) -> u64 {
        let number = self.posted;
        self.posted += 1;
        self.events.push(Posted { number, occurrence, event: event.clone() });
        number
    }

    /// The event is settled.
    pub fn forget(&mut self, number: u64) {
        self.events.retain(|posted| posted.number != number);
    }

    /// Whether all events are settled.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// All events that are not settled.
    pub fn events(&self) -> &[Posted] {
        &self.events
    }
}
