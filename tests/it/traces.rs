//! One trace follows an operation from its request to its outcome, whichever process handles which part of it.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;

use crate::process::Local;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = Router::new().route("/v1/traces", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        url
    }

    fn span(&self, name: &str) -> Span {
        let spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let names = spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>();
        spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name} in {names:?}")).clone()
    }
}

async fn take(State(collector): State<Collector>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    let spans = scopes.flat_map(|scope| scope.spans);
    collector.0.lock().unwrap_or_else(PoisonError::into_inner).extend(spans);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_trace_goes_on_in_another_process_hours_later() {
    let collector = Collector::default();
    let otlp = collector.start().await;
    let settings = [("GRIDWICH__TELEMETRY__OTLP_ENDPOINT", otlp.as_str())];
    let local = Local::start(&["--without-processor", "--hurry", "20", "--encoder-speed", "0.5"]);
    let mut first = local.serve(&settings);
    local.subscribed().await;
    let context = json!({"traced": 1, "~traceparent": format!("00-{TRACE}-{PARENT}-01")});
    let data = local.clip_to_encode(&context);
    local.publish("1", "request.encode.mediaservicesv3.create", &data).await;
    local.answered("response.encode.mediaservicesv3.dispatched").await;
    first.signal("TERM");
    assert_eq!(first.ended().await, Some(0));
    let mut second = local.serve(&settings);
    local.answered("response.encode.mediaservicesv3.success").await;
    second.signal("TERM");
    assert_eq!(second.ended().await, Some(0));
    let (request, outcome) = (
        collector.span("request.encode.mediaservicesv3.create"),
        collector.span("Microsoft.Media.JobFinished"),
    );
    assert_eq!((hex(&request.trace_id), hex(&request.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
    assert_eq!((hex(&outcome.trace_id), &outcome.parent_span_id), (TRACE.to_owned(), &request.span_id));
    let attribute = |span: &Span, name: &str| {
        let found = span.attributes.iter().find(|attribute| attribute.key == name);
        format!("{:?}", found.and_then(|attribute| attribute.value.clone()))
    };
    assert_eq!(attribute(&request, "operation.id"), attribute(&outcome, "operation.id"));
    assert!(attribute(&outcome, "operation.context").contains("traced"));
}
