//! Media Services seen from outside.

#![expect(clippy::unwrap_used, reason = "whatever is missing fails its test")]

mod admission;
mod assets;
mod cancelling;
mod drm;
mod encoding;
mod encoding_copies;
mod encoding_failures;
mod encoding_presets;
mod events;
mod jobs;
mod keeping;
mod key_delivery;
mod lists;
mod outcomes;
mod protection;
mod publication;
mod queue;
mod restarts;
mod streaming;
mod studio;
mod subscriber;
mod transforms;
mod world;
