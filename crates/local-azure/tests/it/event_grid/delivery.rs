//! Deliveries as endpoints see them: headers, bodies, batches, tokens (LG-14, LG-16), platform events.

use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use local_azure::event_grid::DeliveryFault;
use local_azure::inside::{EventSink as _, Occurrence, PlatformEvent};
use serde_json::{Value, json};

use super::endpoint::{Delivered, Reply};
use super::stage::{STORAGE, Stage, event, properties, publishing, to};

#[tokio::test(start_paused = true)]
async fn three_events_are_three_requests_with_an_array_of_one() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    stage.publish_ids(&topic, &["1", "2", "3"]).await;
    let delivered = stage.endpoints.notifications("app");
    assert_eq!(delivered.iter().map(Delivered::ids).collect::<Vec<_>>(), [["1"], ["2"], ["3"]]);
    let mut expected = event("1");
    expected["topic"] = json!(topic.id);
    expected["metadataVersion"] = json!("1");
    assert_eq!(delivered[0].body, json!([expected]));
    for (header, value) in [
        ("content-type", "application/json; charset=utf-8"),
        ("aeg-event-type", "Notification"),
        ("aeg-subscription-name", "TO-APP"),
        ("aeg-delivery-count", "0"),
        ("aeg-data-version", "1.0"),
        ("aeg-metadata-version", "1"),
    ] {
        assert_eq!(delivered[0].header(header), value, "{header}");
    }
    assert_eq!(delivered[0].uri, "http://app/events?code=s3cret");
    let counts = stage.counts();
    assert_eq!((counts.matched, counts.delivered, counts.waiting), (3, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_of_the_publishers_request_is_passed_on() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    let mut request = publishing(&topic, json!([event("1")]).to_string());
    request.headers_mut().insert("traceparent", "00-1-2-01".parse().expect("a value"));
    request.headers_mut().insert("x-ms-client-request-id", "7".parse().expect("a value"));
    assert_eq!(stage.send(request).await.status, 200);
    stage.grid.settled().await;
    let delivered = stage.endpoints.notifications("app").remove(0);
    for header in ["traceparent", "x-ms-client-request-id", "aeg-sas-key"] {
        assert!(delivered.headers.get(header).is_none(), "{header}");
    }
}

fn batched(events: u32, kilobytes: Option<u32>) -> local_azure::event_grid::SubscriptionProperties {
    let mut destination = json!({"endpointUrl": "http://app/", "maxEventsPerBatch": events});
    if let Some(kilobytes) = kilobytes {
        destination["preferredBatchSizeInKilobytes"] = json!(kilobytes);
    }
    properties("app", json!({"destination": {"endpointType": "WebHook", "properties": destination}}))
}

#[tokio::test(start_paused = true)]
async fn batches_never_exceed_their_limit_and_never_wait_to_fill() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(batched(10, None)).await;
    let ids = (0..25).map(|n| n.to_string()).collect::<Vec<_>>();
    stage.publish_ids(&topic, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let sizes =
        stage.endpoints.notifications("app").iter().map(|batch| batch.ids().len()).collect::<Vec<_>>();
    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(stage.endpoints.ids("app"), ids);
    assert_eq!(stage.endpoints.notifications("app").last().map(|batch| batch.second), Some(0));
}

#[tokio::test(start_paused = true)]
async fn the_preferred_size_splits_batches_but_not_events() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(batched(100, Some(1))).await;
    let mut large = event("large");
    large["data"] = json!("x".repeat(5000));
    stage.publish(&topic, &json!([event("1"), event("2"), large, event("3")])).await;
    stage.grid.settled().await;
    let batches = stage.endpoints.notifications("app").iter().map(Delivered::ids).collect::<Vec<_>>();
    assert_eq!(batches, [vec!["1", "2"], vec!["large"], vec!["3"]]);
}

#[tokio::test(start_paused = true)]
async fn a_mixed_batch_names_no_data_version() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(batched(2, None)).await;
    let mut other = event("2");
    other["dataVersion"] = json!("2.0");
    stage.publish(&topic, &json!([event("1"), other, event("3")])).await;
    stage.grid.settled().await;
    let delivered = stage.endpoints.notifications("app");
    assert!(delivered[0].headers.get("aeg-data-version").is_none());
    assert_eq!(delivered[1].header("aeg-data-version"), "1.0");
}

#[tokio::test(start_paused = true)]
async fn a_batch_comes_back_whole() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(batched(2, None)).await;
    stage.endpoints.script("app", [Reply::Status(500)]);
    stage.publish_ids(&topic, &["1", "2"]).await;
    stage.pass(Duration::from_secs(10)).await;
    assert_eq!(stage.endpoints.ids("app"), ["1", "2", "1", "2"]);
    assert_eq!(stage.endpoints.notifications("app")[1].header("aeg-delivery-count"), "1");
}

#[tokio::test(start_paused = true)]
async fn a_batch_holds_only_events_that_were_tried_as_often() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(batched(10, None)).await;
    stage.endpoints.script("app", [Reply::Status(500)]);
    stage.publish_ids(&topic, &["1"]).await;
    stage.grid.disturb(&topic.id, "to-app", DeliveryFault::Delay(Duration::from_secs(10)), 1);
    stage.publish_ids(&topic, &["2", "3"]).await;
    stage.pass(Duration::from_secs(10)).await;
    let batches = stage.endpoints.notifications("app");
    let seen =
        batches.iter().map(|batch| (batch.header("aeg-delivery-count"), batch.ids())).collect::<Vec<_>>();
    assert_eq!(seen, [("0", vec!["1".into()]), ("1", vec!["1".into()]), ("0", vec!["2".into(), "3".into()])]);
}

#[tokio::test(start_paused = true)]
async fn deliveries_end_with_the_last_event_grid() {
    let stage = Stage::new();
    let endpoints = stage.endpoints.clone();
    let topic = stage.with_subscriber(to("app")).await;
    endpoints.script("app", [Reply::Status(500)]);
    stage.publish_ids(&topic, &["1"]).await;
    drop(stage);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(endpoints.ids("app"), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn subscribers_can_have_headers_of_their_own() {
    let stage = Stage::new();
    let mapping = |name: &str, field: &str| json!({"name": name, "type": "Dynamic", "properties": {"sourceField": field}});
    let destination = json!({"endpointType": "WebHook", "properties": {"endpointUrl": "http://app/",
        "deliveryAttributeMappings": [
            {"name": "x-key", "type": "Static", "properties": {"value": "s3cret", "isSecret": true}},
            mapping("x-n", "data.n"), mapping("x-subject", "subject"), mapping("x-none", "data.none"),
            mapping("x-object", "data")]}});
    let topic = stage.with_subscriber(properties("app", json!({"destination": destination}))).await;
    stage.publish_ids(&topic, &["1"]).await;
    assert_eq!(stage.endpoints.all("app")[0].header("x-key"), "s3cret", "the handshake is authenticated too");
    let delivered = stage.endpoints.notifications("app").remove(0);
    assert_eq!((delivered.header("x-key"), delivered.header("x-n")), ("s3cret", "1"));
    assert_eq!(delivered.header("x-subject"), "/studio/1");
    assert!(["x-none", "x-object"].iter().all(|name| delivered.headers.get(*name).is_none()));
}

fn protected() -> local_azure::event_grid::SubscriptionProperties {
    properties(
        "app",
        json!({"destination": {"endpointType": "WebHook", "properties": {"endpointUrl": "http://app/",
        "azureActiveDirectoryTenantId": "tenant-1",
        "azureActiveDirectoryApplicationIdOrUri": "api://gate"}}}),
    )
}

#[tokio::test(start_paused = true)]
async fn a_protected_endpoint_gets_a_token_in_entras_shape_with_every_request() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(protected()).await;
    stage.publish_ids(&topic, &["1"]).await;
    for request in stage.endpoints.all("app") {
        let token =
            request.header("authorization").strip_prefix("Bearer ").expect("a bearer token").to_owned();
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("claims")).expect("Base64");
        let claims: Value = serde_json::from_slice(&claims).expect("JSON");
        assert_eq!((&claims["aud"], &claims["tid"]), (&json!("api://gate"), &json!("tenant-1")));
        assert_eq!(claims["iss"], "https://sts.windows.net/tenant-1/");
        assert_eq!(claims["appid"], "4962773b-9cdb-44cf-a8bf-237846a00ab7");
        assert_eq!(claims["roles"], json!(["AzureEventGridSecureWebhookSubscriber"]));
        assert!(claims["exp"].as_i64() > claims["nbf"].as_i64());
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_runs_the_cloud_can_sign_the_tokens() {
    let stage = Stage::with(|settings| {
        settings.token =
            std::sync::Arc::new(|claims| format!("signed-for-{}", claims["tid"].as_str().unwrap_or("?")));
    });
    stage.with_subscriber(protected()).await;
    assert_eq!(stage.endpoints.all("app")[0].header("authorization"), "Bearer signed-for-tenant-1");
}

fn created() -> PlatformEvent {
    PlatformEvent {
        topic: STORAGE.to_uppercase(),
        subject: "/blobServices/default/containers/in/blobs/a.mxf".to_owned(),
        event_type: "Microsoft.Storage.BlobCreated",
        data_version: "",
        data: json!({"api": "PutBlob"}),
        occurrence: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_platform_event_is_completed_and_delivered() {
    let stage = Stage::new();
    stage.grid.raise(created());
    stage.subscribe(STORAGE, "to-app", to("app")).await.expect("a subscription");
    stage.grid.raise(created());
    stage.grid.settled().await;
    let delivered = stage.endpoints.notifications("app");
    assert_eq!(delivered.len(), 1, "before the subscription there was nobody to tell");
    let event = &delivered[0].body[0];
    assert_eq!((&event["topic"], &event["dataVersion"]), (&json!(STORAGE), &json!("")));
    assert_eq!((&event["metadataVersion"], &event["data"]["api"]), (&json!("1"), &json!("PutBlob")));
    assert_eq!(event["eventTime"], "2026-03-04T09:00:00.0000000Z");
    assert!(event["id"].as_str().expect("an id").parse::<uuid::Uuid>().is_ok());
    assert_eq!(delivered[0].header("aeg-data-version"), "");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_told_again_is_the_same_event() {
    let stage = Stage::new();
    stage.subscribe(STORAGE, "to-app", to("app")).await.expect("a subscription");
    let time = time::macros::datetime!(2026-03-04 08:00 UTC);
    let occurrence = Some(Occurrence { id: uuid::Uuid::from_u128(7), time });
    for _ in 0..2 {
        stage.grid.raise(PlatformEvent { occurrence, ..created() });
        stage.pass(Duration::from_secs(60)).await;
    }
    for delivered in stage.endpoints.notifications("app") {
        let event = &delivered.body[0];
        assert_eq!(event["id"], "00000000-0000-0000-0000-000000000007");
        assert_eq!(event["eventTime"], "2026-03-04T08:00:00.0000000Z");
    }
    assert_eq!(stage.endpoints.ids("app").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn every_subscription_of_a_topic_gets_its_own_delivery() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    stage.subscribe(&topic.id, "to-viewer", to("viewer")).await.expect("a subscription");
    stage.publish_ids(&topic, &["1"]).await;
    assert_eq!((stage.endpoints.ids("app").len(), stage.endpoints.ids("viewer").len()), (1, 1));
    assert_eq!(stage.endpoints.notifications("viewer")[0].header("aeg-subscription-name"), "TO-VIEWER");
}

#[tokio::test(start_paused = true)]
async fn deleting_a_subscription_ends_its_deliveries() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    stage.endpoints.script("app", [Reply::Status(500), Reply::Hang]);
    stage.publish_ids(&topic, &["1"]).await;
    assert!(stage.grid.delete_subscription(&topic.id, "to-app"));
    assert!(!stage.grid.delete_subscription(&topic.id, "to-app"));
    stage.pass(Duration::from_secs(3600)).await;
    stage.publish_ids(&topic, &["2"]).await;
    assert_eq!(stage.endpoints.ids("app"), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_ends_by_itself_at_its_expiration_time() {
    let stage = Stage::new();
    let topic =
        stage.with_subscriber(properties("app", json!({"expirationTimeUtc": "2026-03-04T10:00:00Z"}))).await;
    stage.publish_ids(&topic, &["1"]).await;
    stage.pass(Duration::from_secs(3600)).await;
    stage.publish_ids(&topic, &["2"]).await;
    assert_eq!(stage.endpoints.ids("app"), ["1"]);
    assert!(stage.grid.counts()[0].subscriptions.is_empty());
}

#[tokio::test(start_paused = true)]
async fn five_thousand_events_reach_three_subscribers() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    stage.subscribe(&topic.id, "to-two", to("two")).await.expect("a subscription");
    stage.subscribe(&topic.id, "to-three", to("three")).await.expect("a subscription");
    let events = (0..5000).map(|n| event(&n.to_string())).collect::<Vec<_>>();
    assert_eq!(stage.publish(&topic, &json!(events)).await.status, 200);
    stage.grid.settled().await;
    for host in ["app", "two", "three"] {
        let mut ids = stage.endpoints.ids(host);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 5000);
    }
}

#[tokio::test(start_paused = true)]
async fn faults_can_be_put_in_front_of_publishers() {
    let stage = Stage::with(|settings| {
        settings.faults.next(
            1,
            local_azure::faults::Fault::Refuse(http::StatusCode::SERVICE_UNAVAILABLE, None),
            |_| true,
        );
    });
    let topic = stage.topic("requests");
    let request = || -> Request<Body> { publishing(&topic, event("1").to_string()) };
    assert_eq!(stage.send(request()).await.status, 503);
    assert_eq!(stage.send(request()).await.status, 200);
}
