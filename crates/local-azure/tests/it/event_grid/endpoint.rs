//! Subscribers in memory, one per host name, each with a script of answers. Not a server.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use local_azure::webhook::{WebhookError, Webhooks};
use serde_json::{Value, json};
use tokio::time::Instant;

/// One answer to a request.
#[derive(Clone, Debug)]
pub enum Reply {
    Status(u16),
    Json(u16, Value),
    Headers(u16, Vec<(&'static str, &'static str)>),
    /// 200 after a while.
    Slow(Duration),
    Hang,
    Broken,
    Panic,
    /// What a careful endpoint does: the code to a validation event, the origin to OPTIONS, 200 to all else.
    Polite,
    /// The code, but with this status.
    EchoWith(u16),
}

/// A request an endpoint got.
#[derive(Clone, Debug)]
pub struct Delivered {
    pub method: Method,
    pub uri: String,
    pub headers: HeaderMap,
    pub body: Value,
    /// Seconds since the endpoint exists.
    pub second: u64,
}

impl Delivered {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a visible header"))
    }

    /// The ids of the events in it.
    pub fn ids(&self) -> Vec<String> {
        let events = self.body.as_array().cloned().unwrap_or_else(|| vec![self.body.clone()]);
        events.iter().map(|event| event["id"].as_str().expect("an id").to_owned()).collect()
    }
}

#[derive(Debug, Default)]
struct Host {
    script: VecDeque<Reply>,
    delivered: Vec<Delivered>,
}

/// All endpoints there are.
#[derive(Clone, Debug)]
pub struct Endpoints {
    hosts: Arc<Mutex<BTreeMap<String, Host>>>,
    started: Instant,
}

impl Endpoints {
    pub fn new() -> Self {
        Self { hosts: Arc::default(), started: Instant::now() }
    }

    /// What a host answers next, one after the other; when nothing is left it is polite.
    pub fn script(&self, host: &str, replies: impl IntoIterator<Item = Reply>) {
        self.hosts.lock().expect("unpoisoned").entry(host.to_owned()).or_default().script.extend(replies);
    }

    /// Everything a host got, handshakes included.
    pub fn all(&self, host: &str) -> Vec<Delivered> {
        let hosts = self.hosts.lock().expect("unpoisoned");
        hosts.get(host).map(|host| host.delivered.clone()).unwrap_or_default()
    }

    /// The notifications a host got.
    pub fn notifications(&self, host: &str) -> Vec<Delivered> {
        let all = self.all(host).into_iter();
        all.filter(|request| request.header("aeg-event-type") == "Notification").collect()
    }

    /// The ids of the events a host was notified of, in order.
    pub fn ids(&self, host: &str) -> Vec<String> {
        self.notifications(host).iter().flat_map(Delivered::ids).collect()
    }

    fn next(&self, request: &Request<Bytes>) -> Reply {
        let mut hosts = self.hosts.lock().expect("unpoisoned");
        let host = hosts.entry(request.uri().host().expect("a host").to_owned()).or_default();
        host.delivered.push(Delivered {
            method: request.method().clone(),
            uri: request.uri().to_string(),
            headers: request.headers().clone(),
            body: serde_json::from_slice(request.body()).unwrap_or_default(),
            second: self.started.elapsed().as_secs(),
        });
        host.script.pop_front().unwrap_or(Reply::Polite)
    }
}

#[async_trait]
impl Webhooks for Endpoints {
    async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WebhookError> {
        match self.next(&request) {
            Reply::Status(status) => Ok(response(status, &Value::Null)),
            Reply::Json(status, body) => Ok(response(status, &body)),
            Reply::Headers(status, headers) => Ok(with_headers(response(status, &Value::Null), &headers)),
            Reply::Slow(wait) => {
                tokio::time::sleep(wait).await;
                Ok(response(200, &Value::Null))
            }
            Reply::Hang => std::future::pending().await,
            Reply::Broken => Err(WebhookError::Socket),
            Reply::Panic => panic!("the endpoint was told to"),
            Reply::EchoWith(status) => Ok(echo(&request, status)),
            Reply::Polite if request.method() == Method::OPTIONS => {
                let headers =
                    [("WebHook-Allowed-Origin", "eventgrid.azure.net"), ("WebHook-Allowed-Rate", "*")];
                Ok(with_headers(response(200, &Value::Null), &headers))
            }
            Reply::Polite => Ok(echo(&request, 200)),
        }
    }
}

fn echo(request: &Request<Bytes>, status: u16) -> Response<Bytes> {
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    response(status, &json!({"validationResponse": body[0]["data"]["validationCode"]}))
}

fn response(status: u16, body: &Value) -> Response<Bytes> {
    let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
    Response::builder().status(status).body(body).expect("a response")
}

fn with_headers(mut response: Response<Bytes>, headers: &[(&'static str, &'static str)]) -> Response<Bytes> {
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().expect("a value"));
    }
    response
}
