//! Topics and event subscriptions through Azure Resource Manager's requests.

use http::{Method, Request};
use local_azure::event_grid::unsigned_token;
use serde_json::{Value, json};

use super::endpoint::Reply;
use super::stage::{STORAGE, Stage, letters, to};

const TOPIC: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/topics/requests";

fn subscription_path(scope: &str) -> String {
    format!("{scope}/providers/Microsoft.EventGrid/eventSubscriptions/to-app?api-version=2025-02-15")
}

async fn get(stage: &Stage, path: &str) -> super::stage::Answer {
    stage.ask(Method::GET, path, Value::Null).await
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_made_shown_listed_and_removed() {
    let stage = Stage::new();
    let body = json!({"location": "westeurope", "properties": {"inputSchema": "CloudEventSchemaV1_0"}});
    let made = stage.ask(Method::PUT, &format!("{TOPIC}?api-version=2022-06-15"), body).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!((&made["id"], &made["name"]), (&json!(TOPIC), &json!("requests")));
    assert_eq!(made["properties"]["endpoint"], "http://127.0.0.1:7072/topics/requests/api/events");
    assert_eq!(made["properties"]["provisioningState"], "Succeeded");
    assert_eq!(made["properties"]["inputSchema"], "CloudEventSchemaV1_0");
    assert_eq!(get(&stage, &TOPIC.to_uppercase()).await.json(), made, "ids know no case");
    let list = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/topics";
    assert_eq!(get(&stage, list).await.json(), json!({"value": [made]}));
    assert_eq!(stage.ask(Method::DELETE, TOPIC, Value::Null).await.status, 204);
    assert_eq!(get(&stage, TOPIC).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn keys_are_listed_and_regenerated_one_at_a_time() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    let listed = stage.ask(Method::POST, &format!("{}/listKeys", topic.id), Value::Null).await;
    assert_eq!(listed.json(), json!({"key1": topic.keys[0], "key2": topic.keys[1]}));
    let path = format!("{}/regenerateKey", topic.id);
    let fresh = stage.ask(Method::POST, &path, json!({"keyName": "key1"})).await.json();
    assert_ne!(fresh["key1"], topic.keys[0]);
    assert_eq!(fresh["key2"], topic.keys[1]);
    assert_eq!(stage.publish(&topic, &super::stage::event("1")).await.status, 401, "the old key is no more");
    assert_eq!(stage.ask(Method::POST, &path, json!({"keyName": "key3"})).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_made_and_shown_without_its_secrets() {
    let stage = Stage::new();
    let body = json!({"properties": {
        "destination": {"endpointType": "WebHook", "properties": {
            "endpointUrl": "https://app:8443/events?code=s3cret", "maxEventsPerBatch": 10,
            "deliveryAttributeMappings": [
                {"name": "x-key", "type": "Static", "properties": {"value": "s3cret", "isSecret": true}}]}},
        "filter": {"subjectBeginsWith": "/blobServices"},
        "retryPolicy": {"maxDeliveryAttempts": 5, "eventTimeToLiveInMinutes": 60},
        "deadLetterDestination": letters(), "labels": ["one"], "eventDeliverySchema": "EventGridSchema"}});
    // Scopes begin with a slash, and clients put one before them.
    let made = stage.ask(Method::PUT, &format!("/{}", subscription_path(STORAGE)), body.clone()).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert!(!made.to_string().contains("s3cret"), "{made}");
    let properties = &made["properties"];
    assert_eq!(
        (&properties["topic"], &properties["provisioningState"]),
        (&json!(STORAGE), &json!("Succeeded"))
    );
    assert_eq!(properties["destination"]["properties"]["endpointBaseUrl"], "https://app:8443/events");
    for member in ["filter", "retryPolicy", "deadLetterDestination", "labels", "eventDeliverySchema"] {
        assert_eq!(properties[member], body["properties"][member], "{member}");
    }
    assert_eq!(made["type"], "Microsoft.EventGrid/eventSubscriptions");
    assert_eq!(get(&stage, &subscription_path(STORAGE)).await.json(), made);
    let full = subscription_path(STORAGE).replace("?api", "/getFullUrl?api");
    let full = stage.ask(Method::POST, &full, Value::Null).await.json();
    assert_eq!(full, json!({"endpointUrl": "https://app:8443/events?code=s3cret"}));
}

#[tokio::test(start_paused = true)]
async fn subscriptions_are_listed_by_resource_and_by_what_contains_it() {
    let stage = Stage::new();
    let topic = stage.with_subscriber(to("app")).await;
    stage.subscribe(STORAGE, "to-other", to("app")).await.expect("a subscription");
    let names = async |scope: &str| {
        let list =
            get(&stage, &format!("{scope}/providers/Microsoft.EventGrid/eventSubscriptions")).await.json();
        let names = list["value"].as_array().expect("a list").iter().map(|each| each["name"].clone());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(STORAGE).await, ["to-other"]);
    assert_eq!(names(&topic.id).await, ["to-app"]);
    assert_eq!(names("/subscriptions/s/resourceGroups/g").await, ["to-other"]);
    assert!(names("/subscriptions/s/resourceGroups/gg").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_patch_replaces_only_what_it_names() {
    let stage = Stage::new();
    stage.subscribe(STORAGE, "to-app", to("app")).await.expect("a subscription");
    for patch in [json!({"labels": ["two"]}), json!({"properties": {"filter": {"subjectEndsWith": ".mxf"}}})]
    {
        assert_eq!(stage.ask(Method::PATCH, &subscription_path(STORAGE), patch).await.status, 201);
    }
    let properties = get(&stage, &subscription_path(STORAGE)).await.json()["properties"].clone();
    assert_eq!(
        (&properties["labels"], &properties["filter"]),
        (&json!(["two"]), &json!({"subjectEndsWith": ".mxf"}))
    );
    let patch = stage.ask(Method::PATCH, &subscription_path(TOPIC), json!({"labels": []})).await;
    assert_eq!(patch.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_refused_handshake_is_the_answer_to_the_put() {
    let stage = Stage::new();
    stage.endpoints.script("app", [Reply::Status(401)]);
    let refused = stage.ask(Method::PUT, &subscription_path(STORAGE), json!({"properties": to("app")})).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["error"]["code"]), (400, &json!("URL validation")));
    assert_eq!(get(&stage, &subscription_path(STORAGE)).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn removing_a_subscription_twice_is_no_error() {
    let stage = Stage::new();
    stage.subscribe(STORAGE, "to-app", to("app")).await.expect("a subscription");
    for status in [200, 204] {
        assert_eq!(stage.ask(Method::DELETE, &subscription_path(STORAGE), Value::Null).await.status, status);
    }
    assert_eq!(get(&stage, &subscription_path(STORAGE)).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn properties_beyond_the_documented_limits_are_refused() {
    let stage = Stage::new();
    let webhook = |more: Value| {
        let mut properties = json!({"endpointUrl": "http://app/"});
        properties.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({"destination": {"endpointType": "WebHook", "properties": properties}})
    };
    let header =
        |name: &str, value: &str| json!({"name": name, "type": "Static", "properties": {"value": value}});
    let mut wrong = vec![
        json!({}),
        json!({"destination": {"endpointType": "EventHub", "properties": {}}}),
        webhook(json!({"endpointUrl": "ftp://app/"})),
        webhook(json!({"endpointUrl": "/relative"})),
        webhook(json!({"maxEventsPerBatch": 0})),
        webhook(json!({"maxEventsPerBatch": 5001})),
        webhook(json!({"preferredBatchSizeInKilobytes": 1025})),
        webhook(json!({"azureActiveDirectoryTenantId": "alone"})),
        webhook(json!({"deliveryAttributeMappings": [header("aeg-mine", "x")]})),
        webhook(json!({"deliveryAttributeMappings": [header("no name", "x")]})),
        webhook(json!({"deliveryAttributeMappings": [header("x-long", &"x".repeat(4097))]})),
        webhook(json!({"deliveryAttributeMappings": vec![header("x-many", "x"); 11]})),
    ];
    for (member, value) in [
        ("retryPolicy", json!({"maxDeliveryAttempts": 31})),
        ("retryPolicy", json!({"maxDeliveryAttempts": 0})),
        ("retryPolicy", json!({"eventTimeToLiveInMinutes": 1441})),
        ("expirationTimeUtc", json!("soon")),
        ("deadLetterDestination", json!({"endpointType": "Queue", "properties": {}})),
        ("labels", json!(vec!["x"; 101])),
    ] {
        let mut properties = webhook(json!({}));
        properties[member] = value;
        wrong.push(properties);
    }
    for properties in wrong {
        let refused =
            stage.ask(Method::PUT, &subscription_path(STORAGE), json!({"properties": properties})).await;
        assert_eq!(refused.status, 400, "{properties}");
        assert!(refused.json()["error"]["message"].is_string());
    }
    for body in ["", "{", "[]", "null"] {
        let request = Request::put(subscription_path(STORAGE)).body(body.into()).expect("a request");
        assert_eq!(stage.send(request).await.status, 400);
    }
    assert!(stage.endpoints.all("app").is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_input_schema_of_a_topic_stays_and_its_name_is_its_own() {
    let stage = Stage::new();
    assert_eq!(stage.ask(Method::PUT, TOPIC, json!({"location": "local"})).await.status, 201);
    let other_schema = json!({"properties": {"inputSchema": "CloudEventSchemaV1_0"}});
    assert_eq!(stage.ask(Method::PUT, TOPIC, other_schema).await.status, 400);
    let custom = json!({"properties": {"inputSchema": "CustomEventSchema"}});
    assert_eq!(stage.ask(Method::PUT, TOPIC, custom).await.status, 400, "not played here");
    let elsewhere = TOPIC.replace("/g/", "/h/");
    assert_eq!(stage.ask(Method::PUT, &elsewhere, json!({})).await.status, 409);
    assert_eq!(stage.ask(Method::PATCH, TOPIC, json!({})).await.status, 405);
}

#[tokio::test(start_paused = true)]
async fn strict_authentication_asks_managers_for_a_token() {
    let stage = Stage::with(|settings| settings.strict_auth = true);
    stage.topic("requests");
    let with_token = async |audience: &str| {
        let token = unsigned_token(&json!({"aud": audience, "exp": 4_000_000_000_u64}));
        let list = "/subscriptions/s/providers/Microsoft.EventGrid/topics";
        let request = Request::get(list).header("authorization", format!("Bearer {token}"));
        stage.send(request.body(axum::body::Body::empty()).expect("a request")).await.status.as_u16()
    };
    assert_eq!(get(&stage, TOPIC).await.status, 401);
    assert_eq!(with_token("https://eventgrid.azure.net").await, 401);
    assert_eq!(with_token("https://management.core.windows.net/").await, 200);
}
