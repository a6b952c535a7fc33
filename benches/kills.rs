//! Real processes under a long load of mixed requests, killed, restarted and refused as often as asked: prints what came of it,
//! and ends with 1 when a promise was broken. The same as the tests' `survivals`, with large numbers.
//!
//! `make kills` runs it; `make kills OPERATIONS=100000 KILLS=500 REFUSE=2` is the run that the README states.

#![expect(clippy::unwrap_used, reason = "whatever is missing ends the run")]

use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use survival::{Plan, run};

#[expect(dead_code, reason = "tests use the rest of it")]
#[path = "../tests/it/process.rs"]
mod process;
#[path = "../tests/survival/mod.rs"]
mod survival;

/// Acknowledgments that may come again on account of refusals, as a share of all operations. What a kill cuts off comes again
/// in any case: it had been published, and nobody could have known.
const ACKNOWLEDGED_AGAIN_MAX: f64 = 0.001;
/// Up to this share of refused POSTs that is promised.
const REFUSED_PERCENT_MAX: f64 = 2.0;
/// How long 99 of 100 deliveries may take where processes are only told to stop.
const RESTARTED_P99_MILLISECONDS_MAX: f64 = 50.0;

/// Loads processes of the processor with mixed requests, and kills them.
#[derive(Parser)]
struct Arguments {
    /// Requests, and as many more as it takes to be under load until the last restart is over.
    #[arg(long, default_value_t = 20_000)]
    operations: usize,
    /// Times that a process, or now and then all of them, are killed.
    #[arg(long, default_value_t = 100)]
    kills: usize,
    /// Rolling restarts, each of all processes.
    #[arg(long, default_value_t = 0)]
    restarts: usize,
    /// POSTs of a hundred that the response topic refuses.
    #[arg(long, default_value_t = 0.0)]
    refuse: f64,
    /// Seconds for which it refuses all of them, in the middle.
    #[arg(long, default_value_t = 0)]
    down: u64,
    /// Operations under way at once.
    #[arg(long, default_value_t = 16)]
    in_flight: usize,
    /// Processes.
    #[arg(long, default_value_t = 2)]
    replicas: usize,
    /// Divides Event Grid's waits between deliveries.
    #[arg(long, default_value = "100")]
    hurry: NonZeroU32,
    /// What everything that is drawn follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let plan = Plan {
        seed: arguments.seed,
        operations: arguments.operations,
        in_flight: arguments.in_flight,
        replicas: arguments.replicas,
        kills: arguments.kills,
        rolling_restarts: arguments.restarts,
        refuse_percent: arguments.refuse,
        topic_down: Duration::from_secs(arguments.down),
        hurry: arguments.hurry,
        settings: Vec::new(),
    };
    println!("{plan}");
    let report = tokio::runtime::Runtime::new().unwrap().block_on(run(plan));
    print!("{report}");
    let mut faults = report.faults();
    let share = report.acknowledged_again_otherwise as f64 / report.operations as f64;
    if arguments.refuse <= REFUSED_PERCENT_MAX && share > ACKNOWLEDGED_AGAIN_MAX {
        faults.push(format!("{:.3} % were acknowledged again without a kill", share * 100.0));
    }
    let is_calm = arguments.kills == 0 && arguments.refuse == 0.0 && arguments.down == 0;
    let p99 = report.percentile(0.99);
    if is_calm && p99 > RESTARTED_P99_MILLISECONDS_MAX {
        faults.push(format!("99 of 100 deliveries took up to {p99:.1} ms"));
    }
    let again = report.deliveries.not_settled();
    if is_calm && again > 0 {
        faults.push(format!("{again} deliveries had to come again, though processes were only told to stop"));
    }
    match faults.is_empty() {
        true => println!("Nothing is lost, nothing is doubled."),
        false => println!("\n{}", faults.join("\n\n")),
    }
    ExitCode::from(u8::from(!faults.is_empty()))
}
