//! One local Key Vault: secrets with versions, and the event of each new version. In memory, and gone with the process.
//!
//! Not played: keys, certificates, listing, deleting, changing attributes afterwards, expiry events, roles.

mod error;
mod routes;
mod secrets;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use serde_json::json;

use self::error::VaultError;
use self::secrets::{NewSecret, Secrets, Version};
use crate::arm::resource_id;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::inside::{EventSink, PlatformEvent};

/// What a local Key Vault is told at its start.
pub struct Settings {
    /// The time of day.
    pub clock: Clock,
    /// Where versions and request ids come from.
    pub ids: Ids,
    /// Who hears of new versions.
    pub events: Arc<dyn EventSink>,
    /// Misbehaviour on request.
    pub faults: Faults,
    /// The vault's name.
    pub name: String,
    /// Where it is found, without a slash at the end: the ids of secrets begin with it.
    pub base_url: String,
    /// The subscription it is in.
    pub subscription: String,
    /// The resource group it is in.
    pub resource_group: String,
    /// Whether a bearer token's audience and times are checked, rather than taking any.
    pub strict_auth: bool,
}

/// A local Key Vault. Cloning shares it.
#[derive(Clone)]
pub struct KeyVault(Arc<Inner>);

struct Inner {
    settings: Settings,
    secrets: Mutex<Secrets>,
}

impl KeyVault {
    /// A vault without secrets.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner { settings, secrets: Mutex::default() }))
    }

    /// The data plane as a function from request to response.
    pub fn router(&self) -> Router {
        let service = Router::new().fallback(routes::serve).with_state(self.clone());
        self.settings().faults.in_front_of(service)
    }

    /// The vault's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.settings().name
    }

    /// The vault's ARM id, which is the topic of its events.
    #[must_use]
    pub fn id(&self) -> String {
        let Settings { subscription, resource_group, name, .. } = self.settings();
        resource_id(subscription, resource_group, "Microsoft.KeyVault/vaults", name)
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The secrets, to oneself. Never kept across an await.
    fn secrets(&self) -> MutexGuard<'_, Secrets> {
        self.0.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a version of a secret is found.
    fn secret_id(&self, secret: &str, version: &Version) -> String {
        format!("{}/secrets/{secret}/{}", self.settings().base_url, version.id)
    }

    /// Adds a version, and tells those who subscribed.
    fn set(&self, name: &str, new: NewSecret) -> Result<Version, VaultError> {
        let Settings { clock, ids, .. } = self.settings();
        let version = self.secrets().add(name, new, ids.guid().simple().to_string(), clock.now())?;
        self.settings().events.raise(PlatformEvent {
            topic: self.id(),
            subject: name.to_owned(),
            event_type: "Microsoft.KeyVault.SecretNewVersionCreated",
            data_version: "1",
            data: json!({
                "Id": self.secret_id(name, &version),
                "VaultName": self.name(),
                "ObjectType": "Secret",
                "ObjectName": name,
                "Version": version.id,
                "NBF": version.not_before,
                "EXP": version.expires,
            }),
            occurrence: None,
        });
        Ok(version)
    }
}
