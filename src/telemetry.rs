//! What can be seen of the program from outside: logs, traces, metrics. Not what it does.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use gridwich_handlers::base::{Operation, Spans};
use gridwich_handlers::event::{Event, TraceParent};
use gridwich_handlers::operation_context::OperationContext;
use gridwich_handlers::operation_id::OperationId;
use opentelemetry::KeyValue;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry_otlp::{Protocol, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

use self::log_link::LogLink;
use self::metrics::Metrics;
use self::span_fields::SpanFields;
use crate::config::{LogFormat, TelemetryConfig};

pub mod dead_letters;
mod log_link;
pub mod metrics;
mod panics;
mod span_fields;

/// A collector that has not taken a batch by then loses it.
const EXPORT_SECONDS_MAX: Duration = Duration::from_secs(5);
/// So much of a context is shown with a span; a log line has all of it.
const CONTEXT_CHARACTERS_MAX: usize = 1_024;

/// Everything that is told to observers.
pub struct Telemetry {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How work is traced.
    pub spans: Arc<dyn Spans>,
    tracing: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Sets up metrics, and traces when a collector is configured.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn new(config: &TelemetryConfig) -> Result<Self, String> {
        if !(0.0..=1.0).contains(&config.trace_ratio) {
            return Err(format!("telemetry.trace_ratio: expected 0.0 to 1.0, found {}", config.trace_ratio));
        }
        let metrics = Metrics::new(metric_exporter(config)?, resource())?;
        let tracing = tracer(config)?;
        let link = LogLink::new(&config.app_insights_resource_id);
        let spans = Arc::new(OperationSpans { is_traced: tracing.is_some(), link });
        Ok(Self { metrics: Arc::new(metrics), spans, tracing })
    }

    /// Sends logs, panics among them, to standard error and spans to the collector, for the whole program.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn install(&self, config: &TelemetryConfig) -> Result<(), String> {
        let filter = filter(&config.log)?;
        let has_colours = std::io::stderr().is_terminal();
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(has_colours);
        let lines = match config.format {
            LogFormat::Json => {
                let lines = lines.json().with_current_span(true).with_span_list(false);
                lines.fmt_fields(SpanFields).boxed()
            }
            LogFormat::Human => lines.with_target(false).boxed(),
        };
        let lines = lines.with_filter(filter);
        let traces = self.tracing.as_ref().map(|provider| {
            let ours = filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with("gridwich"));
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
                .with_filter(ours)
        });
        let installed = Registry::default().with(lines).with(traces).try_init();
        installed.map_err(|error| error.to_string())?;
        panics::install();
        Ok(())
    }

    /// Sends what is still to be sent, within `patience` for traces and again for metrics.
    pub fn flush(&self, patience: Duration) {
        if let Some(tracing) = &self.tracing {
            // A collector that does not answer loses the last spans; there is nobody left to tell.
            let _ = tracing.shutdown_with_timeout(patience);
        }
        self.metrics.flush(patience);
    }
}

/// What is logged. Azure's client library logs refused answers whole, which is nobody's business: only what it warns of is
/// heard, unless it is asked for by name.
fn filter(log: &str) -> Result<EnvFilter, String> {
    let is_level = |word: &str| {
        ["off", "error", "warn", "info", "debug", "trace"].contains(&word.to_lowercase().as_str())
    };
    // A lone word that is no level would be taken for the name of a part, and silence all others.
    if let Some(word) = log.split(',').map(str::trim).find(|part| !part.contains('=') && !is_level(part)) {
        let expected = "expected off, error, warn, info, debug or trace, alone or as part=level";
        return Err(format!("telemetry.log: {expected}, found {word:?}"));
    }
    EnvFilter::try_new(format!("{},{log}", crate::azure::LOG))
        .map_err(|error| format!("telemetry.log: {error}"))
}

fn resource() -> Resource {
    let attributes = [KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))];
    Resource::builder().with_service_name(env!("CARGO_PKG_NAME")).with_attributes(attributes).build()
}

fn tracer(config: &TelemetryConfig) -> Result<Option<SdkTracerProvider>, String> {
    if config.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(signal_url(config, "traces"))
        .with_timeout(EXPORT_SECONDS_MAX)
        .build()
        .map_err(|error| format!("telemetry.otlp_endpoint: {error}"))?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.trace_ratio)));
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(resource());
    Ok(Some(provider.build()))
}

fn metric_exporter(config: &TelemetryConfig) -> Result<Option<opentelemetry_otlp::MetricExporter>, String> {
    if config.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    let exporter = opentelemetry_otlp::MetricExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(signal_url(config, "metrics"))
        .with_timeout(EXPORT_SECONDS_MAX)
        .build();
    exporter.map(Some).map_err(|error| format!("telemetry.otlp_endpoint: {error}"))
}

fn signal_url(config: &TelemetryConfig, signal: &str) -> String {
    format!("{}/v1/{signal}", config.otlp_endpoint.trim_end_matches('/'))
}

/// Spans of operations. The parent of a span is wherever its operation was last seen: the request, or what was carried
/// through storage or an encoder since.
struct OperationSpans {
    is_traced: bool,
    link: Option<LogLink>,
}

impl Spans for OperationSpans {
    fn open(&self, event: &Event, operation: &Operation, parent: Option<&TraceParent>) -> Span {
        let context = operation.context.as_ref().map(OperationContext::as_str).unwrap_or_default();
        let shown = first_characters(context, CONTEXT_CHARACTERS_MAX);
        let span = tracing::info_span!(
            "operation",
            otel.name = %event.event_type,
            otel.kind = "consumer",
            event.id = %event.id,
            event.r#type = %event.event_type,
            operation.id = %operation.id,
            operation.context = shown,
        );
        if let Some(parent) = parent.filter(|_| self.is_traced).and_then(remote) {
            // Only a span that is not recorded has no place for a parent.
            let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
        }
        span
    }

    fn trace_of(&self, span: &Span) -> Option<TraceParent> {
        if !self.is_traced {
            return None;
        }
        let context = span.context();
        let span = context.span();
        let here = span.span_context();
        let text = format!("00-{}-{}-{:02x}", here.trace_id(), here.span_id(), here.trace_flags().to_u8());
        here.is_valid().then(|| TraceParent::parse(&text)).flatten()
    }

    fn record_url(&self, operation: OperationId) -> Option<String> {
        self.link.as_ref().map(|link| link.to(operation))
    }
}

/// A text's first so many characters, without counting those of one that has no more bytes.
fn first_characters(text: &str, characters_max: usize) -> &str {
    if text.len() <= characters_max {
        return text;
    }
    text.char_indices().nth(characters_max).map_or(text, |(end, _)| &text[..end])
}

fn remote(trace: &TraceParent) -> Option<SpanContext> {
    let mut parts = trace.as_str().split('-').skip(1);
    let trace_id = TraceId::from_hex(parts.next()?).ok()?;
    let span_id = SpanId::from_hex(parts.next()?).ok()?;
    let flags = TraceFlags::new(u8::from_str_radix(parts.next()?, 16).ok()?);
    Some(SpanContext::new(trace_id, span_id, flags, true, TraceState::default()))
}
