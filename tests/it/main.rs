//! The project seen from outside. The list of modules is the table of contents.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod analysis;
mod azurite;
mod bad_input;
mod book;
mod browser;
mod clients;
mod cloud;
mod compat;
mod context;
#[path = "../count/mod.rs"]
mod count;
mod counts;
mod dead_letters;
mod deadletter;
mod delivery;
mod demo;
mod doubt;
mod encodes;
mod endpoint;
mod full_disk;
mod health;
mod identities;
mod keys;
mod kills;
mod leaving;
mod load;
mod locators;
mod lost;
mod messages;
mod metadata;
mod mixed;
mod overlap;
mod overload;
mod poison;
mod process;
mod regions;
mod restarts;
mod sagas;
mod samples;
mod schemas;
mod send;
#[path = "../simulation/mod.rs"]
mod simulation;
mod simulations;
#[path = "../survival/mod.rs"]
mod survival;
mod survivals;
mod tidy;
mod traces;
mod verdicts;
mod wire;
mod world;
