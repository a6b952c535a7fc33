//! Sends an operation context along with work that is given away, whatever its size. Not how each carrier is called.

use std::borrow::Cow;

use super::failure::{Failure, LogEvent};
use super::handler::{Recovered, Step, storage_of};
use super::log_events;
use crate::operation_context::{Arrived, Carried, ContextReference, OperationContext, Stamp, read, write};
use crate::participants::{Announce, Before, Kept, Participants, Said, Storage};

/// The context as it travels in a field of `bytes_max` bytes; what does not fit is kept in `account`, and a reference
/// travels instead.
///
/// # Errors
/// When it had to be kept and could not be.
pub async fn carry(step: &Step<'_>, account: &str, bytes_max: usize) -> Result<Carried, Failure> {
    match fitting(step, bytes_max) {
        Some(carried) => Ok(carried),
        None => Ok(begin(step, account, "").await?.carried(step, bytes_max)),
    }
}

/// Keeps the context in `account` in any case: a note that the operation has begun there, with a word of visible ASCII on
/// what it is about.
///
/// # Errors
/// When it could not be kept.
pub async fn begin(step: &Step<'_>, account: &str, about: &str) -> Result<Begun, Failure> {
    let note = note_in(step, account);
    let kept = step.storage()?.keep_context(&note, context_of(step).as_str(), about).await;
    let before = match kept.map_err(Failure::of(log_events::CONTEXT_NOT_KEPT))? {
        Kept::Now => None,
        Kept::Before(before) => Some(before),
    };
    Ok(Begun { note, before })
}

/// The note that says that the operation has begun in `account` before, if there is one.
///
/// # Errors
/// When that cannot be found out.
pub async fn begun_before(step: &Step<'_>, account: &str) -> Result<Option<Before>, Failure> {
    let found = step.storage()?.noted(&note_in(step, account)).await;
    found.map_err(Failure::of(log_events::CONTEXT_NOT_KEPT))
}

/// Whether the work of an operation is known to have been given away: it is written down as pending, or its end is known.
///
/// # Errors
/// When that cannot be found out.
pub(crate) async fn has_had_effect(
    account: &str,
    log_event: LogEvent,
    step: &Step<'_>,
) -> Result<bool, Failure> {
    let (storage, operation) = (step.storage()?, step.operation.id);
    let not_known = || Failure::of(log_event);
    let is_pending = storage.pending(account, operation).await.map_err(not_known())?.is_some();
    Ok(is_pending || storage.recall(account, operation, Said::End).await.map_err(not_known())?.is_some())
}

/// Where the work of an operation goes: where it was begun before, or else where `choose` says, in a word of visible ASCII.
/// That is noted in `account` before anything goes there, for whoever repeats it.
///
/// # Errors
/// When it could not be chosen or noted.
pub(crate) async fn place(
    step: &Step<'_>,
    account: &str,
    choose: impl Future<Output = Result<String, Failure>>,
) -> Result<String, Failure> {
    if let Some(before) = begun_before(step, account).await? {
        return Ok(before.about);
    }
    let chosen = choose.await?;
    // Another replica may have been faster.
    Ok(begin(step, account, &chosen).await?.before.map_or(chosen, |before| before.about))
}

fn note_in(step: &Step<'_>, account: &str) -> ContextReference {
    ContextReference { account: account.to_owned(), operation: step.operation.id }
}

/// An operation that has been noted where its work happens.
pub struct Begun {
    /// Where the note is.
    pub note: ContextReference,
    /// What it said, if it was there already.
    pub before: Option<Before>,
}

impl Begun {
    /// The context as it travels in a field of `bytes_max` bytes, or a reference to the note.
    #[must_use]
    pub fn carried(&self, step: &Step<'_>, bytes_max: usize) -> Carried {
        fitting(step, bytes_max).unwrap_or_else(|| self.note.carried(step.operation.trace.as_ref()))
    }
}

fn fitting(step: &Step<'_>, bytes_max: usize) -> Option<Carried> {
    let stamp = Stamp { operation: Some(step.operation.id), trace: step.operation.trace.clone() };
    write(&context_of(step), &stamp, bytes_max).ok()
}

/// What is sent along: an empty context where the requestor sent none.
fn context_of<'a>(step: &Step<'a>) -> Cow<'a, OperationContext> {
    step.operation.context.as_ref().map_or_else(|| Cow::Owned(OperationContext::empty()), Cow::Borrowed)
}

/// Whether what came back with a completion is of an operation of ours, wherever its context is.
pub(crate) fn is_ours(carried: &str) -> bool {
    match read(carried) {
        Arrived::Context(_, stamp) => stamp.operation.is_some(),
        Arrived::Reference(..) => true,
        Arrived::Foreign(_) => false,
    }
}

/// Finds the operation behind a report about a blob, whose end is remembered in the blob's account if it is one of ours.
///
/// # Errors
/// When its context was kept and cannot be read.
pub(crate) async fn arrive_with_end(
    carried: &str,
    blob_uri: &str,
    participants: &Participants,
) -> Result<Recovered, Failure> {
    let home = is_ours(carried).then(|| participants.account_of(blob_uri)).flatten();
    Ok(arrive(carried, participants).await?.at_home_in(home))
}

/// Reads a context that came back with a completion, fetching it from where it was kept if need be.
///
/// # Errors
/// When it was kept and cannot be read.
pub(crate) async fn arrive(carried: &str, participants: &Participants) -> Result<Recovered, Failure> {
    match read(carried) {
        Arrived::Context(context, stamp) => Ok(recovered(context, stamp)),
        Arrived::Reference(reference, stamp) => {
            let context = kept(storage_of(participants)?, &reference).await;
            let of_operation = |failure| Failure { operation: Some(reference.operation), ..failure };
            context.map(|context| recovered(context, stamp)).map_err(of_operation)
        }
        Arrived::Foreign(context) => Ok(match participants.policy.announce {
            Announce::All => recovered(context, Stamp::default()),
            Announce::Ours => Recovered::Nobody,
        }),
    }
}

async fn kept(storage: &dyn Storage, reference: &ContextReference) -> Result<OperationContext, Failure> {
    let text = storage.kept_context(reference).await.map_err(Failure::of(log_events::CONTEXT_NOT_KEPT))?;
    OperationContext::parse(&text).map_err(|e| {
        Failure::new(log_events::CONTEXT_NOT_KEPT, "the kept context cannot be read").caused_by(e)
    })
}

fn recovered(context: OperationContext, stamp: Stamp) -> Recovered {
    let Stamp { operation, trace } = stamp;
    Recovered::Operation { context: Some(context), operation, trace, home: None }
}
