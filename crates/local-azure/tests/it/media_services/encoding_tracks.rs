//! Choices of tracks, channels put together, several sounds in one job, and transport streams.

use serde_json::{Value, json};

use super::studio::{
    CLIP, clip, codec, encode, encode_input, encoded, failed, finished, frame_count, give_clip, loudness_db,
    probe, standard, studio, text, tracks,
};
use super::world::{World, built_in};

/// Small pictures and two sounds, of which the first is English and the second, twice as high, French.
const LANGUAGES: &str = "-f lavfi -i testsrc2=size=160x90:rate=25:duration=2 -f lavfi -i sine=frequency=300:duration=2 \
    -f lavfi -i sine=frequency=600:duration=2 -map 0 -map 1 -map 2 -metadata:s:a:0 language=eng -metadata:s:a:1 language=fra \
    -b:a:0 64k -b:a:1 128k -pix_fmt yuv420p";

fn choosing(file: &str, kind: &str, tracks: &Value) -> Value {
    let mut input = clip(file, None, None);
    let mut definition = codec(kind, &json!({"includedTracks": tracks}));
    if kind == "InputFile" {
        definition["filename"] = json!(file);
    }
    input["inputDefinitions"] = json!([definition]);
    input
}

fn by_attribute(attribute: &str, filter: &str, value: Option<&str>) -> Value {
    let members = json!({"attribute": attribute, "filter": filter, "filterValue": value});
    codec("SelectAudioTrackByAttribute", &members)
}

fn languages(world: &World, name: &str) -> Vec<String> {
    let probed = probe(world, name);
    let streams =
        probed["streams"].as_array().unwrap().iter().filter(|stream| stream["codec_type"] == "audio");
    streams.map(|stream| text(&stream["tags"]["language"]).to_owned()).collect()
}

#[tokio::test]
async fn sounds_are_chosen_by_language_bitrate_or_number() {
    let world = studio();
    give_clip(&world, "show.mp4", LANGUAGES);
    let preset =
        standard(&json!([codec("AacAudio", &json!({"channels": 1}))]), "{Basename}-{AudioStream}.mp4");
    for (kind, selection, wanted) in [
        ("FromAllInputFile", by_attribute("Language", "ValueEquals", Some("fra")), "fra"),
        ("FromAllInputFile", by_attribute("Language", "ValueEquals", Some("en-US")), "eng"),
        ("FromEachInputFile", by_attribute("Bitrate", "Top", None), "fra"),
        ("FromEachInputFile", by_attribute("Bitrate", "Bottom", None), "eng"),
        ("InputFile", codec("SelectAudioTrackById", &json!({"trackId": 2})), "fra"),
    ] {
        let input = choosing("show.mp4", kind, &json!([selection]));
        let job = encode_input(&world, preset.clone(), input).await;
        assert_eq!(finished(&world, &job), ["show-Audio1.mp4"], "{selection}");
        assert_eq!(languages(&world, "show-Audio1.mp4"), [wanted], "{selection}");
    }
}

#[tokio::test]
async fn every_chosen_sound_is_beside_the_pictures() {
    let world = studio();
    give_clip(&world, "show.mp4", LANGUAGES);
    let input = || choosing("show.mp4", "FromAllInputFile", &json!([by_attribute("Language", "All", None)]));
    let names = finished(&world, &encode_input(&world, built_in("H264SingleBitrateSD"), input()).await);
    assert_eq!(tracks(&world, &names[0]), ["h264 160x90", "aac 2", "aac 2"]);
    assert_eq!(languages(&world, &names[0]), ["eng", "fra"]);
    let world = studio();
    give_clip(&world, "show.mp4", LANGUAGES);
    let names = finished(&world, &encode_input(&world, built_in("AdaptiveStreaming"), input()).await);
    let sounds = names.iter().filter(|name| name.contains("AACAudio")).collect::<Vec<_>>();
    assert_eq!(sounds, ["show_AACAudio_Audio1_128.mp4", "show_AACAudio_Audio2_128.mp4"]);
    assert_eq!(languages(&world, sounds[1]), ["fra"]);
}

#[tokio::test]
async fn single_channels_become_stereo_and_surround() {
    let world = studio();
    let tone = |hertz: u32| format!("-f lavfi -i sine=frequency={hertz}:duration=2 ");
    let tones = (1..=8).map(|n| tone(n * 100)).collect::<String>();
    let maps = (0..8).map(|n| format!("-map {n} ")).collect::<String>();
    give_clip(&world, "tracks.mp4", &format!("{tones}{maps}-ac 1"));
    let channels = [
        "StereoLeft",
        "StereoRight",
        "FrontLeft",
        "FrontRight",
        "Center",
        "LowFrequencyEffects",
        "BackLeft",
        "BackRight",
    ];
    let track = |(id, channel): (usize, &&str)| {
        codec("SelectAudioTrackById", &json!({"trackId": id, "channelMapping": channel}))
    };
    let selected = channels.iter().enumerate().map(track).collect::<Vec<_>>();
    let codecs = json!([
        codec("AacAudio", &json!({"channels": 2, "label": "stereo"})),
        codec("DDAudio", &json!({"channels": 6, "bitrate": 384_000, "label": "surround"})),
    ]);
    let mut preset = standard(&codecs, "{Basename}-{Label}{Extension}");
    preset["formats"][0]["outputFiles"] = json!([{"labels": ["stereo", "surround"]}]);
    let input = choosing("tracks.mp4", "InputFile", &json!(selected));
    let job = encode_input(&world, preset, input).await;
    assert_eq!(finished(&world, &job), ["tracks-stereo.mp4"]);
    assert_eq!(tracks(&world, "tracks-stereo.mp4"), ["aac 2", "ac3 6"]);
    let layout = probe(&world, "tracks-stereo.mp4")["streams"][1]["channel_layout"].clone();
    assert!(text(&layout).starts_with("5.1"), "{layout}");
}

#[tokio::test]
async fn the_smaller_pictures_can_be_chosen() {
    let world = studio();
    give_clip(
        &world,
        "two.mkv",
        "-f lavfi -i testsrc2=size=320x180:rate=25:duration=1 -f lavfi -i testsrc2=size=160x90:rate=25:duration=1 \
         -map 0 -map 1 -pix_fmt yuv420p",
    );
    let input = choosing(
        "two.mkv",
        "FromAllInputFile",
        &json!([codec("SelectVideoTrackById", &json!({"trackId": 1}))]),
    );
    let names = finished(&world, &encode_input(&world, built_in("H264SingleBitrateSD"), input).await);
    assert_eq!(tracks(&world, &names[0]), ["h264 160x90"]);
}

#[tokio::test]
async fn a_track_that_is_not_there_is_named() {
    let world = studio();
    give_clip(&world, "show.mp4", LANGUAGES);
    for (selection, named) in [
        (codec("SelectAudioTrackById", &json!({"trackId": 7})), "audio track 7"),
        (codec("SelectAudioTrackById", &json!({"trackId": 0})), "audio track 0"),
        (by_attribute("Language", "ValueEquals", Some("deu")), "Language"),
    ] {
        let input = choosing("show.mp4", "FromAllInputFile", &json!([selection]));
        let (code, message) =
            failed(&world, &encode_input(&world, built_in("AACGoodQualityAudio"), input).await);
        assert_eq!(code, "ConfigurationUnsupported");
        assert!(message.contains(named), "{message}");
    }
}

#[tokio::test]
async fn transport_streams_hold_what_mp4_would() {
    let world = studio();
    give_clip(&world, "show.mp4", CLIP);
    let layer = |height: &str, label: &str| json!({"bitrate": 400_000, "height": height, "label": label});
    let codecs = json!([
        codec("AacAudio", &json!({"bitrate": 96_000})),
        codec("H264Video", &json!({"layers": [layer("180", "HD"), layer("90", "SD")]})),
    ]);
    let mut preset = standard(&codecs, "{Basename}-{Label}{Extension}");
    preset["formats"][0]["@odata.type"] = json!("#Microsoft.Media.TransportStreamFormat");
    let names = encoded(&world, preset.clone()).await;
    assert_eq!(names, ["show-HD.ts", "show-SD.ts"]);
    assert_eq!(tracks(&world, "show-HD.ts"), ["h264 320x180", "aac 2"]);
    assert_eq!(text(&probe(&world, "show-HD.ts")["format"]["format_name"]), "mpegts");
    assert_eq!(frame_count(&world, "show-SD.ts"), 90);
    assert!(!world.storage.names("output").contains(&"show.ism".to_owned()));
    preset["codecs"] = json!([codec("CopyVideo", &json!({})), codec("CopyAudio", &json!({}))]);
    let names = finished(&world, &encode(&world, preset).await);
    assert!(names.contains(&"show.ts".to_owned()), "{names:?}");
    assert_eq!(tracks(&world, "show.ts"), ["h264 640x360", "aac 1"]);
}

#[tokio::test]
async fn a_sequence_keeps_surround_sound_and_fills_silence() {
    let world = studio();
    let surround = "-f lavfi -i testsrc2=size=160x90:rate=25:duration=1 -f lavfi -i anoisesrc=d=1:a=0.1 -ac 6 -pix_fmt yuv420p";
    give_clip(&world, "a.mp4", surround);
    give_clip(
        &world,
        "b.mkv",
        "-f lavfi -i testsrc2=size=181x321:rate=30000/1001:duration=1 -pix_fmt yuv444p",
    );
    give_clip(
        &world,
        "c.mp4",
        "-f lavfi -i testsrc2=size=320x240:rate=10:duration=1 -f lavfi -i sine=d=1:r=22050 -pix_fmt yuv420p",
    );
    let clips = ["a.mp4", "b.mkv", "c.mp4"].map(|name| clip(name, None, None));
    let input = json!({"@odata.type": "#Microsoft.Media.JobInputSequence", "inputs": clips});
    let codecs = json!([
        codec("DDAudio", &json!({"channels": 6, "bitrate": 384_000})),
        codec("H264Video", &json!({"layers": [{"bitrate": 300_000}]})),
    ]);
    let job = encode_input(&world, standard(&codecs, "out.mp4"), input).await;
    assert_eq!(finished(&world, &job), ["out.mp4"]);
    assert_eq!(tracks(&world, "out.mp4"), ["h264 160x90", "ac3 6"]);
    assert_eq!(frame_count(&world, "out.mp4"), 75);
    assert!(loudness_db(&world, "out.mp4", 1.2, 1.8) < -70.0, "the second clip is silent");
    assert!(loudness_db(&world, "out.mp4", 2.2, 2.8) > -50.0);
}
