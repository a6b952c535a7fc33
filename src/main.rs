//! The program: reads its command line and configuration, builds, serves, drains. Any behaviour is elsewhere.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use gridwich::app::App;
use gridwich::azure::wire::{Sockets, Wire};
use gridwich::config::{Config, DEFAULTS};
#[cfg(feature = "local")]
use gridwich::contract::Baseline;
use gridwich::contract::Contract;
use gridwich::deadletter::DeadLetterError;
#[cfg(feature = "local")]
use gridwich::send::SendError;
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
    /// Lists all messages; with an event type, prints the JSON Schema of its data.
    Schemas(SchemasArguments),
    /// Publishes events to a topic, once they are known to be valid.
    ///
    /// Ends with 0 when they were accepted, 1 when not, 2 when an event is invalid; with --follow, 3 when the operation
    /// ended in response.failure and 4 when its outcome was not seen in time.
    #[cfg(feature = "local")]
    Send(gridwich::send::SendArguments),
    /// Lists, shows and replays dead letters: what Event Grid could not deliver, and what the processor could not handle.
    ///
    /// Ends with 0 when all was done, 1 when the container could not be read or changed or a letter was not accepted, 2 when
    /// the command line makes no sense or there is no such letter.
    Deadletter(Box<gridwich::deadletter::DeadLetterArguments>),
    /// Runs the local cloud and the processor, until Ctrl-C.
    #[cfg(feature = "local")]
    Local(gridwich::local::LocalArguments),
    /// Runs a whole saga on the local cloud and shows it as it happens.
    #[cfg(feature = "local")]
    Demo(gridwich::local::DemoArguments),
}

#[derive(Args)]
struct SchemasArguments {
    /// The message whose schema is wanted.
    event_type: Option<String>,
    /// Writes the whole published contract into a folder: schemas, index, AsyncAPI document, README.
    #[arg(long, value_name = "FOLDER", conflicts_with = "event_type")]
    write: Option<PathBuf>,
    /// Writes what is promised from now on into a file: the baseline that tests compare with.
    #[cfg(feature = "local")]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["event_type", "write"])]
    freeze: Option<PathBuf>,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(Arguments::parse().command)),
        Err(error) => Err(format!("the runtime cannot be started: {error}").into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stopped { message, exit_code }) => {
            eprintln!("gridwich: {message}");
            ExitCode::from(exit_code)
        }
    }
}

/// Why the program ends otherwise than it was asked to.
struct Stopped {
    message: String,
    exit_code: u8,
}

impl From<String> for Stopped {
    fn from(message: String) -> Self {
        Self { message, exit_code: 1 }
    }
}

impl From<DeadLetterError> for Stopped {
    fn from(error: DeadLetterError) -> Self {
        Self { message: error.to_string(), exit_code: error.exit_code() }
    }
}

#[cfg(feature = "local")]
impl From<SendError> for Stopped {
    fn from(error: SendError) -> Self {
        Self { message: error.to_string(), exit_code: error.exit_code() }
    }
}

async fn run(command: Command) -> Result<(), Stopped> {
    match command {
        Command::Serve { config } => Ok(serve(config).await?),
        Command::Config => {
            say(DEFAULTS);
            Ok(())
        }
        Command::Schemas(arguments) => Ok(schemas(arguments)?),
        Command::Deadletter(arguments) => Ok(gridwich::deadletter::run(*arguments).await?),
        #[cfg(feature = "local")]
        Command::Send(arguments) => Ok(gridwich::send::run(arguments).await?),
        #[cfg(feature = "local")]
        Command::Local(arguments) => Ok(gridwich::local::run(arguments, stop_signal()?).await?),
        #[cfg(feature = "local")]
        Command::Demo(arguments) => Ok(gridwich::local::demo(arguments, stop_signal()?).await?),
    }
}

/// Prints, as long as somebody reads.
fn say(text: &str) {
    use std::io::Write as _;
    // Whoever closes the pipe has seen enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn schemas(arguments: SchemasArguments) -> Result<(), String> {
    let contract = Contract::of_register();
    #[cfg(feature = "local")]
    if let Some(file) = arguments.freeze {
        let written = std::fs::write(&file, Baseline::of(&contract).text());
        return written.map_err(|error| format!("{}: {error}", file.display()));
    }
    if let Some(folder) = arguments.write {
        return contract.write(&folder).map_err(|error| format!("{}: {error}", folder.display()));
    }
    match arguments.event_type {
        Some(event_type) => say(&format!("{:#}\n", contract.message(&event_type)?.schema)),
        None => say(&contract.list()),
    }
    Ok(())
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
