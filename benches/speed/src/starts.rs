//! What a contender costs before it is asked anything: the time to its first answer, and its memory.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::cases::PEERS;
use crate::contender::{Place, Running};
use crate::statistics::Series;

/// After so long nothing is going on any more that belongs to starting.
const SETTLED_AFTER: Duration = Duration::from_millis(250);

/// What starting costs, round by round.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// From the start of the process to its first answer to a handshake.
    pub handshake_ms: Series,
    pub idle_mb: Series,
    /// What of that is its own, and not pages of its program that are in memory anyway.
    pub idle_own_mb: Series,
}

/// Starts each contender once in every round; by their names.
pub fn measure(place: &Place, rounds: usize) -> BTreeMap<&'static str, Start> {
    let mut starts = BTreeMap::<_, Start>::new();
    // What comes from the disk the first time does not later.
    for round in 0..=rounds {
        for contender in PEERS {
            let running = Running::start(contender, place);
            std::thread::sleep(SETTLED_AFTER);
            if round == 0 {
                continue;
            }
            let start = starts.entry(contender.name()).or_default();
            start.handshake_ms.0.push(running.started_in.as_secs_f64() * 1e3);
            start.idle_mb.0.push(running.memory() as f64 / 1e6);
            start.idle_own_mb.0.push(running.memory_own() as f64 / 1e6);
        }
    }
    starts
}
