//! Cancelling a job in each of its states.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::world::{World, job_body};

async fn cancel(world: &World) -> StatusCode {
    world.post("transforms/t/jobs/j/cancelJob", Value::Null).await.0
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waits_is_cancelled_at_once_and_never_runs() {
    let world = World::scripted();
    world.ready().await;
    world.put("transforms/t/jobs/running", job_body()).await;
    world.put("transforms/t/jobs/j", job_body()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.events.take();
    assert_eq!(cancel(&world).await, StatusCode::OK);
    assert_eq!(
        world.events.take_types(),
        [
            "JobOutputCanceling",
            "JobOutputStateChange",
            "JobCanceling",
            "JobStateChange",
            "JobOutputCanceled",
            "JobOutputStateChange",
            "JobCanceled",
            "JobStateChange",
        ]
    );
    let (_, job) = world.get("transforms/t/jobs/j").await;
    assert_eq!(job["properties"]["state"], "Canceled");
    assert_eq!(job["properties"].get("startTime"), None);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.state("transforms/t/jobs/j").await, "Canceled");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_has_its_place_is_cancelled() {
    let world = World::scripted();
    world.ready().await;
    world.put("transforms/t/jobs/j", job_body()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(world.state("transforms/t/jobs/j").await, "Scheduled");
    assert_eq!(cancel(&world).await, StatusCode::OK);
    assert_eq!(world.ended("transforms/t/jobs/j").await["state"], "Canceled");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_encoded_is_cancelled_and_makes_room_for_the_next() {
    let world = World::scripted();
    world.ready().await;
    world.put("transforms/t/jobs/j", job_body()).await;
    world.put("transforms/t/jobs/next", job_body()).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    world.events.take();
    assert_eq!(cancel(&world).await, StatusCode::OK);
    assert_eq!(world.state("transforms/t/jobs/j").await, "Canceling");
    assert_eq!(cancel(&world).await, StatusCode::OK);
    let job = world.ended("transforms/t/jobs/j").await;
    assert_eq!((&job["state"], &job["outputs"][0]["progress"]), (&json!("Canceled"), &json!(25)));
    let events = world.events.take();
    let last = events.iter().find(|event| event.event_type == "Microsoft.Media.JobCanceled").unwrap();
    assert_eq!(last.data["previousState"], "Canceling");
    assert_eq!(last.data["outputs"][0]["state"], "Canceled");
    assert_eq!(world.storage.names("output"), [""; 0]);
    assert_eq!(world.ended("transforms/t/jobs/next").await["state"], "Finished");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_has_ended_is_not_cancelled() {
    let world = World::scripted();
    world.ready().await;
    world.put("transforms/t/jobs/j", job_body()).await;
    world.ended("transforms/t/jobs/j").await;
    world.events.take();
    assert_eq!(cancel(&world).await, StatusCode::CONFLICT);
    assert_eq!(world.state("transforms/t/jobs/j").await, "Finished");
    assert_eq!(world.events.take_types(), [""; 0]);
    assert_eq!(world.post("transforms/t/jobs/none/cancelJob", Value::Null).await.0, StatusCode::NOT_FOUND);
}
