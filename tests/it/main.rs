//! The project seen from outside. The list of modules is the table of contents.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod analysis;
mod azurite;
mod bad_input;
mod clients;
mod context;
mod delivery;
mod demo;
mod endpoint;
mod kills;
mod process;
mod sagas;
mod schemas;
mod tidy;
mod traces;
mod world;
