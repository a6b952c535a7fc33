//! The streaming endpoints of all accounts: HLS and DASH of published assets, their files, and their keys. Decides
//! nothing about what is published: that is `publication`'s.
//!
//! One request walks `routes` → `access` (the locator, its window, its policy) → `cache` (the asset's segments, made once
//! by `packager`) → `selection` (what the filters leave) → `hls` or `dash`; segments and files go out through `files`,
//! keys through `key_delivery`.

mod access;
mod cache;
mod common_encryption;
mod dash;
mod discovery;
mod envelope;
mod error;
mod files;
mod hls;
mod key_delivery;
mod licences;
mod packager;
mod request;
mod routes;
mod segments;
mod selection;
mod server_manifest;
mod signals;
mod source;
mod token;
mod xml;

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::account::Account;
use cache::PackageCache;
use discovery::Discovery;

pub(super) use routes::router;

/// Fetching is linking where storage and scratch share a disk, and copying elsewhere.
const FETCHING_MAX: usize = 16;

/// All streaming endpoints. Cloning shares them.
#[derive(Clone)]
pub(super) struct Streaming {
    accounts: Vec<Arc<Account>>,
    cache: PackageCache,
    discovery: Discovery,
    /// Files that may be fetched from storage at the same time.
    fetching: Arc<Semaphore>,
}

impl Streaming {
    pub fn new(accounts: &[Arc<Account>]) -> Self {
        let fetching = Arc::new(Semaphore::new(FETCHING_MAX));
        let (cache, discovery) = (PackageCache::default(), Discovery::default());
        Self { accounts: accounts.to_vec(), cache, discovery, fetching }
    }
}
