//! Waits that are others in every replica, so that those that were started together do not act together. Not who waits.

use std::time::Duration;

use uuid::Uuid;

/// A part of some time, from nothing to the whole.
#[must_use]
pub fn part_of(time: Duration) -> Duration {
    let [first, second, ..] = Uuid::new_v4().into_bytes();
    time * u32::from(u16::from_be_bytes([first, second])) / u32::from(u16::MAX)
}

/// Some time, up to a fifth longer or shorter.
#[must_use]
pub fn about(time: Duration) -> Duration {
    time * 4 / 5 + part_of(time * 2 / 5)
}
