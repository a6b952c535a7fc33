//! What waits to be delivered to one subscription, and what becomes of it. Not the calling.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::faults::DeliveryFault;
use crate::event_grid::event::Event;
use crate::event_grid::subscription::plan::BatchLimits;
use crate::inside::Receipt;

/// Events one subscription may hold, waiting or under way. The service promises none; this is about two hours of a
/// slow trickle or 20 s of a custom topic's 5,000 events/s.
const EVENTS_MAX: usize = 100_000;
/// Bytes one subscription may hold: enough for the above at 2.5 KB an event.
const BYTES_MAX: usize = 256 * 1024 * 1024;
/// Dead letters in one blob, so that it stays readable.
const LETTERS_PER_BLOB_MAX: usize = 500;

/// What happened to the events that matched a subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Passed the filter while the subscription was live.
    pub matched: u64,
    /// Answered with 200 to 204.
    pub delivered: u64,
    /// Failed attempts after which the event was to be tried again.
    pub retried: u64,
    /// Written to the dead-letter container.
    pub dead_lettered: u64,
    /// Given up without a trace: no dead-letter destination, or too much waiting.
    pub dropped: u64,
    /// Waiting or under way now, dead letters included.
    pub waiting: u64,
}

/// An event on its way to one subscription.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub event: Arc<Event>,
    /// Attempts made so far.
    pub attempts: u32,
    /// How the last one ended, and when it was made.
    pub last: Option<(&'static str, OffsetDateTime)>,
    /// Held until the event is settled.
    _receipt: Option<Receipt>,
}

/// An event that is to be dead-lettered.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub pending: Pending,
    pub reason: &'static str,
    /// When writing it is given up.
    pub given_up_at: Instant,
}

/// The state of one subscription's deliveries. All waits are points in tokio's time.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    /// In the order they fall due; the number keeps those of one instant in order of arrival.
    waiting: BTreeMap<(Instant, u64), Pending>,
    /// In the order they fall due, which is the order they came: all wait equally long.
    letters: VecDeque<(Instant, Letter)>,
    faults: VecDeque<(DeliveryFault, u32)>,
    arrivals: u64,
    held_events: usize,
    held_bytes: usize,
    errands_under_way: usize,
    counts: DeliveryCounts,
}

impl Mailbox {
    /// Takes a matching event for delivery at once, unless too much waits already.
    pub fn accept(&mut self, event: &Arc<Event>, receipt: Option<&Receipt>, now: Instant) {
        self.counts.matched += 1;
        let bytes = event.text().len();
        if self.held_events == EVENTS_MAX || self.held_bytes + bytes > BYTES_MAX {
            self.counts.dropped += 1;
            return;
        }
        self.held_events += 1;
        self.held_bytes += bytes;
        let event = Arc::clone(event);
        self.wait(Pending { event, attempts: 0, last: None, _receipt: receipt.cloned() }, now);
    }

    /// Takes an event back until `due`.
    pub fn wait(&mut self, pending: Pending, due: Instant) {
        self.arrivals += 1;
        self.waiting.insert((due, self.arrivals), pending);
    }

    /// The next request's events: the one that has been due longest and, as far as they fit, those behind it that
    /// were tried as often, so that the delivery count is true of all. Never waits for more.
    pub fn take_batch(&mut self, limits: BatchLimits, now: Instant) -> Vec<Pending> {
        let mut batch: Vec<Pending> = Vec::new();
        let mut bytes = 0;
        while batch.len() < limits.events_max
            && let Some(next) = self.waiting.first_entry().filter(|next| next.key().0 <= now)
        {
            bytes += next.get().event.text().len();
            let fits = bytes <= limits.bytes_preferred
                && batch.first().is_none_or(|first| first.attempts == next.get().attempts);
            if !batch.is_empty() && !fits {
                break;
            }
            batch.push(next.remove());
        }
        batch
    }

    /// Notes that a request or a dead-letter blob is under way.
    pub fn set_out(&mut self) {
        self.errands_under_way += 1;
    }

    /// Notes that it has come back.
    pub fn come_back(&mut self) {
        self.errands_under_way -= 1;
    }

    pub fn deliver(&mut self, batch: &[Pending]) {
        self.counts.delivered += batch.len() as u64;
        batch.iter().for_each(|pending| self.release(pending));
    }

    pub fn retry(&mut self, pending: Pending, due: Instant) {
        self.counts.retried += 1;
        self.wait(pending, due);
    }

    pub fn drop_event(&mut self, pending: &Pending) {
        self.counts.dropped += 1;
        self.release(pending);
    }

    /// Takes a letter to be written when `due`, which is never earlier than that of the letters before it.
    pub fn bury(&mut self, letter: Letter, due: Instant) {
        self.letters.push_back((due, letter));
    }

    /// The next dead-letter blob's events.
    pub fn take_letters(&mut self, now: Instant) -> Vec<Letter> {
        let due = self.letters.iter().take(LETTERS_PER_BLOB_MAX).take_while(|(due, _)| *due <= now).count();
        self.letters.drain(..due).map(|(_, letter)| letter).collect()
    }

    pub fn dead_letter(&mut self, letters: &[Letter]) {
        self.counts.dead_lettered += letters.len() as u64;
        letters.iter().for_each(|letter| self.release(&letter.pending));
    }

    /// When something falls due next.
    pub fn next_due(&self) -> Option<Instant> {
        let event = self.waiting.first_key_value().map(|((due, _), _)| *due);
        let letter = self.letters.front().map(|(due, _)| *due);
        event.into_iter().chain(letter).min()
    }

    /// Whether nothing is under way and nothing is due.
    pub fn is_settled(&self, now: Instant) -> bool {
        self.errands_under_way == 0 && self.next_due().is_none_or(|due| due > now)
    }

    pub fn counts(&self) -> DeliveryCounts {
        DeliveryCounts { waiting: self.held_events as u64, ..self.counts }
    }

    /// Asks for the next `times` requests to go wrong.
    pub fn add_fault(&mut self, fault: DeliveryFault, times: u32) {
        self.faults.push_back((fault, times));
    }

    /// The fault that strikes the next request.
    pub fn take_fault(&mut self) -> Option<DeliveryFault> {
        while let Some((fault, times)) = self.faults.front_mut() {
            if *times > 0 {
                *times -= 1;
                return Some(*fault);
            }
            self.faults.pop_front();
        }
        None
    }

    /// Puts a batch behind those that fall due until then. Not an attempt.
    pub fn put_back(&mut self, batch: Vec<Pending>, wait: Duration, now: Instant) {
        batch.into_iter().for_each(|pending| self.wait(pending, now + wait));
    }

    fn release(&mut self, pending: &Pending) {
        self.held_events -= 1;
        self.held_bytes -= pending.event.text().len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_grid::InputSchema;
    use crate::event_grid::event::Envelope;

    #[tokio::test]
    async fn bytes_are_bounded_and_come_free_again() {
        let envelope = Envelope {
            id: String::new(),
            source: "".into(),
            subject: String::new(),
            event_type: String::new(),
            data_version: String::new(),
        };
        let (text, time) = (vec![b' '; 1024 * 1024].into(), OffsetDateTime::UNIX_EPOCH);
        let event = Arc::new(Event::new(InputSchema::EventGridSchema, envelope, text, time));
        let (mut mailbox, now) = (Mailbox::default(), Instant::now());
        (0..300).for_each(|_| mailbox.accept(&event, None, now));
        assert_eq!((mailbox.counts().waiting, mailbox.counts().dropped), (256, 44));
        let batch = mailbox.take_batch(BatchLimits { events_max: 1, bytes_preferred: 0 }, now);
        mailbox.deliver(&batch);
        mailbox.accept(&event, None, now);
        assert_eq!((mailbox.counts().waiting, mailbox.counts().dropped), (256, 44));
    }
}
