//! The state of all accounts and the one way to change it: under a lock, then onto disk. Not HTTP.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::blob::{Blob, BlobCopy, ChosenTier, Container, Entry, Tier};
use super::conditions::Conditions;
use super::content::{Content, Shelf};
use super::copying::NextCopy;
use super::error::{self, StorageError};
use super::folder::{Folder, Kept};
use super::headers::{ContentHeaders, Metadata};
use super::keys::Keys;
use super::path::{BlobPath, ContainerPath};
use super::settings::{AccountSettings, Keep, OpenError, Settings};
use super::stamp::Stamps;

/// How long a disk that could not take something is left alone: somebody has to make room first.
const DISK_REST: Duration = Duration::from_secs(1);

/// A storage account and what is in it.
pub struct Account {
    pub settings: AccountSettings,
    /// When this process began to have it.
    pub created: OffsetDateTime,
    pub keys: Keys,
    containers: Mutex<BTreeMap<String, Container>>,
}

impl Account {
    pub fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Container>> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All accounts. Cheap reads hand out shared blobs; content is read after the lock is gone.
pub struct Storage {
    pub settings: Settings,
    pub stamps: Arc<Stamps>,
    pub shelf: Shelf,
    pub next_copies: Mutex<HashMap<BlobPath, NextCopy>>,
    accounts: BTreeMap<String, Account>,
    folder: Option<Folder>,
    stop: CancellationToken,
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(folder) = &self.folder {
            folder.close();
        }
    }
}

impl Storage {
    /// Opens what the settings name. Reads the folder, if there is one, in blocking fashion.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        verify_base_url(&settings.base_url)?;
        for account in &settings.accounts {
            verify_account_name(&account.name)?;
        }
        let stamps = Arc::new(Stamps::new(settings.clock.clone()));
        let (shelf, mut folder, mut kept) = match &settings.keep {
            Keep::Memory => (Shelf::Memory, None, Kept::new()),
            Keep::Folder(root) => {
                let (folder, kept) = Folder::open(root, &stamps)?;
                (folder.shelf(stamps.clone()), Some(folder), kept)
            }
        };
        let created = settings.clock.now();
        let mut account = |account: &AccountSettings| {
            let containers = Mutex::new(kept.remove(&account.name).unwrap_or_default());
            let keys = Keys::of_development(&account.name, created);
            (account.name.clone(), Account { settings: account.clone(), created, keys, containers })
        };
        let accounts = settings.accounts.iter().map(&mut account).collect();
        if let Some(folder) = &mut folder {
            folder.begin(kept);
        }
        let stop = CancellationToken::new();
        Ok(Self { settings, stamps, shelf, next_copies: Mutex::default(), accounts, folder, stop })
    }

    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    pub fn account(&self, name: &str) -> Result<&Account, StorageError> {
        self.accounts.get(name).ok_or(error::RESOURCE_NOT_FOUND)
    }

    pub fn is_account(&self, name: &str) -> bool {
        self.accounts.contains_key(name)
    }

    /// Looks at a container, or changes it, while nobody else does.
    pub fn with_container<T>(
        &self,
        path: &ContainerPath,
        act: impl FnOnce(&mut Container) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut containers = self.account(&path.account)?.lock();
        act(containers.get_mut(&path.name).ok_or(error::CONTAINER_NOT_FOUND)?)
    }

    /// A committed blob or one of its snapshots, as it is now.
    pub fn blob(&self, path: &BlobPath, snapshot: Option<&str>) -> Result<Arc<Blob>, StorageError> {
        self.with_container(&path.container, |container| container.blob(&path.name, snapshot).cloned())
    }

    /// Makes or replaces a blob. `draft` sees what is there; whatever it returns is committed at once.
    pub async fn put(
        &self,
        path: &BlobPath,
        terms: &Terms,
        draft: impl FnOnce(&Entry) -> Result<Draft, StorageError>,
    ) -> Result<Arc<Blob>, StorageError> {
        // The displaced content may go only when the record that refers to it has gone.
        let (blob, displaced) = self.with_container(&path.container, |container| {
            let mut entry = container.blobs.get(&path.name).cloned().unwrap_or_default();
            terms.verify(entry.blob.as_deref())?;
            let blob = Arc::new(self.commit(draft(&entry)?, entry.blob.as_deref()));
            entry.blob = Some(blob.clone());
            entry.uncommitted.clear();
            Ok((blob, container.blobs.insert(path.name.clone(), entry)))
        })?;
        let Err(error) = self.save_blob(path).await else { return Ok(blob) };
        // What is refused has not happened; a container that has gone meanwhile has nothing to go back to.
        let _ = self.with_container(&path.container, |container| {
            let there = container.blobs.get(&path.name).and_then(|entry| entry.blob.as_ref());
            if there.is_some_and(|there| Arc::ptr_eq(there, &blob)) {
                match displaced {
                    Some(before) => container.blobs.insert(path.name.clone(), before),
                    None => container.blobs.remove(&path.name),
                };
            }
            Ok(())
        });
        Err(error)
    }

    /// Changes what a blob carries besides content, and with it its ETag.
    pub async fn change(
        &self,
        path: &BlobPath,
        conditions: &Conditions,
        change: impl FnOnce(&mut Blob),
    ) -> Result<Arc<Blob>, StorageError> {
        let (before, blob) = self.with_container(&path.container, |container| {
            let slot = container.blob_mut(&path.name, None)?;
            conditions.allow_write(Some(slot.stamp))?;
            slot.verify_no_pending_copy()?;
            slot.verify_online()?;
            let before = slot.clone();
            let blob = Arc::make_mut(slot);
            change(blob);
            blob.stamp = self.stamps.next();
            Ok((before, slot.clone()))
        })?;
        self.save_change(path, None, before, &blob).await?;
        Ok(blob)
    }

    /// Brings the record of a blob, or of its snapshot, up to a change. A disk that cannot take it leaves everything as it was
    /// `before`, unless somebody else has changed it since: what is refused has not happened.
    pub async fn save_change(
        &self,
        path: &BlobPath,
        snapshot: Option<&str>,
        before: Arc<Blob>,
        changed: &Arc<Blob>,
    ) -> Result<(), StorageError> {
        let Err(error) = self.save_blob(path).await else { return Ok(()) };
        // A container or a blob that has gone meanwhile has nothing to go back to.
        let _ = self.with_container(&path.container, |container| {
            let slot = container.blob_mut(&path.name, snapshot)?;
            if Arc::ptr_eq(slot, changed) {
                *slot = before;
            }
            Ok(())
        });
        Err(error)
    }

    fn commit(&self, draft: Draft, existing: Option<&Blob>) -> Blob {
        let stamp = self.stamps.next();
        let chosen = draft.tier.map(|tier| ChosenTier { tier, since: stamp.time() });
        Blob {
            stamp,
            created: stamp.time(),
            content: draft.content,
            block_ids: draft.block_ids,
            headers: draft.headers,
            metadata: draft.metadata,
            // "Access tiers for blob data": what is overwritten hands down its tier unless another is chosen.
            tier: chosen.or_else(|| existing.and_then(|blob| blob.tier)),
            rehydrating: None,
            copy: draft.copy,
        }
    }

    /// Brings the record of a blob up to its present state.
    pub async fn save_blob(&self, path: &BlobPath) -> Result<(), StorageError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let present = || {
            let containers = self.account(&path.container.account).ok()?.lock();
            containers.get(&path.container.name)?.blobs.get(&path.name).cloned()
        };
        folder.save_blob(path, present).await.map_err(|e| error::disk_failed(&e))
    }

    /// Brings the record of a container up to its present state.
    pub async fn save_container(&self, path: &ContainerPath) -> Result<(), StorageError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let present = || {
            let containers = self.account(&path.account).ok()?.lock();
            let Container { stamp, metadata, public_access, policies, .. } = containers.get(&path.name)?;
            let (metadata, policies) = (metadata.clone(), policies.clone());
            Some(Container {
                stamp: *stamp,
                metadata,
                public_access: *public_access,
                policies,
                blobs: BTreeMap::new(),
            })
        };
        folder.save_container(path, present).await.map_err(|e| error::disk_failed(&e))
    }

    /// The time of day after a while; never so late that it could not be written.
    pub fn time_after(&self, wait: Duration) -> OffsetDateTime {
        let wait = time::Duration::try_from(wait).unwrap_or(time::Duration::MAX);
        self.settings.clock.now().saturating_add(wait)
    }

    /// Does something when its time has come, unless the service has gone by then.
    pub fn at<F: Future<Output = ()> + Send>(
        self: &Arc<Self>,
        due: OffsetDateTime,
        work: impl FnOnce(Arc<Self>) -> F + Send + 'static,
    ) {
        let wait = (due - self.settings.clock.now()).try_into().unwrap_or_default();
        let (storage, stop) = (Arc::downgrade(self), self.stop.clone());
        tokio::spawn(async move {
            if stop.run_until_cancelled_owned(tokio::time::sleep(wait)).await.is_none() {
                return;
            }
            if let Some(storage) = storage.upgrade() {
                work(storage).await;
            }
        });
    }
}

/// Ends something that has taken its time, again and again while the disk cannot take it, since nobody else would. What has
/// ended otherwise, or has gone, needs no end.
pub async fn end_despite_the_disk<F>(end: impl Fn() -> F)
where
    F: Future<Output = Result<(), StorageError>>,
{
    while end().await == Err(error::INTERNAL_ERROR) {
        tokio::time::sleep(DISK_REST).await;
    }
}

/// What a write makes of a blob.
#[derive(Default)]
pub struct Draft {
    pub content: Content,
    pub block_ids: Vec<String>,
    pub headers: ContentHeaders,
    pub metadata: Metadata,
    pub tier: Option<Tier>,
    pub copy: Option<BlobCopy>,
}

/// What must hold for a write to happen.
#[derive(Default)]
pub struct Terms {
    pub conditions: Conditions,
    /// The caller's SAS lets it make blobs, but not replace them.
    pub only_new: bool,
}

impl Terms {
    fn verify(&self, existing: Option<&Blob>) -> Result<(), StorageError> {
        self.conditions.allow_write(existing.map(|blob| blob.stamp))?;
        let Some(existing) = existing else { return Ok(()) };
        if self.only_new {
            return Err(error::PERMISSION_MISMATCH);
        }
        existing.verify_no_pending_copy()
    }
}

fn verify_base_url(url: &str) -> Result<(), OpenError> {
    let parts = url.split_once("://");
    match parts
        .is_some_and(|(scheme, host)| matches!(scheme, "http" | "https") && !host.contains(['/', '?', '#']))
    {
        true => Ok(()),
        false => Err(OpenError::BaseUrl(url.to_owned())),
    }
}

/// "Storage account overview": 3 to 24 digits and lower-case letters.
fn verify_account_name(name: &str) -> Result<(), OpenError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    match (3..=24).contains(&name.len()) && name.bytes().all(allowed) {
        true => Ok(()),
        false => Err(OpenError::AccountName(name.to_owned())),
    }
}
