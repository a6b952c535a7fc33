//! What a vault of secrets can do for us once we run: say a setting's value anew. No secret passes through here.

use async_trait::async_trait;

use super::ParticipantError;

/// Settings whose values are kept in a vault.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Reads the settings anew that come from this secret, or from any secret of this vault. From then on the new
    /// values are used. Repeatable.
    ///
    /// Returns whether there is such a setting: false means that nothing here uses it, and nobody was asked. A setting that
    /// is pinned to another version of the secret does not use the one that was named.
    ///
    /// # Errors
    /// When the vault cannot be asked or what it holds cannot be the setting's value; the old value stays in use.
    async fn reread(&self, vault_uri_or_secret_id: &str) -> Result<bool, ParticipantError>;
}
