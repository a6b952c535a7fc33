//! Keys that are replaced by new ones on request.

use crate::base::Dispatcher;

pub use storage::RollkeyStorage;

mod storage;

/// One line for each handler of this topic.
pub(crate) fn register(dispatcher: &mut Dispatcher) {
    dispatcher.on::<RollkeyStorage>();
}
