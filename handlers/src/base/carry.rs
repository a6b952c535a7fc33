//! Sends an operation context along with work that is given away, whatever its size. Not how each carrier is called.

use super::failure::Failure;
use super::handler::{Recovered, Step};
use super::log_events;
use crate::operation_context::{Arrived, Carried, ContextReference, OperationContext, Stamp, read, write};
use crate::participants::{Announce, Participants, Storage};

/// The context as it travels in a field of `bytes_max` bytes; what does not fit is kept in `account`, and a reference
/// travels instead.
///
/// # Errors
/// When it had to be kept and could not be.
pub async fn carry(step: &Step<'_>, account: &str, bytes_max: usize) -> Result<Carried, Failure> {
    let operation = step.operation;
    let empty = OperationContext::empty();
    let context = operation.context.as_ref().unwrap_or(&empty);
    let stamp = Stamp { operation: Some(operation.id), trace: operation.trace.clone() };
    if let Ok(carried) = write(context, &stamp, bytes_max) {
        return Ok(carried);
    }
    let reference = ContextReference { account: account.to_owned(), operation: operation.id };
    let kept = step.participants.storage()?.keep_context(&reference, context.as_str()).await;
    kept.map_err(Failure::of(log_events::CONTEXT_NOT_KEPT))?;
    Ok(reference.carried(operation.trace.as_ref()))
}

/// Reads a context that came back with a completion, fetching it from where it was kept if need be.
///
/// # Errors
/// When it was kept and cannot be read.
pub(crate) async fn arrive(carried: &str, participants: &Participants) -> Result<Recovered, Failure> {
    match read(carried) {
        Arrived::Context(context, stamp) => Ok(recovered(context, stamp)),
        Arrived::Reference(reference, stamp) => {
            let context = kept(participants.storage()?, &reference).await?;
            Ok(recovered(context, stamp))
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
    Recovered::Operation { context: Some(context), operation: stamp.operation, trace: stamp.trace }
}
