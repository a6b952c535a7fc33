//! What the processor costs, beside the limit of the machine and what one would otherwise write: `make bench`. Prints ratios
//! with their goals and writes `report.md`, `results.json` and plots. Asserts nothing about
//! time; ends with 1 when an answer was missing, because then no figure counts.

#![expect(clippy::unwrap_used, reason = "whatever is missing ends the measurement")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};

use cases::{Field, PEERS};
use contender::Place;
use cores::Bench;
use ledger::Ledger;
use report::Circumstances;
use verdict::Measured;

mod cases;
mod contender;
mod cores;
mod deliveries;
mod ledger;
mod load;
mod plot;
mod process;
mod programs;
mod report;
mod sink;
mod starts;
mod statistics;
mod verdict;

/// More events than any load has of those that are answered: some hundred thousand a second at most.
const EVENTS_MAX: usize = 1 << 23;

/// As the processor has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the processor beside others.
#[derive(Parser)]
struct Arguments {
    /// How often everything is measured, in turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each load lasts.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// What the measurement of encodes has left.
    #[arg(long)]
    encodes: Option<PathBuf>,
    /// The processor's program, as it is shipped.
    #[arg(long, default_value = "target/release/gridwich")]
    gridwich: PathBuf,
    /// Where the report goes.
    #[arg(long, default_value = "target/bench")]
    output: PathBuf,
    #[command(subcommand)]
    program: Option<Program>,
}

/// What the bench starts itself as.
#[derive(Clone, Subcommand)]
enum Program {
    #[command(hide = true)]
    Bare { port: u16, topic: String },
    #[command(hide = true)]
    Naive { port: u16, topic: String },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.program {
        None => measure(&arguments),
        Some(program) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                match program {
                    Program::Bare { port, .. } => programs::bare(port).await,
                    Program::Naive { port, topic } => programs::naive(port, topic).await,
                }
            });
            ExitCode::SUCCESS
        }
    }
}

fn measure(arguments: &Arguments) -> ExitCode {
    let load_before = std::fs::read_to_string("/proc/loadavg").unwrap();
    let load_before = load_before.split(' ').next().unwrap_or_default().to_owned();
    let bench = Bench::new();
    let is_pinned = bench.is_pinned;
    let ledger = Arc::new(Ledger::new(EVENTS_MAX));
    let sink = bench.run(sink::start(Arc::clone(&ledger)));
    let program_mb = std::fs::metadata(&arguments.gridwich).unwrap().len() as f64 / 1e6;
    let place = Place { bench, sink, gridwich: arguments.gridwich.clone() };
    eprintln!("bench: starting everybody {} times", arguments.rounds);
    let starts = starts::measure(&place, arguments.rounds);
    let mut field = Field::start(place, ledger, Duration::from_secs_f64(arguments.seconds));
    eprintln!("bench: warming up");
    field.warm_up();
    for round in 1..=arguments.rounds {
        eprintln!("bench: round {round} of {}", arguments.rounds);
        field.round();
    }
    let peak = |peer: contender::Contender| (peer.name(), field.plain(peer).memory_max() as f64 / 1e6);
    let peak_mb = BTreeMap::from(PEERS.map(peak));
    let encodes = arguments.encodes.as_deref().map(encodes).unwrap_or_default();
    let measured = Measured { figures: field.book, starts, peak_mb, program_mb, encodes };
    let circumstances =
        Circumstances { rounds: arguments.rounds, seconds: arguments.seconds, load_before, is_pinned };
    let text = report::text(&circumstances, &measured, &field.faults);
    print!("{text}");
    report::write(&arguments.output, &text, &measured, &field.faults).unwrap();
    println!("\nwritten to {}", arguments.output.display());
    ExitCode::from(u8::from(!field.faults.is_empty()))
}

fn encodes(file: &Path) -> BTreeMap<String, verdict::Encode> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap()
}
