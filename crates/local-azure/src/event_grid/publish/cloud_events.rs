//! CloudEvents 1.0 from publishers: structured, batched and binary. Not the Event Grid schema.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::problem::Problem;
use super::reading::{self, Shape, has, optional, own_text, required};
use crate::event_grid::event::{Envelope, Event, Members};
use crate::event_grid::{InputSchema, timestamp};

const SCHEMA: InputSchema = InputSchema::CloudEventSchemaV1_0;
const SPEC_VERSION: &str = "1.0";
/// Attributes a binary event must carry as headers. Structured events get away without the first two.
const REQUIRED: [&str; 4] = ["specversion", "source", "type", "id"];

/// What a `ce-` header cannot be: the body is the data, and its type is the content type.
const NO_ATTRIBUTES: [&str; 4] = ["", "data", "data_base64", "datacontenttype"];

/// How the headers say a CloudEvent is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Structured,
    Batch,
    Binary,
}

/// Reads a published request.
pub(crate) fn read(
    headers: &HeaderMap,
    body: &[u8],
    topic: &Arc<str>,
    now: OffsetDateTime,
) -> Result<Vec<Arc<Event>>, Problem> {
    let shape = match mode(headers)? {
        Mode::Binary => return Ok(vec![Arc::new(read_binary(headers, body, topic, now)?)]),
        Mode::Structured => Shape::One,
        Mode::Batch => Shape::Array,
    };
    let objects = reading::objects(body, SCHEMA, shape)?;
    objects.into_iter().map(|event| read_one(event, topic, now).map(Arc::new)).collect()
}

fn mode(headers: &HeaderMap) -> Result<Mode, Problem> {
    let is_binary = REQUIRED.iter().any(|name| headers.contains_key(format!("ce-{name}")));
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match (media_type.as_str(), is_binary) {
        ("application/json", true) => Ok(Mode::Binary),
        ("application/json" | "application/cloudevents+json", false) => Ok(Mode::Structured),
        ("application/cloudevents-batch+json", false) => Ok(Mode::Batch),
        ("application/cloudevents+json" | "application/cloudevents-batch+json", true) => {
            Err(Problem::not_conforming(SCHEMA, "The content type is structured but the headers are binary."))
        }
        _ => Err(Problem::content_type()),
    }
}

/// Real topics take an event without `source` or `specversion`; what they deliver then was not measured, so the
/// missing attributes are filled in, which leaves subscribers a valid CloudEvent.
fn read_one(event: &RawValue, topic: &Arc<str>, now: OffsetDateTime) -> Result<Event, Problem> {
    let members = reading::members(event, SCHEMA)?;
    let id = required(&members, "id", "id", SCHEMA)?;
    let event_type = required(&members, "type", "eventType", SCHEMA)?;
    let source = optional(&members, "source", "source", SCHEMA)?;
    let version = optional(&members, "specversion", "specversion", SCHEMA)?;
    if version.as_ref().is_some_and(|version| version != SPEC_VERSION) {
        return Err(Problem::invalid_member(SCHEMA, "specversion", "'1.0'"));
    }
    check_time(optional(&members, "time", "time", SCHEMA)?)?;
    if has(&members, "data") && has(&members, "data_base64") {
        return Err(Problem::not_conforming(SCHEMA, "An event has either data or data_base64."));
    }
    let subject = optional(&members, "subject", "subject", SCHEMA)?.unwrap_or_default();
    let text = match (&source, &version) {
        (Some(_), Some(_)) => own_text(event),
        _ => complete(&members, source.is_none().then_some(topic), version.is_none()),
    };
    let source = source.map_or_else(|| Arc::clone(topic), Arc::from);
    let envelope = Envelope { id, source, subject, event_type, data_version: String::new() };
    Ok(Event::new(SCHEMA, envelope, text, now))
}

fn check_time(time: Option<String>) -> Result<(), Problem> {
    match time.is_none_or(|time| timestamp::parse(&time).is_some()) {
        true => Ok(()),
        false => Err(Problem::invalid_member(SCHEMA, "time", "a date")),
    }
}

/// The event again, with what it lacks.
fn complete(members: &Members<'_>, source: Option<&Arc<str>>, lacks_version: bool) -> Bytes {
    let mut text = String::from("{");
    if lacks_version {
        push_member(&mut text, "specversion", &json_text(SPEC_VERSION));
    }
    if let Some(source) = source {
        push_member(&mut text, "source", &json_text(source));
    }
    let lacking =
        |name: &str| (lacks_version && name == "specversion") || (source.is_some() && name == "source");
    for (name, value) in members.iter().filter(|(name, _)| !lacking(name)) {
        push_member(&mut text, name, value.get());
    }
    text.push('}');
    text.into()
}

/// In binary mode the headers are the attributes and the body is the data.
fn read_binary(
    headers: &HeaderMap,
    body: &[u8],
    topic: &Arc<str>,
    now: OffsetDateTime,
) -> Result<Event, Problem> {
    for name in REQUIRED {
        let header = format!("ce-{name}");
        let fault = match headers.get(&header).map(HeaderValue::is_empty) {
            None => "missing",
            Some(true) => "empty",
            Some(false) => continue,
        };
        return Err(Problem::cloud_event_header(&header, fault));
    }
    let data: &RawValue = serde_json::from_slice(body).map_err(|_| Problem::not_conforming(SCHEMA, ""))?;
    let mut text = String::from("{");
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else { continue };
        if !NO_ATTRIBUTES.contains(&attribute) {
            push_member(&mut text, attribute, &json_text(&header_text(value.as_bytes())));
        }
    }
    push_member(&mut text, "datacontenttype", &json_text("application/json"));
    push_member(&mut text, "data", data.get());
    text.push('}');
    let event: &RawValue = serde_json::from_str(&text).map_err(|_| Problem::not_conforming(SCHEMA, ""))?;
    read_one(event, topic, now)
}

/// The HTTP binding percent-encodes what a header cannot hold.
fn header_text(value: &[u8]) -> String {
    percent_decode_str(&String::from_utf8_lossy(value)).decode_utf8_lossy().into_owned()
}

fn json_text(text: &str) -> String {
    Value::from(text).to_string()
}

fn push_member(object: &mut String, name: &str, json: &str) {
    let comma = if object.ends_with('{') { "" } else { "," };
    write!(object, "{comma}{}:{json}", json_text(name)).expect("a String takes what is written");
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn read_with(headers: &[(&str, &str)], body: &str) -> Result<Value, Problem> {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (name.parse::<http::HeaderName>().expect("a name"), value.parse().expect("a value"))
            })
            .collect();
        let events = read(&headers, body.as_bytes(), &"/topics/t".into(), datetime!(2026-03-04 09:00 UTC))?;
        Ok(serde_json::from_slice(events[0].text()).expect("JSON"))
    }

    #[test]
    fn extensions_survive() {
        let body =
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","traceparent":"00-1-2-01","n":7}"#;
        let kept = read_with(&[("content-type", "application/cloudevents+json")], body).expect("valid");
        assert_eq!(kept, serde_json::from_str::<Value>(body).expect("JSON"));
    }

    #[test]
    fn what_is_missing_is_filled_in() {
        let body = r#"{"id":"1","source":null,"type":"t","data":[1]}"#;
        let kept = read_with(&[("content-type", "application/json")], body).expect("valid");
        assert_eq!(
            kept,
            json!({"specversion": "1.0", "id": "1", "source": "/topics/t", "type": "t", "data": [1]})
        );
    }

    #[test]
    fn a_binary_event_becomes_a_structured_one() {
        let headers = [
            ("content-type", "application/json"),
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "/s"),
            ("ce-type", "t"),
            ("ce-flavour", "caf%C3%A9"),
        ];
        assert_eq!(
            read_with(&headers, r#"{"n":1}"#).expect("valid"),
            json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "flavour": "café",
                   "datacontenttype": "application/json", "data": {"n": 1}})
        );
        assert!(read_with(&headers, "").is_err());
    }
}
