//! What blob storage can do for us. Not how a blob is addressed on the wire: only that it can be.

use std::collections::BTreeMap;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use super::ParticipantError;
use crate::operation_context::{Carried, ContextReference};
use crate::operation_id::OperationId;

/// A container in an account we may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerAddress {
    /// The account's name.
    pub account: String,
    /// The container's name.
    pub container: String,
}

/// A blob in an account we may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobAddress {
    /// Where it is.
    pub container: ContainerAddress,
    /// Its name, decoded.
    pub name: String,
}

/// What storage knows of a blob.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlobProperties {
    /// Changes with every write.
    pub etag: String,
    /// Length in bytes.
    pub bytes: u64,
    /// The caller's metadata, names as spelled.
    pub metadata: BTreeMap<String, String>,
    /// The state of the last copy onto this blob, if it was ever a copy.
    pub copy: Option<CopyState>,
}

/// How far a copy onto a blob has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyState {
    /// Under way.
    Pending,
    /// All there.
    Success,
    /// Stopped by somebody.
    Aborted,
    /// Given up, with storage's reason.
    Failed(String),
}

/// Whether something had to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existence {
    /// It was made now.
    Created,
    /// It was there.
    Existed,
}

/// An asynchronous copy to start.
#[derive(Clone, Copy, Debug)]
pub struct CopyRequest<'a> {
    /// What to copy.
    pub source: &'a BlobAddress,
    /// The version of the source that was looked at; another one is not copied.
    pub source_etag: &'a str,
    /// Where to; what is there is replaced.
    pub destination: &'a BlobAddress,
    /// Kept before the copy is started, so that what was started since is known to be this copy.
    pub note: &'a ContextReference,
    /// Whether the note was there: then the copy may have been started before.
    pub is_repeated: bool,
    /// Comes back with the event that says the copy is there.
    pub carried: &'a Carried,
}

/// An access tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Online, dear to keep and cheap to read.
    Hot,
    /// Online, cheaper to keep.
    Cool,
    /// Online, cheaper still.
    Cold,
    /// Offline: reading needs hours of rehydration.
    Archive,
}

impl Tier {
    /// Reads a tier's name in any case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Hot, Self::Cool, Self::Cold, Self::Archive]
            .into_iter()
            .find(|t| t.as_str().eq_ignore_ascii_case(name))
    }

    /// The name as storage spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hot => "Hot",
            Self::Cool => "Cool",
            Self::Cold => "Cold",
            Self::Archive => "Archive",
        }
    }
}

/// How urgently an archived blob is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RehydratePriority {
    /// Within 15 hours.
    Standard,
    /// Within an hour for objects under 10 GB.
    High,
}

/// A tier to set.
#[derive(Clone, Copy, Debug)]
pub struct TierChange<'a> {
    /// On which blob.
    pub blob: &'a BlobAddress,
    /// Which tier.
    pub tier: Tier,
    /// Matters only when the blob is archived.
    pub priority: RehydratePriority,
    /// Comes back with the event that says the tier has changed.
    pub carried: &'a Carried,
}

/// Blob storage.
#[async_trait]
pub trait Storage: Send + Sync {
    /// Room for a context in the field that comes back with blob events, in bytes of ASCII.
    fn context_bytes_max(&self) -> usize;

    /// The blob a URI names, if it lies in an account we may touch.
    fn locate(&self, uri: &str) -> Result<BlobAddress, ParticipantError>;

    /// The container a URI names (what follows the container is ignored), if it lies in an account we may touch.
    fn locate_container(&self, uri: &str) -> Result<ContainerAddress, ParticipantError>;

    /// The URI of a blob, percent-encoded.
    fn uri(&self, blob: &BlobAddress) -> String;

    /// Makes a private container and marks it as made for an operation. One that bears this operation's mark was made now,
    /// as far as that operation can tell.
    async fn create_container(
        &self,
        container: &ContainerAddress,
        operation: OperationId,
    ) -> Result<Existence, ParticipantError>;

    /// What is known of a blob.
    async fn properties(&self, blob: &BlobAddress) -> Result<BlobProperties, ParticipantError>;

    /// The bytes of a blob in a range that lies within it, of the version with that etag; another is in the way. At most a
    /// few megabytes are asked for at a time.
    async fn read_range(
        &self,
        blob: &BlobAddress,
        range: Range<u64>,
        etag: &str,
    ) -> Result<Bytes, ParticipantError>;

    /// What is known of a blob once no copy onto it is under way any more. One that takes long is `Unavailable` meanwhile.
    async fn settled_properties(&self, blob: &BlobAddress) -> Result<BlobProperties, ParticipantError>;

    /// Starts a copy that goes on by itself, or finds that the same has been started since it was noted.
    async fn start_copy(&self, copy: CopyRequest<'_>) -> Result<(), ParticipantError>;

    /// Sets a tier, at once or by a rehydration that goes on by itself.
    async fn set_tier(&self, change: TierChange<'_>) -> Result<(), ParticipantError>;

    /// The names of all blobs of a container, in order.
    async fn list(&self, container: &ContainerAddress) -> Result<Vec<String>, ParticipantError>;

    /// Keeps a context, which is also a note that its operation has begun. Keeping it again changes nothing.
    async fn keep_context(
        &self,
        reference: &ContextReference,
        context: &str,
    ) -> Result<Existence, ParticipantError>;

    /// A context that was kept.
    async fn kept_context(&self, reference: &ContextReference) -> Result<String, ParticipantError>;
}
