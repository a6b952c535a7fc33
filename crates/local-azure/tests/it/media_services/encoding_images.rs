//! Thumbnails one by one and on sheets.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};

use super::studio::{
    codec, colour_at, encode, encoded, failed, finished, give_clip, is_about, probe, standard, studio, text,
    tracks,
};
use super::world::World;

/// Ten seconds, each of another brightness.
const STEPS: &str = "-f lavfi -i color=black:size=320x180:rate=10:duration=10 \
    -vf geq=lum='16+20*floor(T)':cb=128:cr=128 -pix_fmt yuv420p -preset ultrafast";

fn images(kind: &str, members: &Value, pattern: &str) -> Value {
    let mut preset = standard(&json!([codec(&format!("{kind}Image"), members)]), pattern);
    preset["formats"][0]["@odata.type"] = json!(format!("#Microsoft.Media.{kind}Format"));
    preset
}

fn sprite(members: &Value) -> Value {
    let mut all = json!({"start": "0%", "step": "10%", "range": "100%", "spriteColumn": 4,
                         "layers": [{"width": "20%", "height": "20%", "quality": 95}]});
    all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    images("Jpg", &all, "sprite-{Basename}-{Index}{Extension}")
}

/// Which second's brightness a picture has.
fn second_of(colour: [u8; 3]) -> u8 {
    ((f64::from(colour[1]) * 219.0 / 255.0) / 20.0).round() as u8
}

fn read(world: &World, name: &str) -> String {
    std::fs::read_to_string(world.storage.file("output", name)).unwrap()
}

#[tokio::test]
async fn a_sprite_is_a_sheet_and_a_text_that_says_what_is_where() {
    let world = studio();
    give_clip(&world, "show & tell.mp4", STEPS);
    let job = encode(&world, sprite(&json!({}))).await;
    let names = finished(&world, &job);
    assert_eq!(names, ["sprite-show & tell-000001.jpg", "sprite-show & tell-000001.vtt"]);
    assert_eq!(tracks(&world, &names[0]), ["mjpeg 256x108"], "four columns and three rows of 64x36");
    let text = read(&world, &names[1]);
    let cues = text.split("\n\n").collect::<Vec<_>>();
    assert_eq!((cues[0], cues.len()), ("WEBVTT", 11), "{text}");
    let sheet = "sprite-show%20%26%20tell-000001.jpg";
    assert_eq!(cues[1], format!("00:00:00.000 --> 00:00:01.000\n{sheet}#xywh=0,0,64,36"));
    assert_eq!(cues[6], format!("00:00:05.000 --> 00:00:06.000\n{sheet}#xywh=64,36,64,36"));
    assert_eq!(cues[10], format!("00:00:09.000 --> 00:00:10.000\n{sheet}#xywh=64,72,64,36\n"));
    for second in 0..10_u8 {
        let at = (f64::from(second % 4) * 0.25 + 0.125, (f64::from(second / 4) + 0.5) / 3.0);
        assert_eq!(second_of(colour_at(&world, &names[0], 0.0, at)), second);
    }
    assert!(is_about(colour_at(&world, &names[0], 0.0, (0.95, 0.95)), [0, 0, 0]), "what is left stays black");
}

#[tokio::test]
async fn sprites_in_times_begin_where_they_say_beside_a_video() {
    let world = studio();
    give_clip(&world, "show.mp4", STEPS);
    let members = json!({"start": "PT2S", "step": "PT3S", "range": "PT6S", "spriteColumn": 1});
    let mut preset = sprite(&members);
    preset["codecs"]
        .as_array_mut()
        .unwrap()
        .push(codec("H264Video", &json!({"layers": [{"bitrate": 100_000}]})));
    let format =
        json!({"@odata.type": "#Microsoft.Media.Mp4Format", "filenamePattern": "{Basename}{Extension}"});
    preset["formats"].as_array_mut().unwrap().push(format);
    let names = encoded(&world, preset).await;
    assert_eq!(names, ["show.mp4", "sprite-show-000001.jpg", "sprite-show-000001.vtt"]);
    assert_eq!(tracks(&world, &names[1]), ["mjpeg 64x72"]);
    assert_eq!(second_of(colour_at(&world, &names[1], 0.0, (0.5, 0.2))), 2);
    assert_eq!(second_of(colour_at(&world, &names[1], 0.0, (0.5, 0.8))), 5);
    let text = read(&world, &names[2]);
    assert!(
        text.contains("00:00:02.000 --> 00:00:05.000\n") && text.contains("00:00:05.000 --> 00:00:10.000\n")
    );
}

#[tokio::test]
async fn sprites_are_of_jpegs_in_times_or_percentages() {
    let world = studio();
    let png = json!({"start": "0%", "spriteColumn": 4});
    for (preset, named) in [
        (sprite(&json!({"start": "0"})), "start, step and range"),
        (sprite(&json!({"start": "{Best}"})), "start, step and range"),
        (sprite(&json!({"range": "100"})), "start, step and range"),
        (sprite(&json!({"spriteColumn": 0})), "spriteColumn"),
        (images("Png", &png, "a.png"), "spriteColumn"),
    ] {
        let transform = json!({"properties": {"outputs": [{"preset": preset}]}});
        let (status, answer) = world.put("transforms/t", transform).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        assert!(text(&answer["error"]["message"]).contains(named), "{answer}");
    }
    give_clip(&world, "show.mp4", STEPS);
    let wide = sprite(&json!({"spriteColumn": 500, "layers": [{"width": "160"}]}));
    let (code, message) = failed(&world, &encode(&world, wide).await);
    assert_eq!(code, "ConfigurationUnsupported");
    assert!(message.contains("80000x"), "{message}");
}

#[tokio::test]
async fn thumbnails_are_where_times_frames_and_percentages_say() {
    let world = studio();
    give_clip(&world, "show.mp4", STEPS);
    for (start, step, range, seconds) in [
        ("PT1S", "PT4S", "PT9S", vec![1, 5, 9]),
        ("10", "40", "90", vec![1, 5, 9]),
        ("10%", "40%", "90%", vec![1, 5, 9]),
        ("PT3S", "10%", "1", vec![3]),
        ("0%", "25%", "100%", vec![0, 2, 5, 7]),
    ] {
        let world = studio();
        give_clip(&world, "show.mp4", STEPS);
        let preset = images("Png", &json!({"start": start, "step": step, "range": range}), "{Index}.png");
        let names = encoded(&world, preset).await;
        let found = names.iter().map(|name| second_of(colour_at(&world, name, 0.0, (0.5, 0.5))));
        assert_eq!(found.collect::<Vec<_>>(), seconds, "{start} {step} {range}");
    }
}

#[tokio::test]
async fn the_best_picture_is_not_a_black_one() {
    let world = studio();
    let dark = "-f lavfi -i color=black:size=320x180:rate=25:duration=0.4 -f lavfi -i testsrc2=size=320x180:rate=25:duration=3 \
        -filter_complex concat=n=2 -pix_fmt yuv420p -preset ultrafast";
    give_clip(&world, "show.mp4", dark);
    let preset =
        images("Png", &json!({"start": "{Best}", "step": "10%", "range": "100%"}), "{Basename}{Index}.png");
    let names = encoded(&world, preset).await;
    assert_eq!(names, ["show000001.png"]);
    assert_eq!(probe(&world, &names[0])["streams"][0]["width"], 320);
    let colours = [(0.1, 0.1), (0.5, 0.5), (0.9, 0.9)].map(|at| colour_at(&world, &names[0], 0.0, at));
    assert!(colours.iter().any(|colour| !is_about(*colour, [0, 0, 0])), "{colours:?}");
}

#[tokio::test]
async fn a_few_thumbnails_of_a_long_input_come_soon() {
    let world = studio();
    // An hour at 25 pictures a second would take minutes to decode on a busy machine.
    let long =
        "-f lavfi -i testsrc2=size=640x360:rate=25:duration=20 -pix_fmt yuv420p -preset ultrafast -g 50";
    give_clip(&world, "short.mp4", long);
    let short = world.storage.file("input", "short.mp4");
    give_clip(&world, "long.mp4", &format!("-stream_loop 179 -i {} -c copy", short.display()));
    std::fs::remove_file(short).unwrap();
    let began = Instant::now();
    let names = encoded(&world, images("Jpg", &json!({"start": "5%", "step": "25%"}), "{Index}.jpg")).await;
    assert_eq!(names.len(), 4);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[tokio::test]
async fn key_frames_are_not_enough_where_they_become_rare_later() {
    let world = studio();
    // A key frame each second of the first 61, and none after.
    let rare = "-f lavfi -i color=black:size=160x90:rate=2:duration=100 -vf geq=lum='16+2*floor(T)':cb=128:cr=128 \
        -pix_fmt yuv420p -preset ultrafast -g 9999 -sc_threshold 0 -force_key_frames expr:lt(t,61)*gte(t,n_forced)";
    give_clip(&world, "show.mp4", rare);
    let names = encoded(&world, images("Png", &json!({"start": "0%", "step": "20%"}), "{Index}.png")).await;
    let found = names.iter().map(|name| second_of(colour_at(&world, name, 0.0, (0.5, 0.5))));
    assert_eq!(found.collect::<Vec<_>>(), [0, 2, 4, 6, 8], "a tenth of the seconds they are at");
}
