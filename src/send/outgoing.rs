//! Events that somebody wants to send: from a file or from flags, with what was left out filled in, and checked against the
//! contract. What was spelled stays as spelled.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use gridwich_handlers::operation_context::{OperationContext, member};
use gridwich_handlers::resource_uri::fit_for_strangers;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::clock;
use crate::contract::Contract;

/// The largest POST a topic takes: Event Grid's documented limit of 1 MB.
const POST_BYTES_MAX: usize = 1_048_576;
/// Longer sentences of a parser are cut.
const SENTENCE_CHARACTERS_MAX: usize = 500;
/// The path that stands for standard input.
const STANDARD_INPUT: &str = "-";
/// The member of `data` that holds the operation context.
const CONTEXT: &str = "operationContext";

/// Where the events are written down.
#[derive(Args, Debug)]
pub(super) struct Written {
    /// A file with one event in the Event Grid schema, or an array of them; - is standard input. Ids, subjects, times and
    /// versions that are left out are filled in.
    #[arg(long, value_name = "FILE", required_unless_present = "event_type")]
    file: Option<PathBuf>,
    /// The event type of one event, for example request.blob.copy.
    #[arg(long = "type", value_name = "EVENT_TYPE", conflicts_with = "file")]
    event_type: Option<String>,
    /// Its data, a JSON object; {} when left out.
    #[arg(long, value_name = "JSON", conflicts_with = "file")]
    data: Option<String>,
    /// Its operation context, a JSON object, when it does not stand in the data.
    #[arg(long, value_name = "JSON", conflicts_with = "file")]
    context: Option<String>,
    /// Its subject.
    #[arg(long, conflicts_with = "file")]
    subject: Option<String>,
    /// Its id, by which a repeated request is known; drawn when left out.
    #[arg(long, conflicts_with = "file")]
    id: Option<String>,
}

/// An event in the Event Grid schema.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OutgoingEvent {
    #[serde(default = "drawn_id")]
    pub(super) id: String,
    #[serde(default = "our_subject")]
    subject: String,
    pub(super) event_type: String,
    #[serde(default = "now")]
    event_time: String,
    #[serde(default = "first_version")]
    data_version: String,
    data: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_version: Option<String>,
}

fn drawn_id() -> String {
    Uuid::new_v4().to_string()
}

fn our_subject() -> String {
    "/gridwich/send".to_owned()
}

fn now() -> String {
    clock::now().format(&Rfc3339).expect("a time of day in UTC can be written")
}

fn first_version() -> String {
    "1.0".to_owned()
}

impl Written {
    /// The events, or what is wrong with how they are written.
    pub(super) fn events(&self) -> Result<Vec<OutgoingEvent>, String> {
        match (&self.file, &self.event_type) {
            (Some(file), _) => {
                from_text(&read(file)?).map_err(|error| format!("{}: {error}", file.display()))
            }
            (None, Some(event_type)) => Ok(vec![self.by_flags(event_type)?]),
            (None, None) => Err("expected --file or --type".to_owned()),
        }
    }

    fn by_flags(&self, event_type: &str) -> Result<OutgoingEvent, String> {
        let data = self.data.as_deref().unwrap_or("{}");
        let data = match &self.context {
            Some(context) => with_context(data, context)?,
            None => raw(data).map_err(|error| format!("--data: {error}"))?,
        };
        Ok(OutgoingEvent {
            id: self.id.clone().unwrap_or_else(drawn_id),
            subject: self.subject.clone().unwrap_or_else(our_subject),
            event_type: event_type.to_owned(),
            event_time: now(),
            data_version: first_version(),
            data,
            topic: None,
            metadata_version: None,
        })
    }
}

fn raw(text: &str) -> Result<Box<RawValue>, String> {
    serde_json::from_str::<Box<RawValue>>(text).map_err(|error| sentence(&error))
}

/// The data with the context for its member.
fn with_context(data: &str, context: &str) -> Result<Box<RawValue>, String> {
    let members = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(data);
    let mut members = members.map_err(|error| format!("--data: expected an object: {}", sentence(&error)))?;
    let context = OperationContext::parse(context).map_err(|error| format!("--context: {error}"))?;
    if members.keys().any(|name| name.eq_ignore_ascii_case(CONTEXT)) {
        return Err(format!("--context: --data has a member {CONTEXT} already"));
    }
    members.insert(CONTEXT.to_owned(), raw(context.as_str())?);
    serde_json::value::to_raw_value(&members).map_err(|error| sentence(&error))
}

fn read(file: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut text = String::new();
    let at_most = POST_BYTES_MAX as u64 + 1;
    if file.as_os_str() == STANDARD_INPUT {
        std::io::stdin().lock().take(at_most).read_to_string(&mut text).map_err(unreadable)?;
    } else {
        let opened = std::fs::File::open(file).map_err(unreadable)?;
        opened.take(at_most).read_to_string(&mut text).map_err(unreadable)?;
    }
    if text.len() > POST_BYTES_MAX {
        return Err(format!("{}: {}", file.display(), too_large()));
    }
    Ok(text)
}

fn too_large() -> String {
    format!("expected at most {POST_BYTES_MAX} bytes, which a topic takes at once")
}

fn from_text(text: &str) -> Result<Vec<OutgoingEvent>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_ascii();
    let events = if text.starts_with('[') {
        serde_json::from_str(text)
    } else {
        serde_json::from_str(text).map(|event| vec![event])
    };
    let events = events.map_err(|error: serde_json::Error| {
        format!("expected an event in the Event Grid schema, or an array of them: {}", sentence(&error))
    })?;
    if events.is_empty() { Err("expected at least one event".to_owned()) } else { Ok(events) }
}

/// A parser's sentence, without the signature that a value may hold.
fn sentence(error: &serde_json::Error) -> String {
    fit_for_strangers(&error.to_string(), SENTENCE_CHARACTERS_MAX)
}

/// Whether every event is a message of the contract, with data that fits it.
pub(super) fn check(events: &[OutgoingEvent], contract: &Contract) -> Result<(), String> {
    let faults = events.iter().enumerate().flat_map(|(index, event)| {
        let place = if events.len() > 1 { format!("[{index}] ") } else { String::new() };
        event.faults(contract).into_iter().map(move |fault| format!("{place}{fault}"))
    });
    let faults = faults.collect::<Vec<_>>();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// All events as a topic takes them.
pub(super) fn body(events: &[OutgoingEvent]) -> Result<Bytes, String> {
    let body = serde_json::to_vec(events).map_err(|error| sentence(&error))?;
    if body.len() > POST_BYTES_MAX { Err(too_large()) } else { Ok(body.into()) }
}

impl OutgoingEvent {
    fn faults(&self, contract: &Contract) -> Vec<String> {
        let message = match contract.message(&self.event_type) {
            Ok(message) => message,
            Err(unknown) => return vec![unknown],
        };
        let data = match serde_json::from_str::<Value>(self.data.get()) {
            Ok(data) => data,
            Err(error) => return vec![format!("{}: data: {}", self.event_type, sentence(&error))],
        };
        let misfits = message.misfits(&data);
        let misfits = misfits.iter().map(|misfit| format!("{}: {misfit}", self.event_type));
        let version = (!contract.takes(&self.event_type, &self.data_version)).then(|| {
            format!(
                "{}: dataVersion: expected one that is taken here, found {:?}",
                self.event_type, self.data_version
            )
        });
        version.into_iter().chain(misfits).collect()
    }

    /// Whether it asks for something.
    pub(super) fn is_request(&self) -> bool {
        self.event_type.starts_with("request.")
    }

    /// The operation it asks for, as the processor will know it.
    pub(super) fn operation(&self) -> Result<crate::local::Followed, String> {
        // Data may be a string that holds the text of an object.
        let text = serde_json::from_str::<String>(self.data.get());
        let data = text.as_deref().unwrap_or(self.data.get());
        let context = member(data, |name| name.eq_ignore_ascii_case(CONTEXT));
        let context = context.filter(|raw| raw.get() != "null").map(OperationContext::from_raw).transpose();
        let context = context.map_err(|error| format!("data.{CONTEXT}: {error}"))?;
        Ok(crate::local::Followed::new(
            &self.id,
            &self.event_type,
            context,
            serde_json::from_str(self.data.get()).unwrap_or_default(),
        ))
    }
}
