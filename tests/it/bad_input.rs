//! Requests that cannot be carried out: each is acknowledged and then failed, with its context and the reason.

use serde_json::{Value, json};

use crate::world::{World, only, types};

const CLIP: &str = "http://127.0.0.1:10000/inbox/show-17/clip.mp4";

/// Asks, and checks that the answers are an acknowledgment and a failure of that number and reason.
async fn refused(world: &World, event_type: &str, data: Value, number: u32, reason: &str) {
    let before = world.answers().len();
    let mut data = data;
    data["operationContext"] = json!({"case": reason});
    let answers =
        world.ask(&format!("{event_type}-{before}"), event_type, data.clone()).await.split_off(before);
    assert_eq!(types(&answers), ["response.acknowledge", "response.failure"], "{data}");
    let failure = &only(&answers, "response.failure")["data"];
    assert_eq!(failure["logEventId"], number, "{failure}");
    assert_eq!(failure["operationContext"], json!({"case": reason}), "{failure}");
    assert_eq!(failure["eventType"], event_type, "{failure}");
    assert!(failure["logEventMessage"].as_str().unwrap().contains(reason), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn copies_that_cannot_be() {
    let world = World::new().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    for (source, destination, number, reason) in [
        (json!("show-17/clip.mp4"), json!(CLIP), 513_000, "expected an absolute URI"),
        (json!(CLIP), json!("/archive/x"), 513_000, "expected an absolute URI"),
        (
            json!(CLIP),
            json!("https://x.blob.core.windows.net/c/b"),
            513_000,
            "a storage account that is configured here",
        ),
        (json!(CLIP), json!("http://127.0.0.1:10000/archive/show-17"), 513_000, "expected the URI of a blob"),
        (json!(CLIP), json!(CLIP), 513_000, "name the same blob"),
        (json!(null), json!(CLIP), 502_004, "data.sourceUri: invalid type: null, expected a string"),
        (json!(7), json!(CLIP), 502_004, "data.sourceUri: invalid type: integer `7`, expected a string"),
        (
            json!(format!("{CLIP}x")),
            json!("http://127.0.0.1:10000/archive/show-17/a"),
            611_014,
            "clip.mp4x does not exist",
        ),
    ] {
        refused(
            &world,
            "request.blob.copy",
            json!({"sourceUri": source, "destinationUri": destination}),
            number,
            reason,
        )
        .await;
    }
    refused(
        &world,
        "request.blob.copy",
        json!({"sourceUri": CLIP}),
        502_004,
        "missing field `destinationUri`",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn signatures_and_passwords_in_uris_are_not_repeated() {
    let world = World::new().await;
    for uri in [
        "https://x.blob.core.windows.net/c/b?sv=2024-01-01&sig=hush%2B",
        "https://user:hush@x.blob.core.windows.net/c/b",
        "http://127.0.0.1:10000/inbox/show-17/clip.mp4?sig=hush",
        "https://x/?a=1&SIG=hush",
    ] {
        let data = json!({"sourceUri": uri, "destinationUri": uri});
        for event_type in ["request.blob.copy", "request.blob.tier.change"] {
            world.ask(uri, event_type, data.clone()).await;
        }
        let encode = json!({"inputs": [{"blobUri": uri}], "outputContainer": uri, "transformName": "A"});
        world.ask(uri, "request.encode.mediaservicesv3.create", encode).await;
        let tier = json!({"blobUri": uri, "accessTier": "Hot", "rehydratePriority": "Standard"});
        world.ask(uri, "request.blob.tier.change", tier).await;
    }
    let failures = world.answers().into_iter().filter(|answer| answer["eventType"] == "response.failure");
    let failures = failures.collect::<Vec<_>>();
    assert_eq!(failures.len(), 16);
    for failure in failures {
        let mut data = failure["data"].clone();
        // The requestor's own id, repeated as it is, happens to be the URI here.
        data["eventId"] = json!("");
        assert!(!data.to_string().contains("hush"), "{data}");
    }
}

#[tokio::test(start_paused = true)]
async fn containers_and_tiers_that_cannot_be() {
    let world = World::new().await;
    let create = "request.blob.container.create";
    let named =
        |account: &str, container: &str| json!({"storageAccountName": account, "containerName": container});
    refused(&world, create, named("other", "show-17"), 511_003, "\"other\" is not one of those configured")
        .await;
    refused(&world, create, named("inbox", "Show 17"), 511_003, "was refused").await;
    refused(&world, create, named("INBOX", "show-17"), 511_003, "\"INBOX\" is not one of those configured")
        .await;
    let tier = "request.blob.tier.change";
    let set = |tier: &str, priority: &str| json!({"blobUri": CLIP, "accessTier": tier, "rehydratePriority": priority});
    refused(
        &world,
        tier,
        set("Tepid", "High"),
        502_004,
        "data.accessTier: expected Hot, Cool, Cold or Archive",
    )
    .await;
    refused(
        &world,
        tier,
        set("Hot", "Now"),
        502_004,
        "data.rehydratePriority: expected Standard, Normal, Low or High",
    )
    .await;
    refused(&world, tier, set("Hot", "High"), 611_000, "clip.mp4 does not exist").await;
}

#[tokio::test(start_paused = true)]
async fn encodes_that_cannot_be() {
    let world = World::new().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    let encode = "request.encode.mediaservicesv3.create";
    let usual = json!({
        "inputs": [{"blobUri": CLIP}], "outputContainer": "http://127.0.0.1:10000/proxy/show-17",
        "transformName": "AdaptiveStreaming",
    });
    for (member, value, number, reason) in [
        ("inputs", json!([]), 551_000, "inputs: expected 1 to 10 inputs, found 0"),
        ("inputs", json!([{"blobUri": "clip.mp4"}]), 551_000, "expected an absolute URI"),
        ("inputs", json!([{"uri": CLIP}]), 502_004, "data.inputs[0]: missing field `blobUri`"),
        ("inputs", json!([{"blobUri": format!("{CLIP}x")}]), 551_010, "does not exist"),
        (
            "inputs",
            json!([{"blobUri": CLIP}, {"blobUri": "http://127.0.0.1:10000/archive/show-17/a"}]),
            551_004,
            "inputs[1].blobUri: expected a blob of the same account and container",
        ),
        ("outputContainer", json!("proxy"), 551_001, "expected an absolute URI"),
        (
            "outputContainer",
            json!("http://127.0.0.1:10000/proxy"),
            551_001,
            "expected the name of a container",
        ),
        (
            "outputContainer",
            json!("http://127.0.0.1:10000/proxy/show-17/a/b"),
            551_001,
            "without a path below it",
        ),
        ("transformName", json!(" "), 551_000, "transformName: expected the name of a transform"),
        ("transformName", json!("Nonesuch"), 551_005, "the transform \"Nonesuch\" does not exist"),
        (
            "timeBasedEncode",
            json!({"startSeconds": -1}),
            551_006,
            "startSeconds: expected a time that is not negative",
        ),
        (
            "timeBasedEncode",
            json!({"startSeconds": 5, "endSeconds": 5}),
            551_006,
            "endSeconds: expected a time after startSeconds",
        ),
    ] {
        let mut data = usual.clone();
        data[member] = value;
        refused(&world, encode, data, number, reason).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_without_data_or_with_data_that_is_no_object_fails_too() {
    let world = World::new().await;
    let nothing = [json!(null), json!(""), json!("null")].map(|data| (data, 502_003));
    let no_object = [json!([]), json!(7), json!("text"), json!(true)].map(|data| (data, 502_004));
    for (i, (data, number)) in nothing.into_iter().chain(no_object).enumerate() {
        let before = world.answers().len();
        let answers = world.ask(&i.to_string(), "request.blob.copy", data.clone()).await.split_off(before);
        assert_eq!(types(&answers), ["response.acknowledge", "response.failure"], "{data}");
        let failure = &answers[1]["data"];
        assert_eq!(failure["logEventId"], number, "{data}");
        assert_eq!(failure.get("operationContext"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_context_that_is_no_object_is_named_and_not_repeated() {
    let world = World::new().await;
    let data = json!({"storageAccountName": "inbox", "containerName": "show-17", "operationContext": "s-1"});
    let answers = world.ask("1", "request.blob.container.create", data).await;
    let failure = &only(&answers, "response.failure")["data"];
    assert_eq!(failure["logEventMessage"], "data.operationContext: expected a JSON object");
    assert_eq!(failure.get("operationContext"), None);
    let deep = "[".repeat(200) + &"]".repeat(200);
    let data = format!(
        r#"{{"storageAccountName":"inbox","containerName":"show-17","operationContext":{{"a":{deep}}}}}"#
    );
    let body = format!(r#"[{{"id":"2","eventType":"request.blob.container.create","data":{data}}}]"#);
    assert_eq!(world.deliver(body).await.status(), 200);
    let failure = &world.answers().pop().unwrap()["data"];
    assert_eq!(failure["logEventMessage"], "data.operationContext: expected at most 61 levels of nesting");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_configured_is_absent_and_not_broken() {
    let world = World::bare().await;
    let data =
        json!({"storageAccountName": "inbox", "containerName": "show-17", "operationContext": {"a": 1}});
    let answers = world.ask("1", "request.blob.container.create", data).await;
    let failure = &only(&answers, "response.failure")["data"];
    assert_eq!(failure["logEventId"], 502_900);
    assert!(failure["logEventMessage"].as_str().unwrap().contains("[storage]"), "{failure}");
}
