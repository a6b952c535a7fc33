//! Bugs planted on purpose: what a broken processor would send, or not send, made of what this one sends. Planted on its wires,
//! so that nothing of it is in the program. Each must be caught.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;

use super::ledger::Promise;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Deliveries are answered 200 before anything was published, and the work is forgotten.
    AnswersAtOnce,
    /// What the topic refuses is given up, and the delivery answered 200: the original's rule.
    IgnoresRefusals,
    /// Acknowledgments are not published.
    SwallowsAcknowledgments,
    /// Outcomes are not published.
    SwallowsOutcomes,
    /// Every publication has an id of its own.
    DrawsIds,
    /// Outcomes have ids that depend on when they are published.
    DrawsOutcomeIds,
    /// The id of a failure is another than that of a success would be, and a failure follows a success.
    FailsAfterSuccess,
    /// Acknowledgments go out after what they acknowledge.
    AcknowledgesLast,
    /// Answers have no context.
    DropsContext,
    /// Answers have the context as a JSON library would write it.
    RespellsContext,
    /// Answers have the context of the operation before.
    MixesUpContexts,
    /// What is published again says how often.
    CountsRepeats,
    /// What is published again has another subject.
    RenamesRepeats,
    /// Interim answers have ids of their own each time.
    RenumbersInterim,
    /// What was answered is not remembered.
    ForgetsAnswers,
    /// What was begun is not noted.
    ForgetsNotes,
    /// Blobs are deleted whatever has become of them.
    DeletesBlindly,
    /// Jobs are named by chance.
    NamesJobsByChance,
    /// Storage is told of another operation than the one it works for.
    MixesUpThreads,
    /// Everybody's blobs are announced.
    TalksOfStrangers,
    /// What must come again is refused for good.
    RefusesForGood,
    /// A step that was to say that it failed says nothing.
    FailsSilently,
    /// What has been done is said to have failed, from the first time on.
    FailsUntruly,
}

impl Bug {
    /// All of them, and the promises of which they break at least one.
    pub const ALL: [(Self, &'static [Promise]); 23] = [
        (Self::AnswersAtOnce, &[Promise::SettledInTime]),
        (Self::IgnoresRefusals, &[Promise::SettledInTime]),
        (Self::SwallowsAcknowledgments, &[Promise::Acknowledged, Promise::AcknowledgmentFirst]),
        (Self::SwallowsOutcomes, &[Promise::OneOutcome, Promise::SettledInTime]),
        (Self::DrawsIds, &[Promise::Acknowledged]),
        (Self::DrawsOutcomeIds, &[Promise::OneOutcome]),
        (Self::FailsAfterSuccess, &[Promise::OneOutcome]),
        (Self::AcknowledgesLast, &[Promise::AcknowledgmentFirst]),
        (Self::DropsContext, &[Promise::OnlyWhatWasAsked]),
        (Self::RespellsContext, &[Promise::ContextKept]),
        (Self::MixesUpContexts, &[Promise::OnlyWhatWasAsked, Promise::RepeatsAreEqual, Promise::OneOutcome]),
        (Self::CountsRepeats, &[Promise::RepeatsAreEqual]),
        (Self::RenamesRepeats, &[Promise::RepeatsAreEqual]),
        (Self::RenumbersInterim, &[Promise::RepeatsAreEqual]),
        (Self::ForgetsAnswers, &[Promise::NotDoneAgain]),
        (Self::ForgetsNotes, &[Promise::DoneOnce, Promise::OneOutcome, Promise::RepeatsAreEqual]),
        (Self::DeletesBlindly, &[Promise::NotDoneAgain]),
        (Self::NamesJobsByChance, &[Promise::DoneOnce]),
        (Self::MixesUpThreads, &[Promise::RightOutcome, Promise::RepeatsAreEqual, Promise::OneOutcome]),
        (Self::TalksOfStrangers, &[Promise::OnlyWhatWasAsked]),
        (Self::RefusesForGood, &[Promise::NothingLeft]),
        (Self::FailsUntruly, &[Promise::TrueFailures]),
        (Self::FailsSilently, &[Promise::SettledInTime, Promise::OneOutcome]),
    ];
}

/// What becomes of a request of the processor's.
pub enum Sent {
    /// It goes on its way, as it is now.
    On(Request<Bytes>),
    /// It goes on its way, after whatever else is published meanwhile.
    Later(Request<Bytes>),
    /// It is answered without having been sent.
    Answered(Response<Bytes>),
}

/// A processor with one bug.
pub struct Saboteur {
    pub bug: Bug,
    drawn: u64,
    context_before: Option<Value>,
    thread_before: Option<http::HeaderValue>,
    published: Vec<String>,
}

impl Saboteur {
    pub fn new(bug: Bug) -> Self {
        Self { bug, drawn: 0, context_before: None, thread_before: None, published: Vec::new() }
    }

    fn draw(&mut self) -> String {
        self.drawn += 1;
        format!("00000000-0000-4000-8000-{:012}", self.drawn)
    }

    /// What the topic gets to see.
    pub fn publication(&mut self, request: Request<Bytes>) -> Sent {
        let Ok(events) = serde_json::from_slice::<Vec<Value>>(request.body()) else {
            return Sent::On(request);
        };
        let is_acknowledgment = |event: &Value| event["eventType"] == "response.acknowledge";
        if self.bug == Bug::AcknowledgesLast && events.iter().any(is_acknowledgment) {
            return Sent::Later(request);
        }
        let (parts, body) = request.into_parts();
        let before = events.len();
        let changed = events.clone().into_iter().filter_map(|event| self.event(event)).collect::<Vec<_>>();
        // Written anew, a context has lost its escapes and the digits of its numbers.
        if changed == events && self.bug != Bug::RespellsContext {
            return Sent::On(Request::from_parts(parts, body));
        }
        if changed.is_empty() && before > 0 {
            return Sent::Answered(answer(StatusCode::OK));
        }
        let body = Bytes::from(Value::Array(changed).to_string());
        Sent::On(Request::from_parts(parts, body))
    }

    fn event(&mut self, mut event: Value) -> Option<Value> {
        let kind = event["eventType"].as_str().unwrap_or_default().to_owned();
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        let is_acknowledgment = kind == "response.acknowledge";
        let is_outcome = kind.ends_with(".success") || kind == "response.failure";
        let is_repeat = self.published.contains(&id);
        self.published.push(id);
        match self.bug {
            Bug::SwallowsAcknowledgments if is_acknowledgment => return None,
            Bug::SwallowsOutcomes if is_outcome => return None,
            Bug::FailsSilently if kind == "response.failure" => return None,
            Bug::DrawsIds => event["id"] = self.draw().into(),
            Bug::DrawsOutcomeIds if is_outcome => event["id"] = self.draw().into(),
            Bug::FailsAfterSuccess if is_outcome && is_repeat => {
                event["eventType"] = "response.failure".into();
            }
            Bug::FailsUntruly if is_outcome => event["eventType"] = "response.failure".into(),
            Bug::DropsContext => {
                event["data"].as_object_mut()?.remove("operationContext");
            }
            Bug::MixesUpContexts if is_outcome => {
                let own = event["data"]["operationContext"].clone();
                let other = self.context_before.replace(own)?;
                event["data"]["operationContext"] = other;
            }
            Bug::CountsRepeats if is_repeat => event["data"]["times"] = self.published.len().into(),
            Bug::RenamesRepeats if is_repeat => event["subject"] = self.draw().into(),
            Bug::RenumbersInterim if !is_outcome && !is_acknowledgment && !kind.ends_with("processing") => {
                event["id"] = self.draw().into();
            }
            Bug::TalksOfStrangers if is_outcome => event["data"]["operationContext"] = serde_json::json!({}),
            _ => {}
        }
        Some(event)
    }

    /// What another service gets to see.
    pub fn call(&mut self, mut request: Request<Bytes>) -> Sent {
        let path = request.uri().path().to_owned();
        let is_note = path.contains("/gridwich-contexts/");
        let is_answer = is_note && (path.contains("/answered") || path.contains("/ended"));
        match self.bug {
            Bug::ForgetsAnswers if is_answer && request.method() == Method::PUT => {
                return Sent::Answered(answer(StatusCode::CREATED));
            }
            Bug::ForgetsAnswers if is_answer => return Sent::Answered(answer(StatusCode::NOT_FOUND)),
            Bug::ForgetsNotes if is_note && !is_answer && request.method() == Method::PUT => {
                return Sent::Answered(answer(StatusCode::CREATED));
            }
            Bug::ForgetsNotes if is_note && !is_answer => {
                return Sent::Answered(answer(StatusCode::NOT_FOUND));
            }
            Bug::DeletesBlindly if is_note && request.method() == Method::PUT => {
                return Sent::Answered(answer(StatusCode::CREATED));
            }
            Bug::DeletesBlindly if is_note => return Sent::Answered(answer(StatusCode::NOT_FOUND)),
            Bug::DeletesBlindly => {
                request.headers_mut().remove("if-match");
            }
            Bug::NamesJobsByChance if request.method() == Method::PUT && path.contains("/jobs/") => {
                let uri = request.uri().to_string().replace("?", &format!("-{}?", self.draw()));
                *request.uri_mut() = uri.parse().unwrap();
            }
            Bug::MixesUpThreads => {
                let thread = request.headers_mut().get_mut("x-ms-client-request-id");
                if let Some(thread) = thread.filter(|thread| thread.as_bytes().starts_with(b"{")) {
                    let own = thread.clone();
                    *thread = self.thread_before.replace(own.clone()).unwrap_or(own);
                }
            }
            _ => {}
        }
        Sent::On(request)
    }
}

/// An answer without a body, as a service gives it.
pub fn answer(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    if status == StatusCode::CREATED {
        let headers = response.headers_mut();
        headers.insert("etag", "\"0x1\"".parse().unwrap());
        headers.insert("last-modified", "Wed, 04 Mar 2026 09:00:00 GMT".parse().unwrap());
    }
    response
}
