//! Makes the package of a presentation: CMAF segments that HLS and DASH share, encrypted where the policy says so. Not
//! when, nor how often: that is the cache's.

use std::path::{Path, PathBuf};

use aws_lc_rs::cipher::{AES_128, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use uuid::Uuid;

use super::error::StreamError;
use super::request::Part;
use super::segments::{self, Track};
use super::source::Source;
use crate::media_services::account::Account;
use crate::media_services::ffmpeg::{PackagedTrack, SEGMENT_LIST};
use crate::media_services::settings::Encoder;

/// The folder of all packages, in the encoder's scratch folder.
const FOLDER: &str = "streaming";

/// A packaged presentation. Its folder goes with it.
pub(super) struct Package {
    folder: Folder,
    pub tracks: Vec<Track>,
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
    let inputs = folder.0.join("inputs");
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
    ffmpeg.package(&files, &tracks.collect::<Vec<_>>(), &folder.0).await?;
    tokio::fs::remove_dir_all(&inputs).await?;
    let tracks = segments::read(&folder.0, SEGMENT_LIST, &source.tracks).await?;
    if let Some(key) = source.key {
        encrypt_all(folder.0.clone(), key, &tracks).await?;
    }
    let bytes = bytes_in(&folder.0).await?;
    Ok(Package { folder, tracks, bytes })
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

async fn encrypt_all(folder: PathBuf, key: [u8; 16], tracks: &[Track]) -> Result<(), StreamError> {
    let parts = tracks.iter().flat_map(|track| {
        track.segments.iter().map(|segment| (segment.number, Part::Segment(track.number, segment.number)))
    });
    let parts = parts.collect::<Vec<_>>();
    let encrypting = tokio::task::spawn_blocking(move || {
        parts.into_iter().try_for_each(|(number, part)| encrypt(&folder.join(part.to_string()), key, number))
    });
    encrypting.await.map_err(|_| StreamError::internal("Encrypting segments was given up."))?
}

/// AES-128 of a whole segment with PKCS #7 padding (RFC 8216, 4.3.2.4). A playlist without an `IV` attribute means the
/// segment's media sequence number, which here is the segment's number.
fn encrypt(file: &Path, key: [u8; 16], number: usize) -> Result<(), StreamError> {
    let failed = |_| StreamError::internal("A segment could not be encrypted.");
    let mut content = std::fs::read(file)?;
    let key = UnboundCipherKey::new(&AES_128, &key)
        .and_then(PaddedBlockEncryptingKey::cbc_pkcs7)
        .map_err(failed)?;
    let iv = (number as u128).to_be_bytes();
    key.less_safe_encrypt(&mut content, EncryptionContext::Iv128(FixedLength::from(iv))).map_err(failed)?;
    Ok(std::fs::write(file, content)?)
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
