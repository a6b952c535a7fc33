//! Presets: what a transform does to its input, in the dialect's words. Not how it is done: that is `ffmpeg::plan`.

mod built_in;
mod check;
mod check_audio;
mod check_filters;
mod filters;
mod position;
mod standard;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

pub(super) use built_in::{BuiltInPreset, Configurations, InterleaveOutput, PresetName};
pub(super) use check::SIDE_MAX;
pub(super) use filters::{
    Deinterlace, DeinterlaceMode, DeinterlaceParity, Fade, Filters, Overlay, Rectangle, Rotation,
    VideoOverlay, colour,
};
pub(super) use position::{Extent, Position};
pub(super) use standard::{
    AacAudio, AacProfile, Codec, Complexity, DdAudio, EntropyMode, Format, H26xLayer, H26xVideo, Image,
    ImageLayer, MultiBitrateFormat, Profile, RateControlMode, StandardPreset, StretchMode, SyncMode,
};

/// A preset, by its `@odata.type`.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "@odata.type")]
pub(super) enum Preset {
    /// A preset by name.
    #[serde(rename = "#Microsoft.Media.BuiltInStandardEncoderPreset")]
    BuiltIn(BuiltInPreset),
    /// A preset in all its parts.
    #[serde(rename = "#Microsoft.Media.StandardEncoderPreset")]
    Standard(Box<StandardPreset>),
    /// Speech to text. Kept and shown, never executed here.
    #[serde(rename = "#Microsoft.Media.AudioAnalyzerPreset")]
    AudioAnalyzer,
    /// Insights from pictures and speech. Kept and shown, never executed here.
    #[serde(rename = "#Microsoft.Media.VideoAnalyzerPreset")]
    VideoAnalyzer,
    /// Faces found or blurred. Kept and shown, never executed here.
    #[serde(rename = "#Microsoft.Media.FaceDetectorPreset")]
    FaceDetector,
}

impl Preset {
    /// The class name, which default labels of job outputs begin with.
    pub fn class(&self) -> &'static str {
        match self {
            Self::BuiltIn(_) => "BuiltInStandardEncoderPreset",
            Self::Standard(_) => "StandardEncoderPreset",
            Self::AudioAnalyzer => "AudioAnalyzerPreset",
            Self::VideoAnalyzer => "VideoAnalyzerPreset",
            Self::FaceDetector => "FaceDetectorPreset",
        }
    }
}

/// A preset that is shown exactly as it was sent.
#[derive(Clone, Debug)]
pub(super) struct PresetText {
    text: Box<RawValue>,
    preset: Preset,
}

impl PresetText {
    pub fn preset(&self) -> &Preset {
        &self.preset
    }
}

impl<'de> Deserialize<'de> for PresetText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let preset = serde_json::from_str::<Preset>(text.get()).map_err(D::Error::custom)?;
        check::check(&preset).map_err(D::Error::custom)?;
        Ok(Self { text, preset })
    }
}

impl Serialize for PresetText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}
