//! Getting events to one subscription's endpoint, or into its dead letters. Not which events: filters decide that.
//!
//! A mailbox holds what waits, a courier carries it; the schedule and the judgement of answers are plain functions.

pub(crate) mod courier;
mod dead_letters;
pub(crate) mod faults;
pub(crate) mod mailbox;
mod outcome;
pub(crate) mod requests;
pub(crate) mod schedule;
