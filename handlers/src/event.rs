//! Events as they arrive: the Event Grid and CloudEvents envelopes, read from one delivery. Not what their data means.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::text::Text;

/// A batch larger than this is refused: it is the largest Event Grid can be told to deliver (`maxEventsPerBatch`).
pub const EVENTS_MAX: usize = 5_000;

/// One event out of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Unique per publisher; a redelivery carries it again.
    pub id: String,
    /// What handlers are found by.
    pub event_type: String,
    /// Where in the publisher's world it happened.
    pub subject: String,
    /// As sent; absent in CloudEvents and empty in storage events.
    pub data_version: String,
    /// When it happened, as its publisher spelled it; empty when it does not say.
    pub time: String,
    /// W3C trace context, when the event carried one.
    pub trace: Option<TraceParent>,
    /// The event's `data` as sent, `null` when it had none.
    pub data: Bytes,
    /// How often the courier says that it has tried before.
    pub tries_before: u32,
}

/// An element of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// An event that can be dispatched.
    Event(Event),
    /// Something that is no event: nobody can be told, so the courier is.
    Unusable(Unusable),
}

/// Why an element of a delivery is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("[{index}]{member}: expected {expected}")]
pub struct Unusable {
    /// Its place in the delivery, from 0.
    pub index: usize,
    /// The member at fault, with a leading dot, or nothing when it is the element itself.
    pub member: &'static str,
    /// What should have been there.
    pub expected: &'static str,
}

/// Why a body is no delivery at all.
#[derive(Debug, thiserror::Error)]
pub enum NotEvents {
    /// Not text that JSON could be written in.
    #[error("expected JSON in UTF-8")]
    NotUtf8,
    /// Nothing but white space.
    #[error("expected an array of events, found an empty body")]
    Empty,
    /// Not JSON, or neither an array nor an object.
    #[error("expected an array of events or one event: {0}")]
    NotJson(serde_json::Error),
    /// `[]`.
    #[error("expected at least one event, found an empty array")]
    NoEvents,
    /// More than [`EVENTS_MAX`].
    #[error("expected at most {EVENTS_MAX} events")]
    TooMany,
    /// Elements, but not one event among them; the first says why.
    #[error("{0}")]
    NoneUsable(Unusable),
}

/// Reads a delivery: an array of events, or one event alone, in either schema.
///
/// Elements that are no events are reported in their place, so that one bad element does not cost the others.
///
/// # Errors
/// When the body holds no event at all.
pub fn read_delivery(body: &Bytes) -> Result<Vec<Arrival>, NotEvents> {
    let text = std::str::from_utf8(body).map_err(|_| NotEvents::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_ascii();
    if text.is_empty() {
        return Err(NotEvents::Empty);
    }
    let elements = if text.starts_with('[') {
        serde_json::from_str::<Elements<'_>>(text).map_err(NotEvents::NotJson)?.0
    } else {
        vec![serde_json::from_str(text).map_err(NotEvents::NotJson)?]
    };
    if elements.is_empty() {
        return Err(NotEvents::NoEvents);
    }
    if elements.len() > EVENTS_MAX {
        return Err(NotEvents::TooMany);
    }
    let arrivals = elements.into_iter().enumerate().map(|(index, element)| element.into_arrival(index, body));
    let arrivals = arrivals.collect::<Vec<_>>();
    match arrivals.iter().find(|a| matches!(a, Arrival::Event(_))) {
        Some(_) => Ok(arrivals),
        None => Err(NotEvents::NoneUsable(first_reason(arrivals))),
    }
}

fn first_reason(arrivals: Vec<Arrival>) -> Unusable {
    let first = arrivals.into_iter().find_map(|arrival| match arrival {
        Arrival::Unusable(reason) => Some(reason),
        Arrival::Event(_) => None,
    });
    first.expect("a delivery without events that is not empty has an unusable element")
}

/// W3C trace context of version 00, as `traceparent` spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent(String);

impl TraceParent {
    /// Takes a `traceparent` value, or nothing when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let widths = [2, 32, 16, 2];
        let well_formed = widths.iter().all(|&width| {
            parts.next().is_some_and(|part| {
                part.len() == width && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            })
        });
        (well_formed && parts.next().is_none() && text.starts_with("00-")).then(|| Self(text.to_owned()))
    }

    /// The value as it travels.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Members of both envelopes, each as it was spelled.
#[derive(Default)]
struct Members<'a> {
    id: Option<&'a RawValue>,
    event_type: Option<&'a RawValue>,
    cloud_type: Option<&'a RawValue>,
    spec_version: Option<&'a RawValue>,
    subject: Option<&'a RawValue>,
    data_version: Option<&'a RawValue>,
    event_time: Option<&'a RawValue>,
    cloud_time: Option<&'a RawValue>,
    traceparent: Option<&'a RawValue>,
    data: Option<&'a RawValue>,
    data_base64: Option<&'a RawValue>,
    repeated: Option<&'static str>,
}

impl<'a> Members<'a> {
    /// Names of members, each with a dot.
    const NAMES: [&'static str; 11] = [
        ".id",
        ".eventType",
        ".type",
        ".specversion",
        ".subject",
        ".dataVersion",
        ".eventTime",
        ".time",
        ".traceparent",
        ".data",
        ".data_base64",
    ];

    /// The slot of a member, by its name with a dot.
    fn slot(&mut self, name: &str) -> Option<&mut Option<&'a RawValue>> {
        Some(match name {
            ".id" => &mut self.id,
            ".eventType" => &mut self.event_type,
            ".type" => &mut self.cloud_type,
            ".specversion" => &mut self.spec_version,
            ".subject" => &mut self.subject,
            ".dataVersion" => &mut self.data_version,
            ".eventTime" => &mut self.event_time,
            ".time" => &mut self.cloud_time,
            ".traceparent" => &mut self.traceparent,
            ".data" => &mut self.data,
            ".data_base64" => &mut self.data_base64,
            _ => return None,
        })
    }

    /// Names are matched without case, as Event Grid's conversions vary it.
    fn set(&mut self, name: &str, value: &'a RawValue) {
        let known = Self::NAMES.into_iter().find(|known| known[1..].eq_ignore_ascii_case(name));
        let Some((slot, name)) = known.and_then(|name| Some((self.slot(name)?, name))) else { return };
        if slot.replace(value).is_some() {
            self.repeated = Some(name);
        }
    }

    fn into_event(self, body: &Bytes) -> Result<Event, (&'static str, &'static str)> {
        if let Some(member) = self.repeated {
            return Err((member, "one member of that name"));
        }
        let event_type = match self.spec_version {
            Some(version) if text(Some(version)).as_deref() != Some("1.0") => {
                return Err((".specversion", "\"1.0\""));
            }
            Some(_) => non_empty(self.cloud_type).ok_or((".type", "a non-empty string"))?,
            None => non_empty(self.event_type).ok_or((".eventType", "a non-empty string"))?,
        };
        Ok(Event {
            id: non_empty(self.id).ok_or((".id", "a non-empty string"))?,
            event_type,
            subject: text(self.subject).unwrap_or_default().into_owned(),
            data_version: text(self.data_version).unwrap_or_default().into_owned(),
            time: text(self.event_time.or(self.cloud_time)).unwrap_or_default().into_owned(),
            trace: text(self.traceparent).and_then(|t| TraceParent::parse(&t)),
            data: self.data(body)?,
            tries_before: 0,
        })
    }

    fn data(&self, body: &Bytes) -> Result<Bytes, (&'static str, &'static str)> {
        match (self.data, self.data_base64) {
            (Some(data), _) => Ok(body.slice_ref(data.get().as_bytes())),
            (None, None) => Ok(Bytes::from_static(b"null")),
            (None, Some(encoded)) => {
                let encoded = text(Some(encoded)).ok_or((".data_base64", "a string"))?;
                STANDARD.decode(&*encoded).map(Bytes::from).map_err(|_| (".data_base64", "Base64"))
            }
        }
    }
}

fn text(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(raw?.get()).ok().map(|Text(text)| text)
}

fn non_empty(raw: Option<&RawValue>) -> Option<String> {
    text(raw).filter(|t| !t.is_empty()).map(Cow::into_owned)
}

/// One element of a delivery, read in one pass whatever it is.
enum Element<'a> {
    Object(Box<Members<'a>>),
    Other,
}

impl Element<'_> {
    fn into_arrival(self, index: usize, body: &Bytes) -> Arrival {
        let event = match self {
            Self::Object(members) => members.into_event(body),
            Self::Other => Err(("", "an event object")),
        };
        match event {
            Ok(event) => Arrival::Event(event),
            Err((member, expected)) => Arrival::Unusable(Unusable { index, member, expected }),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Element<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementVisitor)
    }
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Box::<Members<'de>>::default();
        while let Some(Text(name)) = map.next_key::<Text<'_>>()? {
            members.set(&name, map.next_value()?);
        }
        Ok(Element::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Element::Other)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Element::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Element::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Element::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Element::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Element::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Element::Other)
    }
}

/// The elements of an array. One beyond [`EVENTS_MAX`] is kept to show that there are too many, and no more: a megabyte of
/// small ones would take a hundred.
struct Elements<'a>(Vec<Element<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Elements<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ElementsVisitor).map(Self)
    }
}

struct ElementsVisitor;

impl<'de> Visitor<'de> for ElementsVisitor {
    type Value = Vec<Element<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while elements.len() <= EVENTS_MAX {
            let Some(element) = seq.next_element()? else { return Ok(elements) };
            elements.push(element);
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Vec<Arrival>, NotEvents> {
        read_delivery(&Bytes::copy_from_slice(body.as_bytes()))
    }

    fn one(body: &str) -> Event {
        match read(body).unwrap().remove(0) {
            Arrival::Event(event) => event,
            Arrival::Unusable(reason) => panic!("{reason}"),
        }
    }

    #[test]
    fn an_event_grid_event_is_read_whatever_the_case_of_its_members() {
        let event = one(
            r#"[{"ID":"1","EventType":"t","DataVersion":"1.0","Subject":"s","EventTime":"now","Data":{"a": 1}}]"#,
        );
        assert_eq!(event.time, "now");
        assert_eq!((event.id.as_str(), event.event_type.as_str()), ("1", "t"));
        assert_eq!((event.data_version.as_str(), event.subject.as_str()), ("1.0", "s"));
        assert_eq!(event.data, Bytes::from_static(br#"{"a": 1}"#));
    }

    #[test]
    fn a_cloud_event_is_read_alone_and_in_an_array() {
        let body = r#"{"specversion":"1.0","id":"1","source":"/x","type":"t","data_base64":"e30=",
            "traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}"#;
        let event = one(body);
        assert_eq!((event.event_type.as_str(), event.data_version.as_str()), ("t", ""));
        assert_eq!(event.data, Bytes::from_static(b"{}"));
        assert!(event.trace.is_some());
        assert_eq!(one(&format!("[{body}]")), event);
    }

    #[test]
    fn a_bad_element_does_not_cost_its_neighbours() {
        let arrivals =
            read(r#"[null,{"eventType":"t","id":"1"},{"id":"2"},[[1],{}],{"eventType":"t","id":7}]"#)
                .unwrap();
        let reasons = arrivals.iter().filter_map(|a| match a {
            Arrival::Unusable(reason) => Some(reason.to_string()),
            Arrival::Event(_) => None,
        });
        assert_eq!(
            reasons.collect::<Vec<_>>(),
            [
                "[0]: expected an event object",
                "[2].eventType: expected a non-empty string",
                "[3]: expected an event object",
                "[4].id: expected a non-empty string",
            ]
        );
    }

    #[test]
    fn what_holds_no_event_says_what_was_expected() {
        for (body, expected) in [
            ("", "expected an array of events, found an empty body"),
            (" \r\n\t", "expected an array of events, found an empty body"),
            ("[]", "expected at least one event, found an empty array"),
            ("null", "[0]: expected an event object"),
            ("[null]", "[0]: expected an event object"),
            ("\"text\"", "[0]: expected an event object"),
            ("[1]", "[0]: expected an event object"),
            ("{}", "[0].eventType: expected a non-empty string"),
            (
                r#"{"id":"1","eventType":"a","EVENTTYPE":"b"}"#,
                "[0].eventType: expected one member of that name",
            ),
            (r#"{"specversion":"0.3","id":"1","type":"a"}"#, "[0].specversion: expected \"1.0\""),
        ] {
            assert_eq!(read(body).unwrap_err().to_string(), expected, "{body}");
        }
        for body in ["{", "[{]", "[1,]", "nul", "{\"a\":\"\n\"}", "[] []"] {
            assert!(matches!(read(body), Err(NotEvents::NotJson(_))), "{body}");
        }
        assert!(matches!(read_delivery(&Bytes::from_static(b"[\"\xff\"]")), Err(NotEvents::NotUtf8)));
        let many = format!("[{}1]", "1,".repeat(EVENTS_MAX));
        assert!(matches!(read(&many), Err(NotEvents::TooMany)));
    }

    #[test]
    fn a_byte_order_mark_and_deep_nesting_do_no_harm() {
        assert_eq!(one("\u{feff}[{\"id\":\"1\",\"eventType\":\"t\"}]").data, Bytes::from_static(b"null"));
        let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read(&deep).is_err());
        let deep =
            format!(r#"{{"id":"1","eventType":"t","data":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(one(&deep).data.len(), 200_000);
    }

    #[test]
    fn a_trace_parent_is_taken_only_when_well_formed() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(TraceParent::parse(good).map(|t| t.as_str().to_owned()), Some(good.to_owned()));
        for bad in ["", "00-0-0-0", &good.to_uppercase(), &format!("{good}-"), &good.replace("00-", "ff-")] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }
}
