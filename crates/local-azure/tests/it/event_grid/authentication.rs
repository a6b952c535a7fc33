//! Who may publish: keys, SAS tokens, bearer tokens (LG-06).

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http::{Method, Request};
use local_azure::event_grid::{TopicHandle, TopicKeys, unsigned_token};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::Sha256;

use super::stage::{Answer, Stage, event};

async fn publish_with(stage: &Stage, query: &str, headers: &[(&str, &str)]) -> Answer {
    let path = format!("/topics/requests/api/events?api-version=2018-01-01{query}");
    let request = headers
        .iter()
        .fold(Request::post(path).header("host", "127.0.0.1:7072"), |request, (name, value)| {
            request.header(*name, *value)
        });
    stage.send(request.body(Body::from(json!([event("1")]).to_string())).expect("a request")).await
}

#[tokio::test(start_paused = true)]
async fn either_key_opens_in_a_header_or_in_the_query() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    for key in &topic.keys {
        assert_eq!(publish_with(&stage, "", &[("aeg-sas-key", key)]).await.status, 200);
        let escaped = utf8_percent_encode(key, NON_ALPHANUMERIC);
        assert_eq!(publish_with(&stage, &format!("&aeg-sas-key={escaped}"), &[]).await.status, 200);
        assert_eq!(publish_with(&stage, &format!("&aeg-sas-key={key}"), &[]).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_right_key_nothing_opens() {
    let stage = Stage::new();
    let key = stage.topic("requests").keys[0].clone();
    let message = publish_with(&stage, "", &[]).await.refusal(401, "Unauthorized", "Unauthorized");
    assert!(message.contains("aeg-sas-token") && message.contains("aeg-sas-key"), "{message}");
    let almost = format!("{}{}", if key.starts_with('A') { "B" } else { "A" }, &key[1..]);
    for wrong in ["c3VyZWx5IG5vdA==", "not base64!", &key[..84], &key[4..], &almost] {
        let answer = publish_with(&stage, "", &[("aeg-sas-key", wrong)]).await;
        let message = answer.refusal(401, "Unauthorized", "Unauthorized");
        assert!(message.contains("127.0.0.1:7072") && !message.contains(wrong), "{message}");
    }
    publish_with(&stage, "", &[("aeg-sas-key", "")]).await.refusal(400, "BadRequest", "InvalidSas");
    publish_with(&stage, "&aeg-sas-key=", &[]).await.refusal(400, "BadRequest", "InvalidSas");
    publish_with(&stage, "", &[("authorization", "Basic abc")]).await.refusal(
        401,
        "Unauthorized",
        "Unauthorized",
    );
}

fn sas_token(topic: &TopicHandle, resource: &str, expiry: &str) -> String {
    let escape = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().to_lowercase();
    let signed = format!("r={}&e={}", escape(resource), utf8_percent_encode(expiry, NON_ALPHANUMERIC));
    let key = STANDARD.decode(&topic.keys[1]).expect("a key is Base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length is a key");
    mac.update(signed.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    format!("{signed}&s={}", utf8_percent_encode(&signature, NON_ALPHANUMERIC))
}

#[tokio::test(start_paused = true)]
async fn a_sas_token_opens_however_its_platform_spells_it() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    for resource in ["?api-version=2018-01-01", "?apiVersion=2018-01-01", "", "/"] {
        for expiry in
            ["3/4/2026 9:00:01 AM", "2026-03-04T09:00:01Z", "2026-03-04 09:00:01.5+00:00", "2026-03-05"]
        {
            let token = sas_token(&topic, &format!("{}{resource}", topic.endpoint), expiry);
            let answer = publish_with(&stage, "", &[("aeg-sas-token", &token)]).await;
            assert_eq!(answer.status, 200, "{resource} {expiry}");
            let authorization = format!("SharedAccessSignature {token}");
            let answer = publish_with(&stage, "", &[("authorization", &authorization)]).await;
            assert_eq!(answer.status, 200, "{resource} {expiry}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_sas_token_opens_only_its_topic_and_only_in_its_time() {
    let stage = Stage::new();
    let (topic, other) = (stage.topic("requests"), stage.topic("others"));
    let good = sas_token(&topic, &topic.endpoint, "2026-03-04T10:00:00Z");
    let altered = good.replacen("e=2026", "e=2027", 1);
    for (wrong, why) in [
        (sas_token(&topic, &topic.endpoint, "2026-03-04T09:00:00Z"), "expired"),
        (sas_token(&topic, &topic.endpoint, "soon"), "no date"),
        (sas_token(&topic, &other.endpoint, "2026-03-04T10:00:00Z"), "another resource"),
        (
            sas_token(&topic, "http://elsewhere:7072/topics/requests/api/events", "2026-03-05"),
            "another resource",
        ),
        (sas_token(&other, &topic.endpoint, "2026-03-04T10:00:00Z"), "does not match"),
        (altered, "does not match"),
        ("r=1&e=2".to_owned(), "no signature"),
        ("r=1&e=2&s=%%".to_owned(), "Base-64"),
    ] {
        let answer = publish_with(&stage, "", &[("aeg-sas-token", &wrong)]).await;
        let message = answer.refusal(401, "Unauthorized", "Unauthorized");
        assert!(message.contains(why), "{message}");
    }
    assert_eq!(publish_with(&stage, "", &[("aeg-sas-token", &good)]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn any_readable_bearer_token_opens_unless_authentication_is_strict() {
    let lenient = Stage::new();
    let strict = Stage::with(|settings| settings.strict_auth = true);
    lenient.topic("requests");
    strict.topic("requests");
    let bearer = |claims: Value| format!("Bearer {}", unsigned_token(&claims));
    let good = bearer(json!({"aud": "https://eventgrid.azure.net/", "exp": 4_000_000_000_u64}));
    let foreign = bearer(json!({"aud": "https://vault.azure.net", "exp": 4_000_000_000_u64}));
    let expired = bearer(json!({"aud": "https://eventgrid.azure.net", "exp": 1}));
    for (token, leniently, strictly) in [
        (good.as_str(), 200, 200),
        (&foreign, 200, 401),
        (&expired, 200, 401),
        ("Bearer rubbish", 401, 401),
        ("Bearer a.b.c", 401, 401),
    ] {
        assert_eq!(
            publish_with(&lenient, "", &[("authorization", token)]).await.status,
            leniently,
            "{token}"
        );
        assert_eq!(publish_with(&strict, "", &[("authorization", token)]).await.status, strictly, "{token}");
    }
}

#[tokio::test(start_paused = true)]
async fn local_authentication_can_be_switched_off() {
    let stage = Stage::new();
    let topic = stage.topic("requests");
    let body = json!({"location": "local", "properties": {"disableLocalAuth": true}});
    assert_eq!(stage.ask(Method::PUT, &topic.id, body).await.status, 201);
    let answer = publish_with(&stage, "", &[("aeg-sas-key", &topic.keys[0])]).await;
    answer.refusal(401, "Unauthorized", "Unauthorized");
    let token = format!("Bearer {}", unsigned_token(&json!({})));
    assert_eq!(publish_with(&stage, "", &[("authorization", &token)]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn keys_are_the_same_in_every_run_unless_they_are_to_be_random() {
    let key = |change: fn(&mut local_azure::event_grid::Settings)| {
        Stage::with(change).topic("requests").keys[0].clone()
    };
    assert_eq!(key(|_| ()), key(|_| ()));
    let random = key(|settings| settings.keys = TopicKeys::Random);
    assert_ne!(random, key(|_| ()));
    assert_eq!(STANDARD.decode(random).map(|key| key.len()), Ok(64));
}
