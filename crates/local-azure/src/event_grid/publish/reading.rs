//! Reads published bodies into events, as strictly and as leniently as real topics do. Not HTTP.

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;

use super::problem::Problem;
use crate::event_grid::InputSchema;
use crate::event_grid::event::Members;

/// Measured: the largest body a real topic takes; its error quotes this number. The documentation says 1 MB.
pub(crate) const BODY_BYTES_MAX: usize = 1_536_000;
/// Measured: the largest event. The documentation says 1 MB.
const EVENT_BYTES_MAX: usize = 1_049_600;
/// Documented: events per publish request.
const EVENTS_MAX: usize = 5000;

/// What shape a body may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    One,
    Array,
    Either,
}

/// Splits a body into its events' objects.
pub(crate) fn objects(body: &[u8], schema: InputSchema, shape: Shape) -> Result<Vec<&RawValue>, Problem> {
    let not_json = |_| Problem::not_conforming(schema, "");
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let events: Vec<&RawValue> = match (first, shape) {
        (Some(b'['), Shape::Array | Shape::Either) => serde_json::from_slice(body).map_err(not_json)?,
        (Some(b'{'), Shape::One | Shape::Either) => vec![serde_json::from_slice(body).map_err(not_json)?],
        (Some(b'['), Shape::One) => return Err(unexpected(schema, "StartObject", "StartArray")),
        (Some(b'{'), Shape::Array) => return Err(unexpected(schema, "StartArray", "StartObject")),
        _ => return Err(Problem::not_conforming(schema, "")),
    };
    if events.is_empty() {
        return Err(Problem::not_conforming(schema, ""));
    }
    if events.len() > EVENTS_MAX {
        return Err(Problem::too_many(EVENTS_MAX));
    }
    match events.iter().all(|event| event.get().len() <= EVENT_BYTES_MAX) {
        true => Ok(events),
        false => Err(Problem::too_large(EVENT_BYTES_MAX)),
    }
}

/// The members of one event.
pub(crate) fn members(event: &RawValue, schema: InputSchema) -> Result<Members<'_>, Problem> {
    serde_json::from_str(event.get()).map_err(|_| unexpected(schema, "StartObject", token(event)))
}

/// A member that must be a string with something in it. `shown` is the name errors use.
pub(crate) fn required(
    members: &Members<'_>,
    name: &str,
    shown: &str,
    schema: InputSchema,
) -> Result<String, Problem> {
    optional(members, name, shown, schema)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Problem::requires(schema, shown))
}

/// A member that may be absent or null, but otherwise must be a string.
pub(crate) fn optional(
    members: &Members<'_>,
    name: &str,
    shown: &str,
    schema: InputSchema,
) -> Result<Option<String>, Problem> {
    let Some(raw) = members.get(name) else { return Ok(None) };
    serde_json::from_str(raw.get()).map_err(|_| Problem::invalid_member(schema, shown, "a string"))
}

/// Whether a member is there and not null.
pub(crate) fn has(members: &Members<'_>, name: &str) -> bool {
    members.get(name).is_some_and(|raw| raw.get() != "null")
}

/// A copy of an event's own text, so that one event does not keep a whole batch in memory.
pub(crate) fn own_text(event: &RawValue) -> Bytes {
    Bytes::copy_from_slice(event.get().as_bytes())
}

fn unexpected(schema: InputSchema, expected: &str, actual: &str) -> Problem {
    let why = format!("Token Expected: {expected}, Actual Token Received: {actual}.");
    Problem::not_conforming(schema, &why)
}

/// Names a JSON value as .NET's reader does.
fn token(value: &RawValue) -> &'static str {
    match serde_json::from_str(value.get()) {
        Ok(Value::Null) => "Null",
        Ok(Value::Bool(_)) => "Boolean",
        Ok(Value::Number(number)) if number.is_f64() => "Float",
        Ok(Value::Number(_)) => "Integer",
        Ok(Value::String(_)) => "String",
        Ok(Value::Array(_)) => "StartArray",
        Ok(Value::Object(_)) | Err(_) => "StartObject",
    }
}
