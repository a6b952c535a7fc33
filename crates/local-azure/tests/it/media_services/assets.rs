//! Assets: names for containers.

use http::StatusCode;
use serde_json::{Value, json};

use super::world::{NORTH, World};

#[tokio::test(start_paused = true)]
async fn an_asset_is_made_once_and_changed_afterwards() {
    let world = World::scripted();
    let body = json!({"properties": {"alternateId": "1", "description": "one", "container": "shows"}});
    let (status, made) = world.put("assets/Show", body.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(made["type"], "Microsoft.Media/mediaservices/assets");
    assert!(made["id"].as_str().unwrap().ends_with("/mediaservices/amswest/assets/Show"));
    assert_eq!(made["properties"]["created"], "2024-01-10T09:00:00.0000000Z");
    assert_eq!(made["properties"]["storageAccountName"], "acct");
    assert!(made["systemData"]["createdAt"].is_string());
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    let (status, changed) = world.put("assets/show", json!({"properties": {"description": "two"}})).await;
    assert_eq!(status, StatusCode::OK);
    let (made, changed) = (&made["properties"], &changed["properties"]);
    assert_eq!((&changed["description"], &changed["alternateId"]), (&json!("two"), &json!("1")));
    assert_eq!((&changed["assetId"], &changed["created"]), (&made["assetId"], &made["created"]));
    assert_ne!(changed["lastModified"], made["lastModified"]);
    let (_, patched) = world.patch("assets/Show", json!({"properties": {"alternateId": null}})).await;
    assert_eq!(patched["properties"].get("alternateId"), None);
    assert_eq!(patched["properties"]["description"], "two");
}

#[tokio::test(start_paused = true)]
async fn a_container_is_made_and_called_after_the_asset_id_unless_named() {
    let world = World::scripted();
    let (_, made) = world.put("assets/a", json!({})).await;
    let id = made["properties"]["assetId"].as_str().unwrap();
    assert_eq!(made["properties"]["container"], format!("asset-{id}"));
    world.storage.give(&format!("asset-{id}"), "proof", b"it is there");
    let (_, second) = world.put("assets/b", json!({"properties": {"storageAccountName": "SECOND"}})).await;
    assert_eq!(second["properties"]["storageAccountName"], "second");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_an_asset_is_refused() {
    let world = World::scripted();
    for (path, properties) in [
        ("assets/movie.mp4", json!({})),
        ("assets/a%25b", json!({})),
        ("assets/a%0Ab", json!({})),
        ("assets/a", json!({"storageAccountName": "elsewhere"})),
        ("assets/a", json!({"container": "Not A Container"})),
        ("assets/a", json!({"description": 1})),
    ] {
        let (status, answer) = world.put(path, json!({"properties": properties})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {properties}: {answer}");
    }
    assert_eq!(world.put(&format!("assets/{}", "a".repeat(261)), json!({})).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(world.put(&format!("assets/{}", "a".repeat(260)), json!({})).await.0, StatusCode::CREATED);
}

#[tokio::test(start_paused = true)]
async fn a_container_never_changes() {
    let world = World::scripted();
    world.asset("shows").await;
    for properties in [json!({"container": "other"}), json!({"storageAccountName": "second"})] {
        let body = json!({"properties": properties});
        assert_eq!(world.put("assets/shows", body.clone()).await.0, StatusCode::BAD_REQUEST);
        assert_eq!(world.patch("assets/shows", body).await.0, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_asset_is_gone_and_a_second_delete_says_so() {
    let world = World::scripted();
    world.asset("shows").await;
    assert_eq!(world.delete("assets/SHOWS").await, StatusCode::OK);
    assert_eq!(world.delete("assets/shows").await, StatusCode::NO_CONTENT);
    let (status, answer) = world.get("assets/shows").await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::NOT_FOUND, &json!("ResourceNotFound")));
}

#[tokio::test(start_paused = true)]
async fn regions_have_assets_of_their_own() {
    let world = World::scripted();
    world.asset("shows").await;
    let (status, _) = world.call("GET", &format!("{NORTH}/assets/shows"), &Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn container_urls_are_signed_for_less_than_a_day() {
    let world = World::scripted();
    world.asset("shows").await;
    let ask = async |expiry: &str| {
        let body = json!({"permissions": "ReadWrite", "expiryTime": expiry});
        world.post("assets/shows/listContainerSas", body).await
    };
    let (status, answer) = ask("2024-01-11T08:59:59Z").await;
    assert_eq!(status, StatusCode::OK);
    let urls = answer["assetContainerSasUrls"].as_array().unwrap();
    assert_eq!(urls.len(), 2);
    assert!(urls[0].as_str().unwrap().starts_with("https://acct.blob.local/shows?sp=ReadWrite"));
    for expiry in ["2024-01-11T09:00:01Z", "2024-01-10T08:59:59Z", "tomorrow"] {
        assert_eq!(ask(expiry).await.0, StatusCode::BAD_REQUEST, "{expiry}");
    }
    let body = json!({"expiryTime": "2024-01-11T08:00:00Z"});
    assert_eq!(world.post("assets/none/listContainerSas", body).await.0, StatusCode::NOT_FOUND);
}
