//! The time of day as the local cloud tells it. Not a timer: waiting is tokio's business.

use time::OffsetDateTime;
use tokio::time::Instant;

/// A wall clock that advances with tokio's time, so that paused time pauses it too.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: OffsetDateTime,
    started: Instant,
}

impl Clock {
    /// A clock that shows the machine's time now and advances with tokio from there.
    #[must_use]
    pub fn system() -> Self {
        Self::starting_at(OffsetDateTime::now_utc())
    }

    /// A clock that shows `origin` now: the same start gives the same timestamps.
    #[must_use]
    pub fn starting_at(origin: OffsetDateTime) -> Self {
        Self { origin, started: Instant::now() }
    }

    /// The time of day, in UTC.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.origin + self.started.elapsed()
    }
}
