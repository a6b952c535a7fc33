//! What a handler is: data in, answer out, no state and no publisher. How it is run is the flow's.

use std::future::Future;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::answer::ResponseData;
use super::failure::Failure;
use super::log_events;
use crate::event::TraceParent;
use crate::operation_context::OperationContext;
use crate::operation_id::OperationId;
use crate::participants::{Analyzer, Encoder, MEDIA_SERVICES, Participants, Publication, Storage};

/// An event's data, as a handler wants it.
pub trait EventData: DeserializeOwned + JsonSchema + Send + 'static {
    /// Matched exactly.
    const EVENT_TYPE: &'static str;

    /// Major versions of `dataVersion` that are taken; empty takes all.
    const MAJOR_VERSIONS: &'static [u32] = &[1];

    /// Whether `~muted` in its context silences what is said of it: only what happens to blobs can be muted.
    const CAN_BE_MUTED: bool = false;

    /// Whether it reports something on the way, so that nobody needs to hear when it cannot be passed on.
    const IS_INTERIM: bool = false;

    /// Whether only our own program can raise it: no courier delivers it, and it is no part of the contract.
    const IS_INTERNAL: bool = false;

    /// What failures call it, where its own name says nothing to a requestor.
    const REPORTED_AS: &'static str = Self::EVENT_TYPE;

    /// The operation context, where the data has a member for it.
    fn operation_context(&self) -> Option<&OperationContext> {
        None
    }

    /// The `data` of one as it could arrive, for the published contract.
    fn example() -> serde_json::Value;
}

/// One event type's behaviour.
///
/// A handler has no `self`, so that there is nowhere to keep state, and no publisher, so that it cannot forget the
/// acknowledgment, the operation context or muting. It must be repeatable: run again for the same operation, it finds its
/// own effects and answers as the first time.
pub trait Handler: 'static {
    /// What it takes.
    type Event: EventData;
    /// What it can answer.
    type Response: ResponseData;

    /// The original's id of this handler, in its letter case.
    const ID: &'static str;
    /// The original's class name of this handler.
    const CLASS: &'static str;
    /// Event types of what the platform reports about the work that is given away here, in the order it happens: their
    /// handlers publish the outcome. Empty when the answer is the outcome.
    const CONTINUES_WITH: &'static [&'static str] = &[];
    /// Whether nothing is done while it cannot be found out whether it has been done: for what must not happen twice.
    const ONCE_AT_MOST: bool = false;

    /// Whether others tell the outcome of what is asked for here. Then what this handler itself says of the outcome is
    /// remembered as the end, so that nobody says otherwise later.
    const HANDS_OVER: bool = false;

    /// What a request may have changed when it is not known how it ended.
    const EFFECT: Effect = if Self::HANDS_OVER { Effect::Noted } else { Effect::Unnoted };

    /// Does the work, or gives it away.
    fn handle(
        event: Self::Event,
        step: &Step<'_>,
    ) -> impl Future<Output = Result<Self::Response, Failure>> + Send;

    /// The storage account in which it is remembered what a request was answered; nothing for what needs no memory. Where an
    /// end is remembered is recovered with its operation.
    fn memory(event: &Self::Event, participants: &Participants) -> Option<String> {
        let _ = (event, participants);
        None
    }

    /// Finds out which operation an event belongs to. Requests say it themselves; a platform event carries it where the
    /// request that caused it had put it.
    fn recover(
        event: &Self::Event,
        subject: &str,
        participants: &Participants,
    ) -> impl Future<Output = Result<Recovered, Failure>> + Send {
        let _ = (subject, participants);
        let context = event.operation_context().cloned();
        async { Ok(Recovered::Operation { context, operation: None, trace: None, home: None }) }
    }
}

/// What a request may have changed when somebody who was to take part did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it only looks.
    Nothing,
    /// Something, but nothing of what was asked for before it has been noted in the handler's memory that it began.
    Noted,
    /// Something for all that is known.
    Unnoted,
}

/// What is known of the operation behind an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// An operation somebody waits for.
    Operation {
        /// The caller's context, if there was one.
        context: Option<OperationContext>,
        /// The operation's id, when it was carried.
        operation: Option<OperationId>,
        /// The trace it belongs to, when it was carried.
        trace: Option<TraceParent>,
        /// The storage account in which its end is remembered, and in which it is written down as pending until that has been
        /// told; nothing where nobody else could tell an end, or what is reported is none.
        home: Option<String>,
    },
    /// Nobody of ours waits for this: say nothing.
    Nobody,
}

impl Recovered {
    /// The same, its end remembered in an account.
    #[must_use]
    pub fn at_home_in(self, account: Option<String>) -> Self {
        match self {
            Self::Operation { context, operation, trace, .. } => {
                Self::Operation { context, operation, trace, home: account }
            }
            Self::Nobody => Self::Nobody,
        }
    }
}

/// The operation a step belongs to.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Names what is made for it outside, and its answers.
    pub id: OperationId,
    /// The caller's context, if there was one.
    pub context: Option<OperationContext>,
    /// The trace to go on with, wherever the work goes.
    pub trace: Option<TraceParent>,
    /// The subject of the event at hand.
    pub subject: String,
    /// Where the log of it can be read, when the deployment knows.
    pub record_url: Option<String>,
    /// How often the courier says that it has brought the event at hand before.
    pub tries_before: u32,
}

/// What a handler is given besides its event.
#[derive(Clone, Copy)]
pub struct Step<'a> {
    /// The operation it belongs to.
    pub operation: &'a Operation,
    /// Everyone who can do something.
    pub participants: &'a Participants,
}

impl<'a> Step<'a> {
    /// Blob storage, or the failure that says it is not configured.
    ///
    /// # Errors
    /// When it is absent.
    pub fn storage(&self) -> Result<&'a dyn Storage, Failure> {
        storage_of(self.participants)
    }

    /// The encoder of that name, or the usual one, with its name; or the failure that says it is not configured.
    ///
    /// # Errors
    /// When it is absent.
    pub fn encoder(&self, name: Option<&str>) -> Result<(&'a str, &'a dyn Encoder), Failure> {
        let encoders = &self.participants.encoders;
        encoders.find(name).ok_or_else(|| {
            let names = encoders.names().collect::<Vec<_>>();
            if names.is_empty() {
                return not_configured("encoders", "media");
            }
            let name = name.unwrap_or_default();
            let message = format!("no backend {name:?} is configured here: there are {}", names.join(", "));
            Failure::new(log_events::PARTICIPANT_NOT_CONFIGURED, message)
        })
    }

    /// Who publishes media, or the failure that says it is not configured.
    ///
    /// # Errors
    /// When it is absent.
    pub fn publication(&self) -> Result<&'a dyn Publication, Failure> {
        self.participants.publication.as_deref().ok_or_else(|| {
            let message =
                format!("no media services are configured: no account in [media] is of {MEDIA_SERVICES:?}");
            Failure::new(log_events::PARTICIPANT_NOT_CONFIGURED, message)
        })
    }

    /// The analyzer, or the failure that says it is not configured.
    ///
    /// # Errors
    /// When it is absent.
    pub fn analyzer(&self) -> Result<&'a dyn Analyzer, Failure> {
        self.participants.analyzer.as_deref().ok_or_else(|| not_configured("analyzers", "analysis"))
    }
}

/// Blob storage, or the failure that says it is not configured.
pub(super) fn storage_of(participants: &Participants) -> Result<&dyn Storage, Failure> {
    participants.storage.as_deref().ok_or_else(|| not_configured("storage accounts", "storage"))
}

fn not_configured(what: &str, section: &str) -> Failure {
    let message = format!("no {what} are configured: the section [{section}] is empty");
    Failure::new(log_events::PARTICIPANT_NOT_CONFIGURED, message)
}
