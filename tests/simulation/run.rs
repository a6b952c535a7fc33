//! One run: a cloud, some processors, a seed's requests and its weather, in one thread and in no time. The same seed gives the
//! same run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use gridwich::app::App;
use gridwich::clock;
use gridwich::config::Config;
use gridwich::telemetry::Telemetry;
use http::{Request as HttpRequest, StatusCode};
use local_azure::clock::Clock;
use local_azure::cloud::Cloud;
use local_azure::event_grid::TopicCounts;
use local_azure::ids::{Ids, development_key};
use local_azure::inside::BlobFiles as _;
use local_azure::webhook::Webhooks;
use time::macros::datetime;
use time::{Duration as Span, OffsetDateTime};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::chance::Chance;
use super::ledger::{Breach, COPIED, Promise};
use super::requests::{Request, draw};
use super::roads::{Replica, Roads};
use super::sabotage::Bug;
use super::weather::Weather;
use crate::cloud::{
    EVENT_GRID, KEY_VAULT, MEDIA, Options, STORAGE, cloud, config, scopes, subscribe, usual_script,
};

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);
/// Shared keys are good for a quarter of an hour's difference; clocks here differ by less.
const SKEW_SECONDS_MAX: i64 = 600;
/// Nothing takes longer: Event Grid gives up after a day, the watch over copies after some hours.
const END: Duration = Duration::from_secs(40 * 24 * 3_600);

/// What to run.
#[derive(Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    pub operations: usize,
    pub bug: Option<Bug>,
    /// Whether the transcript is kept.
    pub is_told: bool,
}

/// What came of it.
pub struct Report {
    pub operations: usize,
    pub publications: u64,
    pub repeated_acknowledgments: u64,
    pub repeated_outcomes: u64,
    pub ended: BTreeMap<String, u64>,
    /// That could have succeeded in better weather.
    pub failed: u64,
    /// Copies that were started.
    pub copied: u64,
    pub faults: BTreeMap<&'static str, u64>,
    pub breaches: Vec<Breach>,
    /// The same for the same run.
    pub digest: String,
    pub transcript: Option<Vec<String>>,
    /// What is known of the operations that broke a promise.
    pub stories: String,
}

/// Runs a seed from beginning to end.
pub fn run(plan: Plan) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let world = World::new(plan);
        if tokio::time::timeout(END, world.live()).await.is_err() {
            world.break_promise(Promise::NothingLeft, "the run did not end".to_owned());
        }
        let report = world.report();
        world.roads.tear_down();
        world.cloud.event_grid.close();
        report
    })
}

struct World {
    plan: Plan,
    cloud: Cloud,
    roads: Roads,
    fleet: Arc<Fleet>,
    requests: Vec<Request>,
    calm: Duration,
    events_per_delivery: Option<u32>,
}

/// The processors, and how they are replaced.
struct Fleet {
    roads: Roads,
    config: Config,
    clock: Clock,
    chance: Mutex<Chance>,
    apps: Mutex<BTreeMap<usize, App>>,
    started: Mutex<usize>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fleet {
    /// Starts a processor, whose clock may go wrong by some minutes, and sees to it that another follows when it dies.
    fn start(self: &Arc<Self>) {
        let number = {
            let mut started = lock(&self.started);
            *started += 1;
            *started
        };
        let skew = lock(&self.chance).below(2 * SKEW_SECONDS_MAX as usize) as i64 - SKEW_SECONDS_MAX;
        clock::set(self.clock.now() + Span::seconds(skew));
        let dead = CancellationToken::new();
        let wires = self.roads.wires(number, dead.clone());
        let telemetry = Telemetry::new(&self.config.telemetry).unwrap();
        let app = App::new(&self.config, &wires, &telemetry).unwrap();
        self.roads.enter(Arc::new(Replica { number, router: app.router.clone(), dead: dead.clone() }));
        lock(&self.apps).insert(number, app);
        let fleet = Arc::clone(self);
        tokio::spawn(async move {
            dead.cancelled().await;
            lock(&fleet.apps).remove(&number);
            let absence = fleet.roads.weather().absence();
            tokio::time::sleep(absence).await;
            fleet.start();
        });
    }

    /// Stops a processor as a platform does, and waits for its end.
    async fn retire(&self) {
        let Some(replica) = self.roads.any() else { return };
        let Some(steps) = lock(&self.apps).get(&replica.number).map(|app| app.steps.clone()) else { return };
        self.roads.say(&format!("processor {} is told to stop", replica.number));
        steps.stop();
        // What has not ended by then is killed.
        let _ = tokio::time::timeout(Duration::from_secs(25), steps.drained()).await;
        self.roads.leave(replica.number);
        replica.dead.cancel();
    }

    /// Has one processor look after what may have ended unheard.
    async fn look(&self) {
        let Some(replica) = self.roads.any() else { return };
        let watch = lock(&self.apps).get(&replica.number).map(|app| app.watch.clone());
        if let Some(watch) = watch {
            replica.dead.run_until_cancelled(watch.look()).await;
        }
    }
}

impl World {
    fn new(plan: Plan) -> Self {
        let mut chance = Chance::of(plan.seed, "world");
        let origin: OffsetDateTime = datetime!(2026-03-04 09:00 UTC) + chance.up_to(Duration::from_secs(1));
        let clock = Clock::starting_at(origin);
        let weather = Weather::of(plan.seed);
        let calm = weather.calm;
        let roads = Roads::new(plan.seed, weather, plan.bug, plan.is_told);
        let takes = *chance.pick(&[0, 5, 300]);
        let options = Options {
            config: "[requests]\nannounce = \"ours\"\n",
            copy_takes: Duration::from_secs(takes),
            script: usual_script,
            events_per_delivery: *chance.pick(&[None, Some(4), Some(20)]),
            ..Options::default()
        };
        let webhooks = Arc::new(roads.clone()) as Arc<dyn Webhooks>;
        let cloud = cloud(&options, clock.clone(), Ids::seeded(plan.seed), webhooks);
        roads.connect(EVENT_GRID, cloud.event_grid.router());
        roads.connect(STORAGE, cloud.blob_storage.router());
        roads.connect(MEDIA, cloud.media_services.router());
        roads.connect(KEY_VAULT, cloud.key_vault.router());
        let fleet = Fleet {
            roads: roads.clone(),
            config: Config::from_toml(&(config() + options.config)).unwrap(),
            clock,
            chance: Mutex::new(Chance::of(plan.seed, "fleet")),
            apps: Mutex::default(),
            started: Mutex::default(),
        };
        let mut copies = Vec::new();
        let mut requests = Vec::new();
        for n in 0..plan.operations {
            let request = draw(&mut chance, n, copies.last().copied());
            if request.event_type == "request.blob.copy" {
                copies.push(n);
            }
            requests.push(request);
        }
        Self {
            plan,
            cloud,
            roads,
            fleet: Arc::new(fleet),
            requests,
            calm,
            events_per_delivery: options.events_per_delivery,
        }
    }

    fn break_promise(&self, promise: Promise, what: String) {
        self.roads.ledger().breaches.push(Breach { promise, operation: None, what });
    }

    async fn live(&self) {
        let mut chance = Chance::of(self.plan.seed, "life");
        self.prepare().await;
        for _ in 0..=chance.below(3) {
            self.fleet.start();
        }
        for scope in scopes(&self.cloud) {
            subscribe(&self.cloud, &scope, self.events_per_delivery).await;
        }
        let looking = tokio::spawn(look_now_and_then(Arc::clone(&self.fleet), self.plan.seed, self.calm));
        self.ask(&mut chance).await;
        let rest = self.calm.saturating_sub(self.roads.now());
        tokio::time::sleep(rest).await;
        self.settle().await;
        let undone = self.repeat_late(&mut chance).await;
        self.settle().await;
        looking.abort();
        self.check(&undone).await;
    }

    /// What is there before anybody asks for anything.
    async fn prepare(&self) {
        let storage = &self.cloud.blob_storage;
        for (account, container) in [("inbox", "show"), ("archive", "show")] {
            storage.ensure_container(account, container).await.unwrap();
        }
        self.put("inbox", "clip.mp4").await;
        for request in &self.requests {
            match request.needs.as_deref() {
                Some("container") => {
                    let container = request.data["containerName"].as_str().unwrap();
                    storage.ensure_container("proxy", container).await.unwrap();
                }
                Some(name) => self.put("archive", name).await,
                None => {}
            }
        }
    }

    async fn put(&self, account: &str, name: &str) {
        let content = Bytes::from_static(b"moving pictures");
        self.cloud.blob_storage.write(account, "show", name, content, "video/mp4").await.unwrap();
    }

    /// Publishes all requests in their time; meanwhile platforms replace processors.
    async fn ask(&self, chance: &mut Chance) {
        let pause = (self.calm / 2) / u32::try_from(self.requests.len()).unwrap_or(1).max(1);
        let mut waiting = Vec::new();
        let (rolling, haste) = (*chance.pick(&[0, 0, 30]), *chance.pick(&[1, 1, 20]));
        for request in &self.requests {
            tokio::time::sleep(Duration::from_millis(chance.up_to(2 * pause).as_millis() as u64 / haste))
                .await;
            self.roads.say(&format!("asked for {}", request.id));
            self.roads.ledger().ask(request.clone());
            waiting.push(request.event());
            if chance.happens(600) {
                self.publish(&std::mem::take(&mut waiting)).await;
            }
            if chance.happens(rolling) {
                let fleet = Arc::clone(&self.fleet);
                tokio::spawn(async move { fleet.retire().await });
            }
            if chance.happens(50) {
                self.put("archive", "stranger.mp4").await;
            }
            if chance.happens(40) {
                // Somebody writes over what an operation may be about to delete.
                let about =
                    chance.pick(&self.requests).needs.as_deref().filter(|name| name.ends_with(".mp4"));
                self.put("archive", about.unwrap_or("stranger.mp4")).await;
            }
        }
        self.publish(&waiting).await;
    }

    async fn publish(&self, events: &[String]) {
        if events.is_empty() {
            return;
        }
        let body = format!("[{}]", events.join(","));
        let request = HttpRequest::post(format!("http://{EVENT_GRID}/topics/requests/api/events"))
            .header("host", EVENT_GRID)
            .header("content-length", body.len())
            .header("aeg-sas-key", development_key("requests", "key1"))
            .body(axum::body::Body::from(body))
            .unwrap();
        let answer = self.cloud.event_grid.router().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }

    /// Returns when Event Grid has nothing left to deliver, and the processors have looked after all that ended unheard.
    async fn settle(&self) {
        for _ in 0..4 {
            self.cloud.event_grid.settled().await;
            tokio::time::sleep(12 * HOUR).await;
            self.cloud.event_grid.settled().await;
            // Once to mark what seems to have ended, and once, after all patience, to say so.
            self.fleet.look().await;
        }
    }

    /// Delivers some requests once more, long after; what they had done somebody has undone meanwhile. Says what must stay as
    /// it is then: the blob of an operation, and whether it is there.
    async fn repeat_late(&self, chance: &mut Chance) -> Vec<Undone> {
        let mut undone = Vec::new();
        for (operation, request) in self.requests.iter().enumerate() {
            let is_over = self.roads.ledger().is_over(operation);
            match (request.event_type, &request.needs) {
                ("request.blob.delete", Some(name)) if is_over => {
                    self.put("archive", name).await;
                    undone.push(Undone {
                        operation,
                        container: "show".into(),
                        name: name.clone(),
                        is_there: true,
                    });
                }
                ("request.blob.copy", _) if is_over => {
                    let uri = request.data["destinationUri"].as_str().unwrap_or_default();
                    let mut path = uri.rsplit('/').map(str::to_owned);
                    let (name, container) =
                        (path.next().unwrap_or_default(), path.next().unwrap_or_default());
                    // A copy that failed may have left no container.
                    let _ = self.cloud.blob_storage.remove("archive", &container, &name).await;
                    undone.push(Undone { operation, container, name, is_there: false });
                }
                _ if chance.happens(850) => continue,
                _ => {}
            }
            self.roads.echo(&request.event()).await;
        }
        undone
    }

    async fn check(&self, undone: &[Undone]) {
        for Undone { operation, container, name, is_there } in undone {
            if self.cloud.blob_storage.read("archive", container, name).await.is_ok() != *is_there {
                let what = format!("{container}/{name} was undone, and is as if it had not been");
                let (promise, operation) = (Promise::NotDoneAgain, Some(*operation));
                self.roads.ledger().breaches.push(Breach { promise, operation, what });
            }
        }
        for TopicCounts { name, subscriptions, .. } in self.cloud.event_grid.counts() {
            for subscription in subscriptions {
                let counts = subscription.events;
                if counts.dropped + counts.dead_lettered + counts.waiting > 0 {
                    self.break_promise(Promise::NothingLeft, format!("{name}: {counts:?}"));
                }
            }
        }
        for (number, app) in lock(&self.fleet.apps).iter() {
            if app.steps.count() > 0 {
                let what = format!("processor {number} still runs {} step(s)", app.steps.count());
                self.break_promise(Promise::NothingLeft, what);
            }
        }
        self.roads.ledger().close();
    }

    fn report(&self) -> Report {
        let mut ledger = self.roads.ledger();
        let (ended, failed) = ledger.outcomes();
        let breaches = std::mem::take(&mut ledger.breaches);
        let mut named = breaches.iter().filter_map(|breach| breach.operation).collect::<Vec<_>>();
        named.sort_unstable();
        named.dedup();
        let stories = named.into_iter().take(5).map(|number| ledger.story(number)).collect();
        let mut transcript = self.roads.transcript();
        Report {
            operations: ledger.operations(),
            publications: ledger.publications,
            repeated_acknowledgments: ledger.repeated_acknowledgments,
            repeated_outcomes: ledger.repeated_outcomes,
            ended,
            failed,
            copied: ledger.times(COPIED),
            faults: self.roads.weather().done.clone(),
            breaches,
            digest: transcript.digest(),
            transcript: transcript.lines.take(),
            stories,
        }
    }
}

/// A blob that somebody has made or removed after an operation had done the contrary.
struct Undone {
    operation: usize,
    container: String,
    name: String,
    is_there: bool,
}

/// As often as some minutes, and in calm weather now and then: each look costs requests.
async fn look_now_and_then(fleet: Arc<Fleet>, seed: u64, calm: Duration) {
    let mut chance = Chance::of(seed, "looks");
    loop {
        let longest = if fleet.roads.now() < calm { 10 * MINUTE } else { 7 * HOUR };
        tokio::time::sleep(MINUTE + chance.up_to(longest)).await;
        fleet.look().await;
    }
}
