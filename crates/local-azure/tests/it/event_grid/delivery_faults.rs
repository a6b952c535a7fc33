//! Deliveries that go wrong on request: at least once holds, order and uniqueness do not (LG-24).

use std::time::Duration;

use local_azure::event_grid::DeliveryFault;

use super::stage::{STORAGE, Stage, to};

const SECOND: Duration = Duration::from_secs(1);

async fn disturbed(fault: DeliveryFault, times: u32, ids: &[&str], pass: Duration) -> Stage {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    assert!(stage.grid.disturb(&topic.id, "to-app", fault, times));
    stage.publish_ids(&topic, ids).await;
    stage.pass(pass).await;
    stage
}

fn seen(stage: &Stage) -> Vec<(String, u64)> {
    stage.endpoints.notifications("app").iter().map(|each| (each.ids().remove(0), each.second)).collect()
}

fn expected(seen: &[(&str, u64)]) -> Vec<(String, u64)> {
    seen.iter().map(|(id, second)| ((*id).to_owned(), *second)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_is_tried_again() {
    let stage = disturbed(DeliveryFault::Drop, 2, &["1", "2", "3"], SECOND * 30).await;
    assert_eq!(seen(&stage), expected(&[("3", 0), ("1", 30), ("2", 30)]));
    assert_eq!((stage.counts().delivered, stage.counts().retried), (3, 2));
    assert_eq!(stage.endpoints.notifications("app")[1].header("aeg-delivery-count"), "1");
}

#[tokio::test(start_paused = true)]
async fn a_duplicated_request_arrives_twice_and_counts_once() {
    let stage = disturbed(DeliveryFault::Duplicate, 1, &["1", "2"], SECOND).await;
    let mut ids = stage.endpoints.ids("app");
    ids.sort_unstable();
    assert_eq!(ids, ["1", "1", "2"]);
    assert_eq!((stage.counts().delivered, stage.counts().retried), (2, 0));
    ids.dedup();
    assert_eq!(ids.len(), 2, "an endpoint that remembers ids acts once per event");
}

#[tokio::test(start_paused = true)]
async fn a_reordered_request_is_overtaken() {
    let stage = disturbed(DeliveryFault::Reorder, 1, &["1", "2", "3"], SECOND).await;
    assert_eq!(seen(&stage), expected(&[("2", 0), ("3", 0), ("1", 1)]));
    assert_eq!(
        stage.endpoints.notifications("app")[2].header("aeg-delivery-count"),
        "0",
        "no attempt was made"
    );
}

#[tokio::test(start_paused = true)]
async fn a_delayed_request_comes_later() {
    let stage = disturbed(DeliveryFault::Delay(SECOND * 25), 1, &["1"], SECOND * 60).await;
    assert_eq!(seen(&stage), expected(&[("1", 25)]));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_a_delivered_event_come_again() {
    let stage = disturbed(DeliveryFault::AnswerLost, 1, &["1"], SECOND * 10).await;
    assert_eq!(seen(&stage), expected(&[("1", 0), ("1", 10)]));
    assert_eq!((stage.counts().delivered, stage.counts().retried), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn faults_queue_up_and_want_a_subscription() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    assert!(stage.grid.disturb(&topic.id, "TO-APP", DeliveryFault::Delay(SECOND * 5), 1));
    assert!(stage.grid.disturb(&topic.id, "to-app", DeliveryFault::Drop, 1));
    assert!(!stage.grid.disturb(&topic.id, "unknown", DeliveryFault::Drop, 1));
    assert!(!stage.grid.disturb(STORAGE, "to-app", DeliveryFault::Drop, 1));
    stage.publish_ids(&topic, &["1", "2"]).await;
    stage.pass(SECOND * 60).await;
    assert_eq!(seen(&stage), expected(&[("1", 5), ("2", 30)]));
}
