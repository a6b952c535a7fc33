//! Writes what could not be delivered into blobs. Not when an event is given up.

use bytes::Bytes;
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::mailbox::Letter;
use super::requests::array;
use crate::event_grid::InputSchema;
use crate::event_grid::timestamp;

/// Why an event was given up, as `deadLetterReason` has it. Only the first word is documented.
pub(crate) const ATTEMPTS_EXCEEDED: &str = "MaxDeliveryAttemptsExceeded";
pub(crate) const TIME_TO_LIVE_EXCEEDED: &str = "TimeToLiveExceeded";
pub(crate) const NOT_RETRIABLE: &str = "NonRetriableFailure";

/// The content type of a dead-letter blob.
pub(crate) const CONTENT_TYPE: &str = "application/json";

/// `TOPIC/SUBSCRIPTION/yyyy/MM/dd/HH/guid.json`.
pub(crate) fn blob_name(topic: &str, subscription: &str, id: Uuid, now: OffsetDateTime) -> String {
    let (topic, subscription) = (topic.to_uppercase(), subscription.to_uppercase());
    let (year, month, day, hour) = (now.year(), u8::from(now.month()), now.day(), now.hour());
    format!("{topic}/{subscription}/{year:04}/{month:02}/{day:02}/{hour:02}/{id}.json")
}

/// A blob's content: a JSON array of events in the subscription's schema, each with its story.
pub(crate) fn content(letters: &[Letter], schema: InputSchema) -> Bytes {
    let texts = letters.iter().map(|letter| letter_text(letter, schema)).collect::<Vec<_>>();
    array(&texts)
}

/// The event with more members. CloudEvents extensions are in lower case.
fn letter_text(letter: &Letter, schema: InputSchema) -> Bytes {
    let pending = &letter.pending;
    let spell = |name: &str| match schema {
        InputSchema::EventGridSchema => name.to_owned(),
        InputSchema::CloudEventSchemaV1_0 => name.to_ascii_lowercase(),
    };
    let mut story = vec![
        ("deadLetterReason", json!(letter.reason)),
        ("deliveryAttempts", json!(pending.attempts)),
        ("publishTime", json!(timestamp::ticks(pending.event.published))),
    ];
    if let Some((outcome, time)) = pending.last {
        story.push(("lastDeliveryOutcome", json!(outcome)));
        story.push(("lastDeliveryAttemptTime", json!(timestamp::ticks(time))));
    }
    let event = pending.event.text_in(schema).trim_ascii_end();
    let mut text = event.strip_suffix(b"}").unwrap_or(event).to_vec();
    for (name, value) in story {
        text.extend_from_slice(format!(",\"{}\":{value}", spell(name)).as_bytes());
    }
    text.push(b'}');
    text.into()
}
