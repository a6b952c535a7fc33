//! Watching what a topic received: history, then live, and what happens to the slow.

use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt as _;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use local_azure::event_grid::Watched;
use local_azure::inside::{EventSink as _, PlatformEvent};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::stage::{STORAGE, Stage, event, publishing, to};

fn id(seen: &Watched) -> Value {
    let Watched::Event { event, .. } = seen else { panic!("expected an event, not {seen:?}") };
    serde_json::from_slice::<Value>(event).expect("JSON")["id"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_watcher_sees_what_was_and_then_what_comes() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    stage.publish_ids(&topic, &["1", "2"]).await;
    let mut seen = stage.grid.watch("Requests").expect("a topic");
    assert_eq!(
        (id(&seen.next().await.expect("endless")), id(&seen.next().await.expect("endless"))),
        (json!("1"), json!("2"))
    );
    let nothing = tokio::time::timeout(Duration::from_secs(60), seen.next()).await;
    assert!(nothing.is_err());
    let (next, ()) = tokio::join!(seen.next(), stage.publish_ids(&topic, &["3"]));
    assert_eq!(id(&next.expect("endless")), "3");
}

#[tokio::test(start_paused = true)]
async fn over_http_each_event_is_a_line() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    let pretty = format!("[{:#}]", event("1")).replace('\n', "\r\n");
    assert_eq!(stage.send(publishing(&topic, pretty)).await.status, 200);
    let request = Request::get("/topics/requests/watch").body(Body::empty()).expect("a request");
    let response = stage.grid.router().oneshot(request).await.expect("the router never fails");
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let mut body = response.into_body();
    let frame = body.frame().await.expect("a frame").expect("no error").into_data().expect("data");
    let line = String::from_utf8(frame.to_vec()).expect("text");
    assert_eq!(line.matches('\n').count(), 1, "{line}");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["receivedTime"], "2026-03-04T09:00:00.0000000Z");
    assert_eq!((&line["event"]["id"], &line["event"]["topic"]), (&json!("1"), &json!(topic.id)));
}

#[tokio::test(start_paused = true)]
async fn history_is_bounded_and_the_slow_are_told_what_they_missed() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    let mut slow = stage.grid.watch("requests").expect("a topic");
    let events = (0..1005).map(|n| event(&n.to_string())).collect::<Vec<_>>();
    assert_eq!(stage.publish(&topic, &json!(events)).await.status, 200);
    let missed = slow.next().await.expect("endless");
    assert_eq!(missed, Watched::Missed(5));
    assert_eq!(missed.to_line(), "{\"missed\":5}\n");
    assert_eq!(id(&slow.next().await.expect("endless")), "5");
    let mut late = stage.grid.watch("requests").expect("a topic");
    assert_eq!(id(&late.next().await.expect("endless")), "5", "nobody misses what was before him");
}

#[tokio::test(start_paused = true)]
async fn large_events_do_not_stay_by_the_thousand() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    for n in 0..40 {
        let mut large = event(&n.to_string());
        large["data"] = json!("x".repeat(1_000_000));
        assert_eq!(stage.publish(&topic, &large).await.status, 200);
    }
    let seen = stage.grid.watch("requests").expect("a topic");
    let first = id(&seen.take(1).collect::<Vec<_>>().await[0]);
    assert_eq!(first, "7", "33 events of a megabyte fit into 32 MiB");
}

#[tokio::test(start_paused = true)]
async fn a_system_topic_is_watched_by_its_resources_name() {
    let stage = Stage::new();
    stage.subscribe(STORAGE, "to-app", to("app")).await.expect("a subscription");
    stage.grid.raise(PlatformEvent {
        topic: STORAGE.to_owned(),
        subject: "s".to_owned(),
        event_type: "Microsoft.Storage.BlobCreated",
        data_version: "",
        data: json!({}),
        occurrence: None,
    });
    let mut seen = stage.grid.watch("inbox01").expect("a topic");
    assert!(matches!(seen.next().await, Some(Watched::Event { .. })));
    assert!(stage.grid.watch("nobody").is_none());
    assert_eq!(stage.ask(Method::GET, "/topics/nobody/watch", Value::Null).await.status, 404);
}
