//! What other systems can do for us, said as traits. How they do it, and where they are, is not known here.

use std::collections::BTreeMap;
use std::sync::Arc;

pub use analyzer::{Analysis, AnalyzeError, Analyzer};
pub use dead_letters::{DeadLetter, DeadLetterReason, DeadLetters};
pub use encoder::{
    ClipTimes, EncodeError, EncodeJob, Encoder, Encoders, JobSnapshot, JobTicket, MEDIA_SERVICES, Pictures,
    Priority, Search, SubmitStep, Thumbnail, Work,
};
pub use key_roller::{KEY_NAMES, KeyRoller};
pub use pending::{
    JobStands, Pending, PendingCopy, PendingDeletion, PendingEntry, PendingJob, PendingPage, Report,
};
pub use publication::{LocatorRequest, Publication, PublicationError, PublicationStep, Published};
pub use secrets::Secrets;
pub use storage::{
    Before, BlobAddress, BlobProperties, ContainerAddress, CopyEnd, CopyRequest, CopyState, EndedCopy,
    Existence, Kept, ListedBlob, PublicAccess, RehydratePriority, Said, Sign, SignedUrl, Storage, Tier,
    TierChange,
};

mod analyzer;
mod dead_letters;
mod encoder;
mod key_roller;
mod pending;
mod publication;
mod secrets;
mod storage;

/// Everything a step may reach for. What is not configured is absent, not broken.
#[derive(Clone, Default)]
pub struct Participants {
    /// Blob storage.
    pub storage: Option<Arc<dyn Storage>>,
    /// The encoders.
    pub encoders: Encoders,
    /// Who publishes media for players.
    pub publication: Option<Arc<dyn Publication>>,
    /// The management of storage accounts.
    pub key_roller: Option<Arc<dyn KeyRoller>>,
    /// The vault that settings come from; absent when none does.
    pub secrets: Option<Arc<dyn Secrets>>,
    /// What says of a media file what is in it.
    pub analyzer: Option<Arc<dyn Analyzer>>,
    /// What keeps events that cannot be handled; absent when none are kept.
    pub dead_letters: Option<Arc<dyn DeadLetters>>,
    /// Who is known to hold a key of a storage account, by the account's name.
    pub key_holders: BTreeMap<String, Vec<String>>,
    /// What the operator decided where the contract leaves a choice.
    pub policy: Policy,
}

impl Participants {
    /// The storage account of the blob that a URI names, if it is one we may touch.
    #[must_use]
    pub fn account_of(&self, uri: &str) -> Option<String> {
        Some(self.storage.as_deref()?.locate(uri).ok()?.container.account)
    }
}

/// What the operator decided where the contract leaves a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Which blobs are announced to the requestor.
    pub announce: Announce,
    /// The longest life of a signed URL, in seconds; without it none are given out.
    pub sas_seconds_max: Option<u32>,
    /// What the requestor hears when an encode was canceled.
    pub canceled: CanceledAs,
    /// Whether media may be published without protection.
    pub clear_streaming: bool,
}

/// Which created and deleted blobs are announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Announce {
    /// Everybody's, as the original did.
    #[default]
    All,
    /// Only those that an operation of ours made.
    Ours,
}

/// What the requestor of an encode hears when it was canceled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CanceledAs {
    /// An answer of its own, as documented.
    #[default]
    Canceled,
    /// `response.failure`, as the original's program had it.
    Failure,
}

/// How another system said no, as far as a handler can decide by it.
#[derive(Debug, thiserror::Error)]
pub enum ParticipantError {
    /// What was asked for is not there.
    #[error("{0} does not exist")]
    NotFound(String, #[source] Option<ProviderError>),
    /// It is there already, or busy, or in a state that does not allow it.
    #[error("{0} is refused as things stand{reason}", reason = reason(.1.as_ref()))]
    Conflict(String, #[source] Option<ProviderError>),
    /// The other system asked for less.
    #[error("{0} is throttled")]
    Throttled(String, #[source] Option<ProviderError>),
    /// The other system cannot be reached or is in trouble.
    #[error("{0} is not available")]
    Unavailable(String, #[source] Option<ProviderError>),
    /// The other system, or our own rules about it, refused: repeating will not help.
    #[error("{0}")]
    Rejected(String, #[source] Option<ProviderError>),
}

/// What stands in the way is only known to the provider.
fn reason(said: Option<&ProviderError>) -> String {
    said.map(|said| format!(": {}", said.message)).unwrap_or_default()
}

impl ParticipantError {
    /// The same, with the member of the request that it is about, where our own rules refused that.
    #[must_use]
    pub fn in_member(self, member: &str) -> Self {
        match self {
            Self::Rejected(sentence, None) => Self::Rejected(format!("{member}: {sentence}"), None),
            error => error,
        }
    }

    /// The same, about something that nobody but us makes: whoever is in the way there will be gone.
    #[must_use]
    pub fn of_our_own(self) -> Self {
        match self {
            Self::Conflict(what, said) => Self::Unavailable(what, said),
            error => error,
        }
    }

    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Throttled(..) | Self::Unavailable(..))
    }
}

/// What the provider itself said, fit for a stranger: its code and sentence, no address and no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ProviderError {
    /// The provider's own word, for example `BlobNotFound`.
    pub code: String,
    /// The provider's own sentence, redacted.
    pub message: String,
}
