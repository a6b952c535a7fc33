//! What a topic received lately, for whoever watches. Not a queue: nothing is delivered from here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use time::OffsetDateTime;
use tokio::sync::Notify;

use super::event::Event;
use super::timestamp;

/// Events a topic remembers: enough to look back over an afternoon's work, or over ten seconds of load.
const EVENTS_MAX: usize = 1000;
/// Bytes it remembers, so that a thousand events of a megabyte do not stay.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// Something a watcher sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// The topic received an event.
    Event {
        /// When it was accepted.
        received: OffsetDateTime,
        /// The event in the topic's schema, stamped, as JSON.
        event: Bytes,
    },
    /// The watcher was too slow for so many events.
    Missed(u64),
}

impl Watched {
    /// One line of JSON: `{"receivedTime":…,"event":{…}}` or `{"missed":…}`.
    #[must_use]
    pub fn to_line(&self) -> Bytes {
        let (received, event) = match self {
            Self::Missed(events) => return format!("{{\"missed\":{events}}}\n").into(),
            Self::Event { received, event } => (timestamp::ticks(*received), event),
        };
        let mut line = format!("{{\"receivedTime\":\"{received}\",\"event\":").into_bytes();
        // Inside strings JSON has line breaks only escaped, so these are a publisher's layout.
        line.extend(event.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
        line.extend_from_slice(b"}\n");
        line.into()
    }
}

/// The last events of a topic. The ring is the only buffer: a watcher is just a position in it.
#[derive(Debug, Default)]
pub(super) struct History {
    ring: Mutex<Ring>,
    grown: Notify,
}

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// The number of the event that comes next; the first ever is 0.
    next: u64,
}

impl History {
    pub fn add(&self, events: &[Arc<Event>]) {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).add(events);
        self.grown.notify_waiters();
    }

    /// What is remembered, then what comes, for as long as somebody asks.
    pub fn watch(self: Arc<Self>) -> BoxStream<'static, Watched> {
        let oldest = self.ring.lock().unwrap_or_else(PoisonError::into_inner).oldest();
        stream::unfold((self, oldest), |(history, mut position)| async move {
            let seen = history.next(&mut position).await;
            Some((seen, (history, position)))
        })
        .boxed()
    }

    async fn next(&self, position: &mut u64) -> Watched {
        loop {
            let grown = self.grown.notified();
            if let Some(seen) = self.ring.lock().unwrap_or_else(PoisonError::into_inner).at(position) {
                return seen;
            }
            grown.await;
        }
    }
}

impl Ring {
    fn add(&mut self, events: &[Arc<Event>]) {
        for event in events {
            self.bytes += event.text().len();
            self.events.push_back(Arc::clone(event));
            self.next += 1;
            while self.events.len() > EVENTS_MAX || self.bytes > BYTES_MAX {
                let Some(oldest) = self.events.pop_front() else { break };
                self.bytes -= oldest.text().len();
            }
        }
    }

    fn oldest(&self) -> u64 {
        self.next - self.events.len() as u64
    }

    /// What stands at a position, which moves on.
    fn at(&self, position: &mut u64) -> Option<Watched> {
        let oldest = self.oldest();
        if *position < oldest {
            let missed = oldest - *position;
            *position = oldest;
            return Some(Watched::Missed(missed));
        }
        let index = usize::try_from(*position - oldest).ok()?;
        let event = self.events.get(index)?;
        *position += 1;
        Some(Watched::Event { received: event.published, event: event.text().clone() })
    }
}
