//! Sends dead letters again, one after the other, and takes those off that were accepted. Which ones is the caller's choice.

use std::io::Write;

use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use time::{Duration, OffsetDateTime};

use super::DeadLetterError;
use super::letter::Letter;
use super::screen;
use super::shelf::{Blob, Filter, Shelf};
use super::target::{NotAccepted, Target};
use crate::clock;

/// So many letters in a row that are not accepted end it: the rest would hardly fare better.
const REFUSALS_IN_A_ROW_MAX: u32 = 20;

/// So long the README advises to keep the notes of what was answered.
const NOTES_ARE_KEPT: Duration = Duration::days(7);

/// Letters with the blobs they are in.
type Chosen<'a> = BoxStream<'a, Result<(Blob, Vec<Letter>), DeadLetterError>>;

/// Which letters.
pub(super) struct Choice {
    /// Those with these ids, or in the blobs of these names; all when there are none.
    pub(super) names: Vec<String>,
    /// And of those only these.
    pub(super) filter: Filter,
}

/// How they are sent again.
pub(super) struct Replay<'a> {
    pub(super) shelf: &'a Shelf,
    /// Nothing is sent without one.
    pub(super) target: Option<Target>,
    pub(super) keeps_id: bool,
    /// Whether letters stay although they were accepted.
    pub(super) keeps_letters: bool,
    pub(super) out: &'a mut (dyn Write + Send),
}

/// What has happened so far.
#[derive(Default)]
struct Count {
    accepted: usize,
    refused: usize,
    refused_in_a_row: u32,
}

impl Choice {
    fn takes(&self, blob: &Blob, letter: &Letter) -> bool {
        let is_named = self.names.iter().any(|name| *name == letter.id || *name == blob.name);
        (self.names.is_empty() || is_named) && self.filter.takes(letter)
    }

    /// The letters, blob by blob, oldest first: what happened first is repeated first.
    ///
    /// # Errors
    /// When the container cannot be read, or one that is named is not there.
    pub(super) async fn letters<'a>(&'a self, shelf: &'a Shelf) -> Result<Chosen<'a>, DeadLetterError> {
        let mut blobs = shelf.blobs(&self.filter).await?;
        blobs.reverse();
        let is_there = |name: &String| blobs.iter().any(|blob| blob.name == *name);
        if !self.names.is_empty() && self.names.iter().all(is_there) {
            blobs.retain(|blob| self.names.contains(&blob.name));
        }
        let chosen = shelf.read_all(blobs).map_err(DeadLetterError::from).try_filter_map(|blob| {
            let letters = blob.letters().filter(|letter| self.takes(&blob, letter)).collect::<Vec<_>>();
            std::future::ready(Ok((!letters.is_empty()).then_some((blob, letters))))
        });
        if self.names.is_empty() {
            return Ok(chosen.boxed());
        }
        // Nothing is done about some of them while it is not known that all are there.
        let named = chosen.try_collect::<Vec<_>>().await?;
        let is_found = |name: &String| {
            let is_it = |(blob, letters): &(Blob, Vec<Letter>)| {
                blob.name == *name || letters.iter().any(|letter| letter.id == *name)
            };
            named.iter().any(is_it)
        };
        match self.names.iter().find(|name| !is_found(name)) {
            Some(unknown) => {
                let unknown = screen::line(unknown);
                Err(DeadLetterError::Invalid(format!("{unknown}: there is no such dead letter")))
            }
            None => Ok(stream::iter(named.into_iter().map(Ok)).boxed()),
        }
    }
}

impl Replay<'_> {
    /// Sends them.
    ///
    /// # Errors
    /// When one of them is not there, was not accepted, or could not be taken off.
    pub(super) async fn run(mut self, choice: &Choice) -> Result<(), DeadLetterError> {
        let (mut count, mut faults) = (Count::default(), Vec::new());
        let mut chosen = choice.letters(self.shelf).await?;
        loop {
            let (blob, letters) = match chosen.try_next().await {
                Ok(Some(found)) => found,
                Ok(None) => break,
                Err(error) => {
                    faults.push(format!("{error}; {} were accepted before", count.accepted));
                    break;
                }
            };
            let mut accepted = Vec::new();
            let mut stopped = None;
            for letter in letters {
                match self.send(&letter, &blob, &mut count).await {
                    Ok(true) => accepted.push(letter),
                    Ok(false) => {}
                    Err(reason) => {
                        stopped = Some(reason);
                        break;
                    }
                }
            }
            if !self.keeps_letters && self.target.is_some() {
                faults.extend(self.shelf.take_off(&blob, &accepted).await.err());
            }
            if let Some(reason) = stopped {
                faults.push(format!("{reason}; {} were accepted before", count.accepted));
                break;
            }
        }
        if count.refused > 0 {
            let of = count.accepted + count.refused;
            faults.push(format!(
                "{} of {of} dead letters were not accepted, and are still there",
                count.refused
            ));
        }
        if faults.is_empty() { Ok(()) } else { Err(DeadLetterError::NotDone(faults.join("\n"))) }
    }

    /// Whether it was accepted; an error ends it all.
    async fn send(&mut self, letter: &Letter, blob: &Blob, count: &mut Count) -> Result<bool, String> {
        let sending = letter.sending(self.keeps_id);
        let event_type = screen::line(&letter.event_type);
        if sending.new_id.is_none() && is_forgotten(blob.written, clock::now()) {
            eprintln!("gridwich: {sending} is older than 7 days: what was answered may be done anew");
        }
        let Some(target) = &self.target else {
            self.say(&format!("would replay {event_type} {sending}"));
            return Ok(false);
        };
        match target.send(letter, &sending).await {
            Ok(()) => {
                (count.accepted, count.refused_in_a_row) = (count.accepted + 1, 0);
                self.say(&format!("replayed {event_type} {sending}"));
                Ok(true)
            }
            Err(NotAccepted::Refused(reason)) => {
                (count.refused, count.refused_in_a_row) = (count.refused + 1, count.refused_in_a_row + 1);
                self.say(&format!("refused {event_type} {sending}: {reason}"));
                if count.refused_in_a_row == REFUSALS_IN_A_ROW_MAX {
                    return Err(format!("stopped after {REFUSALS_IN_A_ROW_MAX} refusals in a row"));
                }
                Ok(false)
            }
            Err(NotAccepted::Unreachable(reason)) => Err(reason),
        }
    }

    fn say(&mut self, line: &str) {
        // Whoever closes the pipe has seen enough; what was asked for is done all the same.
        let _ = writeln!(self.out, "{line}");
    }
}

/// Whether what was answered to a letter may not be known any more: its event is older still.
fn is_forgotten(written: OffsetDateTime, now: OffsetDateTime) -> bool {
    now - written > NOTES_ARE_KEPT
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn what_was_answered_is_forgotten_after_seven_days() {
        let written = datetime!(2026-03-04 09:10 UTC);
        assert!(!is_forgotten(written, datetime!(2026-03-11 09:10 UTC)));
        assert!(is_forgotten(written, datetime!(2026-03-11 09:11 UTC)));
        assert!(!is_forgotten(written, datetime!(2026-03-04 09:09 UTC)));
    }
}
