//! Adaptive ladders, clips and sequences, really encoded.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};

use super::studio::{
    CLIP, clip, duration_s, encode_input, encoded, finished, frame_count, give_clip, key_frames,
    paced_studio, probe, studio, text, tracks,
};
use super::world::{built_in, job_body};

#[tokio::test]
async fn adaptive_streaming_makes_aligned_rungs_and_sound_of_its_own() {
    let world = studio();
    give_clip(&world, "show.mp4", CLIP);
    let names = encoded(&world, built_in("AdaptiveStreaming")).await;
    let (sound, videos): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.contains("Audio"));
    assert_eq!(sound, ["show_AACAudio_128.mp4"]);
    assert_eq!(tracks(&world, sound[0]), ["aac 2"]);
    let sizes = videos.iter().map(|name| tracks(&world, name)).collect::<Vec<_>>();
    assert_eq!(sizes, [["h264 320x180"], ["h264 480x270"], ["h264 640x360"]], "{videos:?}");
    for name in videos {
        assert_eq!(key_frames(&world, name), ["0.000000", "2.000000"], "{name}");
        assert_eq!(frame_count(&world, name), 90, "{name}");
    }
}

#[tokio::test]
async fn manifests_describe_every_file() {
    let world = studio();
    give_clip(&world, "R & B.mp4", CLIP);
    let names = encoded(&world, built_in("AdaptiveStreaming")).await;
    let manifest = std::fs::read(world.storage.file("output", "R & B_manifest.json")).unwrap();
    let manifest = serde_json::from_slice::<Value>(&manifest).unwrap();
    let files = manifest["AssetFile"].as_array().unwrap();
    assert!(files.iter().all(|file| names.contains(&text(&file["Name"]).to_owned())));
    assert_eq!((files.len(), names.len()), (4, 4));
    assert_eq!(
        (&files[0]["VideoTracks"][0]["Width"], &files[0]["Sources"][0]),
        (&json!(640), &json!("R & B.mp4"))
    );
    let server_manifest = std::fs::read_to_string(world.storage.file("output", "R & B.ism")).unwrap();
    assert_eq!(server_manifest.matches("<video src=\"R &amp; B_").count(), 3);
    assert!(server_manifest.contains(r#"name="trackName" value="aac_und_2_"#), "{server_manifest}");
}

#[tokio::test]
async fn a_ladder_does_not_exceed_an_odd_input() {
    let world = studio();
    let odd = "-f lavfi -i testsrc2=size=241x137:rate=25:duration=2 -c:v libx264 -pix_fmt yuv444p";
    give_clip(&world, "odd.mkv", odd);
    let names = encoded(&world, built_in("AdaptiveStreaming")).await;
    let tracks = names.iter().map(|name| tracks(&world, name)).collect::<Vec<_>>();
    assert_eq!(tracks, [["h264 240x136"]]);
    assert_eq!(probe(&world, &names[0])["streams"][0]["pix_fmt"], "yuv420p");
}

#[tokio::test]
async fn upright_and_slow_and_anamorphic_pictures_keep_their_shape() {
    let world = studio();
    let pal = "-f lavfi -i testsrc2=size=360x288:rate=25:duration=2 -vf setsar=64/45 -pix_fmt yuv420p";
    give_clip(&world, "pal.mp4", pal);
    let names = encoded(&world, built_in("H264SingleBitrateSD")).await;
    assert_eq!(tracks(&world, &names[0]), ["h264 512x288"]);
    let world = studio();
    let upright = "-f lavfi -i testsrc2=size=180x320:rate=10:duration=2 -pix_fmt yuv420p";
    give_clip(&world, "upright.mp4", upright);
    let names = encoded(&world, built_in("AdaptiveStreaming")).await;
    assert_eq!(tracks(&world, &names[0]), ["h264 180x320"]);
}

#[tokio::test]
async fn a_clip_is_cut_at_its_times() {
    let world = studio();
    give_clip(&world, "show.mp4", CLIP);
    let name = "show_640x360_AACAudio_2200.mp4";
    for (start, end, frames) in
        [(Some("PT0.5S"), Some("PT2S"), 45), (Some("PT2S"), None, 30), (None, Some("PT1S"), 30)]
    {
        let job = encode_input(&world, built_in("H264SingleBitrateSD"), clip("show.mp4", start, end)).await;
        assert_eq!(finished(&world, &job), [name]);
        assert_eq!(frame_count(&world, name), frames, "{start:?} {end:?}");
    }
}

#[tokio::test]
async fn a_sequence_is_joined_in_its_order_whatever_its_clips_are() {
    let world = studio();
    give_clip(&world, "show.mp4", CLIP);
    give_clip(&world, "silent.mkv", "-f lavfi -i testsrc=size=320x240:rate=25:duration=2 -pix_fmt yuv420p");
    let clips = [
        clip("show.mp4", Some("PT1S"), Some("PT2S")),
        clip("silent.mkv", None, None),
        clip("show.mp4", None, Some("PT1S")),
    ];
    let input = json!({"@odata.type": "#Microsoft.Media.JobInputSequence", "inputs": clips});
    let names = finished(&world, &encode_input(&world, built_in("H264SingleBitrateSD"), input).await);
    assert_eq!(tracks(&world, &names[0]), ["h264 640x360", "aac 2"]);
    assert!((duration_s(&world, &names[0]) - 4.0).abs() < 0.1);
}

#[tokio::test]
async fn sound_may_come_from_a_file_of_its_own() {
    let world = studio();
    give_clip(&world, "a.wav", "-f lavfi -i sine=duration=2");
    give_clip(&world, "b.mp4", "-f lavfi -i testsrc2=size=320x180:rate=25:duration=2 -pix_fmt yuv420p");
    world.storage.give("input", "notes.txt", b"in a whole container, what is no media is left aside");
    let names = encoded(&world, built_in("ContentAwareEncoding")).await;
    assert_eq!(names.len(), 1, "{names:?}");
    assert_eq!(tracks(&world, &names[0]), ["h264 320x180", "aac 2"]);
    assert!(names[0].starts_with("b_320x180_AACAudio_"), "{names:?}");
}

#[tokio::test]
async fn a_running_encoder_tells_its_progress_and_stops_when_cancelled() {
    let world = paced_studio(Some(0.5));
    give_clip(&world, "show.mp4", CLIP);
    for asset in ["input", "output"] {
        world.asset(asset).await;
    }
    world.transform("t", &[built_in("H264SingleBitrateSD")]).await;
    world.put("transforms/t/jobs/j", job_body()).await;
    let progress =
        async || world.get("transforms/t/jobs/j").await.1["properties"]["outputs"][0]["progress"].clone();
    let begun = Instant::now();
    while progress().await.as_u64() < Some(5) {
        assert!(begun.elapsed() < Duration::from_secs(20), "no progress");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!world.encoders().is_empty());
    let asked = Instant::now();
    assert_eq!(world.post("transforms/t/jobs/j/cancelJob", Value::Null).await.0, StatusCode::OK);
    assert_eq!(world.ended("transforms/t/jobs/j").await["state"], "Canceled");
    while !world.encoders().is_empty() {
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?} still encode", world.encoders());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    assert_eq!(world.storage.names("output"), [""; 0]);
    assert_eq!(world.scratch_files(), [""; 0]);
    assert!(world.events.take_types().contains(&"JobOutputProgress"));
}

#[tokio::test]
async fn a_service_that_is_dropped_takes_its_encoder_with_it() {
    let mut world = paced_studio(Some(0.1));
    give_clip(&world, "show.mp4", CLIP);
    for asset in ["input", "output"] {
        world.asset(asset).await;
    }
    world.transform("t", &[built_in("H264SingleBitrateSD")]).await;
    world.put("transforms/t/jobs/j", job_body()).await;
    let begun = Instant::now();
    while !world.scratch_files().iter().any(|name| name.starts_with("out-")) {
        assert!(begun.elapsed() < Duration::from_secs(20), "no encoder");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.drop_service();
    world.cleared_up().await;
}

#[tokio::test]
async fn unusual_inputs_are_encoded_like_any_other() {
    for (name, arguments) in [
        (
            "ten-bit.mkv",
            "-f lavfi -i testsrc2=size=320x180:rate=24:duration=2 -c:v libx264 -pix_fmt yuv420p10le",
        ),
        (
            "interlaced.ts",
            "-f lavfi -i testsrc2=size=320x180:rate=25:duration=2 -c:v mpeg2video -flags +ilme+ildct",
        ),
        (
            "uneven.mkv",
            "-f lavfi -i testsrc2=size=320x180:rate=30:duration=2 -vf select='mod(n\\,7)' -fps_mode vfr",
        ),
        ("waves.mov", "-f lavfi -i testsrc2=size=320x180:rate=30:duration=2 -c:v prores"),
    ] {
        let world = studio();
        give_clip(&world, name, arguments);
        let mut preset = built_in("ContentAwareEncoding");
        preset["configurations"] =
            json!({"minHeight": 90, "complexity": "Speed", "keyFrameIntervalInSeconds": 1});
        let names = encoded(&world, preset).await;
        assert_eq!(tracks(&world, &names[0]), ["h264 320x180"], "{name}");
        assert_eq!(key_frames(&world, &names[0]).len(), 2, "{name}");
        assert!((duration_s(&world, &names[0]) - 2.0).abs() < 0.1, "{name}");
    }
}

#[tokio::test]
async fn surround_sound_becomes_stereo_and_keeps_its_language() {
    let world = studio();
    let surround = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=2 -f lavfi -i sine=duration=2 -ac 6 -c:a ac3 -metadata:s:a:0 language=fra -pix_fmt yuv420p";
    give_clip(&world, "film.mkv", surround);
    let names = encoded(&world, built_in("AdaptiveStreaming")).await;
    assert_eq!(
        names.iter().map(|name| tracks(&world, name)).collect::<Vec<_>>(),
        [["h264 320x180"], ["aac 2"]]
    );
    let server_manifest = std::fs::read_to_string(world.storage.file("output", "film.ism")).unwrap();
    assert!(server_manifest.contains(r#"systemLanguage="fra""#), "{server_manifest}");
}
