//! Requests of which it cannot be found out whether they have been carried out: nobody is told of a failure before Event Grid
//! is about to give up, and then that it is not known.

use http::StatusCode;
use local_azure::faults::Fault;
use serde_json::{Value, json};

use crate::lost::{lose, minutes};
use crate::poison::{copy, listed, world};
use crate::world::{World, only, types};

/// The delivery after so many is the last but one before Event Grid's 24 hours are over.
const LAST: u32 = 9;
/// After so many a request that has done nothing yet is said to have failed.
const PATIENT: u32 = 5;

async fn deliver(world: &World, event: &Value, tries_before: u32) -> StatusCode {
    let status = world.deliver_again(tries_before, &json!([event])).await;
    world.replace_processor();
    status
}

fn delete() -> Value {
    let mut event = copy("1");
    event["eventType"] = json!("request.blob.delete");
    event["data"] = json!({
        "blobUri": "http://127.0.0.1:10000/inbox/show-17/clip.mp4", "operationContext": {"id": "1"},
    });
    event
}

/// The work is given away, and then neither its place nor anything written down about it can be reached; that it is over is
/// reported to nobody.
async fn out_of_reach_after_the_effect(event: &Value) -> World {
    let world = world().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    lose(&world, "archive", &["Microsoft.Storage.BlobCreated"]).await;
    lose(&world, "inbox", &["Microsoft.Storage.BlobDeleted"]).await;
    let faults = world.cloud.faults.storage.clone();
    let is_given_away = |parts: &http::request::Parts| {
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        method == "DELETE" && path.ends_with("/inbox/show-17/clip.mp4")
            || method == "PUT" && path.ends_with("/archive/show-17/clip.mp4")
    };
    faults.always(Fault::AnswerAfter(StatusCode::SERVICE_UNAVAILABLE), is_given_away);
    faults.always(Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None), |parts| {
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        method == "PUT" && path.contains("pending")
            || method == "HEAD" && path.ends_with("/archive/show-17/clip.mp4")
    });
    assert_eq!(deliver(&world, event, 0).await, StatusCode::SERVICE_UNAVAILABLE);
    faults.always(Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None), |parts| {
        parts.uri.path().ends_with("/clip.mp4")
    });
    for tries_before in 1..LAST {
        assert_eq!(deliver(&world, event, tries_before).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(types(&world.answers()).iter().filter(|it| **it != "response.acknowledge").count(), 0);
    world
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_done_is_not_said_to_have_failed_before_event_grid_is_about_to_give_up_and_then_in_doubt()
 {
    for event in [copy("1"), delete()] {
        let world = out_of_reach_after_the_effect(&event).await;
        assert_eq!(deliver(&world, &event, LAST).await, StatusCode::OK);
        let failure = only(&world.answers(), "response.failure")["data"].clone();
        let message = failure["logEventMessage"].as_str().unwrap();
        assert!(
            message.ends_with("; it is not known whether what was asked was done all the same"),
            "{message}"
        );
        assert_eq!(listed(&world, &[]).await.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_done_is_told_as_it_was_once_that_can_be_found_out() {
    for (event, outcome) in
        [(copy("1"), "response.blob.created.success"), (delete(), "response.blob.delete.success")]
    {
        let world = out_of_reach_after_the_effect(&event).await;
        world.cloud.faults.storage.clear();
        assert_eq!(deliver(&world, &event, LAST).await, StatusCode::OK);
        minutes(&world, 20).await;
        let answers = world.answers();
        assert!(types(&answers).contains(&outcome), "{answers:?}");
        assert!(!types(&answers).contains(&"response.failure"), "{answers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_never_begun_has_failed_without_a_doubt() {
    let world = world().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    world.cloud.faults.storage.always(Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None), |parts| {
        parts.uri.path().ends_with("/clip.mp4")
    });
    assert_eq!(deliver(&world, &copy("1"), PATIENT).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(deliver(&world, &copy("1"), PATIENT + 1).await, StatusCode::OK);
    let failure = only(&world.answers(), "response.failure")["data"].clone();
    assert!(!failure["logEventMessage"].as_str().unwrap().contains("not known"), "{failure}");
}
