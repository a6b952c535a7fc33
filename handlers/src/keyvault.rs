//! What a key vault reports.

use crate::base::Dispatcher;

pub use secret_new_version_created::SecretNewVersionCreated;

mod secret_new_version_created;

/// One line for each handler of this topic.
pub(crate) fn register(dispatcher: &mut Dispatcher) {
    dispatcher.on::<SecretNewVersionCreated>();
}
