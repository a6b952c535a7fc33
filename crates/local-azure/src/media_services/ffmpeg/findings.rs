//! What is found out about an input beyond what its files say of themselves, as far as a preset needs it: where its key
//! frames are, and how many bits its pictures take. Not what is made of that.

use std::ffi::OsString;

use super::content::{self, Content};
use super::media::Track;
use super::plan::copying_candidate;
use super::probe::{Video, file_url, reading_options};
use super::timeline::Timeline;
use super::{Ffmpeg, JobError, Preset, Scratch, classify, process};
use crate::media_services::presets::Codec;

/// Reading the packets of an hour takes seconds; of a day, minutes.
const READ_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(600);
/// A key frame for each picture of a day; more is no ladder's rung.
const KEY_FRAMES_MAX: usize = 100_000;
/// How much of an input tells how far its key frames are apart.
const DISTANCE_READ: &str = "%+60";

/// What was found out.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    /// The times of all key frames, in seconds, where the pictures might be copied.
    pub key_frames: Option<Vec<f64>>,
    /// The longest time from one key frame to the next near the start, in seconds, where thumbnails are made.
    pub key_frame_distance: Option<f64>,
    /// What samples of the pictures took, for content-aware presets.
    pub content: Option<Content>,
}

/// Finds out what a preset needs.
pub(super) async fn gather(
    ffmpeg: &Ffmpeg,
    preset: &Preset,
    media: &Timeline,
    scratch: &Scratch<'_>,
) -> Result<Findings, JobError> {
    let mut findings = Findings::default();
    match preset {
        Preset::BuiltIn(preset) if preset.preset_name.is_plain_h264_ladder() => {
            if let Some(track) = copying_candidate(media) {
                findings.key_frames = Some(key_frames(ffmpeg, track, None, scratch).await?);
            }
        }
        Preset::BuiltIn(preset) if preset.preset_name.is_content_aware() => {
            findings.content = content::sample(ffmpeg, media, scratch).await?;
        }
        Preset::Standard(preset) => {
            let is_image = |codec: &Codec| matches!(codec, Codec::JpgImage(_) | Codec::PngImage(_));
            if let (true, Some(track)) = (preset.codecs.iter().all(is_image), media.video()) {
                let times = key_frames(ffmpeg, track, Some(DISTANCE_READ), scratch).await?;
                findings.key_frame_distance = times.windows(2).map(|pair| pair[1] - pair[0]).reduce(f64::max);
            }
        }
        _ => {}
    }
    Ok(findings)
}

/// The times of a track's key frames.
async fn key_frames(
    ffmpeg: &Ffmpeg,
    track: &Track<Video>,
    interval: Option<&str>,
    scratch: &Scratch<'_>,
) -> Result<Vec<f64>, JobError> {
    let mut arguments = ["-v", "level+error", "-hide_banner"].map(OsString::from).to_vec();
    arguments.extend(reading_options());
    if let Some(interval) = interval {
        arguments.extend(["-read_intervals", interval].map(OsString::from));
    }
    let stream = track.found.stream.to_string();
    let show = ["-select_streams", &stream, "-show_entries", "packet=pts_time,flags", "-of", "csv=p=0", "-i"];
    arguments.extend(show.map(OsString::from));
    arguments.push(file_url(&track.part.path));
    let mut times = Vec::new();
    let keep = |line: &str| {
        let (time, flags) = line.split_once(',').unwrap_or_default();
        if let (true, Ok(time), true) = (flags.starts_with('K'), time.parse(), times.len() < KEY_FRAMES_MAX) {
            times.push(time);
        }
    };
    let ended = process::run(&ffmpeg.ffprobe, &arguments, READ_TIME_MAX, keep).await?;
    if ended.code != 0 {
        return Err(classify::failure(&ended, scratch.folder));
    }
    Ok(times)
}
