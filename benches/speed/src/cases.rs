//! What is measured in each round, by name. How figures are made into a verdict is the report's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::contender::{Contender, Place, Running};
use crate::deliveries::{Asked, CONTEXT_BYTES, Delivery};
use crate::ledger::Ledger;
use crate::load::{Pace, load};
use crate::statistics::{Series, percentile};

/// Connections of ordinary loads: enough that nobody waits for a courier.
pub const CONNECTIONS: usize = 32;
/// Connections of loads at a given rate: a delivery that is due finds one that is free.
const PACED_CONNECTIONS: usize = 64;
/// What one topic of Event Grid takes a second.
pub const TOPIC_EVENTS_PER_S: f64 = 5_000.0;
/// Events in one delivery.
pub const BATCHES: [usize; 3] = [1, 10, 50];
/// Concurrent deliveries.
pub const CONCURRENT: [usize; 4] = [1, 10, 100, 1_000];
/// Bytes of a context.
pub const CONTEXTS: [usize; 3] = [200, 4_096, 102_400];
/// Those that do the whole job, and the limit.
pub const PEERS: [Contender; 5] =
    [Contender::Bare, Contender::Naive, Contender::Gridwich, Contender::Node, Contender::Python];

/// What is measured, and with what.
#[derive(Clone, Debug)]
struct Case {
    name: String,
    /// Processes that share the load.
    on: Vec<Instance>,
    asked: Asked,
    events: usize,
    context_bytes: usize,
    connections: usize,
    rate: Rate,
}

/// How often something is delivered.
#[derive(Clone, Debug)]
enum Rate {
    AsAnswered,
    PerSecond(f64),
    /// Half of what the case of that name came to, so far.
    HalfOf(String),
}

/// One of the processes: what strains memory has one of its own, so that the others' tells of what all are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instance {
    Plain(Contender),
    Strained(Contender),
    Second(Contender),
}

impl Instance {
    fn contender(self) -> Contender {
        let (Self::Plain(contender) | Self::Strained(contender) | Self::Second(contender)) = self;
        contender
    }
}

/// What came of a case in all rounds, figure by figure.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    pub events_per_s: Series,
    /// Microseconds of processor time for each event.
    pub cpu_us: Series,
    /// The share of a core that was used.
    pub core: Series,
    pub posts_per_event: Series,
    pub p50_ms: Series,
    pub p99_ms: Series,
}

/// All cases by their names.
pub type Book = BTreeMap<String, Figures>;

impl Case {
    fn new(name: String, on: Instance) -> Self {
        let (asked, rate) = (Asked::Url, Rate::AsAnswered);
        Self {
            name,
            on: vec![on],
            asked,
            events: 1,
            context_bytes: CONTEXT_BYTES,
            connections: CONNECTIONS,
            rate,
        }
    }

    fn paced(self, rate: Rate) -> Self {
        Self { rate, connections: PACED_CONNECTIONS, ..self }
    }
}

/// In the order in which they are measured: what is compared is next to each other.
fn cases() -> Vec<Case> {
    use Contender::{Bare, Gridwich, GridwichObserved, GridwichSilent, Node, Python};
    let plain = |name: String, contender| Case::new(name, Instance::Plain(contender));
    let strained = |name: String, contender| Case::new(name, Instance::Strained(contender));
    let mut cases = Vec::new();
    for events in BATCHES {
        let of = |contender| Case { events, ..plain(batch(contender, events), contender) };
        cases.extend(PEERS.map(of));
    }
    for contender in [Bare, Gridwich, Node, Python] {
        cases.push(plain(half(contender), contender).paced(Rate::HalfOf(batch(contender, 1))));
    }
    for contender in [Bare, Gridwich] {
        cases.push(plain(topic(contender), contender).paced(Rate::PerSecond(TOPIC_EVENTS_PER_S)));
    }
    for contender in [GridwichSilent, Gridwich, GridwichObserved] {
        cases.push(plain(observed(contender), contender));
    }
    for connections in CONCURRENT {
        for contender in [Bare, Gridwich] {
            cases.push(Case { connections, ..strained(concurrent(contender, connections), contender) });
        }
    }
    for context_bytes in CONTEXTS {
        for contender in [Bare, Gridwich] {
            cases.push(Case { context_bytes, ..strained(context(contender, context_bytes), contender) });
        }
    }
    for replicas in [1, 2] {
        let on = [Instance::Strained(Gridwich), Instance::Second(Gridwich)][..replicas].to_vec();
        cases.push(Case { on, ..strained(self::replicas(replicas), Gridwich) });
    }
    cases.push(Case { asked: Asked::Container, ..strained(STORAGE.to_owned(), Gridwich) });
    cases
}

pub fn batch(contender: Contender, events: usize) -> String {
    format!("{}, {events} a POST", contender.name())
}

pub fn half(contender: Contender) -> String {
    format!("{}, half its peak", contender.name())
}

pub fn topic(contender: Contender) -> String {
    format!("{}, {TOPIC_EVENTS_PER_S} events/s", contender.name())
}

pub fn observed(contender: Contender) -> String {
    format!("{}, compared", contender.name())
}

pub fn concurrent(contender: Contender, connections: usize) -> String {
    format!("{}, {connections} at once", contender.name())
}

pub fn context(contender: Contender, bytes: usize) -> String {
    format!("{}, context of {bytes} bytes", contender.name())
}

pub fn replicas(replicas: usize) -> String {
    format!("Gridwich, {replicas} replicas")
}

/// Requests whose answer is kept in storage.
pub const STORAGE: &str = "Gridwich, answers kept in storage";

/// Everything that runs while rounds go on.
pub struct Field {
    place: Place,
    ledger: Arc<Ledger>,
    instances: Vec<(Instance, Running)>,
    lasting: Duration,
    pub book: Book,
    /// What should not have happened: then no figure counts.
    pub faults: Vec<String>,
}

impl Field {
    /// Starts one of each.
    pub fn start(place: Place, ledger: Arc<Ledger>, lasting: Duration) -> Self {
        let mut wanted = Vec::new();
        for instance in cases().into_iter().flat_map(|case| case.on) {
            if !wanted.contains(&instance) {
                wanted.push(instance);
            }
        }
        let start = |instance: Instance| (instance, Running::start(instance.contender(), &place));
        let instances = wanted.into_iter().map(start).collect();
        Self { place, ledger, instances, lasting, book: Book::new(), faults: Vec::new() }
    }

    /// Has everybody do a little of everything they will be asked: just-in-time compilers need it.
    pub fn warm_up(&mut self) {
        for case in cases().iter().filter(|case| matches!(case.rate, Rate::AsAnswered)) {
            self.measure(case, self.lasting / 2);
        }
        self.book.clear();
    }

    /// Measures each case once.
    pub fn round(&mut self) {
        for case in cases() {
            self.measure(&case, self.lasting);
        }
    }

    /// The process of a contender that is asked what all are asked.
    pub fn plain(&self, contender: Contender) -> &Running {
        self.running(Instance::Plain(contender))
    }

    fn running(&self, wanted: Instance) -> &Running {
        let found = self.instances.iter().find(|(instance, _)| *instance == wanted);
        &found.expect("all that is wanted was started").1
    }

    fn measure(&mut self, case: &Case, lasting: Duration) {
        let running = case.on.iter().map(|instance| self.running(*instance)).collect::<Vec<_>>();
        let pace = match &case.rate {
            Rate::AsAnswered => Pace::Closed,
            Rate::PerSecond(rate) => Pace::Open(*rate),
            Rate::HalfOf(name) => Pace::Open(self.book[name].events_per_s.median() / 2.0),
        };
        let addresses = running.iter().map(|running| running.address.clone()).collect();
        let delivery = Delivery::new(
            case.asked,
            case.events,
            case.context_bytes,
            &format!("http://{}", self.place.sink),
        );
        let cpu = || running.iter().map(|running| running.cpu()).sum::<Duration>();
        let before = cpu();
        let outcome = self.place.bench.run(load(addresses, delivery, case.connections, pace, lasting));
        let cpu = cpu().saturating_sub(before);
        let heard = self.ledger.settle(outcome.events);
        if outcome.refused > 0 {
            self.faults.push(format!("{}: {} deliveries were not answered 200", case.name, outcome.refused));
        }
        if case.on[0].contender().answers() && (heard.unanswered, heard.strange) != (0, 0) {
            self.faults.push(format!("{}: of {} events {heard:?}", case.name, outcome.events));
        }
        let (events, took) = (outcome.events as f64, outcome.took.as_secs_f64());
        let percent = |percent| percentile(&outcome.latencies, percent).unwrap_or_default() as f64 / 1e6;
        let (p50, p99) = (percent(50.0), percent(99.0));
        let figures = self.book.entry(case.name.clone()).or_default();
        figures.events_per_s.0.push(events / took);
        figures.cpu_us.0.push(cpu.as_secs_f64() * 1e6 / events);
        figures.core.0.push(cpu.as_secs_f64() / took);
        figures.posts_per_event.0.push(heard.posts as f64 / events);
        figures.p50_ms.0.push(p50);
        figures.p99_ms.0.push(p99);
    }
}
