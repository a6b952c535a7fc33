//! Which events have which answers: without it a fast contender might be one that loses some. Knows no connection.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use memchr::memmem::Finder;

use crate::deliveries::{DIGITS, MARK};

const ACKNOWLEDGED: u8 = 1;
const SUCCEEDED: u8 = 2;
/// What begins the type of an answer, and of nothing else in it.
const ANSWER: &str = "\"response.";

/// Which events have which answers.
pub struct Ledger {
    answers: Vec<AtomicU8>,
    posts: AtomicU64,
    /// Answers that came again, were failures, came before their acknowledgment, or could not be read.
    strange: AtomicU64,
    mark: Finder<'static>,
    answer: Finder<'static>,
}

/// What was heard of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    pub posts: u64,
    /// Events that lack one of their two answers.
    pub unanswered: u64,
    pub strange: u64,
}

impl Ledger {
    /// With room for events numbered from 0 to `events_max`.
    pub fn new(events_max: usize) -> Self {
        let mut answers = Vec::new();
        answers.resize_with(events_max, AtomicU8::default);
        let (posts, strange) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { answers, posts, strange, mark: Finder::new(MARK), answer: Finder::new(ANSWER) }
    }

    /// What was heard of the events numbered from 0 to `events`; then all of it is forgotten.
    pub fn settle(&self, events: u64) -> Heard {
        let both = ACKNOWLEDGED | SUCCEEDED;
        let all = self.answers.iter().take(usize::try_from(events).unwrap_or(usize::MAX));
        let unanswered = all.filter(|of| of.swap(0, Ordering::Relaxed) != both).count() as u64;
        let [posts, strange] = [&self.posts, &self.strange].map(|count| count.swap(0, Ordering::Relaxed));
        Heard { posts, unanswered, strange }
    }

    /// Each event in a body has its type once and its mark once, so that the n-th of one belongs to the n-th of the other.
    pub fn hear(&self, body: &[u8]) {
        let marks = self.mark.find_iter(body).map(|place| number(&body[place + MARK.len()..]));
        let types = self.answer.find_iter(body).map(|place| kind(&body[place + ANSWER.len()..]));
        let (mut marks, mut types) = (marks.peekable(), types.peekable());
        if marks.peek().is_some() {
            self.posts.fetch_add(1, Ordering::Relaxed);
        }
        loop {
            match (marks.next(), types.next()) {
                (None, None) => return,
                (Some(Some(number)), Some(Some(kind))) => self.note(number, kind),
                _ => _ = self.strange.fetch_add(1, Ordering::Relaxed),
            }
        }
    }

    fn note(&self, number: usize, kind: u8) {
        let before = self.answers.get(number).map(|answers| answers.fetch_or(kind, Ordering::Relaxed));
        let is_strange = !matches!((before, kind), (Some(0), ACKNOWLEDGED) | (Some(ACKNOWLEDGED), SUCCEEDED));
        self.strange.fetch_add(u64::from(is_strange), Ordering::Relaxed);
    }
}

fn number(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text.get(..DIGITS)?).ok()?.parse().ok()
}

fn kind(text: &[u8]) -> Option<u8> {
    if text.starts_with(b"acknowledge\"") {
        Some(ACKNOWLEDGED)
    } else {
        (!text.starts_with(b"failure\"")).then_some(SUCCEEDED)
    }
}

#[cfg(test)]
mod tests {
    use super::{Heard, Ledger};

    fn answers(of: &[(&str, u64)]) -> Vec<u8> {
        let answer = |(kind, number): &(&str, u64)| {
            format!(
                r#"{{"subject": "/response.{kind}/1", "eventType": "response.{kind}", "data": {{"eventType": "request.x", "operationContext": {{"step": "bench-{number:012}"}}}}}}"#
            )
        };
        format!("[{}]", of.iter().map(answer).collect::<Vec<_>>().join(", ")).into_bytes()
    }

    #[test]
    fn a_run_with_both_answers_to_every_event_counts() {
        let ledger = Ledger::new(64);
        ledger.hear(&answers(&[("acknowledge", 0), ("acknowledge", 1)]));
        ledger.hear(&answers(&[("blob.sas-url.success", 1), ("blob.sas-url.success", 0)]));
        ledger.hear(b"[]");
        assert_eq!(ledger.settle(2), Heard { posts: 2, unanswered: 0, strange: 0 });
        assert_eq!(ledger.settle(2), Heard { posts: 0, unanswered: 2, strange: 0 }, "all was forgotten");
    }

    #[test]
    fn whatever_is_missing_doubled_failed_or_out_of_order_makes_a_run_void() {
        let heard = |of: &[(&str, u64)]| {
            let ledger = Ledger::new(64);
            ledger.hear(&answers(of));
            let Heard { unanswered, strange, .. } = ledger.settle(1);
            (unanswered, strange)
        };
        let success = "blob.sas-url.success";
        assert_eq!(heard(&[("acknowledge", 0)]), (1, 0));
        assert_eq!(heard(&[(success, 0), ("acknowledge", 0)]), (0, 2));
        assert_eq!(heard(&[("acknowledge", 0), (success, 0), (success, 0)]), (0, 1));
        assert_eq!(heard(&[("acknowledge", 0), ("failure", 0)]), (1, 1));
        assert_eq!(heard(&[("acknowledge", 0), (success, 0), (success, 1 << 40)]), (0, 1));
    }
}
