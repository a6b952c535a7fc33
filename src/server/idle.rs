//! Connections that wait for a request, in the order in which they began to. Not how many there may be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Those that are idle.
#[derive(Default)]
pub(super) struct Idle(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    connections: BTreeMap<u64, (Instant, CancellationToken)>,
    count: u64,
}

impl Idle {
    /// Closes the one that has been idle longest, if that is long enough.
    pub(super) fn close_oldest(&self, idle_for_min: Duration) -> bool {
        let mut waiting = self.waiting();
        let is_due = |(since, _): &(Instant, CancellationToken)| since.elapsed() >= idle_for_min;
        match waiting.connections.first_entry() {
            Some(oldest) if is_due(oldest.get()) => {
                oldest.remove().1.cancel();
                true
            }
            _ => false,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's entry, idle from the beginning.
pub(super) struct Seat {
    idle: Arc<Idle>,
    closed: CancellationToken,
    number: Mutex<Option<u64>>,
}

impl Seat {
    pub(super) fn new(idle: &Arc<Idle>) -> Self {
        let seat =
            Self { idle: Arc::clone(idle), closed: CancellationToken::new(), number: Mutex::default() };
        seat.end_request();
        seat
    }

    /// Cancelled when another needs its place.
    pub(super) fn token(&self) -> &CancellationToken {
        &self.closed
    }

    /// A request has come.
    pub(super) fn begin_request(&self) {
        if let Some(number) = self.number().take() {
            self.idle.waiting().connections.remove(&number);
        }
    }

    /// The request has been answered.
    pub(super) fn end_request(&self) {
        self.begin_request();
        let mut waiting = self.idle.waiting();
        waiting.count += 1;
        let number = waiting.count;
        waiting.connections.insert(number, (Instant::now(), self.closed.clone()));
        drop(waiting);
        *self.number() = Some(number);
    }

    fn number(&self) -> MutexGuard<'_, Option<u64>> {
        self.number.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.begin_request();
    }
}
