//! One dead letter, whoever wrote it and in whichever schema: the event with the story of its deliveries beside its own
//! members. Where it is kept is the shelf's, and where it goes the replay's.

use std::fmt;

use gridwich_handlers::participants::DeadLetterReason;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use uuid::Uuid;

/// What Event Grid adds to an event (its documentation of dead letters); CloudEvents have the same in lower case.
const STORY: [&str; 5] =
    ["deadLetterReason", "deliveryAttempts", "lastDeliveryOutcome", "publishTime", "lastDeliveryAttemptTime"];
/// What a topic stamps itself: it refuses events that name another one.
const STAMPED: [&str; 2] = ["topic", "metadataVersion"];
/// Namespace of the ids that requests get when they are replayed. Drawn once and fixed: the same letter has the same.
const NAMESPACE: Uuid = Uuid::from_u128(0x2d5c_4d4b_7b0a_5c33_8f5e_91c1_64f0_7ae9);

/// A dead letter.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// As it stands in its blob.
    raw: Box<RawValue>,
    members: Members,
    pub(super) id: String,
    pub(super) event_type: String,
}

/// How a dead letter is sent again.
pub(super) struct Sending {
    /// The id it had, and the one it has now when that is another.
    pub(super) id: String,
    pub(super) new_id: Option<String>,
    members: Vec<(String, String)>,
    pub(super) is_cloud_event: bool,
}

impl Letter {
    /// Reads an element of a blob; nothing when it is no event.
    pub(super) fn of(raw: &RawValue) -> Option<Self> {
        let members = serde_json::from_str::<Members>(raw.get()).ok()?;
        let non_empty = |name| members.text(name).filter(|text| !text.is_empty());
        let event_type = match members.get("specversion") {
            Some(_) => non_empty("type")?,
            None => non_empty("eventType")?,
        };
        Some(Self { raw: raw.to_owned(), id: non_empty("id")?, event_type, members })
    }

    /// As it stands in its blob.
    pub(super) fn raw(&self) -> &str {
        self.raw.get()
    }

    /// A member as text, empty when there is none.
    pub(super) fn text(&self, name: &str) -> String {
        self.members.text(name).unwrap_or_default()
    }

    /// Why it was given up.
    pub(super) fn reason(&self) -> String {
        self.text("deadLetterReason")
    }

    /// Whether the processor wrote it.
    fn is_ours(&self) -> bool {
        DeadLetterReason::parse(&self.reason()).is_some()
    }

    /// Whether it is the same event as an earlier letter, which the processor kept once more since.
    pub(super) fn is_kept_again(&self, earlier: &Self) -> bool {
        let is_same = self.id == earlier.id && self.event_type == earlier.event_type;
        is_same && self.is_ours() && self.raw() != earlier.raw()
    }

    /// Whether it asks for something.
    pub(super) fn is_request(&self) -> bool {
        self.event_type.starts_with("request.")
    }

    /// How it is sent again. What Event Grid gave up was perhaps never answered: it keeps its id, so that what was answered
    /// is answered the same. A request that we answered with a failure is another operation when it is tried again: its
    /// outcome has been told.
    pub(super) fn sending(&self, keeps_id: bool) -> Sending {
        let is_story = |name: &str| STORY.iter().any(|story| story.eq_ignore_ascii_case(name));
        let own = self.members.0.iter().filter(|(name, _)| !is_story(name));
        let own = own.map(|(name, value)| (name.clone(), value.get().to_owned())).collect::<Vec<_>>();
        // Of the event alone: when it is kept once more its story changes, and it is the same request.
        let new_id = || Uuid::new_v5(&NAMESPACE, object(own.iter()).as_bytes()).hyphenated().to_string();
        let new_id = (self.is_request() && self.is_ours() && !keeps_id).then(new_id);
        let members = own.into_iter().map(|(name, value)| match &new_id {
            Some(id) if name.eq_ignore_ascii_case("id") => (name, format!("{id:?}")),
            _ => (name, value),
        });
        let is_cloud_event = self.members.get("specversion").is_some();
        Sending { id: self.id.clone(), members: members.collect(), new_id, is_cloud_event }
    }
}

impl Sending {
    /// As a courier delivers it: an Event Grid event in an array, a CloudEvent alone.
    pub(super) fn delivery(&self) -> String {
        let event = object(self.members.iter());
        if self.is_cloud_event { event } else { format!("[{event}]") }
    }

    /// As a publisher gives it to a topic. An empty version is refused there, and none becomes an empty one.
    pub(super) fn publication(&self) -> String {
        let is_stamped = |name: &str| STAMPED.iter().any(|stamped| stamped.eq_ignore_ascii_case(name));
        let is_no_version =
            |name: &str, value: &str| name.eq_ignore_ascii_case("dataVersion") && value == "\"\"";
        let own =
            self.members.iter().filter(|(name, value)| !is_stamped(name) && !is_no_version(name, value));
        format!("[{}]", object(own))
    }
}

/// Both ids where there are two.
impl fmt::Display for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = super::screen::line(&self.id);
        match &self.new_id {
            Some(new_id) => write!(f, "{id} -> {new_id}"),
            None => f.write_str(&id),
        }
    }
}

fn object<'a>(members: impl Iterator<Item = &'a (String, String)>) -> String {
    let members = members.map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name.as_str())));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// The members of an object, in their order and as they are spelled.
#[derive(Clone, Debug)]
struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// Names are matched without case, as Event Grid's schemas vary it.
    fn get(&self, name: &str) -> Option<&RawValue> {
        let found = self.0.iter().find(|(member, _)| member.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value)
    }

    /// A string's content; anything else as it is spelled.
    fn text(&self, name: &str) -> Option<String> {
        let raw = self.get(name)?.get();
        Some(serde_json::from_str::<String>(raw).unwrap_or_else(|_| raw.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(text: &str) -> Letter {
        Letter::of(&serde_json::from_str::<Box<RawValue>>(text).unwrap()).unwrap()
    }

    #[test]
    fn a_letter_of_event_grid_is_sent_as_it_came() {
        let letter = letter(
            r#"{"id":"req-7741","topic":"/t","subject":"","eventType":"request.blob.copy","dataVersion":"","metadataVersion":"1",
                "data":{"n": 1.50,"n":2},"deadLetterReason":"TimeToLiveExceeded","deliveryAttempts":6,"publishTime":"2026"}"#,
        );
        let sending = letter.sending(false);
        assert_eq!(sending.new_id, None);
        assert_eq!(
            sending.delivery(),
            r#"[{"id":"req-7741","topic":"/t","subject":"","eventType":"request.blob.copy","dataVersion":"","metadataVersion":"1","data":{"n": 1.50,"n":2}}]"#
        );
        assert_eq!(
            sending.publication(),
            r#"[{"id":"req-7741","subject":"","eventType":"request.blob.copy","data":{"n": 1.50,"n":2}}]"#
        );
        assert_eq!(letter.text("deliveryAttempts"), "6");
    }

    #[test]
    fn a_request_that_was_answered_gets_another_id_and_always_the_same() {
        let text = r#"{"id":"1","eventType":"request.blob.copy","data":{"id":"1"},"deadLetterReason":"HandlerPanicked"}"#;
        let (first, second) = (letter(text).sending(false), letter(text).sending(false));
        let id = first.new_id.clone().unwrap();
        assert_eq!((first.to_string(), first.new_id.clone()), (format!("1 -> {id}"), second.new_id));
        let expected = format!(r#"[{{"id":"{id}","eventType":"request.blob.copy","data":{{"id":"1"}}}}]"#);
        assert_eq!(first.delivery(), expected);
        let later = text.replace(r#""HandlerPanicked""#, r#""HandlerPanicked","deliveryAttempts":2"#);
        assert_eq!(letter(&later).sending(false).new_id.as_ref(), Some(&id));
        assert!(letter(&later).is_kept_again(&letter(text)) && !letter(text).is_kept_again(&letter(text)));
        assert_eq!(letter(text).sending(true).new_id, None);
        let platform = text.replace("request.blob.copy", "Microsoft.Storage.BlobCreated");
        assert_eq!(letter(&platform).sending(false).new_id, None);
    }

    #[test]
    fn a_cloud_event_is_sent_alone() {
        let text = r#"{"specversion":"1.0","type":"request.blob.copy","source":"/s","id":"1","data_base64":"e30=",
            "deadletterreason":"HandlerPanicked","deliveryattempts":1,"lastdeliveryoutcome":"x","publishtime":"2026"}"#;
        let sending = letter(text).sending(true);
        let expected =
            r#"{"specversion":"1.0","type":"request.blob.copy","source":"/s","id":"1","data_base64":"e30="}"#;
        assert!(sending.is_cloud_event);
        assert_eq!(sending.delivery(), expected);
    }

    #[test]
    fn what_is_no_event_is_no_letter() {
        for text in [
            "1",
            "[]",
            "{}",
            r#"{"id":"1"}"#,
            r#"{"id":"","eventType":"t"}"#,
            r#"{"specversion":1,"id":"1"}"#,
        ] {
            assert!(Letter::of(&serde_json::from_str::<Box<RawValue>>(text).unwrap()).is_none(), "{text}");
        }
    }
}
