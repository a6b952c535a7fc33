//! Encoding: what requestors ask of an encoder. What the encoder reports is `mediaservices`'s.

use crate::base::Dispatcher;

pub use mediaservicesv3_create::EncodeMediaServicesV3Create;

mod mediaservicesv3_create;

/// One line for each handler of this topic.
pub(crate) fn register(dispatcher: &mut Dispatcher) {
    dispatcher.on::<EncodeMediaServicesV3Create>();
}
