//! The two keys of an account, which can be replaced while everything runs. Not what is signed with them.

use std::sync::{Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

use crate::ids::{Ids, development_key};
use crate::inside::{AccountKey, KeyName};

/// The finest difference Azure's timestamps show: a tick of 100 ns. A key is at least so much younger than the one it
/// replaces, so that whoever compares creation times sees that it is another.
const TICK: Duration = Duration::nanoseconds(100);

/// The keys of one account. They are kept in memory: a new process begins with the development keys again, so that scripts
/// can keep those.
pub struct Keys(Mutex<[AccountKey; 2]>);

impl Keys {
    /// The keys that are the same in every run.
    pub fn of_development(account: &str, now: OffsetDateTime) -> Self {
        let key = |purpose| AccountKey { value: development_key(account, purpose), created: now };
        Self(Mutex::new(["key1", "key2"].map(key)))
    }

    /// Both keys as they are now.
    pub fn present(&self) -> [AccountKey; 2] {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Both keys in Base64.
    pub fn values(&self) -> [String; 2] {
        self.present().map(|key| key.value)
    }

    /// Replaces a key by the next of the stream.
    pub fn regenerate(&self, name: KeyName, ids: &Ids, now: OffsetDateTime) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = match name {
            KeyName::Key1 => &mut keys[0],
            KeyName::Key2 => &mut keys[1],
        };
        *key = AccountKey { value: ids.key(), created: now.max(key.created + TICK) };
    }
}
