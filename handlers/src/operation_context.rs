//! The caller's opaque operation context: kept as spelled, never looked into but for members that start with `~`.

use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::text::Text;

pub use wire::{
    Arrived, CORRELATION_STAMP, Carried, ContextReference, NotCarriable, Stamp, read, stamp_of, write,
    write_stamp,
};

mod wire;

/// Contexts larger than this are refused: every answer repeats the context, and Event Grid takes 1 MB an event and bills
/// by 64 KB.
pub const BYTES_MAX: usize = 256 * 1024;
/// Contexts nested deeper are refused: .NET's JSON reader, which callers use, stops at 64 by default, and an answer adds
/// three levels of its own.
pub const NESTING_MAX: usize = 61;

/// The member that tells the original and us not to announce what an operation does to blobs.
const MUTED: &str = "~muted";

/// The caller's JSON object, compact but otherwise as spelled.
#[derive(Clone)]
pub struct OperationContext(Arc<str>);

/// Why something is no operation context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAContext {
    /// Not JSON, or JSON that is no object.
    #[error("expected a JSON object")]
    NotAnObject,
    /// Larger than [`BYTES_MAX`].
    #[error("expected at most {BYTES_MAX} bytes")]
    TooLarge,
    /// Nested deeper than [`NESTING_MAX`].
    #[error("expected at most {NESTING_MAX} levels of nesting")]
    TooDeep,
}

impl OperationContext {
    /// `{}`: what is known of an operation whose starter said nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::from_compact("{}".to_owned())
    }

    /// A context of one member whose name and value need no escaping beyond JSON's.
    #[must_use]
    pub fn of_member(name: &str, value: &str) -> Self {
        let object = serde_json::json!({ name: value });
        Self::from_compact(object.to_string())
    }

    /// Takes a JSON object.
    ///
    /// # Errors
    /// When it is none, or beyond the limits above.
    pub fn parse(text: &str) -> Result<Self, NotAContext> {
        let raw = serde_json::from_str::<&RawValue>(text).map_err(|_| NotAContext::NotAnObject)?;
        Self::from_raw(raw)
    }

    /// Takes a JSON object that is known to be JSON.
    ///
    /// # Errors
    /// When it is no object, or beyond the limits above.
    pub fn from_raw(raw: &RawValue) -> Result<Self, NotAContext> {
        let text = raw.get();
        if !text.starts_with('{') {
            return Err(NotAContext::NotAnObject);
        }
        let compact = compact(text)?;
        if compact.len() > BYTES_MAX {
            return Err(NotAContext::TooLarge);
        }
        Ok(Self::from_compact(compact))
    }

    /// The compact text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the caller (or we, for our own purposes) asked for silence: a member `~muted`, whatever its value.
    #[must_use]
    pub fn is_muted(&self) -> bool {
        self.as_str().contains(MUTED) && self.member(MUTED).is_some()
    }

    /// A member of the outermost object, as spelled.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&RawValue> {
        // Contexts nearly never have members of ours: 8,000 instructions for looking through 400 bytes, or 200.
        let may_have = self.as_str().contains(name) || self.as_str().contains('\\');
        may_have.then(|| member(self.as_str(), |key| key == name)).flatten()
    }

    fn from_compact(text: String) -> Self {
        Self(text.into())
    }
}

/// A context that nothing announces: for what we do to blobs for our own purposes.
#[must_use]
pub fn muted() -> OperationContext {
    OperationContext::from_compact(format!(r#"{{"{MUTED}":1}}"#))
}

/// The last member of a JSON object whose name the test accepts, as spelled; nothing when the text is no object.
#[must_use]
pub fn member(object: &str, is_wanted: impl Fn(&str) -> bool) -> Option<&RawValue> {
    struct Wanted<F>(F);
    impl<'de, F: Fn(&str) -> bool> serde::de::Visitor<'de> for Wanted<F> {
        type Value = Option<&'de RawValue>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(Text(name)) = map.next_key::<Text<'_>>()? {
                let value = map.next_value::<&RawValue>()?;
                if (self.0)(&name) {
                    found = Some(value);
                }
            }
            Ok(found)
        }
    }
    let mut json = serde_json::Deserializer::from_str(object);
    json.deserialize_map(Wanted(is_wanted)).ok().flatten()
}

/// Drops white space between tokens and counts nesting; the input is JSON already.
fn compact(json: &str) -> Result<String, NotAContext> {
    let bytes = json.as_bytes();
    let mut compact = String::with_capacity(json.len());
    let (mut kept, mut at, mut depth) = (0, 0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_string(bytes, at),
            b' ' | b'\t' | b'\r' | b'\n' => {
                compact.push_str(&json[kept..at]);
                kept = at + 1;
            }
            b'{' | b'[' if depth == NESTING_MAX => return Err(NotAContext::TooDeep),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    compact.push_str(&json[kept..]);
    Ok(compact)
}

/// Where the quotation mark stands that ends the string which begins at `start`.
fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        match json.get(at) {
            Some(b'"') | None => return at,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

impl PartialEq for OperationContext {
    /// Spelled the same, white space aside.
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for OperationContext {}

impl fmt::Debug for OperationContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for OperationContext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_raw(&raw).map_err(D::Error::custom)
    }
}

impl JsonSchema for OperationContext {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OperationContext".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "Opaque to Gridwich: every answer carries it as it was sent. Members whose names start with ~ are Gridwich's.",
            "additionalProperties": true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_keeps_every_spelling_but_white_space() {
        let odd = "{ \"n\" : 1.0E+05 ,\t\"big\":123456789012345678901234567890, \"date\":\"2024-01-01T00:00:00.000Z\",\r\n\
                   \"e\":\"\\u00e9 \\\\\\\" {x}\", \"é\":[ ] , \"a\":1, \"a\":2 }";
        let context = OperationContext::parse(odd).unwrap();
        assert_eq!(
            context.as_str(),
            "{\"n\":1.0E+05,\"big\":123456789012345678901234567890,\"date\":\"2024-01-01T00:00:00.000Z\",\
             \"e\":\"\\u00e9 \\\\\\\" {x}\",\"é\":[],\"a\":1,\"a\":2}"
        );
    }

    #[test]
    fn only_objects_within_bounds_are_contexts() {
        for text in ["", "[]", "1", "\"{}\"", "null", "{", "{}x"] {
            assert_eq!(OperationContext::parse(text), Err(NotAContext::NotAnObject), "{text}");
        }
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(OperationContext::parse(&nested(NESTING_MAX - 1)).is_ok());
        assert_eq!(OperationContext::parse(&nested(NESTING_MAX)), Err(NotAContext::TooDeep));
        assert!(OperationContext::parse(&format!("{{\"brackets\":\"{}\"}}", "[".repeat(1_000))).is_ok());
        let sized = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
        assert!(OperationContext::parse(&sized(BYTES_MAX)).is_ok());
        assert_eq!(OperationContext::parse(&sized(BYTES_MAX + 1)), Err(NotAContext::TooLarge));
    }

    #[test]
    fn muting_is_a_member_of_the_outermost_object() {
        for (text, is_muted) in [
            (r#"{"~muted":1}"#, true),
            (r#"{"a":1,"~muted":false}"#, true),
            (r#"{"a":{"~muted":1}}"#, false),
            (r#"{"a":"~muted"}"#, false),
            (r#"{"~Muted":1}"#, false),
            ("{}", false),
        ] {
            assert_eq!(OperationContext::parse(text).unwrap().is_muted(), is_muted, "{text}");
        }
        assert!(muted().is_muted());
    }
}
