//! What happens in the local cloud, in the order it happens, one line an event. Shows only; decides nothing.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, select_all};
use gridwich_handlers::operation_context::{Arrived, read};
use local_azure::cloud::Cloud;
use local_azure::event_grid::Watched;
use serde_json::Value;
use time::OffsetDateTime;

use super::places::{KEY_VAULT, MEDIA_ACCOUNTS, REQUESTS, RESPONSES, STORAGE_ACCOUNTS};

/// An event as it is shown.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// When its topic received it.
    pub(super) received: OffsetDateTime,
    /// Who sent it.
    pub(super) sender: String,
    /// What it is.
    pub(super) event_type: String,
    /// Its data.
    pub(super) data: Value,
    /// The operation context it carries, wherever that travels, as the caller sent it.
    pub(super) context: String,
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
    select_all(topics).boxed()
}

fn sender(topic: &str) -> String {
    match topic {
        REQUESTS => "requestor".to_owned(),
        RESPONSES => "gridwich".to_owned(),
        KEY_VAULT => "key vault".to_owned(),
        name => match MEDIA_ACCOUNTS.iter().find(|(_, account)| *account == name) {
            Some((region, _)) => format!("encoder {region}"),
            None => format!("storage {name}"),
        },
    }
}

fn entry(watched: &Watched, sender: &str) -> Option<Entry> {
    let Watched::Event { received, event } = watched else { return None };
    let mut event = serde_json::from_slice::<Value>(event).ok()?;
    let data = event["data"].take();
    Some(Entry {
        received: *received,
        sender: sender.to_owned(),
        event_type: event["eventType"].as_str().unwrap_or_default().to_owned(),
        context: context(&data),
        data,
    })
}

/// Looks where each kind of event carries its context.
fn context(data: &Value) -> String {
    if data["operationContext"].is_object() {
        return data["operationContext"].to_string();
    }
    let carried = ["correlationData", "jobCorrelationData"]
        .iter()
        .find_map(|name| data[*name]["operationContext"].as_str());
    let carried = carried.or_else(|| data["clientRequestId"].as_str());
    match carried.map(read) {
        Some(Arrived::Context(context, _) | Arrived::Foreign(context)) => context.as_str().to_owned(),
        Some(Arrived::Reference(reference, _)) => {
            format!("(kept in {} as {})", reference.account, reference.operation)
        }
        None => String::new(),
    }
}
