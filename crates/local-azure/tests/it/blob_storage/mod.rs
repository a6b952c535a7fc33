//! The local Blob Storage from outside: requests in, answers and events out. Nothing here knows how it works.
#![expect(clippy::unwrap_used, reason = "what a test cannot set up, it cannot judge")]

mod answers;
mod authentication;
mod blobs;
mod blocks;
mod conditions;
mod containers;
mod copies;
mod events;
mod files;
mod folder;
mod listing;
mod names;
mod sas;
mod snapshots;
mod sockets;
mod tiers;

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use local_azure::blob_storage::{AccountSettings, BlobStorage, CopyPace, Keep, Rehydration, Settings};
use local_azure::clock::Clock;
use local_azure::faults::Faults;
use local_azure::ids::Ids;
use local_azure::inside::{EventSink, PlatformEvent};
use serde_json::Value;
use time::macros::datetime;
use tower::ServiceExt as _;

/// What every blob here is written with.
const BLOCK_BLOB: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

/// Hears every event.
#[derive(Default)]
struct Heard(Mutex<Vec<PlatformEvent>>);

impl EventSink for Heard {
    fn raise(&self, event: PlatformEvent) {
        self.0.lock().unwrap().push(event);
    }
}

/// A storage with the accounts inbox, outbox and, hierarchical, lake; it is 2026-03-04 10:00:00.
struct Cloud {
    storage: BlobStorage,
    faults: Faults,
    heard: Arc<Heard>,
}

impl Cloud {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let (faults, heard) = (Faults::default(), Arc::new(Heard::default()));
        let account =
            |name: &str| AccountSettings { name: name.to_owned(), hierarchical_namespace: name == "lake" };
        let mut settings = Settings {
            clock: Clock::starting_at(datetime!(2026-03-04 10:00:00 UTC)),
            ids: Ids::seeded(1),
            events: heard.clone(),
            faults: faults.clone(),
            base_url: "http://127.0.0.1:10000".to_owned(),
            subscription: "sub".to_owned(),
            resource_group: "media".to_owned(),
            accounts: ["inbox", "outbox", "lake"].map(account).to_vec(),
            keep: Keep::Memory,
            copy_pace: CopyPace::INSTANT,
            rehydration: Rehydration { standard: hours(15), high: hours(1) },
            strict_auth: false,
        };
        change(&mut settings);
        let storage = BlobStorage::new(settings).unwrap();
        Self { storage, faults, heard }
    }

    /// With the container `reels` in the account inbox.
    async fn with_container() -> Self {
        let cloud = Self::new();
        cloud.make_container("/inbox/reels").await;
        cloud
    }

    async fn make_container(&self, path: &str) {
        assert_eq!(self.put(&format!("{path}?restype=container")).await.status, 201);
    }

    async fn make_blob(&self, path: &str, content: impl Into<Body>) -> Answer {
        let made = self.put(path).with([BLOCK_BLOB]).body(content).await;
        assert_eq!(made.status, 201, "{made:?}");
        made
    }

    fn ask(&self, method: Method, path: &str) -> Ask {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        Ask { storage: self.storage.clone(), request }.with([
            ("host", "127.0.0.1:10000"),
            ("x-ms-version", "2026-04-06"),
            ("authorization", &bearer(r#"{"oid":"o-1","tid":"t-1"}"#)),
        ])
    }

    fn get(&self, path: &str) -> Ask {
        self.ask(Method::GET, path)
    }

    fn head(&self, path: &str) -> Ask {
        self.ask(Method::HEAD, path)
    }

    fn put(&self, path: &str) -> Ask {
        self.ask(Method::PUT, path)
    }

    fn delete(&self, path: &str) -> Ask {
        self.ask(Method::DELETE, path)
    }

    /// Copies one blob of this cloud onto another.
    fn copy(&self, from: &str, to: &str) -> Ask {
        self.put(to).with([("x-ms-copy-source", format!("http://127.0.0.1:10000{from}").as_str())])
    }

    /// The events since the last time anyone asked.
    fn heard(&self) -> Vec<PlatformEvent> {
        std::mem::take(&mut *self.heard.0.lock().unwrap())
    }

    /// What those events are and who is in them.
    fn news(&self) -> Vec<String> {
        let text = |data: &Value, name: &str| data[name].as_str().unwrap_or("-").to_owned();
        let line = |event: PlatformEvent| {
            let kind = event.event_type.trim_start_matches("Microsoft.Storage.");
            let blob = event.subject.rsplit("/blobs/").next().unwrap_or_default();
            format!("{kind} {} {blob} {}", text(&event.data, "api"), text(&event.data, "clientRequestId"))
        };
        self.heard().into_iter().map(line).collect()
    }
}

/// A request about to be sent; awaiting it sends it.
struct Ask {
    storage: BlobStorage,
    request: Request<Body>,
}

impl Ask {
    fn with<'a>(mut self, headers: impl IntoIterator<Item = (&'static str, &'a str)>) -> Self {
        for (name, value) in headers {
            self.request.headers_mut().insert(name, value.parse().unwrap());
        }
        self
    }

    fn without(mut self, name: &'static str) -> Self {
        self.request.headers_mut().remove(name);
        self
    }

    fn anonymously(self) -> Self {
        self.without("authorization")
    }

    fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }
}

impl IntoFuture for Ask {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let response = self.storage.router().oneshot(self.request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Answer { status: parts.status.as_u16(), headers: parts.headers, body }
        })
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("-", |value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Status and error code.
    fn refusal(&self) -> (u16, &str) {
        (self.status, self.header("x-ms-error-code"))
    }

    /// The texts of all elements of a name, in order.
    fn texts(&self, tag: &str) -> Vec<String> {
        let opening = format!("<{tag}>");
        let pieces = self.text().split(&opening).skip(1);
        pieces.map(|piece| piece.split("</").next().unwrap_or_default().to_owned()).collect()
    }
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

/// Two texts to compare two texts with.
fn pair(one: &str, other: &str) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

/// A token with these claims, which nobody signed.
fn bearer(claims: &str) -> String {
    let [header, claims, signature] =
        [r#"{"alg":"RS256"}"#, claims, "signature"].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("Bearer {header}.{claims}.{signature}")
}

/// HMAC-SHA256 in Base64 under a Base64 key.
fn sign(key: &str, text: &str) -> String {
    use hmac::Mac as _;
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&STANDARD.decode(key).unwrap()).unwrap();
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A query of these parameters, encoded.
fn query(parameters: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}
