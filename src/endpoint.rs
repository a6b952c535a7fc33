//! The door: one HTTP exchange with the courier, from its first byte to its status. Names no handler and no participant.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::FutureExt as _;
use gridwich_handlers::base::{Dispatcher, Route, Unsettled, World, refuse};
use gridwich_handlers::event::{Arrival, Event, read_delivery};
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, request};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::bodies::{Bodies, NoBody, discard};
use crate::health::Health;
use crate::steps::{Attempt, NotStarted, StepKey, Steps, Verdict};
use crate::telemetry::metrics::{Metrics, Outcome, Shed};

/// The event that asks an endpoint to prove that it expects deliveries.
const VALIDATION: &str = "Microsoft.EventGrid.SubscriptionValidationEvent";
/// A code is a GUID; anything much longer is no code.
const VALIDATION_CODE_BYTES_MAX: usize = 1_024;
/// What a courier that is asked to come again is told; Event Grid waits at least this long after a 503 anyway.
const RETRY_AFTER_SECONDS: u32 = 30;
const DELIVERY_COUNT: HeaderName = HeaderName::from_static("aeg-delivery-count");
const EVENT_TYPE_HEADER: HeaderName = HeaderName::from_static("aeg-event-type");
const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// Everything an exchange needs.
pub struct Door {
    /// Who may deliver.
    pub admission: Admission,
    /// Where events go.
    pub dispatcher: Arc<Dispatcher>,
    /// What handling needs.
    pub world: World,
    /// What is running.
    pub steps: Steps,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The memory there is for bodies.
    pub bodies: Bodies,
    /// Whether deliveries should be sent here.
    pub health: Health,
    /// Cancelled when they should be sent elsewhere from now on; those that come are handled all the same.
    pub leaving: CancellationToken,
    /// How long a delivery waits for its steps.
    pub delivery_budget: Duration,
    /// Whether the sender of a request that nobody takes is told.
    pub fails_unhandled: bool,
}

/// The door as a function from request to response.
pub fn router(door: Arc<Door>) -> Router {
    Router::new().fallback(exchange).with_state(door)
}

async fn exchange(State(door): State<Arc<Door>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_end_matches('/').to_ascii_lowercase();
    match (path.as_str(), &parts.method) {
        ("/api/eventgrid" | "", &Method::POST) => {
            let started = Instant::now();
            let response = door.receive(&parts, body).await;
            door.metrics.delivered(response.status(), started.elapsed());
            response
        }
        ("/api/eventgrid" | "", &Method::OPTIONS) => door.shake_hands(&parts),
        ("/livez", &Method::GET) => text(StatusCode::OK, "alive"),
        ("/readyz", &Method::GET) => door.readiness(),
        ("/metrics", &Method::GET) => door.show_metrics(&parts),
        ("/api/eventgrid" | "", _) => not_allowed("POST, OPTIONS"),
        ("/livez" | "/readyz" | "/metrics", _) => not_allowed("GET"),
        _ => text(StatusCode::NOT_FOUND, "deliveries are received at /api/EventGrid"),
    }
}

impl Door {
    async fn receive(&self, parts: &request::Parts, body: Body) -> Response {
        if let Err(refusal) = self.admission.admit(&parts.uri, &parts.headers) {
            discard(body).await;
            tracing::warn!("a delivery was turned away: {refusal}");
            return text(StatusCode::UNAUTHORIZED, &refusal.to_string());
        }
        if self.steps.is_stopping() {
            discard(body).await;
            return come_again("stopping");
        }
        let body = match self.read(&parts.headers, body).await {
            Ok(body) => body,
            Err(response) => return response,
        };
        let mut arrivals = match read_delivery(&body) {
            Ok(arrivals) => arrivals,
            Err(error) => return text(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        if is_farewell(&parts.headers) {
            return StatusCode::OK.into_response();
        }
        mark_redelivered(&mut arrivals, &parts.headers);
        match validation(&arrivals) {
            Validation::None => self.handle(arrivals).await,
            Validation::Alone(event) => prove(event),
            Validation::Mixed => {
                text(StatusCode::BAD_REQUEST, "expected a subscription validation event alone in its array")
            }
        }
    }

    async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Response> {
        if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            discard(body).await;
            return Err(text(StatusCode::BAD_REQUEST, "expected a body without content encoding"));
        }
        self.bodies.read(body).await.map_err(|no_body| match no_body {
            NoBody::TooLarge(_) => text(StatusCode::PAYLOAD_TOO_LARGE, &no_body.to_string()),
            NoBody::Broken | NoBody::TooSlow => text(StatusCode::REQUEST_TIMEOUT, &no_body.to_string()),
            NoBody::NoRoom => {
                self.metrics.shed(Shed::Bodies);
                come_again("too many bytes at once")
            }
        })
    }

    /// Starts every event of the delivery, or joins it, and waits for all within the budget. What is not settled by then
    /// goes on, and the redelivery finds it.
    async fn handle(&self, arrivals: Vec<Arrival>) -> Response {
        let deadline = Instant::now() + self.delivery_budget;
        let mut attempt = self.steps.attempt();
        for arrival in arrivals {
            match arrival {
                Arrival::Event(event) => match self.start(event, deadline, &mut attempt).await {
                    Ok(()) => {}
                    // The others come again with it: none of them is worth room that somebody else is waiting for.
                    Err(reason) => return self.refuse(reason),
                },
                Arrival::Unusable(reason) => {
                    self.metrics.arrived(None, Outcome::Unusable);
                    tracing::warn!("an element of a delivery is no event and is passed over: {reason}");
                }
            }
        }
        match tokio::time::timeout_at(deadline, attempt.is_settled()).await {
            Ok(true) => {
                attempt.answered();
                StatusCode::OK.into_response()
            }
            Ok(false) => come_again("not everything could be said"),
            Err(_) => come_again("still running"),
        }
    }

    fn refuse(&self, reason: NotStarted) -> Response {
        match reason {
            NotStarted::Full => {
                self.metrics.shed(Shed::Steps);
                come_again("too many steps at once")
            }
            NotStarted::Stopping => come_again("stopping"),
        }
    }

    async fn start(
        &self,
        event: Event,
        deadline: Instant,
        attempt: &mut Attempt<'_>,
    ) -> Result<(), NotStarted> {
        match self.dispatcher.route(&event) {
            Route::Handler(handling) => {
                self.metrics.arrived(Some(handling.event_type()), Outcome::Handled);
                self.run(event, deadline, attempt, |event, world| handling.start(event, world)).await
            }
            Route::Nobody => {
                self.metrics.arrived(None, Outcome::Nobody);
                Ok(())
            }
            Route::UnknownRequest(sentence) => {
                self.metrics.arrived(None, Outcome::Unknown);
                tracing::warn!(event.id = %event.id, "{sentence}");
                if !self.fails_unhandled {
                    return Ok(());
                }
                self.run(event, deadline, attempt, |event, world| refuse(event, world, sentence)).await
            }
        }
    }

    async fn run<F>(
        &self,
        event: Event,
        deadline: Instant,
        attempt: &mut Attempt<'_>,
        start: impl FnOnce(Event, World) -> F,
    ) -> Result<(), NotStarted>
    where
        F: Future<Output = Result<(), Unsettled>> + Send + 'static,
    {
        let key = StepKey::of(&event);
        let work = || {
            let id = event.id.clone();
            start(event, self.world.clone()).map(move |settled| Verdict::of(&id, settled)).boxed()
        };
        attempt.join_or_start(key, deadline, work).await
    }

    /// CloudEvents' handshake: permission for an origin, or silence about it.
    fn shake_hands(&self, parts: &request::Parts) -> Response {
        let mut response = (StatusCode::OK, [(ALLOW, "POST, OPTIONS")]).into_response();
        let Some(origin) = parts.headers.get(REQUEST_ORIGIN) else {
            *response.status_mut() = StatusCode::NO_CONTENT;
            return response;
        };
        if let Err(refusal) = self.admission.admit(&parts.uri, &parts.headers) {
            return text(StatusCode::UNAUTHORIZED, &refusal.to_string());
        }
        if origin.to_str().is_ok_and(|origin| self.admission.allows_origin(origin)) {
            response.headers_mut().insert(ALLOWED_ORIGIN, origin.clone());
            response.headers_mut().insert(ALLOWED_RATE, HeaderValue::from_static("*"));
        }
        response
    }

    fn is_leaving(&self) -> bool {
        self.leaving.is_cancelled() || self.steps.is_stopping()
    }

    fn readiness(&self) -> Response {
        let readiness = self.health.readiness(self.is_leaving());
        let status = if readiness.is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        text(status, &readiness.to_string())
    }

    /// Whoever may deliver may also look.
    fn show_metrics(&self, parts: &request::Parts) -> Response {
        if let Err(refusal) = self.admission.admit(&parts.uri, &parts.headers) {
            return text(StatusCode::UNAUTHORIZED, &refusal.to_string());
        }
        self.metrics.running(self.steps.count());
        self.metrics.holding(self.bodies.held());
        self.metrics.readiness(self.health.readiness(self.is_leaving()).is_ready);
        let headers = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
        (headers, self.metrics.exposition()).into_response()
    }
}

/// The courier counts its attempts, from 0 in what was seen of it and from 1 in its documentation: so a first delivery may
/// be taken for a second one, but not the other way round.
fn mark_redelivered(arrivals: &mut [Arrival], headers: &HeaderMap) {
    let count = headers.get(DELIVERY_COUNT).and_then(|count| count.to_str().ok()?.trim().parse::<u32>().ok());
    let tries_before = count.unwrap_or_default();
    for arrival in arrivals {
        if let Arrival::Event(event) = arrival {
            event.tries_before = tries_before;
        }
    }
}

enum Validation<'a> {
    None,
    Alone(&'a Event),
    Mixed,
}

/// Recognised by the event itself, as the original does; whatever the header says.
fn validation(arrivals: &[Arrival]) -> Validation<'_> {
    let asks = |arrival: &Arrival| matches!(arrival, Arrival::Event(event) if event.event_type == VALIDATION);
    match arrivals {
        [Arrival::Event(event)] if event.event_type == VALIDATION => Validation::Alone(event),
        arrivals if arrivals.iter().any(asks) => Validation::Mixed,
        _ => Validation::None,
    }
}

fn prove(event: &Event) -> Response {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Challenge {
        #[serde(alias = "ValidationCode")]
        validation_code: String,
    }
    match serde_json::from_slice::<Challenge>(&event.data) {
        Ok(challenge) if challenge.validation_code.len() <= VALIDATION_CODE_BYTES_MAX => {
            tracing::info!("an event subscription was validated");
            axum::Json(json!({"validationResponse": challenge.validation_code})).into_response()
        }
        _ => text(StatusCode::BAD_REQUEST, "[0].data.validationCode: expected a code"),
    }
}

/// Word that an event subscription was deleted: both spellings are in use.
fn is_farewell(headers: &HeaderMap) -> bool {
    let kind = headers.get(EVENT_TYPE_HEADER).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    ["SubscriptionDeletion", "Unsubscribe"].iter().any(|farewell| farewell.eq_ignore_ascii_case(kind))
}

fn come_again(reason: &'static str) -> Response {
    let headers = [(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS))];
    (StatusCode::SERVICE_UNAVAILABLE, headers, reason).into_response()
}

fn not_allowed(allowed: &'static str) -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, allowed)]).into_response()
}

fn text(status: StatusCode, sentence: &str) -> Response {
    (status, sentence.to_owned()).into_response()
}
