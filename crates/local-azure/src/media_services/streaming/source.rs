//! The files that an asset's presentation is made from, and what tells one such presentation from another.

use sha2::{Digest as _, Sha256};

use super::access::{Opened, Protection};
use super::error::StreamError;
use super::server_manifest::{self, ListedTrack};
use crate::inside::BlobFile;
use crate::media_services::publication::is_server_manifest;

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
    /// Encrypts segments.
    pub key: Option<[u8; 16]>,
    /// The same for the same presentation: a container's files, told apart by name and size, and the key.
    pub identity: [u8; 32],
}

/// Finds what a server manifest names.
pub(super) async fn find(
    opened: &Opened,
    server_manifest: &str,
    protection: Protection<'_>,
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
    let key = match protection {
        Protection::Clear => None,
        Protection::Envelope(key) => Some(key.value),
    };
    let mut identity = Sha256::new();
    for part in [storage_account.as_bytes(), container.as_bytes(), &text, &key.unwrap_or_default()] {
        identity.update(part.len().to_be_bytes());
        identity.update(part);
    }
    identity.update([u8::from(key.is_some())]);
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
        key,
        identity,
    })
}
