//! What the local Media Services are made of and speak to. Not where any of it is read from.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Ffmpeg, Scripted};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::inside::{BlobFiles, BlobLinks, EventSink};

/// Some hours of a ladder in 1080p; more would fill the disk of a small machine.
const CACHE_BYTES_MAX: u64 = 20_000_000_000;

/// Everything the local Media Services need.
pub struct Settings {
    /// The time of day.
    pub clock: Clock,
    /// Where GUIDs come from.
    pub ids: Ids,
    /// Who hears of jobs.
    pub events: Arc<dyn EventSink>,
    /// Where media files are.
    pub blobs: Arc<dyn BlobFiles>,
    /// How blobs are reached from outside.
    pub links: Arc<dyn BlobLinks>,
    /// The subscription of all accounts.
    pub subscription: String,
    /// The resource group of all accounts.
    pub resource_group: String,
    /// One account per region; names of accounts differ.
    pub regions: Vec<RegionSettings>,
    /// What executes jobs, in every region.
    pub encoder: Encoder,
    /// Misbehaviour of the whole service. A single region's is its own setting.
    pub faults: Faults,
    /// Scheme and authority of links in answers, without a trailing slash, for example `https://localhost:7073`.
    pub endpoint: String,
    /// Where and within which limits assets are streamed.
    pub streaming: StreamingSettings,
    /// Where the accounts keep what they hold, each in a folder of its own, for a later process to take up; in memory if
    /// nowhere. One process at a time: whoever starts it sees to that.
    pub folder: Option<PathBuf>,
    /// Takes only tokens that `POST /auth/token` gave out, instead of any bearer token.
    pub strict_auth: bool,
}

/// One region and its account.
pub struct RegionSettings {
    /// For example `westeurope`.
    pub region: String,
    /// The name of the Media Services account.
    pub account: String,
    /// The attached storage accounts; the first is the primary one.
    pub storage_accounts: Vec<String>,
    /// How many jobs are encoded at the same time; the others wait, and with 0 all do.
    pub jobs_at_once: usize,
    /// Misbehaviour of this region's account.
    pub faults: Faults,
}

/// Where and within which limits assets are streamed.
#[derive(Clone, Debug)]
pub struct StreamingSettings {
    /// Scheme and authority of the streaming endpoints, without a trailing slash, for example `https://localhost:7075`.
    pub url: String,
    /// How many bytes of packaged media are kept; beyond that, what was asked for least recently goes.
    pub cache_bytes_max: u64,
    /// Shaka Packager, which encrypts for DRM; its path is absolute. Without it, locators that need it are refused.
    pub packager: Option<PathBuf>,
    /// Where players get licences whose streaming policy does not say it: a URL with `{Drm}` (`playready`, `widevine` or
    /// `fairplay`), `{ContentKeyId}` and `{AlternativeMediaId}` in it. Without it, such policies are refused.
    pub licence_url: Option<String>,
}

impl StreamingSettings {
    /// The usual limits.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), cache_bytes_max: CACHE_BYTES_MAX, packager: None, licence_url: None }
    }
}

/// What executes jobs.
#[derive(Clone)]
pub enum Encoder {
    /// Encodes for real.
    Ffmpeg(Ffmpeg),
    /// Pretends, as told: for tests under paused time.
    Scripted(Scripted),
}
