//! The project seen from outside. The list of modules is the table of contents.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod context;
mod delivery;
mod endpoint;
mod sagas;
mod schemas;
mod tidy;
mod world;
