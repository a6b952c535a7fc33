//! The local cloud on loopback ports, inside the process that watches it, with an encoder that only pretends. Knows no processor.

use std::net::Ipv4Addr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use http::StatusCode;
use local_azure::blob_storage::{CopyPace, Keep, Rehydration};
use local_azure::clock::Clock;
use local_azure::cloud::{Cloud, CloudSettings};
use local_azure::event_grid::{
    AdvancedFilter, InputSchema, Operator, RetrySchedule, SubscriptionProperties, TopicHandle,
};
use local_azure::faults::Fault;
use local_azure::ids::{Ids, development_key};
use local_azure::inside::BlobFiles as _;
use local_azure::media_services::{Encoder, Script, Scripted, StreamingSettings};
use local_azure::serve::serve;
use local_azure::tls::{DevelopmentTls, ServerConfig};
use local_azure::webhook::Webhooks;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::balancer::PROCESSOR;
use super::effects::Effects;

const ACCOUNTS: [&str; 3] = ["inbox", "archive", "proxy"];
const REGIONS: [(&str, &str); 2] = [("westeurope", "mediawest"), ("northeurope", "medianorth")];
/// Long enough that a processor can die while one runs.
const COPY_TAKES: Duration = Duration::from_millis(30);
/// How long a pretended encode takes.
const ENCODE_TAKES: Duration = Duration::from_millis(60);
/// More than are ever asked for at once.
const JOBS_AT_ONCE: usize = 64;
/// The topic that answers are published to.
pub const RESPONSES: &str = "responses";
/// Where it is.
const ANSWERS: &str = "/topics/responses/api/events";
/// What a topic that has too much to do answers.
const REFUSALS: [StatusCode; 3] =
    [StatusCode::SERVICE_UNAVAILABLE, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::TOO_MANY_REQUESTS];

/// A cloud that is served until it is dropped.
pub struct LiveCloud {
    pub cloud: Cloud,
    pub requests: TopicHandle,
    /// Where Blob Storage is.
    pub storage: String,
    /// What a processor needs to know of all this.
    pub config_file: PathBuf,
    refused: Arc<AtomicU64>,
    _stop: DropGuard,
}

/// Events that no processor has settled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Undelivered {
    /// Waiting for a delivery, or under way.
    pub waiting: u64,
    /// Not tried any more.
    pub given_up: u64,
}

struct Port {
    listener: TcpListener,
    number: u16,
}

impl Port {
    async fn any() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let number = listener.local_addr().unwrap().port();
        Self { listener, number }
    }

    fn serve(self, service: Router, tls: Option<Arc<ServerConfig>>, stop: &CancellationToken) {
        tokio::spawn(serve(self.listener, service, tls, stop.clone()));
    }
}

impl LiveCloud {
    /// Starts it in a folder. `hurry` divides the waits between deliveries.
    pub async fn start(
        folder: &Path,
        seed: u64,
        hurry: NonZeroU32,
        webhooks: Arc<dyn Webhooks>,
        effects: &Effects,
    ) -> Self {
        let tls = DevelopmentTls::in_folder(folder).unwrap();
        let [event_grid, storage, media] = [Port::any().await, Port::any().await, Port::any().await];
        let (event_grid_url, storage_url) = (
            format!("http://127.0.0.1:{}", event_grid.number),
            format!("http://127.0.0.1:{}", storage.number),
        );
        let media_url = format!("https://localhost:{}", media.number);
        let config_file = folder.join("gridwich.toml");
        let config = processor_config(&event_grid_url, &storage_url, &media_url, &tls);
        std::fs::write(&config_file, config).unwrap();
        let cloud = Cloud::new(CloudSettings {
            clock: Clock::system(),
            ids: Ids::seeded(seed),
            webhooks,
            event_grid_url,
            storage_url: storage_url.clone(),
            media_url: media_url.clone(),
            streaming: StreamingSettings::at(media_url),
            key_vault_url: "https://localhost".to_owned(),
            subscription: "sub".to_owned(),
            resource_group: "local".to_owned(),
            storage_accounts: ACCOUNTS.map(str::to_owned).to_vec(),
            hierarchical_accounts: Vec::new(),
            storage_accounts_per_page: NonZeroUsize::MAX,
            key_vault: "vault".to_owned(),
            media_accounts: REGIONS.map(|(region, account)| (region.to_owned(), account.to_owned())).to_vec(),
            keep: Keep::Memory,
            media_folder: None,
            copy_pace: CopyPace { bytes_per_second: NonZeroU64::MAX, minimum: COPY_TAKES },
            rehydration: Rehydration { standard: COPY_TAKES, high: COPY_TAKES },
            schedule: RetrySchedule::hurried(hurry),
            encoder: Encoder::Scripted(Scripted::new(|_| script())),
            jobs_at_once: JOBS_AT_ONCE,
            strict_auth: false,
        });
        let (cloud, stop) = (cloud.unwrap(), CancellationToken::new());
        storage.serve(effects.of(cloud.blob_storage.router()), None, &stop);
        event_grid.serve(cloud.event_grid.router(), None, &stop);
        media.serve(effects.of(cloud.media_services.router()), Some(tls.server), &stop);
        cloud.event_grid.create_topic(RESPONSES, InputSchema::EventGridSchema).unwrap();
        let requests = cloud.event_grid.create_topic("requests", InputSchema::EventGridSchema).unwrap();
        cloud.blob_storage.ensure_container("inbox", "source").await.unwrap();
        let clip = Bytes::from_static(b"moving pictures");
        cloud.blob_storage.write("inbox", "source", "clip.mp4", clip, "video/mp4").await.unwrap();
        let refused = Arc::default();
        Self { cloud, requests, storage: storage_url, config_file, refused, _stop: stop.drop_guard() }
    }

    /// Subscribes the processor to everything, with the real handshake.
    pub async fn subscribe(&self) {
        let mut scopes = vec![self.requests.id.clone()];
        scopes.extend(ACCOUNTS.map(|account| self.cloud.blob_storage.account_id(account)));
        scopes.extend(REGIONS.map(|(_, account)| self.cloud.media_services.account_id(account).unwrap()));
        for scope in scopes {
            let mut properties = SubscriptionProperties::to_webhook(PROCESSOR);
            properties.filter.advanced_filters = Some(vec![AdvancedFilter {
                operator_type: Operator::StringNotContains,
                key: "Subject".to_owned(),
                value: None,
                values: Some(vec!["/containers/gridwich-contexts/".into()]),
            }]);
            self.cloud.event_grid.create_subscription(&scope, "to-processor", properties).await.unwrap();
        }
    }

    /// Lets the response topic refuse so many of a hundred POSTs from now on, drawn from a seeded generator.
    pub fn refuse(&self, percent: f64, seed: u64) {
        self.cloud.faults.event_grid.clear();
        let (share, dice) = (percent / 100.0, Ids::seeded(seed));
        for (drawn_before, status) in (0_u8..).zip(REFUSALS) {
            // Equal parts of all: each rule draws from what those before it have left.
            let part = share / (REFUSALS.len() as f64 - f64::from(drawn_before) * share);
            let (dice, refused) = (dice.clone(), Arc::clone(&self.refused));
            self.cloud.faults.event_grid.always(Fault::Refuse(status, None), move |parts| {
                let is_drawn = parts.uri.path() == ANSWERS && (dice.bits() as f64 / u64::MAX as f64) < part;
                refused.fetch_add(u64::from(is_drawn), Ordering::Relaxed);
                is_drawn
            });
        }
    }

    /// How many POSTs the response topic has refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// What has not been delivered.
    pub fn undelivered(&self) -> Undelivered {
        let counts = self.cloud.event_grid.counts();
        let subscriptions = counts.iter().flat_map(|topic| &topic.subscriptions).map(|each| each.events);
        subscriptions.fold(Undelivered::default(), |sum, events| Undelivered {
            waiting: sum.waiting + events.waiting,
            given_up: sum.given_up + events.dropped + events.dead_lettered,
        })
    }

    /// How many answers the response topic has accepted.
    pub fn accepted(&self) -> u64 {
        let counts = self.cloud.event_grid.counts();
        counts.iter().find(|topic| topic.name == RESPONSES).map_or(0, |topic| topic.published)
    }
}

fn script() -> Script {
    Script {
        scheduled_for: Duration::from_millis(5),
        encodes_for: ENCODE_TAKES,
        progress: vec![50],
        outcome: Ok(vec![("clip.mp4".to_owned(), Bytes::from_static(b"encoded"))]),
    }
}

/// The processor's configuration; everything that it does not say is as usual.
fn processor_config(event_grid: &str, storage: &str, media: &str, tls: &DevelopmentTls) -> String {
    let mut text = format!(
        "[topic]\nendpoint = \"{event_grid}{ANSWERS}\"\nkey = {:?}\n\
         [requests]\nannounce = \"ours\"\n[telemetry]\nlog = \"warn\"\n[tls]\nca_file = {:?}\n",
        development_key(RESPONSES, "key1"),
        tls.ca_file,
    );
    for account in ACCOUNTS {
        let key = development_key(account, "key1");
        text += &format!(
            "[[storage.accounts]]\nname = {account:?}\nendpoint = \"{storage}/{account}\"\nkey = {key:?}\n"
        );
    }
    for (region, account) in REGIONS {
        text += &format!(
            "[[media.accounts]]\nregion = {region:?}\nbase_url = {media:?}\nsubscription_id = \"sub\"\n\
             resource_group = \"local\"\naccount = {account:?}\nauth = \"bearer\"\ntoken = \"a.b.c\"\n"
        );
    }
    text
}
