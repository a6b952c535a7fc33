//! Who may call, and what answers look like where nothing is.

use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt as _;
use local_azure::faults::Fault;
use serde_json::{Value, json};

use super::world::{NORTH, Options, WEST, World};

#[tokio::test(start_paused = true)]
async fn a_request_without_a_bearer_token_is_refused() {
    let world = World::scripted();
    for authorization in [None, Some(""), Some("Bearer"), Some("Bearer "), Some("Basic abc")] {
        let answer = world.send("GET", &format!("{WEST}/assets"), &Value::Null, authorization).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{authorization:?}");
        assert!(answer.headers().contains_key("www-authenticate"));
    }
    let answer = world.send("GET", &format!("{WEST}/assets"), &Value::Null, Some("bearer opaque")).await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn strict_accounts_take_only_tokens_they_gave_out_for_an_hour() {
    let world = World::scripted_with(&Options { strict_auth: true, ..Options::default() }, |_| {
        super::world::script()
    });
    let assets = format!("{WEST}/assets");
    let foreign = world.send("GET", &assets, &Value::Null, Some("Bearer a.b.c")).await;
    assert_eq!(foreign.status(), StatusCode::UNAUTHORIZED);
    let request = json!({"subscriptionId": "sub", "apiKey": world.service().api_key()});
    let answer = world.send("POST", "/auth/token", &request, None).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let token = answer.into_body().collect().await.unwrap().to_bytes();
    let bearer = format!("Bearer {}", String::from_utf8(token.to_vec()).unwrap());
    assert_eq!(bearer.matches('.').count(), 2);
    assert_eq!(world.send("GET", &assets, &Value::Null, Some(&bearer)).await.status(), StatusCode::OK);
    let forged = format!("{bearer}x");
    assert_eq!(
        world.send("GET", &assets, &Value::Null, Some(&forged)).await.status(),
        StatusCode::UNAUTHORIZED
    );
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(
        world.send("GET", &assets, &Value::Null, Some(&bearer)).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_is_given_only_for_the_right_key() {
    let world = World::scripted();
    let key = world.service().api_key();
    for request in [
        json!({"subscriptionId": "sub", "apiKey": "wrong"}),
        json!({"subscriptionId": "other", "apiKey": key}),
    ] {
        assert_eq!(
            world.send("POST", "/auth/token", &request, None).await.status(),
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(world.send("POST", "/auth/token", &json!({}), None).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn paths_are_compared_without_case_and_answers_carry_request_ids() {
    let world = World::scripted();
    let (status, account) = world.call("GET", &WEST.to_uppercase(), &Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(account["name"], "amswest");
    assert_eq!(account["location"], "westeurope");
    let storage = account["properties"]["storageAccounts"][0]["id"].as_str().unwrap();
    assert_eq!(
        storage,
        "/subscriptions/sub/resourceGroups/media/providers/Microsoft.Storage/storageAccounts/acct"
    );
    let answer = world.send("GET", &WEST.to_lowercase(), &Value::Null, Some("Bearer t")).await;
    assert!(answer.headers().contains_key("x-ms-request-id"));
    assert!(answer.headers().contains_key("x-ms-correlation-request-id"));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_refused_in_arms_words() {
    let world = World::scripted();
    let call = async |method: &str, path: &str| {
        let (status, answer) = world.call(method, path, &Value::Null).await;
        (status.as_u16(), answer["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let other = WEST.replace("amswest", "amssouth");
    assert_eq!(call("GET", &format!("{other}/assets")).await, (404, "ResourceNotFound".to_owned()));
    assert_eq!(call("GET", "/").await, (404, "ResourceNotFound".to_owned()));
    assert_eq!(call("GET", &format!("{WEST}/castles")).await, (404, "InvalidResourceType".to_owned()));
    assert_eq!(call("GET", &format!("{WEST}/assets/a/b/c")).await, (404, "InvalidResourceType".to_owned()));
    assert_eq!(call("POST", &format!("{WEST}/assets")).await, (405, "MethodNotAllowed".to_owned()));
    let answer = world.send("PUT", &format!("{WEST}/transforms"), &Value::Null, Some("Bearer t")).await;
    assert_eq!(answer.headers()["allow"], "GET");
    assert_eq!(
        world.service().account_id("AMSWest").unwrap(),
        WEST.replace("mediaServices", "mediaservices")
    );
    assert_eq!(world.service().account_id("nobody"), None);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_api_version_is_refused() {
    use tower::ServiceExt as _;
    let world = World::scripted();
    let request = http::Request::get(format!("{WEST}/assets")).header("authorization", "Bearer t");
    let answer =
        world.service().router().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        serde_json::from_slice::<Value>(&body).unwrap()["error"]["code"],
        "MissingApiVersionParameter"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_large_is_refused() {
    let world = World::scripted();
    let body = json!({"properties": {"description": "x".repeat(1024 * 1024)}});
    assert_eq!(world.put("assets/a", body).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn one_region_can_be_broken_while_the_other_works() {
    let world = World::scripted();
    world.west_faults.always(Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, Some(5)), |_| true);
    let west = world.send("GET", &format!("{WEST}/assets"), &Value::Null, Some("Bearer t")).await;
    assert_eq!((west.status().as_u16(), &west.headers()["retry-after"]), (503, &http::HeaderValue::from(5)));
    assert_eq!(world.call("GET", &format!("{NORTH}/assets"), &Value::Null).await.0, StatusCode::OK);
    world.west_faults.clear();
    assert_eq!(world.get("assets").await.0, StatusCode::OK);
}
