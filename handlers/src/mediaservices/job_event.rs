//! What the events of a job have in common: how the operation behind them is found, and the handler they had in the
//! original.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::base::correlation::{self, Correlation};
use crate::base::{Failure, Recovered, Step, log_events};
use crate::job_answers::Family;
use crate::operation_id::OperationId;
use crate::participants::{JobTicket, ParticipantError, Participants};

/// The original handled all events of a job in one place.
pub(super) const HANDLER_ID: &str = "2229453D-58CF-4F16-A2FF-19647F6CBF81";
/// Its class.
pub(super) const HANDLER_CLASS: &str = "MediaServicesV3EncoderStatusHandler";

/// What the submitter sent along with a job; some services leave it out, or out of some events.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CorrelationData(BTreeMap<String, Option<String>>);

impl CorrelationData {
    fn values(&self) -> Correlation {
        let values = self.0.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        values.collect()
    }
}

/// The job that an event is about.
pub(super) struct EventJob {
    /// Where it is.
    pub(super) ticket: JobTicket,
    /// What was sent along with it.
    pub(super) correlation: Correlation,
    /// In whose words its requestor is answered.
    pub(super) family: Family,
}

impl EventJob {
    /// The job behind the event at hand, whose correlation is fetched when the event came without.
    pub(super) async fn of(carried: Option<&CorrelationData>, step: &Step<'_>) -> Result<Self, Failure> {
        let ticket = JobTicket::from_subject(&step.operation.subject)
            .ok_or_else(|| Failure::new(log_events::ENCODE_JOB_NOT_READ, "the event names no job"))?;
        let correlation = correlation(carried, &ticket, step.participants).await?;
        let family = Family::of_request(correlation::request(&correlation));
        Ok(Self { ticket, correlation, family })
    }

    /// The name by which answers call it.
    pub(super) fn name(&self) -> String {
        self.ticket.job.clone()
    }
}

/// Finds the operation whose job has ended, and where that end is remembered.
pub(super) async fn recover_end(
    carried: Option<&CorrelationData>,
    subject: &str,
    participants: &Participants,
) -> Result<Recovered, Failure> {
    let Some(ticket) = JobTicket::from_subject(subject) else { return Ok(Recovered::Nobody) };
    let correlation = correlation(carried, &ticket, participants).await?;
    let home = correlation::home(&correlation, participants);
    Ok(operation(&correlation, subject, participants).await?.at_home_in(home))
}

/// Finds the operation behind a job's event: in what it carries, or in the job that its subject names.
pub(super) async fn recover(
    carried: Option<&CorrelationData>,
    subject: &str,
    participants: &Participants,
) -> Result<Recovered, Failure> {
    let Some(ticket) = JobTicket::from_subject(subject) else { return Ok(Recovered::Nobody) };
    let correlation = correlation(carried, &ticket, participants).await?;
    operation(&correlation, subject, participants).await
}

async fn operation(
    correlation: &Correlation,
    subject: &str,
    participants: &Participants,
) -> Result<Recovered, Failure> {
    Ok(match correlation::recover(correlation, participants).await? {
        // Jobs submitted by the original carry no operation: then all that is said of the job shares the job's identity.
        Recovered::Operation { context, operation: None, trace, home } => {
            let operation = Some(OperationId::of_completion(&subject.to_lowercase(), context.as_ref()));
            Recovered::Operation { context, operation, trace, home }
        }
        recovered => recovered,
    })
}

/// The correlation of a job, fetched from the job itself when the event came without.
///
/// A job that is gone (the service forgets them after 90 days), or that nobody can look up, has none.
async fn correlation(
    carried: Option<&CorrelationData>,
    ticket: &JobTicket,
    participants: &Participants,
) -> Result<Correlation, Failure> {
    if let Some(carried) = carried {
        return Ok(carried.values());
    }
    match participants.encoders.job(ticket).await {
        Ok(job) => Ok(job.correlation),
        Err(ParticipantError::NotFound(..)) => Ok(Correlation::new()),
        Err(error) => Err(Failure::of(log_events::ENCODE_JOB_NOT_READ)(error)),
    }
}
