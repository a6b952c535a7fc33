//! An event as a topic keeps it: read once, stored once, shared by all who deliver it. Not how it arrived.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::OffsetDateTime;

/// How a topic's publishers spell their events. Custom input schemas are not played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum InputSchema {
    /// The original Event Grid schema.
    #[default]
    EventGridSchema,
    /// CloudEvents 1.0 in JSON.
    CloudEventSchemaV1_0,
}

impl InputSchema {
    /// The name errors and the `aeg-input-event-schema` header use.
    pub(super) const fn wire_name(self) -> &'static str {
        match self {
            Self::EventGridSchema => "EventGridEvent",
            Self::CloudEventSchemaV1_0 => "CloudEventV10",
        }
    }
}

/// The members of a JSON object, each as its sender wrote it.
pub(super) type Members<'a> = BTreeMap<String, &'a RawValue>;

/// What is read of an event to route, filter and describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    pub id: String,
    /// The topic's ARM id, or a CloudEvent's `source`.
    pub source: Arc<str>,
    pub subject: String,
    pub event_type: String,
    /// CloudEvents have none.
    pub data_version: String,
}

/// An event, complete and in its final spelling.
#[derive(Debug)]
pub(super) struct Event {
    pub envelope: Envelope,
    /// When the topic accepted it.
    pub published: OffsetDateTime,
    schema: InputSchema,
    text: Bytes,
    /// The conversion, made when the first subscription wants it.
    as_cloud_event: OnceLock<Bytes>,
}

/// An Event Grid event as it is delivered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventGridText<'a> {
    pub id: &'a str,
    pub topic: &'a str,
    pub subject: &'a str,
    pub event_type: &'a str,
    pub event_time: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<&'a RawValue>,
    pub data_version: &'a str,
    pub metadata_version: &'a str,
}

/// An Event Grid event's conversion. Its data version has no place there.
#[derive(Serialize)]
struct CloudEventText<'a> {
    specversion: &'a str,
    id: &'a str,
    source: &'a str,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "str::is_empty")]
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

impl Event {
    /// An event of a topic with this schema, whose text is a JSON object of this schema.
    pub fn new(schema: InputSchema, envelope: Envelope, text: Bytes, published: OffsetDateTime) -> Self {
        Self { envelope, published, schema, text, as_cloud_event: OnceLock::new() }
    }

    /// The event in its topic's schema.
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// The event in the schema a subscription asked for. CloudEvents stay CloudEvents: creation sees to that.
    pub fn text_in(&self, schema: InputSchema) -> &Bytes {
        match (self.schema, schema) {
            (InputSchema::EventGridSchema, InputSchema::CloudEventSchemaV1_0) => {
                self.as_cloud_event.get_or_init(|| self.convert())
            }
            _ => &self.text,
        }
    }

    fn convert(&self) -> Bytes {
        let members: Members<'_> = serde_json::from_slice(&self.text).unwrap_or_default();
        let envelope = &self.envelope;
        to_bytes(&CloudEventText {
            specversion: "1.0",
            id: &envelope.id,
            source: &envelope.source,
            r#type: &envelope.event_type,
            time: members.get("eventTime").copied(),
            subject: &envelope.subject,
            data: members.get("data").copied(),
        })
    }
}

/// JSON of something whose members are strings and raw JSON.
pub(super) fn to_bytes(text: &impl Serialize) -> Bytes {
    serde_json::to_vec(text).expect("strings and raw JSON always serialize").into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use time::macros::datetime;

    use super::*;

    #[test]
    fn an_event_grid_event_becomes_a_cloud_event() {
        let envelope = Envelope {
            id: "1".to_owned(),
            source: "/topics/t".into(),
            subject: String::new(),
            event_type: "made".to_owned(),
            data_version: "1.0".to_owned(),
        };
        let text = r#"{"id":"1","eventTime":"2026-03-04T09:00:00","data":{"n":1.50}}"#;
        let event =
            Event::new(InputSchema::EventGridSchema, envelope, text.into(), datetime!(2026-03-04 09:00 UTC));
        let converted = event.text_in(InputSchema::CloudEventSchemaV1_0);
        assert_eq!(
            serde_json::from_slice::<Value>(converted).expect("JSON"),
            json!({"specversion": "1.0", "id": "1", "source": "/topics/t", "type": "made",
                   "time": "2026-03-04T09:00:00", "data": {"n": 1.5}})
        );
        assert!(String::from_utf8_lossy(converted).contains("1.50"), "data keeps its spelling");
        assert_eq!(event.text_in(InputSchema::EventGridSchema), text.as_bytes());
    }
}
