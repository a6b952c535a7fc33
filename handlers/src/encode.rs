//! Encoding: what requestors ask of an encoder. What the encoder reports is another topic's.

use crate::base::Dispatcher;

pub use create::EncodeCreate;
pub use job_lost::{JobLost, JobLostEvent};
pub use mediaservicesv2_create::EncodeMediaServicesV2Create;
pub use mediaservicesv3_create::EncodeMediaServicesV3Create;

mod create;
mod job_lost;
mod mediaservicesv2_create;
mod mediaservicesv3_create;
mod submission;

/// One line for each handler of this topic.
pub(crate) fn register(dispatcher: &mut Dispatcher) {
    dispatcher.on::<EncodeCreate>();
    dispatcher.on::<EncodeMediaServicesV2Create>();
    dispatcher.on::<EncodeMediaServicesV3Create>();
    dispatcher.on::<JobLost>();
}
