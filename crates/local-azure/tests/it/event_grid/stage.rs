//! A local Event Grid with everything around it, and the words to speak to it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use local_azure::arm::ArmError;
use local_azure::clock::Clock;
use local_azure::event_grid::{
    DeliveryCounts, EventGrid, InputSchema, Provisioning, Settings, SubscriptionProperties, TopicHandle,
};
use local_azure::ids::Ids;
use local_azure::inside::{BlobFile, BlobFileError, BlobFiles};
use serde_json::{Value, json};
use time::macros::datetime;
use tower::ServiceExt as _;

use super::endpoint::Endpoints;

/// A storage account in ARM's words.
pub const STORAGE: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/inbox01";

/// A local Event Grid, its subscribers and its dead-letter storage.
pub struct Stage {
    pub grid: EventGrid,
    pub endpoints: Endpoints,
    pub shelf: Arc<Shelf>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON answer")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a visible header"))
    }

    /// Asserts a refusal and returns its message.
    pub fn refusal(&self, status: u16, code: &str, detail: &str) -> String {
        let body = self.json();
        assert_eq!(self.status.as_u16(), status, "{body}");
        assert_eq!(body["error"]["code"], code, "{body}");
        assert_eq!(body["error"]["details"][0]["code"], detail, "{body}");
        assert_eq!(body["error"]["details"][0]["message"], body["error"]["message"], "{body}");
        body["error"]["message"].as_str().expect("a message").to_owned()
    }
}

impl Stage {
    pub fn new() -> Self {
        Self::with(|_| ())
    }

    /// A stage whose settings are changed before it begins.
    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let (endpoints, shelf) = (Endpoints::new(), Arc::new(Shelf::default()));
        let mut settings = Settings::new(Arc::new(endpoints.clone()));
        settings.clock = Clock::starting_at(datetime!(2026-03-04 09:00 UTC));
        settings.ids = Ids::seeded(7);
        change(&mut settings);
        let grid = EventGrid::new(settings);
        grid.write_dead_letters_to(Arc::clone(&shelf) as Arc<dyn BlobFiles>);
        Self { grid, endpoints, shelf }
    }

    pub fn topic(&self, name: &str) -> TopicHandle {
        self.grid.create_topic(name, InputSchema::EventGridSchema).expect("a topic")
    }

    pub fn cloud_topic(&self, name: &str) -> TopicHandle {
        self.grid.create_topic(name, InputSchema::CloudEventSchemaV1_0).expect("a topic")
    }

    pub async fn subscribe(
        &self,
        scope: &str,
        name: &str,
        properties: SubscriptionProperties,
    ) -> Result<Provisioning, ArmError> {
        self.grid.create_subscription(scope, name, properties).await
    }

    /// A topic `requests` with a subscription `to-app` whose endpoint is at `http://app/events`.
    pub async fn with_subscriber(&self, properties: SubscriptionProperties) -> TopicHandle {
        let topic = self.topic("requests");
        let state = self.subscribe(&topic.id, "to-app", properties).await;
        assert_eq!(state, Ok(Provisioning::Succeeded));
        topic
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.grid.router().oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends JSON with a method to a path.
    pub async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:7072").body(body);
        self.send(request.expect("a request")).await
    }

    /// Publishes with the topic's first key.
    pub async fn publish(&self, topic: &TopicHandle, events: &Value) -> Answer {
        self.send(publishing(topic, events.to_string())).await
    }

    /// Publishes events with these ids and waits until no delivery is due.
    pub async fn publish_ids(&self, topic: &TopicHandle, ids: &[&str]) {
        let events = ids.iter().map(|id| event(id)).collect::<Vec<_>>();
        assert_eq!(self.publish(topic, &json!(events)).await.status, 200);
        self.grid.settled().await;
    }

    /// Lets time pass, and then whatever fell due.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
        self.grid.settled().await;
    }

    /// The counts of the only subscription of the first topic.
    pub fn counts(&self) -> DeliveryCounts {
        self.grid.counts()[0].subscriptions[0].events
    }
}

/// A valid event.
pub fn event(id: &str) -> Value {
    json!({"id": id, "subject": format!("/studio/{id}"), "eventType": "request.made",
           "eventTime": "2026-03-04T09:00:00Z", "dataVersion": "1.0", "data": {"n": 1}})
}

/// A valid CloudEvent.
pub fn cloud_event(id: &str) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "/studio", "type": "request.made", "subject": "/reel",
           "time": "2026-03-04T09:00:00Z", "data": {"n": 1}})
}

/// A publish request as official clients send it.
pub fn publishing(topic: &TopicHandle, body: impl Into<Body>) -> Request<Body> {
    let path = topic.endpoint.strip_prefix("http://127.0.0.1:7072").expect("the default base URL");
    Request::post(format!("{path}?api-version=2018-01-01"))
        .header("host", "127.0.0.1:7072")
        .header("aeg-sas-key", &topic.keys[0])
        .header("content-type", "application/json; charset=utf-8")
        .body(body.into())
        .expect("a request")
}

/// Everything to one host.
pub fn to(host: &str) -> SubscriptionProperties {
    SubscriptionProperties::to_webhook(format!("http://{host}/events?code=s3cret"))
}

/// Properties as ARM writes them, with the rest as [`to`] has it.
pub fn properties(host: &str, more: Value) -> SubscriptionProperties {
    let mut text = json!(to(host));
    let Value::Object(members) = more else { panic!("members are an object") };
    for (member, value) in members {
        text[member] = value;
    }
    serde_json::from_value(text).expect("valid properties")
}

/// A dead-letter destination.
pub fn letters() -> Value {
    let resource_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/letters";
    json!({"endpointType": "StorageBlob",
           "properties": {"resourceId": resource_id, "blobContainerName": "dead"}})
}

/// Blobs in memory; only writing is needed here.
#[derive(Debug, Default)]
pub struct Shelf {
    pub blobs: Mutex<BTreeMap<String, Value>>,
    pub is_broken: std::sync::atomic::AtomicBool,
}

impl Shelf {
    /// Names and contents.
    pub fn all(&self) -> Vec<(String, Value)> {
        self.blobs.lock().expect("unpoisoned").clone().into_iter().collect()
    }
}

#[async_trait]
impl BlobFiles for Shelf {
    async fn has_container(&self, _: &str, _: &str) -> bool {
        true
    }

    async fn ensure_container(&self, _: &str, _: &str) -> Result<(), BlobFileError> {
        Ok(())
    }

    async fn list(&self, _: &str, _: &str) -> Result<Vec<BlobFile>, BlobFileError> {
        Ok(Vec::new())
    }

    async fn read_to_file(&self, _: &str, _: &str, blob: &str, _: &Path) -> Result<(), BlobFileError> {
        Err(BlobFileError::NotFound(blob.to_owned()))
    }

    async fn read(&self, _: &str, _: &str, blob: &str) -> Result<Bytes, BlobFileError> {
        Err(BlobFileError::NotFound(blob.to_owned()))
    }

    async fn write_from_file(
        &self,
        _: &str,
        _: &str,
        blob: &str,
        _: &Path,
        _: &str,
    ) -> Result<(), BlobFileError> {
        Err(BlobFileError::Failed(blob.to_owned()))
    }

    async fn write(
        &self,
        account: &str,
        container: &str,
        blob: &str,
        content: Bytes,
        content_type: &str,
    ) -> Result<(), BlobFileError> {
        if self.is_broken.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(BlobFileError::NotFound(container.to_owned()));
        }
        assert_eq!(content_type, "application/json");
        let content = serde_json::from_slice(&content).expect("dead letters are JSON");
        let name = format!("{account}/{container}/{blob}");
        self.blobs.lock().expect("unpoisoned").insert(name, content);
        Ok(())
    }

    async fn remove(&self, _: &str, _: &str, _: &str) -> Result<(), BlobFileError> {
        Ok(())
    }
}
