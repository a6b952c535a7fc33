//! Blobs and containers: what requestors ask for, and what storage reports.

use crate::base::Dispatcher;

pub use analysis_create::BlobAnalysisCreate;
pub use blob_created::BlobCreated;
pub use blob_deleted::{BlobDeleted, BlobDeletedEvent};
pub use blob_tier_changed::BlobTierChanged;
pub use container_access_change::BlobContainerAccessChange;
pub use container_create::BlobContainerCreate;
pub use container_delete::BlobContainerDelete;
pub use copy::BlobCopy;
pub use copy_ended::{CopyEnded, CopyEndedEvent};
pub use delete::BlobDelete;
pub use metadata_create::BlobMetadataCreate;
pub use sas_url_create::BlobSasUrlCreate;
pub use tier_change::BlobTierChange;

mod analysis_create;
mod blob_created;
mod blob_deleted;
mod blob_tier_changed;
mod container_access_change;
mod container_create;
mod container_delete;
mod copy;
mod copy_ended;
mod delete;
mod metadata_create;
mod sas_url_create;
mod tier_change;
mod words;

/// One line for each handler of this topic.
pub(crate) fn register(dispatcher: &mut Dispatcher) {
    dispatcher.on::<BlobContainerAccessChange>();
    dispatcher.on::<BlobAnalysisCreate>();
    dispatcher.on::<BlobContainerCreate>();
    dispatcher.on::<BlobContainerDelete>();
    dispatcher.on::<BlobCopy>();
    dispatcher.on::<BlobCreated>();
    dispatcher.on::<BlobDelete>();
    dispatcher.on::<BlobDeleted>();
    dispatcher.on::<BlobMetadataCreate>();
    dispatcher.on::<BlobSasUrlCreate>();
    dispatcher.on::<BlobTierChange>();
    dispatcher.on::<BlobTierChanged>();
    dispatcher.on::<CopyEnded>();
}
