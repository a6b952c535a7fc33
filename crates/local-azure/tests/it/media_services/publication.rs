//! Publication as management sees it: filters, policies, locators and endpoints. Not the streams.

use http::StatusCode;
use serde_json::{Value, json};

use super::world::{WEST, World};

const CLEAR: &str = "Predefined_ClearStreamingOnly";

/// A world with the asset `show`, whose container has a server manifest and a film.
async fn published() -> World {
    let world = World::scripted();
    world.asset("show").await;
    world.storage.give("show", "show.ism", b"<smil/>");
    world.storage.give("show", "größe 1.mp4", b"film");
    world
}

async fn locate(world: &World, name: &str, properties: Value) -> (StatusCode, Value) {
    world.put(&format!("streamingLocators/{name}"), json!({"properties": properties})).await
}

fn message(answer: &Value) -> &str {
    answer["error"]["message"].as_str().unwrap_or_default()
}

/// A content key policy for bearers of a token.
fn token_policy() -> Value {
    json!({"properties": {"description": "d", "options": [{
        "name": "o",
        "configuration": {"@odata.type": "#Microsoft.Media.ContentKeyPolicyClearKeyConfiguration"},
        "restriction": {
            "@odata.type": "#Microsoft.Media.ContentKeyPolicyTokenRestriction",
            "issuer": "i", "audience": "a", "restrictionTokenType": "Jwt",
            "primaryVerificationKey": {
                "@odata.type": "#Microsoft.Media.ContentKeyPolicySymmetricTokenKey",
                "keyValue": "MDEyMzQ1Njc4OWFiY2RlZg==",
            },
        },
    }]}})
}

#[tokio::test(start_paused = true)]
async fn filters_belong_to_an_asset_or_to_the_account() {
    let world = published().await;
    let properties = json!({
        "presentationTimeRange": {"startTimestamp": 10, "endTimestamp": 20, "timescale": 1},
        "firstQuality": {"bitrate": 128000},
        "tracks": [{"trackSelections": [
            {"property": "FourCC", "value": "mp4a", "operation": "NotEqual"},
            {"property": "Bitrate", "value": "0-500000", "operation": "Equal"},
        ]}],
    });
    for path in ["assets/show/assetFilters/Cut", "accountFilters/Cut"] {
        let body = json!({"properties": properties});
        assert_eq!(world.put(path, body.clone()).await.0, StatusCode::CREATED);
        assert_eq!(world.put(path, body).await.0, StatusCode::OK);
        let (_, shown) = world.get(&path.to_lowercase()).await;
        assert_eq!(shown["properties"], properties);
        assert_eq!(shown["name"], "Cut");
        assert!(shown["id"].as_str().unwrap().ends_with(path), "{shown}");
        let (status, shown) = world.patch(path, json!({"properties": {"firstQuality": null}})).await;
        assert_eq!((status, &shown["properties"]["firstQuality"]), (StatusCode::OK, &Value::Null));
        assert_eq!(shown["properties"]["tracks"], properties["tracks"]);
        let (_, list) = world.get(path.rsplit_once('/').unwrap().0).await;
        assert_eq!(list["value"].as_array().unwrap().len(), 1);
        assert_eq!(world.delete(path).await, StatusCode::OK);
        assert_eq!(world.delete(path).await, StatusCode::NO_CONTENT);
        assert_eq!(world.get(path).await.0, StatusCode::NOT_FOUND);
    }
    let (status, _) = world.put("assets/nonesuch/assetFilters/f", json!({"properties": {}})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_can_filter_nothing_is_refused_with_the_members_name() {
    let world = published().await;
    let condition = |property: &str, value: &str, operation: &str| json!({"tracks": [{"trackSelections": [{"property": property, "value": value, "operation": operation}]}]});
    for (properties, member) in [
        (json!({"presentationTimeRange": {"startTimestamp": -1}}), "presentationTimeRange.startTimestamp"),
        (
            json!({"presentationTimeRange": {"startTimestamp": 2, "endTimestamp": 1}}),
            "presentationTimeRange.endTimestamp",
        ),
        (json!({"presentationTimeRange": {"timescale": 0}}), "presentationTimeRange.timescale"),
        (json!({"presentationTimeRange": {"startTimestamp": "1"}}), "presentationTimeRange.startTimestamp"),
        (condition("Colour", "red", "Equal"), "trackSelections[0].property"),
        (condition("Bitrate", "fast", "Equal"), "trackSelections.value"),
        (condition("Name", "a", "Like"), "trackSelections[0].operation"),
    ] {
        let (status, answer) = world.put("accountFilters/f", json!({"properties": properties})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{member}");
        assert!(message(&answer).contains(member), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_predefined_streaming_policies_are_there_and_stay() {
    let world = published().await;
    let (_, list) = world.get("streamingPolicies").await;
    let names = list["value"].as_array().unwrap().iter().map(|policy| policy["name"].as_str().unwrap());
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            "Predefined_ClearKey",
            CLEAR,
            "Predefined_DownloadAndClearStreaming",
            "Predefined_DownloadOnly",
            "Predefined_MultiDrmCencStreaming",
            "Predefined_MultiDrmStreaming",
        ]
    );
    let (_, clear) = world.get("streamingPolicies/predefined_clearstreamingonly").await;
    let protocols = json!({"download": false, "dash": true, "hls": true, "smoothStreaming": true});
    assert_eq!(clear["properties"]["noEncryption"]["enabledProtocols"], protocols);
    assert_eq!(world.delete(&format!("streamingPolicies/{CLEAR}")).await, StatusCode::BAD_REQUEST);
    let own = json!({"properties": {"noEncryption": {"enabledProtocols": protocols}}});
    let (status, _) = world.put("streamingPolicies/Predefined_Mine", own).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn a_streaming_policy_of_ones_own_is_made_once() {
    let world = published().await;
    let protocols = json!({"download": false, "dash": true, "hls": true, "smoothStreaming": false});
    let body = |hls: bool| {
        let mut protocols = protocols.clone();
        protocols["hls"] = json!(hls);
        json!({"properties": {"commonEncryptionCbcs": {
            "enabledProtocols": protocols,
            "contentKeys": {"defaultKey": {"label": "k"}},
            "drm": {"fairPlay": {"allowPersistentLicense": true}},
        }}})
    };
    assert_eq!(world.put("streamingPolicies/p", body(true)).await.0, StatusCode::CREATED);
    assert_eq!(world.put("streamingPolicies/p", body(true)).await.0, StatusCode::CREATED);
    assert_eq!(world.put("streamingPolicies/p", body(false)).await.0, StatusCode::CONFLICT);
    assert_eq!(world.patch("streamingPolicies/p", body(false)).await.0, StatusCode::METHOD_NOT_ALLOWED);
    let (_, shown) = world.get("streamingPolicies/p").await;
    let cbcs = &shown["properties"]["commonEncryptionCbcs"];
    assert_eq!(cbcs["drm"]["fairPlay"]["allowPersistentLicense"], true);
    assert_eq!(
        world.put("streamingPolicies/none", json!({"properties": {}})).await.0,
        StatusCode::BAD_REQUEST
    );
    let (status, answer) = world
        .put("streamingPolicies/q", json!({"properties": {"noEncryption": {"enabledProtocols": {"hls": 1}}}}))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(message(&answer).contains("enabledProtocols"), "{answer}");
    assert_eq!(world.delete("streamingPolicies/p").await, StatusCode::OK);
    assert_eq!(world.delete("streamingPolicies/p").await, StatusCode::NO_CONTENT);
}

#[tokio::test(start_paused = true)]
async fn a_content_key_policy_shows_its_secrets_only_on_request() {
    let world = published().await;
    let (status, made) = world.put("contentKeyPolicies/k", token_policy()).await;
    assert_eq!(status, StatusCode::CREATED);
    let (_, shown) = world.get("contentKeyPolicies/k").await;
    let (_, list) = world.get("contentKeyPolicies").await;
    for answer in [&made, &shown, &list["value"][0]] {
        assert!(!answer.to_string().contains("MDEyMzQ1Njc4OWFiY2RlZg"), "{answer}");
        assert_eq!(answer["properties"]["options"][0]["restriction"]["issuer"], "i");
    }
    let (status, secrets) =
        world.post("contentKeyPolicies/k/getPolicyPropertiesWithSecrets", Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    let key = &secrets["options"][0]["restriction"]["primaryVerificationKey"]["keyValue"];
    assert_eq!(key, "MDEyMzQ1Njc4OWFiY2RlZg==");
    assert_eq!(secrets["policyId"], shown["properties"]["policyId"]);
    assert_eq!(world.put("contentKeyPolicies/k", token_policy()).await.0, StatusCode::OK);
    let (status, shown) =
        world.patch("contentKeyPolicies/k", json!({"properties": {"description": "new"}})).await;
    assert_eq!((status, &shown["properties"]["description"]), (StatusCode::OK, &json!("new")));
    assert_eq!(world.delete("contentKeyPolicies/k").await, StatusCode::OK);
    let (status, _) = world.post("contentKeyPolicies/k/getPolicyPropertiesWithSecrets", Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_content_key_policy_is_refused_with_the_members_name_and_without_its_value() {
    let world = published().await;
    for (pointer, value, member) in [
        ("/configuration", json!({"@odata.type": "#Microsoft.Media.Secret"}), "configuration"),
        ("/restriction/restrictionTokenType", json!("Secret"), "restriction"),
        ("/restriction/primaryVerificationKey/keyValue", json!("Secret!"), "restriction"),
        (
            "/restriction/primaryVerificationKey/keyValue",
            json!("c2hvcnQ="),
            "primaryVerificationKey.keyValue",
        ),
    ] {
        let mut policy = token_policy();
        *policy["properties"]["options"][0].pointer_mut(pointer).unwrap() = value;
        let (status, answer) = world.put("contentKeyPolicies/k", policy).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{pointer}");
        assert!(message(&answer).contains(member) && !message(&answer).contains("Secret"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_locator_has_an_id_and_paths() {
    let world = published().await;
    let id = "0f0e0d0c-0b0a-4908-8706-050403020100";
    let properties = json!({
        "assetName": "SHOW",
        "streamingPolicyName": "Predefined_DownloadAndClearStreaming",
        "streamingLocatorId": id,
        "startTime": "2024-01-01T00:00:00Z",
        "endTime": "2025-01-01T00:00:00Z",
    });
    let (status, made) = locate(&world, "l", properties.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!(made["properties"]["streamingLocatorId"], id);
    assert_eq!(made["properties"]["assetName"], "show");
    assert_eq!(locate(&world, "l", properties.clone()).await.0, StatusCode::CREATED);
    let (status, paths) = world.post("streamingLocators/l/listPaths", Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    let path = |protocol: &str, format: &str| {
        let path = format!("/{id}/show.ism/manifest(format={format})");
        json!({"streamingProtocol": protocol, "encryptionScheme": "NoEncryption", "paths": [path]})
    };
    assert_eq!(paths["streamingPaths"], json!([path("Hls", "m3u8-cmaf"), path("Dash", "mpd-time-cmaf")]));
    let downloads = [format!("/{id}/gr%C3%B6%C3%9Fe%201.mp4"), format!("/{id}/show.ism")];
    assert_eq!(paths["downloadPaths"], json!(downloads));
    let (_, of_asset) = world.post("assets/show/listStreamingLocators", Value::Null).await;
    assert_eq!(of_asset["streamingLocators"][0]["name"], "l");
    assert_eq!(of_asset["streamingLocators"][0]["streamingLocatorId"], id);
    assert_eq!(locate(&world, "other", properties).await.0, StatusCode::CONFLICT);
    assert_eq!(world.delete("assets/show").await, StatusCode::OK);
    assert_eq!(world.get("streamingLocators/l").await.0, StatusCode::NOT_FOUND);
    assert_eq!(world.delete("streamingLocators/l").await, StatusCode::NO_CONTENT);
}

#[tokio::test(start_paused = true)]
async fn a_locator_is_refused_for_what_it_names() {
    let world = published().await;
    let good = json!({"assetName": "show", "streamingPolicyName": CLEAR, "filters": []});
    assert_eq!(locate(&world, "l", good.clone()).await.0, StatusCode::CREATED);
    for (member, value, status, words) in [
        ("assetName", Value::Null, StatusCode::BAD_REQUEST, "properties.assetName"),
        ("assetName", json!("nonesuch"), StatusCode::NOT_FOUND, "assets/nonesuch"),
        ("streamingPolicyName", Value::Null, StatusCode::BAD_REQUEST, "properties.streamingPolicyName"),
        ("streamingPolicyName", json!("nonesuch"), StatusCode::NOT_FOUND, "streamingPolicies/nonesuch"),
        ("filters", json!(["nonesuch"]), StatusCode::NOT_FOUND, "assetFilters/nonesuch"),
        (
            "defaultContentKeyPolicyName",
            json!("nonesuch"),
            StatusCode::NOT_FOUND,
            "contentKeyPolicies/nonesuch",
        ),
        ("endTime", json!("yesterday"), StatusCode::BAD_REQUEST, "endTime"),
        ("streamingLocatorId", json!("no guid"), StatusCode::BAD_REQUEST, "streamingLocatorId"),
    ] {
        let mut properties = good.clone();
        properties[member] = value.clone();
        let (actual, answer) = locate(&world, "new", properties.clone()).await;
        assert_eq!(actual, status, "{member} {answer}");
        assert!(message(&answer).contains(words), "{answer}");
    }
    let mut other = good;
    other["endTime"] = json!("2030-01-01T00:00:00Z");
    assert_eq!(locate(&world, "l", other).await.0, StatusCode::CONFLICT);
}

#[tokio::test(start_paused = true)]
async fn protection_that_is_not_offered_is_refused_and_never_clear() {
    let world = published().await;
    world.put("contentKeyPolicies/k", token_policy()).await;
    for policy in ["Predefined_MultiDrmCencStreaming", "Predefined_MultiDrmStreaming"] {
        let properties = json!({
            "assetName": "show", "streamingPolicyName": policy, "defaultContentKeyPolicyName": "k",
        });
        let (status, answer) = locate(&world, "drm", properties).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(answer["error"]["code"], "ConfigurationUnsupported");
        assert!(message(&answer).contains("commonEncryption"), "{answer}");
        assert_eq!(world.get("streamingLocators/drm").await.0, StatusCode::NOT_FOUND);
    }
    let properties = json!({"assetName": "show", "streamingPolicyName": "Predefined_ClearKey"});
    let (status, answer) = locate(&world, "open", properties).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(message(&answer).contains("properties.defaultContentKeyPolicyName"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn an_envelope_locator_has_a_key_and_its_policies_stay() {
    let world = published().await;
    world.put("contentKeyPolicies/k", token_policy()).await;
    let key = json!([{
        "id": "10000000-0000-4000-8000-000000000001",
        "labelReferenceInStreamingPolicy": "clearKeyDefault",
        "value": "AAECAwQFBgcICQoLDA0ODw==",
    }]);
    let properties = json!({
        "assetName": "show",
        "streamingPolicyName": "Predefined_ClearKey",
        "defaultContentKeyPolicyName": "k",
        "contentKeys": key,
    });
    let (status, made) = locate(&world, "l", properties).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert!(!made.to_string().contains("AAECAwQF"), "{made}");
    let (_, keys) = world.post("streamingLocators/l/listContentKeys", Value::Null).await;
    let shown = &keys["contentKeys"][0];
    assert_eq!(shown["value"], key[0]["value"]);
    assert_eq!(shown["type"], "EnvelopeEncryption");
    assert_eq!(shown["policyName"], "k");
    let (_, paths) = world.post("streamingLocators/l/listPaths", Value::Null).await;
    let all = paths["streamingPaths"].as_array().unwrap();
    assert_eq!(all.len(), 1, "DASH has no envelope here: {paths}");
    assert!(all[0]["paths"][0].as_str().unwrap().ends_with("(format=m3u8-cmaf,encryption=cbc)"));
    assert_eq!(world.delete("contentKeyPolicies/k").await, StatusCode::CONFLICT);
    assert_eq!(world.delete("streamingLocators/l").await, StatusCode::OK);
    assert_eq!(world.delete("contentKeyPolicies/k").await, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn what_the_dialect_has_and_nobody_plays_here_is_refused_by_name() {
    let world = published().await;
    for (method, path, what) in [
        ("GET", "/liveEvents", "Live events"),
        ("PUT", "/liveEvents/e", "Live events"),
        ("POST", "/LiveEvents/e/start", "Live events"),
        ("PUT", "/liveEvents/e/liveOutputs/o", "Live outputs"),
        ("GET", "/assets/show/tracks", "Tracks"),
        ("POST", "/assets/show/getEncryptionKey", "Storage encryption"),
        ("PUT", "/streamingEndpoints/second", "Streaming endpoints"),
        ("POST", "/streamingEndpoints/default/scale", "Scaling"),
        ("POST", "/syncStorageKeys", "Synchronizing"),
        ("PATCH", "", "accounts"),
    ] {
        let (status, answer) = world.call(method, &format!("{WEST}{path}"), &json!({"properties": {}})).await;
        assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{method} {path}");
        assert_eq!(answer["error"]["code"], "NotImplemented");
        assert!(message(&answer).contains(what) && message(&answer).contains("not offered"), "{answer}");
    }
    let (status, answer) = world.get("nonesuch").await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::NOT_FOUND, &json!("InvalidResourceType")));
}

#[tokio::test(start_paused = true)]
async fn the_default_streaming_endpoint_runs_until_it_is_stopped() {
    let world = published().await;
    let state =
        async || world.get("streamingEndpoints/default").await.1["properties"]["resourceState"].clone();
    let (_, list) = world.get("streamingEndpoints").await;
    assert_eq!(list["value"][0]["name"], "default");
    assert_eq!(list["value"][0]["location"], "westeurope");
    assert_eq!(list["value"][0]["properties"]["hostName"], "stream.local");
    assert_eq!(state().await, "Running");
    assert_eq!(world.post("streamingEndpoints/default/stop", Value::Null).await.0, StatusCode::OK);
    assert_eq!(state().await, "Stopped");
    assert_eq!(world.post("streamingEndpoints/default/start", Value::Null).await.0, StatusCode::OK);
    assert_eq!(state().await, "Running");
    assert_eq!(world.get("streamingEndpoints/other").await.0, StatusCode::NOT_FOUND);
}
