//! The published contract, from the register of handlers: every message with its schema and example, and the files that
//! say so in `schemas/`. Decides nothing about it.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use gridwich_handlers::base::{AnswerContract, HandlerContract, Kind, common_answers, log_events};
use gridwich_handlers::operation_context::OperationContext;
use schemars::{Schema, schema_for};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[cfg(feature = "local")]
pub use baseline::{Baseline, Break};
#[cfg(feature = "local")]
pub use check::Misfit;

mod asyncapi;
#[cfg(feature = "local")]
mod baseline;
#[cfg(feature = "local")]
mod check;
#[cfg(feature = "local")]
mod members;
mod readme;

/// The file in `schemas/` that says what has been promised.
pub const BASELINE: &str = "baseline.json";

/// Whose word a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// A requestor's.
    Request,
    /// A platform's: storage reports it, or an encoder.
    PlatformEvent,
    /// Ours.
    Answer,
}

/// One event type that is understood or published here.
#[derive(Clone, Debug)]
pub struct Message {
    /// For example `request.blob.copy`.
    pub event_type: &'static str,
    /// Whose word it is.
    pub role: Role,
    /// What it means for its operation, when it is an answer.
    pub kind: Option<Kind>,
    /// The JSON Schema of its `data`, with an example.
    pub schema: Value,
}

impl Message {
    /// What it is, in a sentence or two.
    #[must_use]
    pub fn description(&self) -> &str {
        self.schema["description"].as_str().unwrap_or_default()
    }

    /// Its `data` as it could be.
    #[must_use]
    pub fn example(&self) -> &Value {
        &self.schema["examples"][0]
    }
}

/// Everything there is to publish.
pub struct Contract {
    /// What each handler takes and answers.
    pub handlers: Vec<HandlerContract>,
    /// Every message, by its event type.
    pub messages: BTreeMap<&'static str, Message>,
}

impl Contract {
    /// What the register says.
    #[must_use]
    pub fn of_register() -> Self {
        let handlers = gridwich_handlers::register().contract().to_vec();
        let answers = handlers.iter().flat_map(|handler| handler.answers.clone()).chain(common_answers());
        let messages = handlers.iter().map(asked).chain(answers.map(|answer| answered(&answer)));
        let messages = messages.map(|message| (message.event_type, message)).collect();
        Self { handlers, messages }
    }

    /// The message of this event type.
    ///
    /// # Errors
    /// A sentence with the nearest name there is.
    pub fn message(&self, event_type: &str) -> Result<&Message, String> {
        self.messages.get(event_type).ok_or_else(|| {
            let nearest = self.messages.keys().min_by_key(|known| strsim::levenshtein(known, event_type));
            let nearest = nearest.copied().unwrap_or("none");
            format!("no message is called {event_type:?}; the nearest is {nearest}")
        })
    }

    /// One line for each message: its event type and what it is.
    #[must_use]
    pub fn list(&self) -> String {
        let width = self.messages.keys().map(|event_type| event_type.len()).max().unwrap_or_default();
        let lines = self.messages.values();
        lines
            .map(|it| format!("{:<width$}  {}\n", it.event_type, it.description().replace('\n', " ")))
            .collect()
    }

    /// All files of `schemas/` but the baseline, by their names, as text.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, String> {
        let schemas =
            self.messages.values().map(|message| (file_name(message.event_type), text(&message.schema)));
        let mut files = schemas.collect::<BTreeMap<_, _>>();
        files.insert("index.json".to_owned(), text(&self.index()));
        files.insert("asyncapi.json".to_owned(), text(&asyncapi::document(self)));
        files.insert("README.md".to_owned(), readme::text(self));
        files
    }

    /// Writes all files into a folder, and removes schemas of messages that are no more.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let files = self.files();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".json") && name != BASELINE && !files.contains_key(&name) {
                fs::remove_file(folder.join(name))?;
            }
        }
        files.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))
    }

    /// Platform events by which the work of a handler goes on, each with what its requestor is then answered.
    pub fn later<'a>(
        &'a self,
        handler: &'a HandlerContract,
    ) -> impl Iterator<Item = (&'a HandlerContract, Vec<&'a AnswerContract>)> {
        let reported = handler.continues_with.iter();
        let reported =
            reported.filter_map(|event_type| self.handlers.iter().find(|it| it.event_type == *event_type));
        let is_meant = |answer: &&AnswerContract| answer.answers_to.is_none_or(|to| to == handler.event_type);
        reported.map(move |other| (other, other.answers.iter().filter(is_meant).collect()))
    }

    /// Whether a request of that version is taken, or anything else, which is not ours to judge.
    #[must_use]
    pub fn takes(&self, event_type: &str, data_version: &str) -> bool {
        let handler = self.handlers.iter().find(|handler| handler.event_type == event_type);
        handler.is_none_or(|handler| handler.takes(data_version))
    }

    /// Which handler takes what and answers what.
    fn index(&self) -> Value {
        let common = common_answers().iter().map(|answer| answer.event_type).collect::<Vec<_>>();
        let handlers = self.handlers.iter().map(|handler| {
            json!({
                "eventType": handler.event_type,
                "schema": file_name(handler.event_type),
                "dataVersions": if handler.majors.is_empty() { json!("any") } else { json!(handler.majors) },
                "handlerId": handler.handler_id,
                "eventHandlerClassName": handler.handler_class,
                "answers": handler.answers.iter().map(|answer| answer.event_type).collect::<Vec<_>>(),
                "continuesWith": handler.continues_with,
            })
        });
        json!({
            "handlers": handlers.collect::<Vec<_>>(),
            "everyRequestIsAnsweredWith": common,
            "logEvents": log_events::ALL.iter().map(|event| json!({"id": event.id, "name": event.name})).collect::<Vec<_>>(),
        })
    }
}

fn asked(handler: &HandlerContract) -> Message {
    let role = if handler.is_request() { Role::Request } else { Role::PlatformEvent };
    let schema = with_example(handler.schema.clone(), &handler.example);
    Message { event_type: handler.event_type, role, kind: None, schema }
}

/// Answers carry the operation context besides their own members.
fn answered(answer: &AnswerContract) -> Message {
    let mut schema = with_example(answer.schema.clone(), &answer.example);
    schema["properties"]["operationContext"] = context_schema();
    let kind = Some(answer.kind.clone());
    Message { event_type: answer.event_type, role: Role::Answer, kind, schema }
}

fn context_schema() -> Value {
    let mut schema = schema_for!(OperationContext).to_value();
    if let Some(members) = schema.as_object_mut() {
        members.retain(|name, _| name != "$schema" && name != "title");
    }
    schema
}

fn with_example(schema: Schema, example: &Value) -> Value {
    let mut schema = schema.to_value();
    schema["examples"] = json!([example]);
    schema
}

fn file_name(event_type: &str) -> String {
    format!("{event_type}.json")
}

fn text(value: &Value) -> String {
    format!("{value:#}\n")
}
