//! The one way every event is handled: parse, acknowledge, run, publish. The only caller of the publisher; knows no event
//! type but acknowledge and failure.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use super::answer::{Kind, ResponseData, Spoken, to_json};
use super::carry::begun_before;
use super::failure::{Failure, HandlerName, RequestName};
use super::handler::{Effect, EventData, Handler, Operation, Recovered, Step};
use super::log_events;
use super::memory::Memory;
use super::poison::{Poison, caught, caught_at_once};
use super::publish::{Draft, PublishError, Publisher};
use super::read::{read, unwrap_text};
use crate::event::{Event, TraceParent};
use crate::operation_context::{OperationContext, member};
use crate::operation_id::OperationId;
use crate::participants::{ParticipantError, Participants, Said};

/// What starts the event type of everything a requestor asks for.
pub(super) const REQUEST_PREFIX: &str = "request.";
/// Published before a request's work starts.
pub(super) const ACKNOWLEDGE: &str = "response.acknowledge";
/// Published when an operation failed, whatever it was.
pub(super) const FAILURE: &str = "response.failure";
/// Larger answers are not published: with the largest context and the envelope they would exceed Event Grid's 1 MB an event.
const ANSWER_BYTES_MAX: usize = 700_000;
/// So often a request comes again while it is not known what became of it. It is said to have failed with the delivery after
/// that, when Event Grid's waits have added up to 47 minutes.
const PATIENT_TRIES: u32 = 5;
/// So often it comes again while it has begun, and may have been done. It is given up with the delivery after that, when the waits
/// have added up to 10 h 47 min: one more is made before the day is over.
const BEGUN_TRIES: u32 = 8;
/// So often it comes again while it cannot be kept, or looked up, what it is answered: what is said without that, another
/// delivery may contradict. With the delivery after that the waits have added up to 4 h 47 min.
const MINDFUL_TRIES: u32 = 7;
/// The member of an operation context that may name the trace it belongs to, in the words of W3C trace context.
const TRACE: &str = "~traceparent";

/// What the flow needs of the world.
#[derive(Clone)]
pub struct World {
    /// Everyone who can do something.
    pub participants: Arc<Participants>,
    /// Where answers go.
    pub publisher: Arc<dyn Publisher>,
    /// How work is traced.
    pub spans: Arc<dyn Spans>,
}

/// How work is traced. A trace follows an operation from its request to its outcome, across processes and hours.
pub trait Spans: Send + Sync {
    /// Opens the span of one event's handling, as a part of `parent` when there is one.
    fn open(&self, event: &Event, operation: &Operation, parent: Option<&TraceParent>) -> Span;

    /// What the outside should go on with.
    fn trace_of(&self, span: &Span) -> Option<TraceParent>;

    /// Where the log of an operation can be read, when the deployment knows.
    fn record_url(&self, operation: OperationId) -> Option<String>;
}

/// Why an event must come again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsettled {
    /// Something could not be published.
    #[error(transparent)]
    Unpublished(#[from] PublishError),
    /// What became of it cannot be told truthfully now: someone who knows more is out of reach, or still at work.
    #[error("what became of it cannot be told yet: {0}")]
    Unknown(String),
}

/// Handles one event. An error means that it must come again.
pub(super) async fn run<H: Handler>(event: Event, world: World) -> Result<(), Unsettled> {
    let handler = HandlerName { id: H::ID, class: H::CLASS };
    let flow = Flow { event: &event, reported_as: H::Event::REPORTED_AS, world: &world, handler };
    let data = caught_at_once(|| flow.read::<H::Event>());
    let recovered = match &data {
        Ok(data) => match caught_at_once(|| Ok(H::recover(data, &event.subject, &world.participants))) {
            Ok(recovering) => caught(recovering).await,
            Err(failure) => Err(failure),
        },
        Err(_) => Ok(flow.recover_from_unreadable()),
    };
    let (mut operation, parent, home) = match &recovered {
        Ok(Recovered::Nobody) => return Ok(()),
        Ok(Recovered::Operation { context, operation, trace, home }) => {
            let named = || event.trace.clone().or_else(|| context.as_ref().and_then(trace_in));
            (flow.operation(context.clone(), *operation), trace.clone().or_else(named), home.clone())
        }
        Err(failure) => (flow.operation(None, failure.operation), event.trace.clone(), None),
    };
    if H::Event::CAN_BE_MUTED && operation.context.as_ref().is_some_and(OperationContext::is_muted) {
        // What is muted happens for the purposes of whoever muted it, and nobody is told.
        flow.strike_off(home.as_deref(), &operation).await;
        return Ok(());
    }
    let span = world.spans.open(&event, &operation, parent.as_ref());
    operation.trace = world.spans.trace_of(&span).or(parent);
    let data = recovered.and(data);
    flow.acknowledge_and_answer::<H>(data, home, &operation).instrument(span).await
}

/// Tells the sender of a request that nobody here takes it.
///
/// # Errors
/// When the failure could not be published.
pub async fn refuse(event: Event, world: World, message: String) -> Result<(), Unsettled> {
    let handler = HandlerName { id: "00000000-0000-0000-0000-000000000000", class: "Dispatcher" };
    let flow = Flow { event: &event, reported_as: &event.event_type, world: &world, handler };
    let Recovered::Operation { context, .. } = flow.recover_from_unreadable() else { return Ok(()) };
    let operation = flow.operation(context, None);
    let failure = flow.failure(&Failure::new(log_events::UNHANDLED_EVENT_TYPE, message), &operation);
    Ok(flow.publish(failure, &operation).await?)
}

/// The Event Grid schema has no place for a trace; a requestor that has one puts it into its context.
fn trace_in(context: &OperationContext) -> Option<TraceParent> {
    let text = context.member(TRACE)?.get();
    TraceParent::parse(text.strip_prefix('"')?.strip_suffix('"')?)
}

fn unknown(error: &ParticipantError) -> Unsettled {
    Unsettled::Unknown(error.to_string())
}

/// One event on its way through.
struct Flow<'a> {
    event: &'a Event,
    /// What the event is called in failures.
    reported_as: &'a str,
    world: &'a World,
    handler: HandlerName,
}

impl Flow<'_> {
    fn is_request(&self) -> bool {
        self.event.event_type.starts_with(REQUEST_PREFIX)
    }

    fn read<T: EventData>(&self) -> Result<T, Failure> {
        let data = std::str::from_utf8(&self.event.data).unwrap_or_default();
        // The original told nothing at all from something that does not fit.
        let is_nothing = matches!(data, "null" | "\"\"" | "\"null\"");
        let log_event = if is_nothing { log_events::DATA_ABSENT } else { log_events::UNHANDLED_FAILURE };
        read(data).map_err(|error| Failure::new(log_event, error.to_string()).caused_by(error))
    }

    /// Whatever is wrong with the rest of a request, its context is found if it is where it belongs.
    fn recover_from_unreadable(&self) -> Recovered {
        let data = std::str::from_utf8(&self.event.data).unwrap_or_default();
        let object = unwrap_text(data).unwrap_or_default();
        let context = member(&object, |name| name.eq_ignore_ascii_case("operationContext"));
        let context = context.and_then(|raw| OperationContext::from_raw(raw).ok());
        Recovered::Operation { context, operation: None, trace: None, home: None }
    }

    fn operation(&self, context: Option<OperationContext>, carried: Option<OperationId>) -> Operation {
        let Event { id, event_type, subject, tries_before, .. } = self.event;
        let id = carried.unwrap_or_else(|| {
            if self.is_request() {
                OperationId::of_request(id, event_type, context.as_ref())
            } else {
                OperationId::of_completion(&format!("{event_type}/{id}"), context.as_ref())
            }
        });
        let record_url = self.world.spans.record_url(id);
        let (subject, tries_before) = (subject.clone(), *tries_before);
        Operation { id, context, trace: None, subject, record_url, tries_before }
    }

    async fn acknowledge_and_answer<H: Handler>(
        &self,
        data: Result<H::Event, Failure>,
        home: Option<String>,
        operation: &Operation,
    ) -> Result<(), Unsettled> {
        if self.is_request() {
            self.acknowledge(operation).await?;
        }
        let with_account = |data| caught_at_once(|| Ok((H::memory(&data, &self.world.participants), data)));
        let (data, account) = match data.and_then(with_account) {
            Ok((account, data)) => (Ok(data), account),
            Err(failure) => (Err(failure), None),
        };
        let memory = home.clone().or(account).map(|account| self.memory::<H>(account, operation));
        let said_before = match &memory {
            Some(memory) => self.recall(memory, operation).await?,
            None => None,
        };
        let (draft, poison) = match said_before {
            Some(draft) => (Some(draft), None),
            None => self.answer_and_remember::<H>(data, operation, memory.as_ref()).await?,
        };
        let Some(draft) = draft else { return Ok(()) };
        let draft = self.end::<H>(draft, operation, memory.as_ref()).await?;
        if let Some(poison) = poison.filter(|_| draft.event_type != FAILURE) {
            // Somebody else was faster, and fared better: replayed, it would happen twice.
            poison.discard(self.event, operation, &self.world.participants).await;
        }
        let answer = draft.id;
        self.publish(draft, operation).await?;
        let is_outcome = || answer == operation.id.outcome();
        if let Some(memory) = memory.filter(|_| self.is_request() && H::HANDS_OVER && !is_outcome()) {
            self.tell_known_end(&memory, operation).await?;
        }
        self.strike_off(home.as_deref(), operation).await;
        Ok(())
    }

    /// Whoever was to tell the end may have kept it and died; then it is for whoever brings the request again.
    async fn tell_known_end(&self, memory: &Memory<'_>, operation: &Operation) -> Result<(), Unsettled> {
        if operation.tries_before == 0 {
            return Ok(());
        }
        match self.recall(&memory.of_end(), operation).await? {
            Some(end) => Ok(self.publish(end, operation).await?),
            None => Ok(()),
        }
    }

    /// What there is to say, once it stands, and why the event was kept.
    async fn answer_and_remember<H: Handler>(
        &self,
        data: Result<H::Event, Failure>,
        operation: &Operation,
        memory: Option<&Memory<'_>>,
    ) -> Result<(Option<Draft>, Option<Poison>), Unsettled> {
        let (draft, poison) = self.answer::<H>(data, operation, memory).await?;
        let poison = poison.filter(|_| !H::Event::IS_INTERNAL);
        // Once the failure is remembered, a redelivery recalls it and keeps nothing; and who hears of it finds the letter.
        if let Some(poison) = poison {
            self.keep(poison, operation).await?;
        }
        let draft = match (draft, memory) {
            (Some(draft), Some(memory)) => Some(self.remember(memory, draft, operation).await?),
            (draft, _) => draft,
        };
        Ok((draft, poison))
    }

    /// Keeps an event that failed through no fault of its requestor. That it can be kept is waited for, but not for ever:
    /// somebody is waiting for an answer.
    async fn keep(&self, poison: Poison, operation: &Operation) -> Result<(), Unsettled> {
        match poison.keep(self.event, operation, &self.world.participants).await {
            Err(error) if error.is_passing() && operation.tries_before <= PATIENT_TRIES => {
                Err(unknown(&error))
            }
            Err(_) | Ok(()) => Ok(()),
        }
    }

    /// The work itself may tell another end than its request; whoever speaks first is right.
    async fn end<H: Handler>(
        &self,
        draft: Draft,
        operation: &Operation,
        memory: Option<&Memory<'_>>,
    ) -> Result<Draft, Unsettled> {
        match memory {
            Some(memory) if self.is_request() && H::HANDS_OVER && draft.id == operation.id.outcome() => {
                self.remember(&memory.of_end(), draft, operation).await
            }
            _ => Ok(draft),
        }
    }

    /// What has been said before. What cannot be found out is waited for, but not for ever.
    async fn recall(&self, memory: &Memory<'_>, operation: &Operation) -> Result<Option<Draft>, Unsettled> {
        match memory.recall().await {
            Err(error) if memory.is_strict || operation.tries_before <= MINDFUL_TRIES => Err(unknown(&error)),
            Err(_) => Ok(None),
            Ok(said) => Ok(said),
        }
    }

    /// Keeps what is to be said; what is said is what stands there. That it can be kept is waited for, but not for ever.
    async fn remember(
        &self,
        memory: &Memory<'_>,
        draft: Draft,
        operation: &Operation,
    ) -> Result<Draft, Unsettled> {
        match memory.remember(draft.clone()).await {
            Err(error) if !self.is_request() || operation.tries_before <= MINDFUL_TRIES => {
                Err(unknown(&error))
            }
            Err(_) => Ok(draft),
            Ok(first) => Ok(first),
        }
    }

    /// The end has been told, or need not be: nobody needs to look after the work any more. If it cannot be struck off, the
    /// watch tells the end once more, from memory.
    async fn strike_off(&self, home: Option<&str>, operation: &Operation) {
        let (Some(account), Some(storage)) = (home, self.world.participants.storage.as_deref()) else {
            return;
        };
        if let Err(error) = storage.strike_off(account, operation.id).await {
            tracing::warn!(operation.id = %operation.id, "what has ended is still looked after: {error}");
        }
    }

    fn memory<H: Handler>(&self, account: String, operation: &Operation) -> Memory<'_> {
        Memory {
            account,
            operation: operation.id,
            said: if self.is_request() { Said::Answer } else { Said::End },
            of: Uuid::new_v5(&Uuid::NAMESPACE_OID, &self.event.data),
            is_strict: H::ONCE_AT_MOST,
            participants: &self.world.participants,
        }
    }

    /// Runs the handler, and forms what there is to say, and whether the event is to be kept.
    async fn answer<H: Handler>(
        &self,
        data: Result<H::Event, Failure>,
        operation: &Operation,
        memory: Option<&Memory<'_>>,
    ) -> Result<(Option<Draft>, Option<Poison>), Unsettled> {
        let step = Step { operation, participants: &self.world.participants };
        let answer = caught(async {
            let response = H::handle(data?, &step).await?;
            Ok(response.answer().map(|spoken| self.success(spoken, operation)))
        });
        let failure = match answer.await {
            Ok(draft) => return Ok((draft, None)),
            Err(failure) => failure,
        };
        let failure = match failure.is_passing {
            true => self.give_up::<H>(failure, &step, memory).await?,
            false => failure,
        };
        let poison = Poison::in_failure(&failure, self.is_request());
        if H::Event::IS_INTERIM {
            self.log(&failure, operation);
            return Ok((None, poison));
        }
        Ok((Some(self.failure(&failure, operation)), poison))
    }

    /// Gives up something that may succeed the next time, or may have been done by whoever did not answer; but somebody is
    /// waiting for an answer.
    async fn give_up<H: Handler>(
        &self,
        failure: Failure,
        step: &Step<'_>,
        memory: Option<&Memory<'_>>,
    ) -> Result<Failure, Unsettled> {
        let tries = step.operation.tries_before;
        // What is reported has happened, whether or not we can look: saying that it failed would be untrue.
        if !self.is_request() || tries <= PATIENT_TRIES {
            return Err(Unsettled::Unknown(failure.message));
        }
        match (H::EFFECT, memory) {
            (Effect::Nothing, _) => Ok(failure),
            (Effect::Noted, Some(memory)) if tries <= BEGUN_TRIES => {
                match caught(begun_before(step, &memory.account)).await {
                    Ok(None) => Ok(failure),
                    Err(not_found_out) if !not_found_out.is_passing => Ok(failure.in_doubt()),
                    Ok(Some(_)) | Err(_) => Err(Unsettled::Unknown(failure.message)),
                }
            }
            (Effect::Noted | Effect::Unnoted, _) => Ok(failure.in_doubt()),
        }
    }

    async fn acknowledge(&self, operation: &Operation) -> Result<(), PublishError> {
        let Event { id: event_id, event_type, subject, .. } = self.event;
        let id = operation.id.acknowledgment();
        let data = Acknowledgment { event_type, event_id, handler_id: self.handler.id };
        let (event_type, subject) = (ACKNOWLEDGE.into(), format!("{subject}/{id}"));
        self.publish(Draft { id, event_type, subject, data: to_json(&data) }, operation).await
    }

    fn success(&self, spoken: Spoken, operation: &Operation) -> Draft {
        let Spoken { event_type, kind, subject, data } = spoken;
        if data.len() > ANSWER_BYTES_MAX {
            let message = format!("the answer {event_type} is larger than a topic takes");
            return self.failure(&Failure::new(log_events::ANSWER_TOO_LARGE, message), operation);
        }
        tracing::debug!(
            operation.id = %operation.id,
            operation.context = operation.context.as_ref().map(OperationContext::as_str),
            "{event_type}",
        );
        let id = answer_id(operation, event_type, &kind);
        let subject = subject.map_or_else(|| format!("/{event_type}/{id}"), str::to_owned);
        Draft { id, event_type: event_type.into(), subject, data }
    }

    fn failure(&self, failure: &Failure, operation: &Operation) -> Draft {
        self.log(failure, operation);
        let id = answer_id(operation, FAILURE, &Kind::Outcome);
        let subject = if failure.is_reported {
            format!("/{FAILURE}/{id}")
        } else {
            format!("gridwichFailure/{}/{}", self.handler.id, failure.log_event.id)
        };
        let request = RequestName { event_id: &self.event.id, event_type: self.reported_as };
        let data = to_json(&failure.payload(self.handler, request, operation));
        Draft { id, event_type: FAILURE.into(), subject, data }
    }

    fn log(&self, failure: &Failure, operation: &Operation) {
        tracing::warn!(
            event.id = %self.event.id,
            event.r#type = %self.event.event_type,
            operation.id = %operation.id,
            operation.context = operation.context.as_ref().map(OperationContext::as_str),
            log_event.id = failure.log_event.id,
            "{}: {}", failure.log_event.name, failure.message,
        );
    }

    async fn publish(&self, draft: Draft, operation: &Operation) -> Result<(), PublishError> {
        let data = with_context(draft.data, operation.context.as_ref());
        self.world.publisher.publish(Draft { data, ..draft }).await
    }
}

fn answer_id(operation: &Operation, event_type: &str, kind: &Kind) -> Uuid {
    match kind {
        Kind::Interim => operation.id.answer(event_type),
        Kind::Progress(part) => operation.id.answer(&format!("{event_type}/{part}")),
        Kind::Outcome => operation.id.outcome(),
    }
}

/// Adds the operation context as the last member of an object.
fn with_context(mut object: Vec<u8>, context: Option<&OperationContext>) -> Vec<u8> {
    let Some(context) = context else { return object };
    object.pop();
    if object.len() > 1 {
        object.push(b',');
    }
    object.extend_from_slice(br#""operationContext":"#);
    object.extend_from_slice(context.as_str().as_bytes());
    object.push(b'}');
    object
}

/// `data` of `response.acknowledge`, without the operation context.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.acknowledge")]
pub(super) struct Acknowledgment<'a> {
    /// The event type of the request, verbatim.
    event_type: &'a str,
    /// The id of the request.
    event_id: &'a str,
    /// The handler that takes it.
    handler_id: &'a str,
}
