//! The parts of a `StandardEncoderPreset`: codecs, layers, formats. Values are checked in `check`.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::filters::Filters;
use crate::media_services::iso_duration::IsoDuration;

/// The members of a `StandardEncoderPreset`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StandardPreset {
    pub filters: Option<Filters>,
    pub codecs: Vec<Codec>,
    pub formats: Vec<Format>,
    pub experimental_options: Option<Map<String, Value>>,
}

/// One way to make a track or pictures.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "@odata.type")]
pub(crate) enum Codec {
    #[serde(rename = "#Microsoft.Media.AacAudio")]
    AacAudio(AacAudio),
    #[serde(rename = "#Microsoft.Media.DDAudio")]
    DdAudio(DdAudio),
    #[serde(rename = "#Microsoft.Media.CopyAudio")]
    CopyAudio(Copy),
    #[serde(rename = "#Microsoft.Media.CopyVideo")]
    CopyVideo(Copy),
    #[serde(rename = "#Microsoft.Media.H264Video")]
    H264Video(H26xVideo),
    #[serde(rename = "#Microsoft.Media.H265Video")]
    H265Video(H26xVideo),
    #[serde(rename = "#Microsoft.Media.JpgImage")]
    JpgImage(Image),
    #[serde(rename = "#Microsoft.Media.PngImage")]
    PngImage(Image),
}

/// A track taken as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Copy {
    pub label: Option<String>,
}

/// AAC; absent members are AAC-LC, stereo, 48 kHz and 128 kb/s.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AacAudio {
    pub label: Option<String>,
    pub channels: Option<u32>,
    pub sampling_rate: Option<u32>,
    pub bitrate: Option<u64>,
    pub profile: Option<AacProfile>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum AacProfile {
    AacLc,
    HeAacV1,
    HeAacV2,
}

/// Dolby Digital (AC-3); absent members are stereo, 48 kHz and 192 kb/s.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DdAudio {
    pub label: Option<String>,
    pub channels: Option<u32>,
    pub sampling_rate: Option<u32>,
    pub bitrate: Option<u64>,
}

/// H.264 or H.265 in one or several layers.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct H26xVideo {
    pub label: Option<String>,
    pub key_frame_interval: Option<IsoDuration>,
    pub stretch_mode: Option<StretchMode>,
    pub sync_mode: Option<SyncMode>,
    pub scene_change_detection: Option<bool>,
    pub complexity: Option<Complexity>,
    pub layers: Vec<H26xLayer>,
    /// H.264 only.
    pub rate_control_mode: Option<RateControlMode>,
}

/// One layer of a video.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct H26xLayer {
    /// Written by API versions before 2021, where a layer had subclasses.
    #[serde(rename = "@odata.type")]
    pub _class: Option<String>,
    pub label: Option<String>,
    /// Pixels, or percent of the input, as text.
    pub width: Option<String>,
    pub height: Option<String>,
    /// Bits per second.
    pub bitrate: u64,
    pub max_bitrate: Option<u64>,
    pub b_frames: Option<u32>,
    /// A quotient such as `30000/1001`; `0/1` is the input's.
    pub frame_rate: Option<String>,
    pub slices: Option<u32>,
    pub adaptive_b_frame: Option<bool>,
    pub profile: Option<Profile>,
    /// `auto`, or a level such as `3.1`.
    pub level: Option<String>,
    pub buffer_window: Option<IsoDuration>,
    pub crf: Option<f64>,
    pub reference_frames: Option<u32>,
    /// H.264 only.
    pub entropy_mode: Option<EntropyMode>,
}

/// Thumbnails. Positions are a time, a frame number, a percentage, or `{Best}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Image {
    pub label: Option<String>,
    pub key_frame_interval: Option<IsoDuration>,
    pub stretch_mode: Option<StretchMode>,
    #[expect(dead_code, reason = "says nothing about pictures that are picked one by one")]
    sync_mode: Option<SyncMode>,
    pub start: String,
    pub step: Option<String>,
    pub range: Option<String>,
    pub layers: Option<Vec<ImageLayer>>,
    /// JPEG only.
    pub sprite_column: Option<u32>,
}

/// One size of thumbnails.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ImageLayer {
    /// Written by API versions before 2021, where a layer had subclasses.
    #[serde(rename = "@odata.type")]
    pub _class: Option<String>,
    pub label: Option<String>,
    pub width: Option<String>,
    pub height: Option<String>,
    /// JPEG only: 0 to 100.
    pub quality: Option<u32>,
}

/// How a picture fits a layer of another shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum StretchMode {
    /// Distorted to the layer.
    None,
    /// The layer takes the input's shape.
    #[default]
    AutoSize,
    /// Bars fill the layer.
    AutoFit,
}

/// How frames are timed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum SyncMode {
    #[default]
    Auto,
    Passthrough,
    Cfr,
    Vfr,
}

/// How much work a picture is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Complexity {
    Speed,
    #[default]
    Balanced,
    Quality,
}

/// How bits are spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum RateControlMode {
    #[default]
    #[serde(rename = "ABR")]
    Abr,
    #[serde(rename = "CBR")]
    Cbr,
    #[serde(rename = "CRF")]
    Crf,
}

/// Profiles of H.264 and H.265 together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Profile {
    #[default]
    Auto,
    Baseline,
    Main,
    High,
    High422,
    High444,
    /// H.265 only.
    Main10,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum EntropyMode {
    Cabac,
    Cavlc,
}

/// What files tracks and pictures go to.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "@odata.type")]
pub(crate) enum Format {
    #[serde(rename = "#Microsoft.Media.Mp4Format")]
    Mp4(MultiBitrateFormat),
    #[serde(rename = "#Microsoft.Media.TransportStreamFormat")]
    TransportStream(MultiBitrateFormat),
    #[serde(rename = "#Microsoft.Media.JpgFormat")]
    Jpg(ImageFormat),
    #[serde(rename = "#Microsoft.Media.PngFormat")]
    Png(ImageFormat),
}

/// Files of tracks.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MultiBitrateFormat {
    pub filename_pattern: String,
    pub output_files: Option<Vec<OutputFile>>,
}

/// Tracks that share a file, by their labels.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OutputFile {
    pub labels: Vec<String>,
}

/// Files of pictures.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ImageFormat {
    pub filename_pattern: String,
}
