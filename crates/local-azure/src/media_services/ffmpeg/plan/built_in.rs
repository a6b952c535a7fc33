//! What the named presets make. Their ladders are `ladder`'s.
//!
//! `ContentAwareEncoding` is a simple one: the ladder of `AdaptiveStreaming`, encoded for constant quality with each
//! rung's bitrate as the cap, so that plain pictures get fewer bits. It does not try the content beforehand.

use super::{
    AudioCodec, AudioEncoding, Plan, PlannedAudio, PlannedFile, PlannedVideo, Rate, VideoCodec,
    VideoEncoding, audio_of, base, check_can_copy, facts, resolution, video_of,
};
use crate::media_services::ffmpeg::filename::{BASE_CHARS_MAX, COPIED_BASE_CHARS_MAX, expand};
use crate::media_services::ffmpeg::ladder::{self, Rung};
use crate::media_services::ffmpeg::media::Media;
use crate::media_services::jobs::JobError;
use crate::media_services::presets::{BuiltInPreset, Configurations, InterleaveOutput, PresetName};

/// Sound is stereo AAC at 128 kb/s beside video, and at 192 kb/s alone.
const AUDIO_BESIDE_VIDEO: AudioEncoding =
    AudioEncoding { codec: AudioCodec::Aac, channels: 2, sampling_rate: 48_000, bitrate: 128_000 };
const AUDIO_ALONE: AudioEncoding = AudioEncoding { bitrate: 192_000, ..AUDIO_BESIDE_VIDEO };
/// The quality of content-aware encoding: what x264 and x265 take for good.
const CONTENT_AWARE_CRF: f64 = 23.0;
const CONTENT_AWARE_CRF_H265: f64 = 28.0;

pub(super) fn plan(preset: &BuiltInPreset, media: &Media) -> Result<Plan, JobError> {
    use PresetName as P;
    let configurations = preset.configurations.clone().unwrap_or_default();
    match preset.preset_name {
        P::AacGoodQualityAudio => audio_only(media, AUDIO_ALONE, "AACAudio"),
        P::DdGoodQualityAudio => {
            audio_only(media, AudioEncoding { codec: AudioCodec::Ac3, ..AUDIO_ALONE }, "DDAudio")
        }
        P::CopyAllBitrateNonInterleaved => copy_all(media),
        name => videos(name, media, &configurations),
    }
}

fn videos(name: PresetName, media: &Media, configurations: &Configurations) -> Result<Plan, JobError> {
    let video = &video_of(media)?.found;
    let codec = if is_h265(name) { VideoCodec::H265 } else { VideoCodec::H264 };
    let source = (video.width, video.height);
    let rungs = match ladder::fixed(name) {
        Some(rungs) => rungs.iter().map(|rung| smaller(source, rung)).collect(),
        None => ladder::adaptive(media, video, configurations, codec == VideoCodec::H265),
    };
    let encodings = rungs.iter().map(|rung| {
        let mut encoding = VideoEncoding::new(codec, (rung.width, rung.height), rate(name, rung));
        encoding.complexity = configurations.complexity.unwrap_or_default();
        if let Some(seconds) = configurations.key_frame_interval_in_seconds {
            encoding.key_frame_interval = std::time::Duration::from_secs_f64(seconds);
        }
        PlannedVideo::Encode(encoding)
    });
    let audio = media.audio().map(|_| PlannedAudio::Encode(AUDIO_BESIDE_VIDEO));
    let interleaved = configurations.interleave_output.unwrap_or(usual_interleaving(name));
    let beside = audio.clone().filter(|_| interleaved == InterleaveOutput::InterleavedOutput);
    let mut files = encodings.map(|video| video_file(media, video, beside.clone())).collect::<Vec<_>>();
    if let (InterleaveOutput::NonInterleavedOutput, Some(audio)) = (interleaved, audio) {
        files.push(audio_file(media, audio, "AACAudio"));
    }
    Ok(Plan { files, images: Vec::new() })
}

/// A fixed rung for this input: never larger than it, but with the bitrate of its name.
fn smaller(source: (u32, u32), rung: &Rung) -> Rung {
    let (width, height) = ladder::fitted(source, (rung.width, rung.height), false);
    Rung { width, height, ..*rung }
}

fn rate(name: PresetName, rung: &Rung) -> Rate {
    use PresetName as P;
    let (max, buffer) = (rung.bitrate, 2 * rung.bitrate);
    match name {
        P::ContentAwareEncoding | P::ContentAwareEncodingExperimental => {
            Rate::Quality { crf: CONTENT_AWARE_CRF, max, buffer }
        }
        P::H265ContentAwareEncoding => Rate::Quality { crf: CONTENT_AWARE_CRF_H265, max, buffer },
        _ => Rate::Average { target: rung.bitrate, max, buffer },
    }
}

fn is_h265(name: PresetName) -> bool {
    use PresetName as P;
    matches!(
        name,
        P::H265ContentAwareEncoding
            | P::H265AdaptiveStreaming
            | P::H265SingleBitrate720p
            | P::H265SingleBitrate1080p
            | P::H265SingleBitrate4K
    )
}

fn usual_interleaving(name: PresetName) -> InterleaveOutput {
    match name {
        PresetName::AdaptiveStreaming | PresetName::H265AdaptiveStreaming => {
            InterleaveOutput::NonInterleavedOutput
        }
        _ => InterleaveOutput::InterleavedOutput,
    }
}

fn video_file(media: &Media, video: PlannedVideo, audio: Option<PlannedAudio>) -> PlannedFile {
    let pattern = match audio {
        Some(_) => "{Basename}_{Resolution}_AACAudio_{Bitrate}{Extension}",
        None => "{Basename}_{Resolution}_{Bitrate}{Extension}",
    };
    let (videos, audios) = (vec![video], Vec::from_iter(audio));
    PlannedFile { name: expand(pattern, &facts(media, &videos, &audios)), videos, audios }
}

fn audio_file(media: &Media, audio: PlannedAudio, kind: &str) -> PlannedFile {
    let kbps = audio.bitrate().unwrap_or_default() / 1000;
    let name = format!("{}_{kind}_{kbps}.mp4", base(media, BASE_CHARS_MAX));
    PlannedFile { name, videos: Vec::new(), audios: vec![audio] }
}

fn audio_only(media: &Media, encoding: AudioEncoding, kind: &str) -> Result<Plan, JobError> {
    audio_of(media)?;
    Ok(Plan { files: vec![audio_file(media, PlannedAudio::Encode(encoding), kind)], images: Vec::new() })
}

/// Each track of each file in a file of its own, as it is.
fn copy_all(media: &Media) -> Result<Plan, JobError> {
    check_can_copy(media)?;
    let base = base(media, COPIED_BASE_CHARS_MAX);
    let kbps = |bitrate: Option<u64>| bitrate.unwrap_or_default() / 1000;
    let videos = media.every_video.iter().enumerate().map(|(number, track)| {
        let found = &track.found;
        let size = resolution((found.width, found.height));
        let name = format!("{base}_{size}_{}_Video{}.mp4", kbps(found.bitrate), number + 1);
        PlannedFile { name, videos: vec![PlannedVideo::Copy(track.clone())], audios: Vec::new() }
    });
    let audios = media.every_audio.iter().enumerate().map(|(number, track)| {
        let name =
            format!("{base}_{}_{}_Audio{}.mp4", track.found.codec, kbps(track.found.bitrate), number + 1);
        PlannedFile { name, videos: Vec::new(), audios: vec![PlannedAudio::Copy(track.clone())] }
    });
    Ok(Plan { files: videos.chain(audios).collect(), images: Vec::new() })
}
