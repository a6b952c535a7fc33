//! Stamps: strictly growing points in time that tell one state of a blob from the next. Not the time of day itself.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::dates;
use crate::clock::Clock;

/// Units of 100 ns between 0001-01-01, where .NET begins to count, and 1970-01-01.
const TICKS_BEFORE_1970: i128 = 621_355_968_000_000_000;
const TICKS_NS: i128 = 100;

/// When something changed, in units of 100 ns since the year 1: ETag, last-modified time and place in the order of
/// events at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp(u64);

impl Stamp {
    /// The moment it stands for.
    pub fn time(self) -> OffsetDateTime {
        let ns = (i128::from(self.0) - TICKS_BEFORE_1970) * TICKS_NS;
        OffsetDateTime::from_unix_timestamp_nanos(ns).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// The ETag as a header has it, with its quotes.
    pub fn etag(self) -> String {
        format!("\"{self}\"")
    }

    /// The `Last-Modified` header.
    pub fn last_modified(self) -> String {
        dates::http_date(self.time())
    }

    /// The name of a snapshot taken then.
    pub fn snapshot(self) -> String {
        dates::iso_ticks(self.time())
    }

    /// The `sequencer` of an event, in the form Azure's have: later events compare greater as text. Its first half
    /// tells in Azure which log the event is from; here there is one.
    pub fn sequencer(self) -> String {
        format!("{:032X}{:016x}", 1, self.0)
    }
}

/// The ETag without quotes, as listings and events have it: `0x8DE5A1B2C3D4E5F`.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:X}", self.0)
    }
}

/// Where stamps come from. No two are the same, even when the clock stands still.
pub struct Stamps {
    clock: Clock,
    last: AtomicU64,
}

impl Stamps {
    pub fn new(clock: Clock) -> Self {
        Self { clock, last: AtomicU64::new(0) }
    }

    /// A stamp for now, later than every stamp before.
    pub fn next(&self) -> Stamp {
        let now = ticks(self.clock.now());
        let after = |last: u64| now.max(last + 1);
        let update = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last)));
        Stamp(after(update.unwrap_or_else(|last| last)))
    }

    /// Sees to it that every stamp from here on is later than this one, which an earlier process gave.
    pub fn go_on_after(&self, stamp: Stamp) {
        self.last.fetch_max(stamp.0, Ordering::Relaxed);
    }
}

fn ticks(time: OffsetDateTime) -> u64 {
    u64::try_from(time.unix_timestamp_nanos() / TICKS_NS + TICKS_BEFORE_1970).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stamps_look_like_azures_etags_and_grow_while_the_clock_stands_still() {
        let stamps = Stamps::new(Clock::starting_at(datetime!(2026-03-04 10:00:00 UTC)));
        let (first, second) = (stamps.next(), stamps.next());
        assert_eq!(first.etag(), "\"0x8DE79D4CC409000\"");
        assert_eq!(first.time(), datetime!(2026-03-04 10:00:00 UTC));
        assert_eq!(second.snapshot(), "2026-03-04T10:00:00.0000001Z");
        assert!(first.sequencer() < second.sequencer());
    }
}
