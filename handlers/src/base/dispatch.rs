//! Finds the handler of an event by its type and the major version of its data. Runs nothing itself.

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, schema_for};
use serde_json::{Value, json};

use super::answer::{AnswerContract, Kind, ResponseData as _};
use super::failure;
use super::flow::{self, ACKNOWLEDGE, Acknowledgment, FAILURE, REQUEST_PREFIX, Unsettled, World};
use super::handler::{EventData as _, Handler};
use crate::event::Event;

type Run = fn(Event, World) -> BoxFuture<'static, Result<(), Unsettled>>;

struct Entry {
    event_type: &'static str,
    majors: &'static [u32],
    is_internal: bool,
    run: Run,
}

impl Entry {
    fn takes(&self, data_version: &str) -> bool {
        self.majors.is_empty() || major(data_version).is_some_and(|major| self.majors.contains(&major))
    }
}

/// All handlers, by event type.
#[derive(Default)]
pub struct Dispatcher {
    entries: HashMap<&'static str, Vec<Entry>>,
    contract: Vec<HandlerContract>,
}

/// Where an event goes.
pub enum Route {
    /// To a handler.
    Handler(Handling),
    /// A request that no handler here takes; the sentence says so and names the nearest that one does.
    UnknownRequest(String),
    /// Nobody's business here: another's response, our own coming back, a platform event without a handler.
    Nobody,
}

/// A handler's way of handling an event, still to be started.
pub struct Handling {
    event_type: &'static str,
    run: Run,
}

impl Handling {
    /// The event type as it was registered.
    #[must_use]
    pub fn event_type(&self) -> &'static str {
        self.event_type
    }

    /// Handles the event.
    #[must_use]
    pub fn start(self, event: Event, world: World) -> BoxFuture<'static, Result<(), Unsettled>> {
        (self.run)(event, world)
    }
}

impl Dispatcher {
    /// Registers a handler and its part of the contract.
    ///
    /// # Panics
    /// When two handlers take the same event type and major version: a mistake of the register's author.
    pub fn on<H: Handler>(&mut self) -> &mut Self {
        let event_type = H::Event::EVENT_TYPE;
        let entry = Entry {
            event_type,
            majors: H::Event::MAJOR_VERSIONS,
            is_internal: H::Event::IS_INTERNAL,
            run: |event, world| Box::pin(flow::run::<H>(event, world)),
        };
        let entries = self.entries.entry(event_type).or_default();
        let is_taken = entries.iter().any(|other| {
            other.majors.is_empty()
                || entry.majors.is_empty()
                || other.majors.iter().any(|m| entry.majors.contains(m))
        });
        assert!(!is_taken, "two handlers for one version of {event_type}");
        entries.push(entry);
        if !H::Event::IS_INTERNAL {
            self.contract.push(HandlerContract::of::<H>());
        }
        self
    }

    /// Finds where an event goes that a courier has delivered.
    #[must_use]
    pub fn route(&self, event: &Event) -> Route {
        let entries = self.entries.get(event.event_type.as_str());
        let takes = |entry: &&Entry| !entry.is_internal && entry.takes(&event.data_version);
        if let Some(entry) = entries.and_then(|entries| entries.iter().find(takes)) {
            return Route::Handler(Handling { event_type: entry.event_type, run: entry.run });
        }
        if !event.event_type.starts_with(REQUEST_PREFIX) {
            return Route::Nobody;
        }
        Route::UnknownRequest(match entries {
            Some(_) => {
                format!(
                    "no handler takes dataVersion {:?} of {}",
                    clipped(&event.data_version),
                    event.event_type
                )
            }
            None => format!(
                "no handler takes {:?}; the nearest is {}",
                clipped(&event.event_type),
                self.nearest(&event.event_type)
            ),
        })
    }

    /// Finds the handler of an event that our own program has raised: one of its own, or what a platform should have reported.
    #[must_use]
    pub fn route_raised(&self, event: &Event) -> Option<Handling> {
        let entry = self.entries.get(event.event_type.as_str())?.first()?;
        Some(Handling { event_type: entry.event_type, run: entry.run })
    }

    /// What each handler takes and answers, in order of registration.
    #[must_use]
    pub fn contract(&self) -> &[HandlerContract] {
        &self.contract
    }

    fn nearest(&self, event_type: &str) -> &'static str {
        let wanted = clipped(event_type);
        let nearest = self.entries.keys().min_by_key(|known| (strsim::levenshtein(known, wanted), **known));
        nearest.copied().unwrap_or("none")
    }
}

/// The part of an unknown event type that is worth repeating: known ones are shorter.
fn clipped(event_type: &str) -> &str {
    let end = event_type.char_indices().nth(80).map_or(event_type.len(), |(at, _)| at);
    &event_type[..end]
}

/// The major version of a `dataVersion`: `""`, `"1"`, `"1.0"`, `"1.x"` are 1.
fn major(data_version: &str) -> Option<u32> {
    if data_version.is_empty() {
        return Some(1);
    }
    let (major, minor) = data_version.split_once('.').unwrap_or((data_version, "0"));
    let is_minor = !minor.is_empty() && minor.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    (is_minor && major.bytes().all(|b| b.is_ascii_digit())).then(|| major.parse().ok()).flatten()
}

/// What is published about a handler.
#[derive(Clone, Debug)]
pub struct HandlerContract {
    /// What it takes.
    pub event_type: &'static str,
    /// Major versions it takes; empty is all.
    pub majors: &'static [u32],
    /// The original's id of it.
    pub handler_id: &'static str,
    /// The original's class name of it.
    pub handler_class: &'static str,
    /// The Rust type that handles, for the tidy test.
    pub type_name: &'static str,
    /// The schema of its `data`.
    pub schema: Schema,
    /// An example of its `data`.
    pub example: Value,
    /// Platform events that tell how it goes on.
    pub continues_with: &'static [&'static str],
    /// What it answers, besides acknowledgment and failure.
    pub answers: Vec<AnswerContract>,
}

impl HandlerContract {
    fn of<H: Handler>() -> Self {
        let mut generator = generator();
        Self {
            event_type: H::Event::EVENT_TYPE,
            majors: H::Event::MAJOR_VERSIONS,
            handler_id: H::ID,
            handler_class: H::CLASS,
            type_name: std::any::type_name::<H>(),
            schema: generator.root_schema_for::<H::Event>(),
            example: H::Event::example(),
            continues_with: H::CONTINUES_WITH,
            answers: H::Response::contract(&mut generator),
        }
    }

    /// Whether it takes events of that `dataVersion`.
    #[must_use]
    pub fn takes(&self, data_version: &str) -> bool {
        self.majors.is_empty() || major(data_version).is_some_and(|major| self.majors.contains(&major))
    }

    /// Whether it takes what a requestor asks for, rather than what a platform reports.
    #[must_use]
    pub fn is_request(&self) -> bool {
        self.event_type.starts_with(REQUEST_PREFIX)
    }
}

/// The answers every request can have.
#[must_use]
pub fn common_answers() -> Vec<AnswerContract> {
    let acknowledgment = json!({
        "eventType": "request.blob.copy",
        "eventId": "req-7741",
        "handlerId": "C5BC453D-58CF-4F16-A2FF-16647F6CBF81",
        "operationContext": {"sagaId": "s-4711", "step": 3},
    });
    vec![
        AnswerContract {
            event_type: ACKNOWLEDGE,
            kind: Kind::Interim,
            schema: schema_for!(Acknowledgment<'_>),
            example: acknowledgment,
            answers_to: None,
        },
        AnswerContract {
            event_type: FAILURE,
            kind: Kind::Outcome,
            schema: schema_for!(failure::FailureData),
            example: failure::example(),
            answers_to: None,
        },
    ]
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().into_generator()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_by_their_major_part() {
        for (version, expected) in [
            ("", Some(1)),
            ("1", Some(1)),
            ("1.0", Some(1)),
            ("1.x", Some(1)),
            ("2.17.3", Some(2)),
            ("99.0", Some(99)),
            ("1.0 ", None),
            ("../2", None),
            ("1.", None),
            ("v1", None),
            ("99999999999", None),
        ] {
            assert_eq!(major(version), expected, "{version:?}");
        }
    }

    #[test]
    fn every_request_has_one_handler_and_a_stranger_hears_the_nearest_name() {
        let dispatcher = crate::register();
        let event = |event_type: &str, version: &str| Event {
            id: "1".into(),
            event_type: event_type.into(),
            subject: String::new(),
            data_version: version.into(),
            trace: None,
            data: bytes::Bytes::from_static(b"{}"),
            tries_before: 0,
        };
        assert!(matches!(dispatcher.route(&event("request.blob.copy", "1.0")), Route::Handler(_)));
        assert!(matches!(dispatcher.route(&event("response.blob.copy", "")), Route::Nobody));
        assert!(matches!(dispatcher.route(&event("Request.Blob.Copy", "")), Route::Nobody));
        let Route::UnknownRequest(sentence) = dispatcher.route(&event("request.blob.copi", "")) else {
            panic!()
        };
        assert_eq!(sentence, "no handler takes \"request.blob.copi\"; the nearest is request.blob.copy");
        let Route::UnknownRequest(sentence) = dispatcher.route(&event("request.blob.copy", "99.0")) else {
            panic!()
        };
        assert_eq!(sentence, "no handler takes dataVersion \"99.0\" of request.blob.copy");
    }
}
