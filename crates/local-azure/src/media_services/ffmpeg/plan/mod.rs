//! What files a preset makes of an input, track by track. Not the command that makes them.

mod built_in;
mod copying;
mod images;
mod sounds;
mod sprite;
mod standard;
mod tracks;
mod treatment;

use std::collections::BTreeSet;
use std::time::Duration;

use super::filename::{BASE_CHARS_MAX, COPIED_BASE_CHARS_MAX, Facts};
use super::findings::Findings;
use super::media::Track;
use super::probe::Video;
use super::timeline::Timeline;
use crate::media_services::jobs::JobError;
use crate::media_services::presets::Preset;

pub(super) use copying::candidate as copying_candidate;
pub(super) use images::{ImageKind, PlannedImages, When};
pub(super) use tracks::{
    AudioCodec, AudioEncoding, Copied, PlannedAudio, PlannedVideo, Rate, VideoCodec, VideoEncoding,
};
pub(super) use treatment::{Area, Deinterlacing, OverlaidPicture, PlannedFade, PlannedOverlay, Treatment};

/// `keyFrameInterval`: two seconds, unless a preset says otherwise.
const KEY_FRAME_INTERVAL: Duration = Duration::from_secs(2);
/// A blob's name has at most 1,024 characters.
const NAME_CHARS_MAX: usize = 1_024;

/// All files of one job output.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub treatment: Treatment,
    pub files: Vec<PlannedFile>,
    pub images: Vec<PlannedImages>,
    /// Whether key frames are all that is needed of the input.
    pub key_frames_only: bool,
}

/// What a file of tracks is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Container {
    #[default]
    Mp4,
    TransportStream,
}

/// A file of tracks.
#[derive(Clone, Debug)]
pub(super) struct PlannedFile {
    pub name: String,
    pub container: Container,
    pub videos: Vec<PlannedVideo>,
    pub audios: Vec<PlannedAudio>,
}

/// Plans what a preset makes of an input, or says why it makes nothing.
pub(super) fn of(preset: &Preset, media: &Timeline, findings: &Findings) -> Result<Plan, JobError> {
    let plan = match preset {
        Preset::BuiltIn(preset) => built_in::plan(preset, media, findings),
        Preset::Standard(preset) => standard::plan(preset, media, findings),
        Preset::AudioAnalyzer | Preset::VideoAnalyzer | Preset::FaceDetector => {
            Err(not_offered(&format!("The preset {}", preset.class())))
        }
    }?;
    check_names(plan.files.iter().map(|file| file.name.as_str()))?;
    Ok(plan)
}

/// Two files with one name are an error: a pattern has to tell all files apart.
pub(super) fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), JobError> {
    let mut taken = BTreeSet::new();
    for name in names {
        let length = name.chars().count();
        if length == 0 || length > NAME_CHARS_MAX {
            let message = format!("A filenamePattern makes a name of {length} characters.");
            return Err(JobError::unsupported_configuration(message));
        }
        if !taken.insert(name) {
            let message =
                format!("Two outputs would be called '{name}'. A filenamePattern has to tell them apart.");
            return Err(JobError::unsupported_configuration(message));
        }
    }
    Ok(())
}

impl Container {
    pub fn extension(self) -> &'static str {
        match self {
            Self::Mp4 => ".mp4",
            Self::TransportStream => ".ts",
        }
    }
}

impl PlannedFile {
    /// How long the file should be, as far as its tracks' sources know themselves.
    pub fn measured(&self, media: &Timeline) -> Option<Duration> {
        let videos = self.videos.iter().map(|video| match video {
            PlannedVideo::Copy(copied) => copied.track.measured,
            PlannedVideo::Encode(_) => media.video_measured(),
        });
        let audios = self.audios.iter().map(|audio| match audio {
            PlannedAudio::Copy(copied) => copied.track.measured,
            PlannedAudio::Encode(encoding) => media.sound_measured(encoding.sound),
        });
        videos.chain(audios).flatten().max()
    }
}

/// What macros stand for in the name of a file with these tracks.
fn facts(media: &Timeline, container: Container, videos: &[PlannedVideo], audios: &[PlannedAudio]) -> Facts {
    let copied =
        videos.iter().all(PlannedVideo::is_asked_copy) && audios.iter().all(PlannedAudio::is_asked_copy);
    let bitrate = match (videos.first(), audios.first()) {
        (Some(video), _) => video.bitrate(),
        (None, Some(audio)) => audio.bitrate(),
        (None, None) => None,
    };
    let codec = videos.first().map(PlannedVideo::codec).or_else(|| audios.first().map(PlannedAudio::codec));
    let chars_max = if copied { COPIED_BASE_CHARS_MAX } else { BASE_CHARS_MAX };
    Facts {
        base: base(media, chars_max),
        extension: container.extension(),
        bitrate: bitrate.map_or_else(String::new, |bits| (bits / 1000).to_string()),
        codec: codec.unwrap_or_default().to_owned(),
        resolution: videos.first().map_or_else(String::new, |video| resolution(video.size())),
        ..Facts::default()
    }
}

fn base(media: &Timeline, chars_max: usize) -> String {
    media.base.chars().take(chars_max).collect()
}

fn resolution((width, height): (u32, u32)) -> String {
    format!("{width}x{height}")
}

fn video_of(media: &Timeline) -> Result<&Track<Video>, JobError> {
    if media.segments.iter().all(|segment| segment.video.is_some())
        && let Some(video) = media.video()
    {
        return Ok(video);
    }
    Err(JobError::unsupported_content("The preset makes pictures, but the input, or a clip of it, has none."))
}

/// How many sounds there are, which has to be some.
fn sounds_of(media: &Timeline) -> Result<usize, JobError> {
    match media.sound_count() {
        0 => Err(JobError::unsupported_content("The preset makes sound, but the input has none.")),
        count => Ok(count),
    }
}

fn check_can_copy(media: &Timeline) -> Result<(), JobError> {
    if media.segments.len() == 1 {
        return Ok(());
    }
    Err(JobError::unsupported_configuration(
        "A JobInputSequence is joined by encoding: its tracks cannot be copied.",
    ))
}

fn not_filtered(problem: &str) -> JobError {
    JobError::unsupported_configuration(format!("The filters of the preset do not fit the input: {problem}."))
}

fn not_offered(what: &str) -> JobError {
    JobError::unsupported_configuration(format!("{what} is not offered by this encoder."))
}
