//! What players must show to get a key, and what they may then do: the original's two content key policies, and one for
//! keys without a DRM. How media are encrypted is `policies`'.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::config::{DrmConfig, NOT_SET};
use crate::secret::Secret;

/// Who gives tokens out, and for what, as the original had it.
const ISSUER: &str = "gridwich";
const AUDIENCE: &str = "urn:drm";
/// The claim that names the key which a token is for; Media Services fills its value in.
const KEY_CLAIM: &str = "urn:microsoft:azure:mediaservices:contentkeyidentifier";

/// For how long a licence may be kept.
#[derive(Clone, Copy)]
struct Persistence {
    /// In the names of options.
    name: &'static str,
    /// In the claim of a token.
    claim: &'static str,
    /// In seconds; nothing for as long as something plays.
    seconds: Option<u32>,
}

const PERSISTENCES: [Persistence; 3] = [
    Persistence { name: "None", claim: "none", seconds: None },
    Persistence { name: "2Hours", claim: "2Hours", seconds: Some(7_200) },
    Persistence { name: "14Days", claim: "14Days", seconds: Some(1_209_600) },
];

/// Our policy of that name, in any case, and its body; nothing when it is none of ours.
///
/// # Errors
/// The setting that it needs and that is missing.
pub(super) fn named(name: &str, drm: &DrmConfig) -> Result<Option<(&'static str, Value)>, &'static str> {
    let (name, options) = match name.to_ascii_lowercase().as_str() {
        "clearkey" => ("clearKey", vec![clear_key(drm)?]),
        "cencdrmkey" => ("cencDrmKey", cenc_options(drm)?),
        "multidrmkey" => {
            let mut options = cenc_options(drm)?;
            options.extend(cbcs_options(drm)?);
            ("multiDrmKey", options)
        }
        _ => return Ok(None),
    };
    Ok(Some((name, json!({"properties": {"options": options}}))))
}

fn clear_key(drm: &DrmConfig) -> Result<Value, &'static str> {
    let mut restriction = restriction();
    match (drm.open_id_connect_discovery_document.as_str(), value(&drm.token_key)) {
        ("", None) => return Err("token_key"),
        ("", Some(key)) => {
            restriction["primaryVerificationKey"] = json!({
                "@odata.type": "#Microsoft.Media.ContentKeyPolicySymmetricTokenKey",
                "keyValue": key,
            });
        }
        (document, _) => restriction["openIdConnectDiscoveryDocument"] = json!(document),
    }
    let configuration = json!({"@odata.type": "#Microsoft.Media.ContentKeyPolicyClearKeyConfiguration"});
    Ok(json!({
        "name": "ContentKeyPolicyOption_ClearKey",
        "configuration": configuration,
        "restriction": restriction,
    }))
}

fn cenc_options(drm: &DrmConfig) -> Result<Vec<Value>, &'static str> {
    let play_ready =
        PERSISTENCES.map(|persistence| option("PlayReady", persistence, &play_ready(persistence), drm));
    let widevine =
        PERSISTENCES.map(|persistence| option("Widevine", persistence, &widevine(persistence), drm));
    play_ready.into_iter().chain(widevine).collect()
}

fn cbcs_options(drm: &DrmConfig) -> Result<Vec<Value>, &'static str> {
    let ask = value(&drm.fair_play_ask_hex).and_then(|hex| from_hex(&hex)).ok_or("fair_play_ask_hex")?;
    let certificate = value(&drm.fair_play_certificate_b64).ok_or("fair_play_certificate_b64")?;
    let password = value(&drm.fair_play_pfx_password).ok_or("fair_play_pfx_password")?;
    let fair_play = |persistence: Persistence| {
        let kind = if persistence.seconds.is_some() { "PersistentLimited" } else { "Undefined" };
        json!({
            "@odata.type": "#Microsoft.Media.ContentKeyPolicyFairPlayConfiguration",
            "ask": BASE64.encode(&ask),
            "fairPlayPfx": certificate,
            "fairPlayPfxPassword": password,
            "rentalAndLeaseKeyType": kind,
            "rentalDuration": persistence.seconds.unwrap_or_default(),
        })
    };
    PERSISTENCES.into_iter().map(|each| option("CBCS", each, &fair_play(each), drm)).collect()
}

fn option(
    drm_name: &str,
    persistence: Persistence,
    configuration: &Value,
    drm: &DrmConfig,
) -> Result<Value, &'static str> {
    if drm.open_id_connect_discovery_document.is_empty() {
        return Err("open_id_connect_discovery_document");
    }
    let mut restriction = restriction();
    restriction["openIdConnectDiscoveryDocument"] = json!(drm.open_id_connect_discovery_document);
    let claim = json!({"claimType": "persistent", "claimValue": persistence.claim});
    restriction["requiredClaims"].as_array_mut().into_iter().for_each(|claims| claims.push(claim.clone()));
    Ok(json!({
        "name": format!("ContentKeyPolicyOption_{drm_name}_Persistent_{}", persistence.name),
        "configuration": configuration,
        "restriction": restriction,
    }))
}

fn restriction() -> Value {
    json!({
        "@odata.type": "#Microsoft.Media.ContentKeyPolicyTokenRestriction",
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "restrictionTokenType": "Jwt",
        "requiredClaims": [{"claimType": KEY_CLAIM}],
    })
}

fn play_ready(persistence: Persistence) -> Value {
    let mut licence = json!({
        "allowTestDevices": false,
        "licenseType": if persistence.seconds.is_some() { "Persistent" } else { "NonPersistent" },
        "contentKeyLocation": {
            "@odata.type": "#Microsoft.Media.ContentKeyPolicyPlayReadyContentEncryptionKeyFromHeader",
        },
        "contentType": "Unspecified",
        "playRight": {
            "digitalVideoOnlyContentRestriction": false,
            "imageConstraintForAnalogComponentVideoRestriction": false,
            "imageConstraintForAnalogComputerMonitorRestriction": false,
            "allowPassingVideoContentToUnknownOutput": "Allowed",
        },
    });
    if let Some(seconds) = persistence.seconds {
        licence["relativeExpirationDate"] = json!(format!("PT{seconds}S"));
    }
    json!({"@odata.type": "#Microsoft.Media.ContentKeyPolicyPlayReadyConfiguration", "licenses": [licence]})
}

fn widevine(persistence: Persistence) -> Value {
    let mut overrides =
        json!({"can_play": true, "can_persist": persistence.seconds.is_some(), "can_renew": false});
    if let Some(seconds) = persistence.seconds {
        for duration in ["rental_duration_seconds", "playback_duration_seconds", "license_duration_seconds"] {
            overrides[duration] = json!(seconds);
        }
    }
    let template = json!({
        "allowed_track_types": "SD_HD",
        "content_key_specs": [{
            "track_type": "SD",
            "security_level": 1,
            "required_output_protection": {"hdcp": "HDCP_NONE"},
        }],
        "policy_overrides": overrides,
    });
    json!({
        "@odata.type": "#Microsoft.Media.ContentKeyPolicyWidevineConfiguration",
        "widevineTemplate": template.to_string(),
    })
}

/// A secret that has been set.
fn value(secret: &Secret) -> Option<String> {
    let value = secret.reveal();
    (!value.is_empty() && &*value != NOT_SET).then(|| value.to_string())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim().as_bytes();
    let is_hex =
        !digits.is_empty() && digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    is_hex.then(|| digits.chunks(2).map(byte).collect()).flatten()
}
