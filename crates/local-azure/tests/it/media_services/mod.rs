//! Media Services seen from outside.

#![expect(clippy::unwrap_used, reason = "whatever is missing fails its test")]

mod admission;
mod assets;
mod cancelling;
mod events;
mod jobs;
mod lists;
mod outcomes;
mod queue;
mod transforms;
mod world;
