//! Azurite, Microsoft's own emulator, as a second opinion: the same calls through our adapter are answered the same by it
//! and by the local Blob Storage.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use gridwich::azure::blob_storage::BlobStorage;
use gridwich::azure::wire::{Sockets, Wire};
use gridwich::config::StorageAccountConfig;
use gridwich::secret::Secret;
use gridwich_handlers::operation_context::{ContextReference, OperationContext, Stamp, write};
use gridwich_handlers::operation_id::OperationId;
use gridwich_handlers::participants::{
    BlobAddress, ContainerAddress, CopyRequest, Kept, ParticipantError, PublicAccess, RehydratePriority,
    Storage as _, Tier, TierChange,
};

use serde_json::{Value, json};

use crate::process::{Local, PATIENCE, Process, port_base, run_client, tool};

/// Azurite's one account, and the key everybody knows.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

struct Azurite {
    _process: Process,
    _folder: tempfile::TempDir,
    endpoint: String,
}

impl Azurite {
    async fn start() -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), port_base());
        let mut command = Command::new(tool("node/node_modules/.bin/azurite-blob"));
        command
            .args([
                "--silent",
                "--skipApiVersionCheck",
                "--disableTelemetry",
                "--loose",
                "--inMemoryPersistence",
            ])
            .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()])
            .current_dir(folder.path())
            .stdout(Stdio::null());
        let process = Process::start(&mut command);
        let until = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < until, "Azurite did not start");
            tokio::task::yield_now().await;
        }
        Self { _process: process, _folder: folder, endpoint: format!("http://127.0.0.1:{port}/{ACCOUNT}") }
    }
}

fn adapter(account: &str, endpoint: &str, key: &str) -> BlobStorage {
    let wire: Arc<dyn Wire> = Arc::new(Sockets::new(Path::new("")).unwrap());
    let config = StorageAccountConfig {
        name: account.to_owned(),
        endpoint: endpoint.to_owned(),
        key: Secret::new(key),
    };
    BlobStorage::new(&[config], None, &wire).unwrap()
}

/// What one storage answered to a list of calls, without what is its own: names, ETags, times.
struct Transcript<'a> {
    storage: &'a BlobStorage,
    account: &'a str,
    lines: Vec<String>,
}

impl Transcript<'_> {
    fn container(&self, name: &str) -> ContainerAddress {
        ContainerAddress { account: self.account.to_owned(), container: name.to_owned() }
    }

    fn blob(&self, container: &str, name: &str) -> BlobAddress {
        BlobAddress { container: self.container(container), name: name.to_owned() }
    }

    fn reference(&self, request: &str) -> ContextReference {
        let operation = OperationId::of_request(request, "request.blob.copy", None);
        ContextReference { account: self.account.to_owned(), operation }
    }

    fn note<T: std::fmt::Debug>(&mut self, what: &str, answer: &Result<T, ParticipantError>) {
        let answer = match answer {
            Ok(answer) => format!("{answer:?}"),
            Err(error) => {
                let kind = format!("{error:?}").split(['(', ' ']).next().unwrap_or_default().to_owned();
                let said = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
                format!("{kind} {}", said.split(':').next().unwrap_or_default())
            }
        };
        self.lines.push(format!("{what}: {answer}"));
    }

    async fn create(&mut self, container: &str, request: &str) {
        let operation = self.reference(request).operation;
        let answer = self.storage.create_container(&self.container(container), operation).await;
        self.note(&format!("create {container:?}"), &answer);
    }

    async fn look(&mut self, container: &str, name: &str) {
        let answer = self.storage.properties(&self.blob(container, name)).await;
        let answer = answer.map(|mut found| {
            // Differs from note to note, and is copied with them.
            found.metadata.remove("attempt");
            (found.bytes, found.metadata, found.copy)
        });
        self.note(&format!("properties {container}/{name}"), &answer);
    }

    async fn set_metadata(&mut self, container: &str, name: &str, metadata: &[(&str, &str)]) {
        let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let metadata = metadata.collect::<BTreeMap<_, _>>();
        let answer = self.storage.set_metadata(&self.blob(container, name), &metadata).await;
        self.note(&format!("metadata {container}/{name} {metadata:?}"), &answer);
    }

    async fn copy(&mut self, source: (&str, &str), destination: (&str, &str)) {
        let (from, to) = (self.blob(source.0, source.1), self.blob(destination.0, destination.1));
        let etag = self.storage.properties(&from).await.map_or("\"0x0\"".to_owned(), |found| found.etag);
        let note = self.reference(&format!("{source:?} to {destination:?}"));
        let context = OperationContext::parse(r#"{"ü":1}"#).unwrap();
        let carried = write(&context, &Stamp::default(), 1_024).unwrap();
        let copy = CopyRequest {
            source: &from,
            source_etag: &etag,
            destination: &to,
            note: &note,
            is_repeated: self.storage.keep_context(&note, "{}", "").await.unwrap() != Kept::Now,
            carried: &carried,
        };
        let answer = self.storage.start_copy(copy).await;
        self.note(&format!("copy {source:?} to {destination:?}"), &answer);
        let until = Instant::now() + PATIENCE;
        while let Ok(found) = self.storage.properties(&to).await {
            if found.copy != Some(gridwich_handlers::participants::CopyState::Pending) {
                break;
            }
            assert!(Instant::now() < until, "the copy does not end");
        }
    }

    /// Azure, and the local storage with it, says `CannotVerifyCopySource` where Azurite says `BlobNotFound`.
    async fn copy_of_nothing(&mut self) {
        self.copy(("show-17", "nothing"), ("show-17", "never")).await;
        let line = self.lines.pop().unwrap();
        self.lines.push(line.replace("CannotVerifyCopySource", "BlobNotFound"));
    }

    async fn tier(&mut self, container: &str, name: &str, tier: Tier) {
        let context = OperationContext::empty();
        let carried = write(&context, &Stamp::default(), 1_024).unwrap();
        let blob = self.blob(container, name);
        let change =
            TierChange { blob: &blob, tier, priority: RehydratePriority::Standard, carried: &carried };
        let answer = self.storage.set_tier(change).await;
        self.note(&format!("tier {container}/{name} {tier:?}"), &answer);
    }

    async fn delete(&mut self, container: &str, name: &str, etag: Option<&str>) {
        let blob = self.blob(container, name);
        let found = self.storage.properties(&blob).await.map_or("\"0x0\"".to_owned(), |found| found.etag);
        let carried = write(&OperationContext::empty(), &Stamp::default(), 1_024).unwrap();
        let answer = self.storage.delete(&blob, etag.unwrap_or(&found), &carried).await;
        self.note(&format!("delete {container}/{name}"), &answer);
    }

    async fn open(&mut self, container: &str) {
        for access in [PublicAccess::Blob, PublicAccess::BlobContainer, PublicAccess::None] {
            let answer = self.storage.set_access(&self.container(container), access).await;
            self.note(&format!("open {container} {access:?}"), &answer);
        }
    }

    async fn delete_container(&mut self, container: &str) {
        let address = self.container(container);
        let there = self.storage.container_etag(&address).await.map(|_| ());
        self.note(&format!("has {container}"), &there);
        let answer = self.storage.delete_container(&address).await;
        self.note(&format!("delete {container}"), &answer);
        let there = self.storage.container_etag(&address).await.map(|_| ());
        self.note(&format!("has {container}"), &there);
    }

    async fn list(&mut self, container: &str) {
        let answer = self.storage.list(&self.container(container)).await;
        let answer = answer.map(|listed| listed.into_iter().map(|blob| blob.name).collect::<Vec<_>>());
        self.note(&format!("list {container}"), &answer);
    }

    async fn keep(&mut self, text: &str) {
        let reference = self.reference("1");
        for _ in 0..2 {
            let kept = self.storage.keep_context(&reference, text, "\"0x8D1\"").await;
            let kept = kept.map(|kept| match kept {
                Kept::Now => "now".to_owned(),
                Kept::Before(before) => before.about,
            });
            self.note("keep", &kept);
        }
        let found = self.storage.kept_context(&reference).await;
        self.note("kept", &found);
    }
}

async fn transcript(storage: &BlobStorage, account: &str) -> Vec<String> {
    let mut calls = Transcript { storage, account, lines: Vec::new() };
    for request in ["1", "1", "2"] {
        calls.create("show-17", request).await;
    }
    calls.create("no", "1").await;
    calls.create("Show", "1").await;
    calls.keep(r#"{"large":"context"}"#).await;
    let operation = calls.reference("1").operation.digits();
    let kept = ("gridwich-contexts", operation.as_str());
    for name in ["copy.json", "sp ace+plus%41#hash?query.json", "ä/日本語/e\u{301}.json", &"x".repeat(1_024)]
    {
        calls.copy(kept, ("show-17", name)).await;
        calls.look("show-17", name).await;
        calls.copy(kept, ("show-17", name)).await;
    }
    let spelled = [("DepartmentCode", "news"), ("SHOW_17", "a b"), ("plain", "1")];
    for metadata in [&spelled[..], &[("departmentCODE", "sport")], &[], &spelled] {
        calls.set_metadata("show-17", "copy.json", metadata).await;
        calls.look("show-17", "copy.json").await;
    }
    calls.copy(("show-17", "copy.json"), ("show-17", "copy of copy.json")).await;
    calls.look("show-17", "copy of copy.json").await;
    calls.set_metadata("show-17", "nothing", &spelled).await;
    calls.set_metadata("no-such-container", "nothing", &spelled).await;
    calls.copy_of_nothing().await;
    calls.copy(kept, ("no-such-container", "never")).await;
    calls.look("show-17", "nothing").await;
    calls.look("no-such-container", "nothing").await;
    for tier in [Tier::Cool, Tier::Hot, Tier::Cold, Tier::Archive] {
        calls.tier("show-17", "copy.json", tier).await;
    }
    calls.tier("show-17", "nothing", Tier::Cool).await;
    calls.list("show-17").await;
    calls.list("no-such-container").await;
    for container in ["show-17", "no-such-container", "gridwich-contexts"] {
        calls.open(container).await;
    }
    calls.delete("show-17", "sp ace+plus%41#hash?query.json", Some("\"0x8D1\"")).await;
    for name in ["sp ace+plus%41#hash?query.json", "sp ace+plus%41#hash?query.json", "nothing"] {
        calls.delete("show-17", name, None).await;
    }
    calls.list("show-17").await;
    for container in ["show-17", "no-such-container", "gridwich-contexts"] {
        calls.delete_container(container).await;
    }
    calls.lines
}

#[tokio::test]
async fn azurite_and_the_local_storage_give_our_adapter_the_same_answers() {
    let (azurite, local) = (Azurite::start().await, Local::start(&["--without-processor"]));
    let from_azurite = transcript(&adapter(ACCOUNT, &azurite.endpoint, KEY), ACCOUNT).await;
    let (endpoint, key) = (local.text("/storage/0/blobEndpoint"), local.text("/storage/0/key"));
    let from_local = transcript(&adapter("inbox", endpoint, key), "inbox").await;
    for (azurite, local) in from_azurite.iter().zip(&from_local) {
        assert_eq!(azurite, local);
    }
    assert_eq!(from_azurite.len(), from_local.len());
}

#[tokio::test]
async fn the_official_client_finds_in_azurite_what_it_finds_in_the_local_storage() {
    let azurite = Azurite::start().await;
    let endpoint = &azurite.endpoint;
    let connection = format!(
        "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};\n"
    );
    run_client("blob_storage.py", &["--azurite"], &connection);
}

/// Has a processor do all it can do to an account, and returns what Microsoft's client sees then.
async fn seen_after_requests(local: &Local, account: &str, endpoint: &str, key: &str) -> Value {
    let connection = format!(
        "DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};BlobEndpoint={endpoint};\n"
    );
    run_client("seen.py", &["prepare"], &connection);
    let accounts = json!([{"name": account, "endpoint": endpoint, "key": key}]).to_string();
    let _processor = local.serve(&[
        ("GRIDWICH__STORAGE__ACCOUNTS", &accounts),
        ("GRIDWICH__DEAD_LETTERS__ACCOUNT", ""),
        ("GRIDWICH__DEAD_LETTERS__CONTAINER", ""),
    ]);
    let uri = |path: &str| format!("{endpoint}/{path}");
    let named = |container: &str| json!({"storageAccountName": account, "containerName": container});
    let (clip, size) = (uri("seen/clip%20one.mp4"), uri("seen/gr%C3%B6%C3%9Fe%20%231.mp4"));
    let mut open = named("seen");
    open["accessType"] = "Blob".into();
    let requests = [
        (
            "request.blob.metadata.create",
            json!({"blobUri": clip, "blobMetadata": {"DepartmentCode": "news"}}),
        ),
        ("request.blob.copy", json!({"sourceUri": clip, "destinationUri": uri("seen/copy.mp4")})),
        ("request.blob.tier.change", json!({"blobUri": size, "accessTier": "cool"})),
        ("request.blob.delete", json!({"blobUri": uri("seen/gone.mp4")})),
        ("request.blob.container.create", named("made")),
        ("request.blob.container.create", named("short-lived")),
        ("request.blob.container.delete", named("short-lived")),
        ("request.blob.container.access.change", open),
    ];
    let until = Instant::now() + PATIENCE;
    for (i, (event_type, data)) in requests.into_iter().enumerate() {
        let event = json!([{
            "id": format!("{account}-{i}"), "eventType": event_type, "dataVersion": "1.0", "data": data,
        }]);
        let deliver = || local.client.post(local.text("/processor")).body(event.to_string()).send();
        let mut answer = deliver().await;
        while answer.is_err() {
            assert!(Instant::now() < until, "the processor did not start");
            tokio::task::yield_now().await;
            answer = deliver().await;
        }
        assert_eq!(answer.unwrap().status(), 200, "{event}");
    }
    serde_json::from_str(&run_client("seen.py", &["see"], &connection)).unwrap()
}

#[tokio::test]
async fn the_official_client_sees_what_our_handlers_did_alike_in_azurite_and_locally() {
    let (azurite, local) = (Azurite::start().await, Local::start(&["--without-processor"]));
    let in_azurite = seen_after_requests(&local, ACCOUNT, &azurite.endpoint, KEY).await;
    let (endpoint, key) = (local.text("/storage/0/blobEndpoint"), local.text("/storage/0/key"));
    let locally = seen_after_requests(&local, "inbox", endpoint, key).await;
    assert_eq!(in_azurite, locally);
    let (before, news) = (json!({"Before": "yes"}), json!({"DepartmentCode": "news"}));
    let blob = |metadata: &Value, tier: &str, copy: Value| json!({"metadata": metadata, "listed": metadata, "tier": tier, "copy": copy, "content": "moving pictures"});
    let expected = json!({
        "blobs": {
            "clip one.mp4": blob(&news, "Hot", json!(null)),
            "copy.mp4": blob(&news, "Hot", json!("success")),
            "größe #1.mp4": blob(&before, "Cool", json!(null)),
        },
        "snapshots": [],
        "access": "blob",
        "gone": false,
        "made": true,
    });
    assert_eq!(locally, expected);
}
