//! One region's Media Services account: what it holds, and what it may touch. Its resources explain themselves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::assets::Asset;
use super::jobs::{Job, JobKey, Queue};
use super::publication::Publication;
use super::settings::{Encoder, RegionSettings, Settings, StreamingSettings};
use super::transforms::Transform;
use crate::arm::resource_id;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::inside::BlobLinks;
use crate::inside::{BlobFiles, EventSink, PlatformEvent};

/// One region's account.
pub(super) struct Account {
    id: String,
    pub settings: RegionSettings,
    pub environment: Environment,
    holdings: Mutex<Holdings>,
}

/// Everything an account may touch outside itself.
#[derive(Clone)]
pub(super) struct Environment {
    pub clock: Clock,
    pub ids: Ids,
    pub events: Arc<dyn EventSink>,
    pub blobs: Arc<dyn BlobFiles>,
    pub links: Arc<dyn BlobLinks>,
    pub encoder: Encoder,
    pub endpoint: String,
    pub streaming: StreamingSettings,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

/// What an account holds, by folded names.
pub(super) struct Holdings {
    pub assets: BTreeMap<String, Asset>,
    pub transforms: BTreeMap<String, Transform>,
    pub jobs: BTreeMap<JobKey, Job>,
    pub queue: Queue,
    pub publication: Publication,
}

/// An account for each region.
pub(super) fn of_regions(
    settings: Settings,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Vec<Arc<Account>> {
    let environment = Environment {
        clock: settings.clock,
        ids: settings.ids,
        events: settings.events,
        blobs: settings.blobs,
        links: settings.links,
        encoder: settings.encoder,
        endpoint: settings.endpoint,
        streaming: settings.streaming,
        tasks: tasks.clone(),
        stop: stop.clone(),
    };
    let account = |region: RegionSettings| {
        let kind = "Microsoft.Media/mediaservices";
        let id = resource_id(&settings.subscription, &settings.resource_group, kind, &region.account);
        let environment = environment.clone();
        let holdings = Mutex::new(Holdings::new(environment.clock.now()));
        Arc::new(Account { id, settings: region, environment, holdings })
    };
    settings.regions.into_iter().map(account).collect()
}

impl Holdings {
    fn new(now: OffsetDateTime) -> Self {
        Self {
            assets: BTreeMap::new(),
            transforms: BTreeMap::new(),
            jobs: BTreeMap::new(),
            queue: Queue::default(),
            publication: Publication::new(now),
        }
    }
}

impl Account {
    /// The ARM id.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn name(&self) -> &str {
        &self.settings.account
    }

    pub fn faults(&self) -> &Faults {
        &self.settings.faults
    }

    pub fn now(&self) -> OffsetDateTime {
        self.environment.clock.now()
    }

    /// What the account holds, to itself. Never kept across an await.
    pub fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The full path of something below the account, for example `transforms/t`.
    pub fn id_of(&self, path: &str) -> String {
        format!("{}/{path}", self.id)
    }

    /// Where something below the account is asked for.
    pub fn url_of(&self, path: &str) -> String {
        format!("{}{}/{path}", self.environment.endpoint, self.id)
    }

    pub fn raise(
        &self,
        subject: String,
        event_type: &'static str,
        data_version: &'static str,
        data: serde_json::Value,
    ) {
        self.environment.events.raise(PlatformEvent {
            topic: self.id.clone(),
            subject,
            event_type,
            data_version,
            data,
        });
    }
}
