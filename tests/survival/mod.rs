//! Real processes under a load of mixed requests, killed, restarted and refused by turns: what came of every operation is counted
//! from outside. The tests run it with small numbers, `make kills` with large ones.

mod balancer;
mod cloud;
mod effects;
mod journal;
mod ledger;
mod mix;
mod replicas;
mod report;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use local_azure::event_grid::Watched;
use local_azure::ids::Ids;
use local_azure::webhook::Webhooks;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use self::balancer::Balancer;
use self::cloud::{LiveCloud, RESPONSES};
use self::effects::Effects;
use self::journal::Journal;
use self::ledger::{Fault, Heard, Ledger};
use self::mix::Asked;
use self::replicas::{Replicas, Settings};
use self::report::Broken;
use crate::process::port_base;

pub use self::report::Report;

/// Requests in one POST.
const PUBLISHED_AT_ONCE: usize = 20;
/// Without any outcome for so long, what has none is lost: longer than the waits of Event Grid that a run gets to, and than
/// two rounds of the watch over copies.
const QUIET_MAX: Duration = Duration::from_secs(130);
/// How often it is looked whether all deliveries have been settled.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// A kill comes anywhere within a step after the operation that it waited for.
const MOMENT_MAX_MICROSECONDS: u64 = 40_000;
/// Of so many kills one is of all replicas at once.
const KILLS_OF_ALL: u64 = 4;
/// Stories told of broken promises: more would not be read.
const STORIES_MAX: usize = 5;

/// What a run is.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// Requests, and as many more as it takes to be under load until the last restart is over.
    pub operations: usize,
    /// Operations under way at once.
    pub in_flight: usize,
    pub replicas: usize,
    /// Times that a process, or now and then all of them, are killed with SIGKILL, spread over the run.
    pub kills: usize,
    /// Rolling restarts, each of all replicas one after the other, spread over the run.
    pub rolling_restarts: usize,
    /// POSTs of a hundred that the response topic refuses.
    pub refuse_percent: f64,
    /// How long the response topic refuses everything, in the middle of the run.
    pub topic_down: Duration,
    /// Divides Event Grid's waits between deliveries.
    pub hurry: NonZeroU32,
    /// The processor's, as its environment has them.
    pub settings: Settings,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, operations, in_flight, replicas, kills, rolling_restarts, .. } = self;
        let (refused, down) = (self.refuse_percent, self.topic_down.as_secs());
        write!(
            f,
            "{operations} operations, {in_flight} at once, {replicas} replicas, {kills} kills, {rolling_restarts} rolling \
             restarts, topic refusing {refused} % and down for {down} s, seed {seed}"
        )
    }
}

/// Runs a plan to its end.
pub async fn run(plan: Plan) -> Report {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let journal = Arc::new(Journal::in_folder(folder.path()));
    let ledger = Arc::new(Ledger::new(plan.in_flight, Arc::clone(&journal)));
    let base = port_base();
    let ports = (base..).take(plan.replicas).collect::<Vec<_>>();
    let balancer = Arc::new(Balancer::new(ports.clone(), Arc::clone(&ledger), Arc::clone(&journal)));
    let effects = Effects::new(Arc::clone(&journal));
    let webhooks = Arc::clone(&balancer) as Arc<dyn Webhooks>;
    let live = LiveCloud::start(folder.path(), plan.seed, plan.hurry, webhooks, &effects).await;
    let (config_file, settings) = (live.config_file.clone(), plan.settings.clone());
    let mut replicas = Replicas::start(ports, config_file, settings, Arc::clone(&journal)).await;
    live.subscribe().await;
    live.refuse(plan.refuse_percent, plan.seed);
    let stop = CancellationToken::new();
    let watching = watch(&live, Arc::clone(&ledger), stop.clone());
    let (looking, looked) = (Arc::clone(&balancer), stop.clone());
    tokio::spawn(async move { looked.run_until_cancelled(looking.look()).await });
    let dice = Ids::seeded(plan.seed);
    let run = Run { plan, live, ledger, balancer, effects, journal, dice };
    let began = Instant::now();
    let over = CancellationToken::new();
    let disturb = async {
        let _over = over.clone().drop_guard();
        run.disturb(&mut replicas).await
    };
    let ((), disturbed, ()) = tokio::join!(run.load(&over), disturb, run.outage());
    let is_settled = run.settled().await;
    let took = began.elapsed();
    stop.cancel();
    watching.join().unwrap();
    replicas.weigh_all();
    let mut report = run.report(took, disturbed, &replicas);
    if !is_settled {
        report.troubles.push("deliveries were still waiting in the end".to_owned());
    }
    report.troubles.extend(replicas.troubles());
    if !report.faults().is_empty() {
        report.troubles.push(format!("all that was seen is in {}", folder.keep().display()));
    }
    report
}

/// Hears every event that the response topic accepts, on a thread of its own: a topic remembers only the last thousand.
fn watch(live: &LiveCloud, ledger: Arc<Ledger>, stop: CancellationToken) -> JoinHandle<()> {
    let mut answers = live.cloud.event_grid.watch(RESPONSES).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            while let Some(Some(seen)) = stop.run_until_cancelled(answers.next()).await {
                match seen {
                    Watched::Event { event, .. } => ledger.hear(&event),
                    Watched::Missed(missed) => ledger.missed(missed),
                }
            }
        });
    })
}

/// What is done to replicas, and when: so many operations have had an outcome by then.
#[derive(Clone, Copy)]
enum Moment {
    Kill,
    RollingRestart,
}

/// What was done to them.
#[derive(Default)]
struct Disturbed {
    kills: usize,
    restarts: usize,
    longest_stop: Duration,
    troubles: Vec<String>,
}

/// Everything that a run consists of.
struct Run {
    plan: Plan,
    live: LiveCloud,
    ledger: Arc<Ledger>,
    balancer: Arc<Balancer>,
    effects: Effects,
    journal: Arc<Journal>,
    dice: Ids,
}

impl Run {
    /// Publishes all requests, as many at once as there is room for, and waits for their outcomes. Goes on until `over`.
    async fn load(&self, over: &CancellationToken) {
        let client = reqwest::Client::new();
        let is_enough = |asked| asked >= self.plan.operations && over.is_cancelled();
        let mut asked = 0;
        while !is_enough(asked) {
            let room = tokio::time::timeout(QUIET_MAX, self.ledger.room.acquire()).await;
            let Ok(Ok(room)) = room else { return };
            room.forget();
            let mut requests = vec![self.ask()];
            while requests.len() < PUBLISHED_AT_ONCE
                && !is_enough(asked + requests.len())
                && let Ok(room) = self.ledger.room.try_acquire()
            {
                room.forget();
                requests.push(self.ask());
            }
            asked += requests.len();
            let post = client.post(&self.live.requests.endpoint);
            let post = post.header("aeg-sas-key", &self.live.requests.keys[0]);
            let answer = post.body(Value::Array(requests).to_string()).send().await.unwrap();
            assert!(answer.status().is_success(), "the request topic answered {}", answer.status());
        }
        self.closed(asked).await;
    }

    fn ask(&self) -> Value {
        let asked = self.ledger.ask(|operation, copied| Asked::drawn(operation, &self.dice, copied));
        asked.event(&self.live.storage)
    }

    /// Waits until so many operations have had an outcome. Returns whether that was; if nothing moves any more, it is not.
    async fn closed(&self, operations: usize) -> bool {
        let mut closed = self.ledger.closed();
        while *closed.borrow_and_update() < operations {
            if !tokio::time::timeout(QUIET_MAX, closed.changed()).await.is_ok_and(|changed| changed.is_ok()) {
                return false;
            }
        }
        true
    }

    /// Kills and restarts, each once the load has got so far.
    async fn disturb(&self, replicas: &mut Replicas) -> Disturbed {
        let mut disturbed = Disturbed::default();
        for (after, moment) in self.moments() {
            if !self.closed(after).await {
                disturbed.troubles.push(format!("nothing moved any more after {after} operations"));
                return disturbed;
            }
            let wait = Duration::from_micros(self.dice.bits() % MOMENT_MAX_MICROSECONDS);
            tokio::time::sleep(wait).await;
            match moment {
                Moment::Kill => self.kill(replicas, &mut disturbed),
                Moment::RollingRestart => restart_all(replicas, &mut disturbed).await,
            }
        }
        disturbed
    }

    fn moments(&self) -> Vec<(usize, Moment)> {
        let spread = |count: usize, moment| {
            let between = self.plan.operations / (count + 1);
            (1..=count).map(move |number| (number * between, moment))
        };
        let kills = spread(self.plan.kills, Moment::Kill);
        let mut moments =
            kills.chain(spread(self.plan.rolling_restarts, Moment::RollingRestart)).collect::<Vec<_>>();
        moments.sort_by_key(|(after, _)| *after);
        moments
    }

    fn kill(&self, replicas: &mut Replicas, disturbed: &mut Disturbed) {
        let (drawn, all) = (self.dice.bits(), 0..replicas.count());
        let one = drawn as usize % all.len();
        let meant = if drawn.is_multiple_of(KILLS_OF_ALL) { all } else { one..one + 1 };
        for number in meant {
            replicas.kill(number);
            disturbed.kills += 1;
        }
    }

    /// The response topic refuses everything for a while.
    async fn outage(&self) {
        if self.plan.topic_down.is_zero() || !self.closed(self.plan.operations / 2).await {
            return;
        }
        self.journal.note(format_args!("the response topic is down"));
        self.live.refuse(100.0, 0);
        tokio::time::sleep(self.plan.topic_down).await;
        self.live.refuse(self.plan.refuse_percent, !self.plan.seed);
        self.journal.note(format_args!("the response topic is back"));
    }

    /// Waits until nothing is left to be delivered and everything that was accepted has been heard. Returns whether that was.
    async fn settled(&self) -> bool {
        let until = Instant::now() + QUIET_MAX;
        while self.live.undelivered().waiting > 0 || self.ledger.heard() < self.live.accepted() {
            if Instant::now() >= until {
                return false;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        true
    }

    fn report(&self, took: Duration, disturbed: Disturbed, replicas: &Replicas) -> Report {
        let book = self.ledger.book();
        let mut broken = Vec::new();
        for heard in &book.operations {
            let faults = heard.faults().into_iter().chain(self.effect_fault(heard));
            for (fault, what) in faults {
                let is_told = broken.len() < STORIES_MAX;
                let story = if is_told { self.journal.story(heard.asked.operation) } else { String::new() };
                broken.push(Broken { fault, what: format!("{}: {what}", heard.asked), story });
            }
        }
        let acknowledged_again = |is_interrupted| {
            let meant = book.operations.iter().filter(|heard| heard.is_interrupted == is_interrupted);
            meant.map(Heard::acknowledged_again).sum()
        };
        Report {
            operations: book.operations.len(),
            took,
            kills: disturbed.kills,
            restarts: disturbed.restarts,
            longest_stop: disturbed.longest_stop,
            refused_posts: self.live.refused(),
            answers: book.answers,
            missed: book.missed,
            strangers: book.strangers.clone(),
            broken,
            acknowledged_again_after_kills: acknowledged_again(true),
            acknowledged_again_otherwise: acknowledged_again(false),
            answered_again: book.operations.iter().map(Heard::answered_again).sum(),
            tiers_set_again: self.effects.tiers_set_again(),
            given_up: self.live.undelivered().given_up,
            deliveries: self.balancer.seen(),
            resident_max: replicas.resident_max,
            troubles: disturbed.troubles,
        }
    }

    /// What has been said to be done must have been done once, and nothing twice.
    fn effect_fault(&self, heard: &Heard) -> Option<(Fault, String)> {
        let effect = heard.asked.effect()?;
        match self.effects.count(&effect) {
            0 if heard.has_succeeded() => Some((Fault::Effect, format!("{effect} was never done"))),
            0 | 1 => None,
            times => Some((Fault::Effect, format!("{effect} was done {times} times"))),
        }
    }
}

/// A rolling restart: one replica after the other stops, is started again, and is ready before the next one stops.
async fn restart_all(replicas: &mut Replicas, disturbed: &mut Disturbed) {
    for number in 0..replicas.count() {
        let (ended, took) = replicas.restart(number).await;
        disturbed.restarts += 1;
        disturbed.longest_stop = disturbed.longest_stop.max(took);
        if ended != Some(0) {
            disturbed.troubles.push(format!("a replica that was told to stop ended with {ended:?}"));
        }
    }
}
