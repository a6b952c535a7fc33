//! The local Blob Storage: containers, block blobs, copies that take time, tiers, and the events they raise.
//!
//! Not played, and refused in Azure's words: page and append blobs, leases, tags, versions, soft delete, batches.

mod acl;
mod authentication;
mod blob;
mod blocks;
mod call;
mod checksum;
mod conditions;
mod container;
mod content;
mod copy;
mod copy_source;
mod copying;
mod dates;
mod delete;
mod error;
mod events;
mod files;
mod folder;
mod front_door;
mod get_blob;
mod headers;
mod keys;
mod links;
mod list_blobs;
mod list_containers;
mod management;
mod operation;
mod page;
mod path;
mod properties;
mod put_blob;
mod query;
mod service;
mod settings;
mod snapshot;
mod stamp;
mod storage;
mod tier;
mod xml;

use std::sync::Arc;

use axum::Router;

pub use copying::NextCopy;
pub use headers::METADATA_PREFIX;
pub use settings::{AccountSettings, CopyPace, Keep, OpenError, Rehydration, Settings};

use path::BlobPath;
use storage::Storage;

/// A local Blob Storage. Cloning shares it.
#[derive(Clone)]
pub struct BlobStorage(Arc<Storage>);

impl BlobStorage {
    /// Opens the storage. With a folder, everything an earlier process kept there is back, and its copies and
    /// rehydrations go on; the folder is read in blocking fashion. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the settings cannot be, or the folder cannot be used.
    pub fn new(settings: Settings) -> Result<Self, OpenError> {
        let storage = Arc::new(Storage::open(settings)?);
        storage.resume();
        Ok(Self(storage))
    }

    /// The service: path-style requests (`/account/container/blob`), and others whose host begins with an account.
    pub fn router(&self) -> Router {
        let service = Router::new().fallback(front_door::serve).with_state(self.0.clone());
        self.0.settings.faults.in_front_of(service)
    }

    /// The first key of an account, in Base64; nothing for an account there is not.
    #[must_use]
    pub fn account_key(&self, account: &str) -> Option<String> {
        let [key, _] = self.0.account(account).ok()?.keys.values();
        Some(key)
    }

    /// The second key of an account, as good as the first.
    #[must_use]
    pub fn second_account_key(&self, account: &str) -> Option<String> {
        let [_, key] = self.0.account(account).ok()?.keys.values();
        Some(key)
    }

    /// The ARM id of an account, which is the topic of its events.
    #[must_use]
    pub fn account_id(&self, account: &str) -> String {
        self.0.account_id(account)
    }

    /// What clients that take a connection string take; nothing for an account there is not.
    #[must_use]
    pub fn connection_string(&self, account: &str) -> Option<String> {
        let key = self.account_key(account)?;
        let base_url = &self.0.settings.base_url;
        let protocol = base_url.split("://").next().unwrap_or_default();
        Some(format!(
            "DefaultEndpointsProtocol={protocol};AccountName={account};AccountKey={key};\
             BlobEndpoint={base_url}/{account};"
        ))
    }

    /// Decides what becomes of the next copy onto a blob. The last decision counts.
    pub fn decide_next_copy(&self, account: &str, container: &str, blob: &str, next: NextCopy) {
        self.0.decide_next_copy(BlobPath::new(account, container, blob), next);
    }

    /// Lets a copy that waits end now. False when there is none.
    pub async fn release_copy(&self, account: &str, container: &str, blob: &str) -> bool {
        let path = BlobPath::new(account, container, blob);
        let pending =
            self.0.blob(&path, None).ok().and_then(|blob| blob.pending_copy().map(|copy| copy.id.clone()));
        match pending {
            Some(id) => self.0.finish_copy(&path, &id).await.is_ok(),
            None => false,
        }
    }
}
