//! What can say of a media file what is in it. Not which program does, nor how it comes by the bytes.

use async_trait::async_trait;
use serde_json::value::RawValue;

use super::{BlobAddress, BlobProperties, ParticipantError};
use crate::operation_id::OperationId;

/// A blob to analyze.
#[derive(Clone, Copy, Debug)]
pub struct Analysis<'a> {
    /// For whom; under this id the log knows how far it is.
    pub operation: OperationId,
    /// Which blob.
    pub blob: &'a BlobAddress,
    /// What storage knew of it; another version is not analyzed.
    pub properties: &'a BlobProperties,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// The program that would do it is missing, or must not be run here.
    #[error("{0}")]
    NoProgram(String),
    /// The blob could not be read.
    #[error("{0}")]
    NotRead(#[source] ParticipantError),
    /// It would have read, said or taken more than it may.
    #[error("{0}")]
    BeyondBounds(String),
    /// As many analyses as may run were running all the time it could wait: it may succeed later.
    #[error("{0}")]
    Busy(String),
    /// What the program said is no report.
    #[error("{0}")]
    NoReport(String),
}

/// An analyzer of media files.
#[async_trait]
pub trait Analyzer: Send + Sync {
    /// The report on a blob, a JSON object with its members as the program spelled and ordered them. Reads no more of the
    /// blob than it must, and nothing else.
    async fn analyze(&self, analysis: Analysis<'_>) -> Result<Box<RawValue>, AnalyzeError>;
}
