//! The local cloud with the processor beside it, for one machine: what `gridwich local` and `gridwich demo` run. The
//! processor is the same as anywhere; only its configuration is written here.

use std::fs::{File, TryLockError};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::places::{Places, Ports};
use self::protection::ProtectionArguments;
use self::running::{LocalCloud, LocalSettings};
use crate::app::App;
use crate::azure::wire::{Sockets, Wire};
use crate::config::Config;
use crate::telemetry::Telemetry;

mod clip;
mod demo;
mod follow;
mod home;
mod orchestrator;
mod places;
mod protection;
mod running;
mod screen;
mod seed;
mod show;
mod timeline;
mod visit;

pub use demo::demo;
pub(crate) use follow::{Ending, Follow, Followed};
pub(crate) use visit::Visit;

/// How often somebody who is awaited is asked for.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// What `gridwich local` can be told.
#[derive(Args, Debug)]
pub struct LocalArguments {
    /// Keeps blobs, all that Media Services hold, and the development certificate in this folder, for the next run to go
    /// on with; without it, in a temporary one. One run at a time.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// What is printed once everything answers.
    #[arg(long, value_enum, default_value = "text")]
    print: Print,
    /// Moves all ports: home page N, processor N+1, Event Grid N+2, Media Services N+3, Blob Storage N+4,
    /// Key Vault N+5, streaming N+6.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=65_500))]
    port_base: Option<u16>,
    /// Looks into bearer tokens rather than taking any.
    #[arg(long)]
    strict_auth: bool,
    /// Serves Event Grid and Blob Storage over TLS too, with the development certificate.
    #[arg(long)]
    tls: bool,
    /// Runs the cloud alone and waits for a processor at its port, to be started with `gridwich serve --config
    /// DIR/gridwich.toml`.
    #[arg(long)]
    without_processor: bool,
    /// Divides Event Grid's waits between deliveries, for people who cannot wait.
    #[arg(long, value_name = "DIVISOR", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    hurry: u32,
    /// Slows the encoder down to so many seconds of media a second.
    #[arg(long, value_name = "SPEED", value_parser = speed)]
    encoder_speed: Option<f64>,
    #[command(flatten)]
    protection: ProtectionArguments,
}

/// What is printed once everything answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Print {
    /// For people.
    Text,
    /// One line, for scripts.
    Json,
}

/// What `gridwich demo` can be told.
#[derive(Args, Debug)]
pub struct DemoArguments {
    /// Where the outputs go.
    #[arg(long, value_name = "DIR", default_value = "target/demo")]
    outputs: PathBuf,
    /// Slows the encoder down to so many seconds of media a second.
    #[arg(long, value_name = "SPEED", value_parser = speed)]
    encoder_speed: Option<f64>,
    /// Stays up afterwards, until Ctrl-C, so that everything can be looked at.
    #[arg(long)]
    stay: bool,
    /// Moves all ports, as for `gridwich local`.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=65_500))]
    port_base: Option<u16>,
    #[command(flatten)]
    protection: ProtectionArguments,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse::<f64>().ok().filter(|speed| (0.001..=1_000.0).contains(speed));
    speed.ok_or_else(|| "expected 0.001 to 1000 seconds of media a second".to_owned())
}

/// Runs the local cloud until `stop`.
///
/// # Errors
/// In words for the person at the terminal.
pub async fn run(arguments: LocalArguments, stop: CancellationToken) -> Result<(), String> {
    let folder = Folder::new(arguments.data.as_deref())?;
    let settings = LocalSettings {
        ports: Ports::from_base(arguments.port_base),
        folder: folder.path().to_owned(),
        is_kept: arguments.data.is_some(),
        with_tls: arguments.tls,
        strict_auth: arguments.strict_auth,
        hurry: arguments.hurry,
        encoder_speed: arguments.encoder_speed,
        packager: arguments.protection.packager()?,
        licence_url: arguments.protection.licence_url.clone(),
    };
    let cloud = LocalCloud::start(settings).await?;
    if arguments.without_processor {
        show_places(&arguments, &cloud.places)?;
        let subscribed = stop.run_until_cancelled(seed::subscriptions_when_ready(&cloud)).await;
        if subscribed.is_some() {
            cloud.resume().await;
            eprintln!("The processor has answered, and everything is subscribed.");
            stop.cancelled().await;
        }
    } else {
        let processor = Processor::start(&cloud.places, "warn").await?;
        seed::subscriptions(&cloud).await?;
        cloud.resume().await;
        show_places(&arguments, &cloud.places)?;
        stop.cancelled().await;
        processor.stop().await;
    }
    cloud.stop().await;
    Ok(())
}

fn show_places(arguments: &LocalArguments, places: &Places) -> Result<(), String> {
    match arguments.print {
        Print::Text => print!("{}", show::for_people(places, arguments.without_processor)),
        Print::Json => println!("{}", show::for_scripts(places)),
    }
    // Whoever started us may be waiting for exactly this.
    std::io::Write::flush(&mut std::io::stdout()).map_err(|error| error.to_string())
}

/// The file in a kept folder that its process holds locked.
const LOCK: &str = "lock";

/// The folder everything is kept in; a temporary one goes with it.
enum Folder {
    /// The lock goes when the process ends, however it ends.
    Kept {
        path: PathBuf,
        _lock: File,
    },
    Temporary(TempDir),
}

impl Folder {
    fn new(kept: Option<&Path>) -> Result<Self, String> {
        let Some(path) = kept else {
            let made = tempfile::Builder::new().prefix("gridwich-").tempdir();
            return made
                .map(Self::Temporary)
                .map_err(|error| format!("a temporary folder cannot be made: {error}"));
        };
        let unusable = |error: std::io::Error| format!("--data {}: {error}", path.display());
        let path = std::fs::create_dir_all(path).and_then(|()| path.canonicalize()).map_err(unusable)?;
        let lock = File::create(path.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self::Kept { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(format!("--data {}: another gridwich local is using this folder", path.display()))
            }
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept { path, .. } => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// The processor, running beside the cloud.
struct Processor {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Processor {
    async fn start(places: &Places, log: &str) -> Result<Self, String> {
        let mut config = Config::from_toml(&places.processor_config()).map_err(|error| error.to_string())?;
        log.clone_into(&mut config.telemetry.log);
        let telemetry = Telemetry::new(&config.telemetry)?;
        telemetry.install(&config.telemetry)?;
        let wire: Arc<dyn Wire> = Arc::new(Sockets::new(&config.tls.ca_file)?);
        let app = App::start(&config, &wire, &telemetry).await.map_err(|error| error.to_string())?;
        let port = places.ports.processor;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(|error| format!("port {port} cannot be listened to: {error}"))?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let stopped = stop.clone();
        tasks.spawn(async move { app.serve_on(listener, &config, stopped).await });
        tasks.close();
        Ok(Self { tasks, stop })
    }

    async fn stop(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}
