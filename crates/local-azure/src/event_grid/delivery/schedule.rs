//! When a failed delivery is tried again. Not who waits for it.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::ids::Ids;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Waits after the first, second, … failed attempt; the last one repeats (Event Grid message delivery and retry).
const WAITS: [Duration; 10] = [
    SECOND.saturating_mul(10),
    SECOND.saturating_mul(30),
    MINUTE,
    MINUTE.saturating_mul(5),
    MINUTE.saturating_mul(10),
    MINUTE.saturating_mul(30),
    HOUR,
    HOUR.saturating_mul(3),
    HOUR.saturating_mul(6),
    HOUR.saturating_mul(12),
];

/// Between the last attempt and the first try to write its dead letter, and between two such tries.
const DEAD_LETTER_WAIT: Duration = MINUTE.saturating_mul(5);
/// A dead letter whose container cannot be written for so long is dropped.
const DEAD_LETTER_TRIES_MAX: Duration = HOUR.saturating_mul(4);

/// The documented retry schedule, exact or shortened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySchedule {
    divisor: NonZeroU32,
    jitter_percent: u8,
}

impl RetrySchedule {
    /// 10 s, 30 s, 1 min, 5 min, 10 min, 30 min, 1 h, 3 h, 6 h, then every 12 h.
    #[must_use]
    pub const fn documented() -> Self {
        Self { divisor: NonZeroU32::MIN, jitter_percent: 0 }
    }

    /// The same story told faster, for people who cannot wait: every wait, every event's time to live and the delay
    /// of dead letters are divided. How long a subscriber may take to answer stays 30 s.
    #[must_use]
    pub const fn hurried(divisor: NonZeroU32) -> Self {
        Self { divisor, jitter_percent: 0 }
    }

    /// Lengthens each wait by up to `percent` of itself, drawn from [`Ids`] so that it replays. The service has "a
    /// small randomization" of unstated size.
    #[must_use]
    pub const fn with_jitter(self, percent: u8) -> Self {
        Self { jitter_percent: percent, ..self }
    }

    /// How long to wait after the `failed`-th failed attempt (1 is the first), but at least `wait_min` as the status
    /// demands.
    pub(crate) fn wait(self, failed: u32, wait_min: Duration, ids: &Ids) -> Duration {
        let step = usize::try_from(failed.saturating_sub(1)).unwrap_or(usize::MAX).min(WAITS.len() - 1);
        let wait = self.hurry(WAITS[step].max(wait_min));
        if self.jitter_percent == 0 {
            return wait;
        }
        let part = u32::try_from(ids.bits() % (u64::from(self.jitter_percent) + 1)).unwrap_or(0);
        wait + wait * part / 100
    }

    /// How long an event lives with a time to live of so many minutes.
    pub(crate) fn time_to_live(self, minutes: u32) -> Duration {
        self.hurry(MINUTE * minutes)
    }

    /// See [`DEAD_LETTER_WAIT`].
    pub(crate) fn dead_letter_wait(self) -> Duration {
        self.hurry(DEAD_LETTER_WAIT)
    }

    /// See [`DEAD_LETTER_TRIES_MAX`].
    pub(crate) fn dead_letter_tries_max(self) -> Duration {
        self.hurry(DEAD_LETTER_TRIES_MAX)
    }

    fn hurry(self, wait: Duration) -> Duration {
        wait / self.divisor.get()
    }
}

impl Default for RetrySchedule {
    fn default() -> Self {
        Self::documented()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(schedule: RetrySchedule, attempts: u32) -> Vec<u64> {
        let ids = Ids::seeded(1);
        (1..=attempts).map(|failed| schedule.wait(failed, Duration::ZERO, &ids).as_secs()).collect()
    }

    #[test]
    fn eleven_attempts_fit_into_a_day() {
        let waits = seconds(RetrySchedule::documented(), 11);
        assert_eq!(waits, [10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200, 43200]);
        let eleventh = waits[..10].iter().sum::<u64>();
        assert!(eleventh < 24 * 3600 && eleventh + waits[10] > 24 * 3600);
    }

    #[test]
    fn a_status_can_ask_for_a_longer_wait_but_not_for_a_shorter_one() {
        let (schedule, ids) = (RetrySchedule::documented(), Ids::seeded(1));
        assert_eq!(schedule.wait(1, MINUTE * 2, &ids), MINUTE * 2);
        assert_eq!(schedule.wait(4, MINUTE * 2, &ids), MINUTE * 5);
    }

    #[test]
    fn a_hurried_schedule_divides_everything() {
        let schedule = RetrySchedule::hurried(NonZeroU32::new(10).expect("ten is not zero"));
        assert_eq!(seconds(schedule, 4), [1, 3, 6, 30]);
        assert_eq!(schedule.time_to_live(30), MINUTE * 3);
        assert_eq!(schedule.dead_letter_wait(), SECOND * 30);
    }

    #[test]
    fn jitter_stays_in_bounds_and_replays() {
        let schedule = RetrySchedule::documented().with_jitter(20);
        let (one, two) = (Ids::seeded(3), Ids::seeded(3));
        for failed in 1..=50 {
            let wait = schedule.wait(failed, Duration::ZERO, &one);
            let exact = RetrySchedule::documented().wait(failed, Duration::ZERO, &one.clone());
            assert!(wait >= exact && wait <= exact * 12 / 10);
            assert_eq!(wait, schedule.wait(failed, Duration::ZERO, &two));
        }
    }
}
