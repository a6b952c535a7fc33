//! `[key_roll]` and `[key_vault]`: how keys of storage accounts are replaced, and where secrets are read from.

use serde::Deserialize;

use super::values::{list, words};
use crate::secret::Secret;

/// `[key_roll]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRollConfig {
    /// Where Azure Resource Manager is, when it is not `https://management.azure.com`.
    pub base_url: String,
    /// Subscriptions whose storage accounts' keys may be rolled; without any, no key is.
    #[serde(deserialize_with = "list")]
    pub subscriptions: Vec<String>,
    /// How we identify ourselves.
    pub auth: TokenAuth,
    /// The token for `auth = "bearer"`.
    pub token: Secret,
}

/// `[key_vault]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyVaultConfig {
    /// How we identify ourselves.
    pub auth: TokenAuth,
    /// The token for `auth = "bearer"`.
    pub token: Secret,
    /// Hosts, with their ports, that get a token besides Azure's own vaults.
    #[serde(deserialize_with = "list")]
    pub allowed_hosts: Vec<String>,
}

/// How we identify ourselves to a service that takes only tokens.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum TokenAuth {
    /// With a token of Entra's.
    #[default]
    Entra,
    /// With a token that is configured.
    Bearer,
}

words!(TokenAuth { "entra" => Entra, "bearer" => Bearer });
