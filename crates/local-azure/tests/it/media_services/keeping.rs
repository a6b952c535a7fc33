//! What an account leaves on disk: documents of all that it holds, and events that are not settled.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use http::StatusCode;
use local_azure::inside::PlatformEvent;
use local_azure::media_services::{Script, ScriptedOutput};
use serde_json::{Value, json};

use super::streaming::{Origin, clear, play, published};
use super::studio::kept_studio;
use super::world::{Options, World, job_body, script};

/// A job of that world.
pub const J: &str = "transforms/t/jobs/j";

/// A world whose accounts outlive their process, with what jobs need.
pub async fn kept_with(script_of: impl Fn(&ScriptedOutput<'_>) -> Script + Send + Sync + 'static) -> World {
    let world = World::scripted_with(&Options { is_kept: true, ..Options::default() }, script_of);
    world.service().resume().await;
    world.ready().await;
    world
}

pub async fn kept() -> World {
    kept_with(|_| script()).await
}

pub async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Event types without `Microsoft.Media.`, umbrella events left out.
pub fn told(events: &[PlatformEvent]) -> Vec<&str> {
    let types = events.iter().map(|event| event.event_type.trim_start_matches("Microsoft.Media."));
    types.filter(|name| !name.ends_with("StateChange")).collect()
}

/// The files of all documents of a kind.
fn documents(world: &World, kind: &str) -> Vec<PathBuf> {
    documents_in(&world.kept().join("amswest").join(kind))
}

fn documents_in(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "json")).collect()
}

/// The only job's document.
pub fn job_document(world: &World) -> Value {
    job_document_in(&world.kept())
}

fn job_document_in(kept: &Path) -> Value {
    let files = documents_in(&kept.join("amswest/jobs"));
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
            let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
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
async fn a_document_that_the_disk_does_not_give_stops_the_start_and_stays() {
    let mut world = kept().await;
    let unreadable = documents(&world, "transforms").remove(0);
    world.drop_service();
    pass(1).await;
    let hidden = world.kept().join("hidden");
    std::fs::rename(&unreadable, &hidden).unwrap();
    std::fs::create_dir(&unreadable).unwrap();
    let problem = world.try_to_start().unwrap_err();
    assert_eq!(problem.path, unreadable);
    std::fs::remove_dir(&unreadable).unwrap();
    std::fs::rename(&hidden, &unreadable).unwrap();
    world.start();
    assert_eq!(world.get("transforms/t").await.0, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_whose_document_cannot_be_read_is_stopped() {
    let mut world = kept().await;
    let resource_state = async |world: &World| {
        let (_, endpoint) = world.get("streamingEndpoints/default").await;
        endpoint["properties"]["resourceState"].clone()
    };
    assert_eq!(world.post("streamingEndpoints/default/stop", Value::Null).await.0, StatusCode::OK);
    std::fs::write(documents(&world, "endpoints").remove(0), r#"{"key":"def"#).unwrap();
    for _ in 0..2 {
        world.restart().await;
        assert_eq!(resource_state(&world).await, "Stopped");
        pass(1).await;
    }
    world.post("streamingEndpoints/default/start", Value::Null).await;
    world.restart().await;
    assert_eq!(resource_state(&world).await, "Running");
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
    let described = |event: &PlatformEvent| {
        let occurrence = event.occurrence.unwrap();
        (occurrence.id, occurrence.time, event.subject.clone(), event.event_type, event.data.clone())
    };
    assert_eq!(again.iter().map(described).collect::<Vec<_>>(), kept.map(described).collect::<Vec<_>>());
    world.restart().await;
    pass(1).await;
    assert_eq!(told(&world.events.take()), [""; 0], "settled events are over");
}

#[tokio::test(start_paused = true)]
async fn events_of_new_jobs_wait_too_until_somebody_can_hear_them() {
    let mut world = kept().await;
    world.drop_service();
    pass(1).await;
    world.start();
    world.put(J, job_body()).await;
    pass(60).await;
    assert_eq!(world.state(J).await, "Finished", "the job itself does not wait");
    assert_eq!(told(&world.events.take()), [""; 0], "nobody is subscribed yet");
    world.service().resume().await;
    pass(1).await;
    let [output, job] = ["JobOutput", "Job"]
        .map(|of| ["Scheduled", "Processing", "Finished"].map(|state| format!("{of}{state}")));
    let in_order = output.iter().zip(&job).flat_map(|(output, job)| [output, job]).collect::<Vec<_>>();
    assert_eq!(told(&world.events.take()), in_order);
    world.service().resume().await;
    world.restart().await;
    pass(1).await;
    assert_eq!(told(&world.events.take()), [""; 0], "they are told once");
}

#[tokio::test(start_paused = true)]
async fn an_event_is_on_disk_with_the_state_it_tells_of_before_anybody_hears_it() {
    let world = kept().await;
    let ((saw, seen), kept_in) = (mpsc::channel(), world.kept());
    *world.events.look.lock().unwrap() = Some(Box::new(move |event| {
        if event.subject.ends_with("/jobs/j") && event.event_type == "Microsoft.Media.JobFinished" {
            let job = job_document_in(&kept_in);
            let kept = job["custody"]["outbox"]["events"].as_array().unwrap().clone();
            let is_kept = kept.iter().any(|kept| kept["event"]["eventType"] == event.event_type);
            saw.send((job["state"].as_str().unwrap().to_owned(), is_kept)).unwrap();
        }
    }));
    world.put(J, job_body()).await;
    pass(60).await;
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [("Finished".to_owned(), true)]);
    assert_eq!(job_document(&world)["custody"]["outbox"]["events"], json!([]), "settled since");
}

#[tokio::test(start_paused = true)]
async fn a_receipt_for_a_job_that_is_gone_is_none_for_a_later_one_of_its_name() {
    let mut world = kept().await;
    world.events.is_owed.store(true, Ordering::Relaxed);
    world.put(J, job_body()).await;
    pass(60).await;
    assert_eq!(world.delete(J).await, StatusCode::OK);
    world.put(J, job_body()).await;
    pass(60).await;
    world.events.settle_half();
    pass(1).await;
    world.events.take();
    world.restart().await;
    pass(1).await;
    let finished =
        world.events.take().into_iter().filter(|event| event.event_type == "Microsoft.Media.JobFinished");
    assert_eq!(finished.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_removed_job_did_not_tell_is_told_after_a_kill() {
    for removed in [J, "transforms/t"] {
        let mut world = kept().await;
        world.events.is_owed.store(true, Ordering::Relaxed);
        world.put(J, job_body()).await;
        pass(60).await;
        assert_eq!(world.delete(removed).await, StatusCode::OK);
        assert_eq!(world.get(J).await.0, StatusCode::NOT_FOUND);
        world.events.take();
        world.events.is_owed.store(false, Ordering::Relaxed);
        world.restart().await;
        pass(1).await;
        assert_eq!(told(&world.events.take()).last(), Some(&"JobFinished"), "{removed}");
        assert_eq!(world.get(J).await.0, StatusCode::NOT_FOUND);
        assert_eq!((documents(&world, "jobs").len(), documents(&world, "farewells").len()), (0, 0));
        world.restart().await;
        pass(1).await;
        assert_eq!(told(&world.events.take()), [""; 0], "settled events are over");
    }
}

#[tokio::test(start_paused = true)]
async fn a_removed_job_is_not_begun_again_when_its_document_outlives_it() {
    let mut world = kept().await;
    world.put(J, job_body()).await;
    pass(5).await;
    let (jobs, moved) = (world.kept().join("amswest/jobs"), world.kept().join("moved"));
    std::fs::rename(&jobs, &moved).unwrap();
    let processing = documents_in(&moved).remove(0);
    let document = std::fs::read(&processing).unwrap();
    world.post(&format!("{J}/cancelJob"), Value::Null).await;
    assert_eq!(world.state(J).await, "Canceled");
    assert_eq!(world.delete(J).await, StatusCode::INTERNAL_SERVER_ERROR, "not on disk yet");
    world.events.is_owed.store(true, Ordering::Relaxed);
    std::fs::rename(&moved, &jobs).unwrap();
    pass(2).await;
    assert!(told(&world.events.take()).contains(&"JobCanceled"));
    world.drop_service();
    pass(1).await;
    std::fs::write(jobs.join(processing.file_name().unwrap()), document).unwrap();
    world.start();
    world.service().resume().await;
    pass(60).await;
    let events = world.events.take();
    assert_eq!(told(&events), ["JobOutputCanceling", "JobCanceling", "JobOutputCanceled", "JobCanceled"]);
    assert_eq!(world.get(J).await.0, StatusCode::NOT_FOUND);
    assert_eq!(documents(&world, "jobs").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_is_not_promised_and_is_written_later() {
    let mut world = kept().await;
    let folder = world.kept().join("amswest/assets");
    let moved = world.kept().join("moved");
    std::fs::rename(&folder, &moved).unwrap();
    let (status, answer) = world.put("assets/new", json!({})).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (StatusCode::INTERNAL_SERVER_ERROR, &json!("InternalServerError"))
    );
    std::fs::rename(&moved, &folder).unwrap();
    pass(2).await;
    assert_eq!(world.put("assets/new", json!({})).await.0, StatusCode::OK);
    world.restart().await;
    assert_eq!(world.get("assets/new").await.0, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn whoever_only_asks_does_not_wait_for_what_others_change() {
    let world = kept().await;
    let option = json!({
        "configuration": {"@odata.type": "#Microsoft.Media.ContentKeyPolicyClearKeyConfiguration"},
        "restriction": {"@odata.type": "#Microsoft.Media.ContentKeyPolicyOpenRestriction"},
    });
    let policy = json!({"properties": {"options": [option]}});
    assert_eq!(world.put("contentKeyPolicies/k", policy).await.0, StatusCode::CREATED);
    let locator = json!({"properties": {"assetName": "output", "streamingPolicyName": "Predefined_ClearStreamingOnly"}});
    assert_eq!(world.put("streamingLocators/l", locator).await.0, StatusCode::CREATED);
    let assets = world.kept().join("amswest/assets");
    std::fs::rename(&assets, world.kept().join("moved")).unwrap();
    assert_eq!(world.put("assets/new", json!({})).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    let asked = tokio::time::Instant::now();
    let sas = json!({"permissions": "Read", "expiryTime": "2024-01-10T10:00:00Z"});
    for (act, body) in [
        ("assets/input/listContainerSas", sas),
        ("assets/output/listStreamingLocators", Value::Null),
        ("streamingLocators/l/listPaths", Value::Null),
        ("streamingLocators/l/listContentKeys", Value::Null),
        ("contentKeyPolicies/k/getPolicyPropertiesWithSecrets", Value::Null),
    ] {
        assert_eq!(world.post(act, body).await.0, StatusCode::OK, "{act}");
    }
    assert_eq!(asked.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn what_was_published_plays_after_a_kill() {
    let mut world = kept_studio();
    published(&world, clear()).await;
    world.restart().await;
    let origin = Origin::of(&world).await;
    let played = play(&origin.presentation("manifest(format=m3u8-cmaf)"), "").await.unwrap();
    assert_eq!((played.videos, played.seconds), (1, 8.0));
}
