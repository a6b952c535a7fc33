//! Jobs: what they are asked, what they are, how they run. Not what an encoder does to a file.

mod custody;
mod error;
mod events;
mod farewell;
mod fetch;
mod handlers;
mod input;
mod queue;
mod request;
mod resume;
mod run;
mod track_selection;
mod transitions;
mod upload;
mod workspace;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::listing::{Listed, Property};
use super::presets::PresetText;
use super::resource::{Times, folded, timestamp};

use custody::Custody;
pub use error::{JobError, JobErrorCategory, JobErrorCode, JobErrorDetail, JobRetry};
pub(super) use events::{DATA_VERSION, JobEvent};
pub(super) use farewell::{Farewell, forget_settled, remove};
pub(super) use fetch::{FetchedFile, SourceClip, Sources};
pub(super) use handlers::{cancel, create, delete, get, list, update};
pub(super) use input::JobInput;
pub(super) use queue::Queue;
pub(super) use resume::{hold, release, resume};
pub(super) use track_selection::{
    AttributeFilter, ByAttribute, ChannelMapping, InputDefinition, TrackAttribute, TrackSelection,
};
pub(super) use upload::{Content, OutputFile};
pub(super) use workspace::Workspace;

/// The `@odata.type` of the only kind of output.
pub(super) const JOB_OUTPUT_ASSET: &str = "#Microsoft.Media.JobOutputAsset";

/// Where a job or one of its outputs stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum JobState {
    Queued,
    Scheduled,
    Processing,
    Canceling,
    Canceled,
    Finished,
    Error,
}

/// How urgent something is. The order is that of urgency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Priority {
    Low,
    #[default]
    Normal,
    High,
}

/// What happens to the other outputs when one fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum OnError {
    #[default]
    StopProcessingJob,
    ContinueJob,
}

/// A job's key: the names of its transform and of itself, as they are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct JobKey {
    pub transform: String,
    pub job: String,
}

/// Tells a job from a later one of the same names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JobId {
    pub key: JobKey,
    pub number: u64,
}

/// A job.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Job {
    pub name: String,
    /// The transform's name as it was spelt when the job was made.
    pub transform: String,
    pub description: Option<String>,
    pub priority: Priority,
    pub correlation: BTreeMap<String, String>,
    pub input: JobInput,
    pub outputs: Vec<JobOutput>,
    pub state: JobState,
    pub times: Times,
    #[serde(with = "time::serde::rfc3339::option")]
    pub started: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended: Option<OffsetDateTime>,
    /// The how-manieth job of the account it is: earlier jobs come first.
    pub number: u64,
    pub custody: Custody,
    /// Cancelled when the job is to stop.
    #[serde(skip)]
    pub stop: CancellationToken,
}

/// One output of a job, which is one run of the encoder.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobOutput {
    pub asset: String,
    pub label: String,
    /// What is done: the transform's preset when the job was made, or the job's own.
    pub preset: PresetText,
    pub preset_is_override: bool,
    pub on_error: OnError,
    pub priority: Priority,
    pub state: JobState,
    pub progress: u8,
    #[serde(with = "time::serde::rfc3339::option")]
    pub started: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended: Option<OffsetDateTime>,
    pub error: Option<JobError>,
    /// The progress last told in an event, and when.
    #[serde(skip)]
    pub told: Option<(u8, OffsetDateTime)>,
}

impl JobState {
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Scheduled,
        Self::Processing,
        Self::Canceling,
        Self::Canceled,
        Self::Finished,
        Self::Error,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Scheduled => "Scheduled",
            Self::Processing => "Processing",
            Self::Canceling => "Canceling",
            Self::Canceled => "Canceled",
            Self::Finished => "Finished",
            Self::Error => "Error",
        }
    }

    pub fn is_final(self) -> bool {
        matches!(self, Self::Canceled | Self::Finished | Self::Error)
    }
}

impl JobKey {
    pub fn new(transform: &str, job: &str) -> Self {
        Self { transform: folded(transform), job: folded(job) }
    }
}

impl Job {
    /// The id of the job under this key.
    pub fn id(&self, key: &JobKey) -> JobId {
        JobId { key: key.clone(), number: self.number }
    }
}

impl Listed for Job {
    const PROPERTIES: &'static [Property] =
        &[Property::NAME, Property::STATE, Property::CREATED, Property::LAST_MODIFIED];

    fn property(&self, name: &str) -> Option<String> {
        match name {
            "name" => Some(folded(&self.name)),
            "state" => Some(self.state.as_str().to_owned()),
            "created" => Some(timestamp(self.times.created)),
            "lastModified" => Some(timestamp(self.times.last_modified)),
            _ => None,
        }
    }
}
