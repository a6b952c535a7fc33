//! What blob storage can do for us. Not how a blob is addressed on the wire: only that it can be.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ParticipantError, Pending, PendingCopy, PendingPage};
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

/// A blob as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedBlob {
    /// Its name, decoded.
    pub name: String,
    /// When it was last written, in seconds since 1970.
    pub last_modified: i64,
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
    /// When it was last written, in seconds since 1970.
    pub last_modified: i64,
    /// The checksum that was given with its content, as Base64; many blobs have none.
    pub content_md5: Option<String>,
    /// The state of the last copy onto this blob, if it was ever a copy.
    pub copy: Option<CopyState>,
    /// Names that copy.
    pub copy_id: Option<String>,
    /// What was copied, if it lies in an account we may touch.
    pub copied_from: Option<BlobAddress>,
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

/// A copy that has ended, and of which nobody has heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedCopy {
    /// How it ended.
    pub end: CopyEnd,
    /// Storage's reason, where it gave one.
    pub reason: String,
}

/// How a copy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum CopyEnd {
    /// All is there.
    Succeeded,
    /// Storage gave it up.
    Failed,
    /// Somebody stopped it.
    Aborted,
    /// Somebody wrote something else to the destination meanwhile.
    Replaced,
    /// Somebody deleted the destination meanwhile.
    Deleted,
}

/// Whether something had to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existence {
    /// It was made now.
    Created,
    /// It was there.
    Existed,
}

/// What came of keeping a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is there from now on.
    Now,
    /// It was there.
    Before(Before),
}

/// A note that was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// What it said.
    pub about: String,
    /// How long ago it was written, in seconds.
    pub seconds_ago: u64,
}

/// What is remembered of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// What the request was answered.
    Answer,
    /// How work that went on by itself ended.
    End,
}

/// Who may read a container without any right of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicAccess {
    /// Nobody.
    None,
    /// Anybody who knows the name of a blob, that blob.
    Blob,
    /// Anybody, all blobs and their names.
    BlobContainer,
}

/// A URL that lets its holder read a blob: as good as a password while it lasts, so it cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedUrl(String);

impl SignedUrl {
    /// Takes a URL out of sight.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL, for the one who asked for it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedUrl")
    }
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

/// What makes work seem to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Whoever does it does not know it.
    Gone,
    /// It has ended, nobody knows when.
    Ended,
}

/// Blob storage.
#[async_trait]
pub trait Storage: Send + Sync {
    /// Room for a context in the field that comes back with blob events, in bytes of ASCII.
    fn context_bytes_max(&self) -> usize;

    /// The blob a URI names, if it lies in an account we may touch.
    fn locate(&self, uri: &str) -> Result<BlobAddress, ParticipantError>;

    /// The container a URI names, if it lies in an account we may touch.
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

    /// Replaces all metadata of a blob; names keep their spelling. Metadata that storage cannot keep as it is given is
    /// `Rejected`, naming the member: names are C# identifiers of ASCII, values visible ASCII, all together at most 8 KiB.
    async fn set_metadata(
        &self,
        blob: &BlobAddress,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), ParticipantError>;

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

    /// Stops the copy of that id onto a blob, which is left empty.
    async fn abort_copy(&self, destination: &BlobAddress, copy_id: &str) -> Result<(), ParticipantError>;

    /// How an operation's copy has ended, if it has. Of one that succeeded, only when that was minutes ago: storage reports it
    /// itself.
    async fn copy_end(
        &self,
        account: &str,
        operation: OperationId,
        copy: &PendingCopy,
    ) -> Result<Option<EndedCopy>, ParticipantError>;

    /// The accounts we may touch.
    fn accounts(&self) -> Vec<String>;

    /// A part of what is written down in an account as pending: the first, or what comes `after` another.
    async fn list_pending(&self, account: &str, after: Option<&str>)
    -> Result<PendingPage, ParticipantError>;

    /// Writes down work that goes on by itself, until it is struck off. An account that does not let us is logged and no more:
    /// the work goes on all the same.
    async fn write_down(
        &self,
        account: &str,
        operation: OperationId,
        pending: &Pending,
    ) -> Result<(), ParticipantError>;

    /// What is written down of an operation as pending.
    async fn pending(
        &self,
        account: &str,
        operation: OperationId,
    ) -> Result<Option<Pending>, ParticipantError>;

    /// Strikes off what is pending of an operation, if anything: its end has been told.
    async fn strike_off(&self, account: &str, operation: OperationId) -> Result<(), ParticipantError>;

    /// For how long there has been a sign that an operation's work is over, in seconds; from the first time that is asked
    /// since it was last withdrawn.
    async fn seems_over_for(
        &self,
        account: &str,
        operation: OperationId,
        sign: Sign,
    ) -> Result<u64, ParticipantError>;

    /// Takes a sign back, if it was there: the work has been seen since.
    async fn withdraw(
        &self,
        account: &str,
        operation: OperationId,
        sign: Sign,
    ) -> Result<(), ParticipantError>;

    /// Deletes a blob with its snapshots, if it is still the version that was looked at.
    async fn delete(&self, blob: &BlobAddress, etag: &str, carried: &Carried)
    -> Result<(), ParticipantError>;

    /// A URL that lets its holder read a blob from a little before now until `seconds` from now.
    async fn read_url(&self, blob: &BlobAddress, seconds: u32) -> Result<SignedUrl, ParticipantError>;

    /// What changes with every change of a container.
    async fn container_etag(&self, container: &ContainerAddress) -> Result<String, ParticipantError>;

    /// Deletes a container and all that is in it.
    async fn delete_container(&self, container: &ContainerAddress) -> Result<(), ParticipantError>;

    /// Says who may read a container. Its stored access policies stay.
    async fn set_access(
        &self,
        container: &ContainerAddress,
        access: PublicAccess,
    ) -> Result<(), ParticipantError>;

    /// Sets a tier, at once or by a rehydration that goes on by itself.
    async fn set_tier(&self, change: TierChange<'_>) -> Result<(), ParticipantError>;

    /// All blobs of a container, in order of their names.
    async fn list(&self, container: &ContainerAddress) -> Result<Vec<ListedBlob>, ParticipantError>;

    /// Keeps a context, which is also a note that its operation has begun, with a word of visible ASCII `about` it. Keeping
    /// it again changes nothing.
    async fn keep_context(
        &self,
        reference: &ContextReference,
        context: &str,
        about: &str,
    ) -> Result<Kept, ParticipantError>;

    /// Writes down what was said of an operation. What stands there first stays, and is returned.
    async fn remember(
        &self,
        account: &str,
        operation: OperationId,
        said: Said,
        text: &str,
    ) -> Result<Option<String>, ParticipantError>;

    /// What was written down.
    async fn recall(
        &self,
        account: &str,
        operation: OperationId,
        said: Said,
    ) -> Result<Option<String>, ParticipantError>;

    /// The note of an operation, if there is one.
    async fn noted(&self, reference: &ContextReference) -> Result<Option<Before>, ParticipantError>;

    /// A context that was kept.
    async fn kept_context(&self, reference: &ContextReference) -> Result<String, ParticipantError>;
}
