//! Events that fail through no fault of their requestor: a panic is caught here, and the event is kept so that it can be
//! replayed. Who is told what is the flow's.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt as _;
use uuid::Uuid;

use super::failure::Failure;
use super::handler::Operation;
use crate::event::Event;
use crate::participants::{DeadLetter, DeadLetterReason, ParticipantError, Participants};

/// What we call the place of letters to others.
const PLACE: &str = "the dead letters";

/// Runs a part of a handler; one that panics has failed, and disturbs nobody else.
pub(super) async fn caught<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| Err(Failure::panicked()))
}

/// The same, for a part that does not wait.
pub(super) fn caught_at_once<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Failure::panicked()))
}

/// Asks a participant; one that panics is as good as one out of reach.
pub(super) async fn reached<T>(
    call: impl Future<Output = Result<T, ParticipantError>>,
    what: &str,
) -> Result<T, ParticipantError> {
    let answer = AssertUnwindSafe(call).catch_unwind().await;
    answer.unwrap_or_else(|_| Err(ParticipantError::Unavailable(what.to_owned(), None)))
}

/// What makes an event worth keeping.
#[derive(Clone, Copy, Debug)]
pub(super) struct Poison {
    reason: DeadLetterReason,
    outcome: &'static str,
}

impl Poison {
    /// Looks whether a failure that is told now is one that the requestor could not have avoided. Ordinary refusals are
    /// theirs to mend; platform events that fail for a passing reason come again.
    pub(super) fn in_failure(failure: &Failure, is_request: bool) -> Option<Self> {
        let reason = if failure.has_panicked {
            DeadLetterReason::HandlerPanicked
        } else if is_request && failure.is_passing {
            DeadLetterReason::ParticipantUnavailable
        } else {
            return None;
        };
        Some(Self { reason, outcome: failure.log_event.name })
    }

    /// Keeps the event, where there is a place for that.
    ///
    /// # Errors
    /// When it is not kept although there is a place.
    pub(super) async fn keep(
        self,
        event: &Event,
        operation: &Operation,
        participants: &Participants,
    ) -> Result<(), ParticipantError> {
        let Some(dead_letters) = participants.dead_letters.as_deref() else {
            let reason = self.reason.as_str();
            tracing::warn!(
                event.id = %event.id, operation.id = %operation.id, reason,
                "the event is not kept: the section [dead_letters] is empty"
            );
            return Ok(());
        };
        let kept = reached(dead_letters.keep(self.letter(event, operation)), PLACE).await;
        kept.inspect_err(|error| {
            tracing::error!(event.id = %event.id, operation.id = %operation.id, "the event is not kept: {error}");
        })
    }

    /// Takes the event off again, as well as that can be done.
    pub(super) async fn discard(self, event: &Event, operation: &Operation, participants: &Participants) {
        let Some(dead_letters) = participants.dead_letters.as_deref() else { return };
        if let Err(error) = reached(dead_letters.discard(self.letter(event, operation)), PLACE).await {
            tracing::warn!(
                event.id = %event.id, operation.id = %operation.id,
                "the event is kept although it succeeded: {error}"
            );
        }
    }

    fn letter<'a>(&self, event: &'a Event, operation: &Operation) -> DeadLetter<'a> {
        DeadLetter { event, name: name(event, operation), reason: self.reason, outcome: self.outcome }
    }
}

/// Follows from the event, so that a redelivery makes no second letter. Platform events share their operation, and requests
/// of different data may share their id.
fn name(event: &Event, operation: &Operation) -> Uuid {
    let data = Uuid::new_v5(&Uuid::NAMESPACE_OID, &event.data);
    operation.id.answer(&format!("dead letter/{}/{}/{data}", event.event_type, event.id))
}
