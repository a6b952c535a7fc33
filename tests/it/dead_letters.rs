//! `gridwich deadletter` in memory: what Event Grid gave up, as its operators list it, look at it and send it again.

use std::time::Duration;

use bytes::Bytes;
use gridwich_handlers::participants::Storage as _;
use http::StatusCode;
use local_azure::faults::Fault;
use local_azure::ids::development_key;
use local_azure::inside::BlobFiles as _;
use serde_json::{Value, json};

use crate::poison::{CREATED, copy, create, deadletter, listed, world};
use crate::world::{EVENT_GRID, PROCESSOR, World, address, config, only, types};

/// Puts a blob into the container of dead letters as Event Grid would.
async fn put(world: &World, name: &str, letters: &Value) {
    let storage = &world.cloud.blob_storage;
    storage.ensure_container("proxy", "dead-letters").await.unwrap();
    let text = Bytes::from(letters.to_string());
    storage.write("proxy", "dead-letters", name, text, "application/json").await.unwrap();
    world.settled().await;
}

/// A record as Event Grid's documentation has it.
fn record(mut event: Value) -> Value {
    let story = json!({
        "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/topics/requests",
        "metadataVersion": "1",
        "deadLetterReason": "MaxDeliveryAttemptsExceeded", "deliveryAttempts": 6, "lastDeliveryOutcome": "Busy",
        "publishTime": "2026-03-04T09:10:00.4120000Z", "lastDeliveryAttemptTime": "2026-03-04T09:26:41.0030000Z",
    });
    event.as_object_mut().unwrap().extend(story.as_object().unwrap().clone());
    event
}

#[tokio::test(start_paused = true)]
async fn what_event_grid_gave_up_is_listed_shown_and_replayed_under_its_own_id() {
    let world = world().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    let cloud_event = json!({
        "specversion": "1.0", "id": "cloud", "source": "/orders", "type": "request.blob.container.create",
        "time": "2026-03-04T09:10:00Z", "data": create("cloud", "show-18")["data"],
        "deadletterreason": "TimeToLiveExceeded", "deliveryattempts": 11, "lastdeliveryoutcome": "TimedOut",
        "publishtime": "2026-03-04T09:10:00.4120000Z",
    });
    let first = "REQUESTS/TO-PROCESSOR/2026/03/04/09/00000000-0000-0000-0000-000000000001.json";
    let second = "REQUESTS/CLOUD/2026/03/04/09/00000000-0000-0000-0000-000000000002.json";
    put(
        &world,
        first,
        &json!([record(copy("req-7741")), record(create("req-7742", "show-19")), "no letter"]),
    )
    .await;
    put(&world, second, &json!([cloud_event])).await;

    let (ended, printed) = deadletter(&world, &["list"]).await;
    ended.unwrap();
    let lines = printed.lines().map(|line| line.split_once("  ").unwrap().1).collect::<Vec<_>>();
    insta::assert_snapshot!(lines.join("\n"));
    let (ended, shown) = deadletter(&world, &["show", "req-7741"]).await;
    ended.unwrap();
    insta::assert_snapshot!(shown);

    let (ended, said) = deadletter(&world, &["replay", second, "req-7741"]).await;
    ended.unwrap();
    let replayed = said.lines().collect::<Vec<_>>();
    assert_eq!(
        replayed,
        ["replayed request.blob.copy req-7741", "replayed request.blob.container.create cloud"]
    );
    world.settled().await;
    let answers = world.answers();
    let success = only(&answers, "response.blob.created.success");
    assert_eq!(success["data"]["operationContext"], json!({"id": "req-7741", "n": 1.5}));
    assert_eq!(only(&answers, CREATED)["data"]["operationContext"], json!({"id": "cloud"}));
    // What was not replayed stays, also what is no letter at all.
    let letters = listed(&world, &[]).await;
    assert_eq!((letters.len(), &letters[0]["id"]), (1, &json!("req-7742")));
    deadletter(&world, &["replay", "--all"]).await.0.unwrap();
    assert!(listed(&world, &[]).await.is_empty());
    let left = world.storage().properties(&address("proxy", "dead-letters", first)).await.unwrap();
    assert_eq!(left.bytes, r#"["no letter"]"#.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn two_operators_of_one_blob_lose_nothing() {
    let world = world().await;
    let name = "REQUESTS/TO-PROCESSOR/2026/03/04/09/00000000-0000-0000-0000-000000000001.json";
    let letters = (0..5).map(|n| record(create(&n.to_string(), &format!("show-{n}")))).collect::<Vec<_>>();
    put(&world, name, &Value::Array(letters)).await;
    world.cloud.faults.storage.always(Fault::Delay(Duration::from_millis(100)), |_| true);
    let (one, other, third) = tokio::join!(
        deadletter(&world, &["replay", "0", "1"]),
        deadletter(&world, &["replay", "2"]),
        deadletter(&world, &["replay", "1", "3"]),
    );
    for (ended, _) in [one, other, third] {
        ended.unwrap();
    }
    let letters = listed(&world, &[]).await;
    assert_eq!((letters.len(), &letters[0]["id"]), (1, &json!("4")));
    let mut answers = world.answers();
    answers.sort_by_key(|answer| answer["id"].to_string());
    answers.dedup_by_key(|answer| answer["id"].clone());
    assert_eq!(types(&answers).iter().filter(|it| **it == CREATED).count(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_stays_and_the_rest_is_replayed() {
    let world = world().await;
    let folder = "REQUESTS/TO-PROCESSOR/2026/03/04/09";
    // A validation event is never delivered by hand: it is answered, but two of them together with others are refused.
    let mut refused = record(create("refused", "show-1"));
    refused["eventType"] = json!("Microsoft.EventGrid.SubscriptionValidationEvent");
    put(&world, &format!("{folder}/1.json"), &json!([refused, record(create("good", "show-2"))])).await;
    let (ended, said) = deadletter(&world, &["replay", "--all"]).await;
    let error = ended.unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert_eq!(error.to_string(), "1 of 2 dead letters were not accepted, and are still there");
    let expected = "refused Microsoft.EventGrid.SubscriptionValidationEvent refused: the processor answered 400: \
                    [0].data.validationCode: expected a code\n\
                    replayed request.blob.container.create good\n";
    assert_eq!(said, expected);
    assert_eq!(listed(&world, &[]).await[0]["id"], "refused");

    world.network.disconnect(PROCESSOR);
    let error = deadletter(&world, &["replay", "--all"]).await.0.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the processor at {PROCESSOR} cannot be reached; 0 were accepted before")
    );
    let (ended, _) = deadletter(&world, &["replay", "nobody"]).await;
    let error = ended.unwrap_err();
    assert_eq!((error.exit_code(), error.to_string().as_str()), (2, "nobody: there is no such dead letter"));
    assert_eq!(listed(&world, &[]).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_cannot_be_taken_off_is_complained_of_and_does_no_harm() {
    let world = world().await;
    put(&world, "REQUESTS/TO-PROCESSOR/2026/03/04/09/1.json", &json!([record(create("1", "show-1"))])).await;
    let faults = world.cloud.faults.storage.clone();
    faults.always(Fault::Refuse(StatusCode::FORBIDDEN, None), |parts| parts.method == "DELETE");
    let (ended, said) = deadletter(&world, &["replay", "1"]).await;
    let error = ended.unwrap_err();
    assert_eq!(said, "replayed request.blob.container.create 1\n");
    assert!(error.to_string().contains("1.json: replayed, but still there: access to"), "{error}");
    assert_eq!((error.exit_code(), listed(&world, &[]).await.len()), (1, 1));
    faults.clear();
    deadletter(&world, &["replay", "1"]).await.0.unwrap();
    assert!(listed(&world, &[]).await.is_empty());
    let mut answers = world.answers();
    answers.sort_by_key(|answer| answer["id"].to_string());
    answers.dedup_by_key(|answer| answer["id"].clone());
    assert_eq!(answers.len(), 2, "{answers:?}");
}

#[tokio::test(start_paused = true)]
async fn what_went_wrong_before_the_container_cannot_be_read_is_told_too() {
    let world = world().await;
    for name in ["1", "2"] {
        let path = format!("REQUESTS/TO-PROCESSOR/2026/03/04/09/{name}.json");
        put(&world, &path, &json!([record(create(name, &format!("show-{name}")))])).await;
    }
    world.cloud.faults.storage.always(Fault::Refuse(StatusCode::FORBIDDEN, None), |parts| {
        parts.method == "DELETE" || parts.uri.path().ends_with("2.json")
    });
    let (ended, said) = deadletter(&world, &["replay", "--all"]).await;
    assert_eq!(said, "replayed request.blob.container.create 1\n");
    let error = ended.unwrap_err().to_string();
    let faults = error.lines().collect::<Vec<_>>();
    assert_eq!(faults.len(), 2, "{error}");
    assert!(faults[0].contains("1.json: replayed, but still there: access to"), "{error}");
    assert!(faults[1].contains("access to") && faults[1].ends_with("; 1 were accepted before"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_processor_with_a_secret_is_shown_it() {
    let mut world = world().await;
    put(&world, "REQUESTS/TO-PROCESSOR/2026/03/04/09/1.json", &json!([record(create("1", "show-1"))])).await;
    world.restart_with(&(config() + "[admission]\nsecrets = [\"hush\"]\n")).await.unwrap();
    let (ended, said) = deadletter(&world, &["replay", "1", "--delivery-secret", "other"]).await;
    assert_eq!(ended.unwrap_err().exit_code(), 1);
    assert_eq!(
        said,
        "refused request.blob.container.create 1: the processor answered 401: the secret is not known here\n"
    );
    deadletter(&world, &["replay", "1", "--delivery-secret", "hush"]).await.0.unwrap();
    only(&world.answers(), CREATED);
    assert!(listed(&world, &[]).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_request_is_published_again_where_everybody_hears_it() {
    let world = world().await;
    let mut event = record(create("1", "show-1"));
    event["topic"] = json!("/another/topic");
    event["dataVersion"] = json!("");
    put(&world, "REQUESTS/TO-PROCESSOR/2026/03/04/09/1.json", &json!([event])).await;
    let key = development_key("requests", "key1");
    let topic = format!("http://{EVENT_GRID}/topics/requests/api/events");
    let (ended, said) = deadletter(&world, &["replay", "--all", "--topic", &topic, "--key", &key]).await;
    ended.unwrap();
    assert_eq!(said, "replayed request.blob.container.create 1\n");
    world.settled().await;
    assert_eq!(types(&world.answers()), ["response.acknowledge", CREATED]);
    assert_eq!(world.received("requests")[0].1["id"], "1");
    assert!(listed(&world, &[]).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_list_has_a_bound_and_filters() {
    let world = world().await;
    for n in 0..4 {
        let name = format!("REQUESTS/TO-PROCESSOR/2026/03/0{n}/09/1.json");
        put(&world, &name, &json!([record(create(&n.to_string(), "show-1"))])).await;
    }
    let ids = |letters: Vec<Value>| {
        letters.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = listed(&world, &[]).await;
    assert_eq!(ids(all.clone()), ["3", "2", "1", "0"]);
    assert_eq!(ids(listed(&world, &["--max", "2"]).await), ["3", "2"]);
    let second = all[2]["written"].as_str().unwrap();
    assert_eq!(ids(listed(&world, &["--until", second]).await), ["1", "0"]);
    assert_eq!(ids(listed(&world, &["--since", second]).await), ["3", "2", "1"]);
    assert_eq!(ids(listed(&world, &["--prefix", "REQUESTS/TO-PROCESSOR/2026/03/02/"]).await), ["2"]);
    assert!(listed(&world, &["--type", "request.blob.copy"]).await.is_empty());
    assert_eq!(listed(&world, &["--reason", "maxdeliveryattemptsexceeded"]).await.len(), 4);
}
