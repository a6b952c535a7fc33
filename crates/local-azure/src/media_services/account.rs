//! One region's Media Services account: what it holds, and what it may touch. Its resources explain themselves.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::assets::Asset;
use super::jobs::{self, Farewell, Job, JobEvent, JobId, JobKey, Queue};
use super::keeping::{Changes, Document, Folder, Keeping, Kept, Records, Settled, Unraised, UnusableFolder};
use super::publication::Publication;
use super::settings::{Encoder, RegionSettings, Settings, StreamingSettings};
use super::transforms::Transform;
use crate::arm::resource_id;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::inside::BlobLinks;
use crate::inside::{BlobFiles, EventSink, Occurrence, PlatformEvent, Receipt};

/// One region's account.
pub(super) struct Account {
    id: String,
    pub settings: RegionSettings,
    pub environment: Environment,
    /// `None` for an account that goes with its process.
    pub keeping: Option<Keeping>,
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
    /// Tells this process from earlier ones.
    pub process: Uuid,
}

/// What an account holds, by folded names.
pub(super) struct Holdings {
    pub assets: Records<String, Asset>,
    pub transforms: Records<String, Transform>,
    pub jobs: Records<JobKey, Job>,
    /// Of removed jobs, by their numbers.
    pub farewells: Records<u64, Farewell>,
    pub queue: Queue,
    pub publication: Publication,
    /// Events that wait until their jobs are written.
    pub unraised: Vec<Unraised>,
    /// Until a kept account is resumed, when events wait in their outboxes: jobs with lower numbers are an earlier
    /// process's.
    pub left_below: Option<u64>,
}

/// An account for each region, with what earlier processes kept of it, and the files that could not be read.
pub(super) fn of_regions(
    settings: Settings,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<(Vec<Arc<Account>>, Vec<PathBuf>), UnusableFolder> {
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
        process: Uuid::new_v4(),
    };
    let mut set_aside = Vec::new();
    let mut account = |region: RegionSettings| {
        let kind = "Microsoft.Media/mediaservices";
        let id = resource_id(&settings.subscription, &settings.resource_group, kind, &region.account);
        let environment = environment.clone();
        let mut holdings = Holdings::new(environment.clock.now());
        let folder = settings.folder.as_ref().map(|folder| Folder::new(folder.join(&region.account)));
        let keeping = folder.map(|folder| holdings.keep(folder, &mut set_aside)).transpose()?;
        Ok(Arc::new(Account { id, settings: region, environment, keeping, holdings: Mutex::new(holdings) }))
    };
    let accounts = settings.regions.into_iter().map(&mut account).collect::<Result<_, _>>()?;
    Ok((accounts, set_aside))
}

impl Holdings {
    fn new(now: OffsetDateTime) -> Self {
        Self {
            assets: Records::new("assets"),
            transforms: Records::new("transforms"),
            jobs: Records::new("jobs"),
            farewells: Records::new("farewells"),
            queue: Queue::default(),
            publication: Publication::new(now),
            unraised: Vec::new(),
            left_below: None,
        }
    }

    /// Takes up what is in the folder, where everything that changes from now on is written.
    fn keep(&mut self, folder: Folder, set_aside: &mut Vec<PathBuf>) -> Result<Keeping, UnusableFolder> {
        let changes = Arc::new(Changes::new());
        self.records().try_for_each(|records| records.keep(&folder, &changes, set_aside))?;
        jobs::hold(self);
        self.publication.stop_unknown_endpoints();
        Ok(Keeping { folder, changes })
    }

    /// The documents of what changed since this was last asked.
    pub fn take_changed(&mut self) -> Vec<Document> {
        self.records().flat_map(Kept::take_changed).collect()
    }

    /// Takes settled events off the outboxes of their jobs, whether those are still there or not.
    pub fn forget_settled(&mut self, settled: &[Settled]) {
        for place in settled {
            match self.job_mut(&place.job) {
                Some(job) => job.custody.outbox.forget(place.event),
                None => jobs::forget_settled(&mut self.farewells, place),
            }
        }
    }

    /// That very job, if it is still there.
    pub fn job(&self, id: &JobId) -> Option<&Job> {
        self.jobs.get(&id.key).filter(|job| job.number == id.number)
    }

    /// The same, to be changed.
    pub fn job_mut(&mut self, id: &JobId) -> Option<&mut Job> {
        self.job(id)?;
        self.jobs.get_mut(&id.key)
    }

    /// In the order in which they are written: a farewell before a job that takes the place of the one that has gone.
    fn records(&mut self) -> impl Iterator<Item = &mut dyn Kept> {
        let own: [&mut dyn Kept; 4] =
            [&mut self.assets, &mut self.transforms, &mut self.farewells, &mut self.jobs];
        own.into_iter().chain(self.publication.records())
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

    /// Waits until all that was changed so far is on disk, if it is to be there. False when that takes too long.
    pub async fn is_written(&self) -> bool {
        let Some(keeping) = &self.keeping else { return true };
        keeping.changes.are_written().await
    }

    /// Tells the account's subscribers something about a job.
    pub fn raise(
        &self,
        subject: String,
        event: JobEvent,
        occurrence: Option<Occurrence>,
        receipt: Option<Receipt>,
    ) {
        let event = PlatformEvent {
            topic: self.id.clone(),
            subject,
            event_type: event.event_type.name(),
            data_version: jobs::DATA_VERSION,
            data: event.data,
            occurrence,
        };
        match receipt {
            Some(receipt) => self.environment.events.raise_with_receipt(event, receipt),
            None => self.environment.events.raise(event),
        }
    }
}
