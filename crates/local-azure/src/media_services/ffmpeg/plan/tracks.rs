//! The tracks that a plan makes: what is copied, and how the others are encoded. Not which files they are in.

use std::time::Duration;

use super::KEY_FRAME_INTERVAL;
use crate::media_services::ffmpeg::media::Track;
use crate::media_services::ffmpeg::probe::{Audio, Video};
use crate::media_services::ffmpeg::timeline::Timeline;
use crate::media_services::presets::{Complexity, Profile, SyncMode};

/// A video track of a file.
#[derive(Clone, Debug)]
pub(crate) enum PlannedVideo {
    Copy(Copied<Video>),
    Encode(VideoEncoding),
}

/// An audio track of a file.
#[derive(Clone, Debug)]
pub(crate) enum PlannedAudio {
    Copy(Copied<Audio>),
    Encode(AudioEncoding),
}

/// A track taken as it is.
#[derive(Clone, Debug)]
pub(crate) struct Copied<T> {
    pub track: Track<T>,
    /// The bits per second that would have been encoded; nothing where a preset asks for a copy.
    pub instead_of: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VideoCodec {
    H264,
    H265,
}

/// How pictures are encoded.
#[derive(Clone, Debug)]
pub(crate) struct VideoEncoding {
    pub codec: VideoCodec,
    /// The size of the file's pictures.
    pub size: (u32, u32),
    /// The size of the input's picture in it; bars fill the rest.
    pub picture: (u32, u32),
    pub rate: Rate,
    pub complexity: Complexity,
    pub key_frame_interval: Duration,
    /// Whether key frames are where the input has them, instead.
    pub key_frames_of_source: bool,
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
pub(crate) enum Rate {
    /// About `target` on average, never much more than `max`.
    Average { target: u64, max: u64, buffer: u64 },
    /// Always `target`.
    Constant { target: u64, buffer: u64 },
    /// As many as the picture needs for its quality, never much more than `max`.
    Quality { crf: f64, max: u64, buffer: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AudioCodec {
    Aac,
    Ac3,
}

/// How sound is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AudioEncoding {
    /// The how-manieth of the input's sounds.
    pub sound: usize,
    pub codec: AudioCodec,
    pub channels: u32,
    pub sampling_rate: u32,
    pub bitrate: u64,
}

impl Rate {
    /// The bits per second that are wanted, or allowed where quality counts.
    pub fn target(self) -> u64 {
        match self {
            Self::Average { target, .. } | Self::Constant { target, .. } => target,
            Self::Quality { max, .. } => max,
        }
    }
}

impl VideoEncoding {
    /// An encoding with nothing special about it.
    pub fn new(codec: VideoCodec, size: (u32, u32), rate: Rate) -> Self {
        Self {
            codec,
            size,
            picture: size,
            rate,
            complexity: Complexity::default(),
            key_frame_interval: KEY_FRAME_INTERVAL,
            key_frames_of_source: false,
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

impl PlannedVideo {
    /// Whether the preset says that the track is copied.
    pub fn is_asked_copy(&self) -> bool {
        matches!(self, Self::Copy(copied) if copied.instead_of.is_none())
    }

    pub fn codec(&self) -> &str {
        match self {
            Self::Copy(copied) => &copied.track.found.codec,
            Self::Encode(VideoEncoding { codec: VideoCodec::H264, .. }) => "h264",
            Self::Encode(VideoEncoding { codec: VideoCodec::H265, .. }) => "hevc",
        }
    }

    pub fn size(&self) -> (u32, u32) {
        match self {
            Self::Copy(copied) => (copied.track.found.width, copied.track.found.height),
            Self::Encode(encoding) => encoding.size,
        }
    }

    /// The bits per second that are wanted.
    pub fn bitrate(&self) -> Option<u64> {
        match self {
            Self::Copy(copied) => copied.instead_of.or(copied.track.found.bitrate),
            Self::Encode(encoding) => Some(encoding.rate.target()),
        }
    }
}

impl PlannedAudio {
    /// Whether the preset says that the track is copied.
    pub fn is_asked_copy(&self) -> bool {
        matches!(self, Self::Copy(copied) if copied.instead_of.is_none())
    }

    pub fn codec(&self) -> &str {
        match self {
            Self::Copy(copied) => &copied.track.found.codec,
            Self::Encode(AudioEncoding { codec: AudioCodec::Aac, .. }) => "aac",
            Self::Encode(AudioEncoding { codec: AudioCodec::Ac3, .. }) => "ac3",
        }
    }

    /// The bits per second that are wanted.
    pub fn bitrate(&self) -> Option<u64> {
        match self {
            Self::Copy(copied) => copied.instead_of.or(copied.track.found.bitrate),
            Self::Encode(encoding) => Some(encoding.bitrate),
        }
    }

    /// The language that is spoken, if the input says so.
    pub fn language<'a>(&'a self, media: &'a Timeline) -> Option<&'a str> {
        match self {
            Self::Copy(copied) => copied.track.found.language.as_deref(),
            Self::Encode(encoding) => media.sound(encoding.sound)?.first()?.found.language.as_deref(),
        }
    }
}
