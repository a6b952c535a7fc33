//! The cloud that worlds in memory are put into, how a processor is subscribed to it, and how its services are called. Not what
//! is asked of them.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use gridwich::azure::wire::WireError;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use local_azure::blob_storage::{CopyPace, Keep, Rehydration};
use local_azure::clock::Clock;
use local_azure::cloud::{Cloud, CloudSettings};
use local_azure::event_grid::{
    AdvancedFilter, Destination, InputSchema, Operator, RetrySchedule, SubscriptionProperties,
};
use local_azure::ids::{Ids, development_key};
use local_azure::media_services::{Encoder, Script, Scripted, ScriptedOutput, StreamingSettings};
use local_azure::webhook::Webhooks;
use tower::ServiceExt as _;

pub const EVENT_GRID: &str = "127.0.0.1:7072";
pub const STORAGE: &str = "127.0.0.1:10000";
pub const MEDIA: &str = "localhost:7073";
pub const STREAMING: &str = "localhost:7075";
pub const KEY_VAULT: &str = "localhost:7074";
pub const PROCESSOR: &str = "127.0.0.1:7071";
pub const ACCOUNTS: [&str; 3] = ["inbox", "archive", "proxy"];
pub const REGIONS: [(&str, &str); 2] = [("westeurope", "mediawest"), ("northeurope", "medianorth")];

/// How a world differs from the usual one.
pub struct Options {
    /// Settings of the processor besides the usual, as `gridwich.toml` has them.
    pub config: &'static str,
    /// How long the smallest copy takes.
    pub copy_takes: Duration,
    /// What the encoder does.
    pub script: fn(&ScriptedOutput<'_>) -> Script,
    /// Storage accounts with a hierarchical namespace.
    pub hierarchical: &'static [&'static str],
    /// Whether Event Grid puts several events into one delivery.
    pub events_per_delivery: Option<u32>,
    /// Whether Media Services take only tokens that they gave out.
    pub strict_auth: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config: "",
            copy_takes: Duration::from_secs(5),
            script: usual_script,
            hierarchical: &[],
            events_per_delivery: None,
            strict_auth: false,
        }
    }
}

/// Two minutes of encoding, seen four times, with two outputs.
pub fn usual_script(_: &ScriptedOutput<'_>) -> Script {
    let outputs = ["clip_1280x720_3400.mp4", "clip_640x360_1150.mp4"];
    Script {
        scheduled_for: Duration::from_secs(3),
        encodes_for: Duration::from_secs(120),
        progress: vec![10, 40, 75],
        outcome: Ok(outputs.map(|name| (name.to_owned(), Bytes::from_static(b"encoded"))).to_vec()),
    }
}

/// The cloud of a world.
pub fn cloud(options: &Options, clock: Clock, ids: Ids, webhooks: Arc<dyn Webhooks>) -> Cloud {
    let settings = CloudSettings {
        clock,
        ids,
        webhooks,
        event_grid_url: format!("http://{EVENT_GRID}"),
        storage_url: format!("http://{STORAGE}"),
        media_url: format!("https://{MEDIA}"),
        streaming: StreamingSettings {
            // Nothing is streamed under paused time, only published.
            packager: Some("packager".into()),
            ..StreamingSettings::at(format!("https://{STREAMING}"))
        },
        key_vault_url: format!("https://{KEY_VAULT}"),
        subscription: "sub".to_owned(),
        resource_group: "local".to_owned(),
        storage_accounts: ACCOUNTS.map(str::to_owned).to_vec(),
        hierarchical_accounts: options.hierarchical.iter().map(|name| (*name).to_owned()).collect(),
        storage_accounts_per_page: NonZeroUsize::new(2).unwrap(),
        key_vault: "vault".to_owned(),
        media_accounts: REGIONS.map(|(region, account)| (region.to_owned(), account.to_owned())).to_vec(),
        keep: Keep::Memory,
        media_folder: None,
        copy_pace: CopyPace { bytes_per_second: NonZeroU64::MAX, minimum: options.copy_takes },
        rehydration: Rehydration {
            standard: Duration::from_secs(15 * 3600),
            high: Duration::from_secs(3600),
        },
        schedule: RetrySchedule::documented(),
        encoder: Encoder::Scripted(Scripted::new(options.script)),
        jobs_at_once: 2,
        strict_auth: options.strict_auth,
    };
    let cloud = Cloud::new(settings).unwrap();
    for topic in ["requests", "responses"] {
        cloud.event_grid.create_topic(topic, InputSchema::EventGridSchema).unwrap();
    }
    cloud
}

/// Subscribes the processor to a scope, as a deployment does.
pub async fn subscribe(cloud: &Cloud, scope: &str, events_per_delivery: Option<u32>) {
    let mut properties = SubscriptionProperties::to_webhook(format!("http://{PROCESSOR}/api/EventGrid"));
    let Destination::WebHook(webhook) = &mut properties.destination;
    webhook.max_events_per_batch = events_per_delivery;
    properties.filter.advanced_filters = Some(vec![all_but_kept_contexts()]);
    cloud.event_grid.create_subscription(scope, "to-processor", properties).await.unwrap();
}

/// Everything the processor is subscribed to.
pub fn scopes(cloud: &Cloud) -> Vec<String> {
    let mut scopes = vec![requests_topic(cloud)];
    scopes.extend(ACCOUNTS.map(|account| cloud.blob_storage.account_id(account)));
    scopes.extend(REGIONS.map(|(_, account)| cloud.media_services.account_id(account).unwrap()));
    scopes
}

/// The scope of subscriptions to requests.
pub fn requests_topic(cloud: &Cloud) -> String {
    cloud.event_grid.create_topic("requests", InputSchema::EventGridSchema).unwrap().id
}

/// As a deployment subscribes: the processor's own notes are nobody's business.
fn all_but_kept_contexts() -> AdvancedFilter {
    AdvancedFilter {
        operator_type: Operator::StringNotContains,
        key: "Subject".to_owned(),
        value: None,
        values: Some(vec!["/containers/gridwich-contexts/".into()]),
    }
}

/// The topic of answers, as a processor's configuration has it.
pub fn topic() -> String {
    let key = development_key("responses", "key1");
    format!("[topic]\nendpoint = \"http://{EVENT_GRID}/topics/responses/api/events\"\nkey = {key:?}\n")
}

/// The usual processor's configuration.
pub fn config() -> String {
    let mut text = topic();
    text += &format!(
        "[key_roll]\nbase_url = \"http://{EVENT_GRID}\"\nsubscriptions = [\"other\", \"sub\"]\nauth = \"bearer\"\n\
         token = \"a.b.c\"\n\
         [key_vault]\nauth = \"bearer\"\ntoken = \"a.b.c\"\nallowed_hosts = [\"{KEY_VAULT}\"]\n"
    );
    for account in ACCOUNTS {
        let key = development_key(account, "key1");
        text += &format!(
            "[[storage.accounts]]\nname = {account:?}\nendpoint = \"http://{STORAGE}/{account}\"\nkey = {key:?}\n"
        );
    }
    for (region, account) in REGIONS {
        text += &format!(
            "[[media.accounts]]\nregion = {region:?}\nbase_url = \"https://{MEDIA}\"\nsubscription_id = \"sub\"\n\
             resource_group = \"local\"\naccount = {account:?}\nauth = \"bearer\"\ntoken = \"a.b.c\"\n"
        );
    }
    text
}

/// Calls a service in memory as a request over its wire would.
pub async fn call(service: Router, request: Request<Bytes>) -> Result<Response<Bytes>, WireError> {
    let (mut parts, body) = request.into_parts();
    let host = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
    parts.headers.insert("host", host.parse().unwrap());
    if !body.is_empty() && !parts.headers.contains_key("content-length") {
        parts.headers.insert("content-length", body.len().into());
    }
    let answer = service.oneshot(Request::from_parts(parts, Body::from(body))).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map_err(|_| WireError::Broken)?.to_bytes();
    Ok(Response::from_parts(parts, body))
}
