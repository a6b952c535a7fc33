//! `[media]`: Media Services accounts, and what is published through them. Not what is done with them.

use serde::Deserialize;

use super::values::{flag, list, words};
use crate::secret::Secret;

/// `[media]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaConfig {
    /// Accounts, in order of preference.
    #[serde(deserialize_with = "list")]
    pub accounts: Vec<MediaAccountConfig>,
    /// The backend that works where a request names none.
    pub default_backend: String,
    /// What the requestor hears when an encode was canceled.
    pub canceled: Canceled,
    /// Whether media may be published without protection.
    #[serde(deserialize_with = "flag")]
    pub clear_streaming: bool,
    /// What content key policies and streaming policies are made with.
    pub drm: DrmConfig,
}

/// One of `media.accounts`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaAccountConfig {
    /// The backend it is a region of.
    #[serde(default = "backend")]
    pub backend: String,
    /// Where it is, for people.
    #[serde(default)]
    pub region: String,
    /// Where its REST interface is, when it is not `https://management.azure.com`.
    #[serde(default)]
    pub base_url: String,
    /// The subscription it belongs to.
    pub subscription_id: String,
    /// The resource group it belongs to.
    pub resource_group: String,
    /// Its name.
    pub account: String,
    /// How we identify ourselves.
    #[serde(default)]
    pub auth: MediaAuth,
    /// The token for `auth = "bearer"`, or the API key for `auth = "rms"`.
    #[serde(default)]
    pub token: Secret,
    /// Room for a job's correlation data, in bytes.
    #[serde(default = "correlation_bytes_max")]
    pub correlation_bytes_max: usize,
}

impl MediaAccountConfig {
    /// Where its REST interface is, without a slash at the end; by default where Azure itself had it.
    #[must_use]
    pub fn base_url(&self) -> &str {
        match self.base_url.as_str() {
            "" => "https://management.azure.com",
            url => url.trim_end_matches('/'),
        }
    }
}

fn backend() -> String {
    "mediaservices".to_owned()
}

/// A service of the dialect publishes no limit; half of Event Grid's first billing unit, less what else an event holds.
fn correlation_bytes_max() -> usize {
    16 * 1024
}

/// How we identify ourselves to Media Services.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum MediaAuth {
    /// With a token of Entra's.
    #[default]
    Entra,
    /// With a token that is configured.
    Bearer,
    /// With a token that `POST {base_url}/auth/token` gives for an API key.
    Rms,
}

/// What the requestor hears when an encode was canceled.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum Canceled {
    /// An answer of its own.
    Canceled,
    /// A failure.
    Failure,
}

/// `[media.drm]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrmConfig {
    /// Where those who give tokens to players publish their keys.
    pub open_id_connect_discovery_document: String,
    /// The key (Base64) that tokens for `clearKey` are signed with, where there is no such document.
    pub token_key: Secret,
    /// `FairPlay`'s application secret key, in hexadecimal.
    pub fair_play_ask_hex: Secret,
    /// `FairPlay`'s certificate with its private key, as PFX in Base64.
    pub fair_play_certificate_b64: Secret,
    /// The password of that PFX.
    pub fair_play_pfx_password: Secret,
    /// Whether content key policies are made anew, once a process, even where they are there.
    #[serde(deserialize_with = "flag")]
    pub update_content_key_policies: bool,
    /// Where players get licences for Widevine, when not from Media Services.
    pub widevine_licence_url: String,
    /// Likewise for PlayReady.
    pub play_ready_licence_url: String,
    /// Likewise for `FairPlay`.
    pub fair_play_licence_url: String,
}

words!(MediaAuth { "entra" => Entra, "bearer" => Bearer, "rms" => Rms });
words!(Canceled { "canceled" => Canceled, "failure" => Failure });
