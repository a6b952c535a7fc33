//! The door, row by row: what a courier is answered, and what is published meanwhile.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::world::{Options, PROCESSOR, World, only, types};
use gridwich::azure::wire::Wire as _;

/// A request that always succeeds, as Event Grid delivers it.
fn event(id: &str) -> Value {
    json!({
        "id": id, "topic": "/subscriptions/sub/topics/requests", "subject": "/orders/4711",
        "eventType": "request.blob.container.create", "eventTime": "2024-02-11T08:14:55.1032217", "dataVersion": "1.0",
        "metadataVersion": "1",
        "data": {
            "storageAccountName": "inbox", "containerName": format!("show-{id}"), "operationContext": {"id": id},
        },
    })
}

fn cloud_event(id: &str) -> Value {
    let Value::Object(mut event) = event(id) else { unreachable!("an event is an object") };
    json!({
        "specversion": "1.0", "id": id, "source": "/requestor", "type": event.remove("eventType"), "data": event.remove("data"),
    })
}

fn validation(code: &str) -> Value {
    json!({
        "id": "v", "topic": "/subscriptions/sub", "subject": "", "eventTime": "2026-03-04T09:00:00.1234567Z",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "metadataVersion": "1", "dataVersion": "1",
        "data": {"validationCode": code, "validationUrl": "https://rp-westeurope.eventgrid.azure.net:553/x"},
    })
}

async fn request(world: &World, method: &str, path: &str, headers: &[(&str, &str)]) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri(format!("http://{PROCESSOR}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.network.send(request.body(Bytes::new()).unwrap()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_validation_event_alone_is_answered_with_its_code() {
    let world = World::new().await;
    for headers in
        [&[("aeg-event-type", "SubscriptionValidation")][..], &[("aeg-event-type", "Notification")], &[]]
    {
        let answer = world.deliver_with(headers, json!([validation("C-1")]).to_string()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let body = serde_json::from_slice::<Value>(answer.body()).unwrap();
        assert_eq!(body, json!({"validationResponse": "C-1"}));
    }
    assert!(world.answers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_validation_event_among_others_is_refused_and_nothing_begins() {
    let world = World::new().await;
    let answer = world.deliver(json!([validation("C-1"), event("1")]).to_string()).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(!String::from_utf8_lossy(answer.body()).contains("C-1"));
    world.settled().await;
    assert!(world.answers().is_empty());
    let huge = json!([validation(&"x".repeat(1_000_000))]).to_string();
    assert_eq!(world.deliver(huge).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn the_cloud_events_handshake_is_given_to_allowed_origins_only() {
    let world = World::new().await;
    let origin = [("webhook-request-origin", "eventgrid.azure.net"), ("webhook-request-rate", "120")];
    let granted = request(&world, "OPTIONS", "/api/EventGrid", &origin).await;
    assert_eq!(granted.status(), StatusCode::OK);
    assert_eq!(granted.headers()["webhook-allowed-origin"], "eventgrid.azure.net");
    assert_eq!(granted.headers()["webhook-allowed-rate"], "*");
    assert!(granted.headers()["allow"].to_str().unwrap().contains("POST"));
    for headers in [&[("webhook-request-origin", "evil.example")][..], &[]] {
        let withheld = request(&world, "OPTIONS", "/api/EventGrid", headers).await;
        assert!(withheld.status().is_success());
        assert!(!withheld.headers().keys().any(|name| name.as_str().starts_with("webhook")), "{withheld:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn events_of_either_schema_are_handled_alone_and_together() {
    let world = World::new().await;
    let bodies = [
        ("application/json; charset=utf-8", json!([event("1")])),
        ("application/json", json!(event("2"))),
        ("application/json", json!([event("3"), event("4"), event("5")])),
        ("application/cloudevents+json; charset=utf-8", cloud_event("6")),
        ("application/cloudevents-batch+json; charset=utf-8", json!([cloud_event("7"), cloud_event("8")])),
        ("application/json", json!([cloud_event("9")])),
    ];
    for (content_type, body) in bodies {
        let answer = world.deliver_with(&[("content-type", content_type)], body.to_string()).await;
        assert_eq!(answer.status(), StatusCode::OK, "{body}");
    }
    let answers = world.answers();
    for (kind, expected) in [("response.acknowledge", 9), ("response.blob.container.create.success", 9)] {
        assert_eq!(types(&answers).iter().filter(|t| **t == kind).count(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_path_is_matched_without_case_and_the_root_will_do() {
    let world = World::new().await;
    for path in ["/api/EventGrid", "/API/eventgrid/", "/"] {
        let answer = request(&world, "OPTIONS", path, &[]).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{path}");
    }
    assert_eq!(request(&world, "POST", "/api/other", &[]).await.status(), StatusCode::NOT_FOUND);
    let refused = request(&world, "DELETE", "/api/EventGrid", &[]).await;
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.headers()["allow"], "POST, OPTIONS");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_delivery_is_refused_for_good_with_the_reason() {
    let world = World::new().await;
    for (body, reason) in [
        ("", "empty body"),
        ("  \n", "empty body"),
        ("[]", "empty array"),
        ("{", "EOF"),
        ("null", "[0]: expected an event object"),
        ("[null]", "[0]: expected an event object"),
        ("[1]", "[0]: expected an event object"),
        ("\"text\"", "[0]: expected an event object"),
        ("{}", "[0].eventType"),
        (r#"[{"eventType":"request.blob.copy"}]"#, "[0].id"),
    ] {
        let answer = world.deliver(body).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        let said = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(said.contains(reason), "{body}: {said}");
    }
    let answer = world.deliver(vec![b' '; 2_000_000]).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let answer = world.deliver_with(&[("content-encoding", "gzip")], json!([event("1")]).to_string()).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(world.answers().is_empty());
    assert_eq!(world.deliver(json!([event("1")]).to_string()).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_large_but_legal_delivery_is_handled() {
    let world = World::new().await;
    let mut large = event("1");
    large["data"]["padding"] = "x".repeat(1_500_000).into();
    assert_eq!(world.deliver(json!([large]).to_string()).await.status(), StatusCode::OK);
    only(&world.answers(), "response.blob.container.create.success");
}

#[tokio::test(start_paused = true)]
async fn a_bad_event_among_good_ones_costs_nobody_else_anything() {
    let world = World::new().await;
    let mut wrong_type = event("bad");
    wrong_type["data"]["containerName"] = json!(17);
    let body = json!([event("1"), null, {"id": "x"}, wrong_type, event("2")]);
    assert_eq!(world.deliver(body.to_string()).await.status(), StatusCode::OK);
    let answers = world.answers();
    let failure = only(&answers, "response.failure");
    assert_eq!(failure["data"]["operationContext"], json!({"id": "bad"}));
    let message = "data.containerName: invalid type: integer `17`, expected a string";
    assert_eq!(failure["data"]["logEventMessage"], message);
    assert_eq!(types(&answers).iter().filter(|t| t.ends_with("create.success")).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_here_takes_is_left_alone() {
    let world = World::new().await;
    for (member, value) in [
        ("eventType", "request.blob.telephon"),
        ("eventType", "request.Blob.container.create"),
        ("eventType", "response.blob.copy.scheduled"),
        ("eventType", "Microsoft.Storage.DirectoryRenamed"),
        ("dataVersion", "99.0"),
        ("dataVersion", "1.0 "),
    ] {
        let mut other = event("1");
        other[member] = value.into();
        assert_eq!(world.deliver(json!([other]).to_string()).await.status(), StatusCode::OK, "{value}");
    }
    assert!(world.answers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_operator_who_owns_the_topic_has_senders_told() {
    let world =
        World::with(Options { config: "[requests]\nunhandled_requests = \"fail\"\n", ..Options::default() })
            .await;
    let mut unknown = event("1");
    unknown["eventType"] = "request.blob.container.craete".into();
    assert_eq!(world.deliver(json!([unknown]).to_string()).await.status(), StatusCode::OK);
    let answers = world.answers();
    let failure = only(&answers, "response.failure");
    assert_eq!(failure["data"]["logEventId"], 501_002);
    assert_eq!(failure["data"]["operationContext"], json!({"id": "1"}));
    let message = failure["data"]["logEventMessage"].as_str().unwrap();
    assert!(message.ends_with("the nearest is request.blob.container.create"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn word_of_a_deleted_subscription_is_taken_quietly() {
    let world = World::new().await;
    for kind in ["SubscriptionDeletion", "Unsubscribe"] {
        let answer = world.deliver_with(&[("aeg-event-type", kind)], json!([event("1")]).to_string()).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert!(world.answers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_who_knows_a_secret_may_deliver() {
    let config = "[admission]\nsecrets = [\"old\", \"new\"]\n";
    let guarded = World::unsubscribed(&Options { config, ..Options::default() });
    let body = json!([event("1")]).to_string();
    assert_eq!(guarded.deliver(body.clone()).await.status(), StatusCode::UNAUTHORIZED);
    let wrong = guarded.deliver_with(&[("x-functions-key", "neww")], body.clone()).await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(request(&guarded, "GET", "/metrics", &[]).await.status(), StatusCode::UNAUTHORIZED);
    assert!(guarded.answers().is_empty());
    for secret in ["old", "new"] {
        assert_eq!(
            guarded.deliver_with(&[("x-gridwich-key", secret)], body.clone()).await.status(),
            StatusCode::OK
        );
    }
    assert_eq!(request(&guarded, "GET", "/metrics?code=new", &[]).await.status(), StatusCode::OK);
    // Whether to deliver here is nobody's secret.
    assert_eq!(guarded.readiness().await.0, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn metrics_count_what_arrived_and_what_was_said() {
    let world = World::new().await;
    world.deliver(json!([event("1"), event("2")]).to_string()).await;
    let metrics = request(&world, "GET", "/metrics", &[]).await;
    let text = String::from_utf8_lossy(metrics.body()).into_owned();
    for line in [
        r#"gridwich_events_total{event_type="request.blob.container.create",outcome="handled""#,
        r#"gridwich_answers_total{accepted="true",event_type="response.acknowledge""#,
        r#"gridwich_delivery_duration_seconds_count{"#,
        r#"gridwich_post_duration_seconds_count{accepted="true""#,
        "gridwich_steps_running",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}
