//! What happens in the local cloud, in the order it happens, one line an event. Shows only; decides nothing.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, select_all};
use gridwich_handlers::operation_context::{Arrived, member, read, stamp_of};
use gridwich_handlers::operation_id::OperationId;
use local_azure::cloud::Cloud;
use local_azure::event_grid::Watched;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::config::CONTEXTS;

use super::places::{KEY_VAULT, MEDIA_ACCOUNTS, REQUESTS, RESPONSES, STORAGE_ACCOUNTS};

/// So many events that are there already are put in order.
const READY_MAX: usize = 256;

/// The event type of an operation's bad end.
pub(super) const FAILURE: &str = "response.failure";
/// Who sends what Gridwich says.
pub(super) const GRIDWICH: &str = "gridwich";
/// The fields that jobs' events have their correlation data in.
const CORRELATIONS: [&str; 2] = ["correlationData", "jobCorrelationData"];

/// An event as it is shown, here and by the home page.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    /// When its topic received it.
    #[serde(rename = "receivedMs", with = "milliseconds")]
    pub(super) received: OffsetDateTime,
    /// What its sender calls it.
    pub(super) id: String,
    /// Who sent it.
    pub(super) sender: String,
    /// What it is.
    pub(super) event_type: String,
    /// Its data.
    pub(super) data: Value,
    /// The operation context it carries, wherever that travels, as the caller sent it.
    #[serde(rename = "operationContext")]
    pub(super) context: String,
    /// The operation a platform event belongs to, when it carries our stamp.
    #[serde(rename = "operationId")]
    pub(super) operation: Option<String>,
}

/// A moment as milliseconds since 1970, as scripts have it.
mod milliseconds {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use time::OffsetDateTime;

    pub(super) fn serialize<S: Serializer>(
        moment: &OffsetDateTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let milliseconds = moment.unix_timestamp_nanos() / 1_000_000;
        serializer.serialize_i64(i64::try_from(milliseconds).unwrap_or_default())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<OffsetDateTime, D::Error> {
        let milliseconds = i64::deserialize(deserializer)?;
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000);
        moment.map_err(serde::de::Error::custom)
    }
}

impl Entry {
    /// One line: seconds since `start`, event type, sender, operation context.
    pub(super) fn line(&self, start: OffsetDateTime) -> String {
        let elapsed = Duration::try_from(self.received - start).unwrap_or_default().as_secs_f64();
        let percent = self.data["percentComplete"].as_u64().map(|percent| format!(" {percent} %"));
        let what = format!("{}{}", self.event_type, percent.unwrap_or_default());
        format!("{elapsed:>8.3} s  {what:<48} {:<20} {}", self.sender, self.context)
    }
}

/// Everything all topics receive, from their history on.
pub(super) fn watch(cloud: &Cloud) -> BoxStream<'static, Entry> {
    let names = [REQUESTS, RESPONSES]
        .into_iter()
        .chain(STORAGE_ACCOUNTS)
        .chain(MEDIA_ACCOUNTS.map(|(_, name)| name))
        .chain([KEY_VAULT]);
    let topics = names.filter_map(|name| {
        let sender = sender(name);
        let watched = cloud.event_grid.watch(name)?;
        Some(watched.filter_map(move |watched| std::future::ready(entry(&watched, &sender))).boxed())
    });
    // What several topics have at the same moment is shown in the order it was received.
    let in_order = select_all(topics).ready_chunks(READY_MAX).flat_map(|mut entries| {
        entries.sort_by_key(|entry| entry.received);
        futures_util::stream::iter(entries)
    });
    in_order.boxed()
}

fn sender(topic: &str) -> String {
    match topic {
        REQUESTS => "requestor".to_owned(),
        RESPONSES => GRIDWICH.to_owned(),
        KEY_VAULT => "key vault".to_owned(),
        name => match MEDIA_ACCOUNTS.iter().find(|(_, account)| *account == name) {
            Some((region, _)) => format!("encoder {region}"),
            None => format!("storage {name}"),
        },
    }
}

fn entry(watched: &Watched, sender: &str) -> Option<Entry> {
    let Watched::Event { received, event } = watched else { return None };
    let spelled = spelled_context(event);
    let mut event = serde_json::from_slice::<Value>(event).ok()?;
    if event["subject"].as_str().is_some_and(|subject| subject.contains(&format!("/{CONTEXTS}/"))) {
        // What the processor keeps for itself is no part of the story.
        return None;
    }
    let data = event["data"].take();
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    Some(Entry {
        received: *received,
        id: text("id"),
        sender: sender.to_owned(),
        event_type: text("eventType"),
        context: spelled.unwrap_or_else(|| context(&data)),
        operation: operation(&data).map(OperationId::digits),
        data,
    })
}

/// The operation context of an event as it is spelled.
fn spelled_context(event: &[u8]) -> Option<String> {
    let data = member(std::str::from_utf8(event).ok()?, |name| name == "data")?;
    let context = member(data.get(), |name| name == "operationContext")?;
    context.get().starts_with('{').then(|| context.get().to_owned())
}

/// The text that travelled with the work.
fn carried(data: &Value) -> Option<&str> {
    let in_job = CORRELATIONS.iter().find_map(|name| data[*name]["operationContext"].as_str());
    in_job.or_else(|| data["clientRequestId"].as_str())
}

/// Looks for our stamp, where work leaves it.
fn operation(data: &Value) -> Option<OperationId> {
    let correlation = CORRELATIONS.iter().find_map(|name| data[*name].as_object());
    let texts = correlation.into_iter().flatten();
    let texts = texts.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    stamp_of(&texts.collect()).operation.or_else(|| match read(carried(data)?) {
        Arrived::Context(_, stamp) => stamp.operation,
        Arrived::Reference(reference, _) => Some(reference.operation),
        Arrived::Foreign(_) => None,
    })
}

/// Looks where each kind of event carries its context.
fn context(data: &Value) -> String {
    if data["operationContext"].is_object() {
        return data["operationContext"].to_string();
    }
    match carried(data).map(read) {
        Some(Arrived::Context(context, _) | Arrived::Foreign(context)) => context.as_str().to_owned(),
        Some(Arrived::Reference(reference, _)) => {
            format!("(kept in {} as {})", reference.account, reference.operation)
        }
        None => String::new(),
    }
}
