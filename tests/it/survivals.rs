//! Loads of mixed requests under kills, restarts and refusals, by real processes: nothing is lost, nothing is doubled. `make
//! kills` runs the same with large numbers.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::survival::{Plan, Report, run};

/// The least of each: what a test adds is what it is about.
fn plan() -> Plan {
    Plan {
        seed: 1,
        operations: 300,
        in_flight: 24,
        replicas: 2,
        kills: 0,
        rolling_restarts: 0,
        refuse_percent: 0.0,
        topic_down: Duration::ZERO,
        hurry: NonZeroU32::new(100).unwrap(),
        settings: Vec::new(),
    }
}

/// Runs it on all cores, as the real thing would be.
fn survived(plan: Plan) -> Report {
    println!("{plan}");
    let report = tokio::runtime::Runtime::new().unwrap().block_on(run(plan));
    assert!(report.faults().is_empty(), "{report}\n{}", report.faults().join("\n"));
    report
}

#[test]
fn processors_killed_again_and_again_lose_and_double_nothing() {
    let report = survived(Plan { kills: 15, refuse_percent: 2.0, ..plan() });
    assert!(report.kills >= 15);
    assert_eq!(report.acknowledged_again_otherwise, 0, "{report}");
}

#[test]
fn replicas_restarted_one_after_the_other_lose_and_double_nothing() {
    let settings = vec![("GRIDWICH__ENDPOINT__LEAVE_SECONDS".to_owned(), "1".to_owned())];
    let report = survived(Plan { rolling_restarts: 3, settings, ..plan() });
    assert_eq!((report.restarts, report.deliveries.not_settled()), (6, 0), "{report}");
    assert_eq!(report.answered_again + report.acknowledged_again_otherwise, 0, "{report}");
}

#[test]
fn answers_outlast_a_response_topic_that_is_down() {
    let settings = [("TOPIC__BUDGET_SECONDS", "2"), ("ENDPOINT__DELIVERY_BUDGET_SECONDS", "3")];
    let settings = settings.map(|(name, value)| (format!("GRIDWICH__{name}"), value.to_owned())).to_vec();
    let topic_down = Duration::from_secs(10);
    let report = survived(Plan { operations: 200, topic_down, settings, ..plan() });
    assert!(report.deliveries.come_again > 0, "{report}");
}
