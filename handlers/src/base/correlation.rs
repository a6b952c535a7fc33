//! What travels with a job and comes back with each of its events: a map of strings. Not what the events mean.

use std::collections::BTreeMap;

use super::carry::{arrive, carry};
use super::failure::Failure;
use super::handler::{Recovered, Step};
use crate::operation_context::{CORRELATION_STAMP, OperationContext, Stamp, stamp_of, write_stamp};
use crate::participants::Participants;

/// The operation context as plain JSON text, where the original had it too, so that either can finish the other's jobs.
const CONTEXT: &str = "operationContext";
/// The URI of the output container, as requested; the original's name for it.
const CONTAINER: &str = "outputAssetContainer";
/// The event type of the request, by which answers are worded; the original had none here.
const REQUEST: &str = "gw.request";

/// The correlation of a job.
pub(crate) type Correlation = BTreeMap<String, String>;

/// Writes the correlation of a job, with the event type of its request where answers are worded by that; a context that does not fit is kept in `account`.
pub(crate) async fn write(
    step: &Step<'_>,
    request: Option<&str>,
    account: &str,
    output_container: &str,
    bytes_max: usize,
) -> Result<Correlation, Failure> {
    let operation = step.operation;
    let stamp = write_stamp(&Stamp { operation: Some(operation.id), trace: operation.trace.clone() });
    let context = operation.context.as_ref().map_or("", OperationContext::as_str);
    let names = [CONTEXT, CONTAINER, REQUEST, CORRELATION_STAMP].map(str::len).iter().sum::<usize>();
    let around = names + output_container.len() + request.map_or(0, str::len) + stamp.len();
    let context = if context.len() + around <= bytes_max {
        context.to_owned()
    } else {
        carry(step, account, 0).await?.as_str().to_owned()
    };
    let mut correlation = Correlation::from([
        (CONTAINER.to_owned(), output_container.to_owned()),
        (CORRELATION_STAMP.to_owned(), stamp),
    ]);
    // A requestor that sent no context gets none back.
    correlation.extend((!context.is_empty()).then_some((CONTEXT.to_owned(), context)));
    correlation.extend(request.map(|request| (REQUEST.to_owned(), request.to_owned())));
    Ok(correlation)
}

/// Finds the operation in a correlation. With neither context nor stamp it is nobody's of ours: the account may be shared.
pub(crate) async fn recover(
    correlation: &Correlation,
    participants: &Participants,
) -> Result<Recovered, Failure> {
    let stamp = stamp_of(correlation);
    let Some(context) = correlation.get(CONTEXT) else {
        let Stamp { operation, trace } = stamp;
        let ours = operation.is_some().then_some(Recovered::Operation {
            context: None,
            operation,
            trace,
            home: None,
        });
        return Ok(ours.unwrap_or(Recovered::Nobody));
    };
    let carried = arrive(context, participants).await?;
    Ok(match carried {
        Recovered::Operation { context, operation, trace, home } => Recovered::Operation {
            context,
            operation: stamp.operation.or(operation),
            trace: stamp.trace.or(trace),
            home,
        },
        Recovered::Nobody => Recovered::Nobody,
    })
}

/// The URI of the output container.
pub(crate) fn output_container(correlation: &Correlation) -> Option<&str> {
    correlation.get(CONTAINER).map(String::as_str)
}

/// The account of the output container: where what is said of the job is remembered.
pub(crate) fn home(correlation: &Correlation, participants: &Participants) -> Option<String> {
    let storage = participants.storage.as_deref()?;
    Some(storage.locate_container(output_container(correlation)?).ok()?.account)
}

/// The event type of the request that the job came from, where it was noted.
pub(crate) fn request(correlation: &Correlation) -> Option<&str> {
    correlation.get(REQUEST).map(String::as_str)
}
