//! Media Services: what its jobs report. Giving jobs to it is `encode`'s.

use crate::base::Dispatcher;

pub use job_canceled::JobCanceled;
pub use job_errored::JobErrored;
pub use job_finished::JobFinished;
pub use job_output_progress::JobOutputProgress;
pub use job_scheduled::JobScheduled;

mod job_canceled;
mod job_errored;
mod job_event;
mod job_finished;
mod job_output_progress;
mod job_scheduled;

/// One line for each handler of this topic.
pub(crate) fn register(dispatcher: &mut Dispatcher) {
    dispatcher.on::<JobScheduled>();
    dispatcher.on::<JobOutputProgress>();
    dispatcher.on::<JobFinished>();
    dispatcher.on::<JobErrored>();
    dispatcher.on::<JobCanceled>();
}
