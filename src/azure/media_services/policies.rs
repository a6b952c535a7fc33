//! The policies that requests name and we know: how media are protected. What players must show to get a key is
//! `key_policies`'.

use serde_json::{Value, json};
use uuid::Uuid;

use super::key_policies;
use crate::config::DrmConfig;

/// The original's names for the keys of its policies.
const CENC_KEY: &str = "cencKeyDefault";
const CBCS_KEY: &str = "cbcsKeyDefault";
/// What the original put behind the names of its streaming policies, which never change once they are made.
const VERSION: &str = "-Version-1-0";

/// A streaming policy or content key policy, and what to make where it is missing.
pub(super) struct Policy {
    pub(super) name: String,
    pub(super) body: Option<Value>,
}

/// The policies we know, as configured.
pub(super) struct Policies {
    drm: DrmConfig,
}

impl Policies {
    pub(super) fn new(drm: &DrmConfig) -> Self {
        Self { drm: drm.clone() }
    }

    /// The streaming policy of that name: ours, in any case, or the account's.
    pub(super) fn streaming(&self, name: &str) -> Policy {
        let predefined = |name: &str| Policy { name: format!("Predefined_{name}"), body: None };
        match name.to_ascii_lowercase().as_str() {
            "clearstreamingonly" => predefined("ClearStreamingOnly"),
            "clearkeystreaming" => predefined("ClearKey"),
            "cencclearkeystreaming" => clear_key_policy(),
            "cencdrmstreaming" => self.drm_policy("cencDrmStreaming", false),
            "multidrmstreaming" => self.drm_policy("multiDrmStreaming", true),
            _ => Policy { name: name.to_owned(), body: None },
        }
    }

    /// The content key policy of that name: ours, in any case, or the account's.
    ///
    /// # Errors
    /// The setting of `media.drm` that it needs and that is missing.
    pub(super) fn content_key(&self, name: &str) -> Result<Policy, &'static str> {
        let (name, body) =
            key_policies::named(name, &self.drm)?.map_or((name, None), |(own, body)| (own, Some(body)));
        Ok(Policy { name: name.to_owned(), body })
    }

    /// Whether content key policies that are there are made anew.
    pub(super) fn update_content_key_policies(&self) -> bool {
        self.drm.update_content_key_policies
    }

    /// Streaming policies never change: those that name licence servers are called after these too.
    fn drm_policy(&self, name: &str, with_cbcs: bool) -> Policy {
        let DrmConfig { widevine_licence_url, play_ready_licence_url, fair_play_licence_url, .. } = &self.drm;
        let urls = [widevine_licence_url, play_ready_licence_url, fair_play_licence_url];
        let mut properties = json!({
            "commonEncryptionCenc": {
                "enabledProtocols": protocols(&["dash", "smoothStreaming"]),
                "contentKeys": {"defaultKey": {"label": CENC_KEY}},
                "drm": {
                    "playReady": licences(play_ready_licence_url),
                    "widevine": licences(widevine_licence_url),
                },
            },
        });
        if with_cbcs {
            let mut fair_play = licences(fair_play_licence_url);
            fair_play["allowPersistentLicense"] = json!(true);
            properties["commonEncryptionCbcs"] = json!({
                "enabledProtocols": protocols(&["dash", "hls"]),
                "contentKeys": {"defaultKey": {"label": CBCS_KEY}},
                "drm": {"fairPlay": fair_play},
            });
        }
        let name = if urls.iter().all(|url| url.is_empty()) {
            format!("{name}{VERSION}")
        } else {
            let digest = Uuid::new_v5(&Uuid::NAMESPACE_URL, urls.map(String::as_str).join("\n").as_bytes());
            format!("{name}{VERSION}-{}", &digest.simple().to_string()[..8])
        };
        Policy { name, body: Some(json!({"properties": properties})) }
    }
}

/// Common encryption without a DRM, for players that ask for keys as the W3C's Clear Key has it.
fn clear_key_policy() -> Policy {
    let cenc = json!({
        "enabledProtocols": protocols(&["dash"]),
        "contentKeys": {"defaultKey": {"label": CENC_KEY}},
    });
    let body = json!({"properties": {"commonEncryptionCenc": cenc}});
    Policy { name: format!("cencClearKeyStreaming{VERSION}"), body: Some(body) }
}

/// Where licences come from, unless from Media Services themselves.
fn licences(url: &str) -> Value {
    if url.is_empty() { json!({}) } else { json!({"customLicenseAcquisitionUrlTemplate": url}) }
}

fn protocols(enabled: &[&str]) -> Value {
    let all = ["download", "dash", "hls", "smoothStreaming"];
    all.iter()
        .map(|protocol| ((*protocol).to_owned(), json!(enabled.contains(protocol))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
