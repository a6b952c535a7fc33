//! What keeps events that failed through no fault of their requestor, so that they can be replayed. Not where, nor how they
//! are written.

use async_trait::async_trait;
use uuid::Uuid;

use super::ParticipantError;
use crate::event::Event;

/// An event to keep.
#[derive(Clone, Copy, Debug)]
pub struct DeadLetter<'a> {
    /// The event as it came.
    pub event: &'a Event,
    /// Names the letter: the same for the same event, however often it is kept.
    pub name: Uuid,
    /// Why it is kept.
    pub reason: DeadLetterReason,
    /// The name of the failure that its requestor was told.
    pub outcome: &'static str,
}

/// Why we keep an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadLetterReason {
    /// Its handler panicked.
    HandlerPanicked,
    /// Somebody was out of reach for longer than the requestor was to wait.
    ParticipantUnavailable,
}

impl DeadLetterReason {
    /// As it is written. Event Grid, which also writes dead letters, has other words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HandlerPanicked => "HandlerPanicked",
            Self::ParticipantUnavailable => "ParticipantUnavailable",
        }
    }

    /// Reads what [`DeadLetterReason::as_str`] wrote; nothing when it is somebody else's word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::HandlerPanicked, Self::ParticipantUnavailable].into_iter().find(|it| it.as_str() == text)
    }
}

/// A place for dead letters.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Keeps an event, in the place of an earlier letter of the same name, with the story of this attempt. Waiting is bounded by seconds: an answer is held up by it.
    async fn keep(&self, letter: DeadLetter<'_>) -> Result<(), ParticipantError>;

    /// Takes an event off again, if it is there. Waiting is bounded in the same way.
    async fn discard(&self, letter: DeadLetter<'_>) -> Result<(), ParticipantError>;
}
