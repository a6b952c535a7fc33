//! What the named presets make. Their ladders are `ladder`'s.
//!
//! Content-aware presets give each rung the bits that samples of the content took. All others copy what already is
//! what a rung would be made into.

use super::{
    AudioCodec, AudioEncoding, Container, Copied, Plan, PlannedAudio, PlannedFile, PlannedVideo, Rate,
    Treatment, VideoCodec, VideoEncoding, base, check_can_copy, copying, facts, resolution, sounds_of,
    video_of,
};
use crate::media_services::ffmpeg::filename::{BASE_CHARS_MAX, COPIED_BASE_CHARS_MAX, expand};
use crate::media_services::ffmpeg::findings::Findings;
use crate::media_services::ffmpeg::ladder::{self, Rung};
use crate::media_services::ffmpeg::timeline::Timeline;
use crate::media_services::jobs::JobError;
use crate::media_services::presets::{
    BuiltInPreset, Complexity, Configurations, Filters, InterleaveOutput, PresetName,
};

/// Sound is stereo AAC at 128 kb/s beside video, and at 192 kb/s alone.
const AUDIO_BESIDE_VIDEO: AudioEncoding =
    AudioEncoding { sound: 0, codec: AudioCodec::Aac, channels: 2, sampling_rate: 48_000, bitrate: 128_000 };
const AUDIO_ALONE: AudioEncoding = AudioEncoding { bitrate: 192_000, ..AUDIO_BESIDE_VIDEO };
/// A preview: the second smallest rung that the named ladders have for its size.
const PROXY: Rung = Rung { width: 640, height: 360, bitrate: 600_000 };
/// Content-aware rungs get what the samples took on average; pictures that are harder may take half as much again.
const CONTENT_AWARE_PEAK: f64 = 1.5;

pub(super) fn plan(preset: &BuiltInPreset, media: &Timeline, findings: &Findings) -> Result<Plan, JobError> {
    use PresetName as P;
    let configurations = preset.configurations.clone().unwrap_or_default();
    let files = match preset.preset_name {
        P::AacGoodQualityAudio => audio_only(media, AUDIO_ALONE, "AACAudio"),
        P::DdGoodQualityAudio => {
            audio_only(media, AudioEncoding { codec: AudioCodec::Ac3, ..AUDIO_ALONE }, "DDAudio")
        }
        P::CopyAllBitrateNonInterleaved | P::SaasCopyCodec => copy_all(media),
        P::SaasProxyCopyCodec => proxy(media).and_then(|proxy| Ok([copy_all(media)?, vec![proxy]].concat())),
        P::SaasSourceAligned360pOnly => proxy(media).map(|proxy| vec![proxy]),
        name => videos(name, media, &configurations, findings),
    }?;
    let treatment = Treatment::of(&Filters::default(), media)?;
    Ok(Plan { treatment, files, ..Plan::default() })
}

fn videos(
    name: PresetName,
    media: &Timeline,
    configurations: &Configurations,
    findings: &Findings,
) -> Result<Vec<PlannedFile>, JobError> {
    let video = &video_of(media)?.found;
    let codec = if name.is_h265() { VideoCodec::H265 } else { VideoCodec::H264 };
    let is_h265 = codec == VideoCodec::H265;
    let rungs = match (ladder::fixed(name), &findings.content) {
        (Some(rungs), _) => rungs.iter().map(|rung| smaller((video.width, video.height), rung)).collect(),
        (None, Some(content)) => ladder::content_aware(media, video, configurations, is_h265, content),
        (None, None) => ladder::adaptive(media, video, configurations, is_h265),
    };
    let planned = rungs.iter().map(|rung| {
        let mut encoding =
            VideoEncoding::new(codec, (rung.width, rung.height), rate(name, rung, configurations));
        encoding.complexity = configurations.complexity.unwrap_or_default();
        if let Some(seconds) = configurations.key_frame_interval_in_seconds {
            encoding.key_frame_interval = std::time::Duration::from_secs_f64(seconds);
        }
        let instead_of = Some(encoding.rate.target());
        let copied = copying::video(media, findings, &encoding);
        copied
            .map_or(PlannedVideo::Encode(encoding), |track| PlannedVideo::Copy(Copied { track, instead_of }))
    });
    let audios = audios(media, AUDIO_BESIDE_VIDEO, media.sound_count());
    let interleaved = configurations.interleave_output.unwrap_or(usual_interleaving(name));
    if interleaved == InterleaveOutput::InterleavedOutput {
        return Ok(planned.map(|video| video_file(media, video, audios.clone())).collect());
    }
    let mut files = planned.map(|video| video_file(media, video, Vec::new())).collect::<Vec<_>>();
    files.extend(audio_files(media, audios, "AACAudio"));
    Ok(files)
}

/// Each sound, copied if it already is what it would be made into.
fn audios(media: &Timeline, encoding: AudioEncoding, count: usize) -> Vec<PlannedAudio> {
    let audio = |sound: usize| {
        let encoding = AudioEncoding { sound, ..encoding };
        let instead_of = Some(encoding.bitrate);
        let copied = copying::audio(media, &encoding);
        copied
            .map_or(PlannedAudio::Encode(encoding), |track| PlannedAudio::Copy(Copied { track, instead_of }))
    };
    (0..count).map(audio).collect()
}

/// A preview with sound that is made fast, and has its key frames where the input has them.
fn proxy(media: &Timeline) -> Result<PlannedFile, JobError> {
    let found = &video_of(media)?.found;
    let rung = smaller((found.width, found.height), &PROXY);
    let rate = Rate::Average { target: rung.bitrate, max: rung.bitrate, buffer: 2 * rung.bitrate };
    let mut encoding = VideoEncoding::new(VideoCodec::H264, (rung.width, rung.height), rate);
    encoding.complexity = Complexity::Speed;
    encoding.key_frames_of_source = true;
    let audios = audios(media, AUDIO_BESIDE_VIDEO, media.sound_count());
    Ok(video_file(media, PlannedVideo::Encode(encoding), audios))
}

/// A fixed rung for this input: never larger than it, but with the bitrate of its name.
fn smaller(source: (u32, u32), rung: &Rung) -> Rung {
    let (width, height) = ladder::fitted(source, (rung.width, rung.height), false);
    Rung { width, height, ..*rung }
}

fn rate(name: PresetName, rung: &Rung, configurations: &Configurations) -> Rate {
    let (target, mut max) = (rung.bitrate, rung.bitrate);
    if name.is_content_aware() {
        let peak = (rung.bitrate as f64 * CONTENT_AWARE_PEAK) as u64;
        max = peak.min(configurations.max_bitrate_bps.unwrap_or(u64::MAX)).max(target);
    }
    Rate::Average { target, max, buffer: 2 * max }
}

fn usual_interleaving(name: PresetName) -> InterleaveOutput {
    match name {
        PresetName::AdaptiveStreaming | PresetName::H265AdaptiveStreaming => {
            InterleaveOutput::NonInterleavedOutput
        }
        _ => InterleaveOutput::InterleavedOutput,
    }
}

fn video_file(media: &Timeline, video: PlannedVideo, audios: Vec<PlannedAudio>) -> PlannedFile {
    let pattern = match audios.is_empty() {
        false => "{Basename}_{Resolution}_AACAudio_{Bitrate}{Extension}",
        true => "{Basename}_{Resolution}_{Bitrate}{Extension}",
    };
    let (container, videos) = (Container::Mp4, vec![video]);
    PlannedFile {
        name: expand(pattern, &facts(media, container, &videos, &audios)),
        container,
        videos,
        audios,
    }
}

/// A file for each sound; several are numbered.
fn audio_files(media: &Timeline, audios: Vec<PlannedAudio>, kind: &str) -> Vec<PlannedFile> {
    let (base, are_several) = (base(media, BASE_CHARS_MAX), audios.len() > 1);
    let file = |(index, audio): (usize, PlannedAudio)| {
        let kbps = audio.bitrate().unwrap_or_default() / 1000;
        let number = if are_several { format!("_Audio{}", index + 1) } else { String::new() };
        let name = format!("{base}_{kind}{number}_{kbps}.mp4");
        PlannedFile { name, container: Container::Mp4, videos: Vec::new(), audios: vec![audio] }
    };
    audios.into_iter().enumerate().map(file).collect()
}

fn audio_only(media: &Timeline, encoding: AudioEncoding, kind: &str) -> Result<Vec<PlannedFile>, JobError> {
    Ok(audio_files(media, audios(media, encoding, sounds_of(media)?), kind))
}

/// Each track of each file in a file of its own, as it is.
fn copy_all(media: &Timeline) -> Result<Vec<PlannedFile>, JobError> {
    check_can_copy(media)?;
    let base = base(media, COPIED_BASE_CHARS_MAX);
    let kbps = |bitrate: Option<u64>| bitrate.unwrap_or_default() / 1000;
    let videos = media.every_video.iter().enumerate().map(|(number, track)| {
        let found = &track.found;
        let size = resolution((found.width, found.height));
        let name = format!("{base}_{size}_{}_Video{}.mp4", kbps(found.bitrate), number + 1);
        let video = PlannedVideo::Copy(Copied { track: track.clone(), instead_of: None });
        PlannedFile { name, container: Container::Mp4, videos: vec![video], audios: Vec::new() }
    });
    let audios = media.every_audio.iter().enumerate().map(|(number, track)| {
        let name =
            format!("{base}_{}_{}_Audio{}.mp4", track.found.codec, kbps(track.found.bitrate), number + 1);
        let audio = PlannedAudio::Copy(Copied { track: track.clone(), instead_of: None });
        PlannedFile { name, container: Container::Mp4, videos: Vec::new(), audios: vec![audio] }
    });
    Ok(videos.chain(audios).collect())
}
