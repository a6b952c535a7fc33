//! Which tracks of its files an input asks for, in the dialect's words. Which tracks those are, the encoder finds out.

use serde::{Deserialize, Serialize};

/// A choice of tracks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "@odata.type")]
pub(crate) enum InputDefinition {
    /// From all files taken together.
    #[serde(rename = "#Microsoft.Media.FromAllInputFile", rename_all = "camelCase")]
    All {
        #[serde(default)]
        included_tracks: Vec<TrackSelection>,
    },
    /// From each file anew.
    #[serde(rename = "#Microsoft.Media.FromEachInputFile", rename_all = "camelCase")]
    Each {
        #[serde(default)]
        included_tracks: Vec<TrackSelection>,
    },
    /// From one of the files.
    #[serde(rename = "#Microsoft.Media.InputFile", rename_all = "camelCase")]
    File {
        filename: String,
        #[serde(default)]
        included_tracks: Vec<TrackSelection>,
    },
}

/// Tracks of one kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "@odata.type")]
pub(crate) enum TrackSelection {
    #[serde(rename = "#Microsoft.Media.SelectAudioTrackById", rename_all = "camelCase")]
    AudioById {
        track_id: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        channel_mapping: Option<ChannelMapping>,
    },
    #[serde(rename = "#Microsoft.Media.SelectAudioTrackByAttribute", rename_all = "camelCase")]
    AudioByAttribute {
        #[serde(flatten)]
        wanted: ByAttribute,
        #[serde(skip_serializing_if = "Option::is_none")]
        channel_mapping: Option<ChannelMapping>,
    },
    #[serde(rename = "#Microsoft.Media.SelectVideoTrackById", rename_all = "camelCase")]
    VideoById { track_id: u32 },
    #[serde(rename = "#Microsoft.Media.SelectVideoTrackByAttribute", rename_all = "camelCase")]
    VideoByAttribute {
        #[serde(flatten)]
        wanted: ByAttribute,
    },
}

/// Tracks by what they are like.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ByAttribute {
    pub attribute: TrackAttribute,
    pub filter: AttributeFilter,
    /// For `ValueEquals` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_value: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TrackAttribute {
    Bitrate,
    Language,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AttributeFilter {
    All,
    /// The first in descending order.
    Top,
    /// The first in ascending order.
    Bottom,
    ValueEquals,
}

/// What a track of a single channel is in a track of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ChannelMapping {
    FrontLeft,
    FrontRight,
    Center,
    LowFrequencyEffects,
    BackLeft,
    BackRight,
    StereoLeft,
    StereoRight,
}

impl InputDefinition {
    pub fn included_tracks(&self) -> &[TrackSelection] {
        match self {
            Self::All { included_tracks }
            | Self::Each { included_tracks }
            | Self::File { included_tracks, .. } => included_tracks,
        }
    }

    /// What is wrong with it, as the end of a sentence.
    pub fn problem(&self) -> Option<&'static str> {
        self.included_tracks().iter().find_map(TrackSelection::problem)
    }
}

impl TrackSelection {
    fn problem(&self) -> Option<&'static str> {
        let (wanted, is_video) = match self {
            Self::AudioById { .. } | Self::VideoById { .. } => return None,
            Self::AudioByAttribute { wanted, .. } => (wanted, false),
            Self::VideoByAttribute { wanted } => (wanted, true),
        };
        let value = wanted.filter_value.as_deref();
        let is_number = value.is_some_and(|value| value.parse::<u64>().is_ok());
        match (wanted.attribute, wanted.filter) {
            (TrackAttribute::Language, _) if is_video => {
                Some("selects video tracks by Language, which they do not have")
            }
            (_, AttributeFilter::ValueEquals) if value.is_none() => {
                Some("has the filter ValueEquals without a filterValue")
            }
            (TrackAttribute::Bitrate, AttributeFilter::ValueEquals) if !is_number => {
                Some("has a filterValue for Bitrate that is no number")
            }
            _ => None,
        }
    }
}
