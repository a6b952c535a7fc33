//! The management plane of storage accounts: who there is, their keys, and new keys, by Azure Resource Manager's requests.
//! Makes and removes no account, and touches no blob. Any api-version.

mod resources;
mod routes;

use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::Router;

use crate::clock::Clock;
use crate::ids::Ids;
use crate::inside::StorageAccounts;

/// What the management of storage accounts is told at its start.
pub struct Settings {
    /// The time of day.
    pub clock: Clock,
    /// Where request ids come from.
    pub ids: Ids,
    /// The accounts.
    pub accounts: Arc<dyn StorageAccounts>,
    /// Where this service is found, without a slash at the end: links to further pages begin with it.
    pub base_url: String,
    /// The subscription all accounts are in.
    pub subscription: String,
    /// The resource group all accounts are in.
    pub resource_group: String,
    /// Accounts on one page of a list.
    pub page_size: NonZeroUsize,
    /// Whether a bearer token's audience and times are checked, rather than taking any.
    pub strict_auth: bool,
}

/// The management of storage accounts. Cloning shares it.
#[derive(Clone)]
pub struct StorageManagement(Arc<Settings>);

impl StorageManagement {
    /// The management of these accounts.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(settings))
    }

    /// The service as a function from request to response.
    pub fn router(&self) -> Router {
        Router::new().fallback(routes::serve).with_state(self.clone())
    }

    fn settings(&self) -> &Settings {
        &self.0
    }
}
