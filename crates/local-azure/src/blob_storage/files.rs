//! Blobs as files, for the other services of the local cloud. Not HTTP, and nobody's keys are asked for.

use std::io;
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::io::{AsyncWriteExt as _, BufWriter};
use tokio_util::io::ReaderStream;

use super::BlobStorage;
use super::blob::Blob;
use super::call::Origin;
use super::conditions::Conditions;
use super::container;
use super::content::{Content, Part};
use super::delete::{self, Goes};
use super::error::{self, StorageError};
use super::events::Api;
use super::headers::{ContentHeaders, Metadata};
use super::path::{self, BlobPath, ContainerPath};
use super::storage::{Draft, Terms};
use crate::inside::{BlobFile, BlobFileError, BlobFiles};

/// The longest blob that is read as a whole: manifests and playlists are far shorter.
const READ_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The longest block blob there can be: 50,000 blocks of 4,000 MiB.
const BLOB_BYTES_MAX: u64 = 50_000 * 4000 * 1024 * 1024;
/// How much of a file is read at a time.
const CHUNK_BYTES: usize = 256 * 1024;

impl BlobStorage {
    /// A request from inside has an id like any other, but no client gave it one.
    fn origin(&self) -> Origin {
        Origin { request_id: self.0.settings.ids.guid().to_string(), client_request_id: None }
    }

    fn readable(&self, path: &BlobPath) -> Result<std::sync::Arc<Blob>, BlobFileError> {
        let blob = self.0.blob(path, None).map_err(|error| as_file_error(path, &error))?;
        blob.verify_online().map_err(|error| as_file_error(path, &error))?;
        Ok(blob)
    }

    async fn receive<E>(
        &self,
        path: &BlobPath,
        chunks: impl stream::Stream<Item = Result<Bytes, E>>,
        content_type: &str,
    ) -> Result<(), BlobFileError> {
        let received = self.0.shelf.receive(chunks, 0, BLOB_BYTES_MAX).await;
        let received = received.map_err(|error| as_file_error(path, &error))?;
        let headers = ContentHeaders {
            content_type: Some(content_type.to_owned()),
            content_md5: Some(received.sums.md5()),
            ..ContentHeaders::default()
        };
        let content = received.part.into_iter().collect();
        let draft = Draft { content, headers, ..Draft::default() };
        let blob = self.0.put(path, &Terms::default(), |_| Ok(draft)).await;
        let blob = blob.map_err(|error| as_file_error(path, &error))?;
        self.0.raise_created(path, &blob, Api::PutBlob, &self.origin());
        Ok(())
    }
}

#[async_trait]
impl BlobFiles for BlobStorage {
    async fn has_container(&self, account: &str, container: &str) -> bool {
        self.0.account(account).is_ok_and(|account| account.lock().contains_key(container))
    }

    async fn ensure_container(&self, account: &str, container: &str) -> Result<(), BlobFileError> {
        let path = ContainerPath { account: account.to_owned(), name: container.to_owned() };
        let refuse = |error: &StorageError| as_file_error(&BlobPath::new(account, container, ""), error);
        path::verify_container_name(container).map_err(|error| refuse(&error))?;
        match container::make(&self.0, &path, Metadata::new(), None) {
            Ok(stamp) => container::save_made(&self.0, &path, stamp).await.map_err(|error| refuse(&error)),
            Err(error) if error == error::CONTAINER_ALREADY_EXISTS => Ok(()),
            Err(error) => Err(refuse(&error)),
        }
    }

    async fn list(&self, account: &str, container: &str) -> Result<Vec<BlobFile>, BlobFileError> {
        let path = BlobPath::new(account, container, "");
        let list = self.0.with_container(&path.container, |container| {
            let blobs = container.blobs.iter().filter_map(|(name, entry)| Some((name, entry.blob.as_ref()?)));
            Ok(blobs
                .map(|(name, blob)| BlobFile { name: name.clone(), bytes: blob.content.bytes() })
                .collect())
        });
        list.map_err(|error| as_file_error(&path, &error))
    }

    async fn read_to_file(
        &self,
        account: &str,
        container: &str,
        blob: &str,
        to: &Path,
    ) -> Result<(), BlobFileError> {
        let path = BlobPath::new(account, container, blob);
        let content = self.readable(&path)?.content.clone();
        write_file(&content, to).await.map_err(|error| BlobFileError::Failed(error.to_string()))
    }

    async fn read(&self, account: &str, container: &str, blob: &str) -> Result<Bytes, BlobFileError> {
        let path = BlobPath::new(account, container, blob);
        let content = self.readable(&path)?.content.clone();
        let bytes = content.bytes();
        if bytes > READ_BYTES_MAX {
            return Err(BlobFileError::Unreadable(path.to_string(), format!("it has {bytes} bytes")));
        }
        let chunks: Result<Vec<Bytes>, _> = content.stream(0..bytes).try_collect().await;
        chunks.map(|chunks| chunks.concat().into()).map_err(|error| BlobFileError::Failed(error.to_string()))
    }

    async fn write_from_file(
        &self,
        account: &str,
        container: &str,
        blob: &str,
        from: &Path,
        content_type: &str,
    ) -> Result<(), BlobFileError> {
        let path = BlobPath::new(account, container, blob);
        let file =
            tokio::fs::File::open(from).await.map_err(|error| BlobFileError::Failed(error.to_string()))?;
        self.receive(&path, ReaderStream::with_capacity(file, CHUNK_BYTES), content_type).await
    }

    async fn write(
        &self,
        account: &str,
        container: &str,
        blob: &str,
        content: Bytes,
        content_type: &str,
    ) -> Result<(), BlobFileError> {
        let path = BlobPath::new(account, container, blob);
        self.receive(&path, stream::iter([Ok::<_, io::Error>(content)]), content_type).await
    }

    async fn remove(&self, account: &str, container: &str, blob: &str) -> Result<(), BlobFileError> {
        let path = BlobPath::new(account, container, blob);
        let (conditions, origin) = (Conditions::default(), self.origin());
        match delete::remove(&self.0, &path, Goes::BlobAndSnapshots, &conditions, &origin).await {
            Err(error) if error == error::BLOB_NOT_FOUND => Ok(()),
            other => other.map_err(|error| as_file_error(&path, &error)),
        }
    }
}

/// Links a file whose bytes are all in one file already, which never changes; else writes a new one.
async fn write_file(content: &Content, to: &Path) -> io::Result<()> {
    if let [Part::File(file, _)] = content.parts()
        && tokio::fs::hard_link(file.path(), to).await.is_ok()
    {
        return Ok(());
    }
    let mut file = BufWriter::with_capacity(CHUNK_BYTES, tokio::fs::File::create_new(to).await?);
    let mut chunks = std::pin::pin!(content.stream(0..content.bytes()));
    while let Some(chunk) = chunks.next().await {
        file.write_all(&chunk?).await?;
    }
    file.flush().await
}

fn as_file_error(path: &BlobPath, error: &StorageError) -> BlobFileError {
    match error.status.as_u16() {
        404 => BlobFileError::NotFound(path.to_string()),
        500 => BlobFileError::Failed(error.to_string()),
        _ => BlobFileError::Unreadable(path.to_string(), error.code.to_owned()),
    }
}
