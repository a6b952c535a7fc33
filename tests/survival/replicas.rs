//! Real processes of the processor on loopback ports, which are killed, or told to stop, and started again. Sends them nothing
//! but signals.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::journal::Journal;
use crate::process::{PATIENCE, Process, gridwich};

/// How often a replica that starts is asked whether it is ready.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// How the processor is started, besides its configuration file.
pub type Settings = Vec<(String, String)>;

/// All replicas.
pub struct Replicas {
    running: Vec<Process>,
    ports: Vec<u16>,
    config_file: PathBuf,
    settings: Settings,
    client: reqwest::Client,
    journal: Arc<Journal>,
    /// The most memory that any of them has held, in KiB.
    pub resident_max: u64,
    troubles: Vec<String>,
}

impl Replicas {
    /// Starts one on each port, and waits until all are ready.
    pub async fn start(
        ports: Vec<u16>,
        config_file: PathBuf,
        settings: Settings,
        journal: Arc<Journal>,
    ) -> Self {
        let client = reqwest::Client::new();
        let (running, troubles) = (Vec::new(), Vec::new());
        let mut replicas =
            Self { running, ports, config_file, settings, client, journal, resident_max: 0, troubles };
        for number in 0..replicas.ports.len() {
            let process = replicas.process(number);
            replicas.running.push(process);
        }
        for number in 0..replicas.ports.len() {
            replicas.ready(number).await;
        }
        replicas
    }

    pub fn count(&self) -> usize {
        self.running.len()
    }

    /// `kill -9`, and another at once.
    pub fn kill(&mut self, number: usize) {
        self.weigh(number);
        self.look(number);
        self.journal.note(format_args!("replica {number} is killed"));
        self.running[number].kill();
        self.running[number] = self.process(number);
    }

    /// Tells one to stop, waits for its end, starts another and waits until that is ready. Returns how the end was and how
    /// long it took.
    pub async fn restart(&mut self, number: usize) -> (Option<i32>, Duration) {
        self.weigh(number);
        self.look(number);
        self.journal.note(format_args!("replica {number} is told to stop"));
        let began = Instant::now();
        self.running[number].signal("TERM");
        let ended = self.running[number].ended().await;
        let took = began.elapsed();
        self.journal.note(format_args!("replica {number} has ended"));
        self.running[number] = self.process(number);
        self.ready(number).await;
        (ended, took)
    }

    /// What replicas did that they must not, in words: none ends by itself, and none panics.
    pub fn troubles(mut self) -> Vec<String> {
        (0..self.count()).for_each(|number| self.look(number));
        for number in 0..self.count() {
            let log = std::fs::read_to_string(self.log_file(number)).unwrap();
            let panics = log.lines().filter(|line| line.contains("panicked"));
            self.troubles.extend(panics.map(|line| format!("replica {number}: {line}")));
        }
        self.troubles
    }

    /// Notes how much memory all hold at most.
    pub fn weigh_all(&mut self) {
        (0..self.count()).for_each(|number| self.weigh(number));
    }

    fn look(&mut self, number: usize) {
        if let Some(status) = self.running[number].child.try_wait().unwrap() {
            self.troubles.push(format!("replica {number} ended by itself: {status}"));
        }
    }

    fn log_file(&self, number: usize) -> PathBuf {
        self.config_file.with_file_name(format!("replica-{number}.log"))
    }

    fn process(&self, number: usize) -> Process {
        let mut command = gridwich(&["serve", "--config"]);
        let settings = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let listen = format!("127.0.0.1:{}", self.ports[number]);
        command.arg(&self.config_file).envs(settings).env("GRIDWICH__ENDPOINT__LISTEN", listen);
        let log = OpenOptions::new().create(true).append(true).open(self.log_file(number)).unwrap();
        let errors = log.try_clone().unwrap();
        Process::start(command.stdout(Stdio::from(log)).stderr(Stdio::from(errors)))
    }

    async fn ready(&self, number: usize) {
        let (url, until) =
            (format!("http://127.0.0.1:{}/readyz", self.ports[number]), Instant::now() + PATIENCE);
        while !self.client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(Instant::now() < until, "replica {number} is never ready");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn weigh(&mut self, number: usize) {
        let path = format!("/proc/{}/status", self.running[number].child.id());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        let most = most.and_then(|most| most.parse().ok()).unwrap_or_default();
        self.resident_max = self.resident_max.max(most);
    }
}
