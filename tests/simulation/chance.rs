//! Chance that repeats with its seed. Knows nothing of what it decides.

use std::time::Duration;

use local_azure::ids::Ids;

/// A stream of draws, the same everywhere.
pub struct Chance(Ids);

impl Chance {
    pub fn seeded(seed: u64) -> Self {
        Self(Ids::seeded(seed))
    }

    /// A stream of its own for each purpose, so that a draw more in one changes nothing in another.
    pub fn of(seed: u64, purpose: &str) -> Self {
        Self::seeded(purpose.bytes().fold(seed, |seed, byte| Ids::seeded(seed).bits() ^ u64::from(byte)))
    }

    pub fn bits(&mut self) -> u64 {
        self.0.bits()
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
