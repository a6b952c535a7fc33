//! What there is in an account: containers, blobs, snapshots, uncommitted blocks. Not how anyone gets at them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::call::Origin;
use super::content::{Content, Part};
use super::error::{self, StorageError};
use super::headers::{ContentHeaders, Metadata};
use super::path::BlobPath;
use super::stamp::Stamp;

/// A container and everything in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Container {
    pub stamp: Stamp,
    pub metadata: Metadata,
    pub public_access: Option<PublicAccess>,
    pub policies: Vec<Policy>,
    /// Kept in records of their own.
    #[serde(skip)]
    pub blobs: BTreeMap<String, Entry>,
}

impl Container {
    /// What is there under a name, committed or not.
    pub fn entry(&self, name: &str) -> Result<&Entry, StorageError> {
        self.blobs.get(name).ok_or(error::BLOB_NOT_FOUND)
    }

    /// A committed blob or one of its snapshots.
    pub fn blob(&self, name: &str, snapshot: Option<&str>) -> Result<&Arc<Blob>, StorageError> {
        let entry = self.entry(name)?;
        match snapshot {
            None => entry.blob.as_ref(),
            Some(time) => entry.snapshots.get(time),
        }
        .ok_or(error::BLOB_NOT_FOUND)
    }

    /// The same, to be replaced.
    pub fn blob_mut(&mut self, name: &str, snapshot: Option<&str>) -> Result<&mut Arc<Blob>, StorageError> {
        let entry = self.blobs.get_mut(name).ok_or(error::BLOB_NOT_FOUND)?;
        match snapshot {
            None => entry.blob.as_mut(),
            Some(time) => entry.snapshots.get_mut(time),
        }
        .ok_or(error::BLOB_NOT_FOUND)
    }
}

/// How much of a container anyone may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PublicAccess {
    /// Its blobs, by name.
    Blob,
    /// Its blobs and the list of them.
    Container,
}

impl PublicAccess {
    pub fn read(text: &str) -> Result<Self, StorageError> {
        match text {
            "blob" => Ok(Self::Blob),
            "container" => Ok(Self::Container),
            _ => Err(error::invalid_header("x-ms-blob-public-access")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Container => "container",
        }
    }
}

/// A stored access policy: what a SAS that names it may leave out. Texts as they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    pub id: String,
    pub start: Option<String>,
    pub expiry: Option<String>,
    pub permission: Option<String>,
}

/// Everything under one name.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    pub blob: Option<Arc<Blob>>,
    /// By the time each was taken, oldest first.
    pub snapshots: BTreeMap<String, Arc<Blob>>,
    /// By block id, in the order Get Block List has them.
    pub uncommitted: BTreeMap<String, Part>,
}

/// A committed block blob, or a snapshot of one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Blob {
    /// Its state: ETag and last-modified time.
    pub stamp: Stamp,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// Kept beside the record, as the names of files.
    #[serde(skip)]
    pub content: Content,
    /// The ids of committed blocks, one for each part of the content; none when it came in one piece.
    pub block_ids: Vec<String>,
    pub headers: ContentHeaders,
    pub metadata: Metadata,
    /// The tier somebody chose, if somebody did.
    pub tier: Option<ChosenTier>,
    pub rehydrating: Option<Rehydrating>,
    /// The copy that made this blob, or is making it.
    pub copy: Option<BlobCopy>,
}

impl Blob {
    /// The tier it is in: the account's default unless somebody chose.
    pub fn tier(&self) -> Tier {
        self.tier.as_ref().map_or(Tier::Hot, |chosen| chosen.tier)
    }

    /// The copy that is under way onto this blob.
    pub fn pending_copy(&self) -> Option<&BlobCopy> {
        self.copy.as_ref().filter(|copy| copy.state == CopyState::Pending)
    }

    /// Refuses while a copy onto this blob is under way.
    pub fn verify_no_pending_copy(&self) -> Result<(), StorageError> {
        if self.pending_copy().is_some() { Err(error::PENDING_COPY) } else { Ok(()) }
    }

    /// Refuses while the content is offline.
    pub fn verify_online(&self) -> Result<(), StorageError> {
        match (&self.rehydrating, self.tier()) {
            (Some(_), _) => Err(error::BLOB_BEING_REHYDRATED),
            (None, Tier::Archive) => Err(error::BLOB_ARCHIVED),
            (None, _) => Ok(()),
        }
    }
}

/// An access tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tier {
    Hot,
    Cool,
    Cold,
    Archive,
}

impl Tier {
    pub fn read(text: &str) -> Result<Self, StorageError> {
        let tiers = [Self::Hot, Self::Cool, Self::Cold, Self::Archive];
        let found = tiers.into_iter().find(|tier| tier.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| error::invalid_header("x-ms-access-tier"))
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hot => "Hot",
            Self::Cool => "Cool",
            Self::Cold => "Cold",
            Self::Archive => "Archive",
        }
    }
}

/// A tier somebody chose, and when it took effect.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ChosenTier {
    pub tier: Tier,
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}

/// How urgently a blob is to leave the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Priority {
    Standard,
    High,
}

impl Priority {
    /// Standard, unless the header says otherwise.
    pub fn read(text: Option<&str>) -> Result<Self, StorageError> {
        match text {
            None => Ok(Self::Standard),
            Some(text) if text.eq_ignore_ascii_case("standard") => Ok(Self::Standard),
            Some(text) if text.eq_ignore_ascii_case("high") => Ok(Self::High),
            Some(_) => Err(error::invalid_header("x-ms-rehydrate-priority")),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::High => "High",
        }
    }
}

/// A blob on its way out of the archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rehydrating {
    pub to: Tier,
    pub priority: Priority,
    #[serde(with = "time::serde::rfc3339")]
    pub due: OffsetDateTime,
    pub origin: Origin,
}

impl Rehydrating {
    /// As in `x-ms-archive-status`.
    pub fn archive_status(&self) -> String {
        format!("rehydrate-pending-to-{}", self.to.as_str().to_lowercase())
    }
}

/// A Copy Blob whose destination this blob is or was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlobCopy {
    pub id: String,
    pub source: CopySource,
    /// The source's URL without its SAS.
    pub source_url: String,
    pub bytes: u64,
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// When it ends; nothing while it is held back.
    #[serde(with = "time::serde::rfc3339::option")]
    pub due: Option<OffsetDateTime>,
    /// What it is going to fail of, if it is.
    pub doom: Option<String>,
    pub state: CopyState,
    pub description: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended: Option<OffsetDateTime>,
    pub origin: Origin,
}

impl BlobCopy {
    /// As in `x-ms-copy-progress`.
    pub fn progress(&self, now: OffsetDateTime) -> String {
        let done = match self.state {
            CopyState::Success => self.bytes,
            CopyState::Pending => self.bytes_by(now),
            CopyState::Failed | CopyState::Aborted => 0,
        };
        format!("{done}/{}", self.bytes)
    }

    fn bytes_by(&self, now: OffsetDateTime) -> u64 {
        let Some(due) = self.due else { return 0 };
        let total_ms = (due - self.started).whole_milliseconds().max(1);
        let passed_ms = (now - self.started).whole_milliseconds().clamp(0, total_ms);
        u64::try_from(i128::from(self.bytes) * passed_ms / total_ms).unwrap_or(self.bytes)
    }
}

/// What is copied.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CopySource {
    pub blob: BlobPath,
    pub snapshot: Option<String>,
    /// The state it must still be in when the copy ends.
    pub stamp: Stamp,
    /// When the SAS it is read with expires.
    #[serde(with = "time::serde::rfc3339::option")]
    pub readable_until: Option<OffsetDateTime>,
}

/// As in `x-ms-copy-status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyState {
    Pending,
    Success,
    Aborted,
    Failed,
}

impl CopyState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
        }
    }
}
