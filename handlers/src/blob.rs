//! Blobs and containers: what requestors ask for, and what storage reports.

use crate::base::Dispatcher;

pub use analysis_create::BlobAnalysisCreate;
pub use blob_created::BlobCreated;
pub use container_create::BlobContainerCreate;
pub use copy::BlobCopy;
pub use tier_change::BlobTierChange;

mod analysis_create;
mod blob_created;
mod container_create;
mod copy;
mod tier_change;

/// One line for each handler of this topic.
pub(crate) fn register(dispatcher: &mut Dispatcher) {
    dispatcher.on::<BlobAnalysisCreate>();
    dispatcher.on::<BlobContainerCreate>();
    dispatcher.on::<BlobCopy>();
    dispatcher.on::<BlobCreated>();
    dispatcher.on::<BlobTierChange>();
}
