//! Real players in a real browser, on what the local Media Services stream. What the browser does is in
//! `tests/clients/browser.cjs`.

use std::process::{Command, Output};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use local_azure::ids::development_key;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::process::{Local, PATIENCE, make_clip, root, tool};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// The first Media Services account of a local cloud.
struct Media<'a>(&'a Local);

impl Media<'_> {
    async fn send(&self, method: reqwest::Method, path: &str, properties: Value) -> Value {
        let at = |pointer: &str| self.0.text(&format!("/media/0/{pointer}"));
        let account = format!(
            "{}/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Media/mediaServices/{}",
            at("baseUrl"),
            at("subscriptionId"),
            at("resourceGroup"),
            at("account"),
        );
        let request = self
            .0
            .client
            .request(method, format!("{account}/{path}?api-version=2022-07-01"))
            .bearer_auth("a.b.c");
        let answer = request.body(json!({"properties": properties}).to_string()).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    async fn put(&self, path: &str, properties: Value) {
        self.send(reqwest::Method::PUT, path, properties).await;
    }

    /// Makes a clip and has it encoded into the asset `show`.
    async fn encode(&self) {
        let folder = tempfile::tempdir().unwrap();
        let clip = folder.path().join("clip.mp4");
        make_clip(&clip);
        self.0.upload("inbox/clip.mp4", std::fs::read(clip).unwrap());
        self.put("assets/source", json!({"container": "inbox", "storageAccountName": "inbox"})).await;
        self.put("assets/show", json!({"storageAccountName": "proxy"})).await;
        let preset = json!({
            "@odata.type": "#Microsoft.Media.BuiltInStandardEncoderPreset", "presetName": "H264SingleBitrateSD",
        });
        self.put("transforms/t", json!({"outputs": [{"preset": preset}]})).await;
        let input = json!({
            "@odata.type": "#Microsoft.Media.JobInputAsset", "assetName": "source", "files": ["clip.mp4"],
        });
        let output = json!({"@odata.type": "#Microsoft.Media.JobOutputAsset", "assetName": "show"});
        self.put("transforms/t/jobs/j", json!({"input": input, "outputs": [output]})).await;
        let until = Instant::now() + PATIENCE;
        loop {
            let job = self.send(reqwest::Method::GET, "transforms/t/jobs/j", Value::Null).await;
            match job["properties"]["state"].as_str() {
                Some("Finished") => return,
                Some("Error" | "Canceled") => panic!("{job}"),
                _ => assert!(Instant::now() < until, "{job}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    /// Locates the asset, and gives the URLs of its streams.
    async fn locate(&self, name: &str, mut properties: Value) -> Vec<String> {
        properties["assetName"] = json!("show");
        self.put(&format!("streamingLocators/{name}"), properties).await;
        let path = format!("streamingLocators/{name}/listPaths");
        let paths = self.send(reqwest::Method::POST, &path, Value::Null).await;
        let streams = paths["streamingPaths"].as_array().unwrap().iter();
        streams
            .map(|stream| format!("{}{}", self.0.text("/streaming"), stream["paths"][0].as_str().unwrap()))
            .collect()
    }

    /// A key that is handed out to bearers of [`token`].
    async fn key_policy(&self) {
        let restriction = json!({
            "@odata.type": "#Microsoft.Media.ContentKeyPolicyTokenRestriction",
            "issuer": "gridwich", "audience": "urn:drm", "restrictionTokenType": "Jwt",
            "primaryVerificationKey": {
                "@odata.type": "#Microsoft.Media.ContentKeyPolicySymmetricTokenKey",
                "keyValue": STANDARD.encode(SECRET),
            },
            "requiredClaims": [{"claimType": "persistent", "claimValue": "none"}],
        });
        let configuration = json!({"@odata.type": "#Microsoft.Media.ContentKeyPolicyClearKeyConfiguration"});
        let options = json!([{"configuration": configuration, "restriction": restriction}]);
        self.put("contentKeyPolicies/k", json!({"options": options})).await;
    }
}

/// A player's token for ten minutes, with a claim of its own, signed with a secret.
fn token(claim: &str, value: &str, secret: &[u8]) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({"iss": "gridwich", "aud": "urn:drm", "exp": now + 600, claim: value});
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "typ": "JWT"}).to_string());
    let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// Has a browser play URLs.
fn browse(urls: &[String], token: Option<&str>) -> Output {
    let mut command = Command::new("node");
    command.arg(root().join("tests/clients/browser.cjs")).arg(tool("node")).args(urls);
    command.envs(token.map(|token| ("PLAYER_TOKEN", token))).output().unwrap()
}

/// What a browser has seen of URLs that have to play.
pub fn seen(urls: &[String], token: Option<&str>) -> Vec<Value> {
    let output = browse(urls, token);
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{complained}");
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_licence_provider_is_named_for_policies_that_name_none() {
    let local = Local::start(&["--licence-url", "https://licences.example/{Drm}/{ContentKeyId}"]);
    let media = Media(&local);
    media.encode().await;
    let urls = media.locate("drm", json!({"streamingPolicyName": "Predefined_MultiDrmStreaming"})).await;
    let [dash, _hls] = &urls[..] else { panic!("{urls:?}") };
    let manifest = local.client.get(dash).send().await.unwrap().text().await.unwrap();
    assert!(manifest.contains("<dashif:Laurl>https://licences.example/widevine/"), "{manifest}");
}

#[tokio::test]
async fn a_browser_plays_what_is_streamed() {
    let local = Local::start(&[]);
    let media = Media(&local);
    media.encode().await;
    media.key_policy().await;
    let clear = media.locate("clear", json!({"streamingPolicyName": "Predefined_ClearStreamingOnly"})).await;
    let keyed = json!({"streamingPolicyName": "Predefined_ClearKey", "defaultContentKeyPolicyName": "k"});
    let envelope = media.locate("envelope", keyed).await;
    let cenc = json!({"enabledProtocols": {"download": false, "dash": true, "hls": false, "smoothStreaming": false}});
    media.put("streamingPolicies/clear-key", json!({"commonEncryptionCenc": cenc})).await;
    let keyed = json!({"streamingPolicyName": "clear-key", "defaultContentKeyPolicyName": "k"});
    let clear_key = media.locate("clear-key", keyed).await;
    assert_eq!((clear.len(), envelope.len(), clear_key.len()), (2, 1, 1));
    for (urls, reason) in [(&envelope, "keyLoadError 401"), (&clear_key, "status of 401")] {
        let refused = browse(urls, None);
        let complained = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && complained.contains(reason), "without a token: {complained}");
    }
    let shown = seen(&[clear, envelope, clear_key].concat(), Some(&token("persistent", "none", SECRET)));
    let players = shown.iter().map(|shown| shown["player"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(players, ["hls.js", "dash.js", "hls.js", "dash.js"]);
    assert_eq!(shown[3]["isDecrypting"], true);
    for shown in shown {
        assert_moves(&shown);
    }
}

/// A picture that moves is another one several times a second.
pub fn assert_moves(shown: &Value) {
    let (pictures, seconds) = (shown["pictures"].as_u64().unwrap(), shown["seconds"].as_f64().unwrap());
    assert!(pictures >= 4 && seconds >= 1.0, "{shown}");
}

#[tokio::test]
async fn what_gridwich_has_encoded_and_published_plays_in_clear_and_for_bearers_of_a_token() {
    let local = Local::start(&[]);
    let encode = local.clip_to_encode(&json!({"step": 1}));
    local.publish("1", "request.encode.mediaservicesv3.create", &encode).await;
    let success = local.answered("response.encode.mediaservicesv3.success").await;
    let container = success.last().unwrap()["data"]["outputContainer"].clone();
    let key = STANDARD.decode(development_key("tokens", "key1")).unwrap();
    for (number, (streaming, keys, key_id)) in [
        ("clearStreamingOnly", Value::Null, ""),
        ("clearKeyStreaming", json!("clearKey"), "envelopeKeyId"),
        ("cencClearKeyStreaming", json!("clearKey"), "cencKeyId"),
    ]
    .into_iter()
    .enumerate()
    {
        let create = json!({
            "containerUri": container, "streamingPolicyName": streaming, "contentKeyPolicyName": keys,
            "operationContext": {"locator": number},
        });
        local.publish(streaming, "request.mediaservices.locator.create", &create).await;
        let is_ours = |answer: &Value| {
            answer["eventType"] == "response.mediaservices.locator.create.success"
                && answer["data"]["operationContext"]["locator"] == number
        };
        let answers = local.answers(|answers| answers.iter().any(is_ours)).await;
        let created = &answers.iter().find(|answer| is_ours(answer)).unwrap()["data"];
        let urls =
            ["hlsUri", "dashUri"].into_iter().filter_map(|uri| created[uri].as_str().map(str::to_owned));
        let urls = urls.collect::<Vec<_>>();
        let identifier = "urn:microsoft:azure:mediaservices:contentkeyidentifier";
        let token = created[key_id].as_str().map(|id| token(identifier, id, &key));
        assert_eq!((urls.len(), token.is_some()), (if number == 0 { 2 } else { 1 }, number > 0), "{created}");
        seen(&urls, token.as_deref()).iter().for_each(assert_moves);
        let of_another = token.map(|_| self::token(identifier, "00000000-0000-0000-0000-000000000000", &key));
        assert!(
            of_another.is_none() || !browse(&urls, of_another.as_deref()).status.success(),
            "{streaming}"
        );
    }
}
