//! A value that cannot be printed and can be replaced while the program runs. Not a vault: it only keeps secrets out of
//! logs, errors and debug output.

use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq as _;

/// What a setting begins with that names a secret in a vault instead of holding one, as Azure Functions has it.
const REFERENCE: &str = "@Microsoft.KeyVault(";

/// A key, token or password. Clones share it: when one is replaced, all are.
#[derive(Clone)]
pub struct Secret {
    value: Arc<RwLock<Arc<str>>>,
    /// Where the value comes from, as the setting says it.
    reference: Option<Arc<str>>,
}

impl Secret {
    /// Hides a value, or a Key Vault reference, whose value is empty until it is replaced.
    pub fn new(value: impl Into<String>) -> Self {
        let text = Arc::<str>::from(value.into());
        if text.trim_start().starts_with(REFERENCE) {
            return Self { value: Arc::new(RwLock::new("".into())), reference: Some(text) };
        }
        Self { value: Arc::new(RwLock::new(text)), reference: None }
    }

    /// The value as it is now, for the one place that needs it. Read at each use: it may be another the next time.
    #[must_use]
    pub fn reveal(&self) -> Arc<str> {
        Arc::clone(&self.value.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether nothing was configured: neither a value nor a reference to one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reference.is_none() && self.reveal().is_empty()
    }

    /// Compares without telling by its duration where the difference is. Nothing is the same as a value that is not there.
    #[must_use]
    pub fn is_same_as(&self, presented: &[u8]) -> bool {
        let value = self.reveal();
        !value.is_empty() && bool::from(value.as_bytes().ct_eq(presented))
    }

    /// The Key Vault reference that was configured instead of a value.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// Whether it is a reference whose value has never been read.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        self.reference.is_some() && self.reveal().is_empty()
    }

    /// Replaces the value, for everybody who shares it.
    pub fn replace(&self, value: &str) {
        *self.value.write().unwrap_or_else(PoisonError::into_inner) = value.into();
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Default for Secret {
    fn default() -> Self {
        Self::new("")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.is_empty() { "" } else { "(hidden)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_a_secret_replaces_it_for_everybody_who_has_it() {
        let secret = Secret::new("old");
        let elsewhere = secret.clone();
        secret.replace("new");
        assert_eq!(&*elsewhere.reveal(), "new");
        assert!(elsewhere.is_same_as(b"new") && !elsewhere.is_same_as(b"old"));
    }

    #[test]
    fn a_reference_is_no_value_until_it_is_read() {
        let secret = Secret::new("@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s/)");
        assert!(secret.is_unread() && !secret.is_empty());
        assert!(!secret.is_same_as(b""), "what is not there opens nothing");
        secret.replace("value");
        assert!(!secret.is_unread() && secret.reference().is_some());
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}
