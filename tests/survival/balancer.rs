//! What stands between Event Grid and the replicas, as on any platform: a delivery goes to one that was ready when it was last
//! asked, and accepts the connection. A connection that breaks afterwards is a delivery that failed, for Event Grid to repeat.
//! Carries, times and counts.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use local_azure::webhook::{WebhookError, Webhooks};
use serde::Deserialize;

use super::journal::Journal;
use super::ledger::Ledger;
use super::mix::marked;

/// Where Event Grid believes the processor to be.
pub const PROCESSOR: &str = "http://processor.local/api/EventGrid";

/// How often replicas are asked whether they are ready, and how long they may take to say so. Platforms take a second or more:
/// what is less than `endpoint.leave_seconds` makes no difference.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// What became of deliveries.
#[derive(Clone, Debug, Default)]
pub struct Deliveries {
    /// Answered 200.
    pub settled: u64,
    /// Answered 503.
    pub come_again: u64,
    /// Answered otherwise.
    pub otherwise: u64,
    /// Accepted by nobody.
    pub refused: u64,
    /// Broken off before an answer.
    pub broken: u64,
    /// How long answers of 200 took.
    pub took: Vec<Duration>,
}

impl Deliveries {
    /// Those that come again.
    pub fn not_settled(&self) -> u64 {
        self.come_again + self.otherwise + self.refused + self.broken
    }
}

/// Replicas on loopback ports, one delivery to each in turn.
pub struct Balancer {
    client: reqwest::Client,
    ports: Vec<u16>,
    ready: Vec<AtomicBool>,
    next: AtomicUsize,
    seen: Mutex<Deliveries>,
    ledger: Arc<Ledger>,
    journal: Arc<Journal>,
}

#[derive(Deserialize)]
struct Delivered<'a> {
    id: &'a str,
    #[serde(rename = "eventType")]
    event_type: &'a str,
}

impl Balancer {
    pub fn new(ports: Vec<u16>, ledger: Arc<Ledger>, journal: Arc<Journal>) -> Self {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let ready = ports.iter().map(|_| AtomicBool::new(false)).collect();
        Self { client, ports, ready, next: AtomicUsize::new(0), seen: Mutex::default(), ledger, journal }
    }

    /// Asks all replicas whether they are ready, again and again.
    pub async fn look(&self) {
        let client = reqwest::Client::builder().timeout(ASK_AGAIN).pool_max_idle_per_host(0).build().unwrap();
        loop {
            for (port, ready) in self.ports.iter().zip(&self.ready) {
                let answer = client.get(format!("http://127.0.0.1:{port}/readyz")).send().await;
                let is_ready = answer.is_ok_and(|answer| answer.status().is_success());
                ready.store(is_ready, Ordering::Relaxed);
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// All replicas in turn, those that are not ready last: for when none is.
    fn turn(&self) -> Vec<usize> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut turn = (first..first + self.ports.len()).map(|at| at % self.ports.len()).collect::<Vec<_>>();
        turn.sort_by_key(|replica| !self.ready[*replica].load(Ordering::Relaxed));
        turn
    }

    pub fn seen(&self) -> Deliveries {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first replica's answer that accepts, and which it was.
    async fn carry(&self, request: &Request<Bytes>) -> (usize, Result<reqwest::Response, reqwest::Error>) {
        let turn = self.turn();
        let mut tried = 0;
        loop {
            let replica = turn[tried];
            let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
            let url = format!("http://127.0.0.1:{}{path}", self.ports[replica]);
            let sent = self.client.request(request.method().clone(), url);
            let sent = sent.headers(request.headers().clone()).body(request.body().clone()).send().await;
            tried += 1;
            if tried < turn.len() && sent.as_ref().is_err_and(reqwest::Error::is_connect) {
                continue;
            }
            return (replica, sent);
        }
    }

    fn note(&self, body: &Bytes, replica: usize, took: Duration, status: Result<u16, &reqwest::Error>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match &status {
            Ok(200) => {
                seen.settled += 1;
                seen.took.push(took);
            }
            Ok(503) => seen.come_again += 1,
            Ok(_) => seen.otherwise += 1,
            Err(error) if error.is_connect() => seen.refused += 1,
            Err(_) => seen.broken += 1,
        }
        drop(seen);
        let Ok([event]) = serde_json::from_slice::<[Delivered<'_>; 1]>(body) else { return };
        if status.as_ref().is_err_and(|error| !error.is_connect())
            && let Some(operation) = marked(event.id)
        {
            self.ledger.interrupted(operation);
        }
        let became = status.map_or_else(|error| format!("failed: {error:?}"), |status| status.to_string());
        let (milliseconds, text) = (took.as_secs_f64() * 1_000.0, String::from_utf8_lossy(body));
        let event_type = event.event_type;
        self.journal.note(format_args!(
            "delivery of {event_type} to {replica} took {milliseconds:.1} ms: {became} {text}"
        ));
    }
}

#[async_trait]
impl Webhooks for Balancer {
    async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WebhookError> {
        let began = Instant::now();
        let (replica, sent) = self.carry(&request).await;
        let answer = match sent {
            Ok(answer) => {
                let status = answer.status();
                answer.bytes().await.map(|body| {
                    let mut answer = Response::new(body);
                    *answer.status_mut() = status;
                    answer
                })
            }
            Err(error) => Err(error),
        };
        let status = answer.as_ref().map(|answer| answer.status().as_u16());
        self.note(request.body(), replica, began.elapsed(), status);
        answer.map_err(|_| WebhookError::Socket)
    }
}
