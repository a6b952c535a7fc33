//! Bad days: answers that cannot be published, steps that take long, processors that stop. Whatever happens, the requestor
//! hears an acknowledgment and one outcome.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;
use local_azure::event_grid::DeliveryFault;
use local_azure::faults::Fault;
use serde_json::{Value, json};

use crate::world::{EVENT_GRID, Options, PROCESSOR, World, only, types};

fn copy(id: &str) -> Value {
    json!([{
        "id": id, "subject": "/orders", "eventType": "request.blob.copy", "eventTime": "2026-03-04T09:00:00Z",
        "dataVersion": "1.0",
        "data": {
            "sourceUri": "http://127.0.0.1:10000/inbox/show-17/clip.mp4",
            "destinationUri": "http://127.0.0.1:10000/archive/show-17/clip.mp4",
            "operationContext": {"id": id},
        },
    }])
}

async fn world() -> World {
    let world =
        World::with(Options { config: "[requests]\nannounce = \"ours\"\n", ..Options::default() }).await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    world
}

/// Each answer once, however often it was published.
fn distinct(answers: Vec<Value>) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    answers.into_iter().filter(|answer| seen.insert(answer["id"].as_str().unwrap().to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_while_the_acknowledgment_cannot_be_published() {
    let world = world().await;
    world.network.disconnect(EVENT_GRID);
    assert_eq!(world.deliver(copy("1").to_string()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    world.network.connect(EVENT_GRID, world.cloud.event_grid.router());
    world.settled().await;
    assert!(world.answers().is_empty());
    assert!(world.received("archive").is_empty(), "the copy has not begun");
    assert_eq!(world.deliver(copy("1").to_string()).await.status(), StatusCode::OK);
    world.settled().await;
    let answers = world.answers();
    assert_eq!(
        types(&answers),
        ["response.acknowledge", "response.blob.copy.scheduled", "response.blob.created.success"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_publication_is_tried_again_within_the_delivery() {
    for (status, retry_after) in [(429, Some(3)), (500, None), (503, Some(0)), (503, None)] {
        let world = world().await;
        let faults = &world.cloud.faults.event_grid;
        faults.next(2, Fault::Refuse(StatusCode::from_u16(status).unwrap(), retry_after), |_| true);
        assert_eq!(world.deliver(copy("1").to_string()).await.status(), StatusCode::OK);
        world.settled().await;
        let answers = world.answers();
        assert_eq!(
            types(&answers),
            ["response.acknowledge", "response.blob.copy.scheduled", "response.blob.created.success"]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_publication_whose_answer_is_lost_is_repeated_under_the_same_id() {
    let world = world().await;
    world.cloud.faults.event_grid.next(1, Fault::HangAfter, |_| true);
    world.deliver(copy("1").to_string()).await;
    world.deliver(copy("1").to_string()).await;
    world.settled().await;
    let answers = world.answers();
    assert!(answers.len() > 3);
    let answers = distinct(answers);
    assert_eq!(
        types(&answers),
        ["response.acknowledge", "response.blob.copy.scheduled", "response.blob.created.success"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_response_topic_costs_time_and_nothing_else() {
    let world = world().await;
    let faults = world.cloud.faults.event_grid.clone();
    faults.always(Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None), |parts| {
        parts.uri.path().contains("responses")
    });
    let data = copy("1")[0]["data"].clone();
    world.publish("1", "request.blob.copy", data).await;
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert!(world.answers().is_empty());
    faults.clear();
    world.settled().await;
    let answers = distinct(world.answers());
    assert_eq!(
        types(&answers),
        ["response.acknowledge", "response.blob.copy.scheduled", "response.blob.created.success"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_over_its_budget_goes_on_and_a_redelivery_joins_it() {
    let world = world().await;
    let slow = Fault::Delay(Duration::from_secs(15));
    world.cloud.faults.storage.next(2, slow, |parts| parts.uri.path().ends_with("clip.mp4"));
    let first = world.deliver(copy("1").to_string()).await;
    assert_eq!(first.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(first.headers()["retry-after"], "30");
    assert_eq!(world.steps().count(), 1);
    let joined = world.deliver(copy("1").to_string()).await;
    assert_eq!(joined.status(), StatusCode::OK);
    world.settled().await;
    let answers = world.answers();
    assert_eq!(
        types(&answers),
        ["response.acknowledge", "response.blob.copy.scheduled", "response.blob.created.success"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_processor_that_stops_lets_running_steps_finish_and_refuses_new_ones() {
    let world = world().await;
    world.cloud.faults.storage.next(1, Fault::Delay(Duration::from_secs(10)), |_| true);
    let (steps, body) = (world.steps(), copy("1").to_string());
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        steps.stop();
        let refused = world.deliver(copy("2").to_string()).await;
        let ready = world.get(PROCESSOR, "/readyz").await;
        steps.drained().await;
        (refused.status(), ready.status())
    };
    let (running, (refused, ready)) = tokio::join!(world.deliver(body), stopping);
    assert_eq!(running.status(), StatusCode::OK);
    assert_eq!((refused, ready), (StatusCode::SERVICE_UNAVAILABLE, StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(types(&world.answers()), ["response.acknowledge", "response.blob.copy.scheduled"]);
}

#[tokio::test(start_paused = true)]
async fn deliveries_dropped_doubled_or_answered_in_vain_change_nothing_for_the_requestor() {
    for fault in [DeliveryFault::Drop, DeliveryFault::Duplicate, DeliveryFault::AnswerLost] {
        let world = world().await;
        assert!(world.cloud.event_grid.disturb(&world.requests_topic(), "to-processor", fault, 2));
        let data = copy("1")[0]["data"].clone();
        let answers = distinct(world.ask("1", "request.blob.copy", data).await);
        let mut kinds = types(&answers);
        assert_eq!(kinds.remove(0), "response.acknowledge");
        kinds.sort_unstable();
        assert_eq!(kinds, ["response.blob.copy.scheduled", "response.blob.created.success"], "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_of_more_events_than_there_is_room_for_is_handled_in_turns() {
    let world = World::with(Options { config: "[endpoint]\nsteps_max = 2\n", ..Options::default() }).await;
    world.cloud.faults.storage.always(Fault::Delay(Duration::from_secs(1)), |_| true);
    let events = (0..5).map(|i| {
        json!({
            "id": i.to_string(), "eventType": "request.blob.container.create", "dataVersion": "1",
            "data": {"storageAccountName": "inbox", "containerName": format!("show-{i}")},
        })
    });
    let body = Value::Array(events.collect()).to_string();
    assert_eq!(world.deliver(body).await.status(), StatusCode::OK);
    let answers = world.answers();
    let is_success = |answer: &&Value| answer["eventType"] == "response.blob.container.create.success";
    assert_eq!((answers.len(), answers.iter().filter(is_success).count()), (10, 5));
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_room_for_within_the_budget_is_asked_to_come_again() {
    let config = "[requests]\nannounce = \"ours\"\n[endpoint]\nsteps_max = 1\n";
    let world = World::with(Options { config, ..Options::default() }).await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    let slow = Fault::Delay(Duration::from_secs(15));
    world.cloud.faults.storage.next(2, slow, |parts| parts.uri.path().ends_with("clip.mp4"));
    let mut other = copy("2");
    other[0]["data"]["destinationUri"] = "http://127.0.0.1:10000/archive/show-17/other.mp4".into();
    let (first, second) =
        tokio::join!(world.deliver(copy("1").to_string()), world.deliver(other.to_string()));
    assert_eq!(first.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(second.body(), "too many steps at once");
    for body in [copy("1"), other] {
        assert_eq!(world.deliver(body.to_string()).await.status(), StatusCode::OK);
    }
    world.settled().await;
    assert_eq!(distinct(world.answers()).len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_blob_whose_copy_is_under_way_is_announced_when_it_has_ended() {
    let config = "[requests]\nannounce = \"ours\"\n";
    let copy_takes = Duration::from_secs(60);
    let world = World::with(Options { config, copy_takes, ..Options::default() }).await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    world.deliver(copy("1").to_string()).await;
    let early = json!([{
        "id": "early", "eventType": "Microsoft.Storage.BlobCreated", "dataVersion": "",
        "subject": "/blobServices/default/containers/show-17/blobs/clip.mp4",
        "data": {
            "api": "CopyBlob", "clientRequestId": r#"{"id":"1"}"#,
            "url": "http://127.0.0.1:10000/archive/show-17/clip.mp4",
        },
    }]);
    for _ in 0..2 {
        assert_eq!(world.deliver(early.to_string()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(!types(&world.answers()).contains(&"response.blob.created.success"));
    tokio::time::sleep(copy_takes).await;
    assert_eq!(world.deliver(early.to_string()).await.status(), StatusCode::OK);
    assert!(types(&world.answers()).contains(&"response.blob.created.success"));
}

#[tokio::test(start_paused = true)]
async fn on_a_hierarchical_account_an_unfinished_blob_is_not_announced() {
    let config = "[requests]\nannounce = \"ours\"\n";
    let copy_takes = Duration::from_secs(3_600);
    let hierarchical = &["archive"];
    let world = World::with(Options { config, copy_takes, hierarchical, ..Options::default() }).await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    let started = world.received("archive").len();
    assert_eq!(world.deliver(copy("1").to_string()).await.status(), StatusCode::OK);
    // Here storage reports the copy when it begins.
    tokio::time::sleep(Duration::from_secs(600)).await;
    let reported = world.received("archive").split_off(started);
    assert!(reported.iter().any(|(_, event)| event["data"]["api"] == "CopyBlob"), "{reported:?}");
    assert_eq!(types(&world.answers()), ["response.acknowledge", "response.blob.copy.scheduled"]);
    world.settled().await;
    let answers = distinct(world.answers());
    assert_eq!(
        types(&answers),
        ["response.acknowledge", "response.blob.copy.scheduled", "response.blob.created.success"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_completion_whose_context_is_out_of_reach_comes_again_until_it_can_be_told() {
    let world = world().await;
    let mut large = copy("1");
    large[0]["data"]["operationContext"]["padding"] = "x".repeat(5_000).into();
    assert_eq!(world.deliver(large.to_string()).await.status(), StatusCode::OK);
    let faults = &world.cloud.faults.storage;
    faults.always(Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None), |parts| {
        parts.uri.path().contains("gridwich-contexts")
    });
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(types(&world.answers()), ["response.acknowledge", "response.blob.copy.scheduled"]);
    faults.clear();
    world.settled().await;
    let answers = world.answers();
    let success = only(&answers, "response.blob.created.success");
    assert_eq!(success["data"]["operationContext"], large[0]["data"]["operationContext"]);
    assert_eq!(answers.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn another_operation_in_the_way_is_not_taken_for_this_one() {
    let config = "[requests]\nannounce = \"ours\"\n";
    let world =
        World::with(Options { config, copy_takes: Duration::from_secs(60), ..Options::default() }).await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    world.deliver(copy("1").to_string()).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(world.deliver(copy("2").to_string()).await.status(), StatusCode::OK);
    world.settled().await;
    let answers = world.answers();
    let failure = &only(&answers, "response.failure")["data"];
    assert_eq!(
        (&failure["logEventId"], &failure["operationContext"]),
        (&json!(611_014), &json!({"id": "2"}))
    );
    let success = only(&answers, "response.blob.created.success");
    assert_eq!(success["data"]["operationContext"], json!({"id": "1"}));
}

#[tokio::test(start_paused = true)]
async fn a_container_is_made_once_for_one_request_and_is_in_the_way_of_the_next() {
    let world = world().await;
    let create = |id: &str| {
        json!([{
            "id": id, "eventType": "request.blob.container.create", "dataVersion": "1",
            "data": {"storageAccountName": "archive", "containerName": "show-18", "operationContext": {"id": id}},
        }])
    };
    for id in ["1", "1", "2"] {
        assert_eq!(world.deliver(create(id).to_string()).await.status(), StatusCode::OK);
        world.replace_processor();
    }
    let answers = distinct(world.answers());
    assert_eq!(
        types(&answers),
        [
            "response.acknowledge",
            "response.blob.container.create.success",
            "response.acknowledge",
            "response.failure"
        ]
    );
    assert_eq!(answers[3]["data"]["logEventId"], 511_003);
    assert_eq!(answers[3]["data"]["operationContext"], json!({"id": "2"}));
}

#[tokio::test(start_paused = true)]
async fn an_encode_whose_submission_is_answered_in_vain_makes_one_job() {
    let world = world().await;
    let is_job = |parts: &http::request::Parts| parts.method == "PUT" && parts.uri.path().contains("/jobs/");
    world.cloud.faults.media.next(1, Fault::HangAfter, is_job);
    let data = json!({
        "inputs": [{"blobUri": "http://127.0.0.1:10000/inbox/show-17/clip.mp4"}],
        "outputContainer": "http://127.0.0.1:10000/proxy/show-17-mbr",
        "transformName": "AdaptiveStreaming",
        "operationContext": {"id": 1},
    });
    let answers = distinct(world.ask("1", "request.encode.mediaservicesv3.create", data).await);
    only(&answers, "response.encode.mediaservicesv3.dispatched");
    only(&answers, "response.encode.mediaservicesv3.success");
    let finished = world.received("mediawest");
    let finished = finished.iter().filter(|(_, event)| event["eventType"] == "Microsoft.Media.JobFinished");
    assert_eq!(finished.count(), 1);
}
