//! Which DRM systems a kind of common encryption names, and where players get licences and keys. Licences themselves are a
//! provider's: none is issued here.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use url::Url;

use super::content_keys::ContentKey;
use super::streaming_policies::Encryption;

/// A DRM system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::media_services) enum Drm {
    PlayReady,
    Widevine,
    FairPlay,
}

impl Drm {
    const ALL: [Self; 3] = [Self::PlayReady, Self::Widevine, Self::FairPlay];

    /// The member of a streaming policy's `drm` that names it.
    pub fn member(self) -> &'static str {
        match self {
            Self::PlayReady => "playReady",
            Self::Widevine => "widevine",
            Self::FairPlay => "fairPlay",
        }
    }
}

impl Encryption {
    /// The DRM systems that are named, each with its `customLicenseAcquisitionUrlTemplate`.
    pub fn drms(&self) -> Vec<(Drm, Option<&str>)> {
        let named = |drm: Drm| {
            let named = self.others.get("drm")?.get(drm.member()).filter(|named| !named.is_null())?;
            Some((drm, named.get("customLicenseAcquisitionUrlTemplate").and_then(Value::as_str)))
        };
        Drm::ALL.into_iter().filter_map(named).collect()
    }

    /// Whether PlayReady's header is to have attributes of the caller's own.
    pub fn has_play_ready_attributes(&self) -> bool {
        let play_ready = self.others.get("drm").and_then(|drm| drm.get(Drm::PlayReady.member()));
        let attributes = play_ready.and_then(|play_ready| play_ready.get("playReadyCustomAttributes"));
        attributes.is_some_and(|attributes| !attributes.is_null())
    }

    /// Where players get the key itself, when that is not the key delivery here.
    pub fn clear_key_template(&self) -> Option<&str> {
        let configuration = self.others.get("clearKeyEncryptionConfiguration")?;
        configuration.get("customKeysAcquisitionUrlTemplate")?.as_str()
    }
}

/// A template with its tokens replaced: `{ContentKeyId}`, `{AlternativeMediaId}`, which older clients call
/// `{AssetAlternativeId}`, and, for a provider of several systems, `{Drm}`. Nothing unless that makes a URL.
pub(in crate::media_services) fn acquisition_url(
    template: &str,
    key: &ContentKey,
    alternative_media_id: Option<&str>,
    drm: Option<Drm>,
) -> Option<Url> {
    let media = utf8_percent_encode(alternative_media_id.unwrap_or_default(), NON_ALPHANUMERIC).to_string();
    let url = template
        .replace("{ContentKeyId}", &key.id.to_string())
        .replace("{AlternativeMediaId}", &media)
        .replace("{AssetAlternativeId}", &media)
        .replace("{Drm}", &drm.map_or_else(String::new, |drm| drm.member().to_ascii_lowercase()));
    // A quotation mark would end an attribute of a playlist or a manifest.
    let url = Url::parse(&url.replace('"', "%22")).ok()?;
    let is_fit = match url.scheme() {
        "https" | "http" => true,
        "skd" => drm == Some(Drm::FairPlay),
        _ => false,
    };
    is_fit.then_some(url)
}
