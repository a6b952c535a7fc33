//! Sound that begins after the pictures stays where it is, encoded and published.

use roxmltree::Document;
use serde_json::json;

use super::streaming::{Origin, ask, clear, locate, text as body};
use super::studio::{codec, encoded, give_clip, probe, standard, studio, text};
use super::world::{World, built_in};

/// Two seconds of pictures, and sound from the end of the first.
const LATE: &str = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=2 -itsoffset 1 -f lavfi -i sine=duration=1:r=48000 \
    -pix_fmt yuv420p -preset ultrafast";
/// An encoder begins with a block or two of what it has not heard yet.
const BLOCKS_S: f64 = 0.1;

fn starts_s(world: &World, name: &str, kind: &str) -> Vec<f64> {
    let probed = probe(world, name);
    let streams = probed["streams"].as_array().unwrap().iter().filter(|stream| stream["codec_type"] == kind);
    streams.map(|stream| text(&stream["start_time"]).parse().unwrap()).collect()
}

#[tokio::test]
async fn late_sound_that_files_share_stays_late() {
    let world = studio();
    give_clip(&world, "clip.mp4", LATE);
    let layers = json!({"layers": [{"bitrate": 300_000}, {"bitrate": 100_000}]});
    let codecs = json!([codec("H264Video", &layers), codec("AacAudio", &json!({}))]);
    let names = encoded(&world, standard(&codecs, "{Basename}_{Bitrate}.mp4")).await;
    assert_eq!(names.len(), 2);
    for name in names {
        assert_eq!(starts_s(&world, &name, "video"), [0.0]);
        let sounds = starts_s(&world, &name, "audio");
        assert!(sounds.len() == 1 && (sounds[0] - 1.0).abs() < BLOCKS_S, "{name}: {sounds:?}");
    }
}

#[tokio::test]
async fn late_sound_in_a_file_of_its_own_is_published_late() {
    let world = studio();
    give_clip(&world, "clip.mp4", LATE);
    let names = encoded(&world, built_in("AdaptiveStreaming")).await;
    let sound = names.iter().find(|name| name.contains("AACAudio")).unwrap();
    assert!((starts_s(&world, sound, "audio")[0] - 1.0).abs() < BLOCKS_S);
    locate(&world, clear()).await;
    let origin = Origin::of(&world).await;
    let url = origin.presentation("manifest(format=mpd-time-cmaf)");
    let list = body(ask(&world, url.strip_prefix(&origin.url).unwrap(), None).await).await;
    let list = Document::parse(&list).unwrap();
    let starts_s = |kind: &str| {
        let of_kind = |node: &roxmltree::Node<'_, '_>| node.attribute("contentType") == Some(kind);
        let track = list.descendants().find(of_kind).unwrap();
        let of = |tag: &str, name: &str| -> f64 {
            let node = track.descendants().find(|node| node.tag_name().name() == tag).unwrap();
            node.attribute(name).unwrap().parse().unwrap()
        };
        of("S", "t") / of("SegmentTemplate", "timescale")
    };
    assert_eq!(starts_s("video"), 0.0);
    assert!((starts_s("audio") - 1.0).abs() < BLOCKS_S, "{}", starts_s("audio"));
}
