//! What the local Media Services are made of and speak to. Not where any of it is read from.

use std::sync::Arc;

use time::OffsetDateTime;
use url::Url;

use super::{Ffmpeg, Scripted};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::ids::Ids;
use crate::inside::{BlobFiles, EventSink};

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

/// What executes jobs.
#[derive(Clone)]
pub enum Encoder {
    /// Encodes for real.
    Ffmpeg(Ffmpeg),
    /// Pretends, as told: for tests under paused time.
    Scripted(Scripted),
}

/// A blob inside this cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobPlace {
    /// The storage account.
    pub account: String,
    /// The container.
    pub container: String,
    /// The blob's name, not encoded.
    pub blob: String,
}

/// What a container URL allows, in the words of `listContainerSas`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub enum ContainerPermission {
    /// Reads and lists.
    Read,
    /// Also writes.
    ReadWrite,
    /// Also deletes.
    ReadWriteDelete,
}

/// URLs of blobs, which only Blob Storage can make and read.
pub trait BlobLinks: Send + Sync {
    /// URLs with a shared access signature for a container, one per key of the storage account.
    fn container_urls(
        &self,
        account: &str,
        container: &str,
        permission: ContainerPermission,
        expires: OffsetDateTime,
    ) -> Vec<String>;

    /// The blob that a URL names and lets its bearer read; `None` for other places and for wrong signatures.
    fn readable_blob(&self, url: &Url) -> Option<BlobPlace>;
}
