//! Asking endpoints for their consent (LG-12, LG-13, and the CloudEvents OPTIONS handshake).

use std::time::Duration;

use http::Method;
use local_azure::event_grid::Provisioning;
use serde_json::{Value, json};

use super::endpoint::Reply;
use super::stage::{STORAGE, Stage, properties, to};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn the_validation_event_comes_alone_and_says_whose_it_is() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    let asked = stage.endpoints.all("app").remove(0);
    assert_eq!(asked.method, Method::POST);
    assert_eq!(asked.uri, "http://app/events?code=s3cret");
    assert_eq!(asked.header("aeg-event-type"), "SubscriptionValidation");
    assert_eq!(asked.header("aeg-subscription-name"), "TO-APP");
    assert_eq!(asked.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(asked.body.as_array().map(Vec::len), Some(1));
    let event = &asked.body[0];
    assert_eq!(event["eventType"], "Microsoft.EventGrid.SubscriptionValidationEvent");
    assert_eq!((&event["subject"], &event["topic"]), (&json!(""), &json!(topic.id)));
    assert_eq!((&event["dataVersion"], &event["metadataVersion"]), (&json!("1"), &json!("1")));
    assert_eq!(event["eventTime"], "2026-03-04T09:00:00.0000000Z");
    let code = event["data"]["validationCode"].as_str().expect("a code");
    assert_eq!(event["data"]["validationUrl"], format!("http://127.0.0.1:7072/validate?id={code}"));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_does_not_echo_with_200_gets_no_subscription() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    for refusal in [
        Reply::EchoWith(202),
        Reply::EchoWith(201),
        Reply::Status(204),
        Reply::Status(401),
        Reply::Status(404),
        Reply::Json(200, json!({"validationResponse": "something else"})),
    ] {
        stage.endpoints.script("app", [refusal.clone()]);
        let error = stage.subscribe(&topic.id, "to-app", to("app")).await.expect_err("a refusal");
        assert_eq!((error.status.as_u16(), error.code), (400, "URL validation"), "{refusal:?}");
        assert!(error.message.contains("http://app/events") && !error.message.contains("s3cret"), "{error}");
    }
    assert!(stage.grid.counts()[0].subscriptions.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_answer_may_be_capitalised_as_the_documentation_does() {
    let stage = Stage::with(|settings| settings.ids = local_azure::ids::Ids::seeded(1));
    let topic = stage.topic("requests");
    stage.subscribe(&topic.id, "first", to("app")).await.expect("a subscription");
    let code = local_azure::ids::Ids::seeded(1).guid();
    assert_eq!(
        stage.endpoints.all("app")[0].body[0]["data"]["validationCode"],
        code.to_string().to_uppercase()
    );
    let stage = Stage::with(|settings| settings.ids = local_azure::ids::Ids::seeded(1));
    stage.endpoints.script("app", [Reply::Json(200, json!({"ValidationResponse": code.to_string()}))]);
    let topic = stage.topic("requests");
    assert_eq!(stage.subscribe(&topic.id, "first", to("app")).await, Ok(Provisioning::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_starting_up_is_asked_again_after_five_seconds() {
    let stage = Stage::new();
    stage.endpoints.script("app", [Reply::Broken, Reply::Hang]);
    stage.with_subscriber(to("app")).await;
    let seconds = stage.endpoints.all("app").iter().map(|asked| asked.second).collect::<Vec<_>>();
    assert_eq!(seconds, [0, 5, 5 + 30 + 5]);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_never_answers_is_given_up() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    stage.endpoints.script("app", [Reply::Hang, Reply::Status(503), Reply::Hang, Reply::Polite]);
    let error = stage.subscribe(&topic.id, "to-app", to("app")).await.expect_err("a refusal");
    assert_eq!((error.status.as_u16(), error.code), (400, "URL validation"));
    assert_eq!(stage.endpoints.all("app").len(), 3);
}

/// Subscribes an endpoint that takes the validation event but not the code; returns the path of the validation URL.
async fn subscribe_manually(stage: &Stage) -> String {
    let topic = stage.topic("requests");
    stage.endpoints.script("app", [Reply::Status(200)]);
    let state = stage.subscribe(&topic.id, "to-app", to("app")).await;
    assert_eq!(state, Ok(Provisioning::AwaitingManualAction));
    let url =
        stage.endpoints.all("app")[0].body[0]["data"]["validationUrl"].as_str().expect("a URL").to_owned();
    url.strip_prefix("http://127.0.0.1:7072").expect("the base URL").to_owned()
}

fn state(stage: &Stage) -> Provisioning {
    stage.grid.counts()[0].subscriptions[0].provisioning
}

#[tokio::test(start_paused = true)]
async fn a_validation_url_can_be_visited_for_ten_minutes() {
    let stage = Stage::new();
    let url = subscribe_manually(&stage).await;
    let topic = stage.topic("requests");
    stage.publish_ids(&topic, &["too-early"]).await;
    tokio::time::sleep(MINUTE * 9).await;
    assert_eq!(stage.ask(Method::GET, &url, Value::Null).await.status, 200);
    assert_eq!(state(&stage), Provisioning::Succeeded);
    assert_eq!(stage.ask(Method::GET, &url, Value::Null).await.status, 400, "once is enough");
    stage.publish_ids(&topic, &["in-time"]).await;
    assert_eq!(stage.endpoints.ids("app"), ["in-time"]);
}

#[tokio::test(start_paused = true)]
async fn a_validation_url_visited_too_late_fails() {
    let stage = Stage::new();
    let url = subscribe_manually(&stage).await;
    tokio::time::sleep(MINUTE * 11).await;
    assert_eq!(state(&stage), Provisioning::Failed);
    assert_eq!(stage.ask(Method::GET, &url, Value::Null).await.status, 400);
    assert_eq!(state(&stage), Provisioning::Failed);
    for url in ["/validate", "/validate?id=x", "/validate?id=5e7c1f0a-0c1e-4c55-9a1e-1f8b7f2f0d11"] {
        assert_eq!(stage.ask(Method::GET, url, Value::Null).await.status, 400);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_asks_again_and_a_refused_change_leaves_things_as_they_were() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    stage.endpoints.script("other", [Reply::Status(500), Reply::Status(500), Reply::Status(500)]);
    stage.subscribe(&topic.id, "TO-APP", to("other")).await.expect_err("a refusal");
    stage.publish_ids(&topic, &["1"]).await;
    assert_eq!(stage.subscribe(&topic.id, "TO-APP", to("other")).await, Ok(Provisioning::Succeeded));
    stage.publish_ids(&topic, &["2"]).await;
    assert_eq!(
        (stage.endpoints.ids("app"), stage.endpoints.ids("other")),
        (vec!["1".into()], vec!["2".into()])
    );
}

fn cloud() -> local_azure::event_grid::SubscriptionProperties {
    properties("app", json!({"eventDeliverySchema": "CloudEventSchemaV1_0"}))
}

#[tokio::test(start_paused = true)]
async fn a_cloud_events_endpoint_is_asked_by_options() {
    let stage = Stage::new();
    stage.with_subscriber(cloud()).await;
    let asked = stage.endpoints.all("app").remove(0);
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("OPTIONS", "http://app/events?code=s3cret"));
    assert_eq!(asked.header("webhook-request-origin"), "eventgrid.azure.net");
    assert_eq!(asked.header("webhook-request-rate"), "120");
    assert!(asked.header("webhook-request-callback").starts_with("http://127.0.0.1:7072/validate?id="));
}

#[tokio::test(start_paused = true)]
async fn a_cloud_events_endpoint_must_allow_the_origin_and_a_rate() {
    let (origin, rate) = ("WebHook-Allowed-Origin", "WebHook-Allowed-Rate");
    for (reply, agrees) in [
        (Reply::Headers(204, vec![(origin, "*"), (rate, "100")]), true),
        (Reply::Headers(200, vec![(origin, "EventGrid.Azure.net"), (rate, "*")]), true),
        (Reply::Headers(200, vec![(origin, "elsewhere"), (rate, "*")]), false),
        (Reply::Headers(200, vec![(origin, "*")]), false),
        (Reply::Headers(200, vec![(origin, "*"), (rate, "many")]), false),
        (Reply::Headers(405, vec![(origin, "*"), (rate, "*")]), false),
    ] {
        let stage = Stage::new();
        let topic = stage.topic("requests");
        stage.endpoints.script("app", [reply.clone()]);
        assert_eq!(stage.subscribe(&topic.id, "to-app", cloud()).await.is_ok(), agrees, "{reply:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cloud_events_endpoint_may_call_back_later() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    stage.endpoints.script("app", [Reply::Status(200)]);
    let awaiting = stage.subscribe(&topic.id, "to-app", cloud()).await;
    assert_eq!(awaiting, Ok(Provisioning::AwaitingManualAction));
    let callback = stage.endpoints.all("app")[0].header("webhook-request-callback").to_owned();
    let path = callback.strip_prefix("http://127.0.0.1:7072").expect("the base URL");
    assert_eq!(stage.ask(Method::POST, path, Value::Null).await.status, 200);
    assert_eq!(state(&stage), Provisioning::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_system_topics_endpoint_is_told_the_resource() {
    let stage = Stage::new();
    assert_eq!(stage.subscribe(STORAGE, "to-app", to("app")).await, Ok(Provisioning::Succeeded));
    assert_eq!(stage.endpoints.all("app")[0].body[0]["topic"], STORAGE);
}

#[tokio::test(start_paused = true)]
async fn a_scope_must_exist_or_at_least_look_like_a_resource() {
    let stage = Stage::new();
    let custom = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/topics/unknown";
    assert_eq!(stage.subscribe(custom, "to-app", to("app")).await.expect_err("a refusal").status, 404);
    assert_eq!(stage.subscribe("nothing", "to-app", to("app")).await.expect_err("a refusal").status, 400);
    assert_eq!(stage.subscribe(STORAGE, "x", to("app")).await.expect_err("a refusal").status, 400);
    stage.endpoints.script("app", [Reply::Status(401)]);
    assert_eq!(stage.subscribe(STORAGE, "to-app", to("app")).await.expect_err("a refusal").status, 400);
    assert!(stage.grid.counts().is_empty(), "no system topic comes of a refusal");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_goes_during_the_handshake_takes_the_subscription_with_it() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    stage.endpoints.script("app", [Reply::Hang]);
    let (subscribed, removed) = tokio::join!(
        stage.subscribe(&topic.id, "to-app", to("app")),
        stage.ask(Method::DELETE, &topic.id, Value::Null)
    );
    assert_eq!(removed.status, 204);
    assert_eq!(subscribed.expect_err("a refusal").status, 404);
}
