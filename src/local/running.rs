//! The local cloud on its ports. What is in it is `seed`'s; what is said of it is `show`'s.

use std::net::Ipv4Addr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use local_azure::blob_storage::{CopyPace, Keep, Rehydration};
use local_azure::clock::Clock;
use local_azure::cloud::{Cloud, CloudSettings};
use local_azure::event_grid::RetrySchedule;
use local_azure::ids::Ids;
use local_azure::media_services::{Encoder, Ffmpeg, StreamingSettings};
use local_azure::serve::serve;
use local_azure::tls::DevelopmentTls;
use local_azure::webhook::HttpWebhooks;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::places::{
    KEY_VAULT, MEDIA_ACCOUNTS, Places, Ports, RESOURCE_GROUP, STORAGE_ACCOUNTS, SUBSCRIPTION,
};
use super::{home, seed};

/// Copies go at the pace of a good disk, but slowly enough that they are seen to be asynchronous.
const COPY_PACE: CopyPace = CopyPace {
    bytes_per_second: NonZeroU64::new(200_000_000).expect("not zero"),
    minimum: Duration::from_millis(300),
};
/// Azure takes hours; here it is only seen to take time.
const REHYDRATION: Rehydration =
    Rehydration { standard: Duration::from_secs(15), high: Duration::from_secs(5) };
/// Fewer than there are, so that whoever lists them has to turn the page.
const STORAGE_ACCOUNTS_PER_PAGE: NonZeroUsize = NonZeroUsize::new(3).expect("not zero");
/// Jobs a region encodes at the same time.
const JOBS_AT_ONCE: usize = 2;

/// How the local cloud is to be.
pub(super) struct LocalSettings {
    pub(super) ports: Ports,
    pub(super) folder: PathBuf,
    /// Whether a later process takes up what is in the folder.
    pub(super) is_kept: bool,
    pub(super) with_tls: bool,
    pub(super) strict_auth: bool,
    /// Divides the waits between deliveries.
    pub(super) hurry: u32,
    /// Seconds of media encoded per second; `None` is as fast as it goes.
    pub(super) encoder_speed: Option<f64>,
    /// Shaka Packager, by its full path.
    pub(super) packager: Option<PathBuf>,
    /// Where players get licences of which a streaming policy does not say where.
    pub(super) licence_url: Option<String>,
}

/// The local cloud, running.
pub(super) struct LocalCloud {
    pub(super) cloud: Cloud,
    pub(super) places: Places,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl LocalCloud {
    /// Binds all ports, serves on them, and makes what is there from the start.
    pub(super) async fn start(settings: LocalSettings) -> Result<Self, String> {
        let tls = DevelopmentTls::in_folder(&settings.folder).map_err(|error| error.to_string())?;
        let places = Places {
            ports: settings.ports,
            with_tls: settings.with_tls,
            ca_file: tls.ca_file.clone(),
            config_file: settings.folder.join("gridwich.toml"),
        };
        let written = std::fs::write(&places.config_file, places.processor_config());
        written.map_err(|error| format!("{}: {error}", places.config_file.display()))?;
        let cloud =
            Cloud::new(cloud_settings(&settings, &places, &tls).await?).map_err(|error| error.to_string())?;
        for file in cloud.media_services.set_aside() {
            eprintln!("A document cannot be read and is set aside as {}", file.display());
        }
        let local = Self { cloud, places, tasks: TaskTracker::new(), stop: CancellationToken::new() };
        let optional_tls = settings.with_tls.then(|| Arc::clone(&tls.server));
        let Ports { home: home_port, event_grid, media, storage, key_vault, streaming, .. } = settings.ports;
        local.listen(storage, local.cloud.blob_storage.router(), optional_tls.clone()).await?;
        local.listen(event_grid, local.cloud.event_grid.router(), optional_tls).await?;
        local.listen(media, local.cloud.media_services.router(), Some(Arc::clone(&tls.server))).await?;
        local.listen(key_vault, local.cloud.key_vault.router(), Some(Arc::clone(&tls.server))).await?;
        local.listen(streaming, local.cloud.media_services.streaming_router(), Some(tls.server)).await?;
        seed::topics_and_containers(&local).await?;
        local.listen(home_port, home::router(&local.cloud, &local.places), None).await?;
        Ok(local)
    }

    /// Goes on with what an earlier process left, once those who are to hear of it are subscribed.
    pub(super) async fn resume(&self) {
        self.cloud.media_services.resume().await;
    }

    /// Stops everything: first the encoders, then the ports.
    pub(super) async fn stop(&self) {
        self.cloud.media_services.shutdown().await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn listen(
        &self,
        port: u16,
        service: Router,
        tls: Option<Arc<local_azure::tls::ServerConfig>>,
    ) -> Result<(), String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(|error| {
            format!("port {port} cannot be listened to: {error} (--port-base moves all ports)")
        })?;
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            if let Err(error) = serve(listener, service, tls, stop).await {
                tracing::error!("port {port} is served no more: {error}");
            }
        });
        Ok(())
    }
}

async fn cloud_settings(
    settings: &LocalSettings,
    places: &Places,
    tls: &DevelopmentTls,
) -> Result<CloudSettings, String> {
    let webhooks = HttpWebhooks::new(Some(tls.ca_pem.as_bytes())).map_err(|error| error.to_string())?;
    let scratch = settings.folder.join("scratch");
    emptied(&scratch).await.map_err(|error| format!("{}: {error}", scratch.display()))?;
    Ok(CloudSettings {
        clock: Clock::system(),
        ids: Ids::random(),
        webhooks: Arc::new(webhooks),
        event_grid_url: places.event_grid(),
        storage_url: places.storage(),
        media_url: places.media(),
        streaming: StreamingSettings {
            packager: settings.packager.clone(),
            licence_url: settings.licence_url.clone(),
            ..StreamingSettings::at(places.streaming())
        },
        key_vault_url: places.key_vault(),
        subscription: SUBSCRIPTION.to_owned(),
        resource_group: RESOURCE_GROUP.to_owned(),
        storage_accounts: STORAGE_ACCOUNTS.map(str::to_owned).to_vec(),
        hierarchical_accounts: Vec::new(),
        storage_accounts_per_page: STORAGE_ACCOUNTS_PER_PAGE,
        key_vault: KEY_VAULT.to_owned(),
        media_accounts: MEDIA_ACCOUNTS
            .map(|(region, account)| (region.to_owned(), account.to_owned()))
            .to_vec(),
        keep: Keep::Folder(settings.folder.join("storage")),
        media_folder: settings.is_kept.then(|| settings.folder.join("media")),
        copy_pace: COPY_PACE,
        rehydration: REHYDRATION,
        schedule: RetrySchedule::hurried(NonZeroU32::new(settings.hurry).unwrap_or(NonZeroU32::MIN)),
        encoder: Encoder::Ffmpeg(Ffmpeg {
            ffmpeg: "ffmpeg".into(),
            ffprobe: "ffprobe".into(),
            scratch,
            pace: settings.encoder_speed,
        }),
        jobs_at_once: JOBS_AT_ONCE,
        strict_auth: settings.strict_auth,
    })
}

/// Makes a folder, without what a process that was killed left there.
async fn emptied(folder: &Path) -> std::io::Result<()> {
    local_azure::scratch::remove(folder).await?;
    std::fs::create_dir_all(folder)
}
