//! Who gets the keys of W3C Clear Key, and tokens that are signed by a token service which has to be discovered.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{Request, Response, StatusCode};
use local_azure::serve::serve;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;

use super::protection::{KEY_IDENTIFIER, SECRET, claims, key_policy, open, signed, token_restriction};
use super::streaming::{ask, published, text};
use super::studio::studio_with_packager;
use super::world::World;

const ID: &str = "0f0e0d0c-0b0a-4908-8706-050403020100";
const KEY: &str = "10000000-0000-4000-8000-000000000001";
const KEY_VALUE: [u8; 16] = *b"the key of cenc!";

/// A world whose asset is encrypted for W3C Clear Key, by a content key policy with this restriction.
async fn encrypted(restriction: Value) -> World {
    let world = studio_with_packager(None);
    key_policy(&world, restriction).await;
    let cenc = json!({
        "enabledProtocols": {"download": false, "dash": true, "hls": false, "smoothStreaming": false},
        "contentKeys": {"defaultKey": {"label": "cenc"}},
    });
    world.put("streamingPolicies/clear-key", json!({"properties": {"commonEncryptionCenc": cenc}})).await;
    world.asset("output").await;
    let (status, answer) = world.put("streamingLocators/l", json!({"properties": located()})).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    world
}

fn located() -> Value {
    let key =
        json!({"id": KEY, "labelReferenceInStreamingPolicy": "cenc", "value": STANDARD.encode(KEY_VALUE)});
    json!({
        "assetName": "output", "streamingLocatorId": ID, "streamingPolicyName": "clear-key",
        "defaultContentKeyPolicyName": "k", "contentKeys": [key],
    })
}

/// The key's id as players spell it.
fn key_id() -> String {
    URL_SAFE_NO_PAD.encode(uuid::Uuid::parse_str(KEY).unwrap())
}

async fn licence(world: &World, body: &str, token: Option<&str>) -> Response<Body> {
    let mut request = Request::post(format!("/keydelivery/{ID}/clearkey"));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.header("origin", "https://player.example").body(Body::from(body.to_owned()));
    world.service().streaming_router().oneshot(request.unwrap()).await.unwrap()
}

async fn status(world: &World, token: Option<&str>) -> StatusCode {
    let body = json!({"kids": [key_id()], "type": "temporary"}).to_string();
    licence(world, &body, token).await.status()
}

#[tokio::test]
async fn a_clear_key_licence_is_for_bearers_of_the_right_token() {
    let world = encrypted(token_restriction()).await;
    assert_eq!(status(&world, None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&world, Some("no.token.at-all")).await, StatusCode::FORBIDDEN);
    let mut others = claims();
    others[KEY_IDENTIFIER] = json!(ID);
    assert_eq!(status(&world, Some(&signed(&others, "HS256", SECRET))).await, StatusCode::FORBIDDEN);
    let token = signed(&claims(), "HS256", SECRET);
    let body = json!({"kids": [key_id()], "type": "temporary"}).to_string();
    let given = licence(&world, &body, Some(&token)).await;
    assert_eq!(
        (given.status(), &given.headers()["cache-control"]),
        (StatusCode::OK, &"no-store".parse().unwrap())
    );
    assert_eq!(given.headers()["access-control-allow-origin"], "https://player.example");
    assert_eq!(given.headers()["access-control-allow-credentials"], "true");
    let given = serde_json::from_str::<Value>(&text(given).await).unwrap();
    let key = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(KEY_VALUE), "kid": key_id()});
    assert_eq!(given, json!({"keys": [key], "type": "temporary"}));
    for (body, expected) in [
        ("{\"kids\":[\"AAAAAAAAAAAAAAAAAAAAAA\"]}".to_owned(), StatusCode::NOT_FOUND),
        ("{\"kids\":[\"?\"]}".to_owned(), StatusCode::NOT_FOUND),
        (json!({"kids": [key_id()], "type": "persistent-license"}).to_string(), StatusCode::BAD_REQUEST),
        ("kids".to_owned(), StatusCode::BAD_REQUEST),
        (json!({"kids": vec![key_id(); 1000]}).to_string(), StatusCode::BAD_REQUEST),
    ] {
        let said = licence(&world, &body, Some(&token)).await;
        assert_eq!(said.status(), expected, "{body}");
        assert!(!text(said).await.contains(&URL_SAFE_NO_PAD.encode(KEY_VALUE)));
    }
    let got = ask(&world, &format!("/keydelivery/{ID}/clearkey"), None).await;
    assert_eq!(
        (got.status(), &got.headers()["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
    );
}

#[tokio::test]
async fn the_manifest_says_where_clear_keys_are() {
    let world = encrypted(open()).await;
    let mut properties = located();
    properties.as_object_mut().unwrap().remove("assetName");
    published(&world, properties).await;
    let manifest =
        ask(&world, &format!("/{ID}/clip.ism/manifest(format=mpd-time-cmaf,encryption=cenc)"), None).await;
    let manifest = text(manifest).await;
    let licence = format!(">https://stream.local/keydelivery/{ID}/clearkey<");
    for expected in
        ["urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e", &licence, &format!("cenc:default_KID=\"{KEY}\"")]
    {
        assert!(manifest.contains(expected), "{expected} in {manifest}");
    }
    assert_eq!(status(&world, None).await, StatusCode::OK, "an open restriction asks for no token");
}

/// A token service on a port of its own, with one RSA key, whose id is `one`.
struct TokenService {
    key: KeyPair,
    asked: Arc<AtomicUsize>,
    document: String,
    _stop: DropGuard,
}

impl TokenService {
    /// With an answer to who asks for the keys, given their set.
    async fn start(keys: impl Fn(Value) -> axum::response::Response + Clone + Send + Sync + 'static) -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        // The modulus of 2048 bits, and the exponent 65537 behind its two bytes of type and length.
        let public = key.public_key().as_ref();
        let modulus = URL_SAFE_NO_PAD.encode(&public[public.len() - 261..public.len() - 5]);
        let set = json!({"keys": [
            {"kty": "EC", "kid": "other", "crv": "P-256", "x": "AA", "y": "AA"},
            {"kty": "RSA", "kid": "one", "use": "sig", "n": modulus, "e": "AQAB"},
        ]});
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let document = json!({"issuer": url, "jwks_uri": format!("{url}/keys")}).to_string();
        let counted = Arc::clone(&asked);
        let router = Router::new().route("/document", get(|| async { document })).route(
            "/keys",
            get(move || async move {
                counted.fetch_add(1, Ordering::Relaxed);
                keys(set)
            }),
        );
        tokio::spawn(serve(listener, router, None, stop.clone()));
        Self { key, asked, document: format!("{url}/document"), _stop: stop.drop_guard() }
    }

    fn restriction(&self) -> Value {
        let mut restriction = token_restriction();
        restriction.as_object_mut().unwrap().remove("primaryVerificationKey");
        restriction["openIdConnectDiscoveryDocument"] = json!(self.document);
        restriction
    }

    fn signed(&self, claims: &Value, key_id: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": "RS256", "typ": "JWT", "kid": key_id}).to_string());
        let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

#[tokio::test]
async fn tokens_are_checked_with_the_keys_of_a_discovered_token_service() {
    let service = TokenService::start(|keys| axum::Json(keys).into_response()).await;
    let world = encrypted(service.restriction()).await;
    let good = service.signed(&claims(), "one");
    for _ in 0..3 {
        assert_eq!(status(&world, Some(&good)).await, StatusCode::OK);
    }
    let mut others = claims();
    others["persistent"] = json!("14Days");
    let stranger = TokenService::start(|keys| axum::Json(keys).into_response()).await;
    for token in [
        service.signed(&others, "one"),
        service.signed(&claims(), "two"),
        service.signed(&claims(), "other"),
        stranger.signed(&claims(), "one"),
        signed(&claims(), "HS256", SECRET),
    ] {
        assert_eq!(status(&world, Some(&token)).await, StatusCode::FORBIDDEN);
    }
    assert_eq!(service.asked.load(Ordering::Relaxed), 1, "keys are kept, and unknown ids ask for no storm");
    drop(service);
    assert_eq!(status(&world, Some(&good)).await, StatusCode::OK, "and stay when the service goes");
}

#[tokio::test]
async fn keys_are_not_given_while_the_token_service_cannot_be_asked() {
    let too_long = TokenService::start(|keys| format!("{keys}{}", " ".repeat(300_000)).into_response()).await;
    let elsewhere = TokenService::start(|_| Redirect::temporary("/document").into_response()).await;
    let failing = TokenService::start(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response()).await;
    let no_keys = TokenService::start(|_| "no keys".into_response()).await;
    for service in [&too_long, &elsewhere, &failing, &no_keys] {
        let world = encrypted(service.restriction()).await;
        let body = json!({"kids": [key_id()]}).to_string();
        let refused = licence(&world, &body, Some(&service.signed(&claims(), "one"))).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()["retry-after"], "5");
        assert!(text(refused).await.contains("openIdConnectDiscoveryDocument"));
    }
}

#[tokio::test]
async fn what_a_discovery_document_says_must_be_trustworthy() {
    let world = encrypted(open()).await;
    world.delete("streamingLocators/l").await;
    for document in ["http://tokens.example/document", "ftp://localhost/document", "document"] {
        let mut restriction = token_restriction();
        restriction["openIdConnectDiscoveryDocument"] = json!(document);
        key_policy(&world, restriction).await;
        let (status, answer) = world.put("streamingLocators/l", json!({"properties": located()})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{document}");
        assert_eq!(answer["error"]["code"], "ConfigurationUnsupported");
        assert!(
            answer["error"]["message"].as_str().unwrap().contains("openIdConnectDiscoveryDocument"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_policy_that_asks_for_other_tokens_meanwhile_takes_these_no_more() {
    let world = encrypted(token_restriction()).await;
    let token = signed(&claims(), "HS256", SECRET);
    assert_eq!(status(&world, Some(&token)).await, StatusCode::OK);
    let mut simple = token_restriction();
    simple["restrictionTokenType"] = json!("Swt");
    key_policy(&world, simple).await;
    assert_eq!(status(&world, Some(&token)).await, StatusCode::FORBIDDEN);
}
