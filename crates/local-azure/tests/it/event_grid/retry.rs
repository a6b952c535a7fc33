//! When deliveries are tried again and when they are given up (LG-18, LG-19, LG-20).

use std::num::NonZeroU32;
use std::time::Duration;

use local_azure::event_grid::RetrySchedule;
use serde_json::json;

use super::endpoint::Reply;
use super::stage::{Stage, properties, to};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn seconds(stage: &Stage, host: &str) -> Vec<u64> {
    stage.endpoints.notifications(host).iter().map(|delivered| delivered.second).collect()
}

fn failing(times: usize) -> Vec<Reply> {
    vec![Reply::Status(500); times]
}

#[tokio::test(start_paused = true)]
async fn eleven_attempts_are_made_in_a_day_at_the_documented_times() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    stage.endpoints.script("app", failing(100));
    stage.publish_ids(&topic, &["1"]).await;
    stage.pass(DAY * 2).await;
    let hours = |hours: u64, minutes: u64, seconds: u64| hours * 3600 + minutes * 60 + seconds;
    let expected = [
        hours(0, 0, 0),
        hours(0, 0, 10),
        hours(0, 0, 40),
        hours(0, 1, 40),
        hours(0, 6, 40),
        hours(0, 16, 40),
        hours(0, 46, 40),
        hours(1, 46, 40),
        hours(4, 46, 40),
        hours(10, 46, 40),
        hours(22, 46, 40),
    ];
    assert_eq!(seconds(&stage, "app"), expected);
    let counts = stage
        .endpoints
        .notifications("app")
        .iter()
        .map(|each| each.header("aeg-delivery-count").to_owned())
        .collect::<Vec<_>>();
    assert_eq!(counts, (0..11).map(|count| count.to_string()).collect::<Vec<_>>());
    let counts = stage.counts();
    assert_eq!((counts.retried, counts.dropped, counts.waiting), (11, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn half_an_hour_to_live_allows_six_attempts() {
    let stage = Stage::new();
    let policy = json!({"retryPolicy": {"eventTimeToLiveInMinutes": 30}});
    let topic = stage.with_subscriber(properties("app", policy)).await;
    stage.endpoints.script("app", failing(100));
    stage.publish_ids(&topic, &["1"]).await;
    stage.pass(Duration::from_secs(45 * 60)).await;
    assert_eq!(seconds(&stage, "app").len(), 6);
    assert_eq!(stage.counts().waiting, 1, "expiry is noticed only when the next attempt is due");
    stage.pass(Duration::from_secs(2 * 60)).await;
    assert_eq!((stage.counts().dropped, stage.counts().waiting), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_number_of_attempts_can_be_limited() {
    let stage = Stage::new();
    let policy = json!({"retryPolicy": {"maxDeliveryAttempts": 3}});
    let topic = stage.with_subscriber(properties("app", policy)).await;
    stage.endpoints.script("app", failing(100));
    stage.publish_ids(&topic, &["1"]).await;
    stage.pass(DAY * 2).await;
    assert_eq!(seconds(&stage, "app"), [0, 10, 40]);
    assert_eq!((stage.counts().retried, stage.counts().dropped), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn four_answers_are_final() {
    for status in [400, 401, 403, 413] {
        let stage = Stage::new();
        let topic = stage.with_subscriber(to("app")).await;
        stage.endpoints.script("app", [Reply::Status(status)]);
        stage.publish_ids(&topic, &["1"]).await;
        stage.pass(DAY * 2).await;
        assert_eq!(seconds(&stage, "app"), [0], "{status}");
        assert_eq!((stage.counts().dropped, stage.counts().waiting), (1, 0), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_hundred_to_two_hundred_and_four_deliver_and_all_else_is_tried_again() {
    for (status, retried_at) in [
        (200, None),
        (201, None),
        (202, None),
        (203, None),
        (204, None),
        (205, Some(10)),
        (206, Some(10)),
        (302, Some(10)),
        (404, Some(300)),
        (408, Some(120)),
        (409, Some(10)),
        (429, Some(10)),
        (503, Some(30)),
    ] {
        let stage = Stage::new();
        let topic = stage.with_subscriber(to("app")).await;
        stage.endpoints.script("app", [Reply::Status(status)]);
        stage.publish_ids(&topic, &["1"]).await;
        stage.pass(DAY).await;
        let expected = [0].into_iter().chain(retried_at).collect::<Vec<_>>();
        assert_eq!(seconds(&stage, "app"), expected, "{status}");
        assert_eq!(stage.counts().delivered, 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_hangs_is_left_after_thirty_seconds_and_delays_nobody() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    stage.subscribe(&topic.id, "to-quick", to("quick")).await.expect("a subscription");
    stage.endpoints.script("app", [Reply::Slow(SECOND * 31)]);
    stage.publish_ids(&topic, &["1"]).await;
    stage.pass(SECOND * 10).await;
    assert_eq!(seconds(&stage, "app"), [0, 40]);
    assert_eq!(seconds(&stage, "quick"), [0]);
    assert_eq!(stage.counts().delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_just_in_time_counts() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    stage.endpoints.script("app", [Reply::Slow(SECOND * 29)]);
    stage.publish_ids(&topic, &["1"]).await;
    stage.pass(DAY).await;
    assert_eq!(seconds(&stage, "app"), [0]);
}

#[tokio::test(start_paused = true)]
async fn one_slow_event_delays_no_other_event() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    stage.endpoints.script("app", [Reply::Hang]);
    stage.publish_ids(&topic, &["1", "2", "3"]).await;
    let times = stage
        .endpoints
        .notifications("app")
        .iter()
        .map(|each| (each.ids().remove(0), each.second))
        .collect::<Vec<_>>();
    assert_eq!(times, [("1".into(), 0), ("2".into(), 0), ("3".into(), 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_tried_again_after_thirty_seconds() {
    for reply in [Reply::Broken, Reply::Panic] {
        let stage = Stage::new();
        let topic = stage.with_subscriber(to("app")).await;
        stage.endpoints.script("app", [reply]);
        stage.publish_ids(&topic, &["1"]).await;
        stage.pass(SECOND * 30).await;
        assert_eq!(seconds(&stage, "app"), [0, 30]);
    }
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_bounded() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    stage.endpoints.script("app", vec![Reply::Hang; 300]);
    let ids = (0..300).map(|n| n.to_string()).collect::<Vec<_>>();
    stage.publish_ids(&topic, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let seconds = seconds(&stage, "app");
    assert_eq!(seconds.iter().filter(|second| **second == 0).count(), 256);
    assert_eq!(seconds.iter().filter(|second| **second == 30).count(), 44);
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_bounded_and_the_rest_is_dropped_and_counted() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    stage.endpoints.script("app", vec![Reply::Hang; 300]);
    let events = (0..5000).map(|n| super::stage::event(&n.to_string())).collect::<Vec<_>>();
    let body = json!(events);
    for _ in 0..21 {
        assert_eq!(stage.publish(&topic, &body).await.status, 200);
    }
    let counts = stage.counts();
    assert_eq!((counts.matched, counts.dropped, counts.waiting), (105_000, 5_000, 100_000));
}

#[tokio::test(start_paused = true)]
async fn people_who_cannot_wait_can_hurry() {
    let ten = NonZeroU32::new(10).expect("ten is not zero");
    let stage = Stage::with(|settings| settings.schedule = RetrySchedule::hurried(ten));
    let topic = stage.with_subscriber(to("app")).await;
    stage.endpoints.script("app", failing(3));
    stage.publish_ids(&topic, &["1"]).await;
    stage.pass(SECOND * 60).await;
    assert_eq!(seconds(&stage, "app"), [0, 1, 4, 10]);
}

#[tokio::test(start_paused = true)]
async fn jitter_replays_with_its_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let stage = Stage::with(|settings| settings.schedule = RetrySchedule::documented().with_jitter(50));
        let topic = stage.with_subscriber(to("app")).await;
        stage.endpoints.script("app", failing(4));
        stage.publish_ids(&topic, &["1"]).await;
        stage.pass(DAY).await;
        runs.push(seconds(&stage, "app"));
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], [0, 10, 40, 100, 400]);
}
