//! The deterministic simulation: processors and cloud in one thread under virtual time, a seeded schedule of faults on every
//! road, and a ledger of promises. Real adapters on both ends; only the roads between are played.

pub mod chance;
pub mod ledger;
mod requests;
mod roads;
pub mod run;
pub mod sabotage;
mod weather;
