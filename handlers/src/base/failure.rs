//! What the requestor reads when an operation failed. Not where it went wrong in the code: that is the log's.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::handler::Operation;
use super::log_events;
use crate::operation_id::OperationId;
use crate::participants::ParticipantError;
use crate::resource_uri::fit_for_strangers;

/// `details` has at most this many entries: a longer chain says nothing more to a stranger.
const DETAILS_MAX: usize = 16;

/// Longer sentences are cut: with the largest context a failure must still fit into an event.
const MESSAGE_CHARACTERS_MAX: usize = 2_000;
/// What is added where the outcome was never learnt.
const IN_DOUBT: &str = "; it is not known whether what was asked was done all the same";

/// A stable number and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// Six digits.
    pub id: u32,
    /// The original's constant, or a new one in its style.
    pub name: &'static str,
}

/// An operation that failed, in words for the requestor.
#[derive(Clone)]
pub struct Failure {
    /// The stable number.
    pub log_event: LogEvent,
    /// A sentence fit for a stranger.
    pub message: String,
    /// Whether the outside system reported it, rather than we found it: the original formed two kinds of subject.
    pub is_reported: bool,
    /// Whether the same may succeed later, so that nothing is to be said yet: the event comes again.
    pub is_passing: bool,
    /// Whether a part of the handler panicked.
    pub has_panicked: bool,
    /// The operation that failed, where that is known although its context is not.
    pub operation: Option<OperationId>,
    /// The encode job that failed, if it was one.
    pub job: Option<String>,
    pub(super) source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure that we found.
    pub fn new(log_event: LogEvent, message: impl Into<String>) -> Self {
        let message = fit_for_strangers(&message.into(), MESSAGE_CHARACTERS_MAX);
        Self {
            log_event,
            message,
            is_reported: false,
            is_passing: false,
            has_panicked: false,
            operation: None,
            job: None,
            source: None,
        }
    }

    /// A failure that the outside system reported.
    pub fn reported(log_event: LogEvent, message: impl Into<String>) -> Self {
        Self { is_reported: true, ..Self::new(log_event, message) }
    }

    /// A part of a handler panicked. What it panicked with may hold data, and is not repeated.
    pub(super) fn panicked() -> Self {
        let failure = Self::new(log_events::UNHANDLED_FAILURE, "the handler stopped unexpectedly");
        Self { has_panicked: true, ..failure }
    }

    /// Not a failure: what became of the request will be known when the event comes again.
    pub fn not_yet(log_event: LogEvent, message: impl Into<String>) -> Self {
        Self { is_passing: true, ..Self::new(log_event, message) }
    }

    /// Turns a participant's answer into a failure with a number. One that is passing is looked into when the event comes
    /// again: the participant may have done what was asked before its answer was lost.
    pub fn of(log_event: LogEvent) -> impl FnOnce(ParticipantError) -> Self {
        move |error| {
            let is_passing = error.is_passing();
            Self { is_passing, ..Self::new(log_event, error.to_string()) }.caused_by_source_of(error)
        }
    }

    /// Decides whether the event comes again, for a handler that knows better than the participant.
    pub(crate) fn for_another_try(self, is_passing: bool) -> Self {
        Self { is_passing, ..self }
    }

    /// Says that it is not known whether what was asked was done all the same.
    pub(crate) fn in_doubt(self) -> Self {
        let message = fit_for_strangers(&self.message, MESSAGE_CHARACTERS_MAX - IN_DOUBT.len());
        Self { message: message + IN_DOUBT, ..self }
    }

    /// Names the encode job that failed.
    #[must_use]
    pub fn of_job(self, name: impl Into<String>) -> Self {
        Self { job: Some(name.into()), ..self }
    }

    /// Adds what caused it, for `details`.
    #[must_use]
    pub fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// The participant's own sentence is the message already; `details` starts with what the provider said.
    fn caused_by_source_of(self, error: ParticipantError) -> Self {
        let provider = match error {
            ParticipantError::NotFound(_, provider)
            | ParticipantError::Conflict(_, provider)
            | ParticipantError::Throttled(_, provider)
            | ParticipantError::Unavailable(_, provider)
            | ParticipantError::Rejected(_, provider) => provider,
        };
        match provider {
            Some(provider) => self.caused_by(provider),
            None => self,
        }
    }

    /// Whether a provider said so, and not we ourselves.
    pub(crate) fn is_from_outside(&self) -> bool {
        self.source.is_some()
    }

    /// The sentence, and what caused it.
    pub(crate) fn in_words(&self) -> String {
        let causes = self.details().into_iter().map(|detail| detail.message);
        std::iter::once(self.message.clone()).chain(causes).collect::<Vec<_>>().join(": ")
    }

    fn details(&self) -> Vec<Detail> {
        let first = self.source.as_deref().map(|source| source as &(dyn Error + 'static));
        let chain = std::iter::successors(first, |error: &&(dyn Error + 'static)| (*error).source());
        let messages = chain
            .take(DETAILS_MAX)
            .map(|error| fit_for_strangers(&error.to_string(), MESSAGE_CHARACTERS_MAX));
        let further = messages.filter(|message| *message != self.message);
        further.map(|message| Detail { data: Map::new(), message }).collect()
    }

    /// The `data` of `response.failure`, without the operation context.
    pub(super) fn payload(
        &self,
        handler: HandlerName,
        request: RequestName<'_>,
        operation: &Operation,
    ) -> FailureData {
        FailureData {
            log_event_id: self.log_event.id,
            log_event_message: self.message.clone(),
            log_record_id: operation.id.to_string(),
            log_record_url: operation.record_url.clone(),
            event_handler_class_name: handler.class.to_owned(),
            handler_id: handler.id.to_owned(),
            event_type: request.event_type.to_owned(),
            event_id: request.event_id.to_owned(),
            workflow_job_name: self.job.clone(),
            details: self.details(),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.log_event.id, self.log_event.name, self.message)
    }
}

/// How a handler is known to callers of the original.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandlerName {
    pub(super) id: &'static str,
    pub(super) class: &'static str,
}

/// Which event is spoken of.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestName<'a> {
    pub(super) event_id: &'a str,
    pub(super) event_type: &'a str,
}

/// `data` of `response.failure`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.failure")]
pub(super) struct FailureData {
    /// The stable six-digit number.
    log_event_id: u32,
    /// What went wrong, for people.
    log_event_message: String,
    /// The operation's id, under which the log knows it.
    log_record_id: String,
    /// Where the log can be read, when the deployment knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    log_record_url: Option<String>,
    /// The original's name of the handler.
    event_handler_class_name: String,
    /// The original's id of the handler, in its letter case.
    handler_id: String,
    /// The event type of the request (or platform event) that failed.
    event_type: String,
    /// The id of the request (or platform event) that failed.
    event_id: String,
    /// The name of the encode job that failed, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_job_name: Option<String>,
    /// What caused it, outermost first.
    details: Vec<Detail>,
}

/// One cause.
#[derive(Debug, Serialize, JsonSchema)]
struct Detail {
    /// Further particulars.
    data: Map<String, Value>,
    /// In words.
    message: String,
}

/// An example for the published contract.
pub(super) fn example() -> Value {
    json!({
        "logEventId": 611_014,
        "logEventMessage": "the copy could not be started",
        "logRecordId": "28f4bfd4-eb1e-5e5f-9df4-d8e7c6eb9da9",
        "eventHandlerClassName": "BlobCopyHandler",
        "handlerId": "C5BC453D-58CF-4F16-A2FF-16647F6CBF81",
        "eventType": "request.blob.copy",
        "eventId": "req-7741",
        "details": [{"data": {}, "message": "ServerBusy: the server is busy"}],
        "operationContext": {"sagaId": "s-4711", "step": 3},
    })
}
