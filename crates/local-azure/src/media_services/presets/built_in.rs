//! Presets by name, and what may be configured about them. Not their ladders: those are `ffmpeg::ladder`'s.

use serde::Deserialize;

use super::Complexity;

/// The members of a `BuiltInStandardEncoderPreset`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BuiltInPreset {
    pub preset_name: PresetName,
    pub configurations: Option<Configurations>,
}

/// The named presets, in the dialect's spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum PresetName {
    H264SingleBitrateSD,
    H264SingleBitrate720p,
    H264SingleBitrate1080p,
    H264MultipleBitrateSD,
    H264MultipleBitrate720p,
    H264MultipleBitrate1080p,
    AdaptiveStreaming,
    ContentAwareEncoding,
    ContentAwareEncodingExperimental,
    #[serde(rename = "AACGoodQualityAudio")]
    AacGoodQualityAudio,
    #[serde(rename = "DDGoodQualityAudio")]
    DdGoodQualityAudio,
    CopyAllBitrateNonInterleaved,
    H265ContentAwareEncoding,
    H265AdaptiveStreaming,
    H265SingleBitrate720p,
    H265SingleBitrate1080p,
    H265SingleBitrate4K,
    /// Not documented, but used by the service's own samples, in this spelling as the next two.
    #[serde(rename = "saasCopyCodec", alias = "SaasCopyCodec")]
    SaasCopyCodec,
    #[serde(rename = "saasProxyCopyCodec", alias = "SaasProxyCopyCodec")]
    SaasProxyCopyCodec,
    SaasSourceAligned360pOnly,
}

impl PresetName {
    /// Whether the preset makes its own ladder, and so has something to configure.
    pub fn has_own_ladder(self) -> bool {
        use PresetName as P;
        matches!(
            self,
            P::AdaptiveStreaming
                | P::ContentAwareEncoding
                | P::ContentAwareEncodingExperimental
                | P::H265ContentAwareEncoding
                | P::H265AdaptiveStreaming
        )
    }

    /// Whether the preset looks at the pictures before it makes its ladder.
    pub fn is_content_aware(self) -> bool {
        use PresetName as P;
        matches!(
            self,
            P::ContentAwareEncoding | P::ContentAwareEncodingExperimental | P::H265ContentAwareEncoding
        )
    }

    /// Whether the preset encodes H.265, and not H.264.
    pub fn is_h265(self) -> bool {
        use PresetName as P;
        matches!(
            self,
            P::H265ContentAwareEncoding
                | P::H265AdaptiveStreaming
                | P::H265SingleBitrate720p
                | P::H265SingleBitrate1080p
                | P::H265SingleBitrate4K
        )
    }

    /// Whether the preset makes H.264 rungs in bitrates that do not depend on the pictures.
    pub fn is_plain_h264_ladder(self) -> bool {
        use PresetName as P;
        let no_ladder = [
            P::AacGoodQualityAudio,
            P::DdGoodQualityAudio,
            P::CopyAllBitrateNonInterleaved,
            P::SaasCopyCodec,
            P::SaasProxyCopyCodec,
            P::SaasSourceAligned360pOnly,
        ];
        !self.is_h265() && !self.is_content_aware() && !no_ladder.contains(&self)
    }
}

/// What may be said about a ladder. Absent members have the preset's own value.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Configurations {
    pub complexity: Option<Complexity>,
    pub interleave_output: Option<InterleaveOutput>,
    pub key_frame_interval_in_seconds: Option<f64>,
    pub max_bitrate_bps: Option<u64>,
    pub min_bitrate_bps: Option<u64>,
    pub max_height: Option<u32>,
    pub min_height: Option<u32>,
    pub max_layers: Option<usize>,
}

/// Whether pictures and sound share a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum InterleaveOutput {
    InterleavedOutput,
    NonInterleavedOutput,
}
