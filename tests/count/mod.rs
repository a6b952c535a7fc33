//! A load for a counter of instructions: the same deliveries again and again, in memory, on one thread, under paused time, so
//! that each run executes the same. Nothing is measured here; `valgrind --tool=callgrind` counts from outside.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use futures_util::future::join_all;
use gridwich::app::App;
use gridwich::azure::wire::{Wire, WireError};
use gridwich::clock;
use gridwich::config::Config;
use gridwich::publisher::written;
use gridwich::telemetry::Telemetry;
use gridwich_handlers::base::{Dispatcher, Draft, PublishError, Publisher, Route, World};
use gridwich_handlers::event::{Arrival, read_delivery};
use http::{Request, Response, StatusCode};
use serde_json::json;
use time::macros::datetime;
use tower::ServiceExt as _;

/// What is run for each delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Only what an event cannot do without: read, check, route, handle, write both answers.
    Job,
    /// From the request to its 200, both answers accepted by the topic.
    Whole,
}

/// How often and how much.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub part: Part,
    pub deliveries: usize,
    pub events: usize,
    /// Whether callers are admitted by a secret and logs written, and traces sent if there is a collector.
    pub is_watched: bool,
}

/// A secret as long as Azure Functions' keys.
const SECRET: &str = "Yw4Zr0QnXp2mT8uJc6LbV1sKe9HdGfAa7oRiCx5NtWzUB3yMqPjE0A==";

/// Delivers, and returns how many answers were written.
///
/// # Panics
/// When a delivery is answered otherwise than 200, or an event not twice.
pub fn run(load: Load, settings: &str) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        clock::set(datetime!(2026-03-04 09:00:00.123456 UTC));
        let body = Bytes::from(delivery(load.events));
        let config = config(load.is_watched, settings);
        let telemetry = Telemetry::new(&config.telemetry).unwrap();
        if load.is_watched {
            telemetry.install(&config.telemetry).unwrap();
        }
        let wire: Arc<dyn Wire> = Arc::new(Accepting);
        let app = App::new(&config, &wire, &telemetry).unwrap();
        match load.part {
            Part::Whole => deliver(&app, &body, load.deliveries).await,
            Part::Job => {
                let (participants, spans) = (Arc::clone(&app.participants), Arc::clone(&telemetry.spans));
                let world = World { participants, publisher: Arc::new(Writing), spans };
                let dispatcher = gridwich_handlers::register();
                for _ in 0..load.deliveries {
                    handle(&dispatcher, &world, &body).await;
                }
            }
        }
        load.deliveries * load.events * 2
    })
}

/// An array of requests of 0.9 KB that need nobody, each with a nested context.
fn delivery(events: usize) -> String {
    let event = |number: usize| {
        json!({
            "id": format!("7f0c3b58-2a4e-4c61-9d3a-{number:012}"),
            "topic": "/subscriptions/5f750a97-50d9-4e36-8081-c9ee4c0210d4/resourceGroups/gw-rg-sb/providers/Microsoft.EventGrid/topics/gw-egt-sb",
            "subject": "/orders/4711/steps/3",
            "eventType": "request.blob.sas-url.create",
            "eventTime": "2026-03-04T09:00:00.1234567Z",
            "dataVersion": "1.0",
            "metadataVersion": "1",
            "data": {
                "blobUri": "https://gwproxy00sasb.blob.core.windows.net/show-17/season-02/episode-08/low.mp4",
                "secToLive": 1200,
                "operationContext": {
                    "sagaId": "b1946ac9-2f5d-4c30-8e0a-6c1f3a6d1b7e",
                    "step": {"name": "publish proxies", "number": 3, "of": 7, "attempt": 1},
                    "asset": {
                        "house": "NRK-2026-004711", "titles": ["Nordlys", "Northern Lights"],
                        "rights": {"territories": ["NO", "SE", "DK"], "until": "2031-12-31T23:59:59Z"},
                    },
                    "callback": {"queue": "mam-prod-0af7651916cd43dd8448eb211c80319c", "priority": "normal"},
                },
            },
        })
    };
    serde_json::Value::from_iter((0..events).map(event)).to_string()
}

fn config(is_watched: bool, settings: &str) -> Config {
    let admission =
        if is_watched { format!("[admission]\nsecrets = [\"{SECRET}\"]\n") } else { String::new() };
    let text = format!(
        "{admission}[topic]\nendpoint = \"https://gw-egt-sb.westeurope-1.eventgrid.azure.net/api/events\"\nkey = \"a2V5\"\n\
         [requests]\nsas_seconds_max = 86400\n[[storage.accounts]]\nname = \"gwproxy00sasb\"\nkey = \"a2V5\"\n{settings}"
    );
    Config::from_toml(&text).unwrap()
}

async fn deliver(app: &App, body: &Bytes, deliveries: usize) {
    for _ in 0..deliveries {
        let request = Request::post("/api/EventGrid")
            .header("content-type", "application/json; charset=utf-8")
            .header("content-length", body.len())
            .header("aeg-event-type", "Notification")
            .header("aeg-delivery-count", "0")
            .header("x-gridwich-key", SECRET);
        let request = request.body(Body::from(body.clone())).unwrap();
        let response = app.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
}

async fn handle(dispatcher: &Dispatcher, world: &World, body: &Bytes) {
    let arrivals = read_delivery(body).unwrap();
    let steps = arrivals.into_iter().map(|arrival| {
        let Arrival::Event(event) = arrival else { panic!("expected events") };
        let Route::Handler(handling) = dispatcher.route(&event) else { panic!("expected a handler") };
        handling.start(event, world.clone())
    });
    let settled = join_all(steps).await;
    assert!(settled.iter().all(Result::is_ok));
}

/// Writes answers, and gives them to nobody.
struct Writing;

#[async_trait]
impl Publisher for Writing {
    async fn publish(&self, draft: Draft) -> Result<(), PublishError> {
        std::hint::black_box(written(&draft));
        Ok(())
    }
}

/// A topic that accepts everything at once.
struct Accepting;

#[async_trait]
impl Wire for Accepting {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WireError> {
        std::hint::black_box(request);
        Ok(Response::new(Bytes::new()))
    }
}
