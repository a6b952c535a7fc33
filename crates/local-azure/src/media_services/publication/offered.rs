//! What of the dialect's protection is offered here. What is not is refused when a locator asks for it, and never
//! streamed in clear instead.

use std::collections::BTreeMap;

use http::StatusCode;

use super::content_key_policies::ContentKeyPolicy;
use super::content_keys::{ContentKey, KeyKind};
use super::drm::{Drm, acquisition_url};
use super::key_options::{KeyConfiguration, KeyRestriction, TokenType, VerificationKey};
use super::streaming_policies::{Encryption, Protocols, Rules, StreamingPolicy};
use crate::arm::ArmError;
use crate::media_services::resource::folded;
use crate::media_services::settings::StreamingSettings;

/// The protocols that a policy enables for a kind of encryption and that are spoken here with it.
pub(in crate::media_services) fn protocols(kind: KeyKind, encryption: &Encryption) -> Protocols {
    let enabled = encryption.enabled_protocols;
    let (hls, dash) = match kind {
        KeyKind::EnvelopeEncryption => (true, false),
        KeyKind::CommonEncryptionCenc => (false, true),
        KeyKind::CommonEncryptionCbcs => (true, true),
    };
    Protocols { hls: enabled.hls && hls, dash: enabled.dash && dash, ..Protocols::default() }
}

/// Refuses a streaming policy that asks for protection which cannot be made here, or for nothing that can be served.
pub(super) fn check_policy(policy: &StreamingPolicy, settings: &StreamingSettings) -> Result<(), ArmError> {
    for (kind, encryption) in policy.rules.keyed() {
        if kind != KeyKind::EnvelopeEncryption && settings.packager.is_none() {
            let message = "which needs Shaka Packager, and this local cloud has none: the npm package `shaka-packager` has \
                           the program for all platforms, and the local cloud is told where it is";
            let member = member(kind);
            return Err(unsupported(format!(
                "The streaming policy '{}' has {member}, {message}.",
                policy.name
            )));
        }
        check_tracks(policy, kind, encryption)?;
    }
    if is_served(&policy.rules) {
        return Ok(());
    }
    let message = "which enables none of what is offered here: clear HLS, DASH and download, HLS with envelope encryption, \
                   DASH with commonEncryptionCenc, and HLS and DASH with commonEncryptionCbcs";
    Err(unsupported(format!("properties.streamingPolicyName is '{}', {message}.", policy.name)))
}

/// Refuses keys that no player could get, and key policies whose restriction cannot be checked here.
pub(super) fn check_keys(
    rules: &Rules,
    keys: &[ContentKey],
    policies: &BTreeMap<String, ContentKeyPolicy>,
    settings: &StreamingSettings,
) -> Result<(), ArmError> {
    for (kind, encryption) in rules.keyed() {
        let Some(key) = keys.iter().find(|key| key.kind == kind) else { continue };
        let absent = |name: &String| super::content_key_policies::absent(name);
        let policy = key.policy.as_ref();
        let policy =
            policy.map(|name| policies.get(&folded(name)).ok_or_else(|| absent(name))).transpose()?;
        match kind {
            KeyKind::EnvelopeEncryption => check_envelope(encryption, policy)?,
            KeyKind::CommonEncryptionCenc | KeyKind::CommonEncryptionCbcs => {
                check_common(kind, encryption, key, policy, settings)?;
            }
        }
    }
    Ok(())
}

fn check_envelope(encryption: &Encryption, policy: Option<&ContentKeyPolicy>) -> Result<(), ArmError> {
    if encryption.custom_key_acquisition_url_template.is_some() {
        return Ok(());
    }
    let Some(policy) = policy else {
        let message =
            "properties.defaultContentKeyPolicyName is missing, and the streaming policy needs one.";
        return Err(ArmError::bad_request(message));
    };
    if !policy.hands_out_keys() {
        let message =
            "has no option with a ContentKeyPolicyClearKeyConfiguration, which envelope encryption needs";
        return Err(ArmError::bad_request(format!("The content key policy '{}' {message}.", policy.name)));
    }
    check_restrictions(policy)
}

/// Each DRM system that is named needs somebody who gives its licences; without any, the key itself must be to be had.
fn check_common(
    kind: KeyKind,
    encryption: &Encryption,
    key: &ContentKey,
    policy: Option<&ContentKeyPolicy>,
    settings: &StreamingSettings,
) -> Result<(), ArmError> {
    let drms = encryption.drms();
    for (drm, own) in &drms {
        let member = format!("{}.drm.{}", member(kind), drm.member());
        let template = own.or(settings.licence_url.as_deref()).ok_or_else(|| no_licences(&member))?;
        check_template(template, key, Some(*drm), &member)?;
    }
    if encryption.has_play_ready_attributes() {
        let message = "drm.playReady.playReadyCustomAttributes of the streaming policy is not offered here.";
        return Err(unsupported(format!("{}.{message}", member(kind))));
    }
    let hands_out_keys = policy.filter(|policy| policy.hands_out_keys());
    let is_cenc = kind == KeyKind::CommonEncryptionCenc;
    match (encryption.clear_key_template(), hands_out_keys) {
        (Some(template), _) if is_cenc => {
            check_template(template, key, None, "commonEncryptionCenc.clearKeyEncryptionConfiguration")
        }
        (_, Some(policy)) if is_cenc => check_restrictions(policy),
        _ if drms.is_empty() => Err(unsupported(format!(
            "{0} of the streaming policy names no DRM system in {0}.drm, and ClearKey is offered for commonEncryptionCenc \
             only, with a content key policy that has a ContentKeyPolicyClearKeyConfiguration.",
            member(kind)
        ))),
        _ => Ok(()),
    }
}

fn no_licences(member: &str) -> ArmError {
    unsupported(format!(
        "{member}.customLicenseAcquisitionUrlTemplate of the streaming policy is missing, and no licences are issued here: \
         name a licence provider there, or give the local cloud one for all policies."
    ))
}

fn check_template(template: &str, key: &ContentKey, drm: Option<Drm>, member: &str) -> Result<(), ArmError> {
    let made = acquisition_url(template, key, Some("id"), drm);
    let invalid = || ArmError::bad_request(format!("The URL template of {member} makes no URL."));
    made.map(|_| ()).ok_or_else(invalid)
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

/// Refuses what the key delivery here cannot check. Licences come from elsewhere, and are checked there.
fn check_restrictions(policy: &ContentKeyPolicy) -> Result<(), ArmError> {
    let mut clear_key = policy.options.iter().filter(|o| o.configuration == KeyConfiguration::ClearKey);
    let problem = clear_key.find_map(|option| match &option.restriction {
        KeyRestriction::Open => None,
        KeyRestriction::Token(token) if token.restriction_token_type == TokenType::Swt => Some("SWT tokens"),
        KeyRestriction::Token(token) if token.keys().any(|key| matches!(key, VerificationKey::X509)) => {
            Some("X.509 verification keys")
        }
        KeyRestriction::Token(token) => match &token.open_id_connect_discovery_document {
            Some(document) if !is_discoverable(document) => {
                Some("an openIdConnectDiscoveryDocument that is neither at https nor at http on this machine")
            }
            _ => None,
        },
    });
    match problem {
        None => Ok(()),
        Some(what) => Err(unsupported(format!(
            "The content key policy '{}' has {what}, which the key delivery here cannot check.",
            policy.name
        ))),
    }
}

/// Whether what is fetched from a URL can be believed: nobody on the way can change it.
pub(in crate::media_services) fn is_discoverable(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    let is_here = match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

fn is_served(rules: &Rules) -> bool {
    let clear = rules.no_encryption.as_ref().map(|clear| clear.enabled_protocols).unwrap_or_default();
    let is_any = |protocols: Protocols| protocols.hls || protocols.dash || protocols.download;
    is_any(clear) || rules.keyed().any(|(kind, encryption)| is_any(protocols(kind, encryption)))
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
