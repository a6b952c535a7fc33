//! What an encoder of the Media Services dialect can do for us. Not which of its regions does it.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{ContainerAddress, ParticipantError};
use crate::operation_context::stamp_of;

/// A job to give to the encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodeJob {
    /// Unique in the account, and the same whenever the same request is handled.
    pub name: String,
    /// The transform that says what to do, by its name in the account or one of the dialect's presets.
    pub transform: String,
    /// Where the inputs are.
    pub input: ContainerAddress,
    /// The inputs' names in their container.
    pub files: Vec<String>,
    /// Where the outputs go.
    pub output: ContainerAddress,
    /// The part of the inputs to encode.
    pub clip: ClipTimes,
    /// Comes back with every event of the job.
    pub correlation: BTreeMap<String, String>,
}

impl EncodeJob {
    /// Whether a job of that name is the one that was meant: it carries the same operation.
    #[must_use]
    pub fn is(&self, found: &JobSnapshot) -> bool {
        let (ours, theirs) = (stamp_of(&self.correlation).operation, stamp_of(&found.correlation).operation);
        ours.is_some() && ours == theirs
    }
}

impl ContainerAddress {
    /// The name of the asset that stands for a container, as the original formed it.
    #[must_use]
    pub fn asset_name(&self) -> String {
        format!("{}-{}", self.account, self.container).to_lowercase()
    }
}

/// The part of an input to encode, in seconds from its start; an open end is the input's own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClipTimes {
    /// From where.
    pub start_seconds: Option<f64>,
    /// To where.
    pub end_seconds: Option<f64>,
}

/// Where a job is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobTicket {
    /// Its transform.
    pub transform: String,
    /// Its name.
    pub job: String,
}

impl JobTicket {
    /// Reads the subject of a job event, `transforms/{transform}/jobs/{job}`.
    #[must_use]
    pub fn from_subject(subject: &str) -> Option<Self> {
        let mut parts = subject.trim_start_matches('/').split('/');
        let (transforms, transform, jobs, job) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_job = transforms.eq_ignore_ascii_case("transforms") && jobs.eq_ignore_ascii_case("jobs");
        (is_job && parts.next().is_none())
            .then(|| Self { transform: transform.to_owned(), job: job.to_owned() })
    }
}

/// A job as the encoder has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSnapshot {
    /// What was sent with it.
    pub correlation: BTreeMap<String, String>,
    /// When work on it began, in seconds since 1970, if it has and is said.
    pub started: Option<i64>,
    /// When it ended, in seconds since 1970, if it has and is said.
    pub ended: Option<i64>,
}

/// Which part of a submission went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitStep {
    /// Finding or making the transform.
    Transform,
    /// Naming the inputs to the encoder.
    InputAsset,
    /// Naming the output container to the encoder.
    OutputAsset,
    /// The job itself.
    Job,
}

/// Why a job was not taken.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct EncodeError {
    /// At which step.
    pub step: SubmitStep,
    /// Why.
    pub source: ParticipantError,
}

/// An encoder.
#[async_trait]
pub trait Encoder: Send + Sync {
    /// Room for the correlation values of a job, in bytes, all together.
    fn correlation_bytes_max(&self) -> usize;

    /// Submits a job. A job of that name that carries the same operation is the one that was meant.
    async fn submit(&self, job: &EncodeJob) -> Result<(), EncodeError>;

    /// Asks for a job to be stopped. Without its transform it is looked for in all there are. One that is being stopped, or
    /// has been, is as wanted.
    async fn cancel(&self, job: &str, transform: Option<&str>) -> Result<(), ParticipantError>;

    /// Looks a job up.
    async fn job(&self, ticket: &JobTicket) -> Result<JobSnapshot, ParticipantError>;
}
