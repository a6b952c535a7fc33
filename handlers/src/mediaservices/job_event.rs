//! What the events of a job have in common: their data, and how the operation behind them is found.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::base::correlation::{self, Correlation};
use crate::base::{Failure, Recovered, log_events};
use crate::operation_id::OperationId;
use crate::participants::{JobTicket, ParticipantError, Participants};

/// `data` of an event about a job as a whole.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobStateData {
    /// What the submitter sent along; some services leave it out.
    correlation_data: Option<Correlation>,
    /// What became of each output.
    #[serde(default)]
    outputs: Vec<JobOutput>,
}

/// One output of a job.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobOutput {
    /// Why it failed, if it did.
    error: Option<JobError>,
}

/// Why an output failed.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct JobError {
    /// In words.
    #[serde(default)]
    message: String,
    /// In more words.
    #[serde(default)]
    details: Vec<JobErrorDetail>,
}

/// One of the reasons an output failed.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct JobErrorDetail {
    /// In words.
    #[serde(default)]
    message: String,
}

impl JobStateData {
    /// The errors of all outputs in the original's form.
    pub(super) fn errors(&self) -> String {
        let mut lines = Vec::new();
        for (i, error) in self.outputs.iter().enumerate().filter_map(|(i, o)| Some((i, o.error.as_ref()?))) {
            lines.push(format!("Output-{i}: {}", error.message));
            let details = error.details.iter().enumerate();
            lines.extend(details.map(|(j, detail)| format!("Output-{i} Detail-{j}: {}", detail.message)));
        }
        lines.join("; ")
    }

    pub(super) async fn recover(
        &self,
        subject: &str,
        participants: &Participants,
    ) -> Result<Recovered, Failure> {
        recover(self.correlation_data.as_ref(), subject, participants).await
    }

    /// The correlation, fetched from the job itself when the event came without.
    pub(super) async fn correlation(&self, ticket: &JobTicket, participants: &Participants) -> Correlation {
        match &self.correlation_data {
            Some(correlation) => correlation.clone(),
            None => look_up(ticket, participants).await.unwrap_or_default(),
        }
    }
}

/// Finds the operation behind a job's event: in what it carries, or in the job that its subject names.
pub(super) async fn recover(
    carried: Option<&Correlation>,
    subject: &str,
    participants: &Participants,
) -> Result<Recovered, Failure> {
    let Some(ticket) = JobTicket::from_subject(subject) else { return Ok(Recovered::Nobody) };
    let recovered = match carried {
        Some(correlation) => correlation::recover(correlation, participants).await?,
        None => correlation::recover(&look_up(&ticket, participants).await?, participants).await?,
    };
    Ok(match recovered {
        // Jobs submitted by the original carry no operation: then all that is said of the job shares the job's identity.
        Recovered::Operation { context, operation: None, trace } => {
            let operation = Some(OperationId::of_completion(&subject.to_lowercase(), context.as_ref()));
            Recovered::Operation { context, operation, trace }
        }
        recovered => recovered,
    })
}

/// A job that is gone (the service forgets them after 90 days), or that nobody can look up, is nobody's.
async fn look_up(ticket: &JobTicket, participants: &Participants) -> Result<Correlation, Failure> {
    let Some(encoder) = participants.encoder.as_deref() else { return Ok(Correlation::new()) };
    match encoder.job(ticket).await {
        Ok(job) => Ok(job.correlation),
        Err(ParticipantError::NotFound(..)) => Ok(Correlation::new()),
        Err(error) => Err(Failure::of(log_events::ENCODE_JOB_NOT_READ)(error)),
    }
}

/// The name by which answers call a job.
pub(super) fn job_name(subject: &str) -> String {
    JobTicket::from_subject(subject).map(|ticket| ticket.job).unwrap_or_default()
}
