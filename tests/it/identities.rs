//! The ways of identifying oneself to Media Services: a token of Entra's, a token that is configured, an API key that is
//! traded for tokens.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::world::{MEDIA, Options, World, config, only, types};

const ENCODE: &str = "request.encode.mediaservicesv3.create";

async fn strict_world() -> World {
    let world = World::with(Options { strict_auth: true, ..Options::default() }).await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    world
}

/// The usual configuration with another way of identifying oneself to Media Services.
fn identified_by(auth: &str, token: &str) -> String {
    let (before, media) =
        config().split_once("[[media.accounts]]").map(|(b, m)| (b.to_owned(), m.to_owned())).unwrap();
    let media =
        media.replace("auth = \"bearer\"\ntoken = \"a.b.c\"", &format!("auth = {auth:?}\ntoken = {token:?}"));
    format!("{before}[[media.accounts]]{media}")
}

async fn encode(world: &World, id: &str) -> Vec<Value> {
    let before = world.answers().len();
    let data = json!({
        "inputs": [{"blobUri": "http://127.0.0.1:10000/inbox/show-17/clip.mp4"}],
        "outputContainer": "http://127.0.0.1:10000/proxy/show-17-mbr",
        "transformName": "AdaptiveStreaming", "operationContext": {"id": id},
    });
    world.ask(id, ENCODE, data).await.split_off(before)
}

#[tokio::test(start_paused = true)]
async fn an_api_key_is_traded_for_tokens_again_and_again() {
    let mut world = strict_world().await;
    let key = world.cloud.media_services.api_key();
    world.restart_with(&identified_by("rms", &key)).await.unwrap();
    only(&encode(&world, "1").await, "response.encode.mediaservicesv3.success");
    // Tokens live for an hour.
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    only(&encode(&world, "2").await, "response.encode.mediaservicesv3.success");
}

#[tokio::test(start_paused = true)]
async fn a_token_or_key_that_is_not_taken_fails_the_request_and_is_told_nobody() {
    for (auth, token, reason) in [
        ("bearer", "hush.hush.hush", "access to the transform \"AdaptiveStreaming\" was denied"),
        ("rms", "hush-hush-hush", "is not available"),
    ] {
        let mut world = strict_world().await;
        world.restart_with(&identified_by(auth, token)).await.unwrap();
        let answers = encode(&world, "1").await;
        // Where a token cannot be had now, the request comes again some times, and is acknowledged each time.
        let mut types = types(&answers);
        types.dedup();
        assert_eq!(types, ["response.acknowledge", "response.failure"]);
        let failure = only(&answers, "response.failure").to_string();
        assert!(failure.contains(&reason.replace('"', "\\\"")), "{failure}");
        assert!(!failure.contains("hush"), "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn entras_token_for_resource_manager_is_shown() {
    let mut world = World::new().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    let (asked, shown) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let heard = Arc::clone(&asked);
    let token = move |body: String| async move {
        heard.lock().unwrap().push(body);
        Json(
            json!({"token_type": "Bearer", "expires_in": 3600, "ext_expires_in": 3600, "access_token": "from.entra.token"}),
        )
    };
    let login = Router::new().route("/tenant-1/oauth2/v2.0/token", post(token));
    world.network.connect("login.microsoftonline.com", login);
    let seen = Arc::clone(&shown);
    let noting = from_fn(move |request: Request, next: Next| {
        seen.lock().unwrap().push(request.headers()["authorization"].to_str().unwrap().to_owned());
        next.run(request)
    });
    world.network.connect(MEDIA, world.cloud.media_services.router().layer(noting));
    let entra = "[entra]\ncredential = \"client_secret\"\ntenant_id = \"tenant-1\"\nclient_id = \"client-1\"\nclient_secret = \"s\"\n";
    world.restart_with(&(identified_by("entra", "") + entra)).await.unwrap();
    only(&encode(&world, "1").await, "response.encode.mediaservicesv3.success");
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 1, "a token is kept while it is good");
    assert!(asked[0].contains("scope=https%3A%2F%2Fmanagement.azure.com%2F.default"), "{asked:?}");
    let shown = shown.lock().unwrap();
    assert!(!shown.is_empty() && shown.iter().all(|token| token == "Bearer from.entra.token"), "{shown:?}");
}
