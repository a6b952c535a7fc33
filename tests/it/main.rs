//! The project seen from outside. The list of modules is the table of contents.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod analysis;
mod azurite;
mod bad_input;
mod clients;
mod compat;
mod context;
mod delivery;
mod demo;
mod endpoint;
mod keys;
mod kills;
mod messages;
mod metadata;
mod mixed;
mod overlap;
mod process;
mod restarts;
mod sagas;
mod schemas;
mod send;
mod tidy;
mod traces;
mod wire;
mod world;
