//! One operation as it happens, from its request to its outcome, out of everything the local cloud sees. Asks for nothing
//! itself.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use gridwich_handlers::base::Kind;
use gridwich_handlers::operation_context::OperationContext;
use gridwich_handlers::operation_id::OperationId;
use serde_json::Value;
use time::OffsetDateTime;

use super::screen::Screen;
use super::timeline::{Entry, GRIDWICH};
use super::visit::Visit;
use crate::clock;
use crate::contract::Contract;

/// An operation by all that tells it from others.
#[derive(Debug)]
pub(crate) struct Followed {
    event_id: String,
    event_type: String,
    operation: OperationId,
    context: Option<Value>,
    is_muted: bool,
    data: Value,
}

impl Followed {
    /// The operation that a request asks for.
    pub(crate) fn new(
        event_id: &str,
        event_type: &str,
        context: Option<OperationContext>,
        data: Value,
    ) -> Self {
        Self {
            event_id: event_id.to_owned(),
            event_type: event_type.to_owned(),
            operation: OperationId::of_request(event_id, event_type, context.as_ref()),
            data,
            is_muted: context.as_ref().is_some_and(OperationContext::is_muted),
            context: context.and_then(|context| serde_json::from_str(context.as_str()).ok()),
        }
    }

    /// Whether an event is the operation's: by ids that follow from it, or by our stamp. Only progress has an id that
    /// follows from what it says, and is known by the context.
    fn owns(&self, entry: &Entry, progress: &BTreeSet<&'static str>) -> bool {
        if entry.sender != GRIDWICH {
            let is_the_request = entry.id == self.event_id && entry.event_type == self.event_type;
            return is_the_request || entry.operation.as_ref() == Some(&self.operation.digits());
        }
        let (operation, id) = (self.operation, &entry.id);
        let ids = [operation.acknowledgment(), operation.answer(&entry.event_type), operation.outcome()];
        ids.iter().any(|known| known.to_string() == *id)
            || (progress.contains(entry.event_type.as_str()) && self.is_of_context(entry))
    }

    fn is_same_request(&self, entry: &Entry) -> bool {
        entry.id == self.event_id && entry.event_type == self.event_type && entry.data == self.data
    }

    fn is_of_context(&self, entry: &Entry) -> bool {
        self.context.is_some() && serde_json::from_str::<Value>(&entry.context).ok() == self.context
    }

    fn is_ended_by(&self, entry: &Entry) -> bool {
        let is_outcome = entry.id == self.operation.outcome().to_string();
        // Of what is muted nothing more is said once it is scheduled.
        let is_last = self.is_muted
            && entry.event_type.starts_with("response.blob.")
            && entry.event_type.ends_with(".scheduled");
        entry.sender == GRIDWICH && (is_outcome || is_last)
    }
}

/// How the operation ended, as far as was seen.
pub(crate) enum Ending {
    /// Well, with what was said last.
    Success(Value),
    /// In a failure, with its sentence.
    Failure(String),
    /// It was not seen; the sentence says why.
    Unseen(String),
}

/// Somebody who watches one operation.
pub(crate) struct Follow {
    followed: Followed,
    timeline: BoxStream<'static, Entry>,
    progress: BTreeSet<&'static str>,
    start: OffsetDateTime,
    /// Whether the same has been asked for before.
    is_repeated: bool,
}

impl Follow {
    /// Begins to watch, before the request is published.
    ///
    /// # Errors
    /// When there is no timeline to be had.
    pub(crate) async fn start(
        visit: &Visit,
        followed: Followed,
        contract: &Contract,
    ) -> Result<Self, String> {
        let is_progress = |kind: &Option<Kind>| matches!(kind, Some(Kind::Progress(_)));
        let progress = contract.messages.values().filter(|message| is_progress(&message.kind));
        let progress = progress.map(|message| message.event_type).collect();
        let (timeline, start) = (visit.timeline().await?, clock::now());
        Ok(Self { followed, timeline, progress, start, is_repeated: false })
    }

    /// Shows what happens until the outcome, for `waited` at most.
    pub(crate) async fn outcome(mut self, waited: Duration) -> Ending {
        let unseen =
            |what: &str| Ending::Unseen(format!("{what} before the outcome of {}", self.followed.event_type));
        let (late, gone) = (
            unseen(&format!("{} seconds have passed", waited.as_secs())),
            unseen("the local cloud has stopped"),
        );
        let screen = Screen::from(self.start);
        let watching = tokio::time::timeout(waited, self.watch(&screen)).await;
        match watching {
            Ok(Some(outcome)) if outcome.event_type.ends_with(".failure") => {
                Ending::Failure(reason(&outcome))
            }
            Ok(Some(outcome)) if outcome.event_type.ends_with(".canceled") => {
                Ending::Failure("it was canceled".to_owned())
            }
            Ok(Some(outcome)) => Ending::Success(outcome.data),
            Ok(None) => gone,
            Err(_) => late,
        }
    }

    /// The outcome; nothing when the timeline ends without it.
    async fn watch(&mut self, screen: &Screen) -> Option<Entry> {
        loop {
            let entry = self.timeline.next().await?;
            let is_outcome = self.followed.is_ended_by(&entry);
            self.is_repeated |= self.followed.is_same_request(&entry) && entry.received < self.start;
            if self.is_news(&entry, is_outcome) && self.followed.owns(&entry, &self.progress) {
                screen.show(&entry);
                if is_outcome {
                    return Some(entry);
                }
            }
        }
    }

    /// What happened before counts only when this very request has succeeded before: then it is not carried out again. The
    /// timeline's times are whole milliseconds.
    fn is_news(&self, entry: &Entry, is_outcome: bool) -> bool {
        entry.received + time::Duration::MILLISECOND > self.start
            || (is_outcome && self.is_repeated && !entry.event_type.ends_with(".failure"))
    }
}

/// A failure's sentence, and what the provider said.
fn reason(failure: &Entry) -> String {
    let message = failure.data["logEventMessage"].as_str().or_else(|| failure.data["error"].as_str());
    let message = message.unwrap_or("no reason was given");
    let details = failure.data["details"].as_array().into_iter().flatten();
    let details = details.filter_map(|detail| detail["message"].as_str());
    std::iter::once(message).chain(details).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::timeline::FAILURE;
    use super::*;

    const CONTEXT: &str = r#"{"saga":7,"step":1.0}"#;
    const PROGRESS: &str = "response.encode.mediaservicesv3.processing";

    fn followed() -> Followed {
        let context = OperationContext::parse(CONTEXT).unwrap();
        Followed::new("1", "request.blob.copy", Some(context), json!({}))
    }

    fn entry(sender: &str, event_type: &str, id: &str) -> Entry {
        Entry {
            received: OffsetDateTime::UNIX_EPOCH,
            id: id.to_owned(),
            sender: sender.to_owned(),
            event_type: event_type.to_owned(),
            data: json!({}),
            context: r#"{"step":1.0,"saga":7}"#.to_owned(),
            operation: None,
        }
    }

    fn owns(entry: &Entry) -> bool {
        followed().owns(entry, &BTreeSet::from([PROGRESS]))
    }

    #[test]
    fn an_operation_owns_its_request_its_answers_and_what_carries_its_stamp() {
        let operation = followed().operation;
        let scheduled = operation.answer("response.blob.copy.scheduled").to_string();
        assert!(owns(&entry("requestor", "request.blob.copy", "1")));
        assert!(owns(&entry(GRIDWICH, "response.acknowledge", &operation.acknowledgment().to_string())));
        assert!(owns(&entry(GRIDWICH, "response.blob.copy.scheduled", &scheduled)));
        assert!(owns(&entry(GRIDWICH, FAILURE, &operation.outcome().to_string())));
        assert!(owns(&entry(GRIDWICH, PROGRESS, "any")));
        let reported = entry("storage archive", "Microsoft.Storage.BlobCreated", "any");
        assert!(owns(&Entry { operation: Some(operation.digits()), ..reported }));
    }

    #[test]
    fn an_operation_with_the_same_context_is_another_one() {
        assert!(!owns(&entry("requestor", "request.blob.copy", "2")));
        assert!(!owns(&entry("requestor", "request.blob.delete", "1")));
        assert!(!owns(&entry(GRIDWICH, "response.acknowledge", "any")));
        assert!(!owns(&entry(GRIDWICH, FAILURE, "any")));
        assert!(!owns(&entry("storage archive", "Microsoft.Storage.BlobCreated", "any")));
        assert!(!owns(&Entry { context: "{}".to_owned(), ..entry(GRIDWICH, PROGRESS, "any") }));
    }

    #[test]
    fn an_entry_survives_the_journey_through_the_home_page() {
        let entry = entry("requestor", "request.blob.copy", "1");
        let line = serde_json::to_string(&entry).unwrap();
        let read = serde_json::from_str::<Entry>(&line).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), line);
        assert!(line.contains(r#""receivedMs":0,"id":"1""#), "{line}");
    }
}
