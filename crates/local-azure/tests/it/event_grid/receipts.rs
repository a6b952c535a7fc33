//! When whoever raised a platform event hears that nobody is owed it any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use local_azure::inside::{EventSink as _, PlatformEvent, Receipt};
use serde_json::json;

use super::endpoint::Reply;
use super::stage::{STORAGE, Stage, letters, properties, to};

/// Raises an event, and says whether it is settled.
fn raise(stage: &Stage) -> Arc<AtomicBool> {
    let settled = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&settled);
    let event = PlatformEvent {
        topic: STORAGE.to_owned(),
        subject: "a.mxf".to_owned(),
        event_type: "Microsoft.Storage.BlobCreated",
        data_version: "",
        data: json!({}),
        occurrence: None,
    };
    stage.grid.raise_with_receipt(event, Receipt::new(move || told.store(true, Ordering::Relaxed)));
    settled
}

#[tokio::test(start_paused = true)]
async fn an_event_nobody_wants_is_settled_at_once() {
    let stage = Stage::new();
    assert!(raise(&stage).load(Ordering::Relaxed), "there is no subscription");
    let filter = json!({"filter": {"includedEventTypes": ["Microsoft.Storage.BlobDeleted"]}});
    stage.subscribe(STORAGE, "to-app", properties("app", filter)).await.expect("a subscription");
    assert!(raise(&stage).load(Ordering::Relaxed), "the filter takes it out");
}

#[tokio::test(start_paused = true)]
async fn an_event_is_settled_when_the_last_subscription_has_it() {
    let stage = Stage::new();
    stage.subscribe(STORAGE, "to-app", to("app")).await.expect("a subscription");
    stage.subscribe(STORAGE, "to-other", to("other")).await.expect("a subscription");
    stage.endpoints.script("other", [Reply::Status(503)]);
    let settled = raise(&stage);
    stage.grid.settled().await;
    assert_eq!(stage.endpoints.notifications("app").len(), 1);
    assert!(!settled.load(Ordering::Relaxed), "the other one waits for another attempt");
    stage.pass(Duration::from_secs(60)).await;
    assert!(settled.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_given_up_is_settled_when_its_dead_letter_is_written() {
    let stage = Stage::new();
    let members = json!({"deadLetterDestination": letters()});
    stage.subscribe(STORAGE, "to-app", properties("app", members)).await.expect("a subscription");
    stage.endpoints.script("app", [Reply::Status(400)]);
    let settled = raise(&stage);
    stage.pass(Duration::from_secs(60)).await;
    assert!(!settled.load(Ordering::Relaxed), "dead letters wait five minutes");
    stage.pass(Duration::from_secs(5 * 60)).await;
    assert_eq!(stage.shelf.all().len(), 1);
    assert!(settled.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_subscription_that_goes_is_settled() {
    let stage = Stage::new();
    stage.subscribe(STORAGE, "to-app", to("app")).await.expect("a subscription");
    stage.endpoints.script("app", [Reply::Status(503)]);
    let settled = raise(&stage);
    stage.grid.settled().await;
    assert!(!settled.load(Ordering::Relaxed));
    assert!(stage.grid.delete_subscription(STORAGE, "to-app"));
    stage.pass(Duration::from_secs(1)).await;
    assert!(settled.load(Ordering::Relaxed));
}
