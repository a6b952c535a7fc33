//! Transforms: every preset of the dialect is kept as it was sent, or refused with a reason.

use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::world::{WEST, World, built_in, job_body};

/// One preset of every class, with spellings that a careless server would change.
const PRESETS: [&str; 6] = [
    r##"{"@odata.type":"#Microsoft.Media.BuiltInStandardEncoderPreset","presetName":"ContentAwareEncoding","configurations":{"complexity":"Speed","keyFrameIntervalInSeconds":2.50,"maxLayers":3,"interleaveOutput":"NonInterleavedOutput"}}"##,
    r##"{"@odata.type":"#Microsoft.Media.StandardEncoderPreset","filters":{"rotation":"Auto","crop":{"left":"10%","top":"0","width":"1","height":"1"}},"codecs":[{"@odata.type":"#Microsoft.Media.AacAudio","channels":1,"samplingRate":48000,"bitrate":96000,"profile":"AacLc"},{"@odata.type":"#Microsoft.Media.H264Video","keyFrameInterval":"PT2S","layers":[{"@odata.type":"#Microsoft.Media.H264Layer","bitrate":1600000,"width":"1280","height":"720","label":"HD","bufferWindow":"PT5S","crf":23.0}]},{"@odata.type":"#Microsoft.Media.JpgImage","start":"{Best}","layers":[{"width":"50%"}]}],"formats":[{"@odata.type":"#Microsoft.Media.Mp4Format","filenamePattern":"{Basename}_{Label}_{Bitrate}.mp4"},{"@odata.type":"#Microsoft.Media.JpgFormat","filenamePattern":"{Basename}-{Index}{Extension}"}]}"##,
    r##"{"@odata.type":"#Microsoft.Media.StandardEncoderPreset","codecs":[{"@odata.type":"#Microsoft.Media.H265Video","layers":[{"bitrate":1600000,"profile":"Main10"}]},{"@odata.type":"#Microsoft.Media.DDAudio"},{"@odata.type":"#Microsoft.Media.CopyAudio"},{"@odata.type":"#Microsoft.Media.CopyVideo"},{"@odata.type":"#Microsoft.Media.PngImage","start":"PT1S","step":"10%","range":"100"}],"formats":[{"@odata.type":"#Microsoft.Media.TransportStreamFormat","filenamePattern":"x.ts"},{"@odata.type":"#Microsoft.Media.PngFormat","filenamePattern":"{Index}.png"}]}"##,
    r##"{"@odata.type":"#Microsoft.Media.AudioAnalyzerPreset","audioLanguage":"en-US","mode":"Basic"}"##,
    r##"{"@odata.type":"#Microsoft.Media.VideoAnalyzerPreset","insightsToExtract":"AllInsights"}"##,
    r##"{"@odata.type":"#Microsoft.Media.FaceDetectorPreset","mode":"Combined","blurType":"Med"}"##,
];

#[tokio::test(start_paused = true)]
async fn every_class_of_preset_comes_back_byte_by_byte() {
    let world = World::scripted();
    for (index, preset) in PRESETS.iter().enumerate() {
        let preset_value = serde_json::from_str::<Box<serde_json::value::RawValue>>(preset).unwrap();
        let body = format!(r#"{{"properties":{{"outputs":[{{"preset":{preset_value}}}]}}}}"#);
        let path = format!("{WEST}/transforms/t{index}");
        assert_eq!(world.send_text("PUT", &path, &body).await.status(), StatusCode::CREATED, "{preset}");
        let shown = world.send("GET", &path, &Value::Null, Some("Bearer t")).await;
        let shown = shown.into_body().collect().await.unwrap().to_bytes();
        let shown = String::from_utf8(shown.to_vec()).unwrap();
        assert!(shown.contains(preset), "{shown}");
        assert!(shown.contains(r#""onError":"StopProcessingJob","relativePriority":"Normal""#));
    }
}

#[tokio::test(start_paused = true)]
async fn every_built_in_name_is_known() {
    let world = World::scripted();
    for name in [
        "H264SingleBitrateSD",
        "H264SingleBitrate720p",
        "H264SingleBitrate1080p",
        "H264MultipleBitrateSD",
        "H264MultipleBitrate720p",
        "H264MultipleBitrate1080p",
        "AdaptiveStreaming",
        "ContentAwareEncoding",
        "ContentAwareEncodingExperimental",
        "AACGoodQualityAudio",
        "DDGoodQualityAudio",
        "CopyAllBitrateNonInterleaved",
        "H265ContentAwareEncoding",
        "H265AdaptiveStreaming",
        "H265SingleBitrate720p",
        "H265SingleBitrate1080p",
        "H265SingleBitrate4K",
    ] {
        world.transform(name, &[built_in(name)]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_preset_is_refused_with_the_member_named() {
    let world = World::scripted();
    let refusal = async |body: Value| {
        let (status, answer) = world.put("transforms/t", json!({"properties": body})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        answer["error"]["message"].as_str().unwrap().to_owned()
    };
    let with = |preset: Value| json!({"outputs": [{"preset": preset}]});
    let unknown = refusal(with(json!({"@odata.type": "#Microsoft.Media.HologramPreset"}))).await;
    assert!(
        unknown.contains("properties.outputs[0].preset") && unknown.contains("HologramPreset"),
        "{unknown}"
    );
    assert!(refusal(with(built_in("Sharper"))).await.contains("Sharper"));
    assert!(refusal(with(json!({"presetName": "AdaptiveStreaming"}))).await.contains("@odata.type"));
    let misspelt = json!({
        "@odata.type": "#Microsoft.Media.BuiltInStandardEncoderPreset", "presetName": "AdaptiveStreaming",
        "configuration": {},
    });
    assert!(refusal(with(misspelt)).await.contains("configuration"));
    assert!(refusal(json!({})).await.contains("outputs"));
    assert!(refusal(json!({"outputs": []})).await.contains("outputs"));
    let many = vec![json!({"preset": built_in("AdaptiveStreaming")}); 21];
    assert!(refusal(json!({"outputs": many})).await.contains("20"));
}

#[tokio::test(start_paused = true)]
async fn a_transform_is_replaced_patched_and_deleted() {
    let world = World::scripted();
    let body = json!({"properties": {"description": "d", "outputs": [
        {"onError": "ContinueJob", "relativePriority": "High", "preset": built_in("AdaptiveStreaming")}]}});
    assert_eq!(world.put("transforms/T", body.clone()).await.0, StatusCode::CREATED);
    assert_eq!(world.put("transforms/t", body).await.0, StatusCode::OK);
    let (status, patched) = world.patch("transforms/t", json!({"properties": {"description": "e"}})).await;
    assert_eq!((status, &patched["properties"]["description"]), (StatusCode::OK, &json!("e")));
    assert_eq!(patched["properties"]["outputs"][0]["onError"], "ContinueJob");
    assert_eq!(patched["properties"]["outputs"][0]["relativePriority"], "High");
    assert_eq!(world.patch("transforms/none", json!({"properties": {}})).await.0, StatusCode::NOT_FOUND);
    assert_eq!(world.delete("transforms/t").await, StatusCode::OK);
    assert_eq!(world.delete("transforms/t").await, StatusCode::NO_CONTENT);
    assert_eq!(world.get("transforms/t").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_transform_with_a_job_that_has_not_ended_stays() {
    let world = World::scripted();
    world.ready().await;
    world.put("transforms/t/jobs/j", job_body()).await;
    assert_eq!(world.delete("transforms/t").await, StatusCode::CONFLICT);
    world.ended("transforms/t/jobs/j").await;
    assert_eq!(world.delete("transforms/t").await, StatusCode::OK);
    assert_eq!(world.get("transforms/t/jobs/j").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn an_account_has_at_most_a_hundred_transforms() {
    let world = World::scripted();
    for number in 0..100 {
        world.transform(&format!("t{number}"), &[built_in("AdaptiveStreaming")]).await;
    }
    let body = json!({"properties": {"outputs": [{"preset": built_in("AdaptiveStreaming")}]}});
    let (status, answer) = world.put("transforms/more", body.clone()).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::CONFLICT, &json!("QuotaExceeded")));
    assert_eq!(world.put("transforms/t0", body).await.0, StatusCode::OK);
}
