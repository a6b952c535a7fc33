//! Every named preset and the three ladders of a saga's transforms: what comes out is what they promise.
//!
//! The source is a film of four seconds that no rung can be copied from: its key frames are nowhere a rung's would be.

use serde_json::{Value, json};

use super::studio::{
    codec, encoded, frame_count, give_clip, key_frames, probe, standard, studio, text, tracks,
};
use super::world::{World, built_in};

const SECONDS: f64 = 4.0;
const FILM: &str = "-f lavfi -i testsrc2=size=1920x1080:rate=5:duration=4,noise=alls=4:allf=t -f lavfi -i sine=duration=4 \
    -ac 2 -ar 44100 -g 999 -pix_fmt yuv420p -preset ultrafast -crf 20";

/// What a file is: its tracks as `tracks` tells them, and the bits per second that its pictures were meant to have.
type Made = (&'static [&'static str], u32);

const AAC: &str = "aac 2";

/// The files of a preset, the largest first, by what they are.
fn expected(name: &str) -> Vec<Made> {
    const SD: &[Made] = &[
        (&["h264 848x476", AAC], 1_900_000),
        (&["h264 848x476", AAC], 1_300_000),
        (&["h264 848x476", AAC], 900_000),
        (&["h264 640x360", AAC], 650_000),
        (&["h264 426x240", AAC], 400_000),
    ];
    const HD: &[Made] = &[
        (&["h264 1920x1080", AAC], 6_000_000),
        (&["h264 1920x1080", AAC], 4_700_000),
        (&["h264 1280x720", AAC], 3_400_000),
        (&["h264 960x540", AAC], 2_250_000),
        (&["h264 960x540", AAC], 1_500_000),
        (&["h264 640x360", AAC], 1_000_000),
        (&["h264 640x360", AAC], 600_000),
        (&["h264 320x180", AAC], 400_000),
    ];
    const ADAPTIVE: &[Made] = &[
        (&["h264 1920x1080"], 6_000_000),
        (&["h264 1280x720"], 3_400_000),
        (&["h264 960x540"], 2_200_000),
        (&["h264 640x360"], 1_150_000),
        (&["h264 480x270"], 720_000),
        (&["h264 320x180"], 380_000),
        (&[AAC], 0),
    ];
    const ADAPTIVE_H265: &[Made] = &[
        (&["hevc 640x360"], 598_000),
        (&["hevc 480x270"], 374_400),
        (&["hevc 320x180"], 197_600),
        (&[AAC], 0),
    ];
    match name {
        "H264SingleBitrateSD" => vec![(&["h264 848x476", AAC], 2_200_000)],
        "H264SingleBitrate720p" => vec![(&["h264 1280x720", AAC], 4_500_000)],
        "H264SingleBitrate1080p" => vec![(&["h264 1920x1080", AAC], 6_750_000)],
        "H264MultipleBitrateSD" => SD.to_vec(),
        "H264MultipleBitrate720p" => HD[2..].to_vec(),
        "H264MultipleBitrate1080p" => HD.to_vec(),
        "AdaptiveStreaming" => ADAPTIVE.to_vec(),
        "H265AdaptiveStreaming" => ADAPTIVE_H265.to_vec(),
        "AACGoodQualityAudio" => vec![(&[AAC], 0)],
        "DDGoodQualityAudio" => vec![(&["ac3 2"], 0)],
        "CopyAllBitrateNonInterleaved" => vec![(&["h264 1920x1080"], 0), (&[AAC], 0)],
        name => panic!("nothing is expected of {name}"),
    }
}

fn streams(world: &World, name: &str, kind: &str) -> Vec<Value> {
    let probed = probe(world, name);
    let all = probed["streams"].as_array().unwrap().iter();
    all.filter(|stream| stream["codec_type"] == kind).cloned().collect()
}

fn bits(stream: &Value) -> u32 {
    text(&stream["bit_rate"]).parse().unwrap_or_default()
}

/// The names of an MP4's boxes, in order.
fn boxes(world: &World, name: &str) -> Vec<String> {
    let bytes = std::fs::read(world.storage.file("output", name)).unwrap();
    let (mut names, mut at) = (Vec::new(), 0);
    while let Some(head) = bytes.get(at..at + 8) {
        let size = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
        names.push(String::from_utf8_lossy(&head[4..]).into_owned());
        assert!(size >= 8, "{name}: {names:?}");
        at += size;
    }
    names
}

/// Whether the times of key frames are every two seconds from the start, in every file of pictures.
fn assert_aligned(world: &World, videos: &[&String]) {
    for name in videos {
        let times = key_frames(world, name);
        assert_eq!(times, ["0.000000", "2.000000"], "{name}");
        assert_eq!(frame_count(world, name), 20, "{name}");
    }
}

fn assert_can_be_streamed(world: &World, names: &[String]) {
    let base = "film";
    for name in names {
        let boxes = boxes(world, name);
        let place = |wanted: &str| boxes.iter().position(|own| own == wanted);
        assert!(place("moov").is_some() && place("moov") < place("mdat"), "{name}: {boxes:?}");
        let length = text(&probe(world, name)["format"]["duration"]).parse::<f64>().unwrap();
        assert!((length - SECONDS).abs() < 0.1, "{name} is {length} s long");
    }
    let read = |name: String| std::fs::read_to_string(world.storage.file("output", &name)).unwrap();
    let manifest = serde_json::from_str::<Value>(&read(format!("{base}_manifest.json"))).unwrap();
    let server_manifest = read(format!("{base}.ism"));
    let listed = manifest["AssetFile"].as_array().unwrap();
    assert_eq!(listed.len(), names.len());
    let mut entries = 0;
    for file in listed {
        let name = text(&file["Name"]).to_owned();
        assert!(names.contains(&name), "{name}");
        assert_eq!(file["Size"], std::fs::metadata(world.storage.file("output", &name)).unwrap().len());
        for (kind, member) in [("video", "VideoTracks"), ("audio", "AudioTracks")] {
            let (found, said) = (streams(world, &name, kind), file[member].as_array().unwrap());
            assert_eq!(found.len(), said.len(), "{name}");
            for (found, said) in found.iter().zip(said) {
                assert_eq!(
                    (&found["width"], &found["channels"]),
                    (&said["Width"], &said["Channels"]),
                    "{name}"
                );
                assert_eq!(said["Bitrate"], bits(found), "{name}");
                let entry = format!("<{kind} src=\"{name}\" systemBitrate=\"{}\"", bits(found));
                assert!(server_manifest.contains(&entry), "{entry} in {server_manifest}");
                entries += 1;
            }
        }
    }
    assert_eq!(server_manifest.matches("systemBitrate").count(), entries);
}

/// Makes it, and compares what comes out.
async fn assert_makes(preset: Value, mut wanted: Vec<Made>, is_copy: bool) {
    let world = studio();
    give_clip(&world, "film.mp4", FILM);
    let names = encoded(&world, preset).await;
    assert_can_be_streamed(&world, &names);
    let videos = names.iter().filter(|name| !streams(&world, name, "video").is_empty()).collect::<Vec<_>>();
    if !is_copy {
        assert_aligned(&world, &videos);
    }
    let mut made = names.iter().map(|name| tracks(&world, name)).collect::<Vec<_>>();
    let mut sorted = wanted
        .iter()
        .map(|(tracks, _)| tracks.iter().map(ToString::to_string).collect())
        .collect::<Vec<Vec<_>>>();
    made.sort();
    sorted.sort();
    assert_eq!(made, sorted);
    // The most bits of the files are those of the first rung, and so on.
    wanted.retain(|(_, bits)| *bits > 0);
    let mut spent = videos.iter().map(|name| bits(&streams(&world, name, "video")[0])).collect::<Vec<_>>();
    spent.sort_unstable_by(|a, b| b.cmp(a));
    for (spent, (tracks, wanted)) in spent.iter().zip(wanted) {
        let at_most = f64::from(wanted) * 1.25;
        assert!(f64::from(*spent) < at_most, "{tracks:?} took {spent} of {wanted}");
    }
}

#[tokio::test]
async fn presets_of_a_single_bitrate() {
    for name in ["H264SingleBitrateSD", "H264SingleBitrate720p", "H264SingleBitrate1080p"] {
        assert_makes(built_in(name), expected(name), false).await;
    }
}

#[tokio::test]
async fn presets_of_several_bitrates() {
    for name in ["H264MultipleBitrateSD", "H264MultipleBitrate720p", "H264MultipleBitrate1080p"] {
        assert_makes(built_in(name), expected(name), false).await;
    }
}

#[tokio::test]
async fn the_adaptive_preset() {
    assert_makes(built_in("AdaptiveStreaming"), expected("AdaptiveStreaming"), false).await;
}

#[tokio::test]
async fn presets_of_h265() {
    let mut adaptive = built_in("H265AdaptiveStreaming");
    adaptive["configurations"] = json!({"complexity": "Speed", "maxHeight": 360});
    assert_makes(adaptive, expected("H265AdaptiveStreaming"), false).await;
}

#[tokio::test]
async fn single_presets_of_h265_are_never_larger_than_their_input() {
    for name in ["H265SingleBitrate720p", "H265SingleBitrate1080p", "H265SingleBitrate4K"] {
        let world = studio();
        give_clip(
            &world,
            "film.mp4",
            "-f lavfi -i testsrc2=size=320x180:rate=25:duration=1 -pix_fmt yuv420p",
        );
        let names = encoded(&world, built_in(name)).await;
        assert_eq!(tracks(&world, &names[0]), ["hevc 320x180"]);
        assert_eq!(text(&streams(&world, &names[0], "video")[0]["codec_tag_string"]), "hvc1");
    }
}

#[tokio::test]
async fn presets_of_sound_and_of_copies() {
    for name in ["AACGoodQualityAudio", "DDGoodQualityAudio"] {
        assert_makes(built_in(name), expected(name), false).await;
    }
    let name = "CopyAllBitrateNonInterleaved";
    assert_makes(built_in(name), expected(name), true).await;
}

#[tokio::test]
async fn content_aware_presets() {
    for name in ["ContentAwareEncoding", "ContentAwareEncodingExperimental", "H265ContentAwareEncoding"] {
        let world = studio();
        give_clip(&world, "film.mp4", &FILM.replace("1920x1080", "640x360"));
        let names = encoded(&world, built_in(name)).await;
        assert_can_be_streamed(&world, &names);
        assert_aligned(&world, &names.iter().collect::<Vec<_>>());
        let (codec, top) = if name.starts_with("H265") { ("hevc", 598_000) } else { ("h264", 1_150_000) };
        assert!(
            names.iter().any(|made| tracks(&world, made) == [format!("{codec} 640x360"), AAC.to_owned()])
        );
        for made in &names {
            let spent = bits(&streams(&world, made, "video")[0]);
            assert!(spent <= top * 3 / 2, "{name}: {made} took {spent}");
        }
    }
}

/// The ladder that sagas bring with them: five layers with labels.
fn ladder(audio: &Value, b_frames: u32) -> Value {
    let layer = |(profile, bitrate, width, height): (&str, u32, u32, u32)| {
        let mut layer = json!({
            "profile": profile, "level": "auto", "bitrate": bitrate, "width": width.to_string(),
            "height": height.to_string(), "bufferWindow": "PT5S", "referenceFrames": 3, "frameRate": "0/1",
            "label": format!("{width}x{height}"),
        });
        if profile != "Baseline" {
            layer["bFrames"] = b_frames.into();
            layer["adaptiveBFrame"] = (b_frames > 0).into();
        }
        layer
    };
    let layers = [
        ("High", 4_900_000, 1920, 1080),
        ("High", 2_500_000, 1920, 1080),
        ("Main", 1_600_000, 1280, 720),
        ("Main", 800_000, 960, 540),
        ("Baseline", 400_000, 640, 360),
    ];
    let video = codec("H264Video", &json!({"keyFrameInterval": "PT2S", "layers": layers.map(layer)}));
    standard(&json!([audio, video]), "{Basename}_{Label}_{Bitrate}{Extension}")
}

#[tokio::test]
async fn the_ladders_of_a_sagas_transforms() {
    let mono = codec(
        "AacAudio",
        &json!({"profile": "AacLc", "channels": 1, "samplingRate": 48_000, "bitrate": 128_000}),
    );
    for (audio, b_frames, sound) in [
        (codec("CopyAudio", &json!({})), 3, "aac 2"),
        (codec("CopyAudio", &json!({})), 0, "aac 2"),
        (mono, 0, "aac 1"),
    ] {
        let world = studio();
        give_clip(&world, "film.mp4", FILM);
        let mut names = encoded(&world, ladder(&audio, b_frames)).await;
        assert_can_be_streamed(&world, &names);
        assert_aligned(&world, &names.iter().collect::<Vec<_>>());
        let mut wanted = [
            ("film_1920x1080_4900.mp4", "1920x1080", "High", 4_900_000),
            ("film_1920x1080_2500.mp4", "1920x1080", "High", 2_500_000),
            ("film_1280x720_1600.mp4", "1280x720", "Main", 1_600_000),
            ("film_960x540_800.mp4", "960x540", "Main", 800_000),
            ("film_640x360_400.mp4", "640x360", "Constrained Baseline", 400_000),
        ];
        wanted.sort_unstable();
        names.sort();
        assert_eq!(names, wanted.map(|(name, ..)| name));
        for (name, size, profile, bitrate) in wanted {
            assert_eq!(tracks(&world, name), [format!("h264 {size}"), sound.to_owned()]);
            let video = &streams(&world, name, "video")[0];
            assert_eq!(text(&video["profile"]), profile, "{name}");
            // Four seconds may empty a buffer of five once.
            assert!(f64::from(bits(video)) < f64::from(bitrate) * 2.0, "{name} took {}", bits(video));
            let may_have_b_frames = b_frames > 0 && profile != "Constrained Baseline";
            assert_eq!(video["has_b_frames"].as_u64() > Some(0), may_have_b_frames, "{name}");
        }
    }
}
