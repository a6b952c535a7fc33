//! What the management of storage accounts can do for us: replace an account's key. Not who learns of the new one.

use async_trait::async_trait;

use super::ParticipantError;

/// Names of the keys a storage account has.
pub const KEY_NAMES: [&str; 2] = ["key1", "key2"];

/// Whoever manages storage accounts.
#[async_trait]
pub trait KeyRoller: Send + Sync {
    /// Replaces the key of that name (`key1` or `key2`, exactly) of a storage account. What was signed with the old key is
    /// void from then on.
    ///
    /// Not repeatable: each call that succeeds makes another key. `Throttled`, `Conflict` and `Unavailable` say that the key
    /// was not replaced, as far as could be seen; `Rejected` also covers that it could not be found out, because
    /// repeating blindly might void a key that somebody has just fetched.
    ///
    /// # Errors
    /// `NotFound` when the account is in none of the configured subscriptions; `Rejected` for other names of keys, before
    /// anybody is asked.
    async fn roll(&self, account: &str, key_name: &str) -> Result<(), ParticipantError>;
}
