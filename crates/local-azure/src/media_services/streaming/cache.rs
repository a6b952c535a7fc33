//! Packages that are kept: each is made once, by one task, however many ask for it; what was asked for least recently goes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore, watch};

use super::error::StreamError;
use super::packager::{self, Package};
use super::source::Source;
use crate::media_services::account::Account;

/// Packagings at the same time; the others wait.
const PACKAGINGS_MAX: usize = 2;
/// Requests that wait for a package at the same time; more are told to come again.
const WAITING_MAX: usize = 64;
/// How long a request waits; packaging goes on without it.
const WAIT_MAX: Duration = Duration::from_secs(30);

type Outcome = Option<Result<Arc<Package>, StreamError>>;

/// All packages. Cloning shares them.
#[derive(Clone)]
pub(super) struct PackageCache(Arc<Inner>);

struct Inner {
    entries: Mutex<Entries>,
    cleared: OnceCell<()>,
    packaging: Semaphore,
    waiting: Semaphore,
}

#[derive(Default)]
struct Entries {
    by_identity: HashMap<[u8; 32], Entry>,
    uses: u64,
}

struct Entry {
    outcome: watch::Receiver<Outcome>,
    last_use: u64,
}

impl Default for PackageCache {
    fn default() -> Self {
        Self(Arc::new(Inner {
            entries: Mutex::default(),
            cleared: OnceCell::new(),
            packaging: Semaphore::new(PACKAGINGS_MAX),
            waiting: Semaphore::new(WAITING_MAX),
        }))
    }
}

impl PackageCache {
    /// The package of a source, made now if it is not there.
    pub async fn package(&self, account: &Arc<Account>, source: Source) -> Result<Arc<Package>, StreamError> {
        let busy = || StreamError::unavailable("The media are being packaged; ask again in a moment.");
        let identity = source.identity;
        let mut outcome = self.outcome(account, source);
        if let Some(made) = outcome.borrow().clone() {
            return made;
        }
        let _place = self.0.waiting.try_acquire().map_err(|_| busy())?;
        let waited = tokio::time::timeout(WAIT_MAX, outcome.wait_for(Option::is_some)).await;
        match waited.map_err(|_| busy())? {
            Ok(made) => made.clone().unwrap_or_else(|| Err(busy())),
            Err(_) => {
                // Whoever made it was stopped.
                self.entries().by_identity.remove(&identity);
                Err(busy())
            }
        }
    }

    /// Has the files of earlier processes gone before the first is made.
    pub async fn ready(&self, account: &Account) -> Result<(), StreamError> {
        self.0.cleared.get_or_try_init(|| packager::clear(account)).await.copied()
    }

    fn outcome(&self, account: &Arc<Account>, source: Source) -> watch::Receiver<Outcome> {
        let mut entries = self.entries();
        entries.uses += 1;
        let last_use = entries.uses;
        if let Some(entry) = entries.by_identity.get_mut(&source.identity) {
            entry.last_use = last_use;
            return entry.outcome.clone();
        }
        let (tell, outcome) = watch::channel(None);
        entries.by_identity.insert(source.identity, Entry { outcome: outcome.clone(), last_use });
        let (cache, account) = (self.clone(), Arc::clone(account));
        let (tasks, stop) = (account.environment.tasks.clone(), account.environment.stop.clone());
        tasks.spawn(stop.run_until_cancelled_owned(async move {
            let made = cache.make(&account, &source).await;
            cache.keep(source.identity, made.is_ok());
            // Nobody may be waiting any more.
            let _ = tell.send(Some(made));
            let left = cache.shrink(source.identity, account.environment.streaming.cache_bytes_max);
            // Folders of many thousand segments go with them.
            let _ = tokio::task::spawn_blocking(move || drop(left)).await;
        }));
        outcome
    }

    async fn make(&self, account: &Account, source: &Source) -> Result<Arc<Package>, StreamError> {
        let _place =
            self.0.packaging.acquire().await.map_err(|_| StreamError::unavailable("The origin stops."))?;
        self.ready(account).await?;
        packager::make(account, source).await.map(Arc::new).inspect_err(|error| {
            tracing::warn!(account = account.name(), ?error, "an asset could not be packaged");
        })
    }

    /// What failed is tried again by whoever asks next.
    fn keep(&self, identity: [u8; 32], is_made: bool) {
        if !is_made {
            self.entries().by_identity.remove(&identity);
        }
    }

    /// Lets go of what was asked for least recently until the rest fits; the newest stays in any case.
    fn shrink(&self, newest: [u8; 32], bytes_max: u64) -> Vec<Entry> {
        let (mut entries, mut left) = (self.entries(), Vec::new());
        loop {
            let made = entries.by_identity.iter().filter_map(|(identity, entry)| {
                let bytes = entry.outcome.borrow().as_ref()?.as_ref().ok()?.bytes;
                Some((entry.last_use, *identity, bytes))
            });
            let made = made.collect::<Vec<_>>();
            let bytes = made.iter().map(|(_, _, bytes)| bytes).sum::<u64>();
            let oldest = made.iter().filter(|(_, identity, _)| *identity != newest).min();
            match oldest {
                Some((_, identity, _)) if bytes > bytes_max => {
                    left.extend(entries.by_identity.remove(identity));
                }
                _ => return left,
            }
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
