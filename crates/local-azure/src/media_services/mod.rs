//! The local Media Services: the Azure Media Services v3 dialect, with jobs that really encode. Holds no media itself:
//! files come from and go to Blob Storage.
//!
//! One request walks `routes` → `admission` → `assets`, `transforms`, `jobs` or `publication`; a job then walks `jobs::queue` →
//! `jobs::run` → `ffmpeg` (or `scripted`), and every change of its state becomes events on the way.

mod account;
mod admission;
mod answer;
mod assets;
mod ffmpeg;
mod iso_duration;
mod jobs;
mod keeping;
mod listing;
mod presets;
mod publication;
mod resource;
mod routes;
mod scripted;
mod settings;
mod streaming;
mod transforms;
mod unoffered;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::faults::Faults;
use crate::ids::Ids;
use account::Account;
use admission::Admission;
use streaming::Streaming;

pub use ffmpeg::Ffmpeg;
pub use jobs::{JobError, JobErrorCategory, JobErrorCode, JobErrorDetail, JobRetry};
pub use keeping::UnusableFolder;
pub use scripted::{Script, Scripted, ScriptedOutput};
pub use settings::{Encoder, RegionSettings, Settings, StreamingSettings};

/// How long [`MediaServices::shutdown`] waits for encoders to die and scratch folders to go.
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// All regions' Media Services accounts. Cloning shares them; when the last clone and router are gone, running
/// encoders are stopped.
#[derive(Clone)]
pub struct MediaServices(Arc<Inner>);

struct Inner {
    accounts: Vec<Arc<Account>>,
    admission: Admission,
    streaming: Streaming,
    faults: Faults,
    ids: Ids,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Those who write down what the others do, and so end after them.
    writers: TaskTracker,
    stop_writers: CancellationToken,
    set_aside: Vec<PathBuf>,
    _stop_on_drop: [DropGuard; 2],
}

impl MediaServices {
    /// Accounts without assets, transforms or jobs, or with those that an earlier process kept. Must be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// When the folder to keep the accounts in cannot be used. A file there that is no document is set aside.
    pub fn new(settings: Settings) -> Result<Self, UnusableFolder> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (writers, stop_writers) = (TaskTracker::new(), CancellationToken::new());
        let admission =
            Admission::new(settings.clock.clone(), settings.subscription.clone(), settings.strict_auth);
        let (faults, ids) = (settings.faults.clone(), settings.ids.clone());
        let (accounts, set_aside) = account::of_regions(settings, &tasks, &stop)?;
        for account in &accounts {
            writers.spawn(keeping::write(Arc::clone(account), stop_writers.clone()));
        }
        Ok(Self(Arc::new(Inner {
            streaming: Streaming::new(&accounts),
            _stop_on_drop: [stop.clone().drop_guard(), stop_writers.clone().drop_guard()],
            accounts,
            admission,
            faults,
            ids,
            tasks,
            stop,
            writers,
            stop_writers,
            set_aside,
        })))
    }

    /// Goes on with the jobs that an earlier process left, and raises the events that it may not have delivered. Until
    /// then those jobs wait, and so do the events of new ones: whoever is to hear of them has to be subscribed first. It
    /// is for accounts that are kept; those in memory have nothing to go on with, and raise events at once.
    pub async fn resume(&self) {
        for account in self.accounts() {
            jobs::resume(account).await;
        }
    }

    /// The documents of an earlier process that could not be read, and where they were put.
    #[must_use]
    pub fn set_aside(&self) -> &[PathBuf] {
        &self.0.set_aside
    }

    /// The service as a function from request to response, for all accounts.
    pub fn router(&self) -> Router {
        routes::router(self)
    }

    /// The streaming endpoints of all accounts as a function from request to response.
    pub fn streaming_router(&self) -> Router {
        // The service lives as long as somebody can ask it.
        streaming::router(self.0.streaming.clone()).layer(Extension(self.clone()))
    }

    /// The ARM id of an account, which is the topic of its events, for example
    /// `/subscriptions/s/resourceGroups/g/providers/Microsoft.Media/mediaservices/a`.
    #[must_use]
    pub fn account_id(&self, account: &str) -> Option<String> {
        Some(self.account(account)?.id().to_owned())
    }

    /// The development key that `POST /auth/token` takes.
    #[must_use]
    pub fn api_key(&self) -> String {
        self.0.admission.api_key()
    }

    /// Stops running encoders and waits until they are gone. Jobs keep their state, and what is kept is written.
    pub async fn shutdown(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        if tokio::time::timeout(SHUTDOWN_MAX, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("an encoder did not stop in time");
        }
        for account in self.accounts() {
            jobs::release(account);
            if !account.is_written().await {
                tracing::error!(account = account.name(), "what changed last is not written");
            }
        }
        self.0.stop_writers.cancel();
        self.0.writers.close();
        self.0.writers.wait().await;
    }

    fn accounts(&self) -> &[Arc<Account>] {
        &self.0.accounts
    }

    fn account(&self, name: &str) -> Option<&Arc<Account>> {
        self.0.accounts.iter().find(|account| account.name().eq_ignore_ascii_case(name))
    }

    fn admission(&self) -> &Admission {
        &self.0.admission
    }

    fn faults(&self) -> &Faults {
        &self.0.faults
    }

    fn ids(&self) -> &Ids {
        &self.0.ids
    }
}
