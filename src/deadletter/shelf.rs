//! The container of dead letters as its operator sees it: what is there, newest first, and what is taken off once it has been
//! replayed. What becomes of a letter in between is the replay's.

use futures_util::stream::{self, Stream, StreamExt as _};
use gridwich_handlers::participants::ParticipantError;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::letter::Letter;
use crate::azure::blob_storage::dead_letters::{BLOB_BYTES_MAX, Change, DeadLetterContainer, ListedLetters};

/// Blobs that are read at once.
const READS_AT_ONCE: usize = 8;
/// So often a change is tried again that others were faster with.
const CHANGES_MAX: u32 = 10;

/// Which dead letters are wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) event_type: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) since: Option<OffsetDateTime>,
    pub(super) until: Option<OffsetDateTime>,
    pub(super) prefix: String,
}

impl Filter {
    fn takes_blob(&self, blob: &ListedLetters) -> bool {
        self.since.is_none_or(|since| blob.written >= since)
            && self.until.is_none_or(|until| blob.written <= until)
    }

    pub(super) fn takes(&self, letter: &Letter) -> bool {
        self.event_type.as_ref().is_none_or(|event_type| *event_type == letter.event_type)
            && self.reason.as_ref().is_none_or(|reason| reason.eq_ignore_ascii_case(&letter.reason()))
    }
}

/// A blob with what stands in it.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    pub(super) name: String,
    pub(super) written: OffsetDateTime,
    etag: String,
    /// All elements, also those that are no letters: they are kept when others are taken off.
    elements: Vec<Box<RawValue>>,
}

impl Blob {
    pub(super) fn letters(&self) -> impl Iterator<Item = Letter> {
        self.elements.iter().filter_map(|element| Letter::of(element))
    }
}

/// The container.
pub(super) struct Shelf(pub(super) DeadLetterContainer);

impl Shelf {
    /// The blobs that may hold what is wanted, newest first.
    pub(super) async fn blobs(&self, filter: &Filter) -> Result<Vec<ListedLetters>, ParticipantError> {
        let Some(mut blobs) = self.0.list(&filter.prefix).await? else {
            // The processor makes it with its first letter.
            eprintln!("gridwich: there is no such container yet");
            return Ok(Vec::new());
        };
        blobs.retain(|blob| filter.takes_blob(blob) && blob.bytes > 0);
        blobs.sort_by(|one, other| (other.written, &one.name).cmp(&(one.written, &other.name)));
        Ok(blobs)
    }

    /// Reads blobs in their order. What has gone meanwhile is left out; what is no dead letter is complained of, and left
    /// out too.
    pub(super) fn read_all(
        &self,
        blobs: Vec<ListedLetters>,
    ) -> impl Stream<Item = Result<Blob, ParticipantError>> + Send {
        let blobs = blobs.into_iter().filter(|blob| {
            let is_small = blob.bytes < BLOB_BYTES_MAX;
            if !is_small {
                eprintln!("gridwich: {} is passed over: it has {} bytes", blob.name, blob.bytes);
            }
            is_small
        });
        let reads = blobs.map(move |blob| async move { self.read(&blob.name).await.transpose() });
        stream::iter(reads).buffered(READS_AT_ONCE).filter_map(std::future::ready)
    }

    async fn read(&self, name: &str) -> Result<Option<Blob>, ParticipantError> {
        let Some(found) = self.0.read(name).await? else { return Ok(None) };
        let Some(elements) = elements(&found.text) else {
            eprintln!("gridwich: {name} is passed over: it holds no dead letters");
            return Ok(None);
        };
        Ok(Some(Blob { name: name.to_owned(), written: found.written, etag: found.etag, elements }))
    }

    /// Takes letters off, and leaves what others have put or taken meanwhile as it is.
    ///
    /// # Errors
    /// When the container cannot be changed.
    pub(super) async fn take_off(&self, blob: &Blob, letters: &[Letter]) -> Result<(), String> {
        let failed = |error: ParticipantError| format!("{}: replayed, but still there: {error}", blob.name);
        let mut blob = blob.clone();
        for _ in 0..CHANGES_MAX {
            let left = without(&blob.elements, letters);
            if left.len() == blob.elements.len() {
                return Ok(());
            }
            let change = if left.is_empty() {
                self.0.remove(&blob.name, &blob.etag).await
            } else {
                let texts = left.iter().map(|element| element.get()).collect::<Vec<_>>();
                self.0.replace(&blob.name, &blob.etag, format!("[{}]", texts.join(",")).into()).await
            };
            if change.map_err(failed)? == Change::Made {
                return Ok(());
            }
            let Some(newer) = self.read(&blob.name).await.map_err(failed)? else { return Ok(()) };
            if newer.letters().any(|letter| letters.iter().any(|replayed| letter.is_kept_again(replayed))) {
                return Err(format!("{}: replayed, and failed again: still there", blob.name));
            }
            blob = newer;
        }
        Err(format!("{}: replayed, but still there: others keep changing it", blob.name))
    }
}

/// An array of events, or one alone.
fn elements(text: &[u8]) -> Option<Vec<Box<RawValue>>> {
    let text = std::str::from_utf8(text).ok()?.trim_start_matches('\u{feff}').trim_ascii();
    if text.starts_with('[') {
        return serde_json::from_str(text).ok();
    }
    text.starts_with('{').then(|| serde_json::from_str(text).ok().map(|event| vec![event])).flatten()
}

/// Each letter is taken off once, in case one stands there twice.
fn without<'a>(elements: &'a [Box<RawValue>], letters: &[Letter]) -> Vec<&'a RawValue> {
    let mut taken = letters.iter().map(Letter::raw).collect::<Vec<_>>();
    let stays = |element: &&RawValue| match taken.iter().position(|letter| *letter == element.get()) {
        Some(index) => {
            taken.swap_remove(index);
            false
        }
        None => true,
    };
    elements.iter().map(AsRef::as_ref).filter(stays).collect()
}
