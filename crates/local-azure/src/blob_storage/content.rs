//! The bytes of blobs: parts that never change, shared by blobs, snapshots and copies. Not what the bytes belong to.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};
use tokio_util::io::ReaderStream;

use super::checksum::Checksums;
use super::error::{self, StorageError};
use super::stamp::Stamps;

/// How much of a file is read at a time: large enough for a disk, small enough for many readers.
const READ_BYTES: usize = 256 * 1024;
/// Room set aside for an announced body before any of it has come.
const RESERVE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A file nobody writes to any more. It goes when the last blob that has it goes.
#[derive(Debug)]
pub struct ContentFile {
    path: PathBuf,
    /// Set when the service stops: from then on files stay, for the next process.
    closed: Arc<AtomicBool>,
}

impl ContentFile {
    pub fn new(path: PathBuf, closed: Arc<AtomicBool>) -> Self {
        Self { path, closed }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name by which records refer to it.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Drop for ContentFile {
    fn drop(&mut self) {
        if !self.closed.load(Ordering::Relaxed) {
            // What cannot be removed now is swept at the next start, when no record refers to it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// What one request brought: never empty, never changed.
#[derive(Clone, Debug)]
pub enum Part {
    Memory(Bytes),
    File(Arc<ContentFile>, u64),
}

impl Part {
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, bytes) => *bytes,
        }
    }

    async fn open(self, range: Range<u64>) -> io::Result<impl Stream<Item = io::Result<Bytes>> + use<>> {
        Ok(match self {
            Self::Memory(bytes) => stream::iter([Ok(slice(&bytes, range))]).left_stream(),
            Self::File(file, _) => {
                let mut open = tokio::fs::File::open(file.path()).await?;
                open.seek(io::SeekFrom::Start(range.start)).await?;
                let reader = open.take(range.end - range.start);
                ReaderStream::with_capacity(reader, READ_BYTES).right_stream()
            }
        })
    }
}

/// A part in memory is never longer than memory is wide.
fn slice(bytes: &Bytes, range: Range<u64>) -> Bytes {
    let index = |at: u64| usize::try_from(at).unwrap_or(bytes.len()).min(bytes.len());
    bytes.slice(index(range.start)..index(range.end))
}

/// All of a blob's bytes: its parts one after the other.
#[derive(Clone, Debug, Default)]
pub struct Content {
    parts: Arc<[Part]>,
    bytes: u64,
}

impl Content {
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The bytes in a range, read as they are asked for.
    pub fn stream(&self, range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
        stream::iter(self.pieces(range)).then(|(part, range)| part.open(range)).try_flatten()
    }

    /// The bytes in a range as the body of an answer.
    pub fn body(&self, range: Range<u64>) -> Body {
        Body::from_stream(self.stream(range))
    }

    /// Which range of which part makes up a range of the whole.
    fn pieces(&self, range: Range<u64>) -> Vec<(Part, Range<u64>)> {
        let mut pieces = Vec::new();
        let mut start = 0;
        for part in self.parts.iter() {
            let end = start + part.bytes();
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                pieces.push((part.clone(), from - start..to - start));
            }
            start = end;
        }
        pieces
    }
}

impl FromIterator<Part> for Content {
    fn from_iter<I: IntoIterator<Item = Part>>(parts: I) -> Self {
        let parts: Arc<[Part]> = parts.into_iter().collect();
        let bytes = parts.iter().map(Part::bytes).sum();
        Self { parts, bytes }
    }
}

/// What a body turned out to be.
pub struct Received {
    /// Nothing for an empty body.
    pub part: Option<Part>,
    pub sums: Checksums,
}

/// Where new content goes.
pub enum Shelf {
    Memory,
    Folder { content: PathBuf, stamps: Arc<Stamps>, closed: Arc<AtomicBool> },
}

impl Shelf {
    /// Takes in a body, as it comes, up to a limit.
    pub async fn receive<E>(
        &self,
        body: impl Stream<Item = Result<Bytes, E>>,
        expected_bytes: u64,
        bytes_max: u64,
    ) -> Result<Received, StorageError> {
        let mut writer = self.writer(expected_bytes).await.map_err(|e| error::disk_failed(&e))?;
        let mut sums = Checksums::new();
        let mut bytes = 0;
        let mut body = std::pin::pin!(body);
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| error::INVALID_INPUT)?;
            bytes += chunk.len() as u64;
            if bytes > bytes_max {
                return Err(error::REQUEST_BODY_TOO_LARGE);
            }
            sums.update(&chunk);
            writer.write(&chunk).await.map_err(|e| error::disk_failed(&e))?;
        }
        let part = writer.finish(bytes).await.map_err(|e| error::disk_failed(&e))?;
        Ok(Received { part: Some(part).filter(|_| bytes > 0), sums })
    }

    async fn writer(&self, expected_bytes: u64) -> io::Result<Writer> {
        let Self::Folder { content, stamps, closed } = self else {
            let room = usize::try_from(expected_bytes.min(RESERVE_BYTES_MAX)).unwrap_or_default();
            return Ok(Writer::Memory(Vec::with_capacity(room)));
        };
        // Content is older than the blob it becomes, and a new stamp is later than those of all kept blobs, so the
        // name is free.
        let file = ContentFile::new(content.join(stamps.next().to_string()), closed.clone());
        let open = tokio::fs::File::create_new(file.path()).await?;
        Ok(Writer::File(file, open))
    }
}

/// Dropping it unfinished leaves nothing behind.
enum Writer {
    Memory(Vec<u8>),
    File(ContentFile, tokio::fs::File),
}

impl Writer {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(all) => all.extend_from_slice(bytes),
            Self::File(_, open) => open.write_all(bytes).await?,
        }
        Ok(())
    }

    async fn finish(self, bytes: u64) -> io::Result<Part> {
        match self {
            Self::Memory(all) => Ok(Part::Memory(Bytes::from(all))),
            Self::File(file, mut open) => {
                open.flush().await?;
                // Whoever is given a link to it must not change it either.
                let mut permissions = open.metadata().await?.permissions();
                permissions.set_readonly(true);
                open.set_permissions(permissions).await?;
                Ok(Part::File(Arc::new(file), bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(content: &Content, range: Range<u64>) -> String {
        let all: Vec<Bytes> = content.stream(range).try_collect().await.unwrap();
        String::from_utf8(all.concat()).unwrap()
    }

    #[tokio::test]
    async fn a_range_is_read_across_parts() {
        let content: Content = ["abc", "d", "efgh"]
            .into_iter()
            .map(|text| Part::Memory(Bytes::from_static(text.as_bytes())))
            .collect();
        assert_eq!(content.bytes(), 8);
        assert_eq!(read(&content, 0..8).await, "abcdefgh");
        assert_eq!(read(&content, 2..5).await, "cde");
        assert_eq!(read(&content, 3..4).await, "d");
        assert_eq!(read(&content, 8..8).await, "");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_where_it_crosses_it() {
        let chunks = || stream::iter((0..3).map(|_| Ok::<_, io::Error>(Bytes::from_static(b"1234"))));
        assert!(Shelf::Memory.receive(chunks(), 12, 12).await.is_ok());
        let refused = Shelf::Memory.receive(chunks(), 12, 11).await.map(|_| ());
        assert_eq!(refused, Err(error::REQUEST_BODY_TOO_LARGE));
    }
}
