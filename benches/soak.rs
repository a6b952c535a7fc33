//! As many seeds of the simulation as asked for, on all processors: promises broken, operations per second, faults by kind.
#![expect(clippy::unwrap_used, reason = "a run that cannot go on has failed")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;

use self::simulation::run::{Plan, Report, run};
use self::simulation::sabotage::Bug;

#[path = "../tests/it/cloud.rs"]
mod cloud;
#[path = "../tests/simulation/mod.rs"]
mod simulation;

/// Runs seeds of the simulation.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Requests in each.
    #[arg(long, default_value_t = 100)]
    operations: usize,
    /// Runs this seed alone, twice, and prints its transcript.
    #[arg(long)]
    seed: Option<u64>,
    /// Plants each of the bugs instead, and says after how many seeds it was caught.
    #[arg(long)]
    bugs: bool,
    /// What cargo adds for benchmarks of its own kind.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What all seeds came to.
#[derive(Default)]
struct Totals {
    operations: u64,
    publications: u64,
    repeated_acknowledgments: u64,
    repeated_outcomes: u64,
    failed: u64,
    copied: u64,
    ended: BTreeMap<String, u64>,
    faults: BTreeMap<&'static str, u64>,
    breaches: u64,
}

impl Totals {
    fn add(&mut self, report: &Report) {
        self.operations += report.operations as u64;
        self.publications += report.publications;
        self.repeated_acknowledgments += report.repeated_acknowledgments;
        self.repeated_outcomes += report.repeated_outcomes;
        self.failed += report.failed;
        self.copied += report.copied;
        self.breaches += report.breaches.len() as u64;
        for (what, times) in &report.ended {
            *self.ended.entry(what.clone()).or_default() += times;
        }
        for (what, times) in &report.faults {
            *self.faults.entry(what).or_default() += times;
        }
    }

    fn print(&self, seeds: u64, took: Duration) {
        let per_second = self.operations as f64 / took.as_secs_f64();
        println!(
            "{seeds} seeds, {} operations in {:.1} s: {per_second:.0} a second",
            self.operations,
            took.as_secs_f64()
        );
        println!("{:>12}  promises broken", self.breaches);
        println!("{:>12}  answers published", self.publications);
        println!("{:>12}  acknowledgments repeated, under their ids", self.repeated_acknowledgments);
        println!("{:>12}  outcomes repeated, under their ids", self.repeated_outcomes);
        println!("{:>12}  operations failed that could have succeeded in better weather", self.failed);
        println!("{:>12}  copies started", self.copied);
        println!("outcomes");
        self.ended.iter().for_each(|(what, times)| println!("{times:>12}  {what}"));
        println!("faults: {} in all", self.faults.values().sum::<u64>());
        self.faults.iter().for_each(|(what, times)| println!("{times:>12}  {what}"));
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(seed) => tell(seed, arguments.operations),
        None if arguments.bugs => hunt(arguments.seeds, arguments.operations),
        None => soak(&arguments),
    }
}

/// Looks for each planted bug in as many seeds as it takes to catch it.
fn hunt(seeds: u64, operations: usize) -> ExitCode {
    let mut escaped = 0;
    for (bug, promises) in Bug::ALL {
        let is_caught = |seed: &u64| {
            let report = run(Plan { bug: Some(bug), ..plan(*seed, operations) });
            report.breaches.iter().any(|breach| promises.contains(&breach.promise))
        };
        match (1..=seeds).find(is_caught) {
            Some(seed) => println!("{bug:?}: caught by seed {seed}"),
            None => {
                println!("{bug:?}: not caught by {seeds} seeds");
                escaped += 1;
            }
        }
    }
    println!("{} bugs planted, {escaped} not caught", Bug::ALL.len());
    if escaped == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plan(seed: u64, operations: usize) -> Plan {
    Plan { seed, operations, bug: None, is_told: false }
}

/// One seed with all there is to know of it; and whether it is the same the second time.
fn tell(seed: u64, operations: usize) -> ExitCode {
    let report = run(Plan { is_told: true, ..plan(seed, operations) });
    for line in report.transcript.iter().flatten() {
        println!("{line}");
    }
    print!("{}", report.stories);
    report.breaches.iter().for_each(|breach| println!("{breach}"));
    let again = run(plan(seed, operations));
    println!("digest {}, and the second time {}", report.digest, again.digest);
    if report.breaches.is_empty() && report.digest == again.digest {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn soak(arguments: &Arguments) -> ExitCode {
    let (next, stop) = (AtomicU64::new(arguments.from), AtomicBool::new(false));
    let (totals, end) = (Mutex::new(Totals::default()), arguments.from + arguments.seeds);
    let (began, threads) = (Instant::now(), std::thread::available_parallelism().map_or(1, usize::from));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let report = run(plan(seed, arguments.operations));
                    let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
                    totals.add(&report);
                    complain(seed, arguments.operations, &report);
                    // More of them say nothing new.
                    stop.store(totals.breaches > 200, Ordering::Relaxed);
                }
            });
        }
    });
    let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    totals.print(next.load(Ordering::Relaxed).min(end) - arguments.from, began.elapsed());
    if totals.breaches == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn complain(seed: u64, operations: usize, report: &Report) {
    if report.breaches.is_empty() {
        return;
    }
    println!("seed {seed} broke promises; all of it: make soak SEED={seed} OPERATIONS={operations}");
    for breach in report.breaches.iter().take(5) {
        println!("  {}", breach.to_string().chars().take(600).collect::<String>());
    }
}
