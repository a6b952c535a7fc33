//! A part of media, as requests say it: from where to where, either end open. Not what is done with it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::lenient::number;
use crate::participants::ClipTimes;

/// Later than any media ends: a year, in seconds.
const SECONDS_MAX: f64 = 365.0 * 86_400.0;

/// A part of the media; an end that is left out is the media's own.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TimeRange {
    /// From where, in seconds.
    #[serde(default, deserialize_with = "number")]
    start_seconds: Option<f64>,
    /// To where, in seconds.
    #[serde(default, deserialize_with = "number")]
    end_seconds: Option<f64>,
}

impl TimeRange {
    /// The times, if they can be meant; otherwise what was expected of which part of `member`.
    pub(crate) fn times(self, member: &str) -> Result<ClipTimes, String> {
        let Self { start_seconds, end_seconds } = self;
        let start = start_seconds.unwrap_or_default();
        if start < 0.0 {
            return Err(format!("{member}.startSeconds: expected a time that is not negative"));
        }
        if end_seconds.is_some_and(|end| end <= start) {
            return Err(format!("{member}.endSeconds: expected a time after startSeconds"));
        }
        if start > SECONDS_MAX || end_seconds.is_some_and(|end| end > SECONDS_MAX) {
            return Err(format!("{member}: expected times within a year"));
        }
        Ok(ClipTimes { start_seconds, end_seconds })
    }
}
