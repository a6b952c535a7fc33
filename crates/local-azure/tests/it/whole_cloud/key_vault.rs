//! Secrets through Key Vault's requests, and what Event Grid hears of them.

use futures_util::{FutureExt as _, StreamExt as _};
use http::Method;
use local_azure::cloud::Cloud;
use local_azure::event_grid::{SubscriptionProperties, Watched, unsigned_token};
use serde_json::{Value, json};
use time::macros::datetime;

use super::{Answer, ask, ask_with, cloud};

async fn put(cloud: &Cloud, name: &str, body: Value) -> Answer {
    ask(cloud.key_vault.router(), Method::PUT, &format!("/secrets/{name}?api-version=7.4"), body).await
}

async fn get(cloud: &Cloud, path: &str) -> Answer {
    ask(cloud.key_vault.router(), Method::GET, &format!("/secrets/{path}?api-version=7.4"), Value::Null).await
}

/// The path of a version below `/secrets/`.
fn path_of(bundle: &Value) -> String {
    bundle["id"].as_str().unwrap().strip_prefix("https://localhost:7074/secrets/").unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_set_and_got_by_its_name_and_by_its_versions() {
    let cloud = cloud(false);
    let first = put(&cloud, "storage-key", json!({"value": "one"})).await.json();
    let second = json!({"value": "two", "contentType": "text/plain", "tags": {"for": "inbox"}, "attributes": {"exp": 1_800_000_000}});
    let second = put(&cloud, "storage-key", second).await.json();
    assert_ne!(first["id"], second["id"]);
    assert_eq!(get(&cloud, "Storage-Key").await.json()["value"], "two", "names know no case");
    assert_eq!(get(&cloud, "storage-key/").await.json(), second, "clients send an empty version");
    assert_eq!(get(&cloud, &path_of(&first)).await.json(), first);
    let created = datetime!(2026-03-04 09:00 UTC).unix_timestamp();
    assert_eq!(
        second,
        json!({"value": "two", "id": second["id"], "contentType": "text/plain", "tags": {"for": "inbox"},
               "attributes": {"enabled": true, "exp": 1_800_000_000, "created": created, "updated": created,
                              "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90}})
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_or_not_allowed_is_refused_in_the_vaults_words() {
    let cloud = cloud(false);
    put(&cloud, "off", json!({"value": "x", "attributes": {"enabled": false}})).await;
    assert_eq!(get(&cloud, "unknown").await.refusal(), (404, "SecretNotFound".to_owned()));
    assert_eq!(get(&cloud, "off/0123").await.refusal(), (404, "SecretNotFound".to_owned()));
    let disabled = get(&cloud, "off").await;
    assert_eq!(disabled.refusal(), (403, "Forbidden".to_owned()));
    assert_eq!(disabled.json()["error"]["innererror"]["code"], "SecretDisabled");
    assert_eq!(get(&cloud, "no_name").await.refusal(), (400, "BadParameter".to_owned()));
    assert_eq!(put(&cloud, "a", json!({})).await.refusal(), (400, "BadParameter".to_owned()));
    let too_long = json!({"value": "x".repeat(25 * 1024 + 1)});
    assert_eq!(put(&cloud, "a", too_long).await.refusal(), (400, "BadParameter".to_owned()));
    let without_version = ask(cloud.key_vault.router(), Method::GET, "/secrets/off", Value::Null).await;
    assert_eq!(without_version.refusal(), (400, "BadParameter".to_owned()));
    let deleted =
        ask(cloud.key_vault.router(), Method::DELETE, "/secrets/off?api-version=7.4", Value::Null).await;
    assert_eq!(deleted.refusal(), (405, "MethodNotAllowed".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn whoever_has_no_token_is_told_where_to_get_one() {
    let (lenient, strict) = (cloud(false), cloud(true));
    let ask = async |cloud: &Cloud, token: Option<&str>| {
        ask_with(cloud.key_vault.router(), Method::GET, "/secrets/a?api-version=7.4", Value::Null, token)
            .await
    };
    let refused = ask(&lenient, None).await;
    assert_eq!(refused.refusal(), (401, "Unauthorized".to_owned()));
    let challenge = refused.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("Bearer authorization=\"https://login."), "{challenge}");
    assert!(challenge.ends_with("resource=\"https://vault.azure.net\""), "{challenge}");
    assert_eq!(ask(&lenient, Some("anything")).await.status, 404);
    assert_eq!(ask(&strict, Some("anything")).await.status, 401);
    let claims = |audience: &str| {
        unsigned_token(&json!({"aud": audience, "exp": datetime!(2026-03-04 10:00 UTC).unix_timestamp()}))
    };
    assert_eq!(ask(&strict, Some(&claims("https://management.azure.com"))).await.status, 401);
    assert_eq!(ask(&strict, Some(&claims("https://vault.azure.net"))).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn every_new_version_is_announced_without_its_value() {
    let cloud = cloud(false);
    let scope = cloud.key_vault.id();
    let properties = SubscriptionProperties::to_webhook("https://app/events");
    cloud.event_grid.create_subscription(&scope, "to-app", properties).await.unwrap();
    let bundle = put(&cloud, "storage-key", json!({"value": "hush", "attributes": {"nbf": 1_700_000_000}}))
        .await
        .json();
    let Some(mut watched) = cloud.event_grid.watch("vault01") else { panic!("no topic") };
    let Some(Some(Watched::Event { event, .. })) = watched.next().now_or_never() else { panic!("no event") };
    assert!(!String::from_utf8_lossy(&event).contains("hush"));
    let event = serde_json::from_slice::<Value>(&event).unwrap();
    assert_eq!(event["eventType"], "Microsoft.KeyVault.SecretNewVersionCreated");
    assert_eq!((&event["topic"], &event["subject"]), (&json!(scope), &json!("storage-key")));
    assert_eq!(event["dataVersion"], "1");
    let version = path_of(&bundle).split_once('/').unwrap().1.to_owned();
    assert_eq!(
        event["data"],
        json!({"Id": bundle["id"], "VaultName": "vault01", "ObjectType": "Secret", "ObjectName": "storage-key",
               "Version": version, "NBF": 1_700_000_000, "EXP": null})
    );
}
