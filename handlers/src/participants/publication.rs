//! What a publisher of media can do for us: make what lies in a container playable, and take that back. Not how it is played.

use async_trait::async_trait;

use super::{ClipTimes, ContainerAddress, ParticipantError};

/// Media to be published.
#[derive(Clone, Debug, PartialEq)]
pub struct LocatorRequest {
    /// Ends the names of what is made for it, so that they are the same whenever the same request is handled.
    pub suffix: String,
    /// Where the media are.
    pub container: ContainerAddress,
    /// How they are protected, by name: one that we know and make where it is missing, or one that is there.
    pub streaming_policy: String,
    /// Who gets keys, likewise.
    pub content_key_policy: Option<String>,
    /// Whether they may be published without protection.
    pub may_be_clear: bool,
    /// The part to be shown, if not all.
    pub time: Option<ClipTimes>,
    /// The encoder's description of the tracks, if filters are to be made for those with sound.
    pub server_manifest: Option<Vec<u8>>,
}

/// Media that have been published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Names the publication.
    pub locator: String,
    /// The id of the key for whole segments (AES-128), if there is one.
    pub envelope_key_id: Option<String>,
    /// The id of the key for common encryption with `cenc`, if there is one.
    pub cenc_key_id: Option<String>,
    /// The id of the key for common encryption with `cbcs`, if there is one.
    pub cbcs_key_id: Option<String>,
    /// Where players of DASH find it, if they may.
    pub dash: Option<String>,
    /// Where players of HLS find it, if they may.
    pub hls: Option<String>,
}

/// Which part of a publication went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicationStep {
    /// How it is protected.
    StreamingPolicy,
    /// That it is not protected at all, and has to be.
    Clear,
    /// Who gets keys.
    ContentKeyPolicy,
    /// A setting that is needed for keys.
    Configuration,
    /// Naming the container to the publisher.
    Asset,
    /// What is shown of it.
    Filter,
    /// The encoder's description of the tracks.
    ServerManifest,
    /// The publication itself.
    Locator,
    /// Whether there is anybody who serves it.
    Endpoint,
    /// Where players find it.
    Paths,
}

/// Why media were not published.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct PublicationError {
    /// At which step.
    pub step: PublicationStep,
    /// Why.
    pub source: ParticipantError,
}

/// A publisher of media.
#[async_trait]
pub trait Publication: Send + Sync {
    /// Says where media should be published now, in a word of visible ASCII.
    async fn place(&self) -> Result<String, PublicationError>;

    /// Publishes media there. What is there already for the same request is what was meant.
    async fn publish(&self, request: &LocatorRequest, place: &str) -> Result<Published, PublicationError>;

    /// Takes a publication back, with what was made for it alone. One that is not there is as wanted.
    async fn unpublish(&self, locator: &str) -> Result<(), ParticipantError>;
}
