//! What each operation was answered, as the response topic accepted it. Everything is counted from outside: nothing here asks
//! the processor.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

use super::journal::Journal;
use super::mix::{ACKNOWLEDGE, Asked, is_outcome, marked};

/// One answer to an operation, however often it was published.
pub struct Said {
    pub id: Uuid,
    pub event_type: String,
    /// Of type, subject and data.
    digest: u64,
    pub times: u32,
}

/// One operation, as heard of.
pub struct Heard {
    pub asked: Asked,
    /// Each id and type once, in the order in which they came first.
    pub said: Vec<Said>,
    /// Whether a delivery of its request was cut off by the death of a processor.
    pub is_interrupted: bool,
    /// Whether an answer came again under its id and was another.
    pub is_unequal: bool,
    is_closed: bool,
}

impl Heard {
    pub fn of_type(&self, event_type: &str) -> impl Iterator<Item = &Said> {
        self.said.iter().filter(move |said| said.event_type == event_type)
    }

    pub fn outcomes(&self) -> impl Iterator<Item = &Said> {
        self.said.iter().filter(|said| is_outcome(self.asked.kind, &said.event_type))
    }

    /// How often its acknowledgment came again.
    pub fn acknowledged_again(&self) -> u64 {
        self.of_type(ACKNOWLEDGE).map(|said| u64::from(said.times) - 1).sum()
    }

    /// How often its other answers came again.
    pub fn answered_again(&self) -> u64 {
        self.said.iter().map(|said| u64::from(said.times) - 1).sum::<u64>() - self.acknowledged_again()
    }

    /// Whether it was answered what it had to be in the end.
    pub fn has_succeeded(&self) -> bool {
        self.of_type(self.asked.kind.expected().outcome).count() > 0
    }
}

/// An answer, as far as it is judged.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    id: Uuid,
    event_type: String,
    subject: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    operation_context: Option<OperationContext>,
}

#[derive(Deserialize)]
struct OperationContext {
    op: String,
}

/// What was asked and what was answered.
pub struct Ledger {
    book: Mutex<Book>,
    /// Room for operations that are asked for and have no outcome.
    pub room: Arc<Semaphore>,
    closed: watch::Sender<usize>,
    journal: Arc<Journal>,
}

#[derive(Default)]
pub struct Book {
    pub operations: Vec<Heard>,
    /// Answers to nobody, and events that are no answers.
    pub strangers: Vec<String>,
    /// Answers that were accepted while nobody looked: then nothing can be said of the run.
    pub missed: u64,
    pub answers: u64,
    /// Operations whose copies nobody works on, the oldest first.
    copied: VecDeque<usize>,
}

impl Ledger {
    /// A ledger for so many operations under way at once.
    pub fn new(in_flight: usize, journal: Arc<Journal>) -> Self {
        let room = Arc::new(Semaphore::new(in_flight));
        Self { book: Mutex::default(), room, closed: watch::channel(0).0, journal }
    }

    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many operations have had an outcome, and news of it.
    pub fn closed(&self) -> watch::Receiver<usize> {
        self.closed.subscribe()
    }

    /// Draws the next request and opens its account.
    pub fn ask(&self, draw: impl FnOnce(usize, &mut dyn FnMut() -> Option<usize>) -> Asked) -> Asked {
        let mut book = self.book();
        let operation = book.operations.len();
        let asked = draw(operation, &mut || book.copied.pop_front());
        let (said, asked_again) = (Vec::new(), asked.clone());
        let [is_interrupted, is_unequal, is_closed] = [false; 3];
        book.operations.push(Heard { asked, said, is_interrupted, is_unequal, is_closed });
        asked_again
    }

    /// Notes that a delivery of a request was cut off.
    pub fn interrupted(&self, operation: usize) {
        if let Some(heard) = self.book().operations.get_mut(operation) {
            heard.is_interrupted = true;
        }
    }

    /// Notes that answers were accepted while nobody looked.
    pub fn missed(&self, answers: u64) {
        self.book().missed += answers;
    }

    /// How many answers have been heard or missed.
    pub fn heard(&self) -> u64 {
        let book = self.book();
        book.answers + book.missed
    }

    /// Notes an event that the response topic accepted.
    pub fn hear(&self, event: &[u8]) {
        let text = std::str::from_utf8(event).unwrap();
        self.journal.note(format_args!("answer {text}"));
        self.book().answers += 1;
        let Ok(answer) = serde_json::from_str::<Answer<'_>>(text) else { return self.strange(text) };
        let context =
            serde_json::from_str::<Data>(answer.data.get()).ok().and_then(|data| data.operation_context);
        let operation = context.and_then(|context| marked(&context.op));
        let mut book = self.book();
        let Some(heard) = operation.and_then(|operation| book.operations.get_mut(operation)) else {
            drop(book);
            return self.strange(text);
        };
        if heard.take(&answer) {
            heard.is_closed = true;
            let (kind, copied) = (heard.asked.kind, heard.asked.copied);
            if kind.leaves_copied() && answer.event_type == kind.expected().outcome {
                book.copied.push_back(copied);
            }
            drop(book);
            self.room.add_permits(1);
            self.closed.send_modify(|closed| *closed += 1);
        }
    }

    fn strange(&self, text: &str) {
        self.book().strangers.push(text.to_owned());
    }
}

impl Heard {
    /// Takes an answer down. Returns whether it is the operation's first outcome.
    fn take(&mut self, answer: &Answer<'_>) -> bool {
        let mut digest = DefaultHasher::new();
        (&answer.event_type, &answer.subject, answer.data.get()).hash(&mut digest);
        let digest = digest.finish();
        let is_same = |said: &&mut Said| said.id == answer.id && said.event_type == answer.event_type;
        match self.said.iter_mut().find(is_same) {
            Some(said) => {
                said.times += 1;
                self.is_unequal |= said.digest != digest;
            }
            None => {
                let (id, event_type) = (answer.id, answer.event_type.clone());
                self.said.push(Said { id, event_type, digest, times: 1 });
            }
        }
        !self.is_closed && is_outcome(self.asked.kind, &answer.event_type)
    }

    /// What is wrong with what was heard of it, in words; nothing if everything is as it has to be.
    pub fn faults(&self) -> Vec<(Fault, String)> {
        let expected = self.asked.kind.expected();
        let mut faults = Vec::new();
        let mut fault = |fault, what: String| faults.push((fault, what));
        let of = |event_type: &str| self.of_type(event_type).count();
        let outcomes = self.outcomes().collect::<Vec<_>>();
        if of(ACKNOWLEDGE) == 0 {
            fault(Fault::Lost, "no acknowledgment".to_owned());
        }
        match outcomes.as_slice() {
            [] => fault(Fault::Lost, "no outcome".to_owned()),
            [one] if one.event_type != expected.outcome => {
                fault(Fault::Untrue, format!("{} rather than {}", one.event_type, expected.outcome));
            }
            [_] => {}
            several => fault(Fault::Conflicting, format!("{} outcomes", several.len())),
        }
        for interim in expected.interim.iter().filter(|_| !outcomes.is_empty()) {
            match of(interim) {
                0 => fault(Fault::Lost, format!("no {interim}")),
                1 => {}
                several => fault(Fault::Conflicting, format!("{several} ids for {interim}")),
            }
        }
        if of(ACKNOWLEDGE) > 1 {
            fault(Fault::Conflicting, "two ids for the acknowledgment".to_owned());
        }
        if self.said.first().is_some_and(|first| first.event_type != ACKNOWLEDGE) {
            fault(Fault::Conflicting, "the acknowledgment did not come first".to_owned());
        }
        for said in &self.said {
            let known = [expected.interim, expected.optional].concat();
            let is_known = said.event_type == ACKNOWLEDGE
                || is_outcome(self.asked.kind, &said.event_type)
                || known.contains(&said.event_type.as_str());
            if !is_known {
                fault(Fault::Conflicting, format!("answered {}", said.event_type));
            }
        }
        if self.is_unequal {
            fault(Fault::Unequal, "an answer came again under its id and was another".to_owned());
        }
        faults
    }
}

/// A promise that was broken to a requestor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Something that had to be said was not.
    Lost,
    /// Something was said that does not go with the rest.
    Conflicting,
    /// A failure of what has been done, or the other way round.
    Untrue,
    /// Repeated, and not the same.
    Unequal,
    /// Done twice, or not at all although it was said to be.
    Effect,
}

#[test]
fn what_is_wrong_with_answers_is_found() {
    let asked = Asked { operation: 0, kind: super::mix::Kind::Copy, copied: 0 };
    let said = |event_type: &str, id: u128| Said {
        id: Uuid::from_u128(id),
        event_type: event_type.to_owned(),
        digest: 0,
        times: 1,
    };
    let all = ["response.acknowledge", "response.blob.copy.scheduled", "response.blob.created.success"];
    let faults = |types: &[&str]| {
        let said = types.iter().zip(1..).map(|(event_type, id)| said(event_type, id)).collect();
        let [is_interrupted, is_unequal, is_closed] = [false; 3];
        let heard = Heard { asked: asked.clone(), said, is_interrupted, is_unequal, is_closed };
        heard.faults().into_iter().map(|(fault, _)| fault).collect::<Vec<_>>()
    };
    assert_eq!(faults(&all), []);
    assert_eq!(faults(&[]), [Fault::Lost, Fault::Lost]);
    assert_eq!(faults(&all[..2]), [Fault::Lost]);
    assert_eq!(faults(&[all[0], all[2]]), [Fault::Lost]);
    assert_eq!(faults(&[all[1], all[0], all[2]]), [Fault::Conflicting]);
    assert_eq!(faults(&[all[0], all[1], "response.failure"]), [Fault::Untrue]);
    assert_eq!(faults(&[all[0], all[1], all[2], "response.failure"]), [Fault::Conflicting]);
    assert_eq!(faults(&[all[0], all[1], all[2], "response.blob.tier.success"]), [Fault::Conflicting]);
}
