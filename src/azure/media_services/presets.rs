//! Transforms we make in an account that lacks them: the dialect's presets by their names, the original's own three, and
//! those that make pictures.

use gridwich_handlers::participants::{Pictures, Thumbnail};
use serde_json::{Value, json};

/// The dialect's presets, which need no more than their name.
const BUILT_IN: [&str; 17] = [
    "AACGoodQualityAudio",
    "AdaptiveStreaming",
    "ContentAwareEncoding",
    "ContentAwareEncodingExperimental",
    "CopyAllBitrateNonInterleaved",
    "DDGoodQualityAudio",
    "H264MultipleBitrate1080p",
    "H264MultipleBitrate720p",
    "H264MultipleBitrateSD",
    "H264SingleBitrate1080p",
    "H264SingleBitrate720p",
    "H264SingleBitrateSD",
    "H265AdaptiveStreaming",
    "H265ContentAwareEncoding",
    "H265SingleBitrate1080p",
    "H265SingleBitrate4K",
    "H265SingleBitrate720p",
];

/// A sheet of a hundred pictures, one for each hundredth of the input, a tenth of its width and height: the figures of the
/// documentation's example of a sprite.
const SPRITE_COLUMNS: u32 = 10;
const SPRITE_STEP: &str = "1%";
const SPRITE_SIDE: &str = "10%";
/// JPEG quality, from 0 to 100.
const SPRITE_QUALITY: u32 = 75;
const THUMBNAIL_QUALITY: u32 = 90;

fn transform_of_pictures(pictures: &Pictures) -> &'static str {
    match (pictures.sprite, pictures.thumbnail) {
        (true, Some(_)) => "sprite-and-thumbnail",
        (true, None) => "sprite-only",
        (false, _) => "thumbnail-only",
    }
}

/// The transform that pictures are made with, and its body.
pub(super) fn pictures(pictures: &Pictures) -> (&'static str, Value) {
    // Where the thumbnail is taken is said with each job; a transform is made once.
    let usual = Pictures { thumbnail: pictures.thumbnail.map(|_| Thumbnail::Best), ..*pictures };
    (transform_of_pictures(pictures), body(&of_pictures(&usual)))
}

/// The preset that makes pictures.
pub(super) fn of_pictures(pictures: &Pictures) -> Value {
    let mut codecs = Vec::new();
    if pictures.sprite {
        codecs.push(json!({
            "@odata.type": "#Microsoft.Media.JpgImage", "label": "sprite",
            "start": "0%", "step": SPRITE_STEP, "range": "100%", "spriteColumn": SPRITE_COLUMNS,
            "layers": [{"width": SPRITE_SIDE, "height": SPRITE_SIDE, "quality": SPRITE_QUALITY}],
        }));
    }
    if let Some(thumbnail) = pictures.thumbnail {
        let start = match thumbnail {
            Thumbnail::Best => "{Best}".to_owned(),
            Thumbnail::At(seconds) => iso_duration(seconds),
        };
        // "1" is one picture: of a longer step the encoder would choose the best one.
        codecs.push(json!({
            "@odata.type": "#Microsoft.Media.JpgImage", "label": "thumbnail",
            "start": start, "step": "1", "range": "1",
            "layers": [{"width": "100%", "height": "100%", "quality": THUMBNAIL_QUALITY}],
        }));
    }
    json!({
        "@odata.type": "#Microsoft.Media.StandardEncoderPreset",
        "codecs": codecs,
        "formats": [
            {"@odata.type": "#Microsoft.Media.JpgFormat", "filenamePattern": "{Basename}_{Label}_{Index}{Extension}"},
        ],
    })
}

/// Seconds as ISO 8601 writes a duration, to the microsecond.
pub(super) fn iso_duration(seconds: f64) -> String {
    let digits = format!("{seconds:.6}");
    format!("PT{}S", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// The original's ladder: profile, bits per second, width, height, and whether the layer may have B-frames.
const LADDER: [(&str, u32, u32, u32, bool); 5] = [
    ("High", 4_900_000, 1920, 1080, true),
    ("High", 2_500_000, 1920, 1080, true),
    ("Main", 1_600_000, 1280, 720, true),
    ("Main", 800_000, 960, 540, true),
    ("Baseline", 400_000, 640, 360, false),
];

/// A transform's name as it is spelled in the account, and its body; nothing when we know no transform of that name.
pub(super) fn named(name: &str) -> Option<(&'static str, Value)> {
    if let Some(preset) = BUILT_IN.iter().find(|preset| preset.eq_ignore_ascii_case(name)) {
        let preset_body =
            json!({"@odata.type": "#Microsoft.Media.BuiltInStandardEncoderPreset", "presetName": preset});
        return Some((preset, body(&preset_body)));
    }
    let copy_audio = json!({"@odata.type": "#Microsoft.Media.CopyAudio"});
    let mono_audio = json!({
        "@odata.type": "#Microsoft.Media.AacAudio",
        "profile": "AacLc", "channels": 1, "samplingRate": 48_000, "bitrate": 128_000,
    });
    let own = [
        ("audio-copy-video-mbr", copy_audio.clone(), 3),
        ("audio-copy-video-mbr-no-bframes", copy_audio, 0),
        ("audio-mono-aac-video-mbr-no-bframes", mono_audio, 0),
    ];
    let (name, audio, b_frames) = own.into_iter().find(|(own, ..)| own.eq_ignore_ascii_case(name))?;
    Some((name, body(&ladder(&audio, b_frames))))
}

fn body(preset: &Value) -> Value {
    json!({"properties": {"outputs": [
        {"onError": "StopProcessingJob", "relativePriority": "Normal", "preset": preset},
    ]}})
}

fn ladder(audio: &Value, b_frames: u32) -> Value {
    let layers = LADDER.map(|(profile, bitrate, width, height, may_have_b_frames)| {
        let mut layer = json!({
            "@odata.type": "#Microsoft.Media.H264Layer",
            "profile": profile, "level": "auto", "bitrate": bitrate,
            "width": width.to_string(), "height": height.to_string(),
            "bufferWindow": "PT5S", "referenceFrames": 3, "frameRate": "0/1",
            "label": format!("{width}x{height}"),
        });
        if may_have_b_frames {
            layer["bFrames"] = b_frames.into();
            layer["adaptiveBFrame"] = (b_frames > 0).into();
        }
        layer
    });
    json!({
        "@odata.type": "#Microsoft.Media.StandardEncoderPreset",
        "codecs": [
            audio,
            {"@odata.type": "#Microsoft.Media.H264Video", "keyFrameInterval": "PT2S", "layers": layers},
        ],
        "formats": [
            {"@odata.type": "#Microsoft.Media.Mp4Format", "filenamePattern": "{Basename}_{Label}_{Bitrate}{Extension}"},
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_known_in_any_case_and_strangers_are_not() {
        assert_eq!(named("adaptivestreaming").map(|(name, _)| name), Some("AdaptiveStreaming"));
        let (name, body) = named("AUDIO-copy-video-mbr").unwrap();
        assert_eq!(name, "audio-copy-video-mbr");
        let codecs = &body["properties"]["outputs"][0]["preset"]["codecs"];
        assert_eq!(codecs[1]["layers"].as_array().map(Vec::len), Some(5));
        assert_eq!(codecs[1]["layers"][4].get("bFrames"), None);
        assert!(named("nonesuch").is_none());
    }

    #[test]
    fn durations_are_written_without_needless_digits() {
        for (seconds, expected) in [(0.0, "PT0S"), (10.0, "PT10S"), (0.5, "PT0.5S"), (70.25, "PT70.25S")] {
            assert_eq!(iso_duration(seconds), expected);
        }
    }
}
