//! What becomes of the jobs of a process that is killed, or ends, when the next one takes them up.

use std::time::Duration;

use http::StatusCode;
use local_azure::media_services::{Script, ScriptedOutput};
use serde_json::{Value, json};

use super::keeping::{J, job_document, kept, kept_with, pass, told};
use super::world::{World, built_in, job_body, script};

#[tokio::test(start_paused = true)]
async fn a_job_that_a_kill_interrupts_is_begun_again_and_never_queued_again() {
    let mut world = kept().await;
    world.put(J, job_body()).await;
    pass(5).await;
    assert_eq!(world.state(J).await, "Processing");
    assert_eq!(job_document(&world)["custody"]["attempt"], 1);
    let started = world.get(J).await.1["properties"]["startTime"].clone();
    world.events.take();
    world.restart().await;
    assert_eq!(world.state(J).await, "Processing", "until it has its place again");
    assert_eq!(job_document(&world)["outputs"][0]["progress"], 25);
    pass(60).await;
    let events = world.events.take();
    let (scheduled, job) = (["JobOutputScheduled", "JobScheduled"], world.get(J).await.1);
    assert_eq!(told(&events)[..2], scheduled);
    assert_eq!(told(&events).last(), Some(&"JobFinished"));
    let previous = |name: &str| {
        let event = events.iter().find(|event| event.event_type == name).unwrap();
        event.data["previousState"].clone()
    };
    assert_eq!(previous("Microsoft.Media.JobScheduled"), "Processing");
    assert!(events.iter().all(|event| event.data["state"] != "Queued"));
    assert!(events.iter().all(|event| event.data["output"]["state"] != "Queued"));
    assert_eq!(
        (&job["properties"]["state"], &job["properties"]["startTime"]),
        (&json!("Finished"), &started)
    );
    let custody = &job_document(&world)["custody"];
    assert_eq!((&custody["attempt"], &custody["lease"]), (&json!(2), &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_held_while_work_is_done_and_renewed_with_its_progress() {
    let world = kept().await;
    world.put(J, job_body()).await;
    pass(2).await;
    let first = job_document(&world)["custody"]["lease"].clone();
    pass(4).await;
    let renewed = job_document(&world)["custody"]["lease"].clone();
    assert_eq!(first["owner"], renewed["owner"]);
    assert!(first["expires"].as_str().unwrap() < renewed["expires"].as_str().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_loses_its_process_three_times_ends_in_an_error() {
    let mut world = kept().await;
    world.put(J, job_body()).await;
    for attempt in 1..=3 {
        pass(5).await;
        assert_eq!(job_document(&world)["custody"]["attempt"], attempt);
        world.restart().await;
    }
    pass(1).await;
    let job = world.get(J).await.1["properties"].clone();
    let error = &job["outputs"][0]["error"];
    assert_eq!((&job["state"], &error["code"]), (&json!("Error"), &json!("ServiceError")));
    assert_eq!(error["retry"], "MayRetry");
    assert_eq!(told(&world.events.take()).last(), Some(&"JobErrored"));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_in_order_gives_its_jobs_back_and_takes_no_attempt_from_them() {
    let mut world = kept().await;
    world.put(J, job_body()).await;
    for _ in 0..4 {
        pass(5).await;
        assert_eq!(world.state(J).await, "Processing");
        world.service().shutdown().await;
        world.restart().await;
    }
    pass(60).await;
    assert_eq!(world.state(J).await, "Finished");
    assert_eq!(job_document(&world)["custody"]["attempt"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_before_it_takes_a_job_up_gives_none_of_its_attempts_back() {
    let mut world = kept().await;
    world.put(J, job_body()).await;
    pass(5).await;
    world.drop_service();
    pass(1).await;
    world.start();
    world.service().shutdown().await;
    let custody = &job_document(&world)["custody"];
    assert_eq!((&custody["attempt"], custody["lease"].is_object()), (&json!(1), true));
}

#[tokio::test(start_paused = true)]
async fn jobs_that_waited_run_in_the_order_that_they_would_have_run_in() {
    let mut world = kept().await;
    for (name, priority) in
        [("z", "Normal"), ("low", "Low"), ("b", "Normal"), ("a", "Normal"), ("high", "High")]
    {
        let mut body = job_body();
        body["properties"]["priority"] = json!(priority);
        world.put(&format!("transforms/t/jobs/{name}"), body).await;
    }
    world.patch("transforms/t/jobs/low", json!({"properties": {"priority": "High"}})).await;
    pass(5).await;
    world.restart().await;
    world.put("transforms/t/jobs/after", job_body()).await;
    world.events.take();
    pass(200).await;
    let events = world.events.take();
    let finished = events.iter().filter(|event| event.event_type == "Microsoft.Media.JobFinished");
    let order = finished.map(|event| event.subject.rsplit('/').next().unwrap());
    assert_eq!(order.collect::<Vec<_>>(), ["low", "high", "z", "b", "a", "after"]);
}

/// A world whose job `j` has written the file `a` and cannot write `b`.
async fn stuck_at_its_second_file() -> World {
    let script = |_: &ScriptedOutput<'_>| Script {
        outcome: Ok(["a", "b"].map(|name| (name.to_owned(), "new".into())).to_vec()),
        ..script()
    };
    let world = kept_with(script).await;
    world.storage.stuck.lock().unwrap().insert("b".to_owned());
    world.put(J, job_body()).await;
    world
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_attempt_wrote_is_overwritten_or_goes() {
    let mut world = stuck_at_its_second_file().await;
    for _ in 0..3 {
        pass(30).await;
        assert_eq!(world.storage.names("output"), ["a"]);
        world.restart().await;
        assert_eq!(world.storage.names("output"), [""; 0]);
    }
    assert_eq!(world.state(J).await, "Error");
    world.storage.stuck.lock().unwrap().clear();
    world.put("transforms/t/jobs/another", job_body()).await;
    pass(30).await;
    assert_eq!(world.storage.names("output"), ["a", "b"]);
    world.restart().await;
    assert_eq!(world.storage.names("output"), ["a", "b"], "what is finished stays");
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_attempt_wrote_goes_though_the_job_is_cancelled_first() {
    let mut world = stuck_at_its_second_file().await;
    pass(30).await;
    world.service().shutdown().await;
    world.drop_service();
    world.start();
    world.post(&format!("{J}/cancelJob"), Value::Null).await;
    assert_eq!(world.state(J).await, "Canceled");
    assert_eq!(world.storage.names("output"), ["a"]);
    world.service().resume().await;
    assert_eq!(world.storage.names("output"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn outputs_that_were_finished_are_not_made_again() {
    let mut world = kept_with(|output| {
        let name = format!("{}.mp4", output.output);
        Script { outcome: Ok(vec![(name, "media".into())]), ..script() }
    })
    .await;
    world.transform("two", &[built_in("AdaptiveStreaming"), built_in("AACGoodQualityAudio")]).await;
    let mut body = job_body();
    let output = body["properties"]["outputs"][0].clone();
    body["properties"]["outputs"] = json!([output, output]);
    world.put("transforms/two/jobs/j", body).await;
    pass(15).await;
    assert_eq!(world.storage.names("output"), ["0.mp4"]);
    world.events.take();
    world.restart().await;
    pass(60).await;
    let events = world.events.take();
    let finished = events.iter().filter(|event| event.event_type == "Microsoft.Media.JobOutputFinished");
    assert_eq!(finished.count(), 1);
    assert_eq!(world.state("transforms/two/jobs/j").await, "Finished");
    assert_eq!(world.storage.names("output"), ["0.mp4", "1.mp4"]);
}

#[tokio::test(start_paused = true)]
async fn jobs_of_an_earlier_process_can_be_cancelled_before_anybody_works_on_them() {
    let mut world = kept().await;
    world.put(J, job_body()).await;
    world.put("transforms/t/jobs/waiting", job_body()).await;
    pass(6).await;
    world.drop_service();
    pass(1).await;
    world.start();
    world.events.take();
    for job in [J, "transforms/t/jobs/waiting"] {
        assert_eq!(world.post(&format!("{job}/cancelJob"), Value::Null).await.0, StatusCode::OK);
    }
    world.service().resume().await;
    pass(60).await;
    for job in [J, "transforms/t/jobs/waiting"] {
        assert_eq!(world.state(job).await, "Canceled");
    }
    let cancelled = ["JobOutputCanceling", "JobCanceling", "JobOutputCanceled", "JobCanceled"];
    let (of_j, of_waiting) =
        world.events.take().into_iter().partition::<Vec<_>, _>(|event| event.subject.ends_with("/j"));
    assert_eq!((told(&of_j), told(&of_waiting)), (cancelled.to_vec(), cancelled.to_vec()));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_made_anew_before_it_was_taken_up_is_left_alone() {
    let mut world = stuck_at_its_second_file().await;
    pass(30).await;
    world.service().shutdown().await;
    world.drop_service();
    world.start();
    world.storage.stuck.lock().unwrap().clear();
    *world.storage.removal.lock().unwrap() = Duration::from_secs(3);
    world.events.take();
    let anew = async {
        pass(1).await;
        assert_eq!(world.post(&format!("{J}/cancelJob"), Value::Null).await.0, StatusCode::OK);
        assert_eq!(world.delete(J).await, StatusCode::OK);
        assert_eq!(world.put(J, job_body()).await.0, StatusCode::CREATED);
    };
    tokio::join!(world.service().resume(), anew);
    pass(60).await;
    let events = world.events.take();
    for once in ["JobCanceled", "JobScheduled", "JobFinished"] {
        assert_eq!(told(&events).iter().filter(|name| **name == once).count(), 1, "{once}");
    }
    assert_eq!(job_document(&world)["custody"]["attempt"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waits_to_be_begun_again_is_cancelled_at_once() {
    let mut world = kept().await;
    world.put(J, job_body()).await;
    pass(6).await;
    let mut urgent = job_body();
    urgent["properties"]["priority"] = json!("High");
    world.put("transforms/t/jobs/urgent", urgent).await;
    world.restart().await;
    pass(2).await;
    for job in [J, "transforms/t/jobs/urgent"] {
        assert_eq!(world.state(job).await, "Processing", "{job}");
    }
    world.post(&format!("{J}/cancelJob"), Value::Null).await;
    assert_eq!(world.state(J).await, "Canceled");
    pass(60).await;
    assert_eq!(world.state("transforms/t/jobs/urgent").await, "Finished");
}
