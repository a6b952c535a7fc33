//! Real processes on loopback: the local cloud and the processor as their users start them. Everything a test waits for has
//! a bound; nothing sleeps for a fixed time.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use serde_json::{Value, json};

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often something is looked at again that cannot be waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A folder of the project.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A tool that `make test` installs.
pub fn tool(path: &str) -> PathBuf {
    let tool = root().join(".tools").join(path);
    assert!(tool.exists(), "{} is missing: `make test` installs it", tool.display());
    tool
}

/// Seven ports in a row that nobody uses now, below those that Linux gives to outgoing connections (from 32,768).
pub fn port_base() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 11_000 + (std::process::id() % 40) as u16 * 500;
    for _ in 0..200 {
        let base = start + NEXT.fetch_add(7, Ordering::Relaxed) % 1_000;
        if (base..base + 7).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return base;
        }
    }
    panic!("no seven free ports in a row");
}

/// A program that is killed when the test ends, however it ends.
pub struct Process {
    pub child: Child,
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).spawn();
        Self { child: child.unwrap_or_else(|error| panic!("{command:?}: {error}")) }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the program to end by itself, and returns its exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "the program did not end");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `gridwich` with arguments.
pub fn gridwich(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gridwich"));
    command.args(arguments);
    command
}

/// A running `gridwich local`.
pub struct Local {
    pub places: Value,
    pub process: Process,
    pub client: reqwest::Client,
    port_base: u16,
    folder: tempfile::TempDir,
}

impl Local {
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), port_base(), arguments)
    }

    /// Starts it again in the same folder and on the same ports, once it has ended.
    pub fn restart(self, arguments: &[&str]) -> Self {
        let Self { process, folder, port_base, .. } = self;
        drop(process);
        Self::start_in(folder, port_base, arguments)
    }

    fn start_in(folder: tempfile::TempDir, port_base: u16, arguments: &[&str]) -> Self {
        let (base, data) = (port_base.to_string(), folder.path().to_string_lossy().into_owned());
        // The shell is only there to have files that grow too large be an error, as on a full disk, and not a signal.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_gridwich")]);
        command.args(["local", "--print", "json", "--port-base", &base, "--data", &data]);
        command.args(arguments).stdout(Stdio::piped());
        let mut process = Process::start(&mut command);
        let mut line = String::new();
        BufReader::new(process.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let places = serde_json::from_str::<Value>(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        let authority = std::fs::read(places["caFile"].as_str().unwrap()).unwrap();
        let authority = reqwest::Certificate::from_pem(&authority).unwrap();
        let client = reqwest::Client::builder().tls_certs_merge([authority]).build().unwrap();
        Self { places, process, client, port_base, folder }
    }

    /// Where it keeps everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The ids of all processes that work for it, itself left out: each names the folder.
    pub fn workers(&self) -> Vec<u32> {
        let folder = self.folder().to_string_lossy().into_owned();
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let ids = processes.filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
        let works = |id: &u32| {
            let words = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            *id != self.process.child.id() && String::from_utf8_lossy(&words).contains(&folder)
        };
        ids.filter(works).collect()
    }

    pub fn text(&self, pointer: &str) -> &str {
        self.places
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{pointer} in {}", self.places))
    }

    /// The URI of a blob.
    pub fn blob(&self, account: &str, path: &str) -> String {
        let accounts = self.places["storage"].as_array().unwrap();
        let account = accounts.iter().find(|entry| entry["account"] == account).unwrap();
        format!("{}/{path}", account["blobEndpoint"].as_str().unwrap())
    }

    /// From now on no file can be written to, as on a full disk; or there is room again.
    pub fn fill_disk(&self, is_full: bool) {
        let (id, limit) = (self.process.child.id().to_string(), if is_full { "0:" } else { "unlimited:" });
        let set = Command::new("prlimit").args(["--pid", &id, &format!("--fsize={limit}")]).status();
        assert!(set.is_ok_and(|set| set.success()), "prlimit is missing: `make test` installs it");
    }

    /// Starts a processor of its own, with settings from the environment besides.
    pub fn serve(&self, settings: &[(&str, &str)]) -> Process {
        let mut command = gridwich(&["serve", "--config", self.text("/configFile")]);
        Process::start(command.envs(settings.iter().copied()).stderr(Stdio::null()))
    }

    /// Puts a blob into the account `inbox` as anybody with its key would.
    pub fn upload(&self, path: &str, content: Vec<u8>) {
        let (container, name) = path.split_once('/').unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("content");
        std::fs::write(&file, content).unwrap();
        run_client("upload.py", &[container, name, &file.to_string_lossy()], &self.places.to_string());
    }

    /// Puts a short clip into the account `inbox`, and returns what a request to encode it says.
    pub fn clip_to_encode(&self, operation_context: &Value) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let clip = folder.path().join("clip.mp4");
        make_clip(&clip);
        self.upload("inbox/clip.mp4", std::fs::read(clip).unwrap());
        json!({
            "inputs": [{"blobUri": self.blob("inbox", "inbox/clip.mp4")}],
            "outputContainer": self.blob("proxy", "show-17"),
            "transformName": "H264SingleBitrateSD",
            "operationContext": operation_context,
        })
    }

    /// Waits until the processor is subscribed to everything.
    pub async fn subscribed(&self) {
        let until = Instant::now() + PATIENCE;
        let scope = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/local/providers";
        let last = "Microsoft.Media/mediaservices/medianortheurope";
        let kind = "providers/Microsoft.EventGrid/eventSubscriptions/medianortheurope-to-processor";
        let url = format!("{}{scope}/{last}/{kind}?api-version=2022-06-15", self.text("/eventGrid"));
        while !self.client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(Instant::now() < until, "the processor was never subscribed");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// What a processor says of itself, once it is ready.
    pub async fn until_ready(&self, url: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Ok(answer) = self.client.get(url).send().await
                && answer.status().is_success()
            {
                return answer.text().await.unwrap();
            }
            assert!(Instant::now() < until, "the processor did not become ready");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The names of a transform's jobs in the first region.
    pub async fn jobs(&self, transform: &str) -> Vec<String> {
        let url = format!(
            "{}/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Media/mediaServices/{}/transforms/{transform}/jobs?api-version=2022-07-01",
            self.text("/media/0/baseUrl"),
            self.text("/media/0/subscriptionId"),
            self.text("/media/0/resourceGroup"),
            self.text("/media/0/account"),
        );
        let answer = self.client.get(url).bearer_auth("any.development.token").send().await.unwrap();
        let jobs = serde_json::from_slice::<Value>(&answer.bytes().await.unwrap()).unwrap();
        jobs["value"].as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Publishes a request.
    pub async fn publish(&self, id: &str, event_type: &str, data: &Value) {
        self.publish_all(&[(id.to_owned(), event_type, data.clone())]).await;
    }

    /// Publishes requests together.
    pub async fn publish_all(&self, requests: &[(String, &str, Value)]) {
        let events = requests.iter().map(|(id, event_type, data)| {
            json!({
                "id": id, "subject": "/test", "eventType": event_type, "eventTime": "2026-03-04T09:00:00Z",
                "dataVersion": "1.0", "data": data,
            })
        });
        let post = self.client.post(self.text("/topics/requests/endpoint"));
        let post = post.header("aeg-sas-key", self.text("/topics/requests/key"));
        let answer = post.body(Value::Array(events.collect()).to_string()).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Everything the response topic receives, from the beginning, until `enough` says so.
    pub async fn answers(&self, mut enough: impl FnMut(&[Value]) -> bool) -> Vec<Value> {
        let mut answers = Vec::new();
        let watching = async {
            let watched = self.client.get(self.text("/topics/responses/watch")).send().await.unwrap();
            let (mut chunks, mut rest) = (watched.bytes_stream(), Vec::new());
            while let Some(chunk) = chunks.next().await {
                rest.extend_from_slice(&chunk.unwrap());
                while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    let line = rest.drain(..=end).collect::<Vec<_>>();
                    let mut line = serde_json::from_slice::<Value>(&line).unwrap();
                    answers.push(line["event"].take());
                    if enough(&answers) {
                        return;
                    }
                }
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, watching).await.is_ok();
        assert!(
            in_time,
            "still not enough: {:?}",
            answers.iter().map(|a| a["eventType"].clone()).collect::<Vec<_>>()
        );
        answers
    }

    /// Waits for an answer of a type.
    pub async fn answered(&self, event_type: &str) -> Vec<Value> {
        self.answers(|answers| answers.iter().any(|answer| answer["eventType"] == event_type)).await
    }
}

/// Runs a client's script with what it reads on standard input, and returns what it prints; it must end without an error.
pub fn run_client(script: &str, arguments: &[&str], input: &str) -> String {
    let script = root().join("tests/clients").join(script);
    let mut child = Command::new(tool("python/bin/python"))
        .arg(&script)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}:\n{printed}{complained}", script.display());
    printed
}

/// A short clip with picture and tone, made by ffmpeg.
pub fn make_clip(path: &Path) {
    let made = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"])
        .args(["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=2"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:duration=2"])
        .arg(path)
        .status();
    assert!(made.is_ok_and(|made| made.success()), "ffmpeg is missing: `make test` installs it");
}

/// All a pipe has to say, read by a thread so that the program is never held up.
pub fn read_all(pipe: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        let mut pipe = pipe;
        pipe.read_to_string(&mut text).unwrap();
        text
    })
}
