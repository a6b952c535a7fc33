//! What a processor does with ten times the deliveries that it can bear, for a minute: `make overload`. Prints what it counts,
//! and ends with 1 when something that was promised did not hold.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use load::{Outcome, SlowTopic, Target, offer};

#[path = "../tests/it/load.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "shared with the tests; a bench that cannot go on has failed"
)]
mod load;
#[path = "../tests/it/process.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "shared with the tests; a bench that cannot go on has failed"
)]
mod process;

/// How long each POST to the topic takes, so that what can be borne is far below what can be offered on the same machine.
const POST_TAKES: Duration = Duration::from_millis(200);
const STEPS_MAX: usize = 128;
const WAITING_MAX: usize = 128;
/// All that may be in the processor, and enough besides to be turned away.
const COURIERS: usize = STEPS_MAX + WAITING_MAX + 128;
/// How long what can be borne is offered, before and after.
const CALM: Duration = Duration::from_secs(10);
/// The processor must be back to normal within this.
const RECOVERY_MAX: Duration = Duration::from_secs(5);
/// The bound that `gridwich.default.toml` states, for the settings here and the defaults for the others.
const MEMORY_BYTES_MAX: u64 = (64 << 20) + 3 * 33_554_432 + 4_096 * 80 * 1_024 + 128 * 32 * 1_024;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    // `cargo bench` and `cargo test` hand on arguments of their own.
    let seconds = std::env::args().filter_map(|argument| argument.parse::<u64>().ok()).next();
    runtime.block_on(overload(Duration::from_secs(seconds.unwrap_or(60))))
}

async fn overload(lasting: Duration) -> ExitCode {
    let topic = SlowTopic::start(POST_TAKES).await;
    let (steps, waiting) = (STEPS_MAX.to_string(), WAITING_MAX.to_string());
    let settings =
        [("GRIDWICH__ENDPOINT__STEPS_MAX", &*steps), ("GRIDWICH__ENDPOINT__WAITING_MAX", &*waiting)];
    let target = Target::start(&topic, &settings, "").await;
    let began = Instant::now();
    let calm = offer(&target, "calm", 1e6, Duration::from_millis(4), STEPS_MAX).await;
    let sustainable = calm.accepted.len() as f64 / began.elapsed().as_secs_f64();
    println!("sustainable rate     {sustainable:.0}/s ({STEPS_MAX} couriers, each waiting for its answer)");
    println!("memory before        {} MiB", target.memory_bytes_max() >> 20);
    let mut flood = offer(&target, "flood", sustainable * 10.0, lasting, COURIERS).await;
    let after = offer(&target, "after", sustainable * 0.8, CALM, COURIERS).await;
    let kept = flood.accepted.len() as f64 / lasting.as_secs_f64() / sustainable;
    let unanswered = unanswered(&topic, &flood) + unanswered(&topic, &after);
    let memory = target.memory_bytes_max();
    println!("offered              {} in {} s", flood.offered, lasting.as_secs());
    println!("answered 200         {} ({:.0} % of the sustainable rate)", flood.accepted.len(), kept * 100.0);
    println!("answered 503         {}", flood.shed.len());
    println!("anything else        {}", flood.others + after.others);
    let percentiles = [50, 90, 99].map(|percent| flood.shed_percentile(percent));
    println!("a 503 took           {percentiles:.1?} (p50, p90, p99)");
    println!("200 without answers  {unanswered}");
    println!("recovered after      {:.1?}", after.last_shed);
    println!("most memory          {} MiB of {} MiB", memory >> 20, MEMORY_BYTES_MAX >> 20);
    let holds = unanswered == 0
        && flood.others + after.others == 0
        && after.last_shed < RECOVERY_MAX
        && memory < MEMORY_BYTES_MAX;
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Deliveries that were answered 200 and of whose event the topic lacks an answer.
fn unanswered(topic: &SlowTopic, outcome: &Outcome) -> usize {
    let lacks = |event_id: &&String| matches!(topic.answers(event_id), (0, _) | (_, 0));
    outcome.accepted.iter().filter(lacks).count()
}
