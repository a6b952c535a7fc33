//! The settings of `[dead_letters]`. Not what is kept there.

use serde::Deserialize;

/// `[dead_letters]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLettersConfig {
    /// One of `storage.accounts`; empty when nothing is kept.
    pub account: String,
    /// The container there.
    pub container: String,
}

impl DeadLettersConfig {
    /// Whether events are kept.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.account.is_empty()
    }
}
