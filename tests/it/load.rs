//! Load on a real processor: a topic that takes its time, couriers on sockets of their own, and the memory that the processor
//! has ever had. Shared by the tests and by `make overload`.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::process::{PATIENCE, Process, gridwich, port_base};

/// A topic that answers each POST after a while, and knows of which events it has received an acknowledgment and an outcome.
#[derive(Clone)]
pub struct SlowTopic {
    url: String,
    takes: Duration,
    answers: Arc<Mutex<HashMap<String, (u32, u32)>>>,
}

impl SlowTopic {
    pub async fn start(takes: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/api/events", listener.local_addr().unwrap());
        let topic = Self { url, takes, answers: Arc::default() };
        let service = Router::new().fallback(receive).with_state(topic.clone());
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        topic
    }

    /// Acknowledgments and outcomes of the event with this id.
    pub fn answers(&self, event_id: &str) -> (u32, u32) {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(event_id).copied().unwrap_or_default()
    }
}

async fn receive(State(topic): State<SlowTopic>, body: Bytes) -> StatusCode {
    let events = serde_json::from_slice::<Vec<Value>>(&body).unwrap_or_default();
    if events.is_empty() {
        return StatusCode::BAD_REQUEST;
    }
    tokio::time::sleep(topic.takes).await;
    let mut answers = topic.answers.lock().unwrap_or_else(PoisonError::into_inner);
    for event in events {
        let of = event["data"]["eventId"].as_str().unwrap_or_default().to_owned();
        let (acknowledgments, outcomes) = answers.entry(of).or_default();
        let is_acknowledgment = event["eventType"] == "response.acknowledge";
        *(if is_acknowledgment { acknowledgments } else { outcomes }) += 1;
    }
    StatusCode::OK
}

/// A processor that knows no storage: each request costs two publications and nothing else.
pub struct Target {
    process: Process,
    address: String,
}

impl Target {
    /// Starts one, and waits until it is ready. `limits` goes before the program, in the shell's words.
    pub async fn start(topic: &SlowTopic, settings: &[(&str, &str)], limits: &str) -> Self {
        let address = format!("127.0.0.1:{}", port_base());
        let program = gridwich(&["serve"]);
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &format!("{limits} exec \"$0\" serve")]).arg(program.get_program());
        command.env("GRIDWICH__ENDPOINT__LISTEN", &address);
        command.env("GRIDWICH__TOPIC__ENDPOINT", &topic.url).env("GRIDWICH__TOPIC__KEY", "a2V5");
        command.env("GRIDWICH__TELEMETRY__LOG", "error").envs(settings.iter().copied());
        let target =
            Self { process: Process::start(command.stdout(Stdio::null()).stderr(Stdio::null())), address };
        let until = Instant::now() + PATIENCE;
        while !target.is_ready().await {
            assert!(Instant::now() < until, "the processor did not become ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        target
    }

    pub async fn is_ready(&self) -> bool {
        let Ok(mut courier) = Courier::connect(&self.address).await else { return false };
        let asked = courier.ask(b"GET /readyz HTTP/1.1\r\nhost: test\r\n\r\n").await;
        asked.is_ok_and(|status| status == 200)
    }

    pub async fn courier(&self) -> Courier {
        Courier::connect(&self.address).await.unwrap()
    }

    /// A connection that has said nothing yet.
    pub async fn connect(&self) -> TcpStream {
        tokio::time::timeout(PATIENCE, TcpStream::connect(&self.address)).await.unwrap().unwrap()
    }

    /// Tells it to stop, as platforms do.
    pub fn stop(&self) {
        self.process.signal("TERM");
    }

    /// Whether it lets anybody in.
    pub async fn accepts(&self) -> bool {
        Courier::connect(&self.address).await.is_ok()
    }

    /// Waits for its end, and returns its exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        self.process.ended().await
    }

    /// The most memory it has ever had, in bytes.
    pub fn memory_bytes_max(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }

    /// What it says under a name in its metrics, whatever the labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let mut courier = self.courier().await;
        courier.send(b"GET /metrics HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
        let (_, body) = courier.answer().await.unwrap();
        let lines = body.lines().filter(|line| line.starts_with(name) && !line.starts_with('#'));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

/// A connection that delivers.
pub struct Courier(BufReader<TcpStream>);

impl Courier {
    async fn connect(address: &str) -> std::io::Result<Self> {
        let stream = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    pub async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes).await
    }

    /// The status and the body of an answer.
    pub async fn answer(&mut self) -> std::io::Result<(u16, String)> {
        tokio::time::timeout(PATIENCE, self.read_answer()).await?
    }

    async fn read_answer(&mut self) -> std::io::Result<(u16, String)> {
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            if self.0.read_line(&mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let header = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = header.strip_prefix("http/1.1 ") {
                status = rest.split(' ').next().and_then(|code| code.parse().ok()).unwrap_or_default();
            } else if let Some(value) = header.strip_prefix("content-length: ") {
                length = value.parse().unwrap_or_default();
            } else if header.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    pub async fn ask(&mut self, request: &[u8]) -> std::io::Result<u16> {
        self.send(request).await?;
        Ok(self.answer().await?.0)
    }

    pub async fn deliver(&mut self, event_id: &str) -> std::io::Result<u16> {
        self.ask(&delivery(event_id, 0)).await
    }
}

/// A delivery of one request, with so many bytes that mean nothing.
pub fn delivery(event_id: &str, padding: usize) -> Vec<u8> {
    let event = json!([{
        "id": event_id, "subject": "/load", "eventType": "request.blob.container.create", "dataVersion": "1",
        "data": {
            "storageAccountName": "inbox", "containerName": "show-17", "operationContext": {"id": event_id},
            "padding": "x".repeat(padding),
        },
    }]);
    let body = event.to_string();
    format!("{}{body}", head(body.len())).into_bytes()
}

/// The head of a delivery with a body of so many bytes.
pub fn head(body_bytes: usize) -> String {
    format!(
        "POST /api/EventGrid HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {body_bytes}\r\n\r\n"
    )
}

/// What became of the deliveries that were offered.
#[derive(Default)]
pub struct Outcome {
    pub offered: u64,
    /// Events whose delivery was answered 200.
    pub accepted: Vec<String>,
    /// How long each 503 took.
    pub shed: Vec<Duration>,
    /// Anything else, and broken connections.
    pub others: u64,
    /// When, since the beginning, the last 503 was answered.
    pub last_shed: Duration,
}

impl Outcome {
    pub fn shed_percentile(&mut self, percent: usize) -> Duration {
        self.shed.sort_unstable();
        let index = (self.shed.len() * percent / 100).min(self.shed.len().saturating_sub(1));
        self.shed.get(index).copied().unwrap_or_default()
    }
}

/// Offers so many deliveries a second, each when it is due and whatever became of those before, over so many connections.
pub async fn offer(target: &Target, name: &str, rate: f64, lasting: Duration, connections: usize) -> Outcome {
    let (total, began) = ((rate * lasting.as_secs_f64()) as u64, Instant::now());
    let (next, outcome) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Outcome::default())));
    let couriers = (0..connections).map(|_| {
        let (next, outcome, name) = (Arc::clone(&next), Arc::clone(&outcome), name.to_owned());
        let address = target.address.clone();
        tokio::spawn(async move {
            let mut courier = Courier::connect(&address).await.ok();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= total {
                    return;
                }
                tokio::time::sleep_until(began + Duration::from_secs_f64(number as f64 / rate)).await;
                let (event_id, sent) = (format!("{name}-{number}"), Instant::now());
                let status = match &mut courier {
                    Some(courier) => courier.deliver(&event_id).await.ok(),
                    None => None,
                };
                if status.is_none() {
                    courier = Courier::connect(&address).await.ok();
                }
                let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
                outcome.offered += 1;
                match status {
                    Some(200) => outcome.accepted.push(event_id),
                    Some(503) => {
                        outcome.shed.push(sent.elapsed());
                        outcome.last_shed = began.elapsed();
                    }
                    _ => outcome.others += 1,
                }
            }
        })
    });
    for courier in couriers.collect::<Vec<_>>() {
        courier.await.unwrap();
    }
    std::mem::take(&mut *outcome.lock().unwrap_or_else(PoisonError::into_inner))
}
