//! Common encryption: media that only the key opens, and what players are told of it.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::streaming::{ask, clear, locate, published, refuses, text};
use super::studio::{
    built_in_encode, give_clip, studio, studio_with, studio_with_packager, studio_with_packager_and_cache,
};
use super::world::World;

const ID: &str = "0f0e0d0c-0b0a-4908-8706-050403020100";
const CENC: &str = "10000000-0000-4000-8000-000000000001";
const CBCS: &str = "20000000-0000-4000-8000-000000000002";
const CENC_KEY: [u8; 16] = *b"the key of cenc!";
const CBCS_KEY: [u8; 16] = *b"the key of cbcs!";
const PROVIDER: &str = "https://licences.example/{Drm}?kid={ContentKeyId}&media={AlternativeMediaId}";

/// A locator by a policy, with keys for these labels.
fn located(policy: &str, cenc: &str, cbcs: &str) -> Value {
    let key = |id: &str, label: &str, value: [u8; 16]| json!({"id": id, "labelReferenceInStreamingPolicy": label, "value": STANDARD.encode(value)});
    let keys = [key(CENC, cenc, CENC_KEY), key(CBCS, cbcs, CBCS_KEY)];
    let keys = keys.into_iter().filter(|key| key["labelReferenceInStreamingPolicy"] != "");
    json!({
        "streamingPolicyName": policy, "contentKeys": keys.collect::<Vec<_>>(), "alternativeMediaId": "a \"film\"",
    })
}

fn multi_drm() -> Value {
    located("Predefined_MultiDrmStreaming", "cencDefaultKey", "cbcsDefaultKey")
}

async fn bytes(world: &World, path: &str) -> Vec<u8> {
    let answer = ask(world, path, None).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.into_body().collect().await.unwrap().to_bytes().to_vec()
}

/// The checksums of all pictures that can be decoded of a file.
fn pictures(file: &std::path::Path, key: Option<[u8; 16]>) -> Vec<String> {
    let key = key.map(|key| key.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let key = key.iter().flat_map(|key| ["-decryption_key", key]);
    let mut decoder = Command::new("ffmpeg");
    decoder.args(["-v", "quiet"]).args(key).arg("-i").arg(file).args(["-map", "0:v", "-f", "framemd5", "-"]);
    let decoded = decoder.output().unwrap();
    let lines = String::from_utf8(decoded.stdout).unwrap();
    let pictures = lines.lines().filter(|line| !line.starts_with('#'));
    pictures.map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
}

/// The checksums of the pictures in all segments of the first track, each decoded by itself.
async fn streamed_pictures(world: &World, scheme: &str, key: Option<[u8; 16]>) -> Vec<String> {
    let folder = format!("/{ID}/clip.ism/stream(encryption={scheme})");
    let init = bytes(world, &format!("{folder}/init-0.mp4")).await;
    let mut all = Vec::new();
    for number in 1..=4 {
        let segment = bytes(world, &format!("{folder}/segment-0-{number}.m4s")).await;
        world.storage.give("decoding", "segment.mp4", &[&init[..], &segment].concat());
        all.extend(pictures(&world.storage.file("decoding", "segment.mp4"), key));
    }
    all
}

#[tokio::test]
async fn encrypted_samples_show_their_pictures_with_their_key_only() {
    let world = studio_with_packager(Some(PROVIDER));
    published(&world, multi_drm()).await;
    let film = world.storage.names("output").into_iter().find(|name| name.ends_with(".mp4")).unwrap();
    let clear = pictures(&world.storage.file("output", &film), None);
    assert_eq!(clear.len(), 240);
    for (scheme, key, other) in [("cenc", CENC_KEY, CBCS_KEY), ("cbcs", CBCS_KEY, CENC_KEY)] {
        assert!(streamed_pictures(&world, scheme, Some(key)).await == clear, "{scheme}");
        for wrong in [None, Some(other)] {
            let garbled = streamed_pictures(&world, scheme, wrong).await;
            assert!(!garbled.iter().any(|picture| clear.contains(picture)), "{scheme}");
        }
    }
    assert_eq!(world.packages().len(), 2, "one for each scheme");
    for package in world.packages() {
        assert!(!package.join("flags").exists(), "the key does not stay on disk");
    }
}

#[tokio::test]
async fn manifests_signal_each_drm_system_with_its_licences() {
    let world = studio_with_packager(Some(PROVIDER));
    published(&world, multi_drm()).await;
    let (_, paths) = world.post("streamingLocators/l/listPaths", Value::Null).await;
    let shown = paths["streamingPaths"].as_array().unwrap().iter();
    let shown = shown.map(|path| {
        (
            path["streamingProtocol"].as_str().unwrap(),
            path["encryptionScheme"].as_str().unwrap(),
            path["paths"][0].as_str().unwrap(),
        )
    });
    let shown = shown.collect::<Vec<_>>();
    let path = |rest: &str| format!("/{ID}/clip.ism/manifest({rest})");
    let (dash, hls) =
        (path("format=mpd-time-cmaf,encryption=cenc"), path("format=m3u8-cmaf,encryption=cbcs-aapl"));
    assert_eq!(shown, [("Dash", "CommonEncryptionCenc", &dash[..]), ("Hls", "CommonEncryptionCbcs", &hls)]);
    let manifest = text(ask(&world, &dash, None).await).await;
    let licence = |drm: &str| {
        format!(
            "<dashif:Laurl>https://licences.example/{drm}?kid={CENC}&amp;media=a%20%22film%22</dashif:Laurl>"
        )
    };
    for expected in [
        "value=\"cenc\" cenc:default_KID=\"10000000-0000-4000-8000-000000000001\"",
        "urn:uuid:9a04f079-9840-4286-ab92-e65be0885f95",
        "<mspr:pro>",
        "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed",
        &licence("playready"),
        &licence("widevine"),
    ] {
        assert!(manifest.contains(expected), "{expected} in {manifest}");
    }
    let init = bytes(&world, &format!("/{ID}/clip.ism/stream(encryption=cenc)/init-0.mp4")).await;
    let headers = init.windows(4).filter(|word| word == b"pssh").count();
    assert_eq!(headers, 3, "PlayReady's, Widevine's, and the common one");
    let pro =
        STANDARD.decode(manifest.split("<mspr:pro>").nth(1).unwrap().split('<').next().unwrap()).unwrap();
    let url =
        format!("<LA_URL>https://licences.example/playready?kid={CENC}&amp;media=a%20%22film%22</LA_URL>");
    let url = url.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    assert!(pro.windows(url.len()).any(|window| window == url), "PlayReady's object says where licences are");
    let playlist =
        text(ask(&world, &format!("/{ID}/clip.ism/stream(encryption=cbcs)/0.m3u8"), None).await).await;
    let expected = format!(
        "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"https://licences.example/fairplay?kid={CBCS}&media=a%20%22film%22\",KEYFORMAT=\"com.apple.streamingkeydelivery\""
    );
    assert!(playlist.contains(&expected), "{playlist}");
    let unnamed = text(ask(&world, &path("format=m3u8-cmaf"), None).await).await;
    assert!(unnamed.contains("encryption=cbcs"), "protected without being asked: {unnamed}");
    for manifest in [manifest, playlist] {
        for key in [CENC_KEY, CBCS_KEY] {
            assert!(!manifest.contains(&STANDARD.encode(key)));
        }
    }
}

#[tokio::test]
async fn a_policy_says_where_its_licences_are_by_cbcs_for_all_drm_systems() {
    let world = studio_with_packager(None);
    let at = |url: &str| json!({"customLicenseAcquisitionUrlTemplate": url});
    let cbcs = json!({
        "enabledProtocols": {"download": false, "dash": true, "hls": true, "smoothStreaming": false},
        "contentKeys": {"defaultKey": {"label": "cbcs"}},
        "drm": {
            "fairPlay": {"customLicenseAcquisitionUrlTemplate": "skd://f.example/{AssetAlternativeId}/{ContentKeyId}", "allowPersistentLicense": true},
            "playReady": at("https://p.example/"),
            "widevine": at("https://w.example/"),
        },
    });
    world.put("streamingPolicies/own", json!({"properties": {"commonEncryptionCbcs": cbcs}})).await;
    published(&world, located("own", "", "cbcs")).await;
    let playlist =
        text(ask(&world, &format!("/{ID}/clip.ism/stream(encryption=cbcs)/0.m3u8"), None).await).await;
    let fair_play = format!("URI=\"skd://f.example/a%20%22film%22/{CBCS}\"");
    for expected in [
        &fair_play[..],
        "KEYFORMAT=\"com.microsoft.playready\"",
        "KEYFORMAT=\"urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed\"",
    ] {
        assert!(playlist.contains(expected), "{expected} in {playlist}");
    }
    let manifest = text(
        ask(&world, &format!("/{ID}/clip.ism/manifest(format=mpd-time-csf,encryption=cbcs-aapl)"), None)
            .await,
    )
    .await;
    assert!(manifest.contains("value=\"cbcs\"") && manifest.contains("https://w.example/"), "{manifest}");
    assert!(manifest.contains("urn:uuid:94ce86fb-07ff-4f43-adb8-93d2fa968ca2"), "{manifest}");
}

#[tokio::test]
async fn nothing_of_a_presentation_with_drm_is_streamed_in_clear() {
    let world = studio_with_packager(Some(PROVIDER));
    published(&world, multi_drm()).await;
    let all = [
        "clip.ism/manifest(format=mpd-time-cmaf,encryption=none)",
        "clip.ism/manifest(format=m3u8-cmaf,encryption=none)",
        "clip.ism/manifest(format=m3u8-cmaf,encryption=cenc)",
        "clip.ism/manifest(format=mpd-time-cmaf,encryption=cbcs-aapl)",
        "clip.ism/manifest(format=m3u8-cmaf,encryption=cbc)",
        "clip.ism/stream(encryption=none)/0.m3u8",
        "clip.ism/stream(encryption=none)/segment-0-1.m4s",
        "clip.ism/stream(encryption=cbc)/segment-0-1.m4s",
        "clip.ism/stream()/segment-0-1.m4s",
        "clip_848x480_2200.mp4",
        "clip.ism",
    ];
    refuses(&world, &all).await;
    for key in [CENC, CBCS] {
        let delivered = ask(&world, &format!("/keydelivery/{ID}/{key}"), None).await;
        assert_eq!(delivered.status(), StatusCode::NOT_FOUND, "licences come from elsewhere");
    }
}

#[tokio::test]
async fn a_player_goes_on_after_its_package_was_made_again() {
    let world = studio_with_packager_and_cache(Some(PROVIDER), 1);
    published(&world, multi_drm()).await;
    let part = async |scheme: &str, name: &str| {
        bytes(&world, &format!("/{ID}/clip.ism/stream(encryption={scheme})/{name}")).await
    };
    for (scheme, other, key) in [("cenc", "cbcs", CENC_KEY), ("cbcs", "cenc", CBCS_KEY)] {
        let init = part(scheme, "init-0.mp4").await;
        let mut shown = Vec::new();
        for _ in 0..2 {
            let segment = part(scheme, "segment-0-1.m4s").await;
            world.storage.give("decoding", "segment.mp4", &[&init[..], &segment].concat());
            shown.push(pictures(&world.storage.file("decoding", "segment.mp4"), Some(key)));
            // Has the package of the first scheme go.
            part(other, "init-0.mp4").await;
        }
        assert!(shown[0].len() == 60 && shown[0] == shown[1], "{scheme}");
    }
}

#[tokio::test]
async fn an_encrypted_ladder_has_the_tracks_and_the_cuts_of_the_clear_one() {
    let world = studio_with_packager(Some(PROVIDER));
    give_clip(
        &world,
        "clip.mp4",
        "-f lavfi -i testsrc2=size=640x360:rate=30:duration=8 -f lavfi -i sine=duration=8 -b:v 1M",
    );
    built_in_encode(&world, "AdaptiveStreaming").await;
    let cut = json!({"properties": {"presentationTimeRange": {"startTimestamp": 2, "endTimestamp": 6, "timescale": 1}}});
    world.put("assets/output/assetFilters/cut", cut).await;
    let mut shown = Vec::new();
    for (locator, encryption) in [(clear(), ""), (multi_drm(), ",encryption=cenc")] {
        locate(&world, locator).await;
        let path = format!("/{ID}/clip.ism/manifest(format=mpd-time-cmaf,filter=cut{encryption})");
        let manifest = text(ask(&world, &path, None).await).await;
        let described = |line: &&str| {
            ["mediaPresentationDuration", "<Representation", "value=\"2\""]
                .iter()
                .any(|word| line.contains(word))
        };
        let lines = manifest.lines().filter(described).map(str::trim);
        // Bitrates differ by the headers of samples, and frame rates by their spelling.
        let without = |line: &str, name: &str| {
            line.split(' ').filter(|word| !word.starts_with(name)).collect::<Vec<_>>().join(" ")
        };
        let lines = lines.map(|line| without(&without(&without(line, "bandwidth"), "frameRate"), "xmlns"));
        shown.push(lines.collect::<Vec<_>>());
    }
    assert_eq!(shown[0], shown[1]);
    assert!(shown[0].iter().filter(|line| line.contains("width=")).count() > 1, "{shown:?}");
    assert!(shown[0][0].contains("PT4.000S"), "{shown:?}");
}

#[tokio::test]
async fn the_key_stands_neither_in_arguments_nor_in_errors() {
    let folder = std::env::temp_dir().join(format!("local-azure-packager-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (packager, seen) = (folder.join("packager"), folder.join("seen"));
    let script = "#!/bin/sh\n(echo \"$@\"; ls -l flags; grep -c key= flags) >\"$(dirname \"$0\")/seen\"\ncat flags; cat flags >&2; exit 3\n";
    std::fs::write(&packager, script).unwrap();
    std::fs::set_permissions(&packager, PermissionsExt::from_mode(0o700)).unwrap();
    let world = studio_with(packager, Some(PROVIDER), 1);
    published(&world, multi_drm()).await;
    let answer =
        ask(&world, &format!("/{ID}/clip.ism/manifest(format=mpd-time-cmaf,encryption=cenc)"), None).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let (said, seen) = (text(answer).await, std::fs::read_to_string(seen).unwrap());
    std::fs::remove_dir_all(folder).unwrap();
    let key = CENC_KEY.map(|byte| format!("{byte:02x}")).concat();
    assert!(!said.contains(&key) && said.contains("Shaka Packager ended with 3"), "{said}");
    assert!(!seen.contains(&key) && seen.contains("--flagfile=flags"), "{seen}");
    assert!(seen.contains("-rw-------") && seen.ends_with("\n1\n"), "the file is for nobody else: {seen}");
    assert!(world.packages().is_empty(), "and does not stay");
}

#[tokio::test]
async fn drm_without_a_packager_or_a_licence_provider_is_refused() {
    for (world, words) in [
        (studio(), &["Shaka Packager", "npm package"][..]),
        (
            studio_with_packager(None),
            &[
                "commonEncryptionCenc.drm.playReady.customLicenseAcquisitionUrlTemplate",
                "give the local cloud one",
            ],
        ),
        (studio_with_packager(Some("no URL")), &["commonEncryptionCenc.drm.playReady"]),
    ] {
        world.asset("output").await;
        let mut properties = multi_drm();
        properties["assetName"] = json!("output");
        let (status, answer) = world.put("streamingLocators/l", json!({"properties": properties})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        for words in words {
            assert!(answer["error"]["message"].as_str().unwrap().contains(words), "{words} in {answer}");
        }
        assert_eq!(world.get("streamingLocators/l").await.0, StatusCode::NOT_FOUND);
    }
}
