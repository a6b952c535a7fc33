//! The presets that do not make their own ladder, really encoded.

use serde_json::{Value, json};

use super::studio::{
    CLIP, clip, codec, duration_s, encode, encode_input, encoded, failed, finished, frame_count, give_clip,
    key_frames, probe, standard, studio, text, tracks,
};
use super::world::built_in;

async fn made_by(preset: Value) -> Vec<(String, Vec<String>)> {
    let world = studio();
    give_clip(&world, "show.mp4", CLIP);
    let names = encoded(&world, preset).await;
    names.into_iter().map(|name| (name.clone(), tracks(&world, &name))).collect()
}

#[tokio::test]
async fn single_bitrate_makes_one_file_no_larger_than_its_input() {
    let made = made_by(built_in("H264SingleBitrate720p")).await;
    let name = "show_640x360_AACAudio_4500.mp4".to_owned();
    assert_eq!(made, [(name, vec!["h264 640x360".to_owned(), "aac 2".to_owned()])]);
}

#[tokio::test]
async fn multiple_bitrate_makes_all_its_rungs_with_sound() {
    let made = made_by(built_in("H264MultipleBitrate720p")).await;
    let rates = made.iter().map(|(name, _)| name.rsplit('_').next().unwrap()).collect::<Vec<_>>();
    assert_eq!(rates.len(), 6, "{made:?}");
    assert!(
        ["3400.mp4", "2250.mp4", "1500.mp4", "1000.mp4", "600.mp4", "400.mp4"]
            .iter()
            .all(|r| rates.contains(r))
    );
    assert!(made.iter().all(|(_, tracks)| tracks.len() == 2 && tracks[1] == "aac 2"));
}

#[tokio::test]
async fn good_quality_audio_makes_sound_alone() {
    for (preset, name, track) in [
        ("AACGoodQualityAudio", "show_AACAudio_192.mp4", "aac 2"),
        ("DDGoodQualityAudio", "show_DDAudio_192.mp4", "ac3 2"),
    ] {
        let made = made_by(built_in(preset)).await;
        assert_eq!(made, [(name.to_owned(), vec![track.to_owned()])]);
    }
}

#[tokio::test]
async fn h265_is_made_and_tagged_for_players() {
    let world = studio();
    give_clip(&world, "show.mp4", CLIP);
    let mut preset = built_in("H265AdaptiveStreaming");
    preset["configurations"] = json!({"complexity": "Speed", "maxLayers": 2, "keyFrameIntervalInSeconds": 1});
    let names = encoded(&world, preset).await;
    assert_eq!(names.len(), 3, "{names:?}");
    for name in names.iter().filter(|name| !name.contains("Audio")) {
        let video = &probe(&world, name)["streams"][0];
        assert_eq!((text(&video["codec_name"]), text(&video["codec_tag_string"])), ("hevc", "hvc1"));
        assert_eq!(key_frames(&world, name), ["0.000000", "1.000000", "2.000000"]);
    }
}

#[tokio::test]
async fn layers_are_encoded_as_they_are_described() {
    let world = studio();
    give_clip(&world, "a show with a name of more than thirty-two characters.mp4", CLIP);
    let layer = |width: &str, bitrate: u32, profile: &str, label: &str| {
        json!({"width": width, "bitrate": bitrate, "profile": profile, "label": label, "bFrames": 0,
               "referenceFrames": 3, "bufferWindow": "PT5S", "level": "3.1", "entropyMode": "Cabac", "frameRate": "0/1"})
    };
    let layers = [layer("1280", 900_000, "High", "HD"), layer("50%", 300_000, "Baseline", "SD")];
    let codecs = json!([
        codec("AacAudio", &json!({"channels": 1, "samplingRate": 44_100, "bitrate": 96_000})),
        codec("H264Video", &json!({"keyFrameInterval": "PT1S", "complexity": "Speed", "layers": layers})),
    ]);
    let names = encoded(&world, standard(&codecs, "{Basename}_{Label}_{Bitrate}.mp4")).await;
    let base = "a show with a name of more than";
    assert_eq!(names, [format!("{base} _HD_900.mp4"), format!("{base} _SD_300.mp4")]);
    assert_eq!(tracks(&world, &names[0]), ["h264 1280x720", "aac 1"]);
    assert_eq!(tracks(&world, &names[1]), ["h264 320x180", "aac 1"]);
    let probed = probe(&world, &names[1]);
    assert_eq!(text(&probed["streams"][0]["profile"]), "Constrained Baseline");
    assert_eq!(
        (&probed["streams"][0]["level"], text(&probed["streams"][1]["sample_rate"])),
        (&json!(31), "44100")
    );
    assert!(names.iter().all(|name| key_frames(&world, name) == ["0.000000", "1.000000", "2.000000"]));
}

#[tokio::test]
async fn rate_control_and_stretching_follow_the_preset() {
    let world = studio();
    give_clip(&world, "show.mp4", CLIP);
    let layer = json!({"width": "200", "height": "200", "bitrate": 400_000, "crf": 30, "adaptiveBFrame": false, "slices": 2});
    for (members, size) in [
        (json!({"rateControlMode": "CBR", "stretchMode": "None", "layers": [layer]}), "h264 200x200"),
        (json!({"rateControlMode": "CRF", "stretchMode": "AutoFit", "layers": [layer]}), "h264 200x200"),
        (
            json!({"rateControlMode": "ABR", "stretchMode": "AutoSize", "syncMode": "Cfr", "layers": [layer]}),
            "h264 200x112",
        ),
        (
            json!({"sceneChangeDetection": true, "layers": [{"bitrate": 400_000, "height": "90", "frameRate": "15/1"}]}),
            "h264 160x90",
        ),
    ] {
        let preset = standard(&json!([codec("H264Video", &members)]), "out.mp4");
        assert_eq!(encoded(&world, preset).await, ["out.mp4"], "{members}");
        assert_eq!(tracks(&world, "out.mp4"), [size], "{members}");
    }
}

#[tokio::test]
async fn output_files_group_tracks_by_label() {
    let layer = |label: &str, height: &str| json!({"label": label, "height": height, "bitrate": 300_000});
    let mut preset = standard(
        &json!([
            codec("CopyAudio", &json!({"label": "copied"})),
            codec("AacAudio", &json!({"label": "mono", "channels": 1})),
            codec("H265Video", &json!({"complexity": "Speed", "layers": [layer("x", "90")]})),
            codec("H264Video", &json!({"layers": [layer("y", "180")]})),
        ]),
        "{Label}-{Codec}-{Resolution}{Extension}",
    );
    let group = |labels: &[&str]| json!({"labels": labels});
    preset["formats"][0]["outputFiles"] =
        json!([group(&["x"]), group(&["y", "mono"]), group(&["copied", "mono"])]);
    let made = made_by(preset).await;
    let made = made.iter().map(|(name, tracks)| format!("{name}: {}", tracks.join(", "))).collect::<Vec<_>>();
    assert_eq!(
        made,
        [
            "copied-aac.mp4: aac 1, aac 1",
            "x-hevc-160x90.mp4: hevc 160x90",
            "y-h264-320x180.mp4: h264 320x180, aac 1",
        ]
    );
}

#[tokio::test]
async fn thumbnails_are_taken_at_their_times() {
    let world = studio();
    give_clip(&world, "show.mp4", CLIP);
    let images = json!([
        codec(
            "JpgImage",
            &json!({"start": "PT0S", "step": "PT1S", "range": "100%", "layers": [{"width": "50%", "quality": 90}]})
        ),
        codec("PngImage", &json!({"start": "{Best}", "layers": [{"width": "160", "height": "90"}]})),
    ]);
    let preset = json!({
        "@odata.type": "#Microsoft.Media.StandardEncoderPreset", "codecs": images,
        "formats": [
            {"@odata.type": "#Microsoft.Media.JpgFormat", "filenamePattern": "{Basename}-{Index}{Extension}"},
            {"@odata.type": "#Microsoft.Media.PngFormat", "filenamePattern": "Best-{Basename}{Extension}"},
        ],
    });
    let names = encoded(&world, preset).await;
    assert_eq!(names, ["Best-show.png", "show-000001.jpg", "show-000002.jpg", "show-000003.jpg"]);
    assert_eq!(tracks(&world, "show-000003.jpg"), ["mjpeg 320x180"]);
    assert_eq!(tracks(&world, "Best-show.png"), ["png 160x90"]);
    assert!(!world.storage.names("output").contains(&"show.ism".to_owned()));
}

#[tokio::test]
async fn thumbnails_and_layers_come_from_one_run() {
    let world = studio();
    give_clip(&world, "show.mp4", CLIP);
    let codecs = json!([
        codec("H264Video", &json!({"layers": [{"bitrate": 300_000, "height": "90"}]})),
        codec("JpgImage", &json!({"start": "15", "step": "15", "range": "1"})),
    ]);
    let mut preset = standard(&codecs, "{Basename}.mp4");
    preset["formats"].as_array_mut().unwrap().push(
        json!({"@odata.type": "#Microsoft.Media.JpgFormat", "filenamePattern": "{Basename}{Index}{Extension}"}),
    );
    assert_eq!(encoded(&world, preset).await, ["show.mp4", "show000001.jpg"]);
    assert_eq!(frame_count(&world, "show.mp4"), 90);
}

#[tokio::test]
async fn tracks_are_copied_as_they_are() {
    let world = studio();
    give_clip(&world, "show.mp4", CLIP);
    let codecs = json!([codec("CopyVideo", &json!({})), codec("CopyAudio", &json!({}))]);
    let input = clip("show.mp4", None, Some("PT2S"));
    let job = encode_input(&world, standard(&codecs, "{Basename}_copy{Extension}"), input).await;
    assert_eq!(finished(&world, &job), ["show_copy.mp4"]);
    assert_eq!(tracks(&world, "show_copy.mp4"), ["h264 640x360", "aac 1"]);
    assert!((duration_s(&world, "show_copy.mp4") - 2.0).abs() < 0.2);
}

#[tokio::test]
async fn percentages_of_the_input_are_at_most_what_an_encoder_takes() {
    let world = studio();
    give_clip(&world, "wide.mp4", "-f lavfi -i color=red:size=1920x16:rate=5:duration=1 -preset ultrafast");
    let video = codec("H264Video", &json!({"layers": [{"bitrate": 300_000, "width": "1000%"}]}));
    let image = codec("JpgImage", &json!({"start": "0%", "layers": [{"width": "1000%"}]}));
    let mut images = standard(&json!([image]), "{Index}.jpg");
    images["formats"][0]["@odata.type"] = json!("#Microsoft.Media.JpgFormat");
    for preset in [standard(&json!([video]), "out.mp4"), images] {
        let (code, message) = failed(&world, &encode(&world, preset).await);
        assert_eq!(code, "ConfigurationUnsupported");
        assert!(message.contains("19200x160"), "{message}");
    }
}

#[tokio::test]
async fn the_largest_bitrate_has_the_longest_window() {
    let world = studio();
    give_clip(&world, "show.mp4", CLIP);
    let layers = json!({"layers": [{"bitrate": 800_000_000, "bufferWindow": "PT100S", "height": "90"}]});
    let codecs = json!([codec("H264Video", &layers)]);
    assert_eq!(encoded(&world, standard(&codecs, "out.mp4")).await, ["out.mp4"]);
}
