//! Pictures, films and sounds laid over an input.

use serde_json::{Value, json};

use super::studio::{
    clip, codec, colour_at, duration_s, encode_input, failed, finished, frame_count, give_clip, is_about,
    loudness_db, standard, studio, tracks,
};

const GREEN: [u8; 3] = [0, 255, 0];
const RED: [u8; 3] = [255, 0, 0];
const FILM: &str =
    "-f lavfi -i color=lime:size=320x180:rate=25:duration=4 -pix_fmt yuv420p -preset ultrafast";

fn overlaid(overlays: &Value, codecs: &Value) -> Value {
    let mut preset = standard(codecs, "out.mp4");
    preset["filters"] = json!({"overlays": overlays});
    preset
}

fn video() -> Value {
    codec("H264Video", &json!({"layers": [{"bitrate": 800_000}]}))
}

/// The film, and another input by its label.
fn beside(label: &str, file: &str) -> Value {
    let mut over = clip(file, None, None);
    over["label"] = json!(label);
    json!({"@odata.type": "#Microsoft.Media.JobInputs", "inputs": [over, clip("film.mp4", None, None)]})
}

#[tokio::test]
async fn a_picture_lies_where_and_when_it_should_and_fades() {
    let world = studio();
    give_clip(&world, "film.mp4", FILM);
    give_clip(&world, "logo.png", "-f lavfi -i color=red:size=80x40 -frames:v 1");
    let overlay = codec(
        "VideoOverlay",
        &json!({
            "inputLabel": "logo", "position": {"left": "50%", "top": "90", "width": "40%", "height": "50%"},
            "opacity": 0.5, "start": "PT1S", "end": "PT3S", "fadeInDuration": "PT0.5S", "fadeOutDuration": "PT0.5S",
        }),
    );
    let preset = overlaid(&json!([overlay]), &json!([video()]));
    let job = encode_input(&world, preset, beside("logo", "logo.png")).await;
    assert_eq!(finished(&world, &job), ["out.mp4"]);
    assert_eq!(frame_count(&world, "out.mp4"), 100, "the overlay neither lengthens nor shortens");
    let half = [128, 128, 0];
    for (seconds, at, wanted) in [
        (0.5, (0.7, 0.75), GREEN),
        (2.0, (0.7, 0.75), half),
        (2.0, (0.25, 0.75), GREEN),
        (2.0, (0.7, 0.25), GREEN),
        (2.0, (0.97, 0.75), GREEN),
        (1.24, (0.7, 0.75), [64, 191, 0]),
        (3.5, (0.7, 0.75), GREEN),
    ] {
        let found = colour_at(&world, "out.mp4", seconds, at);
        assert!(is_about(found, wanted), "{found:?} at {seconds} s in {at:?}");
    }
}

#[tokio::test]
async fn a_picture_without_an_end_stays_to_the_end() {
    let world = studio();
    give_clip(&world, "film.mp4", FILM);
    for (name, options) in [("logo.jpg", ""), ("logo.gif", ""), ("logo.bmp", "")] {
        give_clip(
            &world,
            name,
            &format!("-f lavfi -i color=red:size=400x200 {options} -frames:v 1").replace("  ", " "),
        );
        let crop = json!({"left": "0", "width": "50%", "height": "50%"});
        let overlay =
            codec("VideoOverlay", &json!({"inputLabel": "logo", "cropRectangle": crop, "start": "PT2S"}));
        let preset = overlaid(&json!([overlay]), &json!([video()]));
        finished(&world, &encode_input(&world, preset, beside("logo", name)).await);
        assert_eq!(frame_count(&world, "out.mp4"), 100, "{name}");
        assert!(is_about(colour_at(&world, "out.mp4", 1.5, (0.1, 0.1)), GREEN), "{name}");
        assert!(is_about(colour_at(&world, "out.mp4", 3.9, (0.1, 0.1)), RED), "{name}");
        assert!(is_about(colour_at(&world, "out.mp4", 3.9, (0.9, 0.9)), GREEN), "{name}: 200x100 of 320x180");
    }
}

#[tokio::test]
async fn a_film_lies_over_another_and_brings_its_sound() {
    let world = studio();
    give_clip(&world, "film.mp4", FILM);
    give_clip(
        &world,
        "inset.mp4",
        "-f lavfi -i color=red:size=160x90:rate=30:duration=1 -f lavfi -i sine=duration=1 -pix_fmt yuv420p",
    );
    let overlay = codec("VideoOverlay", &json!({"inputLabel": "inset", "start": "PT1S"}));
    let preset = overlaid(&json!([overlay]), &json!([video(), codec("AacAudio", &json!({}))]));
    finished(&world, &encode_input(&world, preset, beside("inset", "inset.mp4")).await);
    assert_eq!(tracks(&world, "out.mp4"), ["h264 320x180", "aac 2"]);
    assert_eq!(frame_count(&world, "out.mp4"), 100);
    for (seconds, wanted) in [(0.5, GREEN), (1.5, RED), (2.5, GREEN)] {
        assert!(is_about(colour_at(&world, "out.mp4", seconds, (0.1, 0.1)), wanted), "{seconds} s");
    }
    assert!(loudness_db(&world, "out.mp4", 0.1, 0.9) < -80.0);
    assert!(loudness_db(&world, "out.mp4", 1.1, 1.9) > -30.0);
    assert!((duration_s(&world, "out.mp4") - 4.0).abs() < 0.1);
}

#[tokio::test]
async fn a_sound_is_mixed_with_its_gain_and_its_fades() {
    let world = studio();
    give_clip(&world, "film.mp4", &format!("-f lavfi -i anullsrc=r=48000:cl=stereo {FILM} -shortest"));
    give_clip(&world, "voice.wav", "-f lavfi -i sine=duration=8");
    let loud = async |gain: f64| {
        let overlay = codec(
            "AudioOverlay",
            &json!({
                "inputLabel": "voice", "start": "PT1S", "end": "PT3S", "audioGainLevel": gain, "fadeInDuration": "PT0.5S",
            }),
        );
        let preset = overlaid(&json!([overlay]), &json!([video(), codec("AacAudio", &json!({}))]));
        finished(&world, &encode_input(&world, preset, beside("voice", "voice.wav")).await);
        assert!((duration_s(&world, "out.mp4") - 4.0).abs() < 0.1);
        assert!(loudness_db(&world, "out.mp4", 0.1, 0.9) < -80.0, "before");
        assert!(loudness_db(&world, "out.mp4", 3.2, 3.9) < -80.0, "after");
        assert!(
            loudness_db(&world, "out.mp4", 1.0, 1.2) + 3.0 < loudness_db(&world, "out.mp4", 2.0, 2.5),
            "fades in"
        );
        loudness_db(&world, "out.mp4", 2.0, 2.9)
    };
    let (whole, half) = (loud(1.0).await, loud(0.5).await);
    assert!((whole - half - 6.0).abs() < 1.0, "half the gain is 6 dB less: {whole} and {half}");
}

#[tokio::test]
async fn several_overlays_lie_over_a_sequence() {
    let world = studio();
    give_clip(&world, "film.mp4", FILM);
    give_clip(&world, "logo.png", "-f lavfi -i color=red:size=32x18 -frames:v 1");
    let mut over = clip("logo.png", None, None);
    over["label"] = json!("logo");
    let clips = [clip("film.mp4", None, Some("PT1S")), clip("film.mp4", None, Some("PT1S"))];
    let sequence = json!({"@odata.type": "#Microsoft.Media.JobInputSequence", "inputs": clips});
    let input = json!({"@odata.type": "#Microsoft.Media.JobInputs", "inputs": [sequence, over]});
    let overlay =
        |left: &str| codec("VideoOverlay", &json!({"inputLabel": "logo", "position": {"left": left}}));
    let preset = overlaid(&json!([overlay("0"), overlay("90%")]), &json!([video()]));
    finished(&world, &encode_input(&world, preset, input).await);
    assert_eq!(frame_count(&world, "out.mp4"), 50);
    for seconds in [0.2, 1.8] {
        assert!(is_about(colour_at(&world, "out.mp4", seconds, (0.02, 0.02)), RED));
        assert!(is_about(colour_at(&world, "out.mp4", seconds, (0.5, 0.02)), GREEN));
        assert!(is_about(colour_at(&world, "out.mp4", seconds, (0.98, 0.02)), RED));
    }
}

#[tokio::test]
async fn an_overlay_has_to_be_one_file_of_its_kind() {
    let world = studio();
    give_clip(&world, "film.mp4", FILM);
    give_clip(&world, "logo.png", "-f lavfi -i color=red:size=32x18 -frames:v 1");
    world.storage.give("input", "notes.txt", b"no picture");
    let one = |kind: &str| overlaid(&json!([codec(kind, &json!({"inputLabel": "logo"}))]), &json!([video()]));
    let mut two = beside("logo", "logo.png");
    two["inputs"][0]["files"] = json!(["logo.png", "film.mp4"]);
    for (preset, input, code, named) in [
        (one("VideoOverlay"), beside("other", "logo.png"), "ConfigurationUnsupported", "'logo'"),
        (one("VideoOverlay"), two, "ConfigurationUnsupported", "exactly one file"),
        (one("AudioOverlay"), beside("logo", "logo.png"), "ConfigurationUnsupported", "no sound"),
        (one("VideoOverlay"), beside("logo", "notes.txt"), "ContentMalformed", ""),
        (one("VideoOverlay"), clip("logo.png", None, None), "ContentUnsupported", ""),
    ] {
        let (own, message) = failed(&world, &encode_input(&world, preset, input).await);
        assert_eq!(own, code, "{message}");
        assert!(message.contains(named), "{message}");
    }
}

#[tokio::test]
async fn an_overlay_after_the_end_is_never_there() {
    let world = studio();
    give_clip(&world, "film.mp4", &format!("-f lavfi -i anullsrc=r=48000:cl=stereo {FILM} -shortest"));
    give_clip(&world, "logo.png", "-f lavfi -i color=red:size=320x180 -frames:v 1");
    give_clip(&world, "voice.wav", "-f lavfi -i sine=duration=1");
    for (kind, file) in [("VideoOverlay", "logo.png"), ("AudioOverlay", "voice.wav")] {
        let overlay = codec(kind, &json!({"inputLabel": "late", "start": "PT9999999H"}));
        let preset = overlaid(&json!([overlay]), &json!([video(), codec("AacAudio", &json!({}))]));
        finished(&world, &encode_input(&world, preset, beside("late", file)).await);
        assert_eq!(frame_count(&world, "out.mp4"), 100);
        assert!(is_about(colour_at(&world, "out.mp4", 3.9, (0.5, 0.5)), GREEN));
        assert!(loudness_db(&world, "out.mp4", 0.0, 4.0) < -80.0);
    }
}

#[tokio::test]
async fn a_film_whose_sound_or_pictures_outlast_the_input_neither_cuts_nor_lengthens_it() {
    let world = studio();
    give_clip(&world, "film.mp4", FILM);
    let outlasting =
        "-f lavfi -i color=red:size=160x90:rate=30:duration=1 -f lavfi -i sine=duration=6 -pix_fmt yuv420p";
    for (film, end) in
        [(outlasting.to_owned(), GREEN), (outlasting.replace("30:duration=1", "30:duration=6"), RED)]
    {
        give_clip(&world, "inset.mp4", &film);
        let overlay = codec("VideoOverlay", &json!({"inputLabel": "inset", "start": "PT1S"}));
        let preset = overlaid(&json!([overlay]), &json!([video()]));
        finished(&world, &encode_input(&world, preset, beside("inset", "inset.mp4")).await);
        assert_eq!(frame_count(&world, "out.mp4"), 100);
        for (seconds, wanted) in [(0.5, GREEN), (1.5, RED), (3.5, end)] {
            let found = colour_at(&world, "out.mp4", seconds, (0.1, 0.1));
            assert!(is_about(found, wanted), "{found:?} at {seconds} s");
        }
    }
}

#[tokio::test]
async fn surround_stays_surround_under_the_sound_of_an_overlay() {
    let world = studio();
    let centre = "-f lavfi -i sine=duration=4 -filter_complex [1:a]pan=5.1|FC=c0[a] -map 0:v -map [a] -ar 48000 -c:a pcm_s16le -f mov";
    give_clip(&world, "film.mp4", &FILM.replace(" -pix_fmt", &format!(" {centre} -pix_fmt")));
    give_clip(&world, "voice.wav", "-f lavfi -i anullsrc=r=48000:cl=stereo -t 4");
    let overlay = codec("AudioOverlay", &json!({"inputLabel": "voice"}));
    let preset = overlaid(&json!([overlay]), &json!([codec("AacAudio", &json!({"channels": 6}))]));
    finished(&world, &encode_input(&world, preset, beside("voice", "voice.wav")).await);
    assert_eq!(tracks(&world, "out.mp4"), ["aac 6"]);
    let made = world.storage.file("output", "out.mp4");
    for (channel, is_loud) in [("FC", true), ("FL", false)] {
        give_clip(&world, "one.wav", &format!("-i {} -af pan=mono|c0={channel}", made.display()));
        let one = std::fs::read(world.storage.file("input", "one.wav")).unwrap();
        world.storage.give("output", "one.wav", &one);
        let loudness_db = loudness_db(&world, "one.wav", 0.5, 3.5);
        assert!(if is_loud { loudness_db > -30.0 } else { loudness_db < -60.0 }, "{channel}: {loudness_db}");
    }
}

#[tokio::test]
async fn an_overlay_larger_than_the_pictures_or_beyond_them_does_not_fit() {
    let world = studio();
    give_clip(&world, "film.mp4", FILM);
    give_clip(&world, "logo.png", "-f lavfi -i color=red:size=32x18 -frames:v 1");
    for (position, named) in [
        (json!({"width": "1000%"}), "3200x1800"),
        (json!({"left": "320"}), "320,0"),
        (json!({"top": "100%"}), "0,180"),
    ] {
        let overlay = codec("VideoOverlay", &json!({"inputLabel": "logo", "position": position}));
        let preset = overlaid(&json!([overlay]), &json!([video()]));
        let (code, message) = failed(&world, &encode_input(&world, preset, beside("logo", "logo.png")).await);
        assert_eq!(code, "ConfigurationUnsupported", "{message}");
        assert!(message.contains(named), "{message}");
    }
}
