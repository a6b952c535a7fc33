//! The time of day: the only reader of the machine's clock. Not a timer: waiting is tokio's business.

use std::cell::Cell;

use time::{Duration, OffsetDateTime};
use tokio::time::Instant;

thread_local! {
    /// What this thread's clock showed at an instant, where it has been set.
    static SET: Cell<Option<(OffsetDateTime, Instant)>> = const { Cell::new(None) };
}

/// The time of day in UTC, as far ahead of the machine's as tokio's clock is, so that paused time pauses it too.
#[must_use]
pub fn now() -> OffsetDateTime {
    if let Some((shown, at)) = SET.get() {
        return shown + at.elapsed();
    }
    let (timer, machine) = (Instant::now().into_std(), std::time::Instant::now());
    let ahead = Duration::try_from(timer.saturating_duration_since(machine)).unwrap_or_default();
    let behind = Duration::try_from(machine.saturating_duration_since(timer)).unwrap_or_default();
    OffsetDateTime::now_utc() + ahead - behind
}

/// Sets this thread's clock, which then advances with tokio's time alone: for runs on one thread that must be repeatable,
/// or whose clock must be wrong.
pub fn set(time: OffsetDateTime) {
    SET.set(Some((time, Instant::now())));
}
