//! Rungs and sounds that the input already is: copied, and nothing else is.

use serde_json::{Value, json};

use super::studio::{
    clip, encode_input, encoded, finished, frame_count, give_clip, key_frames, studio, text, tracks,
};
use super::world::{World, built_in};

/// What a rung of a ladder is like: H.264, a key frame every two seconds, stereo AAC-LC.
const FITTING: &str = "-f lavfi -i testsrc2=size=640x360:rate=30:duration=5 -f lavfi -i sine=duration=5 -ac 2 -ar 48000 -b:a 96k \
    -g 60 -keyint_min 60 -sc_threshold 0 -b:v 700k -maxrate 700k -bufsize 700k -pix_fmt yuv420p -preset veryfast";

/// A digest of a track's packets, which only a copy has in common with its source.
fn digest(file: &std::path::Path, stream: &str) -> String {
    let file = file.to_str().unwrap();
    let output = std::process::Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-i",
            file,
            "-map",
            stream,
            "-c",
            "copy",
            "-f",
            "streamhash",
            "-hash",
            "md5",
            "-",
        ])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The outputs that hold the track of the input.
fn copies(world: &World, names: &[String], input: &str, stream: &str) -> Vec<String> {
    let own = digest(&world.storage.file("input", input), stream);
    let is_copy = |name: &&String| {
        let made = digest(&world.storage.file("output", name), stream);
        !made.is_empty() && made == own
    };
    names.iter().filter(is_copy).cloned().collect()
}

#[tokio::test]
async fn the_input_is_the_top_of_an_adaptive_ladder() {
    let world = studio();
    give_clip(&world, "show.mp4", FITTING);
    let names = encoded(&world, built_in("AdaptiveStreaming")).await;
    let top = names.iter().find(|name| name.contains("640x360")).unwrap();
    assert_eq!(copies(&world, &names, "show.mp4", "0:v"), std::slice::from_ref(top), "{names:?}");
    assert_eq!(copies(&world, &names, "show.mp4", "0:a"), ["show_AACAudio_128.mp4"]);
    for name in names.iter().filter(|name| !name.contains("AACAudio")) {
        let times = key_frames(&world, name);
        let seconds =
            times.iter().map(|time| time.parse::<f64>().unwrap().round() as u32).collect::<Vec<_>>();
        assert_eq!(seconds, [0, 2, 4], "{name}: {times:?}");
        assert_eq!(frame_count(&world, name), 150, "{name}");
    }
}

#[tokio::test]
async fn rungs_of_a_named_ladder_that_the_input_satisfies_are_copied() {
    let world = studio();
    give_clip(&world, "show.mp4", FITTING);
    let names = encoded(&world, built_in("H264MultipleBitrateSD")).await;
    assert_eq!(names.len(), 5);
    let made = copies(&world, &names, "show.mp4", "0:v");
    assert_eq!(made.len(), 3, "the rungs of 1,900, 1,300 and 900 kb/s, but not of 650 and 400: {made:?}");
    assert!(made.iter().all(|name| tracks(&world, name) == ["h264 640x360", "aac 2"]));
}

#[tokio::test]
async fn whatever_differs_from_a_rung_is_encoded() {
    for (why, changed) in [
        ("a key frame every second", FITTING.replace("-g 60 -keyint_min 60", "-g 30 -keyint_min 30")),
        ("a key frame at the start only", FITTING.replace("-g 60 -keyint_min 60", "-g 999")),
        ("ten bits", FITTING.replace("-pix_fmt yuv420p", "-pix_fmt yuv420p10le")),
        ("another codec", FITTING.replace("-preset veryfast", "-c:v mpeg4")),
        (
            "too many bits",
            FITTING.replace("700k", "7000k").replace(
                "testsrc2=size=640x360:rate=30:duration=5",
                "nullsrc=size=640x360:rate=30:duration=5,noise=alls=80:allf=t",
            ),
        ),
    ] {
        let world = studio();
        give_clip(&world, "show.mp4", &changed);
        let names = encoded(&world, built_in("H264SingleBitrateSD")).await;
        assert_eq!(copies(&world, &names, "show.mp4", "0:v"), [""; 0], "{why}");
    }
}

#[tokio::test]
async fn clips_and_sound_that_differs_are_encoded() {
    let world = studio();
    give_clip(&world, "show.mp4", FITTING);
    let input = clip("show.mp4", Some("PT2S"), None);
    let names = finished(&world, &encode_input(&world, built_in("AdaptiveStreaming"), input).await);
    for stream in ["0:v", "0:a"] {
        assert_eq!(copies(&world, &names, "show.mp4", stream), [""; 0]);
    }
    for changed in [
        FITTING.replace("-ac 2", "-ac 1"),
        FITTING.replace("-ar 48000", "-ar 44100"),
        FITTING.replace("-b:a 96k", "-b:a 256k"),
    ] {
        let world = studio();
        give_clip(&world, "show.mp4", &changed);
        let names = encoded(&world, built_in("AACGoodQualityAudio")).await;
        assert_eq!(copies(&world, &names, "show.mp4", "0:a"), [""; 0]);
    }
}

#[tokio::test]
async fn a_copied_rung_is_in_the_manifests_like_any_other() {
    let world = studio();
    give_clip(&world, "show.mp4", FITTING);
    let names = encoded(&world, built_in("AdaptiveStreaming")).await;
    let manifest = std::fs::read(world.storage.file("output", "show_manifest.json")).unwrap();
    let manifest = serde_json::from_slice::<Value>(&manifest).unwrap();
    let listed = manifest["AssetFile"].as_array().unwrap().iter().map(|file| text(&file["Name"]).to_owned());
    let mut listed = listed.collect::<Vec<_>>();
    listed.sort();
    assert_eq!(listed, names);
    assert_eq!(manifest["AssetFile"][0]["VideoTracks"][0]["Width"], json!(640));
}

#[tokio::test]
async fn the_presets_of_the_services_samples_copy_and_add_a_preview_with_the_same_key_frames() {
    let film = FITTING.replace("640x360", "1280x720").replace("-g 60 -keyint_min 60", "-g 37 -keyint_min 37");
    let world = studio();
    give_clip(&world, "show.mp4", &film);
    let names = encoded(&world, built_in("saasProxyCopyCodec")).await;
    let made = names.iter().map(|name| tracks(&world, name)).collect::<Vec<_>>();
    let wanted: [&[&str]; 3] = [&["h264 1280x720"], &["h264 640x360", "aac 2"], &["aac 2"]];
    assert_eq!(made, wanted, "{names:?}");
    assert_eq!(copies(&world, &names, "show.mp4", "0:v"), std::slice::from_ref(&names[0]));
    assert_eq!(key_frames(&world, &names[1]), key_frames(&world, &names[0]));
    for (preset, count) in [("saasCopyCodec", 2), ("SaasSourceAligned360pOnly", 1)] {
        let world = studio();
        give_clip(&world, "show.mp4", &film);
        assert_eq!(encoded(&world, built_in(preset)).await.len(), count, "{preset}");
    }
}

#[tokio::test]
async fn groups_of_pictures_that_need_the_one_before_are_encoded() {
    let world = studio();
    give_clip(&world, "show.mp4", &format!("{FITTING} -x264-params open-gop=1:bframes=3:b-adapt=0"));
    let names = encoded(&world, built_in("H264SingleBitrateSD")).await;
    assert_eq!(copies(&world, &names, "show.mp4", "0:v"), [""; 0]);
}
