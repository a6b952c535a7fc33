//! What a killed process leaves behind, and what the next one makes of it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;
use local_azure::inside::PlatformEvent;
use local_azure::media_services::{Script, ScriptedOutput};
use serde_json::{Value, json};

use super::world::{Options, World, built_in, job_body, script};

const J: &str = "transforms/t/jobs/j";

/// A world whose accounts outlive their process, with what jobs need.
async fn kept_with(script_of: impl Fn(&ScriptedOutput<'_>) -> Script + Send + Sync + 'static) -> World {
    let world = World::scripted_with(&Options { is_kept: true, ..Options::default() }, script_of);
    world.ready().await;
    world
}

async fn kept() -> World {
    kept_with(|_| script()).await
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Event types without `Microsoft.Media.`, umbrella events left out.
fn told(events: &[PlatformEvent]) -> Vec<&str> {
    let types = events.iter().map(|event| event.event_type.trim_start_matches("Microsoft.Media."));
    types.filter(|name| !name.ends_with("StateChange")).collect()
}

/// The files of all documents of a kind.
fn documents(world: &World, kind: &str) -> Vec<PathBuf> {
    let folder = world.kept().join("amswest").join(kind);
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "json")).collect()
}

/// The only job's document.
fn job_document(world: &World) -> Value {
    let files = documents(world, "jobs");
    assert_eq!(files.len(), 1);
    serde_json::from_slice::<Value>(&std::fs::read(&files[0]).unwrap()).unwrap()["record"].take()
}

#[tokio::test(start_paused = true)]
async fn all_that_an_account_holds_outlives_its_process() {
    let mut world = kept().await;
    let configuration = json!({"@odata.type": "#Microsoft.Media.ContentKeyPolicyClearKeyConfiguration"});
    let restriction = json!({
        "@odata.type": "#Microsoft.Media.ContentKeyPolicyTokenRestriction",
        "issuer": "i", "audience": "a", "restrictionTokenType": "Jwt",
        "primaryVerificationKey": {
            "@odata.type": "#Microsoft.Media.ContentKeyPolicySymmetricTokenKey",
            "keyValue": "MDEyMzQ1Njc4OWFiY2RlZg==",
        },
    });
    let filter = json!({
        "presentationTimeRange": {"startTimestamp": 10, "endTimestamp": 20, "timescale": 1},
        "tracks": [{"trackSelections": [{"property": "Type", "value": "Audio", "operation": "Equal"}]}],
    });
    let key = json!({"defaultKey": {"label": "l", "policyName": "k"}});
    let envelope = json!({
        "enabledProtocols": {"download": false, "dash": false, "hls": true, "smoothStreaming": false},
        "contentKeys": key,
    });
    let made = [
        (
            "contentKeyPolicies/k",
            json!({"options": [{"configuration": configuration, "restriction": restriction}]}),
        ),
        ("streamingPolicies/p", json!({"envelopeEncryption": envelope})),
        ("accountFilters/f", filter.clone()),
        ("assets/output/assetFilters/g", filter),
        (
            "streamingLocators/l",
            json!({"assetName": "output", "streamingPolicyName": "p", "filters": ["f", "g"],
                   "startTime": "2024-01-10T10:00:00+02:00"}),
        ),
        (J, job_body()["properties"].clone()),
        ("assets/gone", json!({})),
    ];
    for (path, properties) in &made {
        let (status, answer) = world.put(path, json!({"properties": properties})).await;
        assert_eq!(status, StatusCode::CREATED, "{path}: {answer}");
    }
    assert_eq!(world.post("streamingEndpoints/default/stop", Value::Null).await.0, StatusCode::OK);
    assert_eq!(world.delete("assets/gone").await, StatusCode::OK);
    pass(60).await;
    let everything = async |world: &World| {
        let mut shown = Vec::new();
        for path in [
            "assets",
            "transforms",
            "transforms/t/jobs",
            "contentKeyPolicies",
            "streamingPolicies/p",
            "accountFilters",
            "assets/output/assetFilters",
            "streamingLocators",
            "streamingEndpoints/default",
        ] {
            shown.push(world.get(path).await);
        }
        shown.push(world.post("contentKeyPolicies/k/getPolicyPropertiesWithSecrets", Value::Null).await);
        shown.push(world.post("streamingLocators/l/listContentKeys", Value::Null).await);
        shown
    };
    let before = everything(&world).await;
    assert!(before.iter().all(|(status, _)| *status == StatusCode::OK), "{before:?}");
    world.restart().await;
    let mut after = everything(&world).await;
    // The endpoint that is there from the start has been there since another start.
    after[8].1["properties"]["created"] = before[8].1["properties"]["created"].clone();
    assert_eq!(after, before);
    assert_eq!(world.put(J, job_body()).await.0, StatusCode::CONFLICT);
}

#[tokio::test(start_paused = true)]
async fn only_their_owner_reads_documents() {
    let world = kept().await;
    world.put(J, job_body()).await;
    for kind in ["assets", "transforms", "jobs"] {
        let files = documents(&world, kind);
        assert!(!files.is_empty(), "{kind}");
        for file in files {
            let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_that_cannot_be_read_is_set_aside_and_the_others_are_there() {
    let mut world = kept().await;
    let torn = documents(&world, "assets").remove(0);
    std::fs::write(&torn, r#"{"key":"inp"#).unwrap();
    std::fs::write(torn.with_extension("new"), "never finished").unwrap();
    world.restart().await;
    assert_eq!(world.service().set_aside(), [torn.with_extension("unreadable")]);
    assert!(!torn.exists() && !torn.with_extension("new").exists());
    let (_, assets) = world.get("assets").await;
    assert_eq!(assets["value"].as_array().unwrap().len(), 1);
    assert_eq!(world.state("transforms/t").await, "", "the transform is there, and is no job");
    assert_eq!(world.get("transforms/t").await.0, StatusCode::OK);
}

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

#[tokio::test(start_paused = true)]
async fn what_a_lost_attempt_wrote_is_overwritten_or_goes() {
    let mut world = kept_with(|_| Script {
        outcome: Ok(["a", "b"].map(|name| (name.to_owned(), "new".into())).to_vec()),
        ..script()
    })
    .await;
    world.storage.stuck.lock().unwrap().insert("b".to_owned());
    world.put(J, job_body()).await;
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
async fn events_that_were_not_settled_are_raised_again_once_somebody_can_hear_them() {
    let mut world = kept().await;
    world.events.is_owed.store(true, Ordering::Relaxed);
    world.put(J, job_body()).await;
    pass(60).await;
    let first = world.events.take();
    assert!(told(&first).contains(&"JobOutputProgress"));
    world.drop_service();
    pass(1).await;
    world.start();
    pass(60).await;
    assert_eq!(told(&world.events.take()), [""; 0], "nobody is subscribed yet");
    world.events.is_owed.store(false, Ordering::Relaxed);
    world.service().resume().await;
    pass(1).await;
    let again = world.events.take();
    let kept = first.iter().filter(|event| event.event_type != "Microsoft.Media.JobOutputProgress");
    let described = |event: &PlatformEvent| (event.subject.clone(), event.event_type, event.data.clone());
    assert_eq!(again.iter().map(described).collect::<Vec<_>>(), kept.map(described).collect::<Vec<_>>());
    world.restart().await;
    pass(1).await;
    assert_eq!(told(&world.events.take()), [""; 0], "settled events are over");
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
    assert_eq!(told(&world.events.take()), [cancelled, cancelled].concat());
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
