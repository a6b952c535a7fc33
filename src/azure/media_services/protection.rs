//! Whether policies protect what is published, read from what an account says of them. What is not known to protect does not.

use serde_json::Value;

/// The policies of every account that stream or give away media as they are.
const CLEAR_POLICIES: [&str; 3] =
    ["Predefined_ClearStreamingOnly", "Predefined_DownloadOnly", "Predefined_DownloadAndClearStreaming"];
/// The policy of every account for AES-128, which a service may show without what it says.
const CLEAR_KEY: &str = "Predefined_ClearKey";
/// The ways of encrypting that a streaming policy has.
const ENCRYPTIONS: [&str; 3] = ["envelopeEncryption", "commonEncryptionCenc", "commonEncryptionCbcs"];

/// Whether a streaming policy encrypts all tracks, and lets nothing be streamed or downloaded as it is.
pub(super) fn protects(name: &str, policy: &Value) -> bool {
    let properties = &policy["properties"];
    let encryptions = ENCRYPTIONS.map(|name| &properties[name]);
    let clear = properties["noEncryption"]["enabledProtocols"].as_object();
    let is_clear = clear.is_some_and(|protocols| protocols.values().any(|on| on.as_bool() != Some(false)));
    let has_tracks = |each: &&Value| each["clearTracks"].as_array().is_some_and(|tracks| !tracks.is_empty());
    let leaves_tracks = encryptions.iter().any(has_tracks);
    let is_predefined = CLEAR_POLICIES.iter().any(|clear| name.eq_ignore_ascii_case(clear));
    let encrypts = encryptions.iter().any(|each| each.is_object()) || name.eq_ignore_ascii_case(CLEAR_KEY);
    encrypts && !is_clear && !leaves_tracks && !is_predefined
}

/// Whether a streaming policy lets anything be streamed, rather than only downloaded.
pub(super) fn streams(policy: &Value) -> bool {
    let mut blocks = policy["properties"].as_object().into_iter().flatten();
    blocks.any(|(_, block)| {
        let protocols = &block["enabledProtocols"];
        protocols["dash"] == true || protocols["hls"] == true
    })
}

/// Whether a content key policy gives keys to anybody without a token.
pub(super) fn is_open(policy: &Value) -> bool {
    let options = policy["properties"]["options"].as_array();
    options.into_iter().flatten().any(|option| {
        let restriction = option["restriction"]["@odata.type"].as_str().unwrap_or_default();
        !restriction.ends_with("ContentKeyPolicyTokenRestriction")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_encrypts_everything_protects() {
        let protects = |name: &str, properties: Value| protects(name, &json!({"properties": properties}));
        let envelope = json!({"enabledProtocols": {"hls": true}});
        let clear = |on: Value| json!({"enabledProtocols": {"hls": on, "dash": false}});
        assert!(protects("own", json!({"envelopeEncryption": envelope})));
        assert!(protects(
            "own",
            json!({"envelopeEncryption": envelope, "noEncryption": clear(json!(false))})
        ));
        assert!(protects("predefined_clearkey", json!({})));
        for (name, properties) in [
            ("own", json!({})),
            ("own", json!({"noEncryption": clear(json!(true))})),
            ("own", json!({"envelopeEncryption": envelope, "noEncryption": clear(json!(true))})),
            ("own", json!({"envelopeEncryption": envelope, "noEncryption": clear(json!(null))})),
            ("own", json!({"commonEncryptionCenc": {"clearTracks": [{}]}})),
            ("PREDEFINED_clearStreamingOnly", json!({"envelopeEncryption": envelope})),
        ] {
            assert!(!protects(name, properties.clone()), "{name} {properties}");
        }
    }

    #[test]
    fn keys_without_a_token_are_open() {
        let option = |kind: &str| {
            let kind = format!("#Microsoft.Media.ContentKeyPolicy{kind}Restriction");
            json!({"restriction": {"@odata.type": kind}})
        };
        let policy = |options: &[Value]| json!({"properties": {"options": options}});
        assert!(!is_open(&policy(&[option("Token")])));
        assert!(is_open(&policy(&[option("Token"), option("Open")])));
        assert!(is_open(&policy(&[json!({})])));
    }
}
