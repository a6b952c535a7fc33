//! Seeds of the simulation that every change must pass, and bugs that it must catch. `make soak` runs as many seeds as wanted.

use std::collections::BTreeSet;

use crate::simulation::run::{Plan, Report, run};
use crate::simulation::sabotage::Bug;

const OPERATIONS: usize = 40;

fn plan(seed: u64) -> Plan {
    Plan { seed, operations: OPERATIONS, bug: None, is_told: false }
}

/// Fails with all there is to know of a run that broke promises.
fn assert_kept(seed: u64) -> Report {
    let report = run(plan(seed));
    if report.breaches.is_empty() {
        return report;
    }
    let told = run(Plan { is_told: true, ..plan(seed) });
    let transcript = told.transcript.unwrap_or_default().join("\n");
    let again = format!("make soak SEED={seed} OPERATIONS={OPERATIONS}");
    let breaches = report.breaches.iter().map(|breach| format!("{breach}\n")).collect::<String>();
    panic!("{transcript}\n{}\n{breaches}once more: {again}", told.stories);
}

/// Runs seeds, and expects that there was weather to speak of.
fn sail(seeds: std::ops::Range<u64>) {
    let reports = seeds.map(assert_kept).collect::<Vec<_>>();
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    let operations = sum(|report| report.operations as u64);
    // Otherwise the weather was too good, or so bad that nothing was done.
    assert!(sum(|report| report.faults.values().sum()) > operations);
    assert!(sum(|report| report.publications) > 3 * operations);
    assert!(sum(|report| report.repeated_acknowledgments) > 0);
    assert!(sum(|report| report.repeated_outcomes) > 0);
    assert!(sum(|report| report.failed) < operations / 4);
    assert!(sum(|report| report.copied) > 0);
    let ended = reports.iter().flat_map(|report| report.ended.keys()).collect::<BTreeSet<_>>();
    assert!(ended.len() > 10, "{ended:?}");
}

#[test]
fn every_promise_is_kept_in_any_weather() {
    sail(1..31);
}

#[test]
fn every_promise_is_kept_in_other_weather() {
    sail(1_001..1_031);
}

#[test]
fn the_same_seed_gives_the_same_transcript_a_hundred_times() {
    let short = Plan { operations: 6, ..plan(4_711) };
    let first = run(short).digest;
    for again in 1..100 {
        assert_eq!(run(short).digest, first, "run {again}");
    }
    assert_ne!(run(Plan { seed: 4_712, ..short }).digest, first);
}

#[test]
fn planted_bugs_are_caught() {
    for (bug, promises) in Bug::ALL {
        let is_caught = |seed: u64| {
            let report = run(Plan { bug: Some(bug), ..plan(seed) });
            report.breaches.iter().any(|breach| promises.contains(&breach.promise))
        };
        assert!((1..31).any(is_caught), "{bug:?} was not caught");
    }
}
