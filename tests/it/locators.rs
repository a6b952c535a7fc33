//! Publishing what encodes have left, and taking it back. That it plays is shown with real media and a real browser.

use http::{Method, StatusCode};
use local_azure::faults::Fault;
use local_azure::ids::development_key;
use serde_json::{Value, json};

use crate::book::Book;
use crate::world::{Options, REGIONS, World, only, types};

const CREATE: &str = "request.mediaservices.locator.create";
const DELETE: &str = "request.mediaservices.locator.delete";
const CREATED: &str = "response.mediaservices.locator.create.success";
const CONTAINER: &str = "http://127.0.0.1:10000/proxy/show-17-mbr";
pub const SERVER_MANIFEST: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<smil xmlns="http://www.w3.org/2001/SMIL20/Language"><body><switch>
<video src="clip.mp4" systemBitrate="1000"><param name="trackID" value="1"/><param name="trackName" value="video"/></video>
<audio src="clip.mp4" systemBitrate="64"><param name="trackID" value="3"/><param name="trackName" value="aac_deu"/></audio>
<audio src="clip.mp4" systemBitrate="64"><param name="trackID" value="2"/><param name="trackName" value="aac_eng"/></audio>
</switch></body></smil>"#;

/// A world whose operator allows clear streaming, and has a key for tokens.
async fn world() -> World {
    let config = "[media]\nclear_streaming = true\n[media.drm]\ntoken_key = \"aHVzaCBodXNoIGh1c2ggaHVzaCBodXNoIGh1c2g=\"\n";
    world_with(config).await
}

async fn world_with(config: &'static str) -> World {
    let world = World::with(Options { config, ..Options::default() }).await;
    world.upload("proxy", "show-17-mbr", "clip.mp4", b"moving pictures").await;
    world.upload("proxy", "show-17-mbr", "clip.ism", SERVER_MANIFEST.as_bytes()).await;
    world
}

/// Asks, and hears only what is said from then on.
async fn ask(world: &World, id: &str, event_type: &str, data: Value) -> Vec<Value> {
    let before = world.answers().len();
    world.ask(id, event_type, data).await.split_off(before)
}

async fn get(world: &World, path: &str) -> Value {
    let (status, body) = world.ask_media(Method::GET, REGIONS[0].1, path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    body["properties"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_publication_has_urls_a_time_filter_and_a_filter_for_each_sound_and_can_be_taken_back() {
    let world = world().await;
    let create = json!({
        "containerUri": CONTAINER, "streamingPolicyName": "CLEARstreamingOnly", "contentKeyPolicyName": " ",
        "timeBasedFilter": {"startSeconds": 1.5, "endSeconds": 70.25}, "generateAudioFilters": true,
        "operationContext": {"a": 1},
    });
    let answers = ask(&world, "r-1", CREATE, create.clone()).await;
    assert_eq!(types(&answers), ["response.acknowledge", CREATED]);
    let created = &only(&answers, CREATED)["data"];
    let name = created["locatorName"].as_str().unwrap();
    let suffix = name.strip_prefix("locator-").unwrap();
    assert_eq!(suffix.len(), 11);
    let id = get(&world, &format!("streamingLocators/{name}")).await["streamingLocatorId"].clone();
    let base = format!("https://localhost:7075/{}/clip.ism/manifest", id.as_str().unwrap());
    assert_eq!(created["hlsUri"], format!("{base}(format=m3u8-cmaf).m3u8"));
    assert_eq!(created["dashUri"], format!("{base}(format=mpd-time-cmaf).mpd"));
    assert_eq!((created.get("cencKeyId"), created.get("cbcsKeyId")), (None, None));
    assert_eq!(created["operationContext"], json!({"a": 1}));
    let filters = "assets/proxy-show-17-mbr/assetFilters";
    let time = get(&world, &format!("{filters}/filter-time-{suffix}")).await;
    let time = &time["presentationTimeRange"];
    assert_eq!((&time["startTimestamp"], &time["endTimestamp"]), (&json!(15_000_000), &json!(702_500_000)));
    for (filter, track) in [("audio00", "aac_eng"), ("audio01", "aac_deu")] {
        let filter = get(&world, &format!("{filters}/{filter}")).await;
        assert_eq!(filter["tracks"][0]["trackSelections"][1]["value"], track);
    }
    let again = ask(&world, "r-1", CREATE, create).await;
    let again = only(&again, CREATED);
    assert_eq!(
        (&again["id"], &again["data"]),
        (&only(&answers, CREATED)["id"], created),
        "and the same publication"
    );
    let gone = format!("streamingLocators/{name}");
    for id in ["d-1", "d-2"] {
        let answers =
            ask(&world, id, DELETE, json!({"locatorName": name, "operationContext": {"b": id}})).await;
        let deleted = &only(&answers, "response.mediaservices.locator.delete.success")["data"];
        assert_eq!(*deleted, json!({"locatorName": name, "operationContext": {"b": id}}));
        for path in [&gone, &format!("{filters}/filter-time-{suffix}")] {
            assert_eq!(world.ask_media(Method::GET, REGIONS[0].1, path).await.0, StatusCode::NOT_FOUND);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn either_end_of_a_time_filter_may_be_open() {
    let world = world().await;
    for (id, filter, start, end) in [
        ("1", json!({"startSeconds": 2}), json!(20_000_000), Value::Null),
        ("2", json!({"endSeconds": "3.5"}), Value::Null, json!(35_000_000)),
    ] {
        let create = json!({
            "containerUri": CONTAINER, "streamingPolicyName": "clearStreamingOnly", "timeBasedFilter": filter,
        });
        let answers = ask(&world, id, CREATE, create).await;
        let name = only(&answers, CREATED)["data"]["locatorName"].as_str().unwrap().to_owned();
        let suffix = name.strip_prefix("locator-").unwrap();
        let filter =
            get(&world, &format!("assets/proxy-show-17-mbr/assetFilters/filter-time-{suffix}")).await;
        let range = &filter["presentationTimeRange"];
        assert_eq!((&range["startTimestamp"], &range["endTimestamp"]), (&start, &end));
    }
    let create = json!({"containerUri": CONTAINER, "streamingPolicyName": "clearStreamingOnly", "timeBasedFilter": {}});
    let answers = ask(&world, "3", CREATE, create).await;
    let name = only(&answers, CREATED)["data"]["locatorName"].as_str().unwrap().to_owned();
    let locator = get(&world, &format!("streamingLocators/{name}")).await;
    assert_eq!(locator["filters"], json!([]), "a filter that is open at both ends is none");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_published_in_clear_unless_the_operator_allows_it() {
    let world = world_with("").await;
    for (id, policy) in [
        ("1", "clearStreamingOnly"),
        ("2", "Predefined_ClearStreamingOnly"),
        ("3", "Predefined_DownloadOnly"),
        ("4", "predefined_downloadandclearstreaming"),
    ] {
        let create = json!({"containerUri": CONTAINER, "streamingPolicyName": policy});
        let answers = ask(&world, id, CREATE, create).await;
        let failure = &only(&answers, "response.failure")["data"];
        assert_eq!(failure["logEventId"], 552_000, "{policy}");
        let message = failure["logEventMessage"].as_str().unwrap();
        assert!(message.contains("media.clear_streaming is false"), "{message}");
    }
    let (_, locators) = world.ask_media(Method::GET, REGIONS[0].1, "streamingLocators").await;
    assert_eq!(locators["value"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn publications_that_cannot_be() {
    let world = world().await;
    world.upload("proxy", "bare", "clip.mp4", b"moving pictures").await;
    world.upload("proxy", "odd", "clip.ism", b"no manifest").await;
    let usual = json!({"containerUri": CONTAINER, "streamingPolicyName": "clearStreamingOnly"});
    for (members, number, reason) in [
        (json!({"containerUri": null}), 502_004, "data.containerUri"),
        (json!({"containerUri": "show-17"}), 652_000, "expected an absolute URI"),
        (
            json!({"containerUri": "https://x.blob.core.windows.net/c"}),
            652_000,
            "a storage account that is configured",
        ),
        (json!({"streamingPolicyName": ""}), 552_000, "streamingPolicyName: expected"),
        (
            json!({"streamingPolicyName": "unheardOf"}),
            552_000,
            "the streaming policy \"unheardOf\" does not exist",
        ),
        (json!({"streamingPolicyName": "../assets"}), 552_000, "does not exist"),
        (
            json!({"contentKeyPolicyName": "unheardOf"}),
            552_001,
            "the content key policy \"unheardOf\" does not exist",
        ),
        (
            json!({"contentKeyPolicyName": "cencDrmKey"}),
            552_002,
            "needs the setting media.drm.open_id_connect_discovery_document",
        ),
        (json!({"contentKeyPolicyName": "multiDrmKey"}), 552_002, "needs the setting media.drm."),
        (
            json!({"timeBasedFilter": {"startSeconds": -0.5}}),
            652_006,
            "startSeconds: expected a time that is not negative",
        ),
        (
            json!({"timeBasedFilter": {"endSeconds": -1}}),
            652_006,
            "endSeconds: expected a time after startSeconds",
        ),
        (
            json!({"timeBasedFilter": {"startSeconds": 5, "endSeconds": 5}}),
            652_006,
            "expected a time after startSeconds",
        ),
        (json!({"timeBasedFilter": {"startSeconds": "x"}}), 502_004, "data.timeBasedFilter.startSeconds"),
        (
            json!({"containerUri": "http://127.0.0.1:10000/proxy/bare", "generateAudioFilters": true}),
            652_007,
            "expected a container with a server manifest",
        ),
        (
            json!({"containerUri": "http://127.0.0.1:10000/proxy/odd", "generateAudioFilters": true}),
            652_007,
            "the server manifest cannot be read: expected XML",
        ),
    ] {
        let mut data = usual.clone();
        data.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        data["operationContext"] = json!({"case": reason});
        let answers = ask(&world, &members.to_string(), CREATE, data).await;
        assert_eq!(types(&answers), ["response.acknowledge", "response.failure"], "{members}");
        let failure = &only(&answers, "response.failure")["data"];
        assert_eq!(failure["logEventId"], number, "{failure}");
        assert!(failure["logEventMessage"].as_str().unwrap().contains(reason), "{failure}");
        assert_eq!(failure["operationContext"], json!({"case": reason}));
    }
    for name in ["", "../x", "a.b"] {
        let answers = ask(&world, &format!("d{name}"), DELETE, json!({"locatorName": name})).await;
        let failure = &only(&answers, "response.failure")["data"];
        assert_eq!(failure["logEventId"], 652_005, "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_publication_goes_to_the_first_region_that_is_well_and_is_found_wherever_it_is() {
    let world = world().await;
    world.cloud.faults.regions[0].always(Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None), |_| true);
    let create = json!({"containerUri": CONTAINER, "streamingPolicyName": "clearStreamingOnly"});
    let answers = ask(&world, "1", CREATE, create).await;
    let name = only(&answers, CREATED)["data"]["locatorName"].clone();
    world.cloud.faults.regions[0].clear();
    let path = format!("streamingLocators/{}", name.as_str().unwrap());
    for (account, expected) in [(REGIONS[0].1, StatusCode::NOT_FOUND), (REGIONS[1].1, StatusCode::OK)] {
        assert_eq!(world.ask_media(Method::GET, account, &path).await.0, expected);
    }
    let answers = ask(&world, "2", DELETE, json!({"locatorName": name})).await;
    only(&answers, "response.mediaservices.locator.delete.success");
    assert_eq!(world.ask_media(Method::GET, REGIONS[1].1, &path).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_publication_whose_answers_are_lost_or_refused_for_a_while_is_made_once() {
    let create = json!({
        "containerUri": CONTAINER, "streamingPolicyName": "clearStreamingOnly",
        "timeBasedFilter": {"startSeconds": 1},
    });
    for fault in [
        Fault::HangAfter,
        Fault::AnswerAfter(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::Refuse(StatusCode::TOO_MANY_REQUESTS, Some(2)),
        Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None),
    ] {
        for part in ["assets/", "assetFilters/", "streamingLocators/", "listPaths"] {
            let world = world().await;
            world.cloud.faults.regions[0]
                .next(1, fault, move |parts| parts.method != Method::GET && parts.uri.path().contains(part));
            let answers = ask(&world, "1", CREATE, create.clone()).await;
            only(&answers, CREATED);
            assert!(!types(&answers).contains(&"response.failure"), "{part}");
            let (_, locators) = world.ask_media(Method::GET, REGIONS[0].1, "streamingLocators").await;
            assert_eq!(locators["value"].as_array().unwrap().len(), 1, "{part}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn keys_without_a_drm_are_for_bearers_of_a_token() {
    let world = world().await;
    let create = json!({
        "containerUri": CONTAINER, "streamingPolicyName": "clearKeyStreaming", "contentKeyPolicyName": "CLEARKEY",
    });
    let answers = ask(&world, "1", CREATE, create).await;
    let created = &only(&answers, CREATED)["data"];
    assert!(created["hlsUri"].as_str().unwrap().contains("encryption=cbc"), "{created}");
    let policy = get(&world, "contentKeyPolicies/clearKey").await;
    let restriction = &policy["options"][0]["restriction"];
    assert_eq!((&restriction["issuer"], &restriction["audience"]), (&json!("gridwich"), &json!("urn:drm")));
    let text = serde_json::to_string(&world.answers()).unwrap() + &development_key("none", "key1");
    assert!(!text.contains("aHVzaCBodXNo"), "the key for tokens is told nobody");
}

#[tokio::test(start_paused = true)]
async fn request_mediaservices_locator_create_and_delete() {
    let mut book = Book::new("[media]\nclear_streaming = true\n").await;
    book.world.upload("proxy", "show-17-mbr", "clip.mp4", b"moving pictures").await;
    book.world.upload("proxy", "show-17-mbr", "clip.ism", SERVER_MANIFEST.as_bytes()).await;
    let create = |more: Value| {
        let mut data = json!({"containerUri": CONTAINER, "streamingPolicyName": "clearStreamingOnly"});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        data
    };
    let answers = book.page("good", CREATE, create(json!({}))).await;
    let name = only(&answers, CREATED)["data"]["locatorName"].clone();
    book.page(
        "a part of it",
        CREATE,
        create(json!({"timeBasedFilter": {"startSeconds": 1, "endSeconds": 2}})),
    )
    .await;
    book.page("no such policy", CREATE, create(json!({"streamingPolicyName": "x"}))).await;
    book.page("no such keys", CREATE, create(json!({"contentKeyPolicyName": "x"}))).await;
    book.page("an empty part", CREATE, create(json!({"timeBasedFilter": {"endSeconds": 0}}))).await;
    book.page("taken back", DELETE, json!({"locatorName": name})).await;
    book.page("nothing to take back", DELETE, json!({"locatorName": "locator-0"})).await;
    book.page("no name", DELETE, json!({})).await;
    insta::assert_snapshot!(book.text());
}

/// Everything that policies can be made of.
const DRM: &str = r#"
[media.drm]
open_id_connect_discovery_document = "https://tokens.example.com/.well-known/openid-configuration"
token_key = "aHVzaCBodXNoIGh1c2ggaHVzaCBodXNoIGh1c2g="
fair_play_ask_hex = "00112233445566778899aabbccddeeff"
fair_play_certificate_b64 = "aHVzaCBjZXJ0aWZpY2F0ZQ=="
fair_play_pfx_password = "hush password"
widevine_licence_url = "https://licences.example.com/widevine/{ContentKeyId}"
play_ready_licence_url = "https://licences.example.com/playready/{ContentKeyId}"
fair_play_licence_url = "skd://licences.example.com/fairplay/{ContentKeyId}"
"#;

#[tokio::test(start_paused = true)]
async fn drm_is_published_with_the_originals_policies_and_the_ids_of_its_keys() {
    let world = world_with(DRM).await;
    let create = |streaming: &str, keys: &str| json!({"containerUri": CONTAINER, "streamingPolicyName": streaming, "contentKeyPolicyName": keys});
    let answers = ask(&world, "1", CREATE, create("CENCdrmStreaming", "cencDRMkey")).await;
    let created = &only(&answers, CREATED)["data"];
    assert!(created["cencKeyId"].is_string() && created.get("cbcsKeyId").is_none(), "{created}");
    assert!(created.get("hlsUri").is_none(), "without CBCS there is no HLS: {created}");
    assert!(created["dashUri"].as_str().unwrap().ends_with("encryption=cenc).mpd"), "{created}");
    let answers = ask(&world, "2", CREATE, create("multiDrmStreaming", "multiDrmKey")).await;
    let created = &only(&answers, CREATED)["data"];
    assert!(created["cencKeyId"].is_string() && created["cbcsKeyId"].is_string(), "{created}");
    assert!(created["hlsUri"].as_str().unwrap().ends_with("encryption=cbcs-aapl).m3u8"), "{created}");

    let (_, policies) = world.ask_media(Method::GET, REGIONS[0].1, "streamingPolicies").await;
    let policies = policies["value"].as_array().unwrap();
    let named = |start: &str| {
        let mut found = policies.iter().filter(|policy| policy["name"].as_str().unwrap().starts_with(start));
        found.next().unwrap_or_else(|| panic!("{start}"))["properties"].clone()
    };
    let multi = named("multiDrmStreaming-Version-1-0-");
    let template = "customLicenseAcquisitionUrlTemplate";
    for (block, drm, url) in [
        ("commonEncryptionCenc", "widevine", "https://licences.example.com/widevine/{ContentKeyId}"),
        ("commonEncryptionCenc", "playReady", "https://licences.example.com/playready/{ContentKeyId}"),
        ("commonEncryptionCbcs", "fairPlay", "skd://licences.example.com/fairplay/{ContentKeyId}"),
    ] {
        assert_eq!(multi[block]["drm"][drm][template], url);
    }
    assert_eq!(multi["commonEncryptionCbcs"]["contentKeys"]["defaultKey"]["label"], "cbcsKeyDefault");
    assert_eq!(named("cencDrmStreaming-Version-1-0-").get("commonEncryptionCbcs"), None);

    for (policy, count) in [("cencDrmKey", 6), ("multiDrmKey", 9)] {
        let options = get(&world, &format!("contentKeyPolicies/{policy}")).await["options"].clone();
        let options = options.as_array().unwrap();
        assert_eq!(options.len(), count);
        for option in options {
            let restriction = &option["restriction"];
            assert_eq!(
                (&restriction["issuer"], &restriction["audience"]),
                (&json!("gridwich"), &json!("urn:drm"))
            );
            let claims = restriction["requiredClaims"].as_array().unwrap();
            let name = option["name"].as_str().unwrap();
            let persistence = claims[1]["claimValue"].as_str().unwrap();
            assert!(
                name.to_lowercase().ends_with(&format!("persistent_{}", persistence.to_lowercase())),
                "{name}"
            );
        }
    }
    let said = serde_json::to_string(&world.answers()).unwrap();
    assert!(!said.contains("hush") && !said.contains("aHVzaC") && !said.contains("0011223344"), "{said}");
}

/// The key that tokens for `clearKey` are signed with, as an account has it.
async fn token_key(world: &World, account: &str) -> Value {
    let path = "contentKeyPolicies/clearKey/getPolicyPropertiesWithSecrets";
    let (_, policy) = world.ask_media(Method::POST, account, path).await;
    policy["options"][0]["restriction"]["primaryVerificationKey"]["keyValue"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_key_policy_is_made_anew_in_each_account_where_the_operator_wants_it_and_only_there() {
    let [(_, west), (_, north)] = REGIONS;
    for (update, expected) in [
        ("false", "b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xkIG9sZCE="),
        ("true", "bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3IG5ldyE="),
    ] {
        let mut world = world().await;
        let settings = |key: &str| {
            crate::world::config()
                + &format!("[media.drm]\ntoken_key = {key:?}\nupdate_content_key_policies = {update}\n")
        };
        for (number, key) in
            ["b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQgb2xkIG9sZCE=", "bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3IG5ldyE="]
                .into_iter()
                .enumerate()
        {
            world.restart_with(&settings(key)).await.unwrap();
            for (region, down) in [(west, 1), (north, 0)] {
                world.cloud.faults.regions[down]
                    .always(Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None), |_| true);
                let create = json!({
                    "containerUri": CONTAINER, "streamingPolicyName": "clearKeyStreaming",
                    "contentKeyPolicyName": "clearKey",
                });
                let answers = ask(&world, &format!("{number}-{region}"), CREATE, create).await;
                assert_eq!(types(&answers), ["response.acknowledge", CREATED], "{answers:?}");
                world.cloud.faults.regions[down].clear();
                tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            }
        }
        for account in [west, north] {
            assert_eq!(token_key(&world, account).await, expected, "update: {update}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_or_cannot_be_streamed_is_not_published() {
    let world = world().await;
    world.upload("proxy", "bare", "clip.mp4", b"moving pictures").await;
    for (id, container, number, reason) in [
        ("1", "nothing", 652_000, "containerUri: expected a container that is there"),
        ("2", "bare", 652_004, "containerUri: expected a container with the outputs of an encode"),
    ] {
        let create = json!({
            "containerUri": format!("http://127.0.0.1:10000/proxy/{container}"),
            "streamingPolicyName": "clearStreamingOnly",
        });
        let answers = ask(&world, id, CREATE, create).await;
        let failure = &only(&answers, "response.failure")["data"];
        assert_eq!(failure["logEventId"], number, "{failure}");
        assert!(failure["logEventMessage"].as_str().unwrap().contains(reason), "{failure}");
    }
    assert!(world.blobs("proxy", "nothing").await.is_none(), "nothing is made");
    let (_, locators) = world.ask_media(Method::GET, REGIONS[0].1, "streamingLocators").await;
    assert_eq!(locators["value"], json!([]));
}
