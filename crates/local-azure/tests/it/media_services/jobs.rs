//! What may be asked of a job, and how it is shown.

use http::StatusCode;
use serde_json::{Value, json};

use super::world::{World, job_body};

#[tokio::test(start_paused = true)]
async fn a_job_is_shown_as_it_was_asked_for() {
    let world = World::scripted();
    world.ready().await;
    let mut body = job_body();
    body["properties"]["description"] = json!("d");
    body["properties"]["input"] = json!({
        "@odata.type": "#Microsoft.Media.JobInputAsset", "assetName": "input", "files": ["a.mp4"], "label": "L",
        "start": {"@odata.type": "#Microsoft.Media.AbsoluteClipTime", "time": "PT10S"},
        "end": {"@odata.type": "#Microsoft.Media.AbsoluteClipTime", "time": "PT25.5S"},
    });
    let (status, job) = world.put("transforms/T/jobs/J", body.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(job["type"], "Microsoft.Media/mediaservices/transforms/jobs");
    assert!(job["id"].as_str().unwrap().ends_with("/mediaservices/amswest/transforms/t/jobs/J"));
    let shown = &job["properties"];
    assert_eq!(shown["state"], "Queued");
    assert_eq!(shown["priority"], "Normal");
    assert_eq!(shown["correlationData"], body["properties"]["correlationData"]);
    for member in ["assetName", "files", "start", "end", "label"] {
        assert_eq!(shown["input"][member], body["properties"]["input"][member]);
    }
    let output = &shown["outputs"][0];
    assert_eq!(output["label"], "BuiltInStandardEncoderPreset_0");
    assert_eq!((&output["state"], &output["progress"]), (&json!("Queued"), &json!(0)));
    let (status, again) = world.get("transforms/t/jobs/j").await;
    assert_eq!((status, &again["name"]), (StatusCode::OK, &job["name"]));
}

#[tokio::test(start_paused = true)]
async fn correlation_data_comes_back_whole_up_to_its_limit() {
    let world = World::scripted();
    world.ready().await;
    let forty = (0..40).map(|n| (format!("key{n}"), json!("ü \"quoted\" \\ \u{1F600}"))).collect();
    let full = json!({"k": "x".repeat(48 * 1024 - 1)});
    for (number, data) in [json!({}), json!({"a": ""}), Value::Object(forty), full].into_iter().enumerate() {
        let mut body = job_body();
        body["properties"]["correlationData"] = data.clone();
        let path = format!("transforms/t/jobs/j{number}");
        assert_eq!(world.put(&path, body).await.0, StatusCode::CREATED);
        assert_eq!(world.get(&path).await.1["properties"]["correlationData"], data);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_a_job_is_refused_with_the_member_named() {
    let world = World::scripted();
    world.ready().await;
    let clip = |time: &str| json!({"@odata.type": "#Microsoft.Media.AbsoluteClipTime", "time": time});
    let input = |members: Value| {
        let mut input = json!({"@odata.type": "#Microsoft.Media.JobInputAsset", "assetName": "input"});
        input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        input
    };
    let http = |members: Value| {
        let mut input = json!({"@odata.type": "#Microsoft.Media.JobInputHttp"});
        input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        input
    };
    let output = json!({"@odata.type": "#Microsoft.Media.JobOutputAsset", "assetName": "output"});
    let sequence =
        |inputs: Vec<Value>| json!({"@odata.type": "#Microsoft.Media.JobInputSequence", "inputs": inputs});
    let several = |inputs: Vec<Value>| json!({"@odata.type": "#Microsoft.Media.JobInputs", "inputs": inputs});
    let override_of = |preset: &str| {
        let preset =
            json!({"@odata.type": format!("#Microsoft.Media.{preset}"), "presetName": "AdaptiveStreaming"});
        json!([{"@odata.type": "#Microsoft.Media.JobOutputAsset", "assetName": "output", "presetOverride": preset}])
    };
    for (member, value, named) in [
        ("input", json!(null), "properties.input"),
        ("input", json!({"@odata.type": "#Microsoft.Media.JobInputTape"}), "JobInputTape"),
        ("input", input(json!({"assetName": "none"})), "properties.input.assetName"),
        ("input", input(json!({"files": vec!["a"; 11]})), "properties.input.files"),
        ("input", input(json!({"files": [""]})), "properties.input.files"),
        ("input", input(json!({"start": clip("soon")})), "ISO 8601"),
        ("input", input(json!({"start": clip("PT9S"), "end": clip("PT9S")})), "properties.input.end"),
        ("input", input(json!({"end": clip("PT0S")})), "properties.input.end"),
        (
            "input",
            input(
                json!({"start": {"@odata.type": "#Microsoft.Media.UtcClipTime", "time": "2024-01-01T00:00:00Z"}}),
            ),
            "UtcClipTime",
        ),
        ("input", http(json!({"files": "https://a/b?sig=secret"})), "invalid type: string"),
        ("input", http(json!({"files": ["a.mp4"]})), "properties.input"),
        ("input", http(json!({"files": ["ftp://a/b"]})), "properties.input"),
        (
            "input",
            http(json!({"files": [format!("https://a/{}", "b".repeat(4000))]})),
            "properties.input.files",
        ),
        ("input", sequence(vec![]), "properties.input.inputs"),
        (
            "input",
            sequence(vec![input(json!({})), input(json!({"assetName": "none"}))]),
            "properties.input.inputs[1].assetName",
        ),
        ("input", several(vec![input(json!({})); 51]), "properties.input.inputs"),
        ("input", several(vec![several(vec![input(json!({}))])]), "properties.input.inputs[0]"),
        ("outputs", json!([]), "properties.outputs"),
        ("outputs", json!([output, output]), "properties.outputs"),
        ("outputs", json!([{"@odata.type": "#Microsoft.Media.JobOutputAsset"}]), "properties.outputs[0]"),
        (
            "outputs",
            json!([{"@odata.type": "#Microsoft.Media.JobOutputTape", "assetName": "output"}]),
            "@odata.type",
        ),
        (
            "outputs",
            json!([{"@odata.type": "#Microsoft.Media.JobOutputAsset", "assetName": "none"}]),
            "properties.outputs[0].assetName",
        ),
        ("outputs", override_of("FaceDetectorPreset"), "properties.outputs[0].presetOverride"),
        ("correlationData", json!({"a": 1}), "properties.correlationData.a"),
        ("correlationData", json!(["a"]), "properties.correlationData"),
        ("correlationData", json!({"k": "x".repeat(48 * 1024)}), "properties.correlationData"),
        ("priority", json!("Urgent"), "properties.priority"),
    ] {
        let mut body = job_body();
        body["properties"][member] = value;
        let (status, answer) = world.put("transforms/t/jobs/j", body.clone()).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(message.contains(named), "{message} does not name {named}");
        assert!(!message.contains("secret"), "{message}");
    }
    assert_eq!(world.put("transforms/t/jobs/a.b", job_body()).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(world.put("transforms/none/jobs/j", job_body()).await.0, StatusCode::NOT_FOUND);
    assert_eq!(world.get("transforms/t/jobs/j").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_job_is_made_only_once() {
    let world = World::scripted();
    world.ready().await;
    assert_eq!(world.put("transforms/t/jobs/j", job_body()).await.0, StatusCode::CREATED);
    let (status, answer) = world.put("transforms/t/jobs/J", job_body()).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("Conflict")));
}

#[tokio::test(start_paused = true)]
async fn only_description_and_priority_change() {
    let world = World::scripted();
    world.ready().await;
    let (_, job) = world.put("transforms/t/jobs/j", job_body()).await;
    let change = json!({"properties": {"description": "published", "priority": "High"}});
    let (status, changed) = world.patch("transforms/t/jobs/j", change).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(changed["properties"]["description"], "published");
    assert_eq!(changed["properties"]["priority"], "High");
    for (member, value) in [
        ("correlationData", json!({"other": "x"})),
        ("correlationData", json!({"operationContext": "changed"})),
        ("input", json!({"@odata.type": "#Microsoft.Media.JobInputAsset", "assetName": "output"})),
        ("outputs", json!([])),
    ] {
        let (status, answer) =
            world.patch("transforms/t/jobs/j", json!({"properties": {member: value}})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{member}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(member));
    }
    // A client that sends back what it was shown changes nothing, whatever the job did meanwhile.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let mut whole = json!({"properties": job["properties"]});
    whole["properties"]["description"] = json!(null);
    let (status, changed) = world.patch("transforms/t/jobs/j", whole).await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    assert_eq!(changed["properties"].get("description"), None);
    assert_eq!(
        world.patch("transforms/t/jobs/none", json!({"properties": {}})).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_is_deleted_after_its_end() {
    let world = World::scripted();
    world.ready().await;
    world.put("transforms/t/jobs/j", job_body()).await;
    assert_eq!(world.delete("transforms/t/jobs/j").await, StatusCode::CONFLICT);
    world.ended("transforms/t/jobs/j").await;
    assert_eq!(world.delete("transforms/t/jobs/j").await, StatusCode::OK);
    assert_eq!(world.delete("transforms/t/jobs/j").await, StatusCode::NO_CONTENT);
    assert_eq!(world.put("transforms/t/jobs/j", job_body()).await.0, StatusCode::CREATED);
}

#[tokio::test(start_paused = true)]
async fn signatures_of_inputs_are_not_shown() {
    let world = World::scripted();
    world.ready().await;
    let mut body = job_body();
    body["properties"]["input"] = json!({
        "@odata.type": "#Microsoft.Media.JobInputHttp",
        "baseUri": "https://acct.blob.local/input?sig=good", "files": ["a.mp4", "b.mp4?sig=good"],
    });
    world.put("transforms/t/jobs/j", body).await;
    let (_, job) = world.get("transforms/t/jobs/j").await;
    assert!(!job.to_string().contains("sig="), "{job}");
    assert_eq!(job["properties"]["input"]["files"], json!(["a.mp4", "b.mp4"]));
}
