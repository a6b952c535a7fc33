//! Whether deliveries should be sent here, as whoever asks `/readyz` is told.

use std::time::Duration;

use axum::Router;
use axum::routing::post;
use http::StatusCode;
use local_azure::faults::Fault;
use local_azure::ids::development_key;
use serde_json::json;
use tokio::time::Instant;

use crate::process::Local;
use crate::world::{EVENT_GRID, MEDIA, Options, PROCESSOR, World, config};

const READY: &str = "ready\ntopic: well\nstorage token: not needed\nstorage: well\nencoders: well";
const ROUND: Duration = Duration::from_secs(10);

fn is_topic(parts: &http::request::Parts) -> bool {
    parts.uri.path().contains("responses")
}

#[tokio::test(start_paused = true)]
async fn a_processor_is_ready_once_it_has_seen_its_topic() {
    let world = World::new().await;
    let before = world.get(PROCESSOR, "/readyz").await;
    assert_eq!(before.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(before.body().starts_with(b"starting\ntopic: unknown\n"), "{before:?}");
    world.network.disconnect(EVENT_GRID);
    assert_eq!(world.readiness().await.0, StatusCode::SERVICE_UNAVAILABLE);
    world.network.connect(EVENT_GRID, world.cloud.event_grid.router());
    assert_eq!(world.readiness().await, (StatusCode::OK, READY.to_owned()));
    assert!(world.received("responses").is_empty(), "a look publishes nothing");
    assert_eq!(world.get(PROCESSOR, "/livez").await.body(), "alive");
}

#[tokio::test(start_paused = true)]
async fn only_a_topic_that_fails_for_long_makes_it_unready_and_the_first_success_makes_it_ready() {
    for fault in [
        Fault::Refuse(StatusCode::UNAUTHORIZED, None),
        Fault::Refuse(StatusCode::FORBIDDEN, None),
        Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None),
        Fault::Hang,
    ] {
        let world = World::new().await;
        assert_eq!(world.readiness().await.0, StatusCode::OK);
        world.cloud.faults.event_grid.always(fault, is_topic);
        let began = Instant::now();
        for round in 1..=3 {
            let (status, text) = world.readiness().await;
            assert_eq!(status, StatusCode::OK, "{text}");
            assert!(text.starts_with("ready\ntopic: failing\n"), "{text}");
            tokio::time::sleep_until(began + ROUND * round).await;
        }
        let (status, text) = world.readiness().await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(text.starts_with("unready\ntopic: down\n"), "{text}");
        world.cloud.faults.event_grid.clear();
        assert_eq!(world.readiness().await, (StatusCode::OK, READY.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_does_not_take_our_key_is_not_ours() {
    let mut world = World::new().await;
    let right = development_key("responses", "key1");
    let wrong = config().replace(&format!("key = {right:?}"), "key = \"d3Jvbmcga2V5\"");
    world.restart_with(&wrong).await.unwrap();
    let (status, text) = world.readiness().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.starts_with("starting\ntopic: unknown\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_throttles_is_there() {
    let world = World::new().await;
    let throttled = Fault::Refuse(StatusCode::TOO_MANY_REQUESTS, Some(1));
    world.cloud.faults.event_grid.always(throttled, is_topic);
    for _ in 0..6 {
        assert_eq!(world.readiness().await, (StatusCode::OK, READY.to_owned()));
        tokio::time::sleep(ROUND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_publications_is_as_good_as_a_look() {
    let world =
        World::with(Options { config: "[requests]\nannounce = \"ours\"\n", ..Options::default() }).await;
    assert_eq!(world.readiness().await.0, StatusCode::OK);
    // Looks would fail from now on; but as long as answers are accepted, nobody looks.
    let looks = |parts: &http::request::Parts| {
        is_topic(parts) && parts.headers.get("content-length").is_some_and(|length| length == "2")
    };
    world.cloud.faults.event_grid.always(Fault::Refuse(StatusCode::BAD_GATEWAY, None), looks);
    for round in 0..6 {
        let request = json!([{
            "id": round.to_string(), "eventType": "request.blob.container.create", "dataVersion": "1",
            "data": {"storageAccountName": "inbox", "containerName": format!("show-{round}")},
        }]);
        assert_eq!(world.deliver(request.to_string()).await.status(), StatusCode::OK);
        assert_eq!(world.readiness().await, (StatusCode::OK, READY.to_owned()));
        tokio::time::sleep(ROUND).await;
    }
    for _ in 0..4 {
        world.readiness().await;
        tokio::time::sleep(ROUND).await;
    }
    assert_eq!(world.get(PROCESSOR, "/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    // The first answer that is accepted ends it, without waiting for a look.
    let request = json!([{
        "id": "last", "eventType": "request.blob.container.create", "dataVersion": "1",
        "data": {"storageAccountName": "inbox", "containerName": "show-last"},
    }]);
    assert_eq!(world.deliver(request.to_string()).await.status(), StatusCode::OK);
    assert_eq!(world.get(PROCESSOR, "/readyz").await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_topic_on_which_publications_hang_is_down_however_quickly_it_answers_looks() {
    let world = World::new().await;
    assert_eq!(world.readiness().await.0, StatusCode::OK);
    let publications = |parts: &http::request::Parts| {
        is_topic(parts) && parts.headers.get("content-length").is_none_or(|length| length != "2")
    };
    world.cloud.faults.event_grid.always(Fault::Hang, publications);
    let requests = async {
        for id in ["1", "2", "3"] {
            let request = json!([{
                "id": id, "eventType": "request.blob.container.create", "dataVersion": "1",
                "data": {"storageAccountName": "inbox", "containerName": "show-1"},
            }]);
            assert_eq!(world.deliver(request.to_string()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
        }
    };
    let looks = async {
        for _ in 0..4 {
            tokio::time::sleep(ROUND).await;
            world.readiness().await;
        }
        world.get(PROCESSOR, "/readyz").await.status()
    };
    assert_eq!(tokio::join!(requests, looks).1, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn a_participant_that_has_never_answered_is_shown_as_degraded_after_half_a_minute() {
    let world = World::new().await;
    world.network.disconnect(MEDIA);
    assert!(world.readiness().await.1.ends_with("encoders: unknown"));
    for _ in 0..3 {
        tokio::time::sleep(ROUND).await;
        world.readiness().await;
    }
    let (status, text) = world.readiness().await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.ends_with("encoders: degraded"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_outage_of_a_participant_is_shown_and_keeps_nobody_out() {
    let world = World::new().await;
    assert_eq!(world.readiness().await.0, StatusCode::OK);
    world.cloud.faults.storage.always(Fault::Hang, |parts| parts.uri.path().starts_with("/archive"));
    world.network.disconnect(MEDIA);
    for _ in 0..6 {
        let shown = "ready\ntopic: well\nstorage token: not needed\nstorage: degraded\nencoders: degraded";
        assert_eq!(world.readiness().await, (StatusCode::OK, shown.to_owned()));
        tokio::time::sleep(ROUND).await;
    }
    assert!(!world.readiness().await.1.contains("archive"), "names are nobody's business");
}

/// Where an identity gets its tokens; without one, nothing is there.
fn login() -> Router {
    let token =
        json!({"token_type": "Bearer", "expires_in": 3600, "ext_expires_in": 3600, "access_token": "a.b.c"});
    Router::new().route("/tenant-1/oauth2/v2.0/token", post(move || async move { axum::Json(token) }))
}

#[tokio::test(start_paused = true)]
async fn an_identity_must_get_a_token_for_storage() {
    let mut world = World::new().await;
    let entra = "[entra]\ncredential = \"client_secret\"\ntenant_id = \"tenant-1\"\nclient_id = \"client-1\"\n\
                 client_secret = \"hush\"\n[[storage.accounts]]\nname = \"identified\"\n\
                 endpoint = \"https://localhost:10001/identified\"\n";
    world.network.connect("localhost:10001", world.cloud.blob_storage.router());
    world.restart_with(&(config() + entra)).await.unwrap();
    let (status, text) = world.readiness().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.starts_with("starting\ntopic: well\nstorage token: unknown\n"), "{text}");
    world.network.connect("login.microsoftonline.com", login());
    // The identity tries by itself, too, and may be at it still.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (status, text) = world.readiness().await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert!(text.starts_with("ready\ntopic: well\nstorage token: well\n"), "{text}");
    assert!(!text.contains("hush"), "{text}");
}

#[tokio::test]
async fn a_real_processor_becomes_ready_by_itself() {
    let local = Local::start(&[]);
    let url = local.text("/processor").replace("/api/EventGrid", "/readyz");
    let ready = local.until_ready(&url).await;
    assert!(ready.starts_with("ready\ntopic: well\nstorage token: not needed\n"), "{ready}");
}
