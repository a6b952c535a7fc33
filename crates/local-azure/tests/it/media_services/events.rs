//! What subscribers hear of a job.

use std::time::Duration;

use local_azure::media_services::Script;
use serde_json::{Value, json};

use super::world::{Options, WEST, World, built_in, job_body, script};

#[tokio::test(start_paused = true)]
async fn a_job_that_succeeds_tells_each_state_in_its_order() {
    let world = World::scripted();
    world.ready().await;
    world.put("transforms/t/jobs/j", job_body()).await;
    assert_eq!(world.events.take_types(), [""; 0], "nothing is said of a job that waits");
    world.ended("transforms/t/jobs/j").await;
    assert_eq!(
        world.events.take_types(),
        [
            "JobOutputScheduled",
            "JobOutputStateChange",
            "JobScheduled",
            "JobStateChange",
            "JobOutputProcessing",
            "JobOutputStateChange",
            "JobProcessing",
            "JobStateChange",
            "JobOutputProgress",
            "JobOutputProgress",
            "JobOutputProgress",
            "JobOutputFinished",
            "JobOutputStateChange",
            "JobFinished",
            "JobStateChange",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn events_carry_the_job_and_its_correlation_data() {
    let world = World::scripted();
    world.ready().await;
    world.put("transforms/T/jobs/Job1", job_body()).await;
    world.ended("transforms/t/jobs/job1").await;
    let events = world.events.take();
    let correlation = json!({"operationContext": "{\"id\":\"Op1\"}"});
    for event in &events {
        assert_eq!(event.topic, WEST.replace("mediaServices", "mediaservices"));
        assert_eq!(event.subject, "transforms/t/jobs/Job1");
        assert_eq!(event.data_version, "1.0");
        let of_output = event.event_type.contains("Output");
        let (own, other) = if of_output {
            ("jobCorrelationData", "correlationData")
        } else {
            ("correlationData", "jobCorrelationData")
        };
        assert_eq!((&event.data[own], event.data.get(other)), (&correlation, None), "{}", event.event_type);
    }
    let data = |event_type: &str| {
        let full = format!("Microsoft.Media.{event_type}");
        events.iter().find(|event| event.event_type == full).map(|event| event.data.clone()).unwrap()
    };
    let output = |progress: u8, state: &str| {
        json!({
            "@odata.type": "#Microsoft.Media.JobOutputAsset", "assetName": "output",
            "label": "BuiltInStandardEncoderPreset_0", "progress": progress, "state": state, "error": null,
        })
    };
    assert_eq!(
        data("JobScheduled"),
        json!({
        "previousState": "Queued", "state": "Scheduled", "correlationData": correlation})
    );
    assert_eq!(
        data("JobFinished"),
        json!({
        "previousState": "Processing", "state": "Finished", "correlationData": correlation,
        "outputs": [output(100, "Finished")]})
    );
    assert_eq!(
        data("JobOutputProcessing"),
        json!({
        "previousState": "Scheduled", "output": output(0, "Processing"), "jobCorrelationData": correlation})
    );
    assert_eq!(
        data("JobOutputProgress"),
        json!({
        "label": "BuiltInStandardEncoderPreset_0", "progress": 25, "jobCorrelationData": correlation})
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_without_correlation_data_says_nothing_about_it() {
    let world = World::scripted();
    world.ready().await;
    let mut body = job_body();
    body["properties"].as_object_mut().unwrap().remove("correlationData");
    world.put("transforms/t/jobs/j", body).await;
    world.ended("transforms/t/jobs/j").await;
    let silent =
        |data: &Value| data.get("correlationData").is_none() && data.get("jobCorrelationData").is_none();
    assert!(world.events.take().iter().all(|event| silent(&event.data)));
}

/// The progress that was told, with the second at which it was.
async fn told(progress: Vec<u8>, encodes_for: Duration) -> Vec<u64> {
    let world = World::scripted_with(&Options::default(), move |_| Script {
        progress: progress.clone(),
        encodes_for,
        ..script()
    });
    world.ready().await;
    world.put("transforms/t/jobs/j", job_body()).await;
    tokio::time::sleep(encodes_for + Duration::from_secs(60)).await;
    let events = world.events.take();
    let progress = events.iter().filter(|event| event.event_type == "Microsoft.Media.JobOutputProgress");
    progress.map(|event| event.data["progress"].as_u64().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_in_steps_of_five_percent() {
    assert_eq!(told((1..=20).collect(), Duration::from_secs(21)).await, [5, 10, 15, 20]);
    assert_eq!(told(vec![4, 8, 9, 99, 100], Duration::from_secs(21)).await, [8, 99]);
}

#[tokio::test(start_paused = true)]
async fn slow_progress_is_told_after_thirty_seconds() {
    assert_eq!(told(vec![1, 2, 3, 4], Duration::from_secs(5 * 30)).await, [1, 2, 3, 4]);
    assert_eq!(told(vec![1, 2, 3, 4], Duration::from_secs(5 * 20)).await, [2, 4]);
}

#[tokio::test(start_paused = true)]
async fn an_encoder_that_hangs_says_no_more() {
    let world =
        World::scripted_with(&Options::default(), |_| Script { encodes_for: Duration::MAX, ..script() });
    world.ready().await;
    world.put("transforms/t/jobs/j", job_body()).await;
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    assert_eq!(world.state("transforms/t/jobs/j").await, "Processing");
    assert_eq!(world.events.take_types().last(), Some(&"JobStateChange"));
}

#[tokio::test(start_paused = true)]
async fn outputs_are_made_by_their_priority_and_end_before_their_job() {
    let world = World::scripted();
    for asset in ["input", "output", "other"] {
        world.asset(asset).await;
    }
    world.storage.give("input", "show.mp4", b"media");
    let preset = built_in("AdaptiveStreaming");
    let outputs = json!([{"preset": preset}, {"preset": preset, "relativePriority": "High"}]);
    world.put("transforms/t", json!({"properties": {"outputs": outputs}})).await;
    let output = |asset: &str, label: &str| json!({"@odata.type": "#Microsoft.Media.JobOutputAsset", "assetName": asset, "label": label});
    let mut body = job_body();
    body["properties"]["outputs"] = json!([output("output", "A"), output("other", "B")]);
    world.put("transforms/t/jobs/j", body).await;
    world.ended("transforms/t/jobs/j").await;
    let told = world.events.take().into_iter().filter_map(|event| match event.event_type {
        "Microsoft.Media.JobOutputFinished" => {
            Some(event.data["output"]["label"].as_str().unwrap().to_owned())
        }
        "Microsoft.Media.JobFinished" => Some("job".to_owned()),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), ["B", "A", "job"]);
}
