//! Whether deliveries should be sent here: what looks at the topic, at our identity and at the participants have come to.
//! How somebody is looked at is the adapters' business; that it is done again and again, `rounds`'.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;

use crate::publisher::{PostError, Topic};

pub use self::rounds::Rounds;

mod rounds;

/// One that has been well is taken to be down only after so many failed looks in a row,
const FAILED_LOOKS_MIN: u32 = 3;
/// and only after so long: what passes by itself must not take a whole fleet out of service.
const FAILED_SECONDS_MIN: Duration = Duration::from_secs(30);

/// A reason that is another each time is logged so seldom.
const SAID_AGAIN_SECONDS_MIN: Duration = Duration::from_secs(60);

/// What is said until everything essential has been seen well once.
const STARTING: &str = "starting";

/// Something that can be looked at.
#[async_trait]
pub trait Look: Send + Sync {
    /// Whether it is there for us; the error is fit for a log. Waiting is bounded by the caller.
    async fn look(&self) -> Result<(), String>;
}

/// What health is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The topic that takes our answers. Without it, nothing can be accepted.
    Topic,
    /// A token for storage, where it takes our identity. Without it, nearly nothing succeeds.
    StorageToken,
    /// The hosts of storage accounts: an outage concerns only who asks for them.
    Storage,
    /// The hosts of encoders: likewise.
    Encoders,
}

impl Part {
    const ALL: [Self; 4] = [Self::Topic, Self::StorageToken, Self::Storage, Self::Encoders];

    fn is_essential(self) -> bool {
        matches!(self, Self::Topic | Self::StorageToken)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Topic => "topic",
            Self::StorageToken => "storage token",
            Self::Storage => "storage",
            Self::Encoders => "encoders",
        })
    }
}

/// What the looks at one of a part's members have come to.
#[derive(Clone, Debug, Default)]
struct Record {
    /// Nobody is sent here before it has been well once: until then it is starting, however long that takes.
    is_essential: bool,
    was_well: bool,
    /// Since when looks have failed, and how many.
    failing: Option<(Instant, u32)>,
    /// How bad it was and why, as it was last logged, and when.
    said: Option<(Condition, String, Instant)>,
}

/// How one is, from the worst to the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Condition {
    /// It has failed for long.
    Down,
    /// It has not been seen well yet.
    Unknown,
    /// The last look failed.
    Failing,
    /// The last look was good.
    Well,
}

impl Condition {
    /// Stable: machines may look for it.
    fn word(self, part: Part) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Unknown => "unknown",
            Self::Failing | Self::Down if !part.is_essential() => "degraded",
            Self::Failing => "failing",
            Self::Down => "down",
        }
    }
}

impl Record {
    fn condition(&self) -> Condition {
        let is_sustained = |(since, looks): &(Instant, u32)| {
            *looks >= FAILED_LOOKS_MIN && since.elapsed() >= FAILED_SECONDS_MIN
        };
        match (&self.failing, self.was_well) {
            (None, true) => Condition::Well,
            (Some(failing), _) if (self.was_well || !self.is_essential) && is_sustained(failing) => {
                Condition::Down
            }
            (_, false) => Condition::Unknown,
            (Some(_), true) => Condition::Failing,
        }
    }

    /// Notes a failed look, and says whether that is worth a line in the log: at first, when it gets worse, and when the
    /// reason is another.
    fn failed(&mut self, reason: &str) -> bool {
        let (since, looks) = self.failing.unwrap_or((Instant::now(), 0));
        self.failing = Some((since, looks.saturating_add(1)));
        let condition = self.condition();
        let is_news = match &self.said {
            None => true,
            // An outage lasts from some moment on, not from a look on.
            Some((before, _, _)) if *before != condition => true,
            Some((_, said, at)) => said != reason && at.elapsed() >= SAID_AGAIN_SECONDS_MIN,
        };
        if is_news {
            self.said = Some((condition, reason.to_owned(), Instant::now()));
        }
        is_news
    }
}

/// The members of all parts, and what the looks at them have come to. Cloning shares it.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    members: Vec<(Part, String, Record)>,
    /// What became of publications since the last round: one that was accepted counts for all.
    published: Option<Result<(), String>>,
}

/// Whether deliveries should be sent here, and why not.
#[derive(Clone, Debug)]
pub struct Readiness {
    /// Whether they should.
    pub is_ready: bool,
    word: &'static str,
    parts: Vec<(Part, &'static str)>,
}

impl Readiness {
    /// Whether something has not been seen well even once.
    fn is_starting(&self) -> bool {
        self.word == STARTING
    }
}

impl fmt::Display for Readiness {
    /// A word for machines, and a line on each part. Names and reasons are in the log, where not everybody reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word)?;
        self.parts.iter().try_for_each(|(part, word)| write!(f, "\n{part}: {word}"))
    }
}

impl Health {
    /// What is known now. While stopping, nobody is asked.
    #[must_use]
    pub fn readiness(&self, is_stopping: bool) -> Readiness {
        let conditions = self.conditions();
        let essential = conditions.iter().filter(|(part, _)| part.is_essential());
        let worst = essential.filter_map(|(_, condition)| *condition).min();
        let (is_ready, word) = match worst {
            _ if is_stopping => (false, "stopping"),
            Some(Condition::Down) => (false, "unready"),
            Some(Condition::Unknown) => (false, STARTING),
            Some(Condition::Failing | Condition::Well) | None => (true, "ready"),
        };
        let word_of = |(part, condition): (Part, Option<Condition>)| {
            (part, condition.map_or("not needed", |condition| condition.word(part)))
        };
        Readiness { is_ready, word, parts: conditions.into_iter().map(word_of).collect() }
    }

    /// The worst condition among each part's members; of a part without members there is none.
    fn conditions(&self) -> Vec<(Part, Option<Condition>)> {
        let state = self.state();
        let worst = |part: Part| {
            let members = state.members.iter().filter(|(of, ..)| *of == part);
            members.map(|(.., record)| record.condition()).min()
        };
        Part::ALL.map(|part| (part, worst(part))).to_vec()
    }

    /// Adds a member, and says by which number it is noted.
    fn add(&self, part: Part, name: &str) -> usize {
        let mut state = self.state();
        let record = Record { is_essential: part.is_essential(), ..Record::default() };
        state.members.push((part, name.to_owned(), record));
        state.members.len() - 1
    }

    fn note(&self, number: usize, look: Result<(), String>) {
        let mut state = self.state();
        let Some((part, name, record)) = state.members.get_mut(number) else { return };
        let before = record.condition();
        match look {
            Ok(()) => {
                let is_essential = record.is_essential;
                *record = Record { is_essential, was_well: true, ..Record::default() };
            }
            Err(reason) => {
                if record.failed(&reason) {
                    let (member, word) = (member(*part, name), record.condition().word(*part));
                    tracing::warn!("{member} is {word}: {reason}");
                }
            }
        }
        if record.condition() == Condition::Well && before < Condition::Well {
            tracing::info!("{} is well", member(*part, name));
        }
    }

    /// What became of a publication: as good as a look at the topic.
    fn published(&self, result: Result<(), String>) {
        let mut state = self.state();
        if result.is_err() && state.published == Some(Ok(())) {
            return;
        }
        let is_accepted = result.is_ok();
        state.published = Some(result);
        let topic = state.members.iter().position(|(part, ..)| *part == Part::Topic);
        drop(state);
        // The first that is accepted ends an outage.
        if let (true, Some(topic)) = (is_accepted, topic) {
            self.note(topic, Ok(()));
        }
    }

    fn take_published(&self) -> Option<Result<(), String>> {
        self.state().published.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a member is called in the log. Parts with one member need no name for it.
fn member(part: Part, name: &str) -> String {
    if name.is_empty() { part.to_string() } else { format!("{part} {name}") }
}

/// A topic that is looked at: by what becomes of publications, and, when there are none, by an empty one.
pub struct WatchedTopic {
    topic: Arc<dyn Topic>,
    health: Health,
}

impl WatchedTopic {
    /// Watches a topic.
    #[must_use]
    pub fn new(topic: Arc<dyn Topic>, health: &Health) -> Self {
        Self { topic, health: health.clone() }
    }
}

/// One that throttles, or refuses an event, is there and has taken our credential.
fn sighted(result: &Result<(), PostError>) -> Result<(), String> {
    match result {
        Err(error) if !error.is_reached => Err(error.message.clone()),
        _ => Ok(()),
    }
}

#[async_trait]
impl Topic for WatchedTopic {
    async fn post(&self, events: Bytes) -> Result<(), PostError> {
        let mut sight = Sight { health: &self.health, seen: Err("no answer in time".to_owned()) };
        let result = self.topic.post(events).await;
        sight.seen = sighted(&result);
        result
    }
}

/// Notes what became of a publication also when nobody waits for that any more.
struct Sight<'a> {
    health: &'a Health,
    seen: Result<(), String>,
}

impl Drop for Sight<'_> {
    fn drop(&mut self) {
        self.health.published(std::mem::replace(&mut self.seen, Ok(())));
    }
}

#[async_trait]
impl Look for WatchedTopic {
    /// Event Grid answers 400 to an empty array, once it has looked at the credential.
    async fn look(&self) -> Result<(), String> {
        match self.health.take_published() {
            Some(published) => published,
            None => sighted(&self.topic.post(Bytes::from_static(b"[]")).await),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_never_was_well_is_logged_at_first_and_when_the_reason_is_another_but_not_all_the_time() {
        let mut record = Record { is_essential: true, ..Record::default() };
        assert!(record.failed("no such host"));
        for second in 0..600 {
            assert!(!record.failed("no such host"), "{second}");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(record.failed("it answered 401"));
        let mut lines = 0;
        for second in 0..600 {
            tokio::time::advance(Duration::from_secs(1)).await;
            lines += u32::from(record.failed(&format!("request {second} was refused")));
        }
        assert_eq!((lines, record.condition()), (10, Condition::Unknown));
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_logged_when_it_begins_and_when_it_lasts() {
        let mut record = Record { was_well: true, ..Record::default() };
        let mut said = Vec::new();
        for _ in 0..6 {
            said.push(record.failed("no such host"));
            tokio::time::advance(Duration::from_secs(10)).await;
        }
        assert_eq!(said, [true, false, false, true, false, false]);
    }
}
