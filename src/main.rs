//! The program: reads its command line and configuration, builds, serves, drains. Any behaviour is elsewhere.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use gridwich::app::App;
use gridwich::azure::wire::{Sockets, Wire};
use gridwich::config::{Config, DEFAULTS};
use gridwich::contract;
use gridwich::telemetry::Telemetry;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What is still to be told to a collector has so long, twice, after the drain: together less than platforms give.
const FLUSH_SECONDS_MAX: Duration = Duration::from_secs(1);

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A stateless event processor for media workflows on Azure Event Grid.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the processor against the endpoints of its configuration.
    Serve {
        /// The configuration file; `gridwich config` shows what can stand in it.
        #[arg(long, env = "GRIDWICH_CONFIG")]
        config: Option<PathBuf>,
    },
    /// Prints the commented default configuration.
    Config,
    /// Writes the JSON Schemas of all messages into a folder.
    Schemas {
        /// Where to.
        #[arg(default_value = "schemas")]
        folder: PathBuf,
    },
    /// Runs the local cloud and the processor, until Ctrl-C.
    #[cfg(feature = "local")]
    Local(gridwich::local::LocalArguments),
    /// Runs a whole saga on the local cloud and shows it as it happens.
    #[cfg(feature = "local")]
    Demo(gridwich::local::DemoArguments),
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(Arguments::parse().command)),
        Err(error) => Err(format!("the runtime cannot be started: {error}")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gridwich: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), String> {
    match command {
        Command::Serve { config } => serve(config).await,
        Command::Config => {
            print!("{DEFAULTS}");
            Ok(())
        }
        Command::Schemas { folder } => {
            contract::write(&folder).map_err(|e| format!("{}: {e}", folder.display()))
        }
        #[cfg(feature = "local")]
        Command::Local(arguments) => gridwich::local::run(arguments, stop_signal()?).await,
        #[cfg(feature = "local")]
        Command::Demo(arguments) => gridwich::local::demo(arguments, stop_signal()?).await,
    }
}

async fn serve(file: Option<PathBuf>) -> Result<(), String> {
    let config = Config::load(file.as_deref()).map_err(|error| error.to_string())?;
    let telemetry = Telemetry::new(&config.telemetry)?;
    telemetry.install(&config.telemetry)?;
    let wire: Arc<dyn Wire> = Arc::new(Sockets::new(&config.tls.ca_file)?);
    let app = App::start(&config, &wire, &telemetry).await.map_err(|error| error.to_string())?;
    app.serve(&config, stop_signal()?).await.map_err(|error| error.to_string())?;
    telemetry.flush(FLUSH_SECONDS_MAX);
    Ok(())
}

/// Cancelled by SIGTERM, which platforms send, and by Ctrl-C.
fn stop_signal() -> Result<CancellationToken, String> {
    let unavailable = |error: std::io::Error| format!("signals cannot be received: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(unavailable)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unavailable)?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        stopping.cancel();
    });
    Ok(stop)
}
