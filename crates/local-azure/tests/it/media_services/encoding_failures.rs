//! Inputs that cannot be encoded, and presets that are not offered: each ends its job with a reason.

use std::path::Path;

use local_azure::media_services::{Encoder, Ffmpeg};
use serde_json::{Value, json};

use super::studio::{CLIP, clip, codec, encode, encode_input, failed, give_clip, standard, studio};
use super::world::{Options, World, built_in};

const SILENT: &str = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=2 -pix_fmt yuv420p";
const SOUND: &str = "-f lavfi -i sine=duration=2";

/// The code of the error that a preset makes of one file.
async fn code_of(preset: &str, name: &str, prepare: impl FnOnce(&World)) -> String {
    let world = studio();
    prepare(&world);
    let job = encode_input(&world, built_in(preset), clip(name, None, None)).await;
    world.cleared_up().await;
    failed(&world, &job).0
}

#[tokio::test]
async fn files_that_are_no_media_are_malformed() {
    let give = |content: &'static [u8]| move |world: &World| world.storage.give("input", "a.mp4", content);
    assert_eq!(code_of("AdaptiveStreaming", "a.mp4", give(b"")).await, "ContentMalformed");
    assert_eq!(code_of("AdaptiveStreaming", "a.mp4", give(b"just some text\n")).await, "ContentMalformed");
}

#[tokio::test]
async fn files_that_name_other_files_are_not_followed() {
    let give = |content: &'static [u8]| move |world: &World| world.storage.give("input", "a.mp4", content);
    let playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n";
    assert_eq!(code_of("AdaptiveStreaming", "a.mp4", give(playlist)).await, "ContentUnsupported");
    let script = b"ffconcat version 1.0\nfile /etc/hostname\n";
    assert_eq!(code_of("AdaptiveStreaming", "a.mp4", give(script)).await, "ContentUnsupported");
}

#[tokio::test]
async fn a_file_that_breaks_off_is_malformed() {
    let cut = |to: usize, moov_first: bool| {
        move |world: &World| {
            let flags = if moov_first { "-movflags +faststart" } else { "-movflags -faststart" };
            give_clip(world, "a.mp4", &format!("{CLIP} {flags}"));
            let whole = std::fs::read(world.storage.file("input", "a.mp4")).unwrap();
            world.storage.give("input", "a.mp4", &whole[..whole.len() * to / 100]);
        }
    };
    assert_eq!(code_of("H264SingleBitrateSD", "a.mp4", cut(50, false)).await, "ContentMalformed");
    assert_eq!(code_of("H264SingleBitrateSD", "a.mp4", cut(50, true)).await, "ContentMalformed");
    assert_eq!(code_of("CopyAllBitrateNonInterleaved", "a.mp4", cut(50, true)).await, "ContentMalformed");
}

#[tokio::test]
async fn a_track_that_a_preset_needs_has_to_be_there() {
    let silent = |world: &World| give_clip(world, "a.mp4", SILENT);
    let sound = |world: &World| give_clip(world, "a.mp4", SOUND);
    assert_eq!(code_of("AACGoodQualityAudio", "a.mp4", silent).await, "ContentUnsupported");
    assert_eq!(code_of("DDGoodQualityAudio", "a.mp4", silent).await, "ContentUnsupported");
    for preset in
        ["AdaptiveStreaming", "ContentAwareEncoding", "H264SingleBitrateSD", "H264MultipleBitrate1080p"]
    {
        assert_eq!(code_of(preset, "a.mp4", sound).await, "ContentUnsupported", "{preset}");
    }
}

#[tokio::test]
async fn a_clip_after_the_end_does_not_fit() {
    let world = studio();
    give_clip(&world, "show.mp4", SILENT);
    let job = encode_input(&world, built_in("AdaptiveStreaming"), clip("show.mp4", Some("PT9S"), None)).await;
    assert_eq!(failed(&world, &job).0, "ConfigurationUnsupported");
}

#[tokio::test]
async fn what_is_not_offered_is_named() {
    let world = studio();
    give_clip(&world, "show.mp4", CLIP);
    let video = || codec("H264Video", &json!({"layers": [{"bitrate": 300_000, "height": "90"}]}));
    let with = |member: &str, value: Value| {
        let mut preset = standard(&json!([video()]), "a.mp4");
        preset[member] = value;
        preset
    };
    let jpg = |members: Value| {
        let mut preset = standard(&json!([codec("JpgImage", &members)]), "a.mp4");
        preset["formats"] =
            json!([{"@odata.type": "#Microsoft.Media.JpgFormat", "filenamePattern": "{Index}.jpg"}]);
        preset
    };
    let aac = |profile: &str| standard(&json!([codec("AacAudio", &json!({"profile": profile}))]), "a.mp4");
    for (preset, named) in [
        (json!({"@odata.type": "#Microsoft.Media.AudioAnalyzerPreset"}), "AudioAnalyzerPreset"),
        (json!({"@odata.type": "#Microsoft.Media.VideoAnalyzerPreset"}), "VideoAnalyzerPreset"),
        (json!({"@odata.type": "#Microsoft.Media.FaceDetectorPreset"}), "FaceDetectorPreset"),
        (with("experimentalOptions", json!({"a": "b"})), "experimentalOptions"),
        (aac("HeAacV1"), "HeAacV1"),
        (jpg(json!({"start": "PT0S", "step": "PT0.001S"})), "thumbnails"),
        (standard(&json!([codec("JpgImage", &json!({"start": "1"}))]), "a.mp4"), "JpgFormat"),
    ] {
        let (code, message) = failed(&world, &encode(&world, preset.clone()).await);
        assert_eq!(code, "ConfigurationUnsupported", "{preset}");
        assert!(message.contains(named), "{message} does not name {named}");
    }
}

#[tokio::test]
async fn usual_filters_are_no_obstacle() {
    let world = studio();
    give_clip(&world, "show.mp4", SILENT);
    let mut preset =
        standard(&json!([codec("H264Video", &json!({"layers": [{"bitrate": 300_000}]}))]), "a.mp4");
    preset["filters"] = json!({"rotation": "Auto", "overlays": null});
    assert_eq!(encode(&world, preset).await["state"], "Finished");
}

#[tokio::test]
async fn files_that_would_overwrite_each_other_are_refused() {
    let world = studio();
    give_clip(&world, "show.mp4", SILENT);
    let layers = json!([{"bitrate": 300_000}, {"bitrate": 200_000}]);
    let preset = standard(&json!([codec("H264Video", &json!({"layers": layers}))]), "{Basename}.mp4");
    let (code, message) = failed(&world, &encode(&world, preset).await);
    assert_eq!(code, "ConfigurationUnsupported");
    assert!(message.contains("show.mp4"));
}

#[tokio::test]
async fn an_encoder_that_is_not_installed_is_the_services_fault() {
    let encoder = |scratch: &Path| {
        let scratch = scratch.join("encoding");
        Encoder::Ffmpeg(Ffmpeg {
            ffmpeg: "/none/ffmpeg".into(),
            ffprobe: "/none/ffprobe".into(),
            scratch,
            pace: None,
        })
    };
    let world = World::new(encoder, &Options::default());
    world.storage.give("input", "show.mp4", b"media");
    let job = encode(&world, built_in("AdaptiveStreaming")).await;
    assert_eq!(failed(&world, &job).0, "ServiceError");
    assert_eq!(job["outputs"][0]["error"]["retry"], "MayRetry");
}
