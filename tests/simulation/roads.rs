//! The roads between the processors and the cloud: here requests are lost, delayed and doubled, and processors die. What is
//! seen on them goes into the ledger and the transcript. Decides by the weather alone.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use gridwich::azure::wire::{Wire, WireError};
use http::{Method, Request, Response, StatusCode};
use local_azure::webhook::{WebhookError, Webhooks};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::chance::Chance;
use super::ledger::{COPIED, Ledger, moment};
use super::requests::operation_in;
use super::sabotage::{Bug, Saboteur, Sent, answer};
use super::weather::{Fault, Mishap, Road, Weather, status};
use crate::cloud::{EVENT_GRID, MEDIA, STORAGE, call};

/// Event Grid waits so long for an answer; one that comes later comes to nobody.
const LATE: Duration = Duration::from_secs(40);

/// What happened, line by line; only its digest unless somebody wants to read it.
#[derive(Default)]
pub struct Transcript {
    digest: Sha256,
    pub lines: Option<Vec<String>>,
}

impl Transcript {
    fn add(&mut self, line: String) {
        self.digest.update(line.as_bytes());
        self.digest.update(b"\n");
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    pub fn digest(&self) -> String {
        self.digest.clone().finalize().iter().take(16).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// A processor, from outside.
pub struct Replica {
    pub number: usize,
    pub router: Router,
    pub dead: CancellationToken,
}

/// All roads. Cloning shares them.
#[derive(Clone)]
pub struct Roads(Arc<Inner>);

struct Inner {
    began: Instant,
    services: Mutex<Vec<(String, Router)>>,
    replicas: Mutex<Vec<Arc<Replica>>>,
    chance: Mutex<Chance>,
    weather: Mutex<Weather>,
    ledger: Mutex<Ledger>,
    transcript: Mutex<Transcript>,
    saboteur: Option<Mutex<Saboteur>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is looked at of a delivered event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivered {
    id: String,
    event_type: String,
}

impl Roads {
    pub fn new(seed: u64, weather: Weather, bug: Option<Bug>, is_told: bool) -> Self {
        let lines = is_told.then(Vec::new);
        Self(Arc::new(Inner {
            began: Instant::now(),
            services: Mutex::default(),
            replicas: Mutex::default(),
            chance: Mutex::new(Chance::of(seed, "roads")),
            weather: Mutex::new(weather),
            ledger: Mutex::default(),
            transcript: Mutex::new(Transcript { lines, ..Transcript::default() }),
            saboteur: bug.map(|bug| Mutex::new(Saboteur::new(bug))),
        }))
    }

    pub fn connect(&self, host: &str, service: Router) {
        lock(&self.0.services).push((host.to_owned(), service));
    }

    /// Whoever is connected knows the roads: what knows each other is never freed.
    pub fn tear_down(&self) {
        lock(&self.0.services).clear();
        lock(&self.0.replicas).clear();
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.0.ledger)
    }

    pub fn weather(&self) -> MutexGuard<'_, Weather> {
        lock(&self.0.weather)
    }

    pub fn transcript(&self) -> MutexGuard<'_, Transcript> {
        lock(&self.0.transcript)
    }

    /// How long the run has gone on.
    pub fn now(&self) -> Duration {
        self.0.began.elapsed()
    }

    pub fn say(&self, what: &str) {
        let line = format!("{} {what}", moment(self.now()));
        self.transcript().add(line);
    }

    /// Has a processor take deliveries from now on.
    pub fn enter(&self, replica: Arc<Replica>) {
        self.say(&format!("processor {} starts", replica.number));
        lock(&self.0.replicas).push(replica);
    }

    /// A processor takes no more deliveries.
    pub fn leave(&self, number: usize) {
        lock(&self.0.replicas).retain(|replica| replica.number != number);
    }

    /// A processor that is alive, if there is one.
    pub fn any(&self) -> Option<Arc<Replica>> {
        let replicas = lock(&self.0.replicas);
        (!replicas.is_empty()).then(|| Arc::clone(lock(&self.0.chance).pick(&replicas)))
    }

    /// The wires of a processor.
    pub fn wires(&self, number: usize, dead: CancellationToken) -> Arc<dyn Wire> {
        Arc::new(Wires { roads: self.clone(), number, dead })
    }

    fn bug(&self) -> Option<Bug> {
        self.0.saboteur.as_ref().map(|saboteur| lock(saboteur).bug)
    }

    /// Sends a request to a service and notes what it did, whoever waits for the answer.
    async fn arrive(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WireError> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let service = lock(&self.0.services).iter().find(|(name, _)| *name == host).cloned();
        let (_, service) = service.ok_or(WireError::Connection)?;
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let query = request.uri().query().unwrap_or_default().to_owned();
        let is_copy = request.headers().contains_key("x-ms-copy-source");
        let is_publication = host == EVENT_GRID && method == Method::POST && path.ends_with("/api/events");
        let published = is_publication.then(|| request.body().clone());
        let response = call(service, request).await?;
        if let Some(body) = published.filter(|_| response.status() == StatusCode::OK) {
            if path.starts_with("/topics/responses") {
                self.ledger().publish(&body);
                let at = moment(self.now());
                self.transcript().add(format!("{at} published {}", String::from_utf8_lossy(&body)));
            }
        } else if let (Some(what), Some(number)) =
            (effect(&host, &method, &path, &query, is_copy, response.status()), operation_in(&path))
        {
            self.ledger().did(what, number);
        }
        Ok(response)
    }

    /// Lets a request arrive, whether or not its sender lives to see the answer.
    async fn dispatch(
        &self,
        request: Request<Bytes>,
        late: Option<Duration>,
    ) -> Result<Response<Bytes>, WireError> {
        let roads = self.clone();
        let arriving = async move {
            if let Some(late) = late {
                tokio::time::sleep(late).await;
            }
            roads.arrive(request).await
        };
        tokio::spawn(arriving).await.unwrap_or(Err(WireError::Broken))
    }

    /// Gives a delivery to a processor, which may die over it.
    async fn hand_over(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WebhookError> {
        let Some(replica) = self.any() else { return Err(WebhookError::Socket) };
        let named = named(request.body());
        let first =
            named.first().map_or_else(String::new, |event| format!("{} {}", event.event_type, event.id));
        let subject = format!("{} event(s), {first} > processor {}", named.len(), replica.number);
        self.say(&subject);
        let bug = self.bug();
        if bug == Some(Bug::AnswersAtOnce) && first.starts_with("request.") {
            self.settled(&named);
            return Ok(answer(StatusCode::OK));
        }
        let answered = replica.dead.run_until_cancelled(call(replica.router.clone(), request)).await;
        let mut answered = answered.unwrap_or(Err(WireError::Broken)).map_err(|_| WebhookError::Socket)?;
        match bug {
            Some(Bug::IgnoresRefusals) => *answered.status_mut() = StatusCode::OK,
            Some(Bug::RefusesForGood) if answered.status() == StatusCode::SERVICE_UNAVAILABLE => {
                *answered.status_mut() = StatusCode::BAD_REQUEST;
            }
            _ => {}
        }
        self.say(&format!("{subject} = {}", answered.status().as_u16()));
        if answered.status() == StatusCode::OK {
            self.settled(&named);
        }
        Ok(answered)
    }

    fn settled(&self, events: &[Delivered]) {
        let requests = events.iter().filter(|event| event.event_type.starts_with("request."));
        let ids = requests.map(|event| event.id.clone()).collect::<Vec<_>>();
        self.ledger().settle(&ids);
    }

    /// Delivers something outside of Event Grid's doing, as a late duplicate of it would come.
    pub async fn echo(&self, event: &str) {
        let request = Request::post(format!("http://{}/api/EventGrid", crate::cloud::PROCESSOR))
            .header("content-type", "application/json")
            .header("aeg-delivery-count", "3")
            .body(Bytes::from(format!("[{event}]")));
        // Whether it is taken does not matter: it has been settled before.
        let _ = tokio::time::timeout(LATE, self.hand_over(request.unwrap())).await;
    }
}

#[async_trait]
impl Webhooks for Roads {
    async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WebhookError> {
        let named = named(request.body());
        let is_validation = named.iter().any(|event| event.event_type.contains("SubscriptionValidation"));
        if is_validation {
            return self.hand_over(request).await;
        }
        let is_completion = !named.is_empty() && named.iter().all(|event| is_completion(&event.event_type));
        let mishap = self.weather().mishap(is_completion, self.now());
        if let Some(mishap) = mishap {
            self.say(&format!("a delivery of {} event(s): {mishap:?}", named.len()));
        }
        match mishap {
            None => self.hand_over(request).await,
            Some(Mishap::Dropped) => Err(WebhookError::Socket),
            Some(Mishap::Lost) => Ok(answer(StatusCode::OK)),
            Some(Mishap::AnswerLost) => {
                let roads = self.clone();
                tokio::spawn(async move { roads.hand_over(request).await });
                Err(WebhookError::TimedOut)
            }
            Some(Mishap::AnsweredLate) => {
                let answered = self.hand_over(request).await;
                tokio::time::sleep(LATE).await;
                answered
            }
            Some(Mishap::Delayed(wait)) => {
                let roads = self.clone();
                let delayed = async move {
                    tokio::time::sleep(wait).await;
                    roads.hand_over(request).await
                };
                tokio::spawn(delayed).await.unwrap_or(Err(WebhookError::Socket))
            }
            Some(Mishap::Doubled(wait)) => {
                let (roads, again) = (self.clone(), request.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(wait).await;
                    roads.hand_over(again).await
                });
                self.hand_over(request).await
            }
        }
    }
}

fn named(body: &[u8]) -> Vec<Delivered> {
    serde_json::from_slice(body).unwrap_or_default()
}

/// What tells of an end that the processor also learns of in another way.
fn is_completion(event_type: &str) -> bool {
    let ends = ["JobFinished", "JobErrored", "JobCanceled", "BlobCreated", "BlobDeleted"];
    event_type.starts_with("Microsoft.") && ends.iter().any(|end| event_type.ends_with(end))
}

/// What a service did that must not be done twice.
fn effect(
    host: &str,
    method: &Method,
    path: &str,
    query: &str,
    is_copy: bool,
    status: StatusCode,
) -> Option<&'static str> {
    let is_container = query.contains("restype=container");
    let is_plain = !query.contains("comp=");
    match (host, method.as_str(), status.as_u16()) {
        (STORAGE, _, _) if path.contains("/gridwich-contexts") => None,
        (STORAGE, "PUT", 202) if is_copy => Some(COPIED),
        (STORAGE, "PUT", 201) if is_container && is_plain => Some("container made"),
        (STORAGE, "DELETE", 202) if is_container => Some("container deleted"),
        (STORAGE, "DELETE", 202) => Some("blob deleted"),
        (MEDIA, "PUT", 201) if path.contains("/jobs/") => Some("job made"),
        _ => None,
    }
}

/// What one processor sends, as long as it lives.
struct Wires {
    roads: Roads,
    number: usize,
    dead: CancellationToken,
}

impl Wires {
    fn road(&self, request: &Request<Bytes>) -> Road {
        let (host, path) = (request.uri().authority().map_or("", |host| host.as_str()), request.uri().path());
        match host {
            EVENT_GRID if path.starts_with("/topics/") => Road::Topic,
            EVENT_GRID => Road::Management,
            STORAGE => Road::Storage,
            _ if path.contains("medianorth") => Road::North,
            _ => Road::West,
        }
    }

    fn die(&self) {
        self.roads.say(&format!("processor {} is killed", self.number));
        self.roads.leave(self.number);
        self.dead.cancel();
    }

    fn tampered(&self, request: Request<Bytes>, road: Road) -> Sent {
        let Some(saboteur) = &self.roads.0.saboteur else { return Sent::On(request) };
        let mut saboteur = lock(saboteur);
        if road == Road::Topic { saboteur.publication(request) } else { saboteur.call(request) }
    }

    async fn carry(&self, request: Request<Bytes>, road: Road) -> Result<Response<Bytes>, WireError> {
        let roads = &self.roads;
        let request = match self.tampered(request, road) {
            Sent::On(request) => request,
            Sent::Answered(response) => return Ok(response),
            Sent::Later(request) => {
                let roads = roads.clone();
                tokio::spawn(async move { roads.dispatch(request, Some(Duration::from_secs(5))).await });
                return Ok(answer(StatusCode::OK));
            }
        };
        let dies = roads.weather().kill(roads.now());
        if dies == Some(false) {
            self.die();
            return std::future::pending().await;
        }
        // Only what must not be there yet can be in conflict with somebody: a note, or something of an encoder's.
        let is_exclusive = request.headers().contains_key("if-none-match")
            || matches!(road, Road::West | Road::North) && *request.method() == Method::PUT;
        let fault = roads.weather().fault(road, is_exclusive, roads.now());
        let answered = match fault {
            Some(Fault::Refused(number, after)) => Ok(refusal(number, after)),
            Some(Fault::Unreachable) => Err(WireError::Connection),
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::Late(late)) => roads.dispatch(request, Some(late)).await,
            _ => roads.dispatch(request, None).await,
        };
        if dies == Some(true) && !self.dead.is_cancelled() {
            self.die();
        }
        match fault {
            Some(Fault::HangsAfter) => std::future::pending().await,
            Some(Fault::BreaksAfter) => Err(WireError::Broken),
            Some(Fault::AnsweredAfter(number)) => Ok(refusal(number, None)),
            _ => answered,
        }
    }
}

fn refusal(number: u16, after: Option<u32>) -> Response<Bytes> {
    let mut refusal = answer(status(number));
    if let Some(seconds) = after {
        refusal.headers_mut().insert("retry-after", seconds.into());
    }
    refusal
}

#[async_trait]
impl Wire for Wires {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WireError> {
        if self.dead.is_cancelled() {
            return std::future::pending().await;
        }
        let road = self.road(&request);
        let subject =
            format!("processor {} > {road:?} {} {}", self.number, request.method(), request.uri().path());
        let answered = self.carry(request, road).await;
        if self.dead.is_cancelled() {
            return std::future::pending().await;
        }
        let result = match &answered {
            Ok(response) => response.status().as_u16().to_string(),
            Err(error) => format!("{error:?}"),
        };
        self.roads.say(&format!("{subject} = {result}"));
        answered
    }
}
