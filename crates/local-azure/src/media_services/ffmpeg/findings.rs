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

/// What was found out.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    /// The times of all key frames, in seconds, where the pictures might be copied; decoding can begin at each.
    pub key_frames: Option<Vec<f64>>,
    /// The longest time from one key frame to the next or to the end, in seconds, where thumbnails are made.
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
                let found = key_frames(ffmpeg, track, scratch).await?;
                findings.key_frames = Some(found.times).filter(|_| found.are_closed);
            }
        }
        Preset::BuiltIn(preset) if preset.preset_name.is_content_aware() => {
            findings.content = content::sample(ffmpeg, media, scratch).await?;
        }
        Preset::Standard(preset) => {
            let is_image = |codec: &Codec| matches!(codec, Codec::JpgImage(_) | Codec::PngImage(_));
            if preset.codecs.iter().all(is_image) {
                findings.key_frame_distance = key_frame_distance(ffmpeg, media, scratch).await?;
            }
        }
        _ => {}
    }
    Ok(findings)
}

/// The longest time from one key frame to the next or to the end; nothing where that is unknown.
async fn key_frame_distance(
    ffmpeg: &Ffmpeg,
    media: &Timeline,
    scratch: &Scratch<'_>,
) -> Result<Option<f64>, JobError> {
    let mut longest = None;
    for track in media.segments.iter().filter_map(|segment| segment.video.as_ref()) {
        let mut times = key_frames(ffmpeg, track, scratch).await?.times;
        let Some(length) = track.found.length.filter(|_| times.len() < KEY_FRAMES_MAX) else {
            return Ok(None);
        };
        times.push(length.as_secs_f64());
        let distances = times.windows(2).map(|pair| pair[1] - pair[0]);
        longest = distances.chain(longest).reduce(f64::max);
    }
    Ok(longest)
}

/// What a track's packets say of its key frames.
struct KeyFrames {
    /// In seconds.
    times: Vec<f64>,
    /// Whether no picture that is stored behind one is shown before it, and so may need what was before.
    are_closed: bool,
}

async fn key_frames(
    ffmpeg: &Ffmpeg,
    track: &Track<Video>,
    scratch: &Scratch<'_>,
) -> Result<KeyFrames, JobError> {
    let mut arguments = ["-v", "level+error", "-hide_banner"].map(OsString::from).to_vec();
    arguments.extend(reading_options());
    let stream = track.found.stream.to_string();
    let show = ["-select_streams", &stream, "-show_entries", "packet=pts_time,flags", "-of", "csv=p=0", "-i"];
    arguments.extend(show.map(OsString::from));
    arguments.push(file_url(&track.part.path));
    let mut found = KeyFrames { times: Vec::new(), are_closed: true };
    let keep = |line: &str| {
        let (time, flags) = line.split_once(',').unwrap_or_default();
        let Ok(time) = time.parse() else { return };
        if flags.starts_with('K') && found.times.len() < KEY_FRAMES_MAX {
            found.times.push(time);
        }
        found.are_closed &= found.times.last().is_none_or(|&key_frame| key_frame <= time);
    };
    let ended = process::run(&ffmpeg.ffprobe, &arguments, READ_TIME_MAX, keep).await?;
    if ended.code != 0 {
        return Err(classify::failure(&ended, scratch.folder));
    }
    Ok(found)
}
