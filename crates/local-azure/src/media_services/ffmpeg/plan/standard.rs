//! What a `StandardEncoderPreset` makes: its codecs' tracks, put into files by its formats. Pictures are `images`'.

use super::sounds::{LabelledAudio, audios};
use super::{
    Container, Copied, KEY_FRAME_INTERVAL, Plan, PlannedFile, PlannedVideo, Rate, Treatment, VideoCodec,
    VideoEncoding, check_can_copy, facts, images, not_filtered, not_offered, sounds_of, video_of,
};
use crate::media_services::ffmpeg::filename::expand;
use crate::media_services::ffmpeg::findings::Findings;
use crate::media_services::ffmpeg::ladder::{even_size, fitted};
use crate::media_services::ffmpeg::timeline::Timeline;
use crate::media_services::iso_duration::IsoDuration;
use crate::media_services::jobs::JobError;
use crate::media_services::presets::{
    Codec, EntropyMode, Extent, Filters, Format, H26xLayer, H26xVideo, MultiBitrateFormat, RateControlMode,
    SIDE_MAX, StandardPreset, StretchMode,
};

/// `bufferWindow`: five seconds unless said otherwise; `crf`: 23 for H.264 and 28 for H.265.
const BUFFER_WINDOW_S: f64 = 5.0;
const CRF_H264: f64 = 23.0;
const CRF_H265: f64 = 28.0;
/// The largest buffer that ffmpeg takes.
const BUFFER_BITS_MAX: u64 = i32::MAX as u64;

/// Width and height, in pixels.
type Size = (u32, u32);

/// A video track with the label of its layer.
struct LabelledVideo {
    label: String,
    video: PlannedVideo,
}

pub(super) fn plan(preset: &StandardPreset, media: &Timeline, findings: &Findings) -> Result<Plan, JobError> {
    if preset.experimental_options.as_ref().is_some_and(|options| !options.is_empty()) {
        return Err(not_offered("What experimentalOptions asks for"));
    }
    let none = Filters::default();
    let treatment = Treatment::of(preset.filters.as_ref().unwrap_or(&none), media)?;
    let images = images::plan(preset, media, &treatment)?;
    let videos = videos(&preset.codecs, media, &treatment)?;
    let audios = audios(&preset.codecs, media, &treatment)?;
    if images.is_empty() && videos.is_empty() && audios.is_empty() {
        sounds_of(media)?;
    }
    let mut files = Vec::new();
    for format in &preset.formats {
        let (format, container) = match format {
            Format::Mp4(format) => (format, Container::Mp4),
            Format::TransportStream(format) => (format, Container::TransportStream),
            Format::Jpg(_) | Format::Png(_) => continue,
        };
        files.extend(self::files(format, container, media, &videos, &audios));
    }
    if files.is_empty() && images.is_empty() {
        return Err(JobError::unsupported_configuration(
            "The preset has no format for what its codecs make.",
        ));
    }
    let key_frames_only =
        files.is_empty() && treatment.overlays.is_empty() && images::key_frames_are_enough(&images, findings);
    Ok(Plan { treatment, files, images, key_frames_only })
}

fn videos(codecs: &[Codec], media: &Timeline, treatment: &Treatment) -> Result<Vec<LabelledVideo>, JobError> {
    let mut videos = Vec::new();
    for codec in codecs {
        match codec {
            Codec::H264Video(video) => videos.extend(layers(video, VideoCodec::H264, media, treatment)?),
            Codec::H265Video(video) => videos.extend(layers(video, VideoCodec::H265, media, treatment)?),
            Codec::CopyVideo(copy) => {
                check_can_copy(media)?;
                if !treatment.is_nothing() {
                    return Err(not_filtered("pictures that are copied by CopyVideo cannot be filtered"));
                }
                let label = copy.label.clone().unwrap_or_default();
                let track = video_of(media)?.clone();
                let video = PlannedVideo::Copy(Copied { track, instead_of: None });
                videos.push(LabelledVideo { label, video });
            }
            _ => {}
        }
    }
    Ok(videos)
}

/// `outputFiles` says which labels share a file; without it each video has a file with all the sound.
fn files(
    format: &MultiBitrateFormat,
    container: Container,
    media: &Timeline,
    videos: &[LabelledVideo],
    audios: &[LabelledAudio],
) -> Vec<PlannedFile> {
    let file = |videos: &[&LabelledVideo], audios: &[&LabelledAudio], audio_stream: &str| {
        file(&format.filename_pattern, container, media, videos, audios, audio_stream)
    };
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
            groups.map(|(videos, audios)| file(&videos, &audios, "")).collect()
        }
        _ if !videos.is_empty() => videos.iter().map(|video| file(&[video], &every_audio, "")).collect(),
        _ => {
            let numbered = audios.iter().enumerate();
            numbered.map(|(number, audio)| file(&[], &[audio], &format!("Audio{}", number + 1))).collect()
        }
    }
}

fn file(
    pattern: &str,
    container: Container,
    media: &Timeline,
    videos: &[&LabelledVideo],
    audios: &[&LabelledAudio],
    audio_stream: &str,
) -> PlannedFile {
    let label = videos.first().map(|v| &v.label).or_else(|| audios.first().map(|a| &a.label)).cloned();
    let videos = videos.iter().map(|video| video.video.clone()).collect::<Vec<_>>();
    let audios = audios.iter().map(|audio| audio.audio.clone()).collect::<Vec<_>>();
    let mut facts = facts(media, container, &videos, &audios);
    facts.label = label.unwrap_or_default();
    facts.audio_stream = audio_stream.to_owned();
    PlannedFile { name: expand(pattern, &facts), container, videos, audios }
}

fn layers(
    video: &H26xVideo,
    codec: VideoCodec,
    media: &Timeline,
    treatment: &Treatment,
) -> Result<Vec<LabelledVideo>, JobError> {
    let found = &video_of(media)?.found;
    let source = treatment.frame.unwrap_or((found.width, found.height));
    let labelled = |layer: &H26xLayer| {
        let label = layer.label.clone().or_else(|| video.label.clone()).unwrap_or_default();
        let video = PlannedVideo::Encode(encoding(video, layer, codec, source)?);
        Ok(LabelledVideo { label, video })
    };
    video.layers.iter().map(labelled).collect()
}

fn encoding(
    video: &H26xVideo,
    layer: &H26xLayer,
    codec: VideoCodec,
    source: (u32, u32),
) -> Result<VideoEncoding, JobError> {
    let stretch = video.stretch_mode.unwrap_or_default();
    let (size, picture) = sizes(layer.width.as_deref(), layer.height.as_deref(), stretch, source)?;
    let interval = video.key_frame_interval.as_ref();
    Ok(VideoEncoding {
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
    })
}

fn rate(video: &H26xVideo, layer: &H26xLayer, codec: VideoCodec) -> Rate {
    let (target, max) = (layer.bitrate, layer.max_bitrate.unwrap_or(layer.bitrate));
    let window_s =
        layer.buffer_window.as_ref().map_or(BUFFER_WINDOW_S, |window| window.length().as_secs_f64());
    let buffer = |bitrate: u64| ((bitrate as f64 * window_s) as u64).min(BUFFER_BITS_MAX);
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

/// The size of a layer, and that of the picture in it, which are only known here if they are percentages.
pub(super) fn sizes(
    width: Option<&str>,
    height: Option<&str>,
    stretch: StretchMode,
    source: (u32, u32),
) -> Result<(Size, Size), JobError> {
    let (size, picture) = wanted_sizes(width, height, stretch, source);
    if size.0.max(size.1) <= SIDE_MAX {
        return Ok((size, picture));
    }
    Err(JobError::unsupported_configuration(format!(
        "A layer would have {}x{} pixels; {SIDE_MAX} of a side are the limit.",
        size.0, size.1
    )))
}

fn wanted_sizes(
    width: Option<&str>,
    height: Option<&str>,
    stretch: StretchMode,
    source: (u32, u32),
) -> (Size, Size) {
    let whole = even_size(f64::from(source.0), f64::from(source.1));
    let side = |text: Option<&str>, whole| Some(Extent::parse(text?)?.pixels(whole));
    let wanted = (side(width, source.0), side(height, source.1));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_take_pixels_or_percent_and_keep_or_stretch_the_shape() {
        let size = |width, height, stretch| wanted_sizes(width, height, stretch, (1920, 1080));
        let square = (Some("1280"), Some("1280"));
        assert_eq!(size(square.0, square.1, StretchMode::AutoSize), ((1280, 720), (1280, 720)));
        assert_eq!(size(square.0, square.1, StretchMode::None), ((1280, 1280), (1280, 1280)));
        assert_eq!(size(square.0, square.1, StretchMode::AutoFit), ((1280, 1280), (1280, 720)));
        assert_eq!(size(Some("50%"), Some("50%"), StretchMode::AutoSize), ((960, 540), (960, 540)));
        assert_eq!(size(None, Some("360"), StretchMode::AutoSize), ((640, 360), (640, 360)));
        assert_eq!(size(None, None, StretchMode::AutoFit), ((1920, 1080), (1920, 1080)));
    }
}
