//! Chance that repeats with its seed. Knows nothing of what it decides.

use std::time::Duration;

/// SplitMix64 of Steele, Lea and Flood ("Fast splittable pseudorandom number generators", 2014): the same everywhere.
pub struct Chance(u64);

impl Chance {
    /// A stream of its own for each purpose, so that a draw more in one changes nothing in another.
    pub fn of(seed: u64, purpose: &str) -> Self {
        let mut mixed = Self(seed);
        for byte in purpose.bytes() {
            mixed.0 = mixed.bits() ^ u64::from(byte);
        }
        mixed
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, sides: usize) -> usize {
        (self.bits() % sides as u64) as usize
    }

    pub fn happens(&mut self, per_mille: usize) -> bool {
        self.below(1_000) < per_mille
    }

    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.below(among.len())]
    }

    /// Up to so long, in milliseconds: timers know nothing finer.
    pub fn up_to(&mut self, longest: Duration) -> Duration {
        Duration::from_millis(self.bits() % (longest.as_millis() as u64 + 1))
    }
}
