//! Writes the contract down: JSON Schemas of every message and an index of them, from the register of handlers. Decides
//! nothing about it.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use gridwich_handlers::base::{AnswerContract, HandlerContract, common_answers};
use schemars::{Schema, schema_for};
use serde_json::{Value, json};

use gridwich_handlers::operation_context::OperationContext;

/// All files of `schemas/`, by their names, as text.
#[must_use]
pub fn files() -> BTreeMap<String, String> {
    let dispatcher = gridwich_handlers::register();
    let mut files = BTreeMap::new();
    for handler in dispatcher.contract() {
        let message = if handler.is_request() {
            with_context(&handler.schema, false)
        } else {
            handler.schema.clone().to_value()
        };
        files.insert(file_name(handler.event_type), text(&with_example(message, &handler.example)));
        for answer in &handler.answers {
            files.insert(file_name(answer.event_type), answer_text(answer));
        }
    }
    for answer in common_answers() {
        files.insert(file_name(answer.event_type), answer_text(&answer));
    }
    files.insert("index.json".to_owned(), text(&index(dispatcher.contract())));
    files
}

/// Writes all files into a folder, and removes schemas of messages that are no more.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let files = files();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".json") && !files.contains_key(&name) {
            fs::remove_file(folder.join(name))?;
        }
    }
    files.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))
}

fn file_name(event_type: &str) -> String {
    format!("{event_type}.json")
}

fn answer_text(answer: &AnswerContract) -> String {
    text(&with_example(with_context(&answer.schema, true), &answer.example))
}

/// Answers carry the operation context besides their own members.
fn with_context(schema: &Schema, is_answer: bool) -> Value {
    let mut schema = schema.clone().to_value();
    if is_answer {
        schema["properties"]["operationContext"] = context_schema();
    }
    schema
}

fn context_schema() -> Value {
    let mut schema = schema_for!(OperationContext).to_value();
    if let Some(members) = schema.as_object_mut() {
        members.retain(|name, _| name != "$schema" && name != "title");
    }
    schema
}

fn with_example(mut schema: Value, example: &Value) -> Value {
    schema["examples"] = json!([example]);
    schema
}

/// Which handler takes what and answers what.
fn index(handlers: &[HandlerContract]) -> Value {
    let common = common_answers().iter().map(|answer| answer.event_type).collect::<Vec<_>>();
    let handlers = handlers.iter().map(|handler| {
        json!({
            "eventType": handler.event_type,
            "schema": file_name(handler.event_type),
            "dataVersions": if handler.majors.is_empty() { json!("any") } else { json!(handler.majors) },
            "handlerId": handler.handler_id,
            "eventHandlerClassName": handler.handler_class,
            "answers": handler.answers.iter().map(|answer| answer.event_type).collect::<Vec<_>>(),
        })
    });
    json!({
        "handlers": handlers.collect::<Vec<_>>(),
        "everyRequestIsAnsweredWith": common,
    })
}

fn text(value: &Value) -> String {
    format!("{value:#}\n")
}
