//! Runs a load whose instructions somebody counts: `valgrind --tool=callgrind` of this, with some deliveries and with twice as
//! many, gives what one costs as the difference. Counts nothing itself.

#![expect(clippy::unwrap_used, reason = "whatever is missing ends the run")]

use clap::Parser;

use count::{Load, Part, run};

#[path = "../tests/count/mod.rs"]
mod count;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Makes deliveries in memory, on one thread.
#[derive(Parser)]
struct Arguments {
    /// Only the job itself: neither the door nor the topic.
    #[arg(long)]
    job: bool,
    /// Deliveries.
    #[arg(long, default_value_t = 100)]
    deliveries: usize,
    /// Events in each.
    #[arg(long, default_value_t = 1)]
    events: usize,
    /// With admission and logs.
    #[arg(long)]
    watched: bool,
    /// Settings besides, as `gridwich.toml` has them.
    #[arg(long, default_value = "")]
    settings: String,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let Arguments { job, deliveries, events, watched: is_watched, settings, bench: _ } = Arguments::parse();
    let part = if job { Part::Job } else { Part::Whole };
    println!("{} answers", run(Load { part, deliveries, events, is_watched }, &settings));
}
