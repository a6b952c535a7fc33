//! Storage accounts and their keys through Azure Resource Manager's requests, on Event Grid's address.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http::{Method, Request};
use local_azure::cloud::Cloud;
use local_azure::event_grid::unsigned_token;
use local_azure::ids::development_key;
use local_azure::inside::{BlobFiles as _, BlobLinks as _, ContainerPermission};
use serde_json::{Value, json};
use sha2::Sha256;
use time::macros::datetime;

use super::{Answer, ask, ask_with, cloud, send};

const LIST: &str = "/subscriptions/sub/providers/Microsoft.Storage/storageAccounts?api-version=2024-01-01";
const INBOX: &str =
    "/subscriptions/sub/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/inbox";

async fn get(cloud: &Cloud, uri: &str) -> Answer {
    ask(cloud.event_grid.router(), Method::GET, uri, Value::Null).await
}

async fn post(cloud: &Cloud, action: &str, body: Value) -> Answer {
    let uri = format!("{INBOX}/{action}?api-version=2024-01-01");
    ask(cloud.event_grid.router(), Method::POST, &uri, body).await
}

/// Lists the container `reels`, signed with a key of the account.
async fn list_signed_with(cloud: &Cloud, key: &str) -> u16 {
    let (date, version) = ("Wed, 04 Mar 2026 09:00:00 GMT", "2026-04-06");
    let text = format!("GET\n\n\n\nx-ms-date:{date}\nx-ms-version:{version}\n/inbox/inbox/reels?comp=list");
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(key).unwrap()).unwrap();
    mac.update(text.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let request = Request::get("/inbox/reels?restype=container&comp=list")
        .header("host", "127.0.0.1:10000")
        .header("x-ms-date", date)
        .header("x-ms-version", version)
        .header("authorization", format!("SharedKeyLite inbox:{signature}"));
    send(cloud.blob_storage.router(), request.body(Body::empty()).unwrap()).await.status.as_u16()
}

/// Lists the container `reels` with a signature that was made before.
async fn list_at(cloud: &Cloud, url: &str) -> u16 {
    let uri = format!("{url}&restype=container&comp=list");
    let request = Request::get(uri).header("host", "127.0.0.1:10000");
    send(cloud.blob_storage.router(), request.body(Body::empty()).unwrap()).await.status.as_u16()
}

#[tokio::test(start_paused = true)]
async fn accounts_are_listed_page_by_page() {
    let cloud = cloud(false);
    let first = get(&cloud, LIST).await.json();
    let names = |page: &Value| {
        let accounts = page["value"].as_array().unwrap();
        accounts.iter().map(|each| each["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["archive", "inbox"]);
    let next = first["nextLink"].as_str().unwrap();
    assert!(next.starts_with("http://127.0.0.1:7072/subscriptions/sub/"), "{next}");
    let second = get(&cloud, next).await.json();
    assert_eq!(names(&second), ["proxy"]);
    assert_eq!(second.get("nextLink"), None);
}

#[tokio::test(start_paused = true)]
async fn an_account_is_shown_without_its_keys() {
    let cloud = cloud(false);
    let shown = get(&cloud, &format!("{}?api-version=2024-01-01", INBOX.to_uppercase())).await;
    assert!(!String::from_utf8_lossy(&shown.body).contains(&development_key("inbox", "key1")));
    let shown = shown.json();
    assert_eq!((&shown["id"], &shown["kind"]), (&json!(INBOX), &json!("StorageV2")));
    assert_eq!(shown["properties"]["primaryEndpoints"]["blob"], "http://127.0.0.1:10000/inbox/");
    assert_eq!(shown["properties"]["keyCreationTime"]["key1"], "2026-03-04T09:00:00.0000000Z");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_regenerated_opens_nothing_any_more_and_its_successor_does() {
    let cloud = cloud(false);
    cloud.blob_storage.ensure_container("inbox", "reels").await.unwrap();
    let listed = post(&cloud, "listKeys", Value::Null).await.json();
    let [old, other] = [0, 1].map(|index| listed["keys"][index]["value"].as_str().unwrap().to_owned());
    assert_eq!(old, development_key("inbox", "key1"));
    let expires = datetime!(2026-03-05 09:00 UTC);
    let urls = cloud.blob_storage.container_urls("inbox", "reels", ContainerPermission::Read, expires);
    assert_eq!((list_signed_with(&cloud, &old).await, list_at(&cloud, &urls[0]).await), (200, 200));

    let fresh = post(&cloud, "regenerateKey", json!({"keyName": "key1"})).await.json();
    let [key1, key2] = [0, 1].map(|index| fresh["keys"][index].clone());
    assert_eq!((&key1["keyName"], &key1["permissions"]), (&json!("key1"), &json!("FULL")));
    assert_ne!(key1["value"], json!(old));
    assert_eq!((&key2["keyName"], &key2["value"]), (&json!("key2"), &json!(other)));
    assert_eq!(post(&cloud, "listKeys", Value::Null).await.json(), fresh);
    assert!(key1["creationTime"].as_str() > key2["creationTime"].as_str());

    assert_eq!((list_signed_with(&cloud, &old).await, list_at(&cloud, &urls[0]).await), (403, 403));
    assert_eq!((list_signed_with(&cloud, &other).await, list_at(&cloud, &urls[1]).await), (200, 200));
    assert_eq!(list_signed_with(&cloud, key1["value"].as_str().unwrap()).await, 200);
    let urls = cloud.blob_storage.container_urls("inbox", "reels", ContainerPermission::Read, expires);
    assert_eq!(list_at(&cloud, &urls[0]).await, 200);
}

#[tokio::test(start_paused = true)]
async fn new_keys_repeat_with_the_seed() {
    let mut keys = Vec::new();
    for _ in 0..2 {
        let fresh = post(&cloud(false), "regenerateKey", json!({"keyName": "key2"})).await.json();
        keys.push(fresh["keys"][1]["value"].clone());
    }
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_answered_is_refused_in_resource_managers_words() {
    let cloud = cloud(false);
    for (uri, status, code) in [
        (INBOX.to_owned(), 400, "MissingApiVersionParameter"),
        (format!("{INBOX}x?api-version=1"), 404, "ResourceNotFound"),
        (INBOX.replace("group", "other") + "?api-version=1", 404, "ResourceGroupNotFound"),
        (LIST.replace("/sub/", "/other/"), 404, "SubscriptionNotFound"),
        (
            "/subscriptions/sub/providers/Microsoft.Compute/disks?api-version=1".to_owned(),
            404,
            "ResourceNotFound",
        ),
        (format!("{INBOX}/listKeys?api-version=1"), 405, "MethodNotAllowed"),
    ] {
        assert_eq!(get(&cloud, &uri).await.refusal(), (status, code.to_owned()), "{uri}");
    }
    for (body, code) in [
        (json!({"keyName": "key3"}), "InvalidValuesForRequestParameters"),
        (json!({"keyName": "kerb1"}), "InvalidValuesForRequestParameters"),
        (json!({}), "InvalidRequestContent"),
    ] {
        assert_eq!(post(&cloud, "regenerateKey", body).await.refusal(), (400, code.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_manages_without_a_token_and_strictly_not_with_any() {
    let (lenient, strict) = (cloud(false), cloud(true));
    let list = async |cloud: &Cloud, token: Option<&str>| {
        ask_with(cloud.event_grid.router(), Method::GET, LIST, Value::Null, token).await
    };
    let refused = list(&lenient, None).await;
    assert_eq!(refused.refusal(), (401, "AuthenticationFailed".to_owned()));
    assert!(refused.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer "));
    assert_eq!(list(&lenient, Some("anything")).await.status, 200);
    assert_eq!(
        list(&strict, Some("anything")).await.refusal(),
        (401, "InvalidAuthenticationToken".to_owned())
    );
    let claims = json!({"aud": "https://management.azure.com/", "exp": datetime!(2026-03-04 10:00 UTC).unix_timestamp()});
    assert_eq!(list(&strict, Some(&unsigned_token(&claims))).await.status, 200);
}
