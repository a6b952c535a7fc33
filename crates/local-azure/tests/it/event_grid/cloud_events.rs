//! Publishing and delivering CloudEvents (LG-09, LG-10, LG-15).

use axum::body::Body;
use http::{Method, Request};
use local_azure::event_grid::TopicHandle;
use serde_json::{Value, json};

use super::stage::{Answer, Stage, cloud_event, event, properties, to};

const STRUCTURED: &str = "application/cloudevents+json; charset=utf-8";
const BATCH: &str = "application/cloudevents-batch+json; charset=utf-8";
const BINARY: [(&str, &str); 4] =
    [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/studio"), ("ce-type", "request.made")];

async fn publish(
    stage: &Stage,
    topic: &TopicHandle,
    content_type: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let request = Request::post("/topics/clouds/api/events").header("aeg-sas-key", &topic.keys[0]);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let request = request.header("content-type", content_type).body(Body::from(body.to_owned()));
    stage.send(request.expect("a request")).await
}

fn without(member: &str) -> String {
    let mut event = cloud_event("1");
    event.as_object_mut().expect("an object").remove(member);
    event.to_string()
}

#[tokio::test(start_paused = true)]
async fn structured_events_and_batches_are_accepted() {
    let stage = Stage::new();
    let topic = stage.cloud_topic("clouds");
    let one = cloud_event("1").to_string();
    let many = json!([cloud_event("1"), cloud_event("2")]).to_string();
    assert_eq!(publish(&stage, &topic, STRUCTURED, &[], &one).await.status, 200);
    assert_eq!(publish(&stage, &topic, "application/json", &[], &one).await.status, 200);
    assert_eq!(publish(&stage, &topic, BATCH, &[], &many).await.status, 200);
    assert_eq!(stage.grid.counts()[0].published, 4);
}

#[tokio::test(start_paused = true)]
async fn source_and_version_may_be_missing_but_not_id_and_type() {
    let stage = Stage::new();
    let topic = stage.cloud_topic("clouds");
    for member in ["source", "specversion", "time", "subject", "data"] {
        assert_eq!(publish(&stage, &topic, STRUCTURED, &[], &without(member)).await.status, 200, "{member}");
    }
    for (member, named) in [("id", "'id'"), ("type", "'eventType'")] {
        let answer = publish(&stage, &topic, STRUCTURED, &[], &without(member)).await;
        let message = answer.refusal(400, "BadRequest", "InputJsonInvalid");
        assert!(message.contains("CloudEventV10") && message.contains(named), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_content_type_decides_between_one_and_many() {
    let stage = Stage::new();
    let topic = stage.cloud_topic("clouds");
    let (one, many) = (cloud_event("1").to_string(), json!([cloud_event("1")]).to_string());
    let answer = publish(&stage, &topic, "application/json", &[], &many).await;
    let message = answer.refusal(400, "BadRequest", "InputJsonInvalid");
    assert!(message.contains("Token Expected: StartObject, Actual Token Received: StartArray"), "{message}");
    for (content_type, body) in [(STRUCTURED, &many), (BATCH, &one), (BATCH, &"[]".to_owned())] {
        let answer = publish(&stage, &topic, content_type, &[], body).await;
        answer.refusal(400, "BadRequest", "InputJsonInvalid");
    }
    for content_type in ["text/plain", "application/xml", "application/octet-stream"] {
        let answer = publish(&stage, &topic, content_type, &[], &one).await;
        answer.refusal(415, "UnsupportedMediaType", "InvalidContentType");
    }
}

#[tokio::test(start_paused = true)]
async fn members_no_cloud_event_can_have_are_refused() {
    let stage = Stage::new();
    let topic = stage.cloud_topic("clouds");
    for (member, value) in [
        ("time", json!("soon")),
        ("specversion", json!("0.3")),
        ("data_base64", json!("AA==")),
        ("source", json!(1)),
    ] {
        let mut wrong = cloud_event("1");
        wrong[member] = value;
        let answer = publish(&stage, &topic, STRUCTURED, &[], &wrong.to_string()).await;
        answer.refusal(400, "BadRequest", "InputJsonInvalid");
    }
}

#[tokio::test(start_paused = true)]
async fn binary_events_need_their_four_headers_and_json() {
    let stage = Stage::new();
    let topic = stage.cloud_topic("clouds");
    assert_eq!(publish(&stage, &topic, "application/json", &BINARY, r#"{"n":1}"#).await.status, 200);
    for missing in BINARY {
        let others = BINARY.into_iter().filter(|header| *header != missing).collect::<Vec<_>>();
        let answer = publish(&stage, &topic, "application/json", &others, "{}").await;
        let message = answer.refusal(400, "BadRequest", "InvalidCloudEventHeader");
        assert!(message.starts_with(&format!("{} header is missing", missing.0)), "{message}");
        let empty = [others, vec![(missing.0, "")]].concat();
        let answer = publish(&stage, &topic, "application/json", &empty, "{}").await;
        let message = answer.refusal(400, "BadRequest", "InvalidCloudEventHeader");
        assert!(message.starts_with(&format!("{} header is empty", missing.0)), "{message}");
    }
    for content_type in ["text/plain", "application/octet-stream"] {
        let answer = publish(&stage, &topic, content_type, &BINARY, "{}").await;
        answer.refusal(415, "UnsupportedMediaType", "InvalidContentType");
    }
    let conflict = publish(&stage, &topic, STRUCTURED, &BINARY, &cloud_event("1").to_string()).await;
    conflict.refusal(400, "BadRequest", "InputJsonInvalid");
    let empty = publish(&stage, &topic, "application/json", &BINARY, "").await;
    empty.refusal(400, "BadRequest", "InputJsonInvalid");
}

#[tokio::test(start_paused = true)]
async fn a_cloud_event_is_delivered_as_one_object() {
    let stage = Stage::new();
    let topic = stage.cloud_topic("clouds");
    stage.subscribe(&topic.id, "to-app", to("app")).await.expect("a subscription");
    let mut event = cloud_event("1");
    event["traceparent"] = json!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    publish(&stage, &topic, BATCH, &[], &json!([event]).to_string()).await;
    stage.grid.settled().await;
    let delivered = stage.endpoints.notifications("app").remove(0);
    assert_eq!(delivered.body, event);
    assert_eq!(delivered.header("content-type"), STRUCTURED);
    assert_eq!(delivered.header("aeg-metadata-version"), "1.0");
    assert_eq!(delivered.header("webhook-request-origin"), "eventgrid.azure.net");
    assert!(delivered.headers.get("aeg-data-version").is_none());
}

#[tokio::test(start_paused = true)]
async fn with_batching_on_cloud_events_are_an_array() {
    let stage = Stage::new();
    let topic = stage.cloud_topic("clouds");
    let batched = json!({"destination": {"endpointType": "WebHook", "properties": {
        "endpointUrl": "http://app/", "maxEventsPerBatch": 2}}});
    stage.subscribe(&topic.id, "to-app", properties("app", batched)).await.expect("a subscription");
    let many = json!([cloud_event("1"), cloud_event("2"), cloud_event("3")]).to_string();
    publish(&stage, &topic, BATCH, &[], &many).await;
    stage.grid.settled().await;
    let delivered = stage.endpoints.notifications("app");
    assert_eq!(delivered[0].body, json!([cloud_event("1"), cloud_event("2")]));
    assert_eq!(delivered[1].body, json!([cloud_event("3")]));
    assert_eq!(delivered[1].header("content-type"), BATCH);
}

#[tokio::test(start_paused = true)]
async fn an_event_grid_topic_can_deliver_cloud_events() {
    let stage = Stage::new();
    let topic = stage
        .with_subscriber(properties("app", json!({"eventDeliverySchema": "CloudEventSchemaV1_0"})))
        .await;
    stage.publish(&topic, &json!([event("1")])).await;
    stage.grid.settled().await;
    assert_eq!(
        stage.endpoints.notifications("app")[0].body,
        json!({"specversion": "1.0", "id": "1", "source": topic.id, "type": "request.made", "subject": "/studio/1",
               "time": "2026-03-04T09:00:00Z", "data": {"n": 1}})
    );
}

#[tokio::test(start_paused = true)]
async fn a_cloud_events_topic_cannot_deliver_in_the_event_grid_schema() {
    let stage = Stage::new();
    let topic = stage.cloud_topic("clouds");
    let wanted = properties("app", json!({"eventDeliverySchema": "EventGridSchema"}));
    let refused = stage.subscribe(&topic.id, "to-app", wanted).await.expect_err("a refusal");
    assert_eq!(refused.status, 400);
    assert!(stage.endpoints.all("app").is_empty(), "the endpoint is not bothered");
    let list = format!("{}/providers/Microsoft.EventGrid/eventSubscriptions", topic.id);
    assert_eq!(stage.ask(Method::GET, &list, Value::Null).await.json(), json!({"value": []}));
}
