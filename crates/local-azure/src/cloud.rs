//! The services put together, as they are in Azure: each hears of the others what it would hear there. Binds no
//! port: that is for whoever runs it.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use crate::blob_storage::{self, AccountSettings, BlobStorage, CopyPace, Keep, OpenError, Rehydration};
use crate::clock::Clock;
use crate::event_grid::{self, EventGrid, RetrySchedule};
use crate::faults::Faults;
use crate::ids::Ids;
use crate::key_vault::{self, KeyVault};
use crate::media_services::{
    self, Encoder, MediaServices, RegionSettings, StreamingSettings, UnusableFolder,
};
use crate::storage_management::{self, StorageManagement};
use crate::webhook::Webhooks;

/// What a cloud is made with.
pub struct CloudSettings {
    /// The time of day, for all services.
    pub clock: Clock,
    /// Where identifiers come from, for all services.
    pub ids: Ids,
    /// How Event Grid calls subscribers.
    pub webhooks: Arc<dyn Webhooks>,
    /// Where Event Grid and the management of storage accounts are found, without a slash at the end.
    pub event_grid_url: String,
    /// Where Blob Storage is found, without a slash at the end.
    pub storage_url: String,
    /// Where Media Services are found, without a slash at the end.
    pub media_url: String,
    /// Where and within which limits Media Services stream.
    pub streaming: StreamingSettings,
    /// Where the Key Vault is found, without a slash at the end.
    pub key_vault_url: String,
    /// The subscription everything is in.
    pub subscription: String,
    /// The resource group everything is in.
    pub resource_group: String,
    /// Names of storage accounts.
    pub storage_accounts: Vec<String>,
    /// Those of them that have a hierarchical namespace.
    pub hierarchical_accounts: Vec<String>,
    /// Storage accounts on one page of their list.
    pub storage_accounts_per_page: NonZeroUsize,
    /// The name of the Key Vault.
    pub key_vault: String,
    /// Regions with the names of their Media Services accounts, which have all storage accounts attached.
    pub media_accounts: Vec<(String, String)>,
    /// Where blobs live.
    pub keep: Keep,
    /// Where Media Services keep their accounts; in memory if nowhere. The jobs that are found there, and the
    /// events of all, wait for [`MediaServices::resume`].
    pub media_folder: Option<PathBuf>,
    /// How long copies take.
    pub copy_pace: CopyPace,
    /// How long rehydration takes.
    pub rehydration: Rehydration,
    /// When Event Grid delivers again.
    pub schedule: RetrySchedule,
    /// What encodes.
    pub encoder: Encoder,
    /// How many jobs a region encodes at the same time.
    pub jobs_at_once: usize,
    /// Whether bearer tokens are looked into.
    pub strict_auth: bool,
}

/// Why a cloud was not made.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// Blob Storage cannot begin.
    #[error(transparent)]
    Storage(#[from] OpenError),
    /// Media Services cannot begin.
    #[error(transparent)]
    Media(#[from] UnusableFolder),
}

/// How each service misbehaves on request.
#[derive(Clone, Default)]
pub struct CloudFaults {
    /// Event Grid, towards publishers, and the management of storage accounts, which is at the same address.
    pub event_grid: Faults,
    /// Blob Storage.
    pub storage: Faults,
    /// The Key Vault.
    pub key_vault: Faults,
    /// Media Services, all regions.
    pub media: Faults,
    /// Media Services, by region, in the order of the settings.
    pub regions: Vec<Faults>,
}

/// A cloud. Cloning shares it.
#[derive(Clone)]
pub struct Cloud {
    /// Topics and event subscriptions; its router has the management of storage accounts too.
    pub event_grid: EventGrid,
    /// Containers and blobs.
    pub blob_storage: BlobStorage,
    /// Assets, transforms, jobs and what is published; the streaming endpoints are a router of their own.
    pub media_services: MediaServices,
    /// Secrets.
    pub key_vault: KeyVault,
    /// How they misbehave.
    pub faults: CloudFaults,
}

impl Cloud {
    /// Puts a cloud together. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When a folder cannot be used, or a storage account's name is none.
    pub fn new(settings: CloudSettings) -> Result<Self, CloudError> {
        let regions = settings.media_accounts.iter().map(|_| Faults::default()).collect();
        let faults = CloudFaults { regions, ..CloudFaults::default() };
        let event_grid = EventGrid::new(event_grid::Settings {
            clock: settings.clock.clone(),
            ids: settings.ids.clone(),
            faults: faults.event_grid.clone(),
            base_url: settings.event_grid_url.clone(),
            subscription: settings.subscription.clone(),
            resource_group: settings.resource_group.clone(),
            schedule: settings.schedule,
            strict_auth: settings.strict_auth,
            ..event_grid::Settings::new(settings.webhooks)
        });
        let accounts = settings.storage_accounts.iter();
        let blob_storage = BlobStorage::new(blob_storage::Settings {
            clock: settings.clock.clone(),
            ids: settings.ids.clone(),
            events: Arc::new(event_grid.clone()),
            faults: faults.storage.clone(),
            base_url: settings.storage_url,
            subscription: settings.subscription.clone(),
            resource_group: settings.resource_group.clone(),
            accounts: accounts
                .map(|name| AccountSettings {
                    name: name.clone(),
                    hierarchical_namespace: settings.hierarchical_accounts.contains(name),
                })
                .collect(),
            keep: settings.keep,
            copy_pace: settings.copy_pace,
            rehydration: settings.rehydration,
            strict_auth: settings.strict_auth,
        })?;
        event_grid.write_dead_letters_to(Arc::new(blob_storage.clone()));
        let management = StorageManagement::new(storage_management::Settings {
            clock: settings.clock.clone(),
            ids: settings.ids.clone(),
            accounts: Arc::new(blob_storage.clone()),
            base_url: settings.event_grid_url,
            subscription: settings.subscription.clone(),
            resource_group: settings.resource_group.clone(),
            page_size: settings.storage_accounts_per_page,
            strict_auth: settings.strict_auth,
        });
        event_grid.serve_beside(management.router());
        let key_vault = KeyVault::new(key_vault::Settings {
            clock: settings.clock.clone(),
            ids: settings.ids.clone(),
            events: Arc::new(event_grid.clone()),
            faults: faults.key_vault.clone(),
            name: settings.key_vault,
            base_url: settings.key_vault_url,
            subscription: settings.subscription.clone(),
            resource_group: settings.resource_group.clone(),
            strict_auth: settings.strict_auth,
        });
        let regions = settings.media_accounts.into_iter().zip(&faults.regions);
        let media_services = MediaServices::new(media_services::Settings {
            clock: settings.clock,
            ids: settings.ids,
            events: Arc::new(event_grid.clone()),
            blobs: Arc::new(blob_storage.clone()),
            links: Arc::new(blob_storage.clone()),
            subscription: settings.subscription,
            resource_group: settings.resource_group,
            regions: regions
                .map(|((region, account), faults)| RegionSettings {
                    region,
                    account,
                    storage_accounts: settings.storage_accounts.clone(),
                    jobs_at_once: settings.jobs_at_once,
                    faults: faults.clone(),
                })
                .collect(),
            encoder: settings.encoder,
            faults: faults.media.clone(),
            endpoint: settings.media_url,
            streaming: settings.streaming,
            folder: settings.media_folder,
            strict_auth: settings.strict_auth,
        })?;
        Ok(Self { event_grid, blob_storage, media_services, key_vault, faults })
    }
}
