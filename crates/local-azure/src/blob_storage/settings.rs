//! What a local Blob Storage is made with. Not read from files or the environment: that is the caller's business.

use std::io;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::inside::EventSink;

/// Everything a local Blob Storage needs to know.
#[derive(Clone)]
pub struct Settings {
    /// What time it is.
    pub clock: Clock,
    /// Where request ids and copy ids come from.
    pub ids: Ids,
    /// Who hears of blobs created, deleted and moved between tiers.
    pub events: Arc<dyn EventSink>,
    /// How it misbehaves when asked to.
    pub faults: Faults,
    /// For example `http://127.0.0.1:10000`: what blob URLs in events and headers start with. With `http`, a SAS that
    /// asks for `https` is refused.
    pub base_url: String,
    /// The Azure subscription the accounts pretend to be in; part of their ARM ids.
    pub subscription: String,
    /// The resource group the accounts pretend to be in; part of their ARM ids.
    pub resource_group: String,
    /// The storage accounts there are.
    pub accounts: Vec<AccountSettings>,
    /// Where content lives.
    pub keep: Keep,
    /// How long copies take.
    pub copy_pace: CopyPace,
    /// How long rehydration from the archive tier takes.
    pub rehydration: Rehydration,
    /// Whether a bearer token must be in date and meant for Azure Storage. Its signature is never checked.
    pub strict_auth: bool,
}

/// One storage account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    /// 3 to 24 lower-case letters and digits.
    pub name: String,
    /// Whether the account has a hierarchical namespace. Only its events differ here.
    pub hierarchical_namespace: bool,
}

/// Where content lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// In this process, and gone with it.
    Memory,
    /// In a folder, from where a later process takes it up again. One process at a time.
    Folder(PathBuf),
}

/// How long asynchronous copies take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyPace {
    /// How fast content moves.
    pub bytes_per_second: NonZeroU64,
    /// What even the smallest copy takes.
    pub minimum: Duration,
}

impl CopyPace {
    /// Every copy has succeeded by the time its request is answered.
    pub const INSTANT: Self = Self { bytes_per_second: NonZeroU64::MAX, minimum: Duration::ZERO };

    /// How long so many bytes take.
    #[must_use]
    pub fn duration(&self, bytes: u64) -> Duration {
        let ms = u128::from(bytes) * 1000 / u128::from(self.bytes_per_second.get());
        Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX)).max(self.minimum)
    }
}

/// How long rehydration takes, by its priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rehydration {
    /// With standard priority. Azure: up to 15 hours.
    pub standard: Duration,
    /// With high priority. Azure: mostly under an hour for blobs below 10 GB.
    pub high: Duration,
}

/// Why a local Blob Storage cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// An account's name is not 3 to 24 lower-case letters and digits.
    #[error("{0:?} is no name for a storage account")]
    AccountName(String),
    /// The base URL has no scheme or no host, or has a path.
    #[error("{0:?} is no base URL")]
    BaseUrl(String),
    /// The folder, or a file in it, cannot be used.
    #[error("{path} cannot be used", path = .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// A file in the folder is not what this service wrote.
    #[error("{path} is not a record of a blob or container", path = .0.display())]
    Record(PathBuf, #[source] serde_json::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_takes_its_bytes_at_the_pace_but_no_less_than_the_minimum() {
        let pace = CopyPace {
            bytes_per_second: NonZeroU64::new(1000).expect("not zero"),
            minimum: Duration::from_secs(2),
        };
        assert_eq!(pace.duration(0), Duration::from_secs(2));
        assert_eq!(pace.duration(10_500), Duration::from_millis(10_500));
        assert_eq!(CopyPace::INSTANT.duration(1 << 50), Duration::ZERO);
    }
}
