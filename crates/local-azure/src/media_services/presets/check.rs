//! Refuses presets whose values no input could satisfy. What depends on the input, or is only not offered here, ends a
//! job instead.

use std::ops::RangeInclusive;

use super::position::Position;
use super::standard::{Codec, Format, H26xLayer, H26xVideo, Image, ImageLayer, MultiBitrateFormat, Profile};
use super::{BuiltInPreset, Preset, StandardPreset, check_audio, check_filters};
use crate::media_services::iso_duration::IsoDuration;

/// `keyFrameInterval`: between half a second and 20 seconds.
const KEY_FRAME_INTERVAL_S: RangeInclusive<f64> = 0.5..=20.0;
/// `bufferWindow`: between 0.1 and 100 seconds.
const BUFFER_WINDOW_S: RangeInclusive<f64> = 0.1..=100.0;
/// Bits per second; beyond any level of H.264 and H.265.
const BITRATE_BPS: RangeInclusive<u64> = 1_000..=800_000_000;
/// `crf`: the scale of x264 and x265.
const CRF: RangeInclusive<f64> = 0.0..=51.0;
/// What x264 takes.
const B_FRAMES_MAX: u32 = 16;
const REFERENCE_FRAMES_MAX: u32 = 16;
/// Pixels of one side of a picture: the largest an encoder takes, 16K.
pub(in crate::media_services) const SIDE_MAX: u32 = 16_384;
/// A sheet of more columns is wider than a JPEG, whose side has at most 65,535 pixels, even if they are tiny.
const SPRITE_COLUMNS_MAX: u32 = 1_000;
/// A ladder of more layers, or a preset of more codecs and formats, is a mistake.
const PARTS_MAX: usize = 50;
/// A blob's name has at most 1,024 characters, and macros still expand.
const PATTERN_CHARS_MAX: usize = 512;

/// What is wrong, as the end of a sentence.
pub(super) type Checked = Result<(), String>;

pub(super) fn check(preset: &Preset) -> Checked {
    match preset {
        Preset::BuiltIn(preset) => check_built_in(preset),
        Preset::Standard(preset) => check_standard(preset),
        Preset::AudioAnalyzer | Preset::VideoAnalyzer | Preset::FaceDetector => Ok(()),
    }
}

fn check_built_in(preset: &BuiltInPreset) -> Checked {
    let Some(configurations) = &preset.configurations else { return Ok(()) };
    require(
        preset.preset_name.has_own_ladder(),
        "configurations are only for adaptive and content-aware presets",
    )?;
    if let Some(seconds) = configurations.key_frame_interval_in_seconds {
        within("keyFrameIntervalInSeconds", seconds, &KEY_FRAME_INTERVAL_S)?;
    }
    for bitrate in [configurations.min_bitrate_bps, configurations.max_bitrate_bps].into_iter().flatten() {
        within("minBitrateBps and maxBitrateBps", bitrate, &BITRATE_BPS)?;
    }
    require(configurations.max_layers != Some(0), "maxLayers is at least 1")?;
    let ordered = |low: Option<u64>, high: Option<u64>| low.zip(high).is_none_or(|(low, high)| low <= high);
    require(
        ordered(configurations.min_bitrate_bps, configurations.max_bitrate_bps),
        "minBitrateBps is at most maxBitrateBps",
    )?;
    let heights = (configurations.min_height.map(u64::from), configurations.max_height.map(u64::from));
    require(ordered(heights.0, heights.1), "minHeight is at most maxHeight")
}

fn check_standard(preset: &StandardPreset) -> Checked {
    require((1..=PARTS_MAX).contains(&preset.codecs.len()), "codecs has between 1 and 50 entries")?;
    require((1..=PARTS_MAX).contains(&preset.formats.len()), "formats has between 1 and 50 entries")?;
    for codec in &preset.codecs {
        check_codec(codec)?;
    }
    preset.filters.as_ref().map_or(Ok(()), check_filters::check)?;
    let labels = labels(&preset.codecs);
    for format in &preset.formats {
        check_format(format, &labels)?;
    }
    Ok(())
}

fn check_codec(codec: &Codec) -> Checked {
    match codec {
        Codec::CopyAudio(_) | Codec::CopyVideo(_) => Ok(()),
        Codec::AacAudio(audio) => check_audio::aac(audio),
        Codec::DdAudio(audio) => check_audio::dolby_digital(audio),
        Codec::H264Video(video) => check_video(video).and_then(|()| check_h264(video)),
        Codec::H265Video(video) => check_video(video).and_then(|()| check_h265(video)),
        Codec::JpgImage(image) => check_image(image),
        Codec::PngImage(image) => {
            let quality = image.layers.iter().flatten().any(|layer| layer.quality.is_some());
            require(!quality, "a PngImage layer has no quality")?;
            require(image.sprite_column.is_none(), "a PngImage has no spriteColumn")?;
            check_image(image)
        }
    }
}

fn check_video(video: &H26xVideo) -> Checked {
    require((1..=PARTS_MAX).contains(&video.layers.len()), "layers has between 1 and 50 entries")?;
    check_key_frame_interval(video.key_frame_interval.as_ref())?;
    video.layers.iter().try_for_each(check_layer)
}

fn check_h264(video: &H26xVideo) -> Checked {
    let main10 = video.layers.iter().any(|layer| layer.profile == Some(Profile::Main10));
    require(!main10, "an H264Layer has no profile Main10")
}

fn check_h265(video: &H26xVideo) -> Checked {
    require(video.rate_control_mode.is_none(), "an H265Video has no rateControlMode")?;
    let only = [None, Some(Profile::Auto), Some(Profile::Main), Some(Profile::Main10)];
    require(
        video.layers.iter().all(|layer| only.contains(&layer.profile)),
        "the profile of an H265Layer is Auto, Main or Main10",
    )?;
    let entropy = video.layers.iter().any(|layer| layer.entropy_mode.is_some());
    require(!entropy, "an H265Layer has no entropyMode")
}

fn check_layer(layer: &H26xLayer) -> Checked {
    within("bitrate", layer.bitrate, &BITRATE_BPS)?;
    if let Some(bitrate) = layer.max_bitrate {
        within("maxBitrate", bitrate, &(layer.bitrate..=*BITRATE_BPS.end()))?;
    }
    if let Some(window) = &layer.buffer_window {
        within("bufferWindow", window.length().as_secs_f64(), &BUFFER_WINDOW_S)?;
    }
    if let Some(crf) = layer.crf {
        within("crf", crf, &CRF)?;
    }
    within("bFrames", layer.b_frames.unwrap_or(0), &(0..=B_FRAMES_MAX))?;
    within("referenceFrames", layer.reference_frames.unwrap_or(1), &(1..=REFERENCE_FRAMES_MAX))?;
    within("slices", layer.slices.unwrap_or(0), &(0..=256))?;
    require(
        layer.frame_rate.as_deref().is_none_or(is_frame_rate),
        "frameRate is a quotient such as 30000/1001",
    )?;
    require(layer.level.as_deref().is_none_or(is_level), "level is auto or a number such as 3.1")?;
    check_side(layer.width.as_deref())?;
    check_side(layer.height.as_deref())
}

fn check_image(image: &Image) -> Checked {
    check_key_frame_interval(image.key_frame_interval.as_ref())?;
    require(
        is_position(&image.start) || image.start == "{Best}",
        "start is a time, a frame, a percentage or {Best}",
    )?;
    for position in [&image.step, &image.range].into_iter().flatten() {
        require(is_position(position), "step and range are a time, a frame or a percentage")?;
    }
    if let Some(columns) = image.sprite_column {
        within("spriteColumn", columns, &(1..=SPRITE_COLUMNS_MAX))?;
        let positions = [Some(&image.start), image.step.as_ref(), image.range.as_ref()];
        let in_time =
            |text: &String| matches!(Position::parse(text), Some(Position::Time(_) | Position::Percent(_)));
        require(
            positions.into_iter().flatten().all(in_time),
            "start, step and range of an image with spriteColumn are times or percentages, and not frames or {Best}",
        )?;
    }
    let layers = image.layers.as_deref().unwrap_or_default();
    require(layers.len() <= PARTS_MAX, "layers has at most 50 entries")?;
    layers.iter().try_for_each(check_image_layer)
}

fn check_image_layer(layer: &ImageLayer) -> Checked {
    within("quality", layer.quality.unwrap_or(0), &(0..=100))?;
    check_side(layer.width.as_deref())?;
    check_side(layer.height.as_deref())
}

fn check_format(format: &Format, labels: &[&str]) -> Checked {
    let (pattern, files) = match format {
        Format::Mp4(MultiBitrateFormat { filename_pattern, output_files })
        | Format::TransportStream(MultiBitrateFormat { filename_pattern, output_files }) => {
            (filename_pattern, output_files.as_deref().unwrap_or_default())
        }
        Format::Jpg(format) | Format::Png(format) => (&format.filename_pattern, [].as_slice()),
    };
    let short = !pattern.is_empty() && pattern.chars().count() <= PATTERN_CHARS_MAX;
    let plain = !pattern.contains(|c: char| c.is_control() || c == '/' || c == '\\');
    require(short && plain, "filenamePattern is a file name of at most 512 characters")?;
    require(files.len() <= PARTS_MAX, "outputFiles has at most 50 entries")?;
    let mut wanted = files.iter().flat_map(|file| &file.labels);
    match wanted.find(|label| !labels.contains(&label.as_str())) {
        Some(label) => Err(format!("outputFiles names the label '{label}', which no codec or layer has")),
        None => Ok(()),
    }
}

/// All labels that `outputFiles` may name.
fn labels(codecs: &[Codec]) -> Vec<&str> {
    codecs
        .iter()
        .flat_map(|codec| match codec {
            Codec::AacAudio(audio) => vec![&audio.label],
            Codec::DdAudio(audio) => vec![&audio.label],
            Codec::CopyAudio(copy) | Codec::CopyVideo(copy) => vec![&copy.label],
            Codec::H264Video(video) | Codec::H265Video(video) => {
                video.layers.iter().map(|layer| &layer.label).chain([&video.label]).collect()
            }
            Codec::JpgImage(_) | Codec::PngImage(_) => Vec::new(),
        })
        .filter_map(|label| label.as_deref())
        .collect()
}

fn check_key_frame_interval(interval: Option<&IsoDuration>) -> Checked {
    interval.map_or(Ok(()), |i| within("keyFrameInterval", i.length().as_secs_f64(), &KEY_FRAME_INTERVAL_S))
}

fn check_side(side: Option<&str>) -> Checked {
    let fits = |side: &str| match side.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().is_ok_and(|percent| percent > 0.0 && percent <= 1_000.0),
        None => side.parse::<u32>().is_ok_and(|pixels| (2..=SIDE_MAX).contains(&pixels)),
    };
    require(side.is_none_or(fits), "width and height are pixels from 2 to 16384, or percent of the input")
}

fn is_frame_rate(text: &str) -> bool {
    let quotient =
        text.split_once('/').and_then(|(n, d)| Some((n.parse::<u32>().ok()?, d.parse::<u32>().ok()?)));
    quotient.is_some_and(|(frames, seconds)| seconds > 0 && f64::from(frames) / f64::from(seconds) <= 300.0)
}

fn is_level(text: &str) -> bool {
    let digits = text.len() <= 3 && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.eq_ignore_ascii_case("auto") || digits && text.parse::<f64>().is_ok_and(|level| level > 0.0)
}

fn is_position(text: &str) -> bool {
    Position::parse(text).is_some()
}

pub(super) fn within<N: Copy + PartialOrd + std::fmt::Display>(
    member: &str,
    value: N,
    range: &RangeInclusive<N>,
) -> Checked {
    if range.contains(&value) {
        return Ok(());
    }
    Err(format!("{member} is {value}, but has to be from {} to {}", range.start(), range.end()))
}

pub(super) fn require(condition: bool, sentence: &str) -> Checked {
    if condition { Ok(()) } else { Err(sentence.to_owned()) }
}

#[cfg(test)]
mod tests {
    use crate::media_services::presets::PresetText;

    fn problem(preset: &str) -> String {
        serde_json::from_str::<PresetText>(preset).map_or_else(|e| e.to_string(), |_| String::new())
    }

    fn layer(member: &str) -> String {
        problem(&format!(
            r##"{{"@odata.type":"#Microsoft.Media.StandardEncoderPreset",
            "codecs":[{{"@odata.type":"#Microsoft.Media.H264Video","layers":[{{"bitrate":100000,{member}}}]}}],
            "formats":[{{"@odata.type":"#Microsoft.Media.Mp4Format","filenamePattern":"{{Basename}}.mp4"}}]}}"##
        ))
    }

    #[test]
    fn values_outside_their_ranges_are_refused_by_name() {
        assert_eq!(layer(r#""width":"50%","height":"180","level":"3.1","frameRate":"0/1","crf":23"#), "");
        assert!(layer(r#""bufferWindow":"PT0S""#).contains("bufferWindow"));
        assert!(layer(r#""maxBitrate":99999"#).contains("maxBitrate"));
        assert!(layer(r#""height":"0""#).contains("height"));
        assert!(layer(r#""frameRate":"1/0""#).contains("frameRate"));
        assert!(layer(r#""level":"3.1:keyint=1""#).contains("level"));
        assert!(layer(r#""profile":"Main10""#).contains("Main10"));
        assert!(layer(r#""colour":"blue""#).contains("colour"));
    }

    #[test]
    fn only_presets_with_a_ladder_of_their_own_are_configured() {
        let preset = |name: &str| {
            problem(&format!(
                r##"{{"@odata.type":"#Microsoft.Media.BuiltInStandardEncoderPreset","presetName":"{name}",
                "configurations":{{"maxLayers":2}}}}"##
            ))
        };
        assert_eq!(preset("AdaptiveStreaming"), "");
        assert!(preset("H264SingleBitrateSD").contains("configurations"));
        assert!(preset("Sharper").contains("Sharper"));
    }
}
