//! How many instructions an event takes, counted by valgrind, beside what it took when somebody last looked: a slip is seen
//! although no clock is read. Of the build that tests have, which is not optimised; `make count` counts the other.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::count::{Load, Part, run};
use crate::process::{PATIENCE, root};

/// What an event took, in instructions of x86-64: by what was run and by how many events were in a delivery.
const RECORDED: [(Part, usize, u64); 3] =
    [(Part::Job, 1, 1_037_417), (Part::Whole, 1, 1_559_349), (Part::Whole, 50, 1_168_400)];
/// How far from it is no slip, in percent. Machines differ by less than one, in the instructions that `memcpy` and the like are
/// made of; hashing, which is 15 of a hundred here, would take nearly none under a valgrind that knows the instructions for it,
/// as 3.19 to 3.22 do not.
const TOLERANCE_PERCENT: u64 = 10;
/// Elsewhere, instructions do more or less each.
const TOLERANCE_PERCENT_ELSEWHERE: u64 = 60;
/// Events of the smaller of two runs; the larger has twice as many, and the difference leaves out how the program starts.
const EVENTS: usize = 50;
/// What tells the program, started as `load` below, what to run.
const LOAD: &str = "GRIDWICH_TEST_LOAD";

#[test]
fn an_event_takes_the_instructions_that_are_recorded_of_it() {
    let program = without_debug_information();
    let counted = RECORDED.map(|(part, events, _)| {
        let count = |deliveries| count(&program, Load { part, deliveries, events, is_watched: false });
        let deliveries = EVENTS / events;
        (part, events, (count(2 * deliveries) - count(deliveries)) / EVENTS as u64)
    });
    let tolerance =
        if cfg!(target_arch = "x86_64") { TOLERANCE_PERCENT } else { TOLERANCE_PERCENT_ELSEWHERE };
    let is_within = |((.., recorded), (.., now)): (&(Part, usize, u64), &(Part, usize, u64))| {
        now.abs_diff(*recorded) * 100 <= recorded * tolerance
    };
    assert!(
        RECORDED.iter().zip(&counted).all(is_within),
        "an event takes more or fewer instructions than is recorded, by over {tolerance} %.\n\
         recorded: {RECORDED:?}\n     now: {counted:?}\n\
         If that is meant, or another compiler's doing, put the latter into RECORDED in tests/it/counts.rs. If not, compare \
         profiles of before and after: `make count` writes them."
    );
}

/// What is counted: only the test above starts it.
#[test]
#[ignore = "a load for the test above to count"]
fn load() {
    let text = std::env::var(LOAD).unwrap();
    let [part, events, deliveries] = text.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let part = if part == "Job" { Part::Job } else { Part::Whole };
    let (deliveries, events) = (deliveries.parse().unwrap(), events.parse().unwrap());
    assert_eq!(run(Load { part, deliveries, events, is_watched: false }, ""), 2 * deliveries * events);
}

/// Valgrind reads whatever a program has of that, which takes longer than counting.
fn without_debug_information() -> PathBuf {
    let stripped = Path::new(env!("CARGO_TARGET_TMPDIR")).join("it-without-debug-information");
    let program = std::env::current_exe().unwrap();
    let done = Command::new("strip").arg("--strip-debug").arg("-o").arg(&stripped).arg(program).status();
    assert!(done.unwrap().success());
    stripped
}

fn count(program: &Path, Load { part, deliveries, events, .. }: Load) -> u64 {
    let mut valgrind = Command::new("timeout");
    valgrind.arg(PATIENCE.as_secs().to_string()).args(["valgrind", "--tool=callgrind"]);
    valgrind.arg("--callgrind-out-file=/dev/null").arg(program);
    valgrind.args(["--exact", "counts::load", "--ignored", "--test-threads=1"]);
    valgrind.env(LOAD, format!("{part:?} {events} {deliveries}")).current_dir(root());
    // Azure's client library writes down where each of its errors came from, even those it expects, if this asks for it.
    valgrind.env("RUST_LIB_BACKTRACE", "0");
    let output = valgrind.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`make test` installs valgrind, if that is what is missing: {said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")).unwrap().1;
    collected.trim().parse().unwrap()
}
