//! Which job runs when.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::world::{NORTH, Options, WEST, World, job_body, script};

fn with_priority(priority: &str) -> Value {
    let mut body = job_body();
    body["properties"]["priority"] = json!(priority);
    body
}

/// The jobs in the order in which they were scheduled.
fn scheduled(world: &World) -> Vec<String> {
    let events = world.events.take();
    let scheduled = events.iter().filter(|event| event.event_type == "Microsoft.Media.JobScheduled");
    scheduled.map(|event| event.subject.rsplit('/').next().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_most_urgent_job_runs_first_and_equals_in_their_order() {
    let world = World::scripted();
    world.ready().await;
    world.put("transforms/t/jobs/first", job_body()).await;
    for (name, priority) in
        [("low", "Low"), ("b", "Normal"), ("a", "Normal"), ("high", "High"), ("late", "Low")]
    {
        world.put(&format!("transforms/t/jobs/{name}"), with_priority(priority)).await;
    }
    world.patch("transforms/t/jobs/late", json!({"properties": {"priority": "High"}})).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(scheduled(&world), ["first", "high", "late", "b", "a", "low"]);
}

#[tokio::test(start_paused = true)]
async fn as_many_jobs_run_as_may_and_regions_do_not_wait_for_each_other() {
    let options = Options { jobs_at_once: 2, ..Options::default() };
    let world = World::scripted_with(&options, |_| script());
    world.ready().await;
    for name in ["a", "b", "c"] {
        world.put(&format!("transforms/t/jobs/{name}"), job_body()).await;
    }
    for path in ["assets/input", "assets/output"] {
        world.call("PUT", &format!("{NORTH}/{path}"), &json!({})).await;
    }
    let (_, transform) = world.get("transforms/t").await;
    world
        .call("PUT", &format!("{NORTH}/transforms/t"), &json!({"properties": transform["properties"]}))
        .await;
    let (status, _) = world.call("PUT", &format!("{NORTH}/transforms/t/jobs/d"), &job_body()).await;
    assert_eq!(status, StatusCode::CREATED);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let state = async |account: &str, job: &str| {
        let (_, job) = world.call("GET", &format!("{account}/transforms/t/jobs/{job}"), &Value::Null).await;
        job["properties"]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(WEST, "a").await, "Processing");
    assert_eq!(state(WEST, "b").await, "Processing");
    assert_eq!(state(WEST, "c").await, "Queued");
    assert_eq!(state(NORTH, "d").await, "Error", "its input asset is empty");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_jobs_until_it_has_room() {
    let world = World::scripted();
    world.ready().await;
    for number in 0..501 {
        let (status, _) = world.put(&format!("transforms/t/jobs/j{number}"), job_body()).await;
        assert_eq!(status, StatusCode::CREATED, "{number}");
    }
    let path = format!("{WEST}/transforms/t/jobs/more");
    let refused = world.send("PUT", &path, &job_body(), Some("Bearer t")).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "10");
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(world.put("transforms/t/jobs/more", job_body()).await.0, StatusCode::CREATED);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_stops_leaves_its_jobs_as_they_are() {
    let world = World::scripted();
    world.ready().await;
    world.put("transforms/t/jobs/a", job_body()).await;
    world.put("transforms/t/jobs/b", job_body()).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.service().shutdown().await;
    world.events.take();
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(world.state("transforms/t/jobs/a").await, "Processing");
    assert_eq!(world.state("transforms/t/jobs/b").await, "Queued");
    assert_eq!(world.events.take_types(), [""; 0]);
}
