//! The files that an asset's presentation is made from, and what tells one such presentation from another.

use sha2::{Digest as _, Sha256};

use url::Url;

use super::access::{Common, Opened, Protection};
use super::common_encryption::CommonEncryption;
use super::error::StreamError;
use super::server_manifest::{self, ListedTrack};
use crate::inside::BlobFile;
use crate::media_services::publication::{Drm, is_server_manifest};

/// A server manifest has some hundred bytes for each track.
const SERVER_MANIFEST_BYTES_MAX: u64 = 1024 * 1024;
/// "Quotas and limits": the largest file for standard encoding, 260 GB; here for all files of a presentation together.
const FILES_BYTES_MAX: u64 = 260_000_000_000;

/// What is to be packaged.
pub(super) struct Source {
    pub storage_account: String,
    pub container: String,
    /// Names of blobs, each once.
    pub files: Vec<String>,
    pub tracks: Vec<ListedTrack>,
    pub encryption: SourceEncryption,
    /// The same for the same presentation: a container's files, told apart by name and size, and how they are encrypted.
    pub identity: [u8; 32],
}

/// How it is to be encrypted. It has no `Debug`, so that keys are never logged.
pub(super) enum SourceEncryption {
    None,
    /// Whole segments, with this key.
    Envelope([u8; 16]),
    /// Samples.
    Common(CommonEncryption),
}

/// Finds what a server manifest names.
pub(super) async fn find(
    opened: &Opened,
    server_manifest: &str,
    protection: &Protection<'_>,
) -> Result<Source, StreamError> {
    let (storage_account, container) = (&opened.asset.storage_account, &opened.asset.container);
    let blobs = &opened.account.environment.blobs;
    let listed = blobs.list(storage_account, container).await?;
    let manifest = listed.iter().find(|file| file.name == server_manifest && is_server_manifest(&file.name));
    let manifest =
        manifest.ok_or_else(|| StreamError::not_found("The asset has no such server manifest."))?;
    if manifest.bytes > SERVER_MANIFEST_BYTES_MAX {
        return Err(StreamError::unprocessable("The server manifest (.ism) of the asset is too long."));
    }
    let text = blobs.read(storage_account, container, &manifest.name).await?;
    let tracks = server_manifest::tracks(&String::from_utf8_lossy(&text))?;
    let mut files = Vec::<&BlobFile>::new();
    for track in &tracks {
        let file = listed.iter().find(|file| file.name == track.file);
        let file = file.ok_or_else(|| {
            StreamError::not_found("The server manifest (.ism) names a file that is not in the asset.")
        })?;
        if !files.contains(&file) {
            files.push(file);
        }
    }
    if files.iter().fold(0_u64, |bytes, file| bytes.saturating_add(file.bytes)) > FILES_BYTES_MAX {
        return Err(StreamError::unprocessable("The files of the asset are larger than 260 GB together."));
    }
    let encryption = SourceEncryption::of(protection);
    let mut identity = Sha256::new();
    for part in [storage_account.as_bytes(), container.as_bytes(), &text, &encryption.identity()] {
        identity.update(part.len().to_be_bytes());
        identity.update(part);
    }
    for file in &files {
        identity.update(file.name.len().to_be_bytes());
        identity.update(&file.name);
        identity.update(file.bytes.to_be_bytes());
    }
    let files = files.into_iter().map(|file| file.name.clone()).collect();
    let identity = identity.finalize().into();
    Ok(Source {
        storage_account: storage_account.clone(),
        container: container.clone(),
        files,
        tracks,
        encryption,
        identity,
    })
}

impl SourceEncryption {
    fn of(protection: &Protection<'_>) -> Self {
        match protection {
            Protection::Clear => Self::None,
            Protection::Envelope(key) => Self::Envelope(key.value),
            Protection::Common(Common { scheme, key, licences }) => Self::Common(CommonEncryption {
                scheme: *scheme,
                key_id: key.id,
                key: key.value,
                widevine: licences.drm(Drm::Widevine).is_some(),
                play_ready: licences.drm(Drm::PlayReady).map(Url::to_string),
            }),
        }
    }

    fn identity(&self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Envelope(key) => key.to_vec(),
            Self::Common(common) => {
                let play_ready = common.play_ready.as_deref().unwrap_or_default();
                let text =
                    [common.scheme.word(), &u8::from(common.widevine).to_string(), play_ready].join(" ");
                [&common.key, common.key_id.as_bytes(), text.as_bytes()].concat()
            }
        }
    }
}
