//! What a dead letter of ours looks like, and how its blob is called: as Event Grid has it. Not where it is written.

use gridwich_handlers::event::Event;
use gridwich_handlers::participants::{DeadLetter, ParticipantError};
use serde::Serialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

/// What stands where Event Grid has the name of a topic.
const FOLDER: &str = "GRIDWICH";
/// Event Grid's own: .NET ticks, seven digits after the point.
const TICKS: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");

/// An event with its story, as Event Grid writes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    id: &'a str,
    subject: &'a str,
    event_type: &'a str,
    event_time: &'a str,
    data_version: &'a str,
    metadata_version: &'static str,
    data: &'a RawValue,
    dead_letter_reason: &'static str,
    delivery_attempts: u32,
    last_delivery_outcome: &'static str,
    publish_time: &'a str,
    last_delivery_attempt_time: &'a str,
}

/// A blob's content: an array, as where Event Grid puts several.
pub(super) fn text(letter: DeadLetter<'_>, now: OffsetDateTime) -> Result<String, ParticipantError> {
    let unwritable = |_| ParticipantError::Rejected("its data is no JSON".to_owned(), None);
    let DeadLetter { event, reason, outcome, .. } = letter;
    let now = now.format(TICKS).unwrap_or_default();
    let time = if event.time.is_empty() { &now } else { &event.time };
    let record = Record {
        id: &event.id,
        subject: &event.subject,
        event_type: &event.event_type,
        event_time: time,
        data_version: &event.data_version,
        metadata_version: "1",
        data: serde_json::from_slice(&event.data).map_err(unwritable)?,
        dead_letter_reason: reason.as_str(),
        delivery_attempts: event.tries_before.saturating_add(1),
        last_delivery_outcome: outcome,
        // The courier does not say when it was published.
        publish_time: time,
        last_delivery_attempt_time: &now,
    };
    serde_json::to_string(&[record]).map_err(unwritable)
}

/// `GRIDWICH/REQUEST.BLOB.COPY/yyyy/MM/dd/HH/guid.json`, by the event's own hour: a redelivery comes in another.
pub(super) fn blob_name(letter: DeadLetter<'_>) -> String {
    let DeadLetter { event, name, .. } = letter;
    let event_type = event.event_type.to_uppercase();
    format!("{FOLDER}/{event_type}/{}{name}.json", hour(event))
}

/// `yyyy/MM/dd/HH/`; nothing for what is no such time.
fn hour(event: &Event) -> String {
    const PATTERN: &[u8] = b"dddd-dd-ddTdd";
    let Some(start) = event.time.get(..PATTERN.len()) else { return String::new() };
    let fits = start.bytes().zip(PATTERN).all(|(byte, pattern)| match pattern {
        b'd' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        other => byte == *other,
    });
    if !fits {
        return String::new();
    }
    let (year, month, day, hour) = (&start[..4], &start[5..7], &start[8..10], &start[11..13]);
    format!("{year}/{month}/{day}/{hour}/")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use gridwich_handlers::participants::DeadLetterReason;
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    fn event() -> Event {
        Event {
            id: "req-7741".into(),
            event_type: "request.blob.copy".into(),
            subject: "/studio/7741".into(),
            data_version: "1.0".into(),
            time: "2026-03-04T09:10:00.0000000Z".into(),
            trace: None,
            data: Bytes::from_static(br#"{"n": 1.50}"#),
            tries_before: 5,
        }
    }

    fn letter(event: &Event) -> DeadLetter<'_> {
        let (reason, outcome) = (DeadLetterReason::HandlerPanicked, "GridwichUnhandledException");
        DeadLetter { event, name: Uuid::nil(), reason, outcome }
    }

    #[test]
    fn a_letter_is_written_as_event_grid_writes_it() {
        let now = datetime!(2026-03-04 09:26:41.003 UTC);
        let expected = r#"[{"id":"req-7741","subject":"/studio/7741","eventType":"request.blob.copy","eventTime":"2026-03-04T09:10:00.0000000Z","dataVersion":"1.0","metadataVersion":"1","data":{"n": 1.50},"deadLetterReason":"HandlerPanicked","deliveryAttempts":6,"lastDeliveryOutcome":"GridwichUnhandledException","publishTime":"2026-03-04T09:10:00.0000000Z","lastDeliveryAttemptTime":"2026-03-04T09:26:41.0030000Z"}]"#;
        assert_eq!(text(letter(&event()), now).unwrap(), expected);
    }

    #[test]
    fn its_place_follows_from_the_event() {
        for (time, folder) in [
            ("2026-03-04T09:10:00Z", "2026/03/04/09/"),
            ("2026-03-04 09:10", "2026/03/04/09/"),
            ("", ""),
            ("../../../../../..", ""),
            ("2026-03-0éT09:10", ""),
            ("yesterday at noon", ""),
        ] {
            let event = Event { time: time.into(), ..event() };
            let expected =
                format!("GRIDWICH/REQUEST.BLOB.COPY/{folder}00000000-0000-0000-0000-000000000000.json");
            assert_eq!(blob_name(letter(&event)), expected);
        }
    }
}
