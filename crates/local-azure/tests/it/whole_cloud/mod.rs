//! All services put together, for what takes more than one of them: keys that are managed here and used there, secrets
//! whose new versions are announced.
#![expect(clippy::unwrap_used, reason = "what a test cannot set up, it cannot judge")]

mod key_vault;
mod storage_management;

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use local_azure::blob_storage::{CopyPace, Keep, Rehydration};
use local_azure::clock::Clock;
use local_azure::cloud::{Cloud, CloudSettings};
use local_azure::event_grid::RetrySchedule;
use local_azure::ids::Ids;
use local_azure::media_services::{Encoder, Script, Scripted, ScriptedOutput, StreamingSettings};
use local_azure::webhook::{WebhookError, Webhooks};
use serde_json::{Value, json};
use time::macros::datetime;
use tower::ServiceExt as _;

/// A subscriber that agrees to be one.
struct Subscriber;

#[async_trait]
impl Webhooks for Subscriber {
    async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WebhookError> {
        let events = serde_json::from_slice::<Value>(request.body()).unwrap();
        let agreed = json!({"validationResponse": events[0]["data"]["validationCode"]});
        Ok(Response::new(Bytes::from(agreed.to_string())))
    }
}

fn no_script(_: &ScriptedOutput<'_>) -> Script {
    Script {
        scheduled_for: Duration::ZERO,
        encodes_for: Duration::ZERO,
        progress: vec![],
        outcome: Ok(vec![]),
    }
}

/// A cloud with the accounts archive, inbox and proxy, two on a page, and the vault `vault01`; it is 2026-03-04 09:00:00.
fn cloud(is_strict: bool) -> Cloud {
    Cloud::new(CloudSettings {
        clock: Clock::starting_at(datetime!(2026-03-04 09:00 UTC)),
        ids: Ids::seeded(7),
        webhooks: Arc::new(Subscriber),
        event_grid_url: "http://127.0.0.1:7072".to_owned(),
        storage_url: "http://127.0.0.1:10000".to_owned(),
        media_url: "https://localhost:7073".to_owned(),
        streaming: StreamingSettings::at("https://localhost:7075"),
        key_vault_url: "https://localhost:7074".to_owned(),
        subscription: "sub".to_owned(),
        resource_group: "group".to_owned(),
        storage_accounts: ["inbox", "archive", "proxy"].map(str::to_owned).to_vec(),
        hierarchical_accounts: Vec::new(),
        storage_accounts_per_page: NonZeroUsize::new(2).unwrap(),
        key_vault: "vault01".to_owned(),
        media_accounts: Vec::new(),
        keep: Keep::Memory,
        media_folder: None,
        copy_pace: CopyPace { bytes_per_second: NonZeroU64::MAX, minimum: Duration::ZERO },
        rehydration: Rehydration { standard: Duration::ZERO, high: Duration::ZERO },
        schedule: RetrySchedule::documented(),
        encoder: Encoder::Scripted(Scripted::new(no_script)),
        jobs_at_once: 1,
        strict_auth: is_strict,
    })
    .unwrap()
}

/// An answer, read whole.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Status and code of a refusal.
    fn refusal(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["error"]["code"].as_str().unwrap().to_owned())
    }
}

async fn send(service: Router, request: Request<Body>) -> Answer {
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// Asks with a token that says nothing, which will do unless authentication is strict.
async fn ask(service: Router, method: Method, uri: &str, body: Value) -> Answer {
    ask_with(service, method, uri, body, Some("a.b.c")).await
}

async fn ask_with(service: Router, method: Method, uri: &str, body: Value, token: Option<&str>) -> Answer {
    let mut request = Request::builder().method(method).uri(uri).header("host", "127.0.0.1");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    send(service, request.body(body).unwrap()).await
}
