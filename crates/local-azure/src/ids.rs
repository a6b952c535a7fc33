//! Identifiers and development keys. Not a source of secrets: whoever reads this file knows every key.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha512};
use uuid::Uuid;

/// SplitMix64's increment and mixing constants (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014).
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;
const MIX_1: u64 = 0xBF58_476D_1CE4_E5B9;
const MIX_2: u64 = 0x94D0_49BB_1331_11EB;

/// A stream of identifiers: the same seed gives the same identifiers in the same order.
#[derive(Clone, Debug)]
pub struct Ids(Arc<AtomicU64>);

impl Ids {
    /// A stream nobody can predict.
    #[must_use]
    pub fn random() -> Self {
        let (high, low) = Uuid::new_v4().as_u64_pair();
        Self::seeded(high ^ low)
    }

    /// A stream that repeats with its seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    /// The next 64 bits.
    #[must_use]
    pub fn bits(&self) -> u64 {
        let state = self.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA);
        let state = (state ^ (state >> 30)).wrapping_mul(MIX_1);
        let state = (state ^ (state >> 27)).wrapping_mul(MIX_2);
        state ^ (state >> 31)
    }

    /// The next GUID.
    #[must_use]
    pub fn guid(&self) -> Uuid {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.bits().to_be_bytes());
        bytes[8..].copy_from_slice(&self.bits().to_be_bytes());
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// The next key: 64 bytes in Base64, as storage accounts and Event Grid topics have them.
    #[must_use]
    pub fn key(&self) -> String {
        let bytes = (0..8).flat_map(|_| self.bits().to_be_bytes()).collect::<Vec<_>>();
        STANDARD.encode(bytes)
    }
}

/// The Base64 development key of something, the same on every machine and in every run, so that a script can keep it.
///
/// 64 bytes, as storage accounts and Event Grid topics have them. `purpose` tells two keys of one name apart.
#[must_use]
pub fn development_key(name: &str, purpose: &str) -> String {
    STANDARD.encode(Sha512::digest(format!("local-azure/{purpose}/{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_identifiers() {
        let (one, two) = (Ids::seeded(7), Ids::seeded(7));
        let pairs = (0..100).map(|_| (one.guid(), two.guid())).collect::<Vec<_>>();
        assert!(pairs.iter().all(|(a, b)| a == b));
        assert!(pairs.windows(2).all(|w| w[0] != w[1]));
    }

    #[test]
    fn a_development_key_is_64_bytes_and_its_own() {
        let key = development_key("inbox", "key1");
        assert_eq!(STANDARD.decode(&key).map(|k| k.len()), Ok(64));
        assert_ne!(key, development_key("inbox", "key2"));
        assert_ne!(key, development_key("outbox", "key1"));
    }
}
