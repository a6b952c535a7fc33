//! Presets that look at the pictures before they make their ladder.

use serde_json::{Value, json};

use super::studio::{encoded, give_clip, key_frames, probe, studio, text, tracks};
use super::world::{World, built_in};

/// Nothing moves, and next to nothing is there.
const PLAIN: &str = "-f lavfi -i color=blue:size=1280x720:rate=30:duration=4 -b:v 6M -minrate 6M -maxrate 6M -bufsize 2M \
    -x264-params nal-hrd=cbr -pix_fmt yuv420p -preset ultrafast";
/// Everything changes all the time.
const RESTLESS: &str = "-f lavfi -i nullsrc=size=1280x720:rate=30:duration=2,noise=alls=60:allf=t -pix_fmt yuv420p \
    -preset ultrafast -crf 30";

fn content_aware(configurations: Value) -> Value {
    let mut preset = built_in("ContentAwareEncoding");
    preset["configurations"] = configurations;
    preset
}

/// Size and bits per second that each video file was meant to have, the largest first.
fn rungs(names: &[String]) -> Vec<(u32, u32)> {
    let rung = |name: &String| {
        let mut parts = name.strip_suffix(".mp4")?.split('_').rev();
        let kbps = parts.next()?.parse::<u32>().ok()?;
        let height = parts.find_map(|part| part.split_once('x'))?.1.parse::<u32>().ok()?;
        Some((height, kbps))
    };
    let mut rungs = names.iter().filter_map(rung).collect::<Vec<_>>();
    rungs.sort_unstable_by(|a, b| b.cmp(a));
    rungs
}

fn bits_per_second(world: &World, name: &str) -> u32 {
    let probed = probe(world, name);
    let video = probed["streams"].as_array().unwrap().iter().find(|stream| stream["codec_type"] == "video");
    text(&video.unwrap()["bit_rate"]).parse().unwrap()
}

#[tokio::test]
async fn plain_pictures_get_few_bits_and_few_rungs() {
    let world = studio();
    give_clip(&world, "plain.mp4", PLAIN);
    let names = encoded(&world, built_in("ContentAwareEncoding")).await;
    let rungs = rungs(&names);
    assert_eq!(rungs[0].0, 720);
    assert!(rungs[0].1 < 200 && rungs.len() <= 2, "{rungs:?}");
    assert!(names.iter().all(|name| bits_per_second(&world, name) < 200_000));
}

#[tokio::test]
async fn restless_pictures_get_the_bits_they_take_up_to_the_usual() {
    let world = studio();
    give_clip(&world, "noise.mp4", RESTLESS);
    let names = encoded(&world, built_in("ContentAwareEncoding")).await;
    let rungs = rungs(&names);
    assert!(rungs.len() >= 3 && rungs[0] == (720, 3400), "{rungs:?}");
    for pair in rungs.windows(2) {
        assert!(f64::from(pair[0].1) >= f64::from(pair[1].1) * 1.49, "{rungs:?}");
    }
    let times = names.iter().map(|name| key_frames(&world, name)).collect::<Vec<_>>();
    assert!(times.windows(2).all(|pair| pair[0] == pair[1]), "{times:?}");
}

#[tokio::test]
async fn rungs_stay_between_the_configured_bounds() {
    let world = studio();
    give_clip(&world, "noise.mp4", RESTLESS);
    let configurations = json!({
        "maxBitrateBps": 1_500_000, "minBitrateBps": 400_000, "maxHeight": 540, "minHeight": 180, "maxLayers": 2,
        "interleaveOutput": "NonInterleavedOutput", "complexity": "Speed",
    });
    let names = encoded(&world, content_aware(configurations)).await;
    let found = rungs(&names);
    assert_eq!((found.len(), found[0]), (2, (540, 1500)), "{found:?}");
    assert!((400..=1000).contains(&found[1].1), "{found:?}");
    let plain = studio();
    give_clip(&plain, "plain.mp4", PLAIN);
    let names = encoded(&plain, content_aware(json!({"minBitrateBps": 300_000}))).await;
    assert_eq!(rungs(&names), [(720, 300)], "never below the least, and so a single rung");
}

#[tokio::test]
async fn h265_is_content_aware_with_about_half_the_bits() {
    let world = studio();
    give_clip(&world, "noise.mp4", RESTLESS);
    let mut preset = built_in("H265ContentAwareEncoding");
    preset["configurations"] = json!({"maxLayers": 1, "maxHeight": 180, "complexity": "Speed"});
    let names = encoded(&world, preset).await;
    assert_eq!(tracks(&world, &names[0]), ["hevc 320x180"]);
    assert!(rungs(&names)[0].1 <= 380 * 52 / 100 + 1, "{names:?}");
}
