//! What a job reads, as it was asked for. Finding the files is `run`'s business.

use serde::{Deserialize, Serialize};

use super::track_selection::InputDefinition;
use crate::media_services::iso_duration::IsoDuration;

/// A job's input, by its `@odata.type`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "@odata.type")]
pub(crate) enum JobInput {
    #[serde(rename = "#Microsoft.Media.JobInputAsset")]
    Asset(AssetInput),
    #[serde(rename = "#Microsoft.Media.JobInputHttp")]
    Http(HttpInput),
    /// Several inputs side by side.
    #[serde(rename = "#Microsoft.Media.JobInputs")]
    Several { inputs: Vec<JobInput> },
    /// Several clips one after the other.
    #[serde(rename = "#Microsoft.Media.JobInputSequence")]
    Sequence { inputs: Vec<ClipInput> },
}

/// An input that can be part of a sequence.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "@odata.type")]
pub(crate) enum ClipInput {
    #[serde(rename = "#Microsoft.Media.JobInputAsset")]
    Asset(AssetInput),
    #[serde(rename = "#Microsoft.Media.JobInputHttp")]
    Http(HttpInput),
}

/// Files of an asset; no files are all files of its container.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssetInput {
    pub asset_name: String,
    #[serde(flatten)]
    pub clip: Clip,
}

/// Files behind URLs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpInput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_uri: Option<String>,
    #[serde(flatten)]
    pub clip: Clip,
}

/// Which files, and which part of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Clip {
    #[serde(default)]
    pub files: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<ClipTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<ClipTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// A choice of tracks; none is the usual choice.
    #[serde(default)]
    pub input_definitions: Vec<InputDefinition>,
}

/// A place in the input's time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "@odata.type")]
pub(crate) enum ClipTime {
    /// Counted from the start of the media.
    #[serde(rename = "#Microsoft.Media.AbsoluteClipTime")]
    Absolute { time: IsoDuration },
    /// A time of day, for archives of live events.
    #[serde(rename = "#Microsoft.Media.UtcClipTime")]
    Utc { time: String },
}

impl JobInput {
    /// What presets may call it.
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::Asset(input) => input.clip.label.as_deref(),
            Self::Http(input) => input.clip.label.as_deref(),
            Self::Several { .. } | Self::Sequence { .. } => None,
        }
    }

    /// The same input as it may be shown: the queries of URLs carry signatures.
    pub fn shown(&self) -> Self {
        match self {
            Self::Asset(input) => Self::Asset(input.clone()),
            Self::Http(input) => Self::Http(input.shown()),
            Self::Several { inputs } => Self::Several { inputs: inputs.iter().map(Self::shown).collect() },
            Self::Sequence { inputs } => {
                Self::Sequence { inputs: inputs.iter().map(ClipInput::shown).collect() }
            }
        }
    }
}

impl ClipInput {
    fn shown(&self) -> Self {
        match self {
            Self::Asset(input) => Self::Asset(input.clone()),
            Self::Http(input) => Self::Http(input.shown()),
        }
    }
}

impl HttpInput {
    fn shown(&self) -> Self {
        let mut shown = self.clone();
        for url in shown.base_uri.iter_mut().chain(&mut shown.clip.files) {
            if let Some(query) = url.find('?') {
                url.truncate(query);
            }
        }
        shown
    }

    /// The whole URL of each file.
    pub fn urls(&self) -> Vec<String> {
        let base = self.base_uri.as_deref().unwrap_or_default();
        if self.clip.files.is_empty() {
            return vec![base.to_owned()];
        }
        self.clip.files.iter().map(|file| joined(base, file)).collect()
    }
}

/// A base may carry a query (a signature for a whole container), which then belongs behind the file.
fn joined(base: &str, file: &str) -> String {
    if base.is_empty() || file.contains("://") {
        return file.to_owned();
    }
    let (path, query) = base.split_once('?').map_or((base, None), |(path, query)| (path, Some(query)));
    let url = format!("{}/{}", path.trim_end_matches('/'), file.trim_start_matches('/'));
    match query {
        Some(query) if !url.contains('?') => format!("{url}?{query}"),
        _ => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_joined_to_their_base_in_front_of_its_query() {
        assert_eq!(joined("https://a/c?sig=1", "b.mp4"), "https://a/c/b.mp4?sig=1");
        assert_eq!(joined("https://a/c/", "b.mp4?sig=2"), "https://a/c/b.mp4?sig=2");
        assert_eq!(joined("", "https://a/c/b.mp4"), "https://a/c/b.mp4");
    }

    #[test]
    fn queries_are_not_shown() {
        let input = r##"{"@odata.type":"#Microsoft.Media.JobInputHttp","baseUri":"https://a/c?sig=1","files":["b?sig=2"]}"##;
        let input = serde_json::from_str::<JobInput>(input).unwrap();
        let shown = serde_json::to_string(&input.shown()).unwrap();
        assert!(!shown.contains("sig"), "{shown}");
    }
}
