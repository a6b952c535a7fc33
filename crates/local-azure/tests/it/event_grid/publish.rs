//! Publishing in the Event Grid schema: limits, checks and error bodies as measured (LG-01 to LG-08, LG-11).

use http::{Method, Request};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{Stage, event, publishing};

#[tokio::test(start_paused = true)]
async fn an_array_of_events_is_accepted_with_an_empty_answer() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    let answer = stage.publish(&topic, &json!([event("1"), event("2")])).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.is_empty());
    assert!(answer.header("x-ms-request-id").parse::<Uuid>().is_ok());
    assert_eq!(answer.header("api-supported-versions"), "2018-01-01");
    assert_eq!(stage.grid.counts()[0].published, 2);
}

#[tokio::test(start_paused = true)]
async fn a_single_event_is_accepted_too() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    assert_eq!(stage.publish(&topic, &event("1")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn paths_know_no_case_and_the_host_can_name_the_topic() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    for (host, path) in [
        ("127.0.0.1:7072", "/topics/requests/API/EVENTS"),
        ("127.0.0.1:7072", "/Topics/Requests/api/events/"),
        ("requests.localhost:7072", "/api/events"),
        ("Requests.localhost", "/API/Events/"),
    ] {
        let request = Request::post(path).header("host", host).header("aeg-sas-key", &topic.keys[1]);
        let answer = stage.send(request.body(event("1").to_string().into()).expect("a request")).await;
        assert_eq!(answer.status, 200, "{host} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_missing_member_is_named_in_the_measured_order() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    let mut incomplete = event("1");
    for member in ["eventTime", "eventType", "id", "subject"] {
        incomplete.as_object_mut().expect("an object").remove(member);
        let answer = stage.publish(&topic, &json!([event("0"), incomplete])).await;
        let message = answer.refusal(400, "BadRequest", "InputJsonInvalid");
        assert!(message.contains(&format!("'{member}'")), "{message}");
        assert!(message.contains(&format!("Report '{}:", answer.header("x-ms-request-id"))), "{message}");
        assert!(message.contains("3/4/2026 9:00:00 AM (UTC)'"), "{message}");
    }
    assert_eq!(stage.grid.counts()[0].published, 0, "a batch is accepted whole or not at all");
}

#[tokio::test(start_paused = true)]
async fn members_that_cannot_be_used_are_refused() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    for (member, value) in [
        ("subject", json!("")),
        ("id", json!(7)),
        ("eventType", Value::Null),
        ("eventTime", json!("yesterday")),
        ("dataVersion", json!("")),
        ("metadataVersion", json!("2")),
    ] {
        let mut wrong = event("1");
        wrong[member] = value;
        let answer = stage.publish(&topic, &json!([wrong])).await;
        let message = answer.refusal(400, "BadRequest", "InputJsonInvalid");
        assert!(message.contains(&format!("'{member}'")), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_real_topics_tolerate_is_tolerated() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    for (member, value) in [
        ("eventTime", json!("2024-02-11T08:14:55.1032217")),
        ("metadataVersion", json!("1")),
        ("topic", json!(topic.id)),
        ("topic", Value::Null),
        ("data", json!("text")),
        ("dataVersion", Value::Null),
    ] {
        let mut tolerable = event("1");
        tolerable[member] = value;
        assert_eq!(stage.publish(&topic, &json!([tolerable])).await.status, 200, "{member}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_topic_is_unauthorized() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    let mut foreign = event("1");
    foreign["topic"] = json!("/subscriptions/s/other");
    stage.publish(&topic, &json!([foreign])).await.refusal(401, "Unauthorized", "Unauthorized");
}

#[tokio::test(start_paused = true)]
async fn bodies_that_hold_no_events_are_refused() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    for body in ["", "[]", "{", "\"text\"", "[null]", "[1]", "[{}", "null", "\u{1}", "[[]]"] {
        let answer = stage.send(publishing(&topic, body)).await;
        let message = answer.refusal(400, "BadRequest", "InputJsonInvalid");
        assert!(message.contains("EventGridEvent"), "{body}: {message}");
    }
    let not_text = stage.send(publishing(&topic, b"[{\"id\":\"\xff\"}]".to_vec())).await;
    not_text.refusal(400, "BadRequest", "InputJsonInvalid");
}

#[tokio::test(start_paused = true)]
async fn nesting_without_end_is_survived() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(stage.send(publishing(&topic, deep(400_000))).await.status, 400);
    let event = event("1").to_string().replace(r#"{"n":1}"#, &deep(100_000));
    assert_eq!(stage.send(publishing(&topic, event)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_measured_sizes_are_the_limits() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    let padded = |bytes: usize| {
        let mut event = event("1");
        event["data"] = json!("x".repeat(bytes));
        event
    };
    let batch = json!([padded(700_000), padded(700_000)]);
    assert_eq!(stage.publish(&topic, &batch).await.status, 200);
    assert_eq!(stage.publish(&topic, &padded(1_049_000)).await.status, 200);
    let event_too_large = stage.publish(&topic, &padded(1_049_600)).await;
    let message = event_too_large.refusal(413, "RequestEntityTooLarge", "PayloadTooLarge");
    assert!(message.contains("1049600"), "{message}");
    let body_too_large = stage.send(publishing(&topic, vec![b' '; 1_600_000])).await;
    let message = body_too_large.refusal(413, "RequestEntityTooLarge", "PayloadTooLarge");
    assert!(message.contains("1536000") && !message.contains("Report"), "{message}");
    let many = vec![event("1"); 5001];
    stage.publish(&topic, &json!(many)).await.refusal(413, "RequestEntityTooLarge", "PayloadTooLarge");
    assert_eq!(stage.publish(&topic, &json!(many[1..])).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn options_reveals_the_schema_without_a_credential() {
    let stage = Stage::new();
    stage.topic("requests");
    stage.cloud_topic("clouds");
    for (topic, schema) in [("requests", "EventGridEvent"), ("clouds", "CloudEventV10")] {
        let answer = stage.ask(Method::OPTIONS, &format!("/topics/{topic}/api/events"), Value::Null).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("aeg-input-event-schema"), schema);
        assert_eq!(answer.header("allow"), "POST,OPTIONS");
        assert!(answer.header("x-ms-request-id").parse::<Uuid>().is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn other_verbs_and_unknown_topics_are_refused() {
    let stage = Stage::new();
    stage.topic("requests");
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = stage.ask(method, "/topics/requests/api/events", Value::Null).await;
        answer.refusal(405, "MethodNotAllowed", "MethodNotAllowed");
        assert_eq!(answer.header("allow"), "POST,OPTIONS");
    }
    assert_eq!(stage.ask(Method::HEAD, "/topics/requests/api/events", Value::Null).await.status, 404);
    for path in ["/topics/unknown/api/events?aeg-sas-key=s3cret", "/nowhere", "/", "/topics//watch"] {
        let message =
            stage.ask(Method::POST, path, event("1")).await.refusal(404, "NotFound", "ResourceNotFound");
        assert!(message.contains("http://127.0.0.1:7072/") && !message.contains("s3cret"), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_reports_its_health() {
    let stage = Stage::new();
    assert_eq!(stage.ask(Method::GET, "/api/health", Value::Null).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_arriving_is_given_up() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    let never = futures_util::stream::pending::<Result<bytes::Bytes, std::convert::Infallible>>();
    let answer = stage.send(publishing(&topic, axum::body::Body::from_stream(never))).await;
    answer.refusal(408, "RequestTimeout", "RequestTimeout");
}

#[test]
fn topic_names_are_those_azure_takes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _guard = runtime.enter();
    let stage = Stage::new();
    for name in ["ab", "has space", "Microsoft-x", "eventgrid1", "system-x", &"x".repeat(51), "ünder", ""] {
        assert!(
            stage.grid.create_topic(name, local_azure::event_grid::InputSchema::EventGridSchema).is_err(),
            "{name}"
        );
    }
    assert_eq!(stage.topic("requests"), stage.topic("Requests"), "ARM names know no case");
    let other_schema = local_azure::event_grid::InputSchema::CloudEventSchemaV1_0;
    assert!(stage.grid.create_topic("requests", other_schema).is_err(), "the schema cannot change");
}
