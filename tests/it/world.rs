//! The world around the processor, in memory: the local cloud on the other end of the same wires, under paused time. Speaks
//! to everything as an outsider would.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use gridwich::app::App;
use gridwich::azure::blob_storage::BlobStorage;
use gridwich::azure::wire::{Wire, WireError};
use gridwich::config::Config;
use gridwich::telemetry::Telemetry;
use gridwich::watch::Watch;
use gridwich_handlers::participants::{BlobAddress, ContainerAddress, Participants, Storage as _};
use http::{Method, Request, Response, StatusCode};
use local_azure::clock::Clock;
use local_azure::cloud::Cloud;
use local_azure::event_grid::Watched;
use local_azure::ids::{Ids, development_key};
use local_azure::inside::BlobFiles as _;
use local_azure::webhook::{WebhookError, Webhooks};
use serde_json::{Value, json};
use time::OffsetDateTime;

pub use crate::cloud::{
    ACCOUNTS, EVENT_GRID, KEY_VAULT, MEDIA, Options, PROCESSOR, REGIONS, STORAGE, STREAMING, config,
    usual_script,
};
use crate::cloud::{call, cloud, requests_topic, scopes, subscribe, topic};

/// The cloud, the processor, and the wires between them.
pub struct World {
    pub cloud: Cloud,
    pub network: Arc<Network>,
    app: Mutex<App>,
    config: Config,
}

impl World {
    pub async fn new() -> Self {
        Self::with(Options::default()).await
    }

    /// A world that announces only what its own operations do.
    pub async fn quiet() -> Self {
        Self::with(Options { config: "[requests]\nannounce = \"ours\"\n", ..Options::default() }).await
    }

    /// A world whose processor knows no storage and no encoder.
    pub async fn bare() -> Self {
        let world = Self::assemble(&Options::default(), &topic());
        world.subscribe(None).await;
        world
    }

    pub async fn with(options: Options) -> Self {
        let world = Self::unsubscribed(&options);
        world.subscribe(options.events_per_delivery).await;
        world
    }

    /// A world without subscriptions, for processors that would refuse their handshake.
    pub fn unsubscribed(options: &Options) -> Self {
        Self::assemble(options, &(config() + options.config))
    }

    fn assemble(options: &Options, config: &str) -> Self {
        let network = Arc::new(Network::default());
        let clock = Clock::starting_at(gridwich::clock::now());
        let cloud = cloud(options, clock, Ids::seeded(1), Arc::clone(&network) as Arc<dyn Webhooks>);
        network.connect(EVENT_GRID, cloud.event_grid.router());
        network.connect(STORAGE, cloud.blob_storage.router());
        network.connect(MEDIA, cloud.media_services.router());
        network.connect(KEY_VAULT, cloud.key_vault.router());
        network.connect(STREAMING, cloud.media_services.streaming_router());
        let config = Config::from_toml(config).unwrap();
        let app = start(&config, &network);
        Self { cloud, network, app: Mutex::new(app), config }
    }

    async fn subscribe(&self, events_per_delivery: Option<u32>) {
        for scope in scopes(&self.cloud) {
            subscribe(&self.cloud, &scope, events_per_delivery).await;
        }
    }

    /// Has the vault tell the processor of new versions of secrets.
    pub async fn subscribe_to_vault(&self) {
        subscribe(&self.cloud, &self.cloud.key_vault.id(), None).await;
    }

    /// The scope of subscriptions to requests.
    pub fn requests_topic(&self) -> String {
        requests_topic(&self.cloud)
    }

    /// Stops the processor as `kill -9` would, as far as anybody outside can see, and starts another.
    pub fn replace_processor(&self) {
        let app = start(&self.config, &self.network);
        *self.app.lock().unwrap_or_else(PoisonError::into_inner) = app;
    }

    /// Lets the processor look after what is pending, as often and as long as it takes for all to be told.
    pub async fn watch_copies(&self) {
        for _ in 0..2 {
            self.look_after_copies().await;
            self.settled().await;
        }
    }

    /// Lets the processor look once after what is pending.
    pub async fn look_after_copies(&self) {
        self.watch().look().await;
    }

    /// The processor's watch over what is pending.
    pub fn watch(&self) -> Watch {
        self.app.lock().unwrap_or_else(PoisonError::into_inner).watch.clone()
    }

    /// Starts another processor, with this configuration, in place of the one that runs.
    pub async fn restart_with(&mut self, config: &str) -> Result<(), String> {
        let config = Config::from_toml(config).map_err(|error| error.to_string())?;
        let telemetry = Telemetry::new(&config.telemetry)?;
        let wire = Arc::clone(&self.network) as Arc<dyn Wire>;
        let app = App::start(&config, &wire, &telemetry).await.map_err(|error| error.to_string())?;
        self.network.connect(PROCESSOR, app.router.clone());
        (self.app, self.config) = (Mutex::new(app), config);
        Ok(())
    }

    /// Lets the processor look once at everybody whom its readiness comes from, and returns what it says then.
    pub async fn readiness(&self) -> (StatusCode, String) {
        let rounds = self.app.lock().unwrap_or_else(PoisonError::into_inner).rounds.clone();
        rounds.look(true).await;
        let answer = self.get(PROCESSOR, "/readyz").await;
        (answer.status(), String::from_utf8_lossy(answer.body()).into_owned())
    }

    /// Whom the processor's steps may reach for.
    pub fn participants(&self) -> Arc<Participants> {
        Arc::clone(&self.app.lock().unwrap_or_else(PoisonError::into_inner).participants)
    }

    /// Sets a secret as whoever keeps them would, and returns the id of its new version.
    pub async fn set_secret(&self, name: &str, value: &str) -> String {
        let request = Request::put(format!("https://{KEY_VAULT}/secrets/{name}?api-version=7.4"))
            .header("authorization", "Bearer a.b.c")
            .body(Bytes::from(json!({"value": value}).to_string()));
        let answer = self.network.send(request.unwrap()).await.unwrap();
        let bundle = serde_json::from_slice::<Value>(answer.body()).unwrap();
        bundle["id"].as_str().unwrap().to_owned()
    }

    /// What is running in the processor.
    pub fn steps(&self) -> gridwich::steps::Steps {
        self.app.lock().unwrap_or_else(PoisonError::into_inner).steps.clone()
    }

    /// Puts a blob where it can be copied from.
    pub async fn upload(&self, account: &str, container: &str, name: &str, content: &'static [u8]) {
        let storage = &self.cloud.blob_storage;
        storage.ensure_container(account, container).await.unwrap();
        storage.write(account, container, name, Bytes::from_static(content), "video/mp4").await.unwrap();
        self.settled().await;
    }

    /// A client of the local storage besides the processor's.
    pub fn storage(&self) -> BlobStorage {
        let wire = Arc::clone(&self.network) as Arc<dyn Wire>;
        BlobStorage::new(&self.config.storage.accounts, None, &wire).unwrap()
    }

    /// Describes a blob.
    pub async fn set_metadata(&self, account: &str, container: &str, name: &str, pairs: &[(&str, &str)]) {
        let metadata = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.storage().set_metadata(&address(account, container, name), &metadata).await.unwrap();
    }

    /// The blobs of a container with their metadata and tiers; nothing if there is no such container.
    pub async fn blobs(
        &self,
        account: &str,
        container: &str,
    ) -> Option<BTreeMap<String, (BTreeMap<String, String>, String)>> {
        let storage = self.storage();
        let mut blobs = BTreeMap::new();
        let listed = storage.list(&address(account, container, "").container).await.ok()?;
        for name in listed.into_iter().map(|blob| blob.name) {
            let blob = address(account, container, &name);
            let url = storage.read_url(&blob, 60).await.unwrap();
            let request = Request::head(url.reveal()).body(Bytes::new()).unwrap();
            let found = self.network.send(request).await.unwrap();
            let tier = found.headers()["x-ms-access-tier"].to_str().unwrap().to_owned();
            blobs.insert(name, (storage.properties(&blob).await.unwrap().metadata, tier));
        }
        Some(blobs)
    }

    /// Puts a blob there, and does not wait until anybody has heard of it.
    pub async fn upload_at_once(&self, account: &str, container: &str, name: &str, content: &'static [u8]) {
        let content = Bytes::from_static(content);
        self.cloud.blob_storage.write(account, container, name, content, "video/mp4").await.unwrap();
    }

    /// Publishes a request as an orchestrator would.
    pub async fn publish(&self, id: &str, event_type: &str, data: Value) {
        let event = json!([{
            "id": id, "subject": "/orders/4711", "eventType": event_type, "eventTime": "2026-03-04T09:00:00Z",
            "dataVersion": "1.0", "data": data,
        }]);
        let request = Request::post(format!("http://{EVENT_GRID}/topics/requests/api/events"))
            .header("aeg-sas-key", development_key("requests", "key1"))
            .body(Bytes::from(event.to_string()))
            .unwrap();
        let answer = self.network.send(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
    }

    /// Publishes a request and waits until nothing more happens.
    pub async fn ask(&self, id: &str, event_type: &str, data: Value) -> Vec<Value> {
        self.publish(id, event_type, data).await;
        self.settled().await;
        self.answers()
    }

    /// Delivers a body to the processor as a courier would.
    pub async fn deliver(&self, body: impl Into<Bytes>) -> Response<Bytes> {
        self.deliver_with(&[("content-type", "application/json; charset=utf-8")], body).await
    }

    /// Delivers as Event Grid does once more, after so many tries.
    pub async fn deliver_again(&self, tries_before: u32, body: &(impl ToString + ?Sized)) -> StatusCode {
        let count = tries_before.to_string();
        let headers = [("content-type", "application/json"), ("aeg-delivery-count", count.as_str())];
        self.deliver_with(&headers, body.to_string()).await.status()
    }

    pub async fn deliver_with(&self, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response<Bytes> {
        let mut request = Request::post(format!("http://{PROCESSOR}/api/EventGrid"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.network.send(request.body(body.into()).unwrap()).await.unwrap()
    }

    /// Returns when every delivery has been answered, every copy has ended and every job is done.
    pub async fn settled(&self) {
        // Nothing here takes a day: what has not happened by then never will.
        for _ in 0..2 {
            self.cloud.event_grid.settled().await;
            tokio::time::sleep(Duration::from_secs(12 * 3600)).await;
            self.cloud.event_grid.settled().await;
        }
    }

    /// Everything the response topic has received.
    pub fn answers(&self) -> Vec<Value> {
        self.received("responses").into_iter().map(|(_, event)| event).collect()
    }

    /// Asks a host for something.
    pub async fn get(&self, host: &str, path: &str) -> Response<Bytes> {
        let request = Request::get(format!("http://{host}{path}")).body(Bytes::new()).unwrap();
        self.network.send(request).await.unwrap()
    }

    /// Asks a media account as an operator would.
    pub async fn ask_media(&self, method: Method, account: &str, path: &str) -> (StatusCode, Value) {
        let url = format!(
            "https://{MEDIA}/subscriptions/sub/resourceGroups/local/providers/Microsoft.Media/mediaServices/{account}/{path}?api-version=2022-08-01"
        );
        let request = Request::builder().method(method).uri(url).header("authorization", "Bearer a.b.c");
        let answer = self.network.send(request.body(Bytes::new()).unwrap()).await.unwrap();
        (answer.status(), serde_json::from_slice(answer.body()).unwrap_or_default())
    }

    /// Everything a topic has received, as it was spelled.
    pub fn received_raw(&self, topic: &str) -> Vec<Bytes> {
        self.watched(topic).into_iter().map(|(_, event)| event).collect()
    }

    /// Everything a topic has received and when, oldest first.
    pub fn received(&self, topic: &str) -> Vec<(OffsetDateTime, Value)> {
        let parse =
            |(received, event): (OffsetDateTime, Bytes)| (received, serde_json::from_slice(&event).unwrap());
        self.watched(topic).into_iter().map(parse).collect()
    }

    fn watched(&self, topic: &str) -> Vec<(OffsetDateTime, Bytes)> {
        let Some(mut watched) = self.cloud.event_grid.watch(topic) else { return Vec::new() };
        let mut events = Vec::new();
        while let Some(Some(Watched::Event { received, event })) = watched.next().now_or_never() {
            events.push((received, event));
        }
        events
    }
}

fn start(config: &Config, network: &Arc<Network>) -> App {
    let telemetry = Telemetry::new(&config.telemetry).unwrap();
    let wire = Arc::clone(network) as Arc<dyn Wire>;
    let app = App::new(config, &wire, &telemetry).unwrap();
    network.connect(PROCESSOR, app.router.clone());
    app
}

/// A blob by where it is.
pub fn address(account: &str, container: &str, name: &str) -> BlobAddress {
    let container = ContainerAddress { account: account.to_owned(), container: container.to_owned() };
    BlobAddress { container, name: name.to_owned() }
}

/// Hosts, and what answers there. Whoever is not connected refuses the connection.
#[derive(Default)]
pub struct Network {
    hosts: Mutex<HashMap<String, Router>>,
}

impl Network {
    pub fn connect(&self, host: &str, service: Router) {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), service);
    }

    pub fn disconnect(&self, host: &str) {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).remove(host);
    }

    async fn carry(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WireError> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let service = self.hosts.lock().unwrap_or_else(PoisonError::into_inner).get(&host).cloned();
        let service = service.ok_or(WireError::Connection)?;
        call(service, request).await
    }
}

#[async_trait]
impl Wire for Network {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WireError> {
        self.carry(request).await
    }
}

#[async_trait]
impl Webhooks for Network {
    async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WebhookError> {
        self.carry(request).await.map_err(|_| WebhookError::Socket)
    }
}

/// The event types of answers, in order.
pub fn types(answers: &[Value]) -> Vec<&str> {
    answers.iter().map(|answer| answer["eventType"].as_str().unwrap()).collect()
}

/// The one answer of a type.
pub fn only<'a>(answers: &'a [Value], event_type: &str) -> &'a Value {
    let found = answers.iter().filter(|answer| answer["eventType"] == event_type).collect::<Vec<_>>();
    assert_eq!(found.len(), 1, "{event_type} in {:?}", types(answers));
    found[0]
}
