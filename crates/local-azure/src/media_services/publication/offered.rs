//! What of the dialect's protection is offered here. What is not is refused when a locator asks for it, and never
//! streamed in clear instead.

use std::collections::BTreeMap;

use http::StatusCode;

use super::content_key_policies::ContentKeyPolicy;
use super::content_keys::{ContentKey, KeyKind};
use super::key_options::{KeyConfiguration, KeyRestriction, TokenType, VerificationKey};
use super::streaming_policies::{Encryption, Rules, StreamingPolicy};
use crate::arm::ArmError;
use crate::media_services::resource::folded;

/// Refuses a streaming policy that asks for protection which cannot be made here, or for nothing that can be served.
pub(super) fn check_policy(policy: &StreamingPolicy) -> Result<(), ArmError> {
    let rules = &policy.rules;
    for (kind, encryption) in rules.keyed() {
        if kind != KeyKind::EnvelopeEncryption {
            let member = member(kind);
            let message = format!(
                "The streaming policy '{}' has {member}, which is not offered here: there is no packager with DRM.",
                policy.name
            );
            return Err(unsupported(message));
        }
        check_tracks(policy, kind, encryption)?;
    }
    if is_served(rules) {
        return Ok(());
    }
    let message = "which enables none of what is offered here: clear HLS, DASH and download, and HLS with envelope encryption";
    Err(unsupported(format!("properties.streamingPolicyName is '{}', {message}.", policy.name)))
}

/// Refuses key policies whose restriction cannot be checked here.
pub(super) fn check_keys(
    rules: &Rules,
    keys: &[ContentKey],
    policies: &BTreeMap<String, ContentKeyPolicy>,
) -> Result<(), ArmError> {
    for (kind, encryption) in rules.keyed() {
        let key = keys.iter().find(|key| key.kind == kind);
        if encryption.custom_key_acquisition_url_template.is_some() {
            continue;
        }
        let Some(policy) = key.and_then(|key| key.policy.as_deref()) else {
            let message =
                "properties.defaultContentKeyPolicyName is missing, and the streaming policy needs one.";
            return Err(ArmError::bad_request(message));
        };
        let policy =
            policies.get(&folded(policy)).ok_or_else(|| super::content_key_policies::absent(policy))?;
        check_options(policy)?;
    }
    Ok(())
}

fn check_tracks(policy: &StreamingPolicy, kind: KeyKind, encryption: &Encryption) -> Result<(), ArmError> {
    let mappings = encryption.content_keys.as_ref().and_then(|keys| keys.key_to_track_mappings.as_ref());
    let what = match (encryption.clear_tracks.as_ref(), mappings) {
        (Some(tracks), _) if !tracks.is_empty() => "clearTracks",
        (_, Some(mappings)) if !mappings.is_empty() => "contentKeys.keyToTrackMappings",
        _ => return Ok(()),
    };
    let message = format!(
        "The streaming policy '{}' has {}.{what}, which is not offered here: all tracks have the default key.",
        policy.name,
        member(kind)
    );
    Err(unsupported(message))
}

fn check_options(policy: &ContentKeyPolicy) -> Result<(), ArmError> {
    let mut clear_key =
        policy.options.iter().filter(|o| o.configuration == KeyConfiguration::ClearKey).peekable();
    if clear_key.peek().is_none() {
        let message =
            "has no option with a ContentKeyPolicyClearKeyConfiguration, which envelope encryption needs";
        return Err(ArmError::bad_request(format!("The content key policy '{}' {message}.", policy.name)));
    }
    let problem = clear_key.find_map(|option| match &option.restriction {
        KeyRestriction::Open => None,
        KeyRestriction::Token(token) if token.restriction_token_type == TokenType::Swt => Some("SWT tokens"),
        KeyRestriction::Token(token) if token.open_id_connect_discovery_document.is_some() => {
            Some("an openIdConnectDiscoveryDocument")
        }
        KeyRestriction::Token(token) if token.keys().any(|key| matches!(key, VerificationKey::X509)) => {
            Some("X.509 verification keys")
        }
        KeyRestriction::Token(_) => None,
    });
    match problem {
        None => Ok(()),
        Some(what) => Err(unsupported(format!(
            "The content key policy '{}' has {what}, which the key delivery here cannot check.",
            policy.name
        ))),
    }
}

fn is_served(rules: &Rules) -> bool {
    let clear = rules.no_encryption.as_ref().map(|clear| clear.enabled_protocols);
    let clear = clear.is_some_and(|protocols| protocols.hls || protocols.dash || protocols.download);
    clear || rules.envelope_encryption.as_ref().is_some_and(|envelope| envelope.enabled_protocols.hls)
}

fn member(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::EnvelopeEncryption => "envelopeEncryption",
        KeyKind::CommonEncryptionCenc => "commonEncryptionCenc",
        KeyKind::CommonEncryptionCbcs => "commonEncryptionCbcs",
    }
}

/// 400 in the word that jobs use for the same.
fn unsupported(message: String) -> ArmError {
    ArmError::new(StatusCode::BAD_REQUEST, "ConfigurationUnsupported", message)
}
