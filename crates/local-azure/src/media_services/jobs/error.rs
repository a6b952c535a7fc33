//! Why a job ended in an error, in the dialect's codes. Not why a request was refused: that is an ARM error.

use serde::{Deserialize, Serialize};

/// A job output's `error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code:?}: {message}")]
pub struct JobError {
    /// What went wrong.
    pub code: JobErrorCode,
    /// For people.
    pub message: String,
    /// What it has to do with.
    pub category: JobErrorCategory,
    /// Whether to try again.
    pub retry: JobRetry,
    /// More, as far as it is known: for an encoder its last words.
    pub details: Vec<JobErrorDetail>,
}

/// One more thing to know about an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobErrorDetail {
    /// What kind of detail it is.
    pub code: String,
    /// For people.
    pub message: String,
}

/// The dialect's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobErrorCode {
    /// The service failed.
    ServiceError,
    /// The service failed for the moment.
    ServiceTransientError,
    /// An input is missing or forbidden.
    DownloadNotAccessible,
    /// An input could not be read for the moment.
    DownloadTransientError,
    /// An output container is missing or forbidden.
    UploadNotAccessible,
    /// An output could not be written for the moment.
    UploadTransientError,
    /// The preset does not fit the input, or is not offered.
    ConfigurationUnsupported,
    /// An input is broken.
    ContentMalformed,
    /// An input is of a kind that is not handled.
    ContentUnsupported,
}

/// What an error has to do with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobErrorCategory {
    /// The service.
    Service,
    /// Reading inputs.
    Download,
    /// Writing outputs.
    Upload,
    /// The preset.
    Configuration,
    /// The media.
    Content,
}

/// Whether it is worth trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobRetry {
    /// The same job would fail again.
    DoNotRetry,
    /// The same job may succeed, later or elsewhere.
    MayRetry,
}

impl JobError {
    /// An error with the category and the retry advice that its code commonly has.
    pub fn new(code: JobErrorCode, message: impl Into<String>) -> Self {
        let (category, retry) = code.normal_form();
        Self { code, message: message.into(), category, retry, details: Vec::new() }
    }

    /// The same error with one more detail.
    #[must_use]
    pub fn with_detail(mut self, code: &str, message: impl Into<String>) -> Self {
        self.details.push(JobErrorDetail { code: code.to_owned(), message: message.into() });
        self
    }

    pub(in crate::media_services) fn unsupported_configuration(message: impl Into<String>) -> Self {
        Self::new(JobErrorCode::ConfigurationUnsupported, message)
    }

    pub(in crate::media_services) fn unsupported_content(message: impl Into<String>) -> Self {
        Self::new(JobErrorCode::ContentUnsupported, message)
    }
}

impl JobErrorCode {
    fn normal_form(self) -> (JobErrorCategory, JobRetry) {
        use {JobErrorCategory as C, JobErrorCode as E, JobRetry as R};
        match self {
            E::ServiceError | E::ServiceTransientError => (C::Service, R::MayRetry),
            E::DownloadNotAccessible => (C::Download, R::DoNotRetry),
            E::DownloadTransientError => (C::Download, R::MayRetry),
            E::UploadNotAccessible => (C::Upload, R::DoNotRetry),
            E::UploadTransientError => (C::Upload, R::MayRetry),
            E::ConfigurationUnsupported => (C::Configuration, R::DoNotRetry),
            E::ContentMalformed | E::ContentUnsupported => (C::Content, R::DoNotRetry),
        }
    }
}
