//! The operation context as it travels through another system's field: visible ASCII, with our stamp as its last member.
//!
//! The stamp says which operation it is and which trace it belongs to; it is taken off on arrival, so that the caller gets
//! back exactly what was sent. Not the place that decides what to do with a context that does not fit.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use uuid::Uuid;

use super::OperationContext;
use crate::event::TraceParent;
use crate::operation_id::OperationId;

/// Our member, always the last one: `"~gw":"<form>:<operation>:<trace>"`.
const STAMP: &str = r#""~gw":""#;
/// The same in a job's correlation data.
pub const CORRELATION_STAMP: &str = "gw";
/// The member by which a context that is kept elsewhere is found.
const REFERENCE: &str = "~ref";
/// The member the original gives a client request id that is a GUID, as Azure's own clients send.
const GUID: &str = "~GUID";
/// The member the original gives a client request id that is anything else.
const SPECIAL: &str = "~special";
/// The first character a header cannot carry as it is: DEL, and all beyond it.
const FIRST_ESCAPED: char = '\u{7f}';

/// What travels with a context besides itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The operation, so that whatever completes it answers under the same ids.
    pub operation: Option<OperationId>,
    /// The trace the operation belongs to.
    pub trace: Option<TraceParent>,
}

/// A context ready to travel: visible ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried(String);

impl Carried {
    /// The text to put into the other system's field.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a context is kept that did not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextReference {
    /// The storage account that keeps it.
    pub account: String,
    /// The operation it belongs to, which is its name there.
    pub operation: OperationId,
}

impl ContextReference {
    /// What travels instead of the context.
    #[must_use]
    pub fn carried(&self, trace: Option<&TraceParent>) -> Carried {
        let stand_in =
            OperationContext::of_member(REFERENCE, &format!("{}/{}", self.account, self.operation.digits()));
        let stamp = Stamp { operation: Some(self.operation), trace: trace.cloned() };
        Carried(stamped(stand_in.as_str(), Form::Plain, &stamp))
    }

    fn parse(text: &str) -> Option<Self> {
        let (account, operation) = text.split_once('/')?;
        let is_account = (3..=24).contains(&account.len())
            && account.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let operation = OperationId::parse(operation)?;
        is_account.then(|| Self { account: account.to_owned(), operation })
    }
}

/// Why a context cannot travel as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the context does not fit {bytes_max} bytes of ASCII")]
pub struct NotCarriable {
    /// The room there was.
    pub bytes_max: usize,
}

/// What came back with a completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// A context and what travelled with it.
    Context(OperationContext, Stamp),
    /// A context that is kept elsewhere.
    Reference(ContextReference, Stamp),
    /// Nothing of an operation: what somebody else's client sent, as the original would have shown it.
    Foreign(OperationContext),
}

/// Whether raw characters beyond ASCII were escaped for the journey.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Escaped,
}

/// Writes a context for a field that takes `bytes_max` bytes.
///
/// # Errors
/// When it is too large, or when escapes of its own would be confused with the ones the journey needs.
pub fn write(context: &OperationContext, stamp: &Stamp, bytes_max: usize) -> Result<Carried, NotCarriable> {
    let text = context.as_str();
    let carried = if text.chars().all(|c| c < FIRST_ESCAPED) {
        stamped(text, Form::Plain, stamp)
    } else if has_escapes_beyond_ascii(text) {
        return Err(NotCarriable { bytes_max });
    } else {
        stamped(&escape(text), Form::Escaped, stamp)
    };
    if carried.len() > bytes_max { Err(NotCarriable { bytes_max }) } else { Ok(Carried(carried)) }
}

/// Reads what came back: our own, the original's, a GUID, nothing, or something foreign.
#[must_use]
pub fn read(text: &str) -> Arrived {
    let text = text.trim();
    if text.is_empty() {
        return Arrived::Foreign(OperationContext::empty());
    }
    if let Some(guid) = guid(text) {
        return Arrived::Foreign(OperationContext::of_member(GUID, &guid.hyphenated().to_string()));
    }
    let (bare, form, stamp) = take_stamp(text);
    let bare = if form == Form::Escaped { unescape(&bare) } else { bare };
    let Ok(context) = OperationContext::parse(&bare) else {
        return Arrived::Foreign(OperationContext::of_member(SPECIAL, text));
    };
    match reference(&context) {
        Some(reference) => Arrived::Reference(reference, stamp),
        None => Arrived::Context(context, stamp),
    }
}

/// .NET's `Guid.Parse` takes parentheses and braces besides the plain and the dashed form.
fn guid(text: &str) -> Option<Uuid> {
    let bare = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).unwrap_or(text);
    (bare.len() <= 38).then(|| Uuid::try_parse(bare).ok()).flatten()
}

fn reference(context: &OperationContext) -> Option<ContextReference> {
    let text = context.member(REFERENCE)?.get();
    ContextReference::parse(text.strip_prefix('"')?.strip_suffix('"')?)
}

/// The stamp alone, for carriers that have a field to spare for it.
#[must_use]
pub fn write_stamp(stamp: &Stamp) -> String {
    let operation = stamp.operation.map(OperationId::digits).unwrap_or_default();
    let trace = stamp.trace.as_ref().map_or("", TraceParent::as_str);
    format!("{operation}:{trace}")
}

/// Reads what [`write_stamp`] wrote; of anything else, nothing.
fn read_stamp(text: &str) -> Stamp {
    let (operation, trace) = text.split_once(':').unwrap_or_default();
    Stamp { operation: OperationId::parse(operation), trace: TraceParent::parse(trace) }
}

/// The stamp among a job's correlation data, which has a member of its own for it.
#[must_use]
pub fn stamp_of(correlation: &BTreeMap<String, String>) -> Stamp {
    correlation.get(CORRELATION_STAMP).map(|text| read_stamp(text)).unwrap_or_default()
}

fn stamped(object: &str, form: Form, stamp: &Stamp) -> String {
    let open = &object[..object.len() - 1];
    let comma = if open == "{" { "" } else { "," };
    let form = if form == Form::Escaped { '1' } else { '0' };
    format!("{open}{comma}{STAMP}{form}:{}\"}}", write_stamp(stamp))
}

/// Splits our last member off; text without one comes back as it is.
fn take_stamp(text: &str) -> (String, Form, Stamp) {
    let unstamped = || (text.to_owned(), Form::Plain, Stamp::default());
    let Some((before, after)) = text.rsplit_once(STAMP) else { return unstamped() };
    let (Some(open), Some(value)) = (before.strip_suffix([',', '{']), after.strip_suffix("\"}")) else {
        return unstamped();
    };
    let (form, stamp) = match value.split_once(':') {
        Some(("0", stamp)) => (Form::Plain, stamp),
        Some(("1", stamp)) => (Form::Escaped, stamp),
        _ => return unstamped(),
    };
    let bare = if open.is_empty() { "{}".to_owned() } else { format!("{open}}}") };
    (bare, form, read_stamp(stamp))
}

/// The escapes `\uXXXX` of a JSON text, with where each begins.
fn unicode_escapes(json: &str) -> impl Iterator<Item = (usize, u16)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            at += json.get(at..)?.find('\\')?;
            let start = at;
            at += 2;
            if json.as_bytes().get(start + 1) == Some(&b'u') {
                at += 4;
                let unit = u16::from_str_radix(json.get(start + 2..at)?, 16).ok()?;
                return Some((start, unit));
            }
        }
    })
}

fn has_escapes_beyond_ascii(json: &str) -> bool {
    unicode_escapes(json).any(|(_, unit)| u32::from(unit) >= u32::from(FIRST_ESCAPED))
}

fn escape(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len() * 2);
    for character in json.chars() {
        if character < FIRST_ESCAPED {
            ascii.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(ascii, "\\u{unit:04x}").expect("a String takes all that is written to it");
        }
    }
    ascii
}

/// Undoes [`escape`]: escapes beyond ASCII become the characters they were.
fn unescape(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut copied = 0;
    let mut escapes =
        unicode_escapes(json).filter(|&(_, unit)| u32::from(unit) >= u32::from(FIRST_ESCAPED)).peekable();
    while let Some((start, unit)) = escapes.next() {
        let follower = escapes.peek().filter(|&&(next, _)| next == start + 6).map(|&(_, low)| low);
        let units = [unit, follower.unwrap_or_default()];
        let pair = char::decode_utf16(units).next().and_then(Result::ok);
        let Some(character) = pair else { continue };
        text.push_str(&json[copied..start]);
        text.push(character);
        copied = start + 6 * character.len_utf16();
        if character.len_utf16() == 2 {
            escapes.next();
        }
    }
    text.push_str(&json[copied..]);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn stamp() -> Stamp {
        let operation = OperationId::of_request("1", "request.blob.copy", None);
        Stamp { operation: Some(operation), trace: TraceParent::parse(TRACE) }
    }

    #[test]
    fn blank_and_guid_texts_become_what_the_original_made_of_them() {
        let foreign = |text: &str| Arrived::Foreign(OperationContext::parse(text).unwrap());
        assert_eq!(read(""), foreign("{}"));
        assert_eq!(read("  \t"), foreign("{}"));
        let guid = foreign(r#"{"~GUID":"0f0b1b66-3c0b-4c1d-9f32-6a4d2a2f2a11"}"#);
        for form in [
            "0F0B1B66-3C0B-4C1D-9F32-6A4D2A2F2A11",
            "0f0b1b663c0b4c1d9f326a4d2a2f2a11",
            "{0f0b1b66-3c0b-4c1d-9f32-6a4d2a2f2a11}",
            "(0f0b1b66-3c0b-4c1d-9f32-6a4d2a2f2a11)",
        ] {
            assert_eq!(read(form), guid, "{form}");
        }
        assert_eq!(read("azcopy \"10\""), foreign(r#"{"~special":"azcopy \"10\""}"#));
        for text in ["[1]", "{broken", "\"x\"", "7"] {
            assert!(matches!(read(text), Arrived::Foreign(_)), "{text}");
        }
        let ours = Arrived::Context(OperationContext::parse(r#"{"a":1}"#).unwrap(), Stamp::default());
        assert_eq!(read(r#"{"a":1}"#), ours);
    }

    #[test]
    fn a_context_that_does_not_fit_is_not_cut() {
        let context = OperationContext::parse(&format!("{{\"a\":\"{}\"}}", "x".repeat(1_100))).unwrap();
        assert_eq!(write(&context, &stamp(), 1_024), Err(NotCarriable { bytes_max: 1_024 }));
        let reference = ContextReference { account: "inbox01".into(), operation: stamp().operation.unwrap() };
        let carried = reference.carried(stamp().trace.as_ref());
        assert!(carried.as_str().len() <= 200);
        assert_eq!(read(carried.as_str()), Arrived::Reference(reference, stamp()));
    }

    #[test]
    fn a_reference_that_nobody_of_us_wrote_is_a_context() {
        for text in
            [r#"{"~ref":"x"}"#, r#"{"~ref":"../a/28f4bfd4eb1e5e5f9df4d8e7c6eb9da9"}"#, r#"{"~ref":7}"#]
        {
            assert!(matches!(read(text), Arrived::Context(..)), "{text}");
        }
    }

    #[test]
    fn escapes_of_the_callers_own_are_never_confused_with_ours() {
        let mixed = OperationContext::parse(r#"{"raw":"é","escaped":"\u00e9"}"#).unwrap();
        assert!(write(&mixed, &stamp(), 10_000).is_err());
        for text in [
            r#"{"a":"\u00e9\\u00e9"}"#,
            r#"{"é":"\\u00e9 \u0041 \\\\"}"#,
            r#"{"lone":"\ud800"}"#,
            r#"{"𝄞":"\n"}"#,
        ] {
            let context = OperationContext::parse(text).unwrap();
            let carried = write(&context, &stamp(), 10_000).unwrap();
            assert!(carried.as_str().bytes().all(|b| (0x20..0x7f).contains(&b)), "{carried:?}");
            assert_eq!(read(carried.as_str()), Arrived::Context(context, stamp()), "{text}");
        }
    }

    #[test]
    fn a_stamp_inside_the_callers_own_objects_is_left_there() {
        for text in
            [r#"{"a":{"~gw":"0:x:y"}}"#, r#"{"a":"\"~gw\":\"0::\"}"}"#, r#"{"~gw":"2::"}"#, r#"{"~gw":7}"#]
        {
            let context = OperationContext::parse(text).unwrap();
            assert_eq!(read(text), Arrived::Context(context.clone(), Stamp::default()), "{text}");
            let carried = write(&context, &stamp(), 10_000).unwrap();
            assert_eq!(read(carried.as_str()), Arrived::Context(context, stamp()), "{text}");
        }
    }

    fn json() -> impl Strategy<Value = String> {
        let number = prop_oneof![
            any::<i128>().prop_map(|n| n.to_string()),
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| format!("{f:e}")),
            "-?[1-9][0-9]{0,30}(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
        ];
        let text = prop_oneof![
            any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
            "\"(\\\\u[0-9a-fA-F]{4}|\\\\[bfnrt\"\\\\/]|[a-zA-Z ]){0,20}\"",
            Just("\"2024-01-01T00:00:00.000Z\"".to_owned()),
        ];
        let leaf = prop_oneof![number, text.clone(), Just("null".to_owned()), Just("true".to_owned())];
        leaf.prop_recursive(6, 64, 8, move |inner| {
            let members = prop::collection::vec((text.clone(), inner.clone(), "[ \t\r\n]{0,3}"), 0..8);
            prop_oneof![
                prop::collection::vec(inner, 0..8).prop_map(|all| format!("[{}]", all.join(" , "))),
                members.prop_map(object),
            ]
        })
    }

    fn object(members: Vec<(String, String, String)>) -> String {
        let members =
            members.into_iter().map(|(name, value, space)| format!("{space}{name}{space}:{space}{value}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }

    proptest! {
        #[test]
        fn any_object_comes_back_in_the_same_spelling(value in json()) {
            let text = format!("{{\"value\" :{value}}}");
            let context = OperationContext::parse(&text).unwrap();
            match write(&context, &stamp(), usize::MAX) {
                Ok(carried) => {
                    prop_assert!(carried.as_str().bytes().all(|b| (0x20..0x7f).contains(&b)));
                    prop_assert_eq!(read(carried.as_str()), Arrived::Context(context, stamp()));
                }
                Err(_) => {
                    let is_mixed = has_escapes_beyond_ascii(&text) && text.chars().any(|c| c >= FIRST_ESCAPED);
                    prop_assert!(is_mixed, "{}", text);
                }
            }
        }

        #[test]
        fn any_text_at_all_is_read_without_a_crash(text in any::<String>()) {
            let _ = read(&text);
            let _ = read(&format!("{{{STAMP}{text}\"}}"));
            let _ = unescape(&text);
        }
    }
}
