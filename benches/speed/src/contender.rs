//! The programs that are compared, each in a process of its own, and what the kernel says of a process. What they are asked is
//! the load's.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::cores::Bench;
use crate::deliveries::{SECRET, handshake};
use crate::load::Courier;
use crate::load::PATIENCE;
use crate::process::{Process, free_port, in_project, tool};

/// How often it is looked whether a program answers: well below what the fastest takes to start.
const LOOK_AGAIN: Duration = Duration::from_micros(100);
/// Any key: it is not looked at.
const KEY: &str = "a2V5";

/// Where everything is that contenders need.
pub struct Place {
    pub bench: Bench,
    /// Where topic, storage and collector are.
    pub sink: SocketAddr,
    /// The processor's program.
    pub gridwich: PathBuf,
}

/// A program that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// Reads the body and answers 200: the limit.
    Bare,
    /// A POST for each answer, one after the other.
    Naive,
    /// The processor, as its defaults have it.
    Gridwich,
    /// With traces of everything, metrics sent, logs, and a secret to be shown.
    GridwichObserved,
    /// Without any of that: no log, no secret.
    GridwichSilent,
    /// fastify and Microsoft's client.
    Node,
    /// FastAPI and Microsoft's client.
    Python,
}

impl Contender {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare hyper",
            Self::Naive => "naive Rust",
            Self::Gridwich => "Gridwich",
            Self::GridwichObserved => "Gridwich, observed",
            Self::GridwichSilent => "Gridwich, silent",
            Self::Node => "Node.js",
            Self::Python => "Python",
        }
    }

    /// Whether it publishes what it is asked for.
    pub fn answers(self) -> bool {
        self != Self::Bare
    }

    fn command(self, port: u16, place: &Place) -> Command {
        let (port, topic) = (port.to_string(), format!("http://{}/api/events", place.sink));
        match self {
            Self::Bare | Self::Naive => {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.arg(if self == Self::Bare { "bare" } else { "naive" }).args([&port, &topic]);
                command
            }
            Self::Node => {
                let mut command = Command::new("node");
                command.arg(tool("bench-node/server.mjs")).args([&port, &topic, KEY]);
                command.env("NODE_ENV", "production");
                command
            }
            Self::Python => {
                let mut command = Command::new(tool("bench-python/bin/python"));
                command.arg(in_project("tests/bench/python/server.py")).args([&port, &topic, KEY]);
                command
            }
            Self::Gridwich | Self::GridwichObserved | Self::GridwichSilent => {
                self.gridwich(&port, &topic, place)
            }
        }
    }

    fn gridwich(self, port: &str, topic: &str, place: &Place) -> Command {
        let sink = place.sink;
        let accounts = json!([{"name": "inbox", "key": KEY, "endpoint": format!("http://{sink}/inbox")}]);
        let mut command = Command::new(&place.gridwich);
        command.arg("serve");
        command.env("GRIDWICH__ENDPOINT__LISTEN", format!("127.0.0.1:{port}"));
        command.env("GRIDWICH__TOPIC__ENDPOINT", topic).env("GRIDWICH__TOPIC__KEY", KEY);
        command.env("GRIDWICH__STORAGE__ACCOUNTS", accounts.to_string());
        command.env("GRIDWICH__REQUESTS__SAS_SECONDS_MAX", "86400");
        match self {
            Self::GridwichObserved => {
                command.env("GRIDWICH__TELEMETRY__OTLP_ENDPOINT", format!("http://{sink}"));
                command.env("GRIDWICH__ADMISSION__SECRETS", json!([SECRET]).to_string());
            }
            Self::GridwichSilent => _ = command.env("GRIDWICH__TELEMETRY__LOG", "off"),
            _ => {}
        }
        command
    }
}

/// A contender that runs.
pub struct Running {
    pub address: String,
    /// From its start to its first answer to a handshake.
    pub started_in: Duration,
    process: Process,
}

impl Running {
    /// Starts it from the thread that calls, and on its core.
    pub fn start(contender: Contender, place: &Place) -> Self {
        let port = free_port();
        let mut command = contender.command(port, place);
        let address = format!("127.0.0.1:{port}");
        let began = Instant::now();
        let process = Process::start(&mut command);
        let shaking = shake_hands(address.clone());
        let shaken = place.bench.run(async { tokio::time::timeout(PATIENCE, shaking).await });
        assert!(shaken.is_ok(), "{} does not answer a handshake", contender.name());
        Self { address, started_in: began.elapsed(), process }
    }

    /// The processor time it has had, all threads that live taken together.
    pub fn cpu(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap().flatten();
        let nanoseconds = threads.filter_map(|thread| {
            let times = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            times.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    /// Resident memory now, in bytes.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// What of that is no page of a file.
    pub fn memory_own(&self) -> u64 {
        self.status("RssAnon:")
    }

    /// The most it ever had.
    pub fn memory_max(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let kibibytes = line.trim().trim_end_matches(" kB").parse::<u64>().unwrap();
        kibibytes * 1_024
    }
}

async fn shake_hands(address: String) {
    loop {
        if let Ok(mut courier) = Courier::connect(&address).await
            && courier.deliver(&handshake()).await.is_ok_and(|status| status == 200)
        {
            return;
        }
        let until = Instant::now() + LOOK_AGAIN;
        while Instant::now() < until {
            tokio::task::yield_now().await;
        }
    }
}
