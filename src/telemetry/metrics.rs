//! What is counted and timed, to be scraped and to be sent. Labels come from closed sets only, so that no caller can make
//! their number grow.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use opentelemetry::metrics::{Counter, Gauge, Histogram, MeterProvider as _};
use opentelemetry::{KeyValue, Value};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use prometheus::{Encoder as _, Registry, TextEncoder};

/// Bounds of duration histograms in seconds: from what a lone answer takes on loopback to the delivery budget.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 30.0];

/// What became of an arriving event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A handler took it.
    Handled,
    /// A request that no handler here takes.
    Unknown,
    /// Not our business.
    Nobody,
    /// No event at all.
    Unusable,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Unknown => "unknown",
            Self::Nobody => "nobody",
            Self::Unusable => "unusable",
        }
    }
}

/// For want of what something was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// A delivery: memory for bodies.
    Bodies,
    /// A delivery: steps, and room to wait for them.
    Steps,
    /// An idle connection: connections.
    Connections,
}

impl Shed {
    fn as_str(self) -> &'static str {
        match self {
            Self::Bodies => "bodies",
            Self::Steps => "steps",
            Self::Connections => "connections",
        }
    }
}

/// All instruments.
pub struct Metrics {
    registry: Registry,
    provider: SdkMeterProvider,
    events: Counter<u64>,
    deliveries: Histogram<f64>,
    published: Counter<u64>,
    posts: Histogram<f64>,
    running: Gauge<u64>,
    dead_letters: Counter<u64>,
    held: Gauge<u64>,
    shed: Counter<u64>,
    ready: Gauge<u64>,
}

impl Metrics {
    /// Instruments that can be scraped and, with an exporter, are sent once a minute.
    ///
    /// # Errors
    /// When the instruments cannot be set up.
    pub fn new(exporter: Option<MetricExporter>, resource: Resource) -> Result<Self, String> {
        let registry = Registry::new();
        let scraped = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build();
        let scraped = scraped.map_err(|error| error.to_string())?;
        let mut provider = SdkMeterProvider::builder().with_reader(scraped).with_resource(resource);
        if let Some(exporter) = exporter {
            provider = provider.with_reader(PeriodicReader::builder(exporter).build());
        }
        let provider = provider.build();
        let meter = provider.meter(env!("CARGO_PKG_NAME"));
        let seconds = |name: &'static str, what: &'static str| {
            let histogram = meter.f64_histogram(name).with_description(what).with_unit("s");
            histogram.with_boundaries(SECONDS.to_vec()).build()
        };
        Ok(Self {
            events: meter.u64_counter("gridwich.events").with_description("Events that arrived").build(),
            deliveries: seconds("gridwich.delivery.duration", "From a delivery's first byte to its status"),
            published: meter
                .u64_counter("gridwich.answers")
                .with_description("Answers given to the topic")
                .build(),
            posts: seconds("gridwich.post.duration", "One POST to the topic"),
            running: meter
                .u64_gauge("gridwich.steps.running")
                .with_description("Steps that are running")
                .build(),
            dead_letters: meter
                .u64_counter("gridwich.dead_letters")
                .with_description("Events kept because they cannot be handled")
                .build(),
            held: meter
                .u64_gauge("gridwich.bodies.held")
                .with_description("Memory taken by bodies of deliveries")
                .with_unit("By")
                .build(),
            shed: meter
                .u64_counter("gridwich.shed")
                .with_description("Deliveries and idle connections turned away for want of something")
                .build(),
            ready: meter
                .u64_gauge("gridwich.ready")
                .with_description("Whether deliveries should be sent here")
                .build(),
            registry,
            provider,
        })
    }

    /// Sends what is still to be sent, within a bounded time.
    pub fn flush(&self, patience: Duration) {
        // A collector that does not answer loses the last figures; there is nobody left to tell.
        let _ = self.provider.shutdown_with_timeout(patience);
    }

    /// An event arrived; `event_type` only when a handler is registered for it.
    pub fn arrived(&self, event_type: Option<&'static str>, outcome: Outcome) {
        let labels = [label("event_type", event_type.unwrap_or("other")), label("outcome", outcome.as_str())];
        self.events.add(1, &labels);
    }

    /// A delivery was answered.
    pub fn delivered(&self, status: StatusCode, took: Duration) {
        self.deliveries.record(took.as_secs_f64(), &[label("status", i64::from(status.as_u16()))]);
    }

    /// An answer was accepted by the topic, or given up.
    pub fn published(&self, event_type: Cow<'static, str>, is_accepted: bool) {
        self.published.add(1, &[KeyValue::new("event_type", event_type), label("accepted", is_accepted)]);
    }

    /// A POST to the topic was answered, or not.
    pub fn posted(&self, is_accepted: bool, took: Duration) {
        self.posts.record(took.as_secs_f64(), &[label("accepted", is_accepted)]);
    }

    /// An event that cannot be handled was kept as a dead letter, or could not be.
    pub fn dead_lettered(&self, reason: &'static str, is_kept: bool) {
        self.dead_letters.add(1, &[label("reason", reason), label("kept", is_kept)]);
    }

    /// So many steps are running.
    pub fn running(&self, steps: usize) {
        self.running.record(steps as u64, &[]);
    }

    /// So many bytes of bodies are held.
    pub fn holding(&self, bytes: usize) {
        self.held.record(bytes as u64, &[]);
    }

    /// Something was turned away.
    pub fn shed(&self, want: Shed) {
        self.shed.add(1, &[label("want", want.as_str())]);
    }

    /// Whether deliveries should be sent here.
    pub fn readiness(&self, is_ready: bool) {
        self.ready.record(u64::from(is_ready), &[]);
    }

    /// All of it as Prometheus' text.
    #[must_use]
    pub fn exposition(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!("the metrics cannot be written: {error}");
        }
        text
    }
}

fn label(name: &'static str, value: impl Into<Value>) -> KeyValue {
    KeyValue::new(name, value)
}
