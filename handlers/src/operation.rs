//! Operations as such: what can be done about any of them. Not what they are.

use crate::base::Dispatcher;

pub use cancel::OperationCancel;

mod cancel;

/// One line for each handler of this topic.
pub(crate) fn register(dispatcher: &mut Dispatcher) {
    dispatcher.on::<OperationCancel>();
}
