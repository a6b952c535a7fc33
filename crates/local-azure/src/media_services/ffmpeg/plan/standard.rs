//! What a `StandardEncoderPreset` makes: its codecs' tracks, put into files by its formats. Pictures are `images`'.

use serde_json::Value;

use super::{
    AudioCodec, AudioEncoding, KEY_FRAME_INTERVAL, Plan, PlannedAudio, PlannedFile, PlannedVideo, Rate,
    VideoCodec, VideoEncoding, audio_of, check_can_copy, facts, images, not_offered, video_of,
};
use crate::media_services::ffmpeg::filename::expand;
use crate::media_services::ffmpeg::ladder::{even_size, fitted};
use crate::media_services::ffmpeg::media::Media;
use crate::media_services::iso_duration::IsoDuration;
use crate::media_services::jobs::JobError;
use crate::media_services::presets::{
    AacAudio, AacProfile, Codec, DdAudio, EntropyMode, Format, H26xLayer, H26xVideo, MultiBitrateFormat,
    RateControlMode, StandardPreset, StretchMode,
};

/// `bufferWindow`: five seconds unless said otherwise; `crf`: 23 for H.264 and 28 for H.265.
const BUFFER_WINDOW_S: f64 = 5.0;
const CRF_H264: f64 = 23.0;
const CRF_H265: f64 = 28.0;
/// Values of filters that ask for nothing but what happens anyway.
const USUAL_FILTERS: [(&str, &str); 1] = [("rotation", "Auto")];

/// A video track with the label of its layer.
struct LabelledVideo {
    label: String,
    video: PlannedVideo,
}

/// An audio track with the label of its codec.
struct LabelledAudio {
    label: String,
    audio: PlannedAudio,
}

pub(super) fn plan(preset: &StandardPreset, media: &Media) -> Result<Plan, JobError> {
    check_offered(preset)?;
    let mut plan = Plan { files: Vec::new(), images: images::plan(preset, media)? };
    let videos = videos(&preset.codecs, media)?;
    let audios = audios(&preset.codecs, media)?;
    if plan.images.is_empty() && videos.is_empty() && audios.is_empty() {
        audio_of(media)?;
    }
    for format in &preset.formats {
        if let Format::Mp4(format) = format {
            plan.files.extend(files(format, media, &videos, &audios)?);
        }
    }
    if plan.files.is_empty() && plan.images.is_empty() {
        return Err(JobError::unsupported_configuration(
            "The preset has no format for what its codecs make.",
        ));
    }
    Ok(plan)
}

fn check_offered(preset: &StandardPreset) -> Result<(), JobError> {
    let usual = |(name, value): (&String, &Value)| {
        value.is_null() || USUAL_FILTERS.iter().any(|(own, usual)| name == own && value == usual)
    };
    if let Some((name, _)) = preset.filters.iter().flatten().find(|filter| !usual(*filter)) {
        return Err(not_offered(&format!("The filter '{name}'")));
    }
    if preset.experimental_options.as_ref().is_some_and(|options| !options.is_empty()) {
        return Err(not_offered("What experimentalOptions asks for"));
    }
    if preset.formats.iter().any(|format| matches!(format, Format::TransportStream(_))) {
        return Err(not_offered("TransportStreamFormat"));
    }
    Ok(())
}

fn videos(codecs: &[Codec], media: &Media) -> Result<Vec<LabelledVideo>, JobError> {
    let mut videos = Vec::new();
    for codec in codecs {
        match codec {
            Codec::H264Video(video) => videos.extend(layers(video, VideoCodec::H264, media)?),
            Codec::H265Video(video) => videos.extend(layers(video, VideoCodec::H265, media)?),
            Codec::CopyVideo(copy) => {
                check_can_copy(media)?;
                let label = copy.label.clone().unwrap_or_default();
                videos.push(LabelledVideo { label, video: PlannedVideo::Copy(video_of(media)?.clone()) });
            }
            _ => {}
        }
    }
    Ok(videos)
}

/// The audio tracks, or none if the input has no sound: beside pictures that is no error.
fn audios(codecs: &[Codec], media: &Media) -> Result<Vec<LabelledAudio>, JobError> {
    let Some(track) = media.audio() else { return Ok(Vec::new()) };
    let mut audios = Vec::new();
    for codec in codecs {
        let (label, audio) = match codec {
            Codec::AacAudio(audio) => (&audio.label, PlannedAudio::Encode(aac(audio)?)),
            Codec::DdAudio(audio) => (&audio.label, PlannedAudio::Encode(dolby_digital(audio))),
            Codec::CopyAudio(copy) => {
                check_can_copy(media)?;
                (&copy.label, PlannedAudio::Copy(track.clone()))
            }
            _ => continue,
        };
        audios.push(LabelledAudio { label: label.clone().unwrap_or_default(), audio });
    }
    Ok(audios)
}

/// `outputFiles` says which labels share a file; without it each video has a file with all the sound.
fn files(
    format: &MultiBitrateFormat,
    media: &Media,
    videos: &[LabelledVideo],
    audios: &[LabelledAudio],
) -> Result<Vec<PlannedFile>, JobError> {
    let pattern = &format.filename_pattern;
    let every_audio = audios.iter().collect::<Vec<_>>();
    match &format.output_files {
        Some(files) if !files.is_empty() => {
            let named = |labels: &[String]| {
                let own = |label: &String| !label.is_empty() && labels.contains(label);
                let videos = videos.iter().filter(|video| own(&video.label)).collect::<Vec<_>>();
                let audios = audios.iter().filter(|audio| own(&audio.label)).collect::<Vec<_>>();
                (videos, audios)
            };
            let groups = files.iter().map(|file| named(&file.labels));
            let groups = groups.filter(|(videos, audios)| !videos.is_empty() || !audios.is_empty());
            Ok(groups.map(|(videos, audios)| file(pattern, media, &videos, &audios, "")).collect())
        }
        _ if !videos.is_empty() => {
            Ok(videos.iter().map(|video| file(pattern, media, &[video], &every_audio, "")).collect())
        }
        _ => {
            let numbered = audios.iter().enumerate();
            let alone = numbered
                .map(|(number, audio)| file(pattern, media, &[], &[audio], &format!("Audio{}", number + 1)));
            Ok(alone.collect())
        }
    }
}

fn file(
    pattern: &str,
    media: &Media,
    videos: &[&LabelledVideo],
    audios: &[&LabelledAudio],
    audio_stream: &str,
) -> PlannedFile {
    let label = videos.first().map(|v| &v.label).or_else(|| audios.first().map(|a| &a.label)).cloned();
    let videos = videos.iter().map(|video| video.video.clone()).collect::<Vec<_>>();
    let audios = audios.iter().map(|audio| audio.audio.clone()).collect::<Vec<_>>();
    let mut facts = facts(media, &videos, &audios);
    facts.label = label.unwrap_or_default();
    facts.audio_stream = audio_stream.to_owned();
    PlannedFile { name: expand(pattern, &facts), videos, audios }
}

fn layers(video: &H26xVideo, codec: VideoCodec, media: &Media) -> Result<Vec<LabelledVideo>, JobError> {
    let found = &video_of(media)?.found;
    let source = (found.width, found.height);
    let labelled = |layer: &H26xLayer| LabelledVideo {
        label: layer.label.clone().or_else(|| video.label.clone()).unwrap_or_default(),
        video: PlannedVideo::Encode(encoding(video, layer, codec, source)),
    };
    Ok(video.layers.iter().map(labelled).collect())
}

fn encoding(video: &H26xVideo, layer: &H26xLayer, codec: VideoCodec, source: (u32, u32)) -> VideoEncoding {
    let stretch = video.stretch_mode.unwrap_or_default();
    let (size, picture) = sizes(layer.width.as_deref(), layer.height.as_deref(), stretch, source);
    let interval = video.key_frame_interval.as_ref();
    VideoEncoding {
        picture,
        complexity: video.complexity.unwrap_or_default(),
        key_frame_interval: interval.map_or(KEY_FRAME_INTERVAL, IsoDuration::length),
        scene_change_detection: video.scene_change_detection.unwrap_or_default(),
        sync_mode: video.sync_mode.unwrap_or_default(),
        frame_rate: layer.frame_rate.clone().filter(|rate| !rate.starts_with("0/")),
        profile: layer.profile.unwrap_or_default(),
        level: layer.level.clone().filter(|level| !level.eq_ignore_ascii_case("auto")),
        b_frames: layer.b_frames,
        adaptive_b_frame: layer.adaptive_b_frame.unwrap_or(true),
        reference_frames: layer.reference_frames,
        slices: layer.slices.filter(|&slices| slices > 0),
        cavlc: layer.entropy_mode == Some(EntropyMode::Cavlc),
        ..VideoEncoding::new(codec, size, rate(video, layer, codec))
    }
}

fn rate(video: &H26xVideo, layer: &H26xLayer, codec: VideoCodec) -> Rate {
    let (target, max) = (layer.bitrate, layer.max_bitrate.unwrap_or(layer.bitrate));
    let window_s =
        layer.buffer_window.as_ref().map_or(BUFFER_WINDOW_S, |window| window.length().as_secs_f64());
    let buffer = |bitrate: u64| (bitrate as f64 * window_s) as u64;
    let usual_crf = if codec == VideoCodec::H264 { CRF_H264 } else { CRF_H265 };
    match (video.rate_control_mode, layer.crf) {
        (Some(RateControlMode::Cbr), _) => Rate::Constant { target, buffer: buffer(target) },
        (Some(RateControlMode::Crf), crf) => {
            Rate::Quality { crf: crf.unwrap_or(usual_crf), max, buffer: buffer(max) }
        }
        // H.265 has no rate control mode: a layer with a quality asks for quality.
        (None, Some(crf)) if codec == VideoCodec::H265 => Rate::Quality { crf, max, buffer: buffer(max) },
        (Some(RateControlMode::Abr) | None, _) => Rate::Average { target, max, buffer: buffer(max) },
    }
}

/// The size of a layer, and that of the picture in it.
pub(super) fn sizes(
    width: Option<&str>,
    height: Option<&str>,
    stretch: StretchMode,
    source: (u32, u32),
) -> ((u32, u32), (u32, u32)) {
    let whole = even_size(f64::from(source.0), f64::from(source.1));
    let wanted = (width.and_then(|w| side(w, source.0)), height.and_then(|h| side(h, source.1)));
    let shape = f64::from(source.0) / f64::from(source.1);
    let bounds = match wanted {
        (None, None) => return (whole, whole),
        (Some(width), Some(height)) => even_size(width, height),
        (Some(width), None) => even_size(width, width / shape),
        (None, Some(height)) => even_size(height * shape, height),
    };
    match stretch {
        StretchMode::None => (bounds, bounds),
        StretchMode::AutoSize => {
            let size = fitted(source, bounds, true);
            (size, size)
        }
        StretchMode::AutoFit => (bounds, fitted(source, bounds, true)),
    }
}

fn side(text: &str, of: u32) -> Option<f64> {
    match text.strip_suffix('%') {
        Some(percent) => Some(percent.parse::<f64>().ok()? * f64::from(of) / 100.0),
        None => text.parse::<f64>().ok(),
    }
}

fn aac(audio: &AacAudio) -> Result<AudioEncoding, JobError> {
    if let Some(profile @ (AacProfile::HeAacV1 | AacProfile::HeAacV2)) = audio.profile {
        return Err(not_offered(&format!("The AAC profile {profile:?}")));
    }
    Ok(AudioEncoding {
        codec: AudioCodec::Aac,
        channels: audio.channels.unwrap_or(2),
        sampling_rate: audio.sampling_rate.unwrap_or(48_000),
        bitrate: audio.bitrate.unwrap_or(128_000),
    })
}

fn dolby_digital(audio: &DdAudio) -> AudioEncoding {
    AudioEncoding {
        codec: AudioCodec::Ac3,
        channels: audio.channels.unwrap_or(2),
        sampling_rate: audio.sampling_rate.unwrap_or(48_000),
        bitrate: audio.bitrate.unwrap_or(192_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_take_pixels_or_percent_and_keep_or_stretch_the_shape() {
        let size = |width, height, stretch| sizes(width, height, stretch, (1920, 1080));
        let square = (Some("1280"), Some("1280"));
        assert_eq!(size(square.0, square.1, StretchMode::AutoSize), ((1280, 720), (1280, 720)));
        assert_eq!(size(square.0, square.1, StretchMode::None), ((1280, 1280), (1280, 1280)));
        assert_eq!(size(square.0, square.1, StretchMode::AutoFit), ((1280, 1280), (1280, 720)));
        assert_eq!(size(Some("50%"), Some("50%"), StretchMode::AutoSize), ((960, 540), (960, 540)));
        assert_eq!(size(None, Some("360"), StretchMode::AutoSize), ((640, 360), (640, 360)));
        assert_eq!(size(None, None, StretchMode::AutoFit), ((1920, 1080), (1920, 1080)));
    }
}
