//! What an encoder can do for us, and which encoders there are. Not where one is, nor in which of its regions it works.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::{BlobAddress, ContainerAddress, JobStands, ParticipantError, PendingJob};
use crate::operation_context::stamp_of;

/// The encoder that requests in Media Services' own words go to.
pub const MEDIA_SERVICES: &str = "mediaservices";

/// A job to give to an encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodeJob {
    /// Unique in the account, and the same whenever the same request is handled.
    pub name: String,
    /// What to do.
    pub work: Work,
    /// With what: at least one blob.
    pub inputs: Vec<BlobAddress>,
    /// Where the outputs go.
    pub output: ContainerAddress,
    /// The part of the inputs to encode.
    pub clip: ClipTimes,
    /// How urgent it is; without it, as urgent as most.
    pub priority: Option<Priority>,
    /// Comes back with every event of the job.
    pub correlation: BTreeMap<String, String>,
}

impl EncodeJob {
    /// The containers that inputs lie in, in the order in which they are first named.
    pub fn input_containers(&self) -> impl Iterator<Item = &ContainerAddress> {
        let containers = self.inputs.iter().map(|blob| &blob.container).enumerate();
        let is_first = |&(at, container): &(usize, &ContainerAddress)| {
            !self.inputs[..at].iter().any(|earlier| earlier.container == *container)
        };
        containers.filter(is_first).map(|(_, container)| container)
    }
}

/// What an encoder is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// What it has under this name, or else the preset that is called so.
    Named(String),
    /// What it has under this name.
    Transform(String),
    /// The preset that is called so.
    Preset(String),
    /// Pictures out of the input.
    Pictures(Pictures),
}

/// Pictures out of an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pictures {
    /// Whether many small ones are wanted, in one sheet with an index of their times.
    pub sprite: bool,
    /// Which one is wanted by itself.
    pub thumbnail: Option<Thumbnail>,
}

/// A picture out of an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Thumbnail {
    /// One that shows something.
    Best,
    /// The one at so many seconds from the start.
    At(f64),
}

/// How urgent a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// After others.
    Low,
    /// As most.
    Normal,
    /// Before others.
    High,
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
    /// Its name.
    pub job: String,
    /// Its transform; without it, the job is looked for in all there are.
    pub transform: Option<String>,
}

impl JobTicket {
    /// Reads the subject of a job event, `transforms/{transform}/jobs/{job}`.
    #[must_use]
    pub fn from_subject(subject: &str) -> Option<Self> {
        let mut parts = subject.trim_start_matches('/').split('/');
        let (transforms, transform, jobs, job) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_job = transforms.eq_ignore_ascii_case("transforms") && jobs.eq_ignore_ascii_case("jobs");
        (is_job && parts.next().is_none())
            .then(|| Self { job: job.to_owned(), transform: Some(transform.to_owned()) })
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

    /// Says where a job should go now, in a word of visible ASCII, and makes all ready for it there.
    async fn place(&self, job: &EncodeJob) -> Result<String, EncodeError>;

    /// Submits a job there, and says where it is to be found. A job of that name that carries the same operation is the one
    /// that was meant.
    async fn submit(&self, job: &EncodeJob, place: &str) -> Result<JobTicket, EncodeError>;

    /// Asks for a job to be stopped. One that is being stopped, or has been, is as wanted.
    async fn cancel(&self, ticket: &JobTicket) -> Result<(), ParticipantError>;

    /// Looks a job up.
    async fn job(&self, ticket: &JobTicket) -> Result<JobSnapshot, ParticipantError>;

    /// Looks after a job where it was submitted, and nowhere else: there it is, or it is gone.
    async fn look_after(&self, job: &PendingJob) -> Result<JobStands, ParticipantError>;
}

/// All encoders, by their names.
#[derive(Clone, Default)]
pub struct Encoders {
    by_name: BTreeMap<String, Arc<dyn Encoder>>,
    usual: String,
}

impl Encoders {
    /// Those of a configuration, and the name of the one that works where a request names none.
    #[must_use]
    pub fn new(by_name: BTreeMap<String, Arc<dyn Encoder>>, usual: impl Into<String>) -> Self {
        Self { by_name, usual: usual.into() }
    }

    /// The one of that name, or the usual one, with its name.
    #[must_use]
    pub fn find(&self, name: Option<&str>) -> Option<(&str, &dyn Encoder)> {
        let found = self.by_name.get_key_value(name.unwrap_or(&self.usual));
        found.map(|(name, encoder)| (name.as_str(), &**encoder))
    }

    /// Looks after a job where it was submitted. An encoder that is not configured any more has it no more.
    ///
    /// # Errors
    /// When it is not there any more, or cannot be looked after now.
    pub async fn look_after(&self, job: &PendingJob) -> Result<JobStands, ParticipantError> {
        match self.by_name.get(&job.backend) {
            Some(encoder) => encoder.look_after(job).await,
            None => Err(ParticipantError::NotFound(format!("the backend {:?}", job.backend), None)),
        }
    }

    /// What they are called.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Looks a job up wherever it is.
    ///
    /// # Errors
    /// When nobody has it, or somebody who may have it could not be asked.
    pub async fn job(&self, ticket: &JobTicket) -> Result<JobSnapshot, ParticipantError> {
        let mut search = Search::default();
        for encoder in self.by_name.values() {
            if let Some(found) = search.heed(encoder.job(ticket).await) {
                return Ok(found);
            }
        }
        Err(search.failed(ticket))
    }

    /// Has a job stopped wherever it is.
    ///
    /// # Errors
    /// When nobody has it, or whoever has it does not stop it, or could not be asked.
    pub async fn cancel(&self, ticket: &JobTicket) -> Result<(), ParticipantError> {
        let mut search = Search::default();
        for encoder in self.by_name.values() {
            if search.heed(encoder.cancel(ticket).await).is_some() {
                return Ok(());
            }
        }
        Err(search.failed(ticket))
    }
}

/// A search among several who may have a job.
#[derive(Default)]
pub struct Search(Option<ParticipantError>);

impl Search {
    /// What somebody answered, if it was not that they do not have it; what went wrong elsewhere is kept meanwhile.
    pub fn heed<T>(&mut self, answer: Result<T, ParticipantError>) -> Option<T> {
        match answer {
            Ok(found) => return Some(found),
            Err(ParticipantError::NotFound(..)) => {}
            Err(trouble) => self.0 = self.0.take().or(Some(trouble)),
        }
        None
    }

    /// Why it was not found: the first trouble, or else that nobody has it.
    #[must_use]
    pub fn failed(self, ticket: &JobTicket) -> ParticipantError {
        self.0.unwrap_or_else(|| ParticipantError::NotFound(format!("the job {:?}", ticket.job), None))
    }
}
