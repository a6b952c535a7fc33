//! What Gridwich decides: its messages, the base all handlers share, and one file per handler.
//!
//! Nothing here can open a socket, read a clock or draw a number: what the outside world can do is said as traits in
//! [`participants`] and done elsewhere.

pub mod base;
pub mod blob;
pub mod encode;
pub mod event;
mod job_answers;
pub mod keyvault;
pub mod mediaservices;
pub mod operation;
pub mod operation_context;
pub mod operation_id;
pub mod participants;
pub mod resource_uri;
pub mod rollkey;
mod text;

use base::Dispatcher;

/// A dispatcher that knows every handler there is.
///
/// This register is the contract: schemas and event-type filters are generated from it.
#[must_use]
pub fn register() -> Dispatcher {
    let mut dispatcher = Dispatcher::default();
    blob::register(&mut dispatcher);
    encode::register(&mut dispatcher);
    keyvault::register(&mut dispatcher);
    mediaservices::register(&mut dispatcher);
    operation::register(&mut dispatcher);
    rollkey::register(&mut dispatcher);
    dispatcher
}
