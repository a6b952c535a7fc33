//! The world around Media Services: storage in a folder, subscribers that only listen. Not the service.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use local_azure::clock::Clock;
use local_azure::faults::Faults;
use local_azure::ids::Ids;
use local_azure::inside::{BlobFile, BlobFileError, BlobFiles};
use local_azure::inside::{BlobLinks, BlobPlace, ContainerPermission};
use local_azure::media_services::{
    Encoder, MediaServices, RegionSettings, Script, Scripted, ScriptedOutput, Settings, StreamingSettings,
    UnusableFolder,
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;
use tower::ServiceExt as _;
use url::Url;

use super::subscriber::Events;

pub const WEST: &str =
    "/subscriptions/sub/resourceGroups/media/providers/Microsoft.Media/mediaServices/amswest";
pub const NORTH: &str =
    "/subscriptions/sub/resourceGroups/media/providers/Microsoft.Media/mediaServices/amsnorth";
/// The time at which every world begins.
pub const BEGINNING: OffsetDateTime = datetime!(2024-01-10 09:00 UTC);

/// A cloud with two regions, `westeurope` and `northeurope`, that share the storage account `acct`.
pub struct World {
    service: Option<MediaServices>,
    pub storage: Arc<Storage>,
    pub events: Arc<Events>,
    pub west_faults: Faults,
    clock: Clock,
    encoder: Encoder,
    options: Options,
    scratch: Scratch,
}

/// How a world differs from the usual one.
#[derive(Clone)]
pub struct Options {
    pub jobs_at_once: usize,
    pub strict_auth: bool,
    pub cache_bytes_max: u64,
    pub packager: Option<PathBuf>,
    pub licence_url: Option<String>,
    /// Whether accounts are kept in a folder.
    pub is_kept: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            jobs_at_once: 1,
            strict_auth: false,
            cache_bytes_max: 1_000_000_000,
            packager: None,
            licence_url: None,
            is_kept: false,
        }
    }
}

impl World {
    /// A world whose encoder follows the usual script.
    pub fn scripted() -> Self {
        Self::scripted_with(&Options::default(), |_| script())
    }

    /// A world whose encoder follows these scripts.
    pub fn scripted_with(
        options: &Options,
        script_of: impl Fn(&ScriptedOutput<'_>) -> Script + Send + Sync + 'static,
    ) -> Self {
        Self::new(|_| Encoder::Scripted(Scripted::new(script_of)), options)
    }

    /// A world whose encoder is made from a folder for its scratch files.
    pub fn new(encoder: impl FnOnce(&Path) -> Encoder, options: &Options) -> Self {
        let scratch = Scratch::new();
        let storage = Arc::new(Storage { root: scratch.0.join("blobs"), ..Storage::default() });
        let mut world = Self {
            service: None,
            storage,
            events: Arc::default(),
            west_faults: Faults::default(),
            clock: Clock::starting_at(BEGINNING),
            encoder: encoder(&scratch.0),
            options: options.clone(),
            scratch,
        };
        world.start();
        world
    }

    /// Starts the service, as a process does that finds what an earlier one kept.
    pub fn start(&mut self) {
        self.try_to_start().unwrap();
    }

    /// The same, where it may not be possible.
    pub fn try_to_start(&mut self) -> Result<(), UnusableFolder> {
        let options = &self.options;
        let region = |region: &str, account: &str, faults: &Faults| RegionSettings {
            region: region.to_owned(),
            account: account.to_owned(),
            storage_accounts: vec!["acct".to_owned(), "second".to_owned()],
            jobs_at_once: options.jobs_at_once,
            faults: faults.clone(),
        };
        let service = MediaServices::new(Settings {
            clock: self.clock.clone(),
            ids: Ids::seeded(7),
            events: self.events.clone(),
            blobs: self.storage.clone(),
            links: Arc::new(Links),
            subscription: "sub".to_owned(),
            resource_group: "media".to_owned(),
            regions: vec![
                region("westeurope", "amswest", &self.west_faults),
                region("northeurope", "amsnorth", &Faults::default()),
            ],
            encoder: self.encoder.clone(),
            faults: Faults::default(),
            endpoint: "https://media.local".to_owned(),
            streaming: StreamingSettings {
                cache_bytes_max: options.cache_bytes_max,
                packager: options.packager.clone(),
                licence_url: options.licence_url.clone(),
                ..StreamingSettings::at("https://stream.local")
            },
            folder: options.is_kept.then(|| self.kept()),
            strict_auth: options.strict_auth,
        })?;
        self.service = Some(service);
        Ok(())
    }

    /// Where accounts are kept.
    pub fn kept(&self) -> PathBuf {
        self.scratch.0.join("kept")
    }

    /// Kills the service, and starts another one.
    pub async fn restart(&mut self) {
        self.drop_service();
        // What the dead one had in hand is let go of before its heir looks.
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.start();
        self.service().resume().await;
    }

    pub fn service(&self) -> &MediaServices {
        self.service.as_ref().unwrap()
    }

    /// Lets go of the service, as a program does that ends.
    pub fn drop_service(&mut self) {
        self.service = None;
    }

    /// The names of all files the encoder has in work.
    pub fn scratch_files(&self) -> Vec<String> {
        let Ok(folders) = std::fs::read_dir(self.scratch.0.join("encoding")) else { return Vec::new() };
        let files =
            folders.flatten().flat_map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten());
        files.flatten().map(|file| file.file_name().into_string().unwrap()).collect()
    }

    /// The ids of all processes that name the encoder's folder.
    pub fn encoders(&self) -> Vec<u32> {
        let folder = self.scratch.0.to_string_lossy().into_owned();
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let ids = processes.filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
        let names_it = |id: &u32| {
            let words = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).contains(&folder)
        };
        ids.filter(names_it).collect()
    }

    /// The folders of all packaged presentations.
    pub fn packages(&self) -> Vec<PathBuf> {
        let Ok(folders) = std::fs::read_dir(self.scratch.0.join("encoding/streaming")) else {
            return Vec::new();
        };
        folders.flatten().map(|folder| folder.path()).collect()
    }

    /// Waits until the encoder has cleared up, which it does within three seconds of whatever ended its work.
    pub async fn cleared_up(&self) {
        let begun = std::time::Instant::now();
        while !self.scratch_files().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", self.scratch_files());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends a request below a path and reads its answer.
    pub async fn call(&self, method: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        let answer = self.send(method, path, body, Some("Bearer a.b.c")).await;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Sends a request as it is told.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        authorization: Option<&str>,
    ) -> Response<Body> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut request = Request::builder().method(method);
        request = request.uri(format!("{path}{separator}api-version=2022-07-01"));
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.service().router().oneshot(request.body(body).unwrap()).await.unwrap()
    }

    pub async fn put(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call("PUT", &format!("{WEST}/{path}"), &body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call("PATCH", &format!("{WEST}/{path}"), &body).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call("POST", &format!("{WEST}/{path}"), &body).await
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call("GET", &format!("{WEST}/{path}"), &Value::Null).await
    }

    pub async fn delete(&self, path: &str) -> StatusCode {
        self.call("DELETE", &format!("{WEST}/{path}"), &Value::Null).await.0
    }

    /// Sends a body as it is spelt.
    pub async fn send_text(&self, method: &str, path: &str, body: &str) -> Response<Body> {
        let request = Request::builder().method(method).uri(format!("{path}?api-version=2022-07-01"));
        let request = request.header("authorization", "Bearer t").body(Body::from(body.to_owned())).unwrap();
        self.service().router().oneshot(request).await.unwrap()
    }

    /// Makes what [`job_body`] needs: two assets, one file, and the transform `t`.
    pub async fn ready(&self) {
        self.asset("input").await;
        self.asset("output").await;
        self.storage.give("input", "show.mp4", b"media");
        self.transform("t", &[built_in("AdaptiveStreaming")]).await;
    }

    /// Makes an asset for a container of its own name.
    pub async fn asset(&self, name: &str) {
        let (status, _) =
            self.put(&format!("assets/{name}"), json!({"properties": {"container": name}})).await;
        assert_eq!(status, StatusCode::CREATED);
    }

    /// Makes a transform with these presets.
    pub async fn transform(&self, name: &str, presets: &[Value]) {
        let outputs = presets.iter().map(|preset| json!({"preset": preset})).collect::<Vec<_>>();
        let body = json!({"properties": {"outputs": outputs}});
        let (status, answer) = self.put(&format!("transforms/{name}"), body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }

    /// The state of a job.
    pub async fn state(&self, job: &str) -> String {
        let (_, job) = self.get(job).await;
        job["properties"]["state"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a job has ended, and shows it.
    pub async fn ended(&self, job: &str) -> Value {
        for _ in 0..1_200 {
            let (_, shown) = self.get(job).await;
            if matches!(shown["properties"]["state"].as_str(), Some("Finished" | "Error" | "Canceled")) {
                return shown["properties"].clone();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the job {job} does not end");
    }
}

/// The body of a job from the asset `input` to the asset `output`.
pub fn job_body() -> Value {
    json!({"properties": {
        "input": {"@odata.type": "#Microsoft.Media.JobInputAsset", "assetName": "input"},
        "outputs": [{"@odata.type": "#Microsoft.Media.JobOutputAsset", "assetName": "output"}],
        "correlationData": {"operationContext": "{\"id\":\"Op1\"}"},
    }})
}

/// A second of waiting, ten of encoding, and one small file.
pub fn script() -> Script {
    Script::default()
}

/// A preset by name.
pub fn built_in(name: &str) -> Value {
    json!({"@odata.type": "#Microsoft.Media.BuiltInStandardEncoderPreset", "presetName": name})
}

/// A folder for each container.
#[derive(Default)]
pub struct Storage {
    root: PathBuf,
    /// Blobs (or containers) whose writing fails.
    pub broken: Mutex<BTreeSet<String>>,
    /// Blobs whose writing never ends.
    pub stuck: Mutex<BTreeSet<String>>,
    /// How long the removal of a blob takes.
    pub removal: Mutex<Duration>,
}

impl Storage {
    fn path(&self, account: &str, container: &str) -> PathBuf {
        self.root.join(account).join(container)
    }

    fn check(&self, what: &str) -> Result<(), BlobFileError> {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner).contains(what);
        if broken { Err(BlobFileError::Failed(what.to_owned())) } else { Ok(()) }
    }

    /// Puts a blob.
    pub fn give(&self, container: &str, blob: &str, content: &[u8]) {
        let folder = self.path("acct", container);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(blob), content).unwrap();
    }

    /// Where a blob's bytes are.
    pub fn file(&self, container: &str, blob: &str) -> PathBuf {
        self.path("acct", container).join(blob)
    }

    /// The names of a container's blobs.
    pub fn names(&self, container: &str) -> Vec<String> {
        let Ok(files) = std::fs::read_dir(self.path("acct", container)) else { return Vec::new() };
        let mut names =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>();
        names.sort();
        names
    }

    /// Removes a container and all in it.
    pub fn drop_container(&self, container: &str) {
        std::fs::remove_dir_all(self.path("acct", container)).unwrap();
    }
}

#[async_trait]
impl BlobFiles for Storage {
    async fn has_container(&self, account: &str, container: &str) -> bool {
        self.path(account, container).is_dir()
    }

    async fn ensure_container(&self, account: &str, container: &str) -> Result<(), BlobFileError> {
        self.check(container)?;
        std::fs::create_dir_all(self.path(account, container)).unwrap();
        Ok(())
    }

    async fn list(&self, account: &str, container: &str) -> Result<Vec<BlobFile>, BlobFileError> {
        self.check(container)?;
        let folder = self.path(account, container);
        let files = std::fs::read_dir(folder).map_err(|_| BlobFileError::NotFound(container.to_owned()))?;
        let file = |file: std::io::Result<std::fs::DirEntry>| {
            let file = file.unwrap();
            BlobFile { name: file.file_name().into_string().unwrap(), bytes: file.metadata().unwrap().len() }
        };
        let mut files = files.map(file).collect::<Vec<_>>();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    async fn read_to_file(
        &self,
        account: &str,
        container: &str,
        blob: &str,
        to: &Path,
    ) -> Result<(), BlobFileError> {
        self.check(blob)?;
        let from = self.path(account, container).join(blob);
        std::fs::copy(from, to).map(|_| ()).map_err(|_| BlobFileError::NotFound(blob.to_owned()))
    }

    async fn read(&self, account: &str, container: &str, blob: &str) -> Result<Bytes, BlobFileError> {
        let content = std::fs::read(self.path(account, container).join(blob));
        content.map(Bytes::from).map_err(|_| BlobFileError::NotFound(blob.to_owned()))
    }

    async fn write_from_file(
        &self,
        account: &str,
        container: &str,
        blob: &str,
        from: &Path,
        content_type: &str,
    ) -> Result<(), BlobFileError> {
        let content = Bytes::from(std::fs::read(from).unwrap());
        self.write(account, container, blob, content, content_type).await
    }

    async fn write(
        &self,
        account: &str,
        container: &str,
        blob: &str,
        content: Bytes,
        _content_type: &str,
    ) -> Result<(), BlobFileError> {
        self.check(blob)?;
        let is_stuck = self.stuck.lock().unwrap().contains(blob);
        if is_stuck {
            std::future::pending::<()>().await;
        }
        let to = self.path(account, container).join(blob);
        std::fs::write(to, content).map_err(|_| BlobFileError::NotFound(container.to_owned()))
    }

    async fn remove(&self, account: &str, container: &str, blob: &str) -> Result<(), BlobFileError> {
        let removal = *self.removal.lock().unwrap();
        tokio::time::sleep(removal).await;
        let _ = std::fs::remove_file(self.path(account, container).join(blob));
        Ok(())
    }
}

/// Blobs are at `https://{account}.blob.local/{container}/{blob}?sig=good`.
struct Links;

impl BlobLinks for Links {
    fn container_urls(
        &self,
        account: &str,
        container: &str,
        permission: ContainerPermission,
        expires: OffsetDateTime,
    ) -> Vec<String> {
        let until = expires.unix_timestamp();
        let url =
            |key| format!("https://{account}.blob.local/{container}?sp={permission:?}&se={until}&sig={key}");
        vec![url("key1"), url("key2")]
    }

    fn readable_blob(&self, url: &Url) -> Option<BlobPlace> {
        let account = url.host_str()?.strip_suffix(".blob.local")?;
        let (container, blob) = url.path().trim_start_matches('/').split_once('/')?;
        let signed = url.query_pairs().any(|(name, value)| name == "sig" && value == "good");
        signed.then(|| BlobPlace {
            account: account.to_owned(),
            container: container.to_owned(),
            blob: blob.to_owned(),
        })
    }
}

/// A folder that goes with its test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("local-azure-media-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
