//! What becomes of events that could not be delivered (LG-18).

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::endpoint::Reply;
use super::stage::{Stage, event, letters, properties};

const MINUTE: Duration = Duration::from_secs(60);

fn with_letters(more: &Value) -> local_azure::event_grid::SubscriptionProperties {
    let mut members = json!({"deadLetterDestination": letters()});
    members.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    properties("app", members)
}

#[tokio::test(start_paused = true)]
async fn a_final_answer_dead_letters_after_five_minutes() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(with_letters(&json!({}))).await;
    stage.endpoints.script("app", [Reply::Status(400)]);
    stage.publish_ids(&topic, &["1"]).await;
    stage.pass(MINUTE * 4).await;
    assert!(stage.shelf.all().is_empty());
    assert_eq!(stage.counts().waiting, 1);
    stage.pass(MINUTE).await;
    let (name, content) = stage.shelf.all().remove(0);
    assert!(name.starts_with("letters/dead/REQUESTS/TO-APP/2026/03/04/09/"), "{name}");
    let guid = name.rsplit('/').next().and_then(|file| file.strip_suffix(".json")).expect("a file");
    assert!(guid.parse::<uuid::Uuid>().is_ok(), "{guid}");
    let mut expected = event("1");
    for (member, value) in [
        ("topic", json!(topic.id)),
        ("metadataVersion", json!("1")),
        ("deadLetterReason", json!("NonRetriableFailure")),
        ("deliveryAttempts", json!(1)),
        ("lastDeliveryOutcome", json!("BadRequest")),
        ("publishTime", json!("2026-03-04T09:00:00.0000000Z")),
        ("lastDeliveryAttemptTime", json!("2026-03-04T09:00:00.0000000Z")),
    ] {
        expected[member] = value;
    }
    assert_eq!(content, json!([expected]));
    let counts = stage.counts();
    assert_eq!((counts.dead_lettered, counts.dropped, counts.waiting), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn exhausted_attempts_and_expired_events_are_told_apart() {
    for (policy, reason, attempts, outcome) in [
        (json!({"maxDeliveryAttempts": 2}), "MaxDeliveryAttemptsExceeded", 2, "Busy"),
        (json!({"eventTimeToLiveInMinutes": 1}), "TimeToLiveExceeded", 3, "Busy"),
    ] {
        let stage = Stage::new();
        let topic = stage.with_subscriber(with_letters(&json!({"retryPolicy": policy}))).await;
        stage.endpoints.script("app", vec![Reply::Status(500); 10]);
        stage.publish_ids(&topic, &["1"]).await;
        stage.pass(MINUTE * 10).await;
        let (_, content) = stage.shelf.all().remove(0);
        assert_eq!(content[0]["deadLetterReason"], reason);
        assert_eq!(content[0]["deliveryAttempts"], attempts);
        assert_eq!(content[0]["lastDeliveryOutcome"], outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn letters_of_one_moment_share_a_blob() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(with_letters(&json!({}))).await;
    stage.endpoints.script("app", vec![Reply::Status(413); 3]);
    stage.publish_ids(&topic, &["1", "2", "3"]).await;
    stage.pass(MINUTE * 5).await;
    let (_, content) = stage.shelf.all().remove(0);
    let ids = content.as_array().expect("an array").iter().map(|letter| &letter["id"]).collect::<Vec<_>>();
    assert_eq!(ids, ["1", "2", "3"]);
    assert_eq!(stage.shelf.all().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cloud_event_tells_its_story_in_lower_case() {
    let stage = Stage::new();
    let schema = json!({"eventDeliverySchema": "CloudEventSchemaV1_0"});
    let topic = stage.with_subscriber(with_letters(&schema)).await;
    stage.endpoints.script("app", [Reply::Status(403)]);
    stage.publish_ids(&topic, &["1"]).await;
    stage.pass(MINUTE * 5).await;
    let (_, content) = stage.shelf.all().remove(0);
    let letter = content[0].as_object().expect("an object");
    assert_eq!(
        (&letter["specversion"], &letter["deadletterreason"]),
        (&json!("1.0"), &json!("NonRetriableFailure"))
    );
    assert_eq!(
        (&letter["deliveryattempts"], &letter["lastdeliveryoutcome"]),
        (&json!(1), &json!("Forbidden"))
    );
    assert!(letter.keys().all(|name| *name == name.to_lowercase()), "{letter:?}");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_comes_back_in_time_gets_its_letters() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(with_letters(&json!({}))).await;
    stage.shelf.is_broken.store(true, Ordering::Relaxed);
    stage.endpoints.script("app", [Reply::Status(400)]);
    stage.publish_ids(&topic, &["1"]).await;
    stage.pass(MINUTE * 60 * 4).await;
    assert_eq!(stage.counts().waiting, 1);
    stage.shelf.is_broken.store(false, Ordering::Relaxed);
    stage.pass(MINUTE * 5).await;
    assert_eq!((stage.shelf.all().len(), stage.counts().dead_lettered), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn after_four_hours_without_a_container_letters_are_dropped() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(with_letters(&json!({}))).await;
    stage.shelf.is_broken.store(true, Ordering::Relaxed);
    stage.endpoints.script("app", [Reply::Status(400)]);
    stage.publish_ids(&topic, &["1"]).await;
    stage.pass(MINUTE * 60 * 5).await;
    assert_eq!((stage.counts().dropped, stage.counts().waiting), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_destination_behind_an_identity_is_a_destination() {
    let stage = Stage::new();
    let identity = json!({"deadLetterWithResourceIdentity": {
        "identity": {"type": "SystemAssigned"}, "deadLetterDestination": letters()}});
    let topic = stage.with_subscriber(properties("app", identity)).await;
    stage.endpoints.script("app", [Reply::Status(400)]);
    stage.publish_ids(&topic, &["1"]).await;
    stage.pass(MINUTE * 5).await;
    assert_eq!(stage.shelf.all().len(), 1);
}
