//! What other systems can do for us, said as traits. How they do it, and where they are, is not known here.

use std::sync::Arc;

pub use analyzer::{Analysis, AnalyzeError, Analyzer};
pub use encoder::{ClipTimes, EncodeError, EncodeJob, Encoder, JobSnapshot, JobTicket, SubmitStep};
pub use storage::{
    BlobAddress, BlobProperties, ContainerAddress, CopyRequest, CopyState, Existence, RehydratePriority,
    Storage, Tier, TierChange,
};

mod analyzer;
mod encoder;
mod storage;

/// Everything a step may reach for. What is not configured is absent, not broken.
#[derive(Clone, Default)]
pub struct Participants {
    /// Blob storage.
    pub storage: Option<Arc<dyn Storage>>,
    /// The encoder that speaks the Media Services dialect.
    pub encoder: Option<Arc<dyn Encoder>>,
    /// What says of a media file what is in it.
    pub analyzer: Option<Arc<dyn Analyzer>>,
    /// What the operator decided where the contract leaves a choice.
    pub policy: Policy,
}

/// What the operator decided where the contract leaves a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Which blobs are announced to the requestor.
    pub announce: Announce,
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

/// How another system said no, as far as a handler can decide by it.
#[derive(Debug, thiserror::Error)]
pub enum ParticipantError {
    /// What was asked for is not there.
    #[error("{0} does not exist")]
    NotFound(String, #[source] Option<ProviderError>),
    /// It is there already, or busy.
    #[error("{0} is in the way")]
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

impl ParticipantError {
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
