//! Inputs that hurt, each with presets of every kind: what can be encoded is, what cannot is told apart, and soon.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::studio::{
    clip, codec, duration_s, encode_input, finished, frame_count, give_clip, probe, standard, studio, text,
    tracks,
};
use super::world::{World, built_in};

/// A job that takes longer than this on a busy machine hangs.
const SOON: Duration = Duration::from_secs(60);
const PICTURES: &str =
    "-f lavfi -i testsrc2=size=320x180:rate=25:duration=2 -pix_fmt yuv420p -preset ultrafast";

/// A preset of each kind: two ladders, sound, a copy, and one in all its parts.
fn presets() -> [Value; 5] {
    let codecs = json!([
        codec("H264Video", &json!({"layers": [{"bitrate": 300_000, "height": "50%"}]})),
        codec("AacAudio", &json!({})),
    ]);
    let names = [
        "ContentAwareEncoding",
        "H264MultipleBitrateSD",
        "AACGoodQualityAudio",
        "CopyAllBitrateNonInterleaved",
    ];
    let [content, ladder, sound, copy] = names.map(built_in);
    [content, ladder, sound, copy, standard(&codecs, "{Basename}_{Label}{Extension}")]
}

/// How a job of each preset ends: in an error's code, or in `Finished`.
async fn outcomes(world: &World, file: &str) -> Vec<String> {
    let mut outcomes = Vec::new();
    for preset in presets() {
        for name in world.storage.names("output") {
            std::fs::remove_file(world.storage.file("output", &name)).unwrap();
        }
        let began = Instant::now();
        let job = encode_input(world, preset, clip(file, None, None)).await;
        assert!(began.elapsed() < SOON, "{file} took {:?}", began.elapsed());
        let error = &job["outputs"][0]["error"];
        outcomes.push(if error.is_null() {
            text(&job["state"]).to_owned()
        } else {
            text(&error["code"]).to_owned()
        });
        if error.is_null() {
            assert!(finished(world, &job).iter().all(|name| !tracks(world, name).is_empty()));
        } else {
            assert_eq!(world.storage.names("output"), [""; 0], "{error}");
            assert!(!text(&error["message"]).is_empty());
        }
    }
    outcomes
}

const FINISHED: [&str; 5] = ["Finished"; 5];

#[tokio::test]
async fn what_is_no_media_is_malformed_for_every_preset() {
    let world = studio();
    world.storage.give("input", "zero.mp4", b"");
    world.storage.give("input", "text.mp4", b"once upon a time there was a film\n");
    give_clip(&world, "whole.mp4", PICTURES);
    let whole = std::fs::read(world.storage.file("input", "whole.mp4")).unwrap();
    world.storage.give("input", "cut.mp4", &whole[..whole.len() / 2]);
    world.storage.give("input", "noise.mp4", &whole[200..][..whole.len() / 2]);
    for name in ["zero.mp4", "text.mp4", "cut.mp4"] {
        assert_eq!(outcomes(&world, name).await, ["ContentMalformed"; 5], "{name}");
    }
    let noise = outcomes(&world, "noise.mp4").await;
    assert!(noise.iter().all(|code| code.starts_with("Content")), "{noise:?}");
}

#[tokio::test]
async fn pictures_alone_and_sound_alone_end_as_presets_need_them() {
    let world = studio();
    give_clip(&world, "pictures.mp4", PICTURES);
    let silent = ["Finished", "Finished", "ContentUnsupported", "Finished", "Finished"];
    assert_eq!(outcomes(&world, "pictures.mp4").await, silent);
    give_clip(&world, "sound.mp3", "-f lavfi -i sine=duration=2");
    let sound = ["ContentUnsupported", "ContentUnsupported", "Finished", "Finished", "ContentUnsupported"];
    assert_eq!(outcomes(&world, "sound.mp3").await, sound);
}

#[tokio::test]
async fn sizes_and_shapes_of_every_kind_are_encoded() {
    let world = studio();
    for (name, source) in [
        (
            "odd.mkv",
            "-f lavfi -i testsrc2=size=321x181:rate=25:duration=1 -f lavfi -i sine=duration=1 -pix_fmt yuv444p",
        ),
        (
            "portrait.mp4",
            "-f lavfi -i testsrc2=size=180x320:rate=25:duration=1 -f lavfi -i sine=duration=1 -pix_fmt yuv420p",
        ),
        (
            "tiny.mkv",
            "-f lavfi -i testsrc2=size=16x16:rate=25:duration=1 -f lavfi -i sine=duration=1 -pix_fmt yuv420p",
        ),
    ] {
        give_clip(&world, name, source);
        assert_eq!(outcomes(&world, name).await, FINISHED, "{name}");
    }
    give_clip(&world, "plain.mp4", &format!("-f lavfi -i sine=duration=2 {PICTURES}"));
    let plain = world.storage.file("input", "plain.mp4");
    give_clip(&world, "turned.mp4", &format!("-i {} -c copy -metadata:s:v:0 rotate=90", plain.display()));
    assert_eq!(outcomes(&world, "turned.mp4").await, FINISHED);
    assert_eq!(tracks(&world, "turned.mp4"), ["h264 90x160", "aac 2"], "upright, and half as high");
}

#[tokio::test]
async fn ten_bits_uneven_times_and_surround_are_encoded() {
    let world = studio();
    for (name, source) in [
        (
            "ten.mkv",
            "-f lavfi -i testsrc2=size=320x180:rate=25:duration=2 -f lavfi -i sine=duration=2 -pix_fmt yuv420p10le",
        ),
        (
            "surround.mkv",
            "-f lavfi -i testsrc2=size=320x180:rate=25:duration=2 -f lavfi -i anoisesrc=d=2 -ac 6 -pix_fmt yuv420p",
        ),
        (
            "uneven.mkv",
            "-f lavfi -i testsrc2=size=320x180:rate=30:duration=2 -f lavfi -i sine=duration=2 -vf select='mod(n\\,7)*mod(n\\,5)' \
             -fps_mode vfr -pix_fmt yuv420p",
        ),
    ] {
        give_clip(&world, name, source);
        assert_eq!(outcomes(&world, name).await, FINISHED, "{name}");
        let made = world.storage.names("output");
        let video = made.iter().find(|name| name.ends_with(".mp4")).unwrap();
        assert_eq!(probe(&world, video)["streams"][0]["pix_fmt"], "yuv420p");
        assert!((duration_s(&world, video) - 2.0).abs() < 0.15, "{name}");
    }
    assert_eq!(frame_count(&world, "uneven.mp4"), 60, "for MP4, the dialect's Auto means constant");
    let layers = json!({"syncMode": "Vfr", "layers": [{"bitrate": 300_000}]});
    let preset = standard(&json!([codec("H264Video", &layers)]), "uneven.mp4");
    finished(&world, &encode_input(&world, preset, clip("uneven.mkv", None, None)).await);
    assert_eq!(frame_count(&world, "uneven.mp4"), 41, "no picture is shown twice or left out");
}

#[tokio::test]
async fn names_of_every_kind_are_only_names() {
    let world = studio();
    for name in
        ["a film.mp4", "фильм ☃.mp4", "it's \"quoted\".mp4", "%d;[v]$(id)&|.mp4", "-i.mp4", "concat:a|b.mp4"]
    {
        give_clip(&world, "plain.mp4", PICTURES);
        let bytes = std::fs::read(world.storage.file("input", "plain.mp4")).unwrap();
        world.storage.give("input", name, &bytes);
        let codecs = json!([
            codec("H264Video", &json!({"layers": [{"bitrate": 100_000}]})),
            codec("JpgImage", &json!({"start": "50%", "range": "1", "spriteColumn": null}))
        ]);
        let mut preset = standard(&codecs, "{Basename}-out{Extension}");
        let format = json!({"@odata.type": "#Microsoft.Media.JpgFormat", "filenamePattern": "{Basename}{Index}{Extension}"});
        preset["formats"].as_array_mut().unwrap().push(format);
        let job = encode_input(&world, preset, clip(name, None, None)).await;
        let base = name.strip_suffix(".mp4").unwrap();
        let mut wanted = [format!("{base}-out.mp4"), format!("{base}000001.jpg")];
        wanted.sort_unstable();
        assert_eq!(finished(&world, &job), wanted);
        for name in world.storage.names("output") {
            std::fs::remove_file(world.storage.file("output", &name)).unwrap();
        }
    }
}

#[tokio::test]
async fn four_hours_of_a_still_are_encoded_soon() {
    let world = studio();
    give_clip(
        &world,
        "minute.mp4",
        "-f lavfi -i testsrc2=size=320x180:rate=1:duration=1 -vf loop=59:1 -pix_fmt yuv420p",
    );
    let minute = world.storage.file("input", "minute.mp4");
    give_clip(&world, "still.mp4", &format!("-stream_loop 239 -i {} -c copy", minute.display()));
    for preset in ["ContentAwareEncoding", "AdaptiveStreaming"] {
        let began = Instant::now();
        let job = encode_input(&world, built_in(preset), clip("still.mp4", None, None)).await;
        assert!(began.elapsed() < SOON, "{preset} took {:?}", began.elapsed());
        println!("{preset}: four hours of a still in {:?}", began.elapsed());
        let names = finished(&world, &job);
        assert!((duration_s(&world, &names[0]) - 14_400.0).abs() < 2.0);
    }
    let mut preset =
        standard(&json!([codec("JpgImage", &json!({"start": "10%", "step": "10%"}))]), "{Index}.jpg");
    preset["formats"][0]["@odata.type"] = json!("#Microsoft.Media.JpgFormat");
    let began = Instant::now();
    finished(&world, &encode_input(&world, preset, clip("still.mp4", None, None)).await);
    assert!(began.elapsed() < SOON, "thumbnails took {:?}", began.elapsed());
}
