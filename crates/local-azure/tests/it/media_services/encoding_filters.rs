//! Pictures turned, cropped, faded and made whole before they are encoded.

use http::StatusCode;
use serde_json::{Value, json};

use super::studio::{
    clip, codec, colour_at, duration_s, encode, encode_input, failed, finished, frame_count, give_clip,
    is_about, probe, standard, studio, text, tracks,
};
use super::world::World;

const RED: [u8; 3] = [255, 0, 0];
const GREEN: [u8; 3] = [0, 255, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255, 255, 255];

/// Four quarters: red and green above blue and white.
const QUARTERS: &str = "-f lavfi -i color=red:size=160x90:rate=25:duration=2 -f lavfi -i color=lime:size=160x90:rate=25:duration=2 \
    -f lavfi -i color=blue:size=160x90:rate=25:duration=2 -f lavfi -i color=white:size=160x90:rate=25:duration=2 \
    -filter_complex xstack=inputs=4:layout=0_0|w0_0|0_h0|w0_h0 -pix_fmt yuv420p -preset ultrafast";

/// A preset with these filters and one layer of the input's own size.
fn filtered(filters: Value) -> Value {
    let layers = json!({"layers": [{"bitrate": 500_000}]});
    let mut preset = standard(&json!([codec("H264Video", &layers)]), "out.mp4");
    preset["filters"] = filters;
    preset
}

/// The colours of the quarters of an output: above, from left to right, and below.
fn quarters(world: &World) -> [[u8; 3]; 4] {
    [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)].map(|at| colour_at(world, "out.mp4", 1.0, at))
}

fn assert_quarters(world: &World, wanted: [[u8; 3]; 4]) {
    let found = quarters(world);
    assert!(found.iter().zip(wanted).all(|(found, wanted)| is_about(*found, wanted)), "{found:?}");
}

#[tokio::test]
async fn pictures_are_turned_clockwise_and_sizes_follow() {
    let world = studio();
    give_clip(&world, "show.mp4", QUARTERS);
    for (rotation, size, colours) in [
        ("Rotate0", "h264 320x180", [RED, GREEN, BLUE, WHITE]),
        ("Rotate90", "h264 180x320", [BLUE, RED, WHITE, GREEN]),
        ("Rotate180", "h264 320x180", [WHITE, BLUE, GREEN, RED]),
        ("Rotate270", "h264 180x320", [GREEN, WHITE, RED, BLUE]),
    ] {
        finished(&world, &encode(&world, filtered(json!({"rotation": rotation}))).await);
        assert_eq!(tracks(&world, "out.mp4"), [size], "{rotation}");
        assert_quarters(&world, colours);
    }
    let mut preset = filtered(json!({"rotation": "Rotate90"}));
    preset["codecs"][0]["layers"] = json!([{"bitrate": 300_000, "height": "50%"}]);
    finished(&world, &encode(&world, preset).await);
    assert_eq!(tracks(&world, "out.mp4"), ["h264 90x160"], "percentages are of the turned picture");
}

#[tokio::test]
async fn what_a_file_says_about_turning_is_followed_or_not() {
    let world = studio();
    give_clip(&world, "plain.mp4", QUARTERS);
    let plain = world.storage.file("input", "plain.mp4");
    give_clip(&world, "turned.mp4", &format!("-i {} -c copy -metadata:s:v:0 rotate=90", plain.display()));
    let input = || clip("turned.mp4", None, None);
    for (rotation, size, colours) in [
        ("Auto", "h264 180x320", [GREEN, WHITE, RED, BLUE]),
        ("None", "h264 320x180", [GREEN, WHITE, RED, BLUE]),
        ("Rotate0", "h264 320x180", [RED, GREEN, BLUE, WHITE]),
        ("Rotate180", "h264 320x180", [WHITE, BLUE, GREEN, RED]),
    ] {
        finished(&world, &encode_input(&world, filtered(json!({"rotation": rotation})), input()).await);
        assert_eq!(tracks(&world, "out.mp4"), [size], "{rotation}");
        // With None, the output says the same about turning as the input, and is shown as the input is.
        let says = probe(&world, "out.mp4")["streams"][0]["side_data_list"][0]["rotation"].clone();
        assert_eq!(says, if rotation == "None" { json!(90) } else { Value::Null });
        assert_quarters(&world, colours);
    }
}

#[tokio::test]
async fn pictures_are_cropped_in_pixels_or_percent_after_they_are_turned() {
    let world = studio();
    give_clip(&world, "show.mp4", QUARTERS);
    let crop = json!({"left": "160", "top": "50%", "width": "50%", "height": "90"});
    finished(&world, &encode(&world, filtered(json!({"crop": crop}))).await);
    assert_eq!(tracks(&world, "out.mp4"), ["h264 160x90"]);
    assert_quarters(&world, [WHITE; 4]);
    let crop = json!({"width": "90", "height": "160"});
    finished(&world, &encode(&world, filtered(json!({"crop": crop, "rotation": "Rotate90"}))).await);
    assert_eq!(tracks(&world, "out.mp4"), ["h264 90x160"]);
    assert_quarters(&world, [BLUE; 4]);
}

#[tokio::test]
async fn a_crop_that_does_not_lie_on_the_picture_does_not_fit() {
    let world = studio();
    give_clip(&world, "show.mp4", QUARTERS);
    let crop = json!({"left": "200", "width": "200", "height": "50%"});
    let (code, message) = failed(&world, &encode(&world, filtered(json!({"crop": crop}))).await);
    assert_eq!(code, "ConfigurationUnsupported");
    assert!(message.contains("crop is 200x90 at 200,0"), "{message}");
}

#[tokio::test]
async fn anamorphic_pictures_are_cropped_as_they_are_shown() {
    let world = studio();
    let wide = "-f lavfi -i color=red:size=160x180:rate=25:duration=1 -vf setsar=2/1 -pix_fmt yuv420p";
    give_clip(&world, "wide.mp4", wide);
    let crop = json!({"left": "10", "width": "300", "height": "100"});
    finished(&world, &encode(&world, filtered(json!({"crop": crop}))).await);
    assert_eq!(tracks(&world, "out.mp4"), ["h264 300x100"]);
    assert_eq!(probe(&world, "out.mp4")["streams"][0]["sample_aspect_ratio"], "1:1");
}

#[tokio::test]
async fn pictures_fade_in_from_a_colour_and_out_to_another() {
    let world = studio();
    give_clip(&world, "show.mp4", "-f lavfi -i color=lime:size=160x90:rate=25:duration=4 -pix_fmt yuv420p");
    let filters = json!({
        "fadeIn": {"duration": "PT1S", "fadeColor": "rgb(255, 0, 0)"},
        "fadeOut": {"duration": "25%", "fadeColor": "#0000FF"},
    });
    finished(&world, &encode(&world, filtered(filters)).await);
    for (seconds, wanted) in
        [(0.0, RED), (0.5, [128, 128, 0]), (2.0, GREEN), (3.5, [0, 128, 128]), (3.96, BLUE)]
    {
        let found = colour_at(&world, "out.mp4", seconds, (0.5, 0.5));
        assert!(is_about(found, wanted), "{found:?} at {seconds} s");
    }
    let filters = json!({"fadeOut": {"duration": "25", "start": "PT2S", "fadeColor": "Black"}});
    finished(&world, &encode(&world, filtered(filters)).await);
    assert!(is_about(colour_at(&world, "out.mp4", 1.9, (0.5, 0.5)), GREEN));
    assert!(is_about(colour_at(&world, "out.mp4", 3.5, (0.5, 0.5)), [0, 0, 0]));
}

/// How far neighbouring lines are apart in an output: interlaced pictures of moving things have combs.
fn combed(world: &World) -> f64 {
    let file = world.storage.file("output", "out.mp4");
    let output = std::process::Command::new("ffmpeg")
        .args(["-v", "info", "-i", file.to_str().unwrap(), "-vf", "idet", "-f", "null", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let (_, counts) = said.rsplit_once("Multi frame detection:").unwrap();
    let count = |name: &str| -> f64 {
        let (_, rest) = counts.split_once(&format!("{name}:")).unwrap();
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    (count("TFF") + count("BFF")) / (count("TFF") + count("BFF") + count("Progressive")).max(1.0)
}

#[tokio::test]
async fn interlaced_pictures_are_made_whole_unless_a_preset_says_otherwise() {
    let world = studio();
    let interlaced = "-f lavfi -i testsrc2=size=320x180:rate=50:duration=2 -vf interlace=scan=tff -c:v mpeg2video -flags +ilme+ildct \
        -top 1 -b:v 4M";
    give_clip(&world, "field.ts", interlaced);
    for (filters, is_whole) in [
        (Value::Null, true),
        (json!({"deinterlace": {}}), true),
        (json!({"deinterlace": {"parity": "TopFieldFirst", "mode": "AutoPixelAdaptive"}}), true),
        (json!({"deinterlace": {"mode": "Off"}}), false),
    ] {
        let mut preset = filtered(filters.clone());
        preset["codecs"][0]["layers"] = json!([{"bitrate": 3_000_000}]);
        finished(&world, &encode(&world, preset).await);
        assert_eq!(frame_count(&world, "out.mp4"), 50);
        let combed = combed(&world);
        assert!(if is_whole { combed < 0.1 } else { combed > 0.9 }, "{combed} with {filters}");
    }
}

#[tokio::test]
async fn filters_work_on_a_sequence_and_on_thumbnails_too() {
    let world = studio();
    give_clip(&world, "show.mp4", QUARTERS);
    let clips = [clip("show.mp4", None, Some("PT1S")), clip("show.mp4", Some("PT1S"), None)];
    let input = json!({"@odata.type": "#Microsoft.Media.JobInputSequence", "inputs": clips});
    let mut preset = filtered(json!({"rotation": "Rotate90", "crop": {"width": "90", "height": "160"}}));
    preset["codecs"].as_array_mut().unwrap().push(codec("PngImage", &json!({"start": "50%", "range": "1"})));
    let format =
        json!({"@odata.type": "#Microsoft.Media.PngFormat", "filenamePattern": "{Index}{Extension}"});
    preset["formats"].as_array_mut().unwrap().push(format);
    let names = finished(&world, &encode_input(&world, preset, input).await);
    assert_eq!(names, ["000001.png", "out.mp4"]);
    assert_eq!(tracks(&world, "out.mp4"), ["h264 90x160"]);
    assert_eq!(tracks(&world, "000001.png"), ["png 90x160"]);
    assert!((duration_s(&world, "out.mp4") - 2.0).abs() < 0.1);
    assert_quarters(&world, [BLUE; 4]);
}

#[tokio::test]
async fn filters_that_fit_no_input_are_refused_with_the_transform() {
    let world = studio();
    for (filters, member) in [
        (json!({"crop": {"left": "1;movie=/etc/hostname", "width": "10", "height": "10"}}), "crop.left"),
        (json!({"fadeIn": {"duration": "PT1S", "fadeColor": "red:alpha=1"}}), "fadeIn.fadeColor"),
        (json!({"rotation": "Rotate45"}), "Rotate45"),
        (
            json!({"overlays": [{"@odata.type": "#Microsoft.Media.VideoOverlay", "inputLabel": "a", "opacity": 2}]}),
            "overlays[0].opacity",
        ),
    ] {
        let transform = json!({"properties": {"outputs": [{"preset": filtered(filters)}]}});
        let (status, answer) = world.put("transforms/t", transform).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        assert!(text(&answer["error"]["message"]).contains(member), "{answer}");
    }
}

#[tokio::test]
async fn copied_pictures_are_not_filtered() {
    let world = studio();
    give_clip(&world, "show.mp4", QUARTERS);
    let mut preset = standard(&json!([codec("CopyVideo", &json!({}))]), "out.mp4");
    preset["filters"] = json!({"rotation": "Rotate90"});
    let (code, message) = failed(&world, &encode(&world, preset).await);
    assert_eq!(code, "ConfigurationUnsupported");
    assert!(message.contains("CopyVideo"), "{message}");
}

#[tokio::test]
async fn a_fade_of_no_length_is_none() {
    let world = studio();
    give_clip(&world, "show.mp4", QUARTERS);
    let fade = json!({"duration": "PT0S", "fadeColor": "Black"});
    finished(&world, &encode(&world, filtered(json!({"fadeIn": fade, "fadeOut": fade}))).await);
    assert!(is_about(colour_at(&world, "out.mp4", 0.0, (0.25, 0.25)), RED));
    assert!(is_about(colour_at(&world, "out.mp4", 1.96, (0.25, 0.25)), RED));
}
