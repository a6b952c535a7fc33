//! Encode requests of all families, and what jobs report, however sloppily, late or often: the same answers.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use local_azure::media_services::{JobError, JobErrorCode, Script, ScriptedOutput};
use serde_json::{Value, json};

use crate::book::Book;
use crate::world::{Options, REGIONS, World, only, types, usual_script};

const CLIP: &str = "http://127.0.0.1:10000/inbox/show-17/clip.mp4";
const OUTPUT: &str = "http://127.0.0.1:10000/proxy/show-17-mbr";
pub const V3: &str = "request.encode.mediaservicesv3.create";
pub const V2: &str = "request.encode.mediaservicesv2.create";
pub const ANY: &str = "request.encode.create";

async fn world_with(config: &'static str) -> World {
    let world = World::with(Options { config, ..Options::default() }).await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    world
}

pub async fn world() -> World {
    world_with("[requests]\nannounce = \"ours\"\n").await
}

/// A request of a family, with what it says besides inputs and output.
pub fn encode(more: &Value) -> Value {
    let mut data = json!({
        "inputs": [{"blobUri": CLIP}], "outputContainer": OUTPUT, "operationContext": {"note": "grüße", "n": 1.5},
    });
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    data
}

/// What each family says of what is to be done.
fn families() -> [(&'static str, &'static str, Value); 3] {
    [
        (V3, "response.encode.mediaservicesv3", json!({"transformName": "AdaptiveStreaming"})),
        (V2, "response.encode.mediaservicesv2", json!({"presetName": "spriteandthumbnailsetting"})),
        (ANY, "response.encode", json!({"presetName": "AdaptiveStreaming", "priority": "High"})),
    ]
}

/// Ids, types and data of answers, once each.
fn set(answers: &[Value]) -> BTreeSet<String> {
    answers
        .iter()
        .map(|answer| format!("{} {} {}", answer["id"], answer["eventType"], answer["data"]))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_family_is_answered_in_its_own_words() {
    for (request, answer, what) in families() {
        let world = world().await;
        let answers = world.ask("r-1", request, encode(&what)).await;
        let own = |word: &str| format!("{answer}.{word}");
        let mut expected = vec!["response.acknowledge".to_owned(), own("dispatched"), own("scheduled")];
        expected.extend((request == V2).then(|| own("status.progress")));
        expected.extend([own("processing"), own("processing"), own("processing"), own("success")]);
        assert_eq!(types(&answers), expected);
        let job = answers[1]["data"]["workflowJobName"].as_str().unwrap().to_owned();
        assert!(job.starts_with("proxy-show-17-mbr-"), "{job}");
        for answer in &answers[1..] {
            assert_eq!(answer["data"]["workflowJobName"], job, "{answer}");
            assert_eq!(answer["data"]["operationContext"].to_string(), r#"{"n":1.5,"note":"grüße"}"#);
        }
        let success = &only(&answers, &own("success"))["data"];
        assert_eq!(success["outputContainer"], OUTPUT);
        assert_eq!(success["outputs"].as_array().unwrap().len(), 2);
        let states = json!({"jobId": job, "oldState": "Processing", "newState": "Finished"});
        assert_eq!(success.get("encoderContext"), (request == V2).then_some(&states));
        assert!(world.blobs("inbox", "show-17").await.unwrap().len() == 1, "nothing is copied for an encode");
    }
}

#[tokio::test(start_paused = true)]
async fn a_canceled_encode_is_told_as_the_operator_wants() {
    for (request, answer, what) in families() {
        for config in ["", "[media]\ncanceled = \"failure\"\n"] {
            let world = world_with(config).await;
            let before = world.answers().len();
            let event = json!([{
                "id": "e", "eventType": request, "dataVersion": "1.0", "subject": "/", "data": encode(&what),
            }]);
            assert_eq!(world.deliver(event.to_string()).await.status(), StatusCode::OK);
            let answers = world.answers().split_off(before);
            let job = only(&answers, &format!("{answer}.dispatched"))["data"]["workflowJobName"].clone();
            let cancel = json!({"workflowJobName": job});
            let answers = world.ask("c", "request.operation.cancel", cancel).await.split_off(before);
            let (told, other) = match config {
                "" => (format!("{answer}.canceled"), "response.failure".to_owned()),
                _ => ("response.failure".to_owned(), format!("{answer}.canceled")),
            };
            let told = only(&answers, &told);
            assert_eq!(told["data"]["workflowJobName"], job);
            assert_eq!(told["data"]["operationContext"]["note"], "grüße");
            assert!(!types(&answers).contains(&other.as_str()), "{answers:?}");
            if !config.is_empty() {
                assert_eq!(told["data"]["logEventId"], 551_007);
            }
        }
    }
}

fn broken(output: &ScriptedOutput<'_>) -> Script {
    let error = JobError::new(JobErrorCode::ContentMalformed, "The input is broken.");
    let error = error.with_detail("EncoderMessage", "moov atom not found");
    Script { outcome: Err(error), ..usual_script(output) }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_failed_names_itself_its_reason_and_the_encoders_advice() {
    let world = World::with(Options {
        script: broken,
        config: "[requests]\nannounce = \"ours\"\n",
        ..Options::default()
    })
    .await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    for (number, (request, answer, what)) in families().into_iter().enumerate() {
        let before = world.answers().len();
        let answers = world.ask(&format!("r-{number}"), request, encode(&what)).await.split_off(before);
        let dispatched = only(&answers, &format!("{answer}.dispatched"));
        let failure = &only(&answers, "response.failure")["data"];
        assert_eq!(failure["workflowJobName"], dispatched["data"]["workflowJobName"]);
        assert_eq!(failure["logEventId"], 551_008);
        let message = failure["logEventMessage"].as_str().unwrap();
        assert_eq!(
            message,
            "the job failed: Output-0: The input is broken. (ContentMalformed, DoNotRetry); \
             Output-0 Detail-0: moov atom not found"
        );
    }
}

/// Everything the region has said of its jobs.
fn reports(world: &World) -> Vec<Value> {
    let events = world.received(REGIONS[0].1).into_iter().map(|(_, event)| event);
    events.filter(|event| event["eventType"].as_str().unwrap().starts_with("Microsoft.Media.")).collect()
}

#[tokio::test(start_paused = true)]
async fn reports_that_are_late_repeated_reordered_or_of_both_kinds_make_the_same_answers() {
    for (request, _, what) in families() {
        let world = world().await;
        let answers = world.ask("r-1", request, encode(&what)).await;
        let first = set(&answers);
        let mut reports = reports(&world);
        let umbrella = reports.iter().filter(|event| event["eventType"] == "Microsoft.Media.JobStateChange");
        assert_eq!(umbrella.count(), 3, "umbrella and specific events are both delivered");
        reports.reverse();
        reports.extend(reports.clone());
        for report in reports {
            assert_eq!(world.deliver(json!([report]).to_string()).await.status(), StatusCode::OK);
        }
        assert_eq!(set(&world.answers()), first, "{request}");
    }
}

/// As a tool spells events that it makes anew: no correlation data, other spellings, and nothing's id.
fn sloppy(report: &Value) -> Value {
    let mut report = report.clone();
    report["id"] = json!("00000000-0000-0000-0000-000000000000");
    report["topic"] =
        json!("/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/topics/eg-topic-1");
    report["eventTime"] = json!("2026-03-04T09:00:00.123+00:00Z");
    let data = report["data"].as_object_mut().unwrap();
    data.remove("correlationData");
    data.remove("jobCorrelationData");
    data.entry("previousState").and_modify(|state| {
        if state == "Canceling" {
            *state = json!("Cancelling");
        }
    });
    if data.contains_key("outputs") {
        data["outputs"][0]["error"] = Value::Null;
    }
    report
}

#[tokio::test(start_paused = true)]
async fn reports_without_context_and_otherwise_sloppy_make_the_same_answers() {
    for (request, answer, what) in families() {
        let world = world().await;
        let answers = world.ask("r-1", request, encode(&what)).await;
        let first = set(&answers);
        let all = reports(&world);
        for report in all.iter().map(sloppy) {
            let status = world.deliver(json!([report]).to_string()).await.status();
            assert_eq!(status, StatusCode::OK, "{report}");
        }
        let after = world.answers();
        assert!(after.len() >= 2 * answers.len() - 2, "{:?}", types(&after));
        assert_eq!(set(&after), first, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn reports_about_jobs_of_others_or_of_nobody_are_left_alone() {
    let world = world().await;
    let before = world.answers().len();
    let report = |subject: &str, data: Value| json!([{"id": "1", "eventType": "Microsoft.Media.JobFinished", "dataVersion": "1.0", "subject": subject, "data": data}]);
    for (subject, data) in [
        ("transforms/a/jobs/none", json!({})),
        ("transforms/a/jobs/none", json!({"correlationData": {"theirs": "x"}})),
        ("transforms/a/jobs/none", json!({"correlationData": null})),
        ("transforms/a/jobs/../../b", json!({})),
        ("somewhere/else", json!({"correlationData": {"operationContext": "{}"}})),
        ("", json!({})),
    ] {
        let answer = world.deliver(report(subject, data).to_string()).await;
        assert_eq!(answer.status(), StatusCode::OK, "{subject}");
    }
    for context in ["", "no json", "[1]", "7"] {
        let data = json!({"correlationData": {"operationContext": context}});
        world.deliver(report("transforms/a/jobs/none", data).to_string()).await;
    }
    assert_eq!(types(&world.answers().split_off(before)), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_without_a_context_is_answered_without_one() {
    let world = world().await;
    let mut data = encode(&json!({"presetName": "AdaptiveStreaming"}));
    data.as_object_mut().unwrap().remove("operationContext");
    let answers = world.ask("r-1", ANY, data).await;
    only(&answers, "response.encode.success");
    assert!(answers.iter().all(|answer| answer["data"].get("operationContext").is_none()), "{answers:?}");
}

#[tokio::test(start_paused = true)]
async fn priority_containers_times_and_pictures_reach_the_encoder() {
    let world = world().await;
    world.upload("archive", "sounds", "voice.m4a", b"sound").await;
    let what = json!({
        "inputs": [{"blobUri": CLIP}, {"blobUri": "http://127.0.0.1:10000/archive/sounds/voice.m4a"}],
        "presetName": "adaptivestreaming", "priority": "low",
        "timeBasedEncode": {"startSeconds": 1.5},
    });
    let answers = world.ask("r-1", ANY, encode(&what)).await;
    let job = &only(&answers, "response.encode.dispatched")["data"]["workflowJobName"];
    let path = format!("transforms/AdaptiveStreaming/jobs/{}", job.as_str().unwrap());
    let job = &world.ask_media(Method::GET, "mediawest", &path).await.1["properties"];
    assert_eq!(job["priority"], "Low");
    let inputs = job["input"]["inputs"].as_array().unwrap();
    let names = inputs
        .iter()
        .map(|input| (input["assetName"].as_str().unwrap(), input["files"][0].as_str().unwrap()));
    assert_eq!(names.collect::<Vec<_>>(), [("inbox-show-17", "clip.mp4"), ("archive-sounds", "voice.m4a")]);
    assert_eq!(inputs[0]["start"]["time"], "PT1.5S");
    assert_eq!(inputs[0].get("end"), None);
    for (id, preset, seconds, transform, starts) in [
        ("p-1", "SpriteOnlySetting", json!(null), "sprite-only", vec!["0%"]),
        ("p-2", "ThumbnailOnlySetting", json!(0), "thumbnail-only", vec!["{Best}"]),
        ("p-3", "SpriteAndThumbnailSetting", json!("12.5"), "sprite-and-thumbnail", vec!["0%", "PT12.5S"]),
    ] {
        let before = world.answers().len();
        let what = json!({"presetName": preset, "thumbnailTimeSeconds": seconds});
        let answers = world.ask(id, V2, encode(&what)).await.split_off(before);
        let job = &only(&answers, "response.encode.mediaservicesv2.dispatched")["data"]["workflowJobName"];
        let path = format!("transforms/{transform}/jobs/{}", job.as_str().unwrap());
        let job = &world.ask_media(Method::GET, "mediawest", &path).await.1["properties"];
        let codecs = job["outputs"][0]["presetOverride"]["codecs"].as_array().unwrap();
        let found = codecs.iter().map(|codec| codec["start"].as_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(found, starts, "{preset}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_presets_of_the_dialect_and_the_originals_transforms_are_known_in_any_case() {
    let world = world().await;
    let presets = [
        "AACGoodQualityAudio",
        "AdaptiveStreaming",
        "ContentAwareEncoding",
        "ContentAwareEncodingExperimental",
        "CopyAllBitrateNonInterleaved",
        "DDGoodQualityAudio",
        "H264MultipleBitrate1080p",
        "H264MultipleBitrate720p",
        "H264MultipleBitrateSD",
        "H264SingleBitrate1080p",
        "H264SingleBitrate720p",
        "H264SingleBitrateSD",
        "H265AdaptiveStreaming",
        "H265ContentAwareEncoding",
        "H265SingleBitrate1080p",
        "H265SingleBitrate4K",
        "H265SingleBitrate720p",
        "audio-copy-video-mbr",
        "audio-copy-video-mbr-no-bframes",
        "audio-mono-aac-video-mbr-no-bframes",
    ];
    for preset in presets {
        for (request, answer, member) in
            [(V3, "response.encode.mediaservicesv3", "transformName"), (ANY, "response.encode", "presetName")]
        {
            let before = world.answers().len();
            let what = json!({member: preset.to_lowercase()});
            let answers =
                world.ask(&format!("{request}{preset}"), request, encode(&what)).await.split_off(before);
            only(&answers, &format!("{answer}.success"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_is_called_a_transform_is_looked_for_among_transforms() {
    let world = world().await;
    for (id, what, number, reason) in [
        (
            "1",
            json!({"transformName": "AdaptiveStreaming"}),
            551_005,
            "the transform \"AdaptiveStreaming\" (presetName takes the preset of that name) does not exist",
        ),
        ("2", json!({"presetName": "Sharper"}), 551_005, "the preset \"Sharper\" does not exist"),
        ("3", json!({}), 551_000, "expected either transformName or presetName"),
        (
            "4",
            json!({"transformName": "a", "presetName": "b"}),
            551_000,
            "expected either transformName or presetName",
        ),
        (
            "5",
            json!({"presetName": "AdaptiveStreaming", "priority": "Urgent"}),
            502_004,
            "data.priority: unknown variant `Urgent`",
        ),
        (
            "6",
            json!({"presetName": "AdaptiveStreaming", "timeBasedEncode": {"endSeconds": 0}}),
            551_006,
            "expected a time after startSeconds",
        ),
    ] {
        let before = world.answers().len();
        let answers = world.ask(id, ANY, encode(&what)).await.split_off(before);
        assert_eq!(types(&answers), ["response.acknowledge", "response.failure"]);
        let failure = &only(&answers, "response.failure")["data"];
        assert_eq!(failure["logEventId"], number, "{failure}");
        assert!(failure["logEventMessage"].as_str().unwrap().contains(reason), "{failure}");
    }
    let before = world.answers().len();
    let what = json!({"presetName": "ThumbnailOnlySetting", "thumbnailTimeSeconds": -1});
    let answers = world.ask("7", V2, encode(&what)).await.split_off(before);
    let failure = &only(&answers, "response.failure")["data"];
    assert!(
        failure["logEventMessage"].as_str().unwrap().starts_with("thumbnailTimeSeconds: expected"),
        "{failure}"
    );
}

#[tokio::test(start_paused = true)]
async fn request_encode_mediaservicesv3_create() {
    let mut book = Book::new("[requests]\nannounce = \"ours\"\n").await;
    for (name, what) in [
        ("good", json!({"transformName": "AdaptiveStreaming"})),
        ("of the original", json!({"transformName": "AUDIO-mono-aac-video-mbr-no-bframes"})),
        (
            "from a time on",
            json!({"transformName": "AdaptiveStreaming", "timeBasedEncode": {"startSeconds": 0.5}}),
        ),
        ("no such transform", json!({"transformName": "Sharper"})),
    ] {
        book.page(name, V3, encode(&what)).await;
    }
    insta::assert_snapshot!(book.text());
}

#[tokio::test(start_paused = true)]
async fn request_encode_mediaservicesv2_create() {
    let mut book = Book::new("[requests]\nannounce = \"ours\"\n").await;
    for (name, what) in [
        ("good", json!({"presetName": "SpriteOnlySetting"})),
        ("at a time", json!({"presetName": "ThumbnailOnlySetting", "thumbnailTimeSeconds": 12.5})),
        ("another preset", json!({"presetName": "H264SingleBitrateSD"})),
        ("before the start", json!({"presetName": "ThumbnailOnlySetting", "thumbnailTimeSeconds": -1})),
        ("no such preset", json!({"presetName": "Sharper"})),
        ("no preset", json!({"presetName": " "})),
        ("no inputs", json!({"presetName": "SpriteOnlySetting", "inputs": []})),
        (
            "no such input",
            json!({"presetName": "SpriteOnlySetting", "inputs": [{"blobUri": format!("{CLIP}x")}]}),
        ),
    ] {
        book.page(name, V2, encode(&what)).await;
    }
    insta::assert_snapshot!(book.text());
}

#[tokio::test(start_paused = true)]
async fn request_encode_create() {
    let mut book = Book::new("[requests]\nannounce = \"ours\"\n").await;
    for (name, what) in [
        ("good", json!({"presetName": "AdaptiveStreaming", "priority": "High"})),
        ("its transform", json!({"transformName": "AdaptiveStreaming", "backend": "mediaservices"})),
        ("no such transform", json!({"transformName": "AACGoodQualityAudio"})),
        ("no such backend", json!({"presetName": "AdaptiveStreaming", "backend": "elsewhere"})),
        ("both", json!({"presetName": "AdaptiveStreaming", "transformName": "AdaptiveStreaming"})),
    ] {
        book.page(name, ANY, encode(&what)).await;
    }
    insta::assert_snapshot!(book.text());
}
