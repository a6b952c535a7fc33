//! What files a preset makes of an input, track by track. Not the command that makes them.

mod built_in;
mod images;
mod standard;

use std::collections::BTreeSet;
use std::time::Duration;

use super::filename::{BASE_CHARS_MAX, COPIED_BASE_CHARS_MAX, Facts};
use super::media::{Media, Track};
use super::probe::{Audio, Video};
use crate::media_services::jobs::JobError;
use crate::media_services::presets::{Complexity, Preset, Profile, SyncMode};

pub(super) use images::{ImageKind, PlannedImages, When};

/// `keyFrameInterval`: two seconds, unless a preset says otherwise.
const KEY_FRAME_INTERVAL: Duration = Duration::from_secs(2);
/// A blob's name has at most 1,024 characters.
const NAME_CHARS_MAX: usize = 1_024;

/// All files of one job output.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub files: Vec<PlannedFile>,
    pub images: Vec<PlannedImages>,
}

/// An MP4 file.
#[derive(Debug)]
pub(super) struct PlannedFile {
    pub name: String,
    pub videos: Vec<PlannedVideo>,
    pub audios: Vec<PlannedAudio>,
}

/// A video track of a file.
#[derive(Clone, Debug)]
pub(super) enum PlannedVideo {
    Copy(Track<Video>),
    Encode(VideoEncoding),
}

/// An audio track of a file.
#[derive(Clone, Debug)]
pub(super) enum PlannedAudio {
    Copy(Track<Audio>),
    Encode(AudioEncoding),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VideoCodec {
    H264,
    H265,
}

/// How pictures are encoded.
#[derive(Clone, Debug)]
pub(super) struct VideoEncoding {
    pub codec: VideoCodec,
    /// The size of the file's pictures.
    pub size: (u32, u32),
    /// The size of the input's picture in it; bars fill the rest.
    pub picture: (u32, u32),
    pub rate: Rate,
    pub complexity: Complexity,
    pub key_frame_interval: Duration,
    pub scene_change_detection: bool,
    pub sync_mode: SyncMode,
    /// A quotient; `None` is the input's.
    pub frame_rate: Option<String>,
    pub profile: Profile,
    pub level: Option<String>,
    pub b_frames: Option<u32>,
    pub adaptive_b_frame: bool,
    pub reference_frames: Option<u32>,
    pub slices: Option<u32>,
    pub cavlc: bool,
}

/// How bits are spent, in bits and bits per second.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rate {
    /// About `target` on average, never much more than `max`.
    Average { target: u64, max: u64, buffer: u64 },
    /// Always `target`.
    Constant { target: u64, buffer: u64 },
    /// As many as the picture needs for its quality, never much more than `max`.
    Quality { crf: f64, max: u64, buffer: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AudioCodec {
    Aac,
    Ac3,
}

/// How sound is encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct AudioEncoding {
    pub codec: AudioCodec,
    pub channels: u32,
    pub sampling_rate: u32,
    pub bitrate: u64,
}

/// Plans what a preset makes of an input, or says why it makes nothing.
pub(super) fn of(preset: &Preset, media: &Media) -> Result<Plan, JobError> {
    let plan = match preset {
        Preset::BuiltIn(preset) => built_in::plan(preset, media),
        Preset::Standard(preset) => standard::plan(preset, media),
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

impl VideoEncoding {
    /// An encoding with nothing special about it.
    fn new(codec: VideoCodec, size: (u32, u32), rate: Rate) -> Self {
        Self {
            codec,
            size,
            picture: size,
            rate,
            complexity: Complexity::default(),
            key_frame_interval: KEY_FRAME_INTERVAL,
            scene_change_detection: false,
            sync_mode: SyncMode::default(),
            frame_rate: None,
            profile: Profile::default(),
            level: None,
            b_frames: None,
            adaptive_b_frame: true,
            reference_frames: None,
            slices: None,
            cavlc: false,
        }
    }
}

impl PlannedFile {
    /// How long the file should be, as far as its tracks' sources know themselves.
    pub fn measured(&self, media: &Media) -> Option<Duration> {
        let videos = self.videos.iter().map(|video| match video {
            PlannedVideo::Copy(track) => track.measured,
            PlannedVideo::Encode(_) => media.video_measured(),
        });
        let audios = self.audios.iter().map(|audio| match audio {
            PlannedAudio::Copy(track) => track.measured,
            PlannedAudio::Encode(_) => media.audio_measured(),
        });
        videos.chain(audios).flatten().max()
    }
}

impl PlannedVideo {
    fn codec(&self) -> &str {
        match self {
            Self::Copy(track) => &track.found.codec,
            Self::Encode(VideoEncoding { codec: VideoCodec::H264, .. }) => "h264",
            Self::Encode(VideoEncoding { codec: VideoCodec::H265, .. }) => "hevc",
        }
    }

    fn size(&self) -> (u32, u32) {
        match self {
            Self::Copy(track) => (track.found.width, track.found.height),
            Self::Encode(encoding) => encoding.size,
        }
    }

    /// The bits per second that are wanted.
    pub fn bitrate(&self) -> Option<u64> {
        match self {
            Self::Copy(track) => track.found.bitrate,
            Self::Encode(encoding) => Some(match encoding.rate {
                Rate::Average { target, .. } | Rate::Constant { target, .. } => target,
                Rate::Quality { max, .. } => max,
            }),
        }
    }
}

impl PlannedAudio {
    fn codec(&self) -> &str {
        match self {
            Self::Copy(track) => &track.found.codec,
            Self::Encode(AudioEncoding { codec: AudioCodec::Aac, .. }) => "aac",
            Self::Encode(AudioEncoding { codec: AudioCodec::Ac3, .. }) => "ac3",
        }
    }

    /// The bits per second that are wanted.
    pub fn bitrate(&self) -> Option<u64> {
        match self {
            Self::Copy(track) => track.found.bitrate,
            Self::Encode(encoding) => Some(encoding.bitrate),
        }
    }

    /// The language that is spoken, if the input says so.
    pub fn language<'a>(&'a self, media: &'a Media) -> Option<&'a str> {
        match self {
            Self::Copy(track) => track.found.language.as_deref(),
            Self::Encode(_) => media.audio()?.found.language.as_deref(),
        }
    }
}

/// What macros stand for in the name of a file with these tracks.
fn facts(media: &Media, videos: &[PlannedVideo], audios: &[PlannedAudio]) -> Facts {
    let copied = videos.iter().all(|v| matches!(v, PlannedVideo::Copy(_)))
        && audios.iter().all(|a| matches!(a, PlannedAudio::Copy(_)));
    let bitrate = match (videos.first(), audios.first()) {
        (Some(video), _) => video.bitrate(),
        (None, Some(audio)) => audio.bitrate(),
        (None, None) => None,
    };
    let codec = videos.first().map(PlannedVideo::codec).or_else(|| audios.first().map(PlannedAudio::codec));
    let chars_max = if copied { COPIED_BASE_CHARS_MAX } else { BASE_CHARS_MAX };
    Facts {
        base: base(media, chars_max),
        extension: ".mp4",
        bitrate: bitrate.map_or_else(String::new, |bits| (bits / 1000).to_string()),
        codec: codec.unwrap_or_default().to_owned(),
        resolution: videos.first().map_or_else(String::new, |video| resolution(video.size())),
        ..Facts::default()
    }
}

fn base(media: &Media, chars_max: usize) -> String {
    media.base.chars().take(chars_max).collect()
}

fn resolution((width, height): (u32, u32)) -> String {
    format!("{width}x{height}")
}

fn video_of(media: &Media) -> Result<&Track<Video>, JobError> {
    if media.segments.iter().all(|segment| segment.video.is_some())
        && let Some(video) = media.video()
    {
        return Ok(video);
    }
    Err(JobError::unsupported_content("The preset makes pictures, but the input, or a clip of it, has none."))
}

fn audio_of(media: &Media) -> Result<&Track<Audio>, JobError> {
    media
        .audio()
        .ok_or_else(|| JobError::unsupported_content("The preset makes sound, but the input has none."))
}

fn check_can_copy(media: &Media) -> Result<(), JobError> {
    if media.segments.len() == 1 {
        return Ok(());
    }
    Err(JobError::unsupported_configuration(
        "A JobInputSequence is joined by encoding: its tracks cannot be copied.",
    ))
}

fn not_offered(what: &str) -> JobError {
    JobError::unsupported_configuration(format!("{what} is not offered by this encoder."))
}
