//! Whole operations from request to outcome, as golden transcripts: what everybody says, in the order it is said.

use serde_json::{Value, json};

use crate::world::{ACCOUNTS, Options, REGIONS, World, only, types};

/// What all topics received, in the order it was received: who, what, and the data without what differs from run to run.
fn transcript(world: &World) -> String {
    let topics = ["requests"]
        .into_iter()
        .chain(ACCOUNTS)
        .chain(REGIONS.map(|(_, account)| account))
        .chain(["responses"]);
    let mut events = topics
        .flat_map(|topic| {
            world.received(topic).into_iter().map(move |(received, event)| (received, topic, event))
        })
        .collect::<Vec<_>>();
    events.sort_by_key(|(received, ..)| *received);
    // What the processor keeps for itself is nobody's business.
    events.retain(|(_, _, event)| !event["subject"].as_str().unwrap().contains("/gridwich-contexts/"));
    let lines = events.into_iter().map(|(_, topic, mut event)| {
        for accidental in ["eTag", "sequencer", "requestId", "storageDiagnostics"] {
            event["data"].as_object_mut().unwrap().remove(accidental);
        }
        if let Some(report) = event["data"].get_mut("analysisResult") {
            // The rest depends on the version of MediaInfo.
            let tracks = report["media"]["track"].as_array().unwrap().iter();
            *report = tracks.map(|track| json!([track["@type"], track["Format"]])).collect();
        }
        let [event_type, subject] =
            ["eventType", "subject"].map(|member| event[member].as_str().unwrap().to_owned());
        format!("{topic}: {event_type} {subject}\n    {}", event["data"])
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn a_container_a_copy_an_encode_and_a_tier() {
    let world = World::new().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    let context = |step: u32| json!({"sagaId": "s-1", "step": step, "note": "grüße"});
    let container = json!({"storageAccountName": "proxy", "containerName": "show-17-mbr", "operationContext": context(1)});
    world.ask("r-1", "request.blob.container.create", container).await;
    let copy = json!({
        "sourceUri": "http://127.0.0.1:10000/inbox/show-17/clip.mp4",
        "destinationUri": "http://127.0.0.1:10000/archive/show-17/clip.mp4",
        "operationContext": context(2),
    });
    world.ask("r-2", "request.blob.copy", copy).await;
    let encode = json!({
        "inputs": [{"blobUri": "http://127.0.0.1:10000/archive/show-17/clip.mp4"}],
        "outputContainer": "http://127.0.0.1:10000/proxy/show-17-mbr",
        "transformName": "AdaptiveStreaming",
        "operationContext": context(3),
    });
    world.ask("r-3", "request.encode.mediaservicesv3.create", encode).await;
    let tier = json!({
        "blobUri": "http://127.0.0.1:10000/inbox/show-17/clip.mp4", "accessTier": "cool", "operationContext": context(4),
    });
    world.ask("r-4", "request.blob.tier.change", tier).await;
    insta::assert_snapshot!(transcript(&world));
}

/// Asks for one thing after another, each under the next step of a saga.
async fn carry_out(world: &World, saga: &str, steps: Vec<(&str, Value)>) {
    for (step, (event_type, mut data)) in steps.into_iter().enumerate() {
        data["operationContext"] = json!({"sagaId": saga, "step": step + 1});
        world.ask(&format!("{saga}-{step}"), event_type, data).await;
    }
}

const CLIP: &str = "http://127.0.0.1:10000/inbox/show-17/clip.mp4";

#[tokio::test(start_paused = true)]
async fn the_saga_of_quality_control() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4");
    crate::process::make_clip(&clip);
    world.upload("inbox", "show-17", "clip.mp4", std::fs::read(&clip).unwrap().leak()).await;
    let analysis = json!([{
        "id": "analysis", "subject": "/orders/4711", "eventType": "request.blob.analysis.create", "dataVersion": "1.0",
        "data": {
            "blobUri": CLIP,
            "analyzerSpecificData": {"mediaInfo": {"commandLineOptions": {"Complete": "1", "Output": "JSON"}}},
            "operationContext": {"sagaId": "quality", "step": 0},
        },
    }]);
    // MediaInfo is a process of its own, and takes real time.
    tokio::time::resume();
    assert_eq!(world.deliver(analysis.to_string()).await.status(), 200);
    tokio::time::pause();
    let work = "http://127.0.0.1:10000/archive/work/clip.mp4";
    let steps = vec![
        ("request.blob.copy", json!({"sourceUri": CLIP, "destinationUri": work})),
        (
            "request.encode.mediaservicesv3.create",
            json!({
                "inputs": [{"blobUri": work}], "outputContainer": "http://127.0.0.1:10000/proxy/quality",
                "transformName": "AdaptiveStreaming",
            }),
        ),
    ];
    carry_out(&world, "quality", steps).await;
    insta::assert_snapshot!(transcript(&world));
}

#[tokio::test(start_paused = true)]
async fn the_saga_of_asset_creation() {
    let world = World::quiet().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    let kept = "http://127.0.0.1:10000/archive/show-17/clip.mp4";
    let steps = vec![
        (
            "request.blob.metadata.create",
            json!({"blobUri": CLIP, "blobMetadata": {"DepartmentCode": "news"}}),
        ),
        ("request.blob.copy", json!({"sourceUri": CLIP, "destinationUri": kept})),
        (
            "request.encode.mediaservicesv3.create",
            json!({
                "inputs": [{"blobUri": kept}], "outputContainer": "http://127.0.0.1:10000/proxy/asset",
                "transformName": "AdaptiveStreaming", "timeBasedEncode": {"startSeconds": 1.5},
            }),
        ),
        ("request.blob.tier.change", json!({"blobUri": kept, "accessTier": "Archive"})),
        ("request.blob.delete", json!({"blobUri": CLIP})),
        (
            "request.blob.tier.change",
            json!({"blobUri": kept, "accessTier": "Hot", "rehydratePriority": "High"}),
        ),
    ];
    carry_out(&world, "asset", steps).await;
    insta::assert_snapshot!(transcript(&world));
}

#[tokio::test(start_paused = true)]
async fn the_saga_of_publication_as_far_as_storage_goes() {
    let world = World::quiet().await;
    world.upload("inbox", "sprites", "sprite 1.jpg", b"small pictures").await;
    world.upload("inbox", "sprites", "sprites.vtt", b"WEBVTT").await;
    let named = json!({"storageAccountName": "proxy", "containerName": "published"});
    let mut open = named.clone();
    open["accessType"] = "Blob".into();
    let copy = |name: &str| {
        json!({
            "sourceUri": format!("http://127.0.0.1:10000/inbox/sprites/{name}"),
            "destinationUri": format!("http://127.0.0.1:10000/proxy/published/{name}"),
        })
    };
    let steps = vec![
        ("request.blob.container.create", named),
        ("request.blob.copy", copy("sprite%201.jpg")),
        ("request.blob.copy", copy("sprites.vtt")),
        ("request.blob.container.access.change", open),
        ("request.blob.container.delete", json!({"storageAccountName": "inbox", "containerName": "sprites"})),
    ];
    carry_out(&world, "publication", steps).await;
    let read = world.get(crate::world::STORAGE, "/proxy/published/sprite%201.jpg").await;
    assert_eq!(read.body().as_ref(), b"small pictures", "what is published can be read");
    insta::assert_snapshot!(transcript(&world));
}

#[tokio::test(start_paused = true)]
async fn every_request_is_acknowledged_before_anything_else_is_said() {
    let world = World::new().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    let before = world.answers().len();
    let copy = json!({
        "sourceUri": "http://127.0.0.1:10000/inbox/show-17/clip.mp4",
        "destinationUri": "http://127.0.0.1:10000/archive/new-container/clip.mp4",
        "operationContext": {"a": 1.50, "b": [null]},
    });
    let answers = world.ask("r-1", "request.blob.copy", copy).await.split_off(before);
    assert_eq!(
        types(&answers),
        ["response.acknowledge", "response.blob.copy.scheduled", "response.blob.created.success"]
    );
    for answer in &answers {
        assert_eq!(answer["data"]["operationContext"].to_string(), r#"{"a":1.5,"b":[null]}"#);
        assert_eq!(answer["dataVersion"], "1.0");
    }
    let acknowledgment = &answers[0];
    assert_eq!(acknowledgment["data"]["eventType"], "request.blob.copy");
    assert_eq!(acknowledgment["subject"], format!("/orders/4711/{}", acknowledgment["id"].as_str().unwrap()));
    let scheduled = &answers[1];
    let id = scheduled["id"].as_str().unwrap();
    assert_eq!(scheduled["subject"], format!("/response.blob.copy.scheduled/{id}"));
}

#[tokio::test(start_paused = true)]
async fn the_same_request_delivered_five_times_makes_one_job_and_repeats_its_answers() {
    let world = World::new().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    let before = world.answers().len();
    let event = json!([{
        "id": "r-1", "subject": "/orders", "eventType": "request.encode.mediaservicesv3.create",
        "eventTime": "2026-03-04T09:00:00Z", "dataVersion": "1.0",
        "data": {
            "inputs": [{"blobUri": "http://127.0.0.1:10000/inbox/show-17/clip.mp4"}],
            "outputContainer": "http://127.0.0.1:10000/proxy/show-17-mbr",
            "transformName": "AdaptiveStreaming",
            "operationContext": {"sagaId": "s-1"},
        },
    }]);
    for _ in 0..5 {
        assert_eq!(world.deliver(event.to_string()).await.status(), 200);
        world.replace_processor();
    }
    world.settled().await;
    let answers = world.answers().split_off(before);
    let jobs =
        answers.iter().filter(|answer| answer["eventType"] == "response.encode.mediaservicesv3.dispatched");
    let mut jobs = jobs.map(|answer| answer["data"]["workflowJobName"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(jobs.len(), 5);
    jobs.dedup();
    assert_eq!(jobs.len(), 1);
    only(&answers, "response.encode.mediaservicesv3.success");
    let mut seen = std::collections::BTreeMap::<String, Value>::new();
    for mut answer in answers {
        answer.as_object_mut().unwrap().remove("eventTime");
        let id = answer["id"].as_str().unwrap().to_owned();
        let first = seen.entry(id).or_insert_with(|| answer.clone()).clone();
        assert_eq!(first, answer, "an answer that is repeated is the same");
    }
}

#[tokio::test(start_paused = true)]
async fn outputs_of_an_encode_are_its_own_and_not_all_there_is() {
    let world = World::quiet().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    world.upload("proxy", "show-17-mbr", "from yesterday.mp4", b"other pictures").await;
    let encode = json!({
        "inputs": [{"blobUri": CLIP}], "outputContainer": "http://127.0.0.1:10000/proxy/show-17-mbr/",
        "transformName": "AdaptiveStreaming", "operationContext": {"a": 1},
    });
    let answers = world.ask("r-1", "request.encode.mediaservicesv3.create", encode).await;
    let outputs = &only(&answers, "response.encode.mediaservicesv3.success")["data"]["outputs"];
    let names = outputs.as_array().unwrap().iter().map(|output| output["blobUri"].as_str().unwrap());
    let names = names.map(|uri| uri.rsplit('/').next().unwrap()).collect::<Vec<_>>();
    assert_eq!(names, ["clip_1280x720_3400.mp4", "clip_640x360_1150.mp4"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_muted_is_not_announced() {
    let world = World::new().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    let before = world.answers().len();
    let copy = json!({
        "sourceUri": "http://127.0.0.1:10000/inbox/show-17/clip.mp4",
        "destinationUri": "http://127.0.0.1:10000/archive/show-17/clip.mp4",
        "operationContext": {"a": 1, "~muted": 1},
    });
    let answers = world.ask("r-1", "request.blob.copy", copy).await.split_off(before);
    assert_eq!(types(&answers), ["response.acknowledge", "response.blob.copy.scheduled"]);
}

#[tokio::test(start_paused = true)]
async fn only_what_happens_to_blobs_can_be_muted() {
    let world = World::quiet().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    let encode = json!({
        "inputs": [{"blobUri": "http://127.0.0.1:10000/inbox/show-17/clip.mp4"}],
        "outputContainer": "http://127.0.0.1:10000/proxy/show-17-mbr",
        "transformName": "AdaptiveStreaming",
        "operationContext": {"a": 1, "~muted": true},
    });
    let answers = world.ask("r-1", "request.encode.mediaservicesv3.create", encode).await;
    let success = only(&answers, "response.encode.mediaservicesv3.success");
    assert_eq!(success["data"]["operationContext"], json!({"a": 1, "~muted": true}));
}

#[tokio::test(start_paused = true)]
async fn members_that_are_null_count_as_absent_in_what_platforms_report() {
    let world = World::new().await;
    let finished = |event_type: &str, data: Value| {
        json!([{
            "id": event_type, "eventType": event_type, "dataVersion": "1.0",
            "subject": "transforms/AdaptiveStreaming/jobs/job-1", "data": data,
        }])
    };
    let correlation = json!({"mediaServicesV3EncoderSpecificData": null, "operationContext": r#"{"a":1}"#});
    let progress = json!({"label": null, "progress": null, "jobCorrelationData": correlation});
    let scheduled = json!({"previousState": null, "state": null, "correlationData": correlation});
    for (event_type, data) in [
        ("Microsoft.Media.JobOutputProgress", progress),
        ("Microsoft.Media.JobScheduled", scheduled),
        ("Microsoft.Media.JobErrored", json!({"outputs": null, "correlationData": correlation})),
    ] {
        let answer = world.deliver(finished(event_type, data).to_string()).await;
        assert_eq!(answer.status(), 200, "{event_type}");
    }
    let answers = world.answers();
    assert_eq!(
        types(&answers),
        [
            "response.encode.mediaservicesv3.processing",
            "response.encode.mediaservicesv3.scheduled",
            "response.failure"
        ]
    );
    for answer in answers {
        assert_eq!(answer["data"]["operationContext"], json!({"a": 1}), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn uploads_of_others_are_announced_unless_the_operator_says_otherwise() {
    let world = World::new().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    let answers = world.answers();
    assert_eq!(only(&answers, "response.blob.created.success")["data"]["operationContext"], json!({}));
    let world =
        World::with(Options { config: "[requests]\nannounce = \"ours\"\n", ..Options::default() }).await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    assert!(world.answers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_nothing_fails_in_the_originals_words_and_with_storages_reason() {
    let world = World::new().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    let copy = json!({
        "sourceUri": "http://127.0.0.1:10000/inbox/show-17/nothing.mp4",
        "destinationUri": "http://127.0.0.1:10000/archive/show-17/clip.mp4",
        "operationContext": {"a": 1},
    });
    let answers = world.ask("r-1", "request.blob.copy", copy).await;
    let failure = only(&answers, "response.failure");
    assert_eq!(failure["data"]["logEventId"], 611_014);
    assert_eq!(failure["data"]["eventHandlerClassName"], "BlobCopyHandler");
    assert_eq!(failure["data"]["handlerId"], "C5BC453D-58CF-4F16-A2FF-16647F6CBF81");
    assert_eq!(failure["data"]["operationContext"], json!({"a": 1}));
    assert_eq!(failure["data"]["details"][0]["message"], "BlobNotFound: Not Found");
    assert_eq!(failure["subject"], "gridwichFailure/C5BC453D-58CF-4F16-A2FF-16647F6CBF81/611014");
}
