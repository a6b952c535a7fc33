//! Media Services: what its jobs report, and what requestors have it publish. Giving jobs to it is another topic's.

use crate::base::Dispatcher;

pub use job_canceled::JobCanceled;
pub use job_errored::JobErrored;
pub use job_finished::JobFinished;
pub use job_output_progress::JobOutputProgress;
pub use job_processing::JobProcessing;
pub use job_scheduled::JobScheduled;
pub use locator_create::MediaServicesLocatorCreate;
pub use locator_delete::MediaServicesLocatorDelete;

mod job_canceled;
mod job_errored;
mod job_event;
mod job_finished;
mod job_output_progress;
mod job_processing;
mod job_scheduled;
mod locator_create;
mod locator_delete;

/// One line for each handler of this topic.
pub(crate) fn register(dispatcher: &mut Dispatcher) {
    dispatcher.on::<JobScheduled>();
    dispatcher.on::<JobProcessing>();
    dispatcher.on::<JobOutputProgress>();
    dispatcher.on::<JobFinished>();
    dispatcher.on::<JobErrored>();
    dispatcher.on::<JobCanceled>();
    dispatcher.on::<MediaServicesLocatorCreate>();
    dispatcher.on::<MediaServicesLocatorDelete>();
}
