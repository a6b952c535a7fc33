//! The two programs of our own that the processor is measured against: one that does nothing, and is the limit of the machine;
//! one that does the job as it comes to mind first, with a POST for each answer. Each runs in a process of its own.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

type Answer = Response<Full<Bytes>>;

/// Reads the body and answers 200.
pub async fn bare(port: u16) {
    let serve = |request: Request<Incoming>| async {
        let read = request.into_body().collect().await;
        respond(if read.is_ok() { StatusCode::OK } else { StatusCode::BAD_REQUEST })
    };
    listen(port, serve).await;
}

/// Publishes each answer by itself and waits for it.
pub async fn naive(port: u16, topic: String) {
    let routes = ["sas-url.create", "copy", "delete", "tier.change", "metadata.create", "container.create"];
    let routes = routes.map(|name| ((format!("request.blob.{name}"), 1), name)).into_iter().collect();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let naive = Arc::new(Naive { client, topic, routes });
    listen(port, move |request| Arc::clone(&naive).receive(request)).await;
}

async fn listen<F>(port: u16, serve: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static)
where
    F: Future<Output = Answer> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        let serve = serve.clone();
        let service = service_fn(move |request| {
            let answer = serve(request);
            async { Ok::<_, Infallible>(answer.await) }
        });
        // A courier that goes away is no error.
        tokio::spawn(async move {
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok()
        });
    }
}

fn respond(status: StatusCode) -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

struct Naive {
    client: Client<HttpConnector, Full<Bytes>>,
    topic: String,
    routes: HashMap<(String, u32), &'static str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    id: &'a str,
    event_type: String,
    data_version: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(borrow)]
    blob_uri: Option<&'a str>,
    operation_context: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Published<'a> {
    id: Uuid,
    event_type: &'a str,
    subject: &'a str,
    event_time: &'a str,
    data_version: &'a str,
    data: Value,
}

impl Naive {
    async fn receive(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let Ok(body) = request.into_body().collect().await else { return respond(StatusCode::BAD_REQUEST) };
        let body = body.to_bytes();
        let Ok(events) = serde_json::from_slice::<Vec<Event<'_>>>(&body) else {
            return respond(StatusCode::BAD_REQUEST);
        };
        for event in events {
            if !self.handle(event).await {
                return respond(StatusCode::SERVICE_UNAVAILABLE);
            }
        }
        respond(StatusCode::OK)
    }

    async fn handle(&self, event: Event<'_>) -> bool {
        let major =
            event.data_version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default();
        let Some(_) = self.routes.get(&(event.event_type.clone(), major)) else { return true };
        let Ok(data) = serde_json::from_str::<Data<'_>>(event.data.get()) else { return true };
        let context = data.operation_context;
        let acknowledgment =
            json!({"eventType": event.event_type, "eventId": event.id, "operationContext": context});
        let signed = data.blob_uri.map(|uri| format!("{uri}?sp=r"));
        let success = json!({"sasUrl": signed, "operationContext": context});
        self.publish("response.acknowledge", acknowledgment).await
            && self.publish("response.blob.sas-url.success", success).await
    }

    async fn publish(&self, event_type: &str, data: Value) -> bool {
        let (id, event_time, data_version) = (Uuid::new_v4(), "2026-03-04T09:00:00Z", "1.0");
        let subject = &format!("/{event_type}/{id}");
        let event = Published { id, event_type, subject, event_time, data_version, data };
        let body = serde_json::to_vec(&[event]).unwrap();
        let request = Request::builder().method(Method::POST).uri(&self.topic).header("aeg-sas-key", "a2V5");
        let request = request.header("content-type", "application/json").body(Full::from(body)).unwrap();
        let Ok(response) = self.client.request(request).await else { return false };
        let is_taken = response.status().is_success();
        // A connection is used again once its answer has been read.
        response.into_body().collect().await.is_ok() && is_taken
    }
}
