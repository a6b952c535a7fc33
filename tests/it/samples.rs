//! Samples of messages as the original's documentation and callers have them, taken as they are: only the hosts of URIs are
//! those of the local cloud.

use serde_json::{Value, json};

use crate::locators::SERVER_MANIFEST;
use crate::world::{Options, World, only, types};

const HOSTS: [(&str, &str); 4] = [
    ("https://gwinbox00sasb.blob.core.windows.net", "http://127.0.0.1:10000/inbox"),
    ("https://gwinboxpxy00sasb.blob.core.windows.net", "http://127.0.0.1:10000/proxy"),
    ("https://gwsprites00sasb.blob.core.windows.net", "http://127.0.0.1:10000/proxy"),
    ("https://gwproxy00sasb.blob.core.windows.net", "http://127.0.0.1:10000/proxy"),
];
const V3: &str = r#"{"inputs":[{"blobUri":"https://gwinbox00sasb.blob.core.windows.net/show-17/master.mp4"}],
 "outputContainer":"https://gwinboxpxy00sasb.blob.core.windows.net/show-17-mbr/",
 "transformName":"audio-copy-video-mbr","timeBasedEncode":{"startSeconds":0.5,"endSeconds":3.5},
 "operationContext":{"sagaId":"s-1","step":8}}"#;
const V2: &str = r#"{"inputs":[{"blobUri":"https://gwinbox00sasb.blob.core.windows.net/show-17/master.mp4"}],
 "outputContainer":"https://gwsprites00sasb.blob.core.windows.net/show-17-sprites/",
 "presetName":"SpriteOnlySetting","operationContext":{"sagaId":"s-1","step":9}}"#;
const LOCATOR: &str = r#"{"containerUri":"https://gwproxy00sasb.blob.core.windows.net/show-17-mbr",
 "streamingPolicyName":"clearStreamingOnly","contentKeyPolicyName":null,
 "timeBasedFilter":{"startSeconds":10,"endSeconds":70.5},"generateAudioFilters":false,
 "operationContext":{"sagaId":"s-1","step":10}}"#;
/// What the original's own jobs carry: the whole request besides, and no mark of ours.
const FINISHED: &str = r##"{"previousState":"Processing","state":"Finished",
 "outputs":[{"@odata.type":"#Microsoft.Media.JobOutputAsset","assetName":"gwinboxpxy00sasb-show-17-mbr","error":null,"label":"BuiltIn_0","progress":100,"state":"Finished"}],
 "correlationData":{"mediaServicesV3EncoderSpecificData":"{}","inputAssetName":"gwinbox00sasb-show-17",
  "outputAssetContainer":"https://gwinboxpxy00sasb.blob.core.windows.net/show-17-mbr/","outputAssetName":"gwinboxpxy00sasb-show-17-mbr",
  "operationContext":"{\"sagaId\":\"s-1\",\"step\":8}"}}"##;

fn local(sample: &str) -> Value {
    let sample = HOSTS.iter().fold(sample.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours));
    serde_json::from_str(&sample).unwrap()
}

async fn world() -> World {
    let config = "[requests]\nannounce = \"ours\"\n[media]\nclear_streaming = true\n";
    let world = World::with(Options { config, ..Options::default() }).await;
    world.upload("inbox", "show-17", "master.mp4", b"moving pictures").await;
    world.upload("proxy", "show-17-mbr", "master.ism", SERVER_MANIFEST.as_bytes()).await;
    world
}

#[tokio::test(start_paused = true)]
async fn requests_to_encode_and_to_publish_are_taken_as_the_originals_callers_send_them() {
    let world = world().await;
    for (request, sample, outcome) in [
        ("request.encode.mediaservicesv3.create", V3, "response.encode.mediaservicesv3.success"),
        ("request.encode.mediaservicesv2.create", V2, "response.encode.mediaservicesv2.success"),
        ("request.mediaservices.locator.create", LOCATOR, "response.mediaservices.locator.create.success"),
    ] {
        let (before, sample) = (world.answers().len(), local(sample));
        let answers = world.ask(request, request, sample.clone()).await.split_off(before);
        assert_eq!(only(&answers, outcome)["data"]["operationContext"], sample["operationContext"]);
        if let Some(container) = sample.get("outputContainer") {
            assert_eq!(only(&answers, outcome)["data"]["outputContainer"], *container, "as it was spelled");
        }
    }
    let answers = world.answers();
    let created = only(&answers, "response.mediaservices.locator.create.success");
    let delete = json!({"locatorName": created["data"]["locatorName"]});
    let answers = world.ask("delete", "request.mediaservices.locator.delete", delete).await;
    only(&answers, "response.mediaservices.locator.delete.success");
}

#[tokio::test(start_paused = true)]
async fn jobs_of_the_original_are_finished_in_its_words() {
    let world = world().await;
    let before = world.answers().len();
    let event = json!([{
        "id": "1", "eventType": "Microsoft.Media.JobFinished", "eventTime": "2024-01-10T09:00:01.1234567", "dataVersion": "1.0",
        "subject": "transforms/audio-copy-video-mbr/jobs/gwinboxpxy00sasb-show-17-mbr-0a1b2c3d4e5", "data": local(FINISHED),
    }]);
    for _ in 0..2 {
        assert_eq!(world.deliver(event.to_string()).await.status(), 200);
    }
    let answers = world.answers().split_off(before);
    assert_eq!(types(&answers), ["response.encode.mediaservicesv3.success"; 2]);
    assert_eq!(answers[0]["id"], answers[1]["id"]);
    assert_eq!(
        answers[0]["data"],
        json!({
            "workflowJobName": "gwinboxpxy00sasb-show-17-mbr-0a1b2c3d4e5",
            "outputs": [{"blobUri": "http://127.0.0.1:10000/proxy/show-17-mbr/master.ism"}],
            "outputContainer": "http://127.0.0.1:10000/proxy/show-17-mbr/",
            "operationContext": {"sagaId": "s-1", "step": 8},
        })
    );
}
