//! What other systems can do for us, said as traits. How they do it, and where they are, is not known here.

use std::sync::Arc;

use crate::base::{Failure, log_events};

pub use encoder::{ClipTimes, EncodeError, EncodeJob, Encoder, JobSnapshot, JobTicket, SubmitStep};
pub use storage::{
    BlobAddress, BlobProperties, ContainerAddress, CopyRequest, CopyState, Existence, RehydratePriority,
    Storage, Tier, TierChange,
};

mod encoder;
mod storage;

/// Everything a step may reach for. What is not configured is absent, not broken.
#[derive(Clone, Default)]
pub struct Participants {
    /// Blob storage.
    pub storage: Option<Arc<dyn Storage>>,
    /// The encoder that speaks the Media Services dialect.
    pub encoder: Option<Arc<dyn Encoder>>,
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

impl Participants {
    /// Blob storage, or the failure that says it is not configured.
    ///
    /// # Errors
    /// When it is absent.
    pub fn storage(&self) -> Result<&dyn Storage, Failure> {
        self.storage.as_deref().ok_or_else(|| not_configured("storage accounts", "storage"))
    }

    /// The encoder, or the failure that says it is not configured.
    ///
    /// # Errors
    /// When it is absent.
    pub fn encoder(&self) -> Result<&dyn Encoder, Failure> {
        self.encoder.as_deref().ok_or_else(|| not_configured("media services", "media"))
    }
}

fn not_configured(what: &str, section: &str) -> Failure {
    let message = format!("no {what} are configured: the section [{section}] is empty");
    Failure::new(log_events::PARTICIPANT_NOT_CONFIGURED, message)
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

/// What the provider itself said, fit for a stranger: its code and sentence, no address and no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ProviderError {
    /// The provider's own word, for example `BlobNotFound`.
    pub code: String,
    /// The provider's own sentence, redacted.
    pub message: String,
}
