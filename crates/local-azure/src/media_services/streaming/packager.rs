//! Makes the package of a presentation: CMAF segments that HLS and DASH share, encrypted where the policy says so. Not
//! when, nor how often: that is the cache's.

use std::path::{Path, PathBuf};

use http::HeaderValue;
use uuid::Uuid;

use super::common_encryption::{self, INPUTS};
use super::envelope;
use super::error::StreamError;
use super::request::Part;
use super::segments::{self, Track};
use super::signals::{self, DrmHeader};
use super::source::{Source, SourceEncryption};
use crate::media_services::account::Account;
use crate::media_services::ffmpeg::{PackagedTrack, SEGMENT_LIST};
use crate::media_services::settings::Encoder;

/// The folder of all packages, in the encoder's scratch folder.
const FOLDER: &str = "streaming";

/// A packaged presentation. Its folder goes with it.
pub(super) struct Package {
    folder: Folder,
    pub tracks: Vec<Track>,
    /// Of the DRM systems that are to open it.
    pub headers: Vec<DrmHeader>,
    pub bytes: u64,
}

struct Folder(PathBuf);

impl Package {
    /// Where one of its files is, if it has it.
    pub fn file(&self, part: Part) -> Option<PathBuf> {
        let track = |number: usize| self.tracks.iter().find(|track| track.number == number);
        let is_there = match part {
            Part::Playlist(_) => false,
            Part::Init(number) => track(number).is_some(),
            Part::Segment(number, segment) => {
                track(number).is_some_and(|track| (1..=track.segments.len()).contains(&segment))
            }
        };
        is_there.then(|| self.folder.0.join(part.to_string()))
    }

    /// Tells one of its files from the same file of another package, which may be encrypted differently.
    pub fn tag(&self, part: Part) -> Option<HeaderValue> {
        let folder = self.folder.0.file_name()?.to_string_lossy();
        HeaderValue::try_from(format!("\"{folder}-{part}\"")).ok()
    }
}

/// A file in the folder of all packages that is not kept: it goes with this, however that ends. Whoever reads it has it
/// open.
pub(super) struct PassingFile(PathBuf);

impl PassingFile {
    pub fn new(account: &Account) -> Result<Self, StreamError> {
        Ok(Self(folder_of_all(account)?.join(Uuid::new_v4().to_string())))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PassingFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Removes what an earlier process left, and makes the folder of all packages.
pub(super) async fn clear(account: &Account) -> Result<(), StreamError> {
    let folder = folder_of_all(account)?;
    if let Err(error) = tokio::fs::remove_dir_all(&folder).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error.into());
    }
    Ok(tokio::fs::create_dir_all(&folder).await?)
}

/// Fetches the files, cuts them into segments, and encrypts those.
pub(super) async fn make(account: &Account, source: &Source) -> Result<Package, StreamError> {
    let Encoder::Ffmpeg(ffmpeg) = &account.environment.encoder else { return Err(pretending()) };
    let folder = Folder(folder_of_all(account)?.join(Uuid::new_v4().to_string()));
    let inputs = folder.0.join(INPUTS);
    tokio::fs::create_dir_all(&inputs).await?;
    let mut files = Vec::with_capacity(source.files.len());
    for (index, blob) in source.files.iter().enumerate() {
        // Names of our own, without extension: only the content says what a file is.
        let file = inputs.join(index.to_string());
        let blobs = &account.environment.blobs;
        blobs.read_to_file(&source.storage_account, &source.container, blob, &file).await?;
        files.push(file);
    }
    let tracks = source.tracks.iter().map(|track| PackagedTrack {
        file: source.files.iter().position(|file| *file == track.file).unwrap_or_default(),
        stream: track.stream,
    });
    let tracks = tracks.collect::<Vec<_>>();
    let list = match &source.encryption {
        SourceEncryption::None | SourceEncryption::Envelope(_) => {
            ffmpeg.package(&files, &tracks, &folder.0).await?;
            SEGMENT_LIST
        }
        SourceEncryption::Common(encryption) => {
            let packager = account.environment.streaming.packager.as_deref().ok_or_else(no_packager)?;
            common_encryption::package(packager, &tracks, encryption, &folder.0).await?;
            common_encryption::SEGMENT_LIST
        }
    };
    tokio::fs::remove_dir_all(&inputs).await?;
    let list = tokio::fs::read_to_string(folder.0.join(list)).await?;
    let tracks = segments::read(&folder.0, &list, &source.tracks).await?;
    if let SourceEncryption::Envelope(key) = source.encryption {
        envelope::encrypt_all(folder.0.clone(), key, &tracks).await?;
    }
    let bytes = bytes_in(&folder.0).await?;
    Ok(Package { folder, tracks, headers: signals::headers(&list), bytes })
}

fn folder_of_all(account: &Account) -> Result<PathBuf, StreamError> {
    match &account.environment.encoder {
        Encoder::Ffmpeg(ffmpeg) => Ok(ffmpeg.scratch.join(FOLDER)),
        Encoder::Scripted(_) => Err(pretending()),
    }
}

fn pretending() -> StreamError {
    StreamError::internal("The encoder of this cloud only pretends, so that nothing can be streamed.")
}

fn no_packager() -> StreamError {
    StreamError::internal("There is no Shaka Packager here, which this encryption needs.")
}

async fn bytes_in(folder: &Path) -> Result<u64, StreamError> {
    let (mut entries, mut bytes) = (tokio::fs::read_dir(folder).await?, 0);
    while let Some(entry) = entries.next_entry().await? {
        bytes += entry.metadata().await?.len();
    }
    Ok(bytes)
}

impl Drop for Folder {
    /// Whoever still reads a file of it has it open.
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
