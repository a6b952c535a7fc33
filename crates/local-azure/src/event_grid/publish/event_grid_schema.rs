//! Events in the Event Grid schema, from publishers and from the platform. Not CloudEvents.

use std::sync::Arc;

use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::problem::Problem;
use super::reading::{self, Shape, optional, required};
use crate::event_grid::event::{Envelope, Event, EventGridText, to_bytes};
use crate::event_grid::{InputSchema, timestamp};
use crate::inside::{Occurrence, PlatformEvent};

const SCHEMA: InputSchema = InputSchema::EventGridSchema;
/// The only version of the envelope there is.
const METADATA_VERSION: &str = "1";

/// Reads a published body: an array of events or, undocumented but measured, a single one.
pub(crate) fn read(body: &[u8], topic: &Arc<str>, now: OffsetDateTime) -> Result<Vec<Arc<Event>>, Problem> {
    let objects = reading::objects(body, SCHEMA, Shape::Either)?;
    objects.into_iter().map(|event| read_one(event, topic, now).map(Arc::new)).collect()
}

/// The order of these checks is the order in which real topics name the first missing member.
fn read_one(event: &RawValue, topic: &Arc<str>, now: OffsetDateTime) -> Result<Event, Problem> {
    let members = reading::members(event, SCHEMA)?;
    let subject = required(&members, "subject", "subject", SCHEMA)?;
    let id = required(&members, "id", "id", SCHEMA)?;
    let event_type = required(&members, "eventType", "eventType", SCHEMA)?;
    let event_time = required(&members, "eventTime", "eventTime", SCHEMA)?;
    if timestamp::parse(&event_time).is_none() {
        return Err(Problem::invalid_member(SCHEMA, "eventTime", "a date"));
    }
    let data_version = optional(&members, "dataVersion", "dataVersion", SCHEMA)?;
    if data_version.as_deref() == Some("") {
        return Err(Problem::requires(SCHEMA, "dataVersion"));
    }
    let metadata_version = optional(&members, "metadataVersion", "metadataVersion", SCHEMA)?;
    if metadata_version.is_some_and(|version| version != METADATA_VERSION) {
        return Err(Problem::invalid_member(SCHEMA, "metadataVersion", "'1' or absent"));
    }
    if optional(&members, "topic", "topic", SCHEMA)?.is_some_and(|named| *named != **topic) {
        return Err(Problem::unauthorized(
            "The topic that the event names is not the one it was published to.",
        ));
    }
    let data_version = data_version.unwrap_or_default();
    let envelope = Envelope { id, source: Arc::clone(topic), subject, event_type, data_version };
    Ok(stamp(envelope, &event_time, members.get("data").copied(), now))
}

/// An event the platform raises.
pub(crate) fn from_platform(
    raised: PlatformEvent,
    topic: &Arc<str>,
    occurrence: Occurrence,
    now: OffsetDateTime,
) -> Event {
    let envelope = Envelope {
        id: occurrence.id.to_string(),
        source: Arc::clone(topic),
        subject: raised.subject,
        event_type: raised.event_type.to_owned(),
        data_version: raised.data_version.to_owned(),
    };
    let data = serde_json::value::to_raw_value(&raised.data).expect("a JSON value always serializes");
    stamp(envelope, &timestamp::ticks(occurrence.time), Some(&data), now)
}

fn stamp(envelope: Envelope, event_time: &str, data: Option<&RawValue>, now: OffsetDateTime) -> Event {
    let text = to_bytes(&EventGridText {
        id: &envelope.id,
        topic: &envelope.source,
        subject: &envelope.subject,
        event_type: &envelope.event_type,
        event_time,
        data,
        data_version: &envelope.data_version,
        metadata_version: METADATA_VERSION,
    });
    Event::new(SCHEMA, envelope, text, now)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-03-04 09:00 UTC);

    fn text(event: &Event) -> Value {
        serde_json::from_slice(event.text()).expect("JSON")
    }

    #[test]
    fn a_published_event_is_stamped_and_keeps_the_spelling_of_its_data() {
        let body = br#" {"id":"1","subject":"s","eventType":"t","eventTime":"2024-02-11T08:14:55.1032217",
            "data":{"amount":1.10, "big":123456789012345678901234567890},"extra":true}"#;
        let events = read(body, &"/topics/t".into(), NOW).expect("a valid event");
        let stamped = String::from_utf8_lossy(events[0].text()).into_owned();
        assert!(
            stamped.contains(r#""data":{"amount":1.10, "big":123456789012345678901234567890}"#),
            "{stamped}"
        );
        assert!(stamped.contains(r#""eventTime":"2024-02-11T08:14:55.1032217""#), "{stamped}");
        assert!(stamped.contains(r#""topic":"/topics/t""#) && stamped.contains(r#""metadataVersion":"1""#));
        assert!(stamped.contains(r#""dataVersion":"""#) && !stamped.contains("extra"), "{stamped}");
    }

    #[test]
    fn a_platform_event_is_given_identity_time_and_topic() {
        let raised = PlatformEvent {
            topic: "/storage/a".to_owned(),
            subject: "/blobs/b".to_owned(),
            event_type: "Microsoft.Storage.BlobCreated",
            data_version: "",
            data: json!({"api": "PutBlob"}),
            occurrence: None,
        };
        let occurrence = Occurrence { id: Uuid::nil(), time: NOW };
        let event = from_platform(raised, &"/storage/A".into(), occurrence, NOW);
        assert_eq!(
            text(&event),
            json!({"id": "00000000-0000-0000-0000-000000000000", "topic": "/storage/A", "subject": "/blobs/b",
                   "eventType": "Microsoft.Storage.BlobCreated", "eventTime": "2026-03-04T09:00:00.0000000Z",
                   "data": {"api": "PutBlob"}, "dataVersion": "", "metadataVersion": "1"})
        );
    }
}
