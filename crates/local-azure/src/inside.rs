//! What one service may ask of another inside the local cloud. Not a wire format: outsiders use HTTP.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;
use uuid::Uuid;

/// Something a platform service has to tell its subscribers.
#[derive(Clone, Debug)]
pub struct PlatformEvent {
    /// ARM id of the resource that speaks, which is the scope of its event subscriptions.
    pub topic: String,
    /// The event's subject, as the platform forms it.
    pub subject: String,
    /// For example `Microsoft.Storage.BlobCreated`.
    pub event_type: &'static str,
    /// Blob events carry the empty string, media events `1.0`.
    pub data_version: &'static str,
    /// The event's `data`.
    pub data: serde_json::Value,
    /// Of an event that may be told again, and is the same event then. Event Grid gives one to all others.
    pub occurrence: Option<Occurrence>,
}

/// What tells an event from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// The event's `id`.
    pub id: Uuid,
    /// The event's `eventTime`.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
}

/// Where platform events go.
pub trait EventSink: Send + Sync {
    /// Takes an event for delivery. Never waits and never fails: the platform keeps what it was given.
    fn raise(&self, event: PlatformEvent);

    /// The same, and lets go of the receipt once the event is settled: delivered, dead-lettered or given up for each
    /// subscription that wanted it. Without more, an event is settled as soon as it is taken.
    fn raise_with_receipt(&self, event: PlatformEvent, receipt: Receipt) {
        self.raise(event);
        drop(receipt);
    }
}

/// Says that an event is settled, when the last clone goes.
#[derive(Clone)]
pub struct Receipt {
    _told: Arc<Told>,
}

struct Told(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Receipt {
    /// A receipt that calls this, once. Whoever lets go of it may hold locks: the call waits for none of the cloud's.
    pub fn new(told: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self { _told: Arc::new(Told(Some(Box::new(told)))) }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt")
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(told) = self.0.take() {
            told();
        }
    }
}

/// Why a blob could not be read or written from inside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobFileError {
    /// No such account, container or blob.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The blob exists but cannot be read now, for example because it is archived.
    #[error("{0} cannot be read: {1}")]
    Unreadable(String, String),
    /// The disk below said no.
    #[error("storage failed: {0}")]
    Failed(String),
}

/// A blob as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobFile {
    /// The blob's name, not encoded.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Blobs as files, for the services that read and write them from inside.
#[async_trait]
pub trait BlobFiles: Send + Sync {
    /// Whether the container exists.
    async fn has_container(&self, account: &str, container: &str) -> bool;
    /// Makes the container, or leaves the one that is there.
    async fn ensure_container(&self, account: &str, container: &str) -> Result<(), BlobFileError>;
    /// All committed blobs of a container in name order.
    async fn list(&self, account: &str, container: &str) -> Result<Vec<BlobFile>, BlobFileError>;
    /// Copies (or links) a blob's bytes to a file that does not exist yet.
    async fn read_to_file(
        &self,
        account: &str,
        container: &str,
        blob: &str,
        to: &Path,
    ) -> Result<(), BlobFileError>;
    /// A whole small blob.
    async fn read(&self, account: &str, container: &str, blob: &str) -> Result<Bytes, BlobFileError>;
    /// Makes or replaces a blob from a file, and raises its `BlobCreated`.
    async fn write_from_file(
        &self,
        account: &str,
        container: &str,
        blob: &str,
        from: &Path,
        content_type: &str,
    ) -> Result<(), BlobFileError>;
    /// Makes or replaces a small blob, and raises its `BlobCreated`.
    async fn write(
        &self,
        account: &str,
        container: &str,
        blob: &str,
        content: Bytes,
        content_type: &str,
    ) -> Result<(), BlobFileError>;
    /// Removes a blob that may or may not be there, and raises its `BlobDeleted` if it was.
    async fn remove(&self, account: &str, container: &str, blob: &str) -> Result<(), BlobFileError>;
}

/// A blob inside the cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobPlace {
    /// The storage account.
    pub account: String,
    /// The container.
    pub container: String,
    /// The blob's name, not encoded.
    pub blob: String,
}

/// What a container URL allows, in the words of `listContainerSas`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum ContainerPermission {
    /// Reads and lists.
    Read,
    /// Also writes.
    ReadWrite,
    /// Also deletes.
    ReadWriteDelete,
}

/// A storage account as those see it who manage it.
#[derive(Clone)]
pub struct StorageAccount {
    /// Its name.
    pub name: String,
    /// Its ARM id.
    pub id: String,
    /// Where its blobs are found, without a slash at the end.
    pub blob_endpoint: String,
    /// Whether it has a hierarchical namespace.
    pub hierarchical_namespace: bool,
    /// When it was made.
    pub created: OffsetDateTime,
    /// Its keys, `key1` and `key2`.
    pub keys: [AccountKey; 2],
}

/// One key of a storage account.
#[derive(Clone)]
pub struct AccountKey {
    /// The key, in Base64.
    pub value: String,
    /// When it was made; no two of a name are made at the same time.
    pub created: OffsetDateTime,
}

/// Which key of a storage account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyName {
    /// `key1`
    Key1,
    /// `key2`
    Key2,
}

/// Storage accounts and their keys, for the service that manages them.
pub trait StorageAccounts: Send + Sync {
    /// All accounts, in order of their names.
    fn accounts(&self) -> Vec<StorageAccount>;

    /// Replaces a key: from now on nothing signed with the old one is taken. Returns the account as it is then; `None`
    /// when there is no such account.
    fn regenerate_key(&self, account: &str, key: KeyName) -> Option<StorageAccount>;
}

/// URLs of blobs, which only Blob Storage can make and read.
pub trait BlobLinks: Send + Sync {
    /// URLs with a shared access signature for a container, one per key of the storage account.
    fn container_urls(
        &self,
        account: &str,
        container: &str,
        permission: ContainerPermission,
        expires: OffsetDateTime,
    ) -> Vec<String>;

    /// The blob that a URL names and lets its bearer read; `None` for other places and for wrong signatures.
    fn readable_blob(&self, url: &Url) -> Option<BlobPlace>;
}
