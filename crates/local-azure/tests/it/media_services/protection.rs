//! Protected streams: segments that only the key opens, and who gets the key.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use sha2::Sha256;

use super::streaming::{Origin, ask, locate, play, published, refuses, text};
use super::studio::studio;
use super::world::{BEGINNING, World};

const ID: &str = "0f0e0d0c-0b0a-4908-8706-050403020100";
const KEY: &str = "10000000-0000-4000-8000-000000000001";
const KEY_VALUE: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
pub const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const HLS: &str = "manifest(format=m3u8-cmaf,encryption=cbc)";
pub const KEY_IDENTIFIER: &str = "urn:microsoft:azure:mediaservices:contentkeyidentifier";

/// Makes the content key policy `k`, which hands out keys.
pub async fn key_policy(world: &World, restriction: Value) {
    let configuration = json!({"@odata.type": "#Microsoft.Media.ContentKeyPolicyClearKeyConfiguration"});
    let options = json!([{"configuration": configuration, "restriction": restriction}]);
    let (status, answer) =
        world.put("contentKeyPolicies/k", json!({"properties": {"options": options}})).await;
    assert!(status.is_success(), "{answer}");
}

pub fn open() -> Value {
    json!({"@odata.type": "#Microsoft.Media.ContentKeyPolicyOpenRestriction"})
}

pub fn token_restriction() -> Value {
    json!({
        "@odata.type": "#Microsoft.Media.ContentKeyPolicyTokenRestriction",
        "issuer": "issuer", "audience": "urn:drm", "restrictionTokenType": "Jwt",
        "primaryVerificationKey": {
            "@odata.type": "#Microsoft.Media.ContentKeyPolicySymmetricTokenKey",
            "keyValue": STANDARD.encode(SECRET),
        },
        "requiredClaims": [{"claimType": KEY_IDENTIFIER}, {"claimType": "persistent", "claimValue": "none"}],
    })
}

fn protected() -> Value {
    let key = json!({
        "id": KEY, "labelReferenceInStreamingPolicy": "clearKeyDefault", "value": STANDARD.encode(KEY_VALUE),
    });
    json!({
        "streamingPolicyName": "Predefined_ClearKey",
        "defaultContentKeyPolicyName": "k",
        "contentKeys": [key],
    })
}

/// The claims of a token that is taken.
pub fn claims() -> Value {
    let expires = BEGINNING.unix_timestamp() + 3_600;
    json!({"iss": "issuer", "aud": "urn:drm", "exp": expires, KEY_IDENTIFIER: KEY, "persistent": "none"})
}

pub fn signed(claims: &Value, algorithm: &str, secret: &[u8]) -> String {
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": algorithm, "typ": "JWT"}).to_string());
    let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

async fn key_status(world: &World, token: Option<&str>) -> StatusCode {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let header = bearer.as_deref().map(|bearer| ("authorization", bearer));
    ask(world, &format!("/keydelivery/{ID}/{KEY}"), header).await.status()
}

#[tokio::test]
async fn an_encrypted_presentation_plays_with_its_key_only() {
    let world = studio();
    key_policy(&world, open()).await;
    published(&world, protected()).await;
    let origin = Origin::of(&world).await;
    let played = play(&origin.presentation(HLS), "").await.unwrap();
    assert_eq!((played.videos, played.audios, played.seconds, played.pictures), (1, 1, 8.0, 240));
    let segment = format!("/{ID}/clip.ism/stream(encryption=cbc)/segment-0-1.m4s");
    let segment = ask(&world, &segment, None).await.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(segment.len() % 16, 0);
    assert!(!segment.windows(4).any(|word| word == b"moof"), "nothing of it is clear");
    key_policy(&world, token_restriction()).await;
    play(&origin.presentation(HLS), "").await.unwrap_err();
    let header = format!("Authorization: Bearer {}\r\n", signed(&claims(), "HS256", SECRET));
    assert_eq!(play(&origin.presentation(HLS), &header).await.unwrap().pictures, 240);
}

#[tokio::test]
async fn nothing_of_a_protected_asset_is_streamed_in_clear() {
    let world = studio();
    key_policy(&world, open()).await;
    published(&world, protected()).await;
    let all = [
        "clip.ism/manifest(format=mpd-time-cmaf)",
        "clip.ism/manifest(format=m3u8-cmaf,encryption=none)",
        "clip.ism/stream(encryption=none)/0.m3u8",
        "clip.ism/stream(encryption=none)/segment-0-1.m4s",
        "clip.ism/stream()/segment-0-1.m4s",
        "clip_848x480_2200.mp4",
        "clip.ism",
    ];
    refuses(&world, &all).await;
    let unnamed = ask(&world, &format!("/{ID}/clip.ism/manifest(format=m3u8-cmaf)"), None).await;
    assert!(text(unnamed).await.contains("encryption=cbc"), "protected without being asked");
    locate(&world, super::streaming::clear()).await;
    let encrypted = ask(&world, &format!("/{ID}/clip.ism/{HLS}"), None).await;
    assert_eq!(encrypted.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_key_is_for_bearers_of_the_right_token() {
    let world = studio();
    key_policy(&world, token_restriction()).await;
    published(&world, protected()).await;
    assert_eq!(key_status(&world, None).await, StatusCode::UNAUTHORIZED);
    let good = signed(&claims(), "HS256", SECRET);
    assert_eq!(key_status(&world, Some(&good)).await, StatusCode::OK);
    let in_query = ask(&world, &format!("/keydelivery/{ID}/{KEY}?token=Bearer%20{good}"), None).await;
    assert_eq!(in_query.headers()["cache-control"], "no-store");
    assert_eq!(in_query.into_body().collect().await.unwrap().to_bytes(), KEY_VALUE[..]);
    let past = BEGINNING.unix_timestamp() - 3_600;
    for (claim, value) in [
        ("iss", json!("somebody")),
        ("aud", json!("elsewhere")),
        ("exp", json!(past)),
        ("exp", Value::Null),
        ("nbf", json!(past + 7_200)),
        (KEY_IDENTIFIER, json!(ID)),
        ("persistent", json!("2Hours")),
        ("persistent", Value::Null),
    ] {
        let mut wrong = claims();
        wrong[claim] = value;
        let token = signed(&wrong, "HS256", SECRET);
        assert_eq!(key_status(&world, Some(&token)).await, StatusCode::FORBIDDEN, "{claim}");
    }
    for token in [
        signed(&claims(), "HS256", b"another secret of thirty-two byte"),
        signed(&claims(), "none", SECRET),
        signed(&claims(), "HS384", SECRET),
        "no.token.at-all".to_owned(),
        String::new(),
    ] {
        assert_ne!(key_status(&world, Some(&token)).await, StatusCode::OK, "{token}");
    }
    let other = ask(&world, &format!("/keydelivery/{ID}/{ID}"), None).await;
    assert_eq!(other.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn keys_may_be_delivered_by_somebody_else() {
    let world = studio();
    let protocols = json!({"download": false, "dash": false, "hls": true, "smoothStreaming": false});
    let envelope = json!({
        "enabledProtocols": protocols,
        "contentKeys": {"defaultKey": {"label": "k"}},
        "customKeyAcquisitionUrlTemplate": "https://keys.example/{AlternativeMediaId}?kid={ContentKeyId}",
    });
    world.put("streamingPolicies/own", json!({"properties": {"envelopeEncryption": envelope}})).await;
    let key = json!({"id": KEY, "labelReferenceInStreamingPolicy": "k", "value": STANDARD.encode(KEY_VALUE)});
    let locator = json!({"streamingPolicyName": "own", "contentKeys": [key], "alternativeMediaId": "a\"b"});
    published(&world, locator).await;
    let playlist = ask(&world, &format!("/{ID}/clip.ism/stream(encryption=cbc)/0.m3u8"), None).await;
    let expected = format!("URI=\"https://keys.example/a%22b?kid={KEY}\"");
    let playlist = text(playlist).await;
    assert!(playlist.contains(&expected), "{playlist}");
    assert_eq!(key_status(&world, None).await, StatusCode::NOT_FOUND);
}
