//! The time of day: the only reader of the machine's clock. Not a timer: waiting is tokio's business.

use time::{Duration, OffsetDateTime};
use tokio::time::Instant;

/// The time of day in UTC, as far ahead of the machine's as tokio's clock is, so that paused time pauses it too.
#[must_use]
pub fn now() -> OffsetDateTime {
    let (timer, machine) = (Instant::now().into_std(), std::time::Instant::now());
    let ahead = Duration::try_from(timer.saturating_duration_since(machine)).unwrap_or_default();
    let behind = Duration::try_from(machine.saturating_duration_since(timer)).unwrap_or_default();
    OffsetDateTime::now_utc() + ahead - behind
}
