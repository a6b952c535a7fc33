//! Header names as their writers spelled them, which [`http::HeaderMap`] folds to lower case: carried beside a message in
//! memory, given to hyper before it writes one and taken from it after it has read one. Not what any header means.
//!
//! For the few services whose header names are data. In memory a [`Spelling`] is an extension of the message. On sockets
//! hyper keeps the spelling itself when its connections are built with `preserve_header_case(true)`, but in a type of its
//! own that nobody else can name: [`give_to_hyper`] and [`take_from_hyper`] go from one to the other.

use http::header::{InvalidHeaderName, MaxSizeReached};
use http::{HeaderMap, HeaderName};

pub use socket::{give_to_hyper, take_from_hyper};

mod socket;

/// More names than this are not kept: HTTP servers take a hundred, and the most generous a few thousand.
pub const NAMES_MAX: usize = 4_096;
/// More bytes of names than this are not kept: hyper reads heads of at most about 400 KB.
pub const NAMES_BYTES_MAX: usize = 256 * 1024;

/// Names of headers as spelled. A name that was written several times has a spelling for each, in the order of its values.
#[derive(Clone, Debug, Default)]
pub struct Spelling(HeaderMap<Box<str>>);

/// Why names cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum SpellingError {
    /// A header's name consists of letters, digits and some signs.
    #[error("a name is none that a header can have")]
    Invalid(#[source] InvalidHeaderName),
    /// More than [`NAMES_MAX`], or longer than [`NAMES_BYTES_MAX`] together.
    #[error("there are too many names, or they are too long")]
    TooMany,
}

impl Spelling {
    /// Keeps names in the order in which they are written.
    ///
    /// # Errors
    /// When one is no header's name, or there are more than are kept.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, SpellingError> {
        let (mut kept, mut bytes) = (HeaderMap::default(), 0);
        for name in names {
            bytes += name.len();
            if kept.len() == NAMES_MAX || bytes > NAMES_BYTES_MAX {
                return Err(SpellingError::TooMany);
            }
            let folded = HeaderName::from_bytes(name.as_bytes()).map_err(SpellingError::Invalid)?;
            let appended = kept.try_append(folded, Box::from(name));
            appended.map_err(|_: MaxSizeReached| SpellingError::TooMany)?;
        }
        Ok(Self(kept))
    }

    /// How a name was spelled, each time it was written. Nothing when that is not known.
    pub fn of(&self, name: &HeaderName) -> impl Iterator<Item = &str> {
        self.0.get_all(name).iter().map(AsRef::as_ref)
    }

    /// All names as spelled; those that differ only in case stand together.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(AsRef::as_ref)
    }

    /// Whether there is a name that would be lost with this.
    fn matters(&self) -> bool {
        self.0.iter().any(|(folded, spelled)| folded.as_str() != &**spelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(spelling: &'a Spelling, name: &str) -> Vec<&'a str> {
        spelling.of(&name.parse().unwrap()).collect()
    }

    #[test]
    fn names_are_found_in_any_case_and_returned_as_spelled() {
        let spelling = Spelling::new(["x-Bread", "accept", "X-BREAD"]).unwrap();
        assert_eq!(of(&spelling, "X-bread"), ["x-Bread", "X-BREAD"]);
        assert_eq!(of(&spelling, "Accept"), ["accept"]);
        assert!(of(&spelling, "x-butter").is_empty());
        assert_eq!(spelling.names().collect::<Vec<_>>(), ["x-Bread", "X-BREAD", "accept"]);
    }

    #[test]
    fn what_is_no_name_or_too_much_is_refused() {
        assert!(matches!(Spelling::new(["a b"]), Err(SpellingError::Invalid(_))));
        assert!(matches!(Spelling::new([""]), Err(SpellingError::Invalid(_))));
        assert!(matches!(Spelling::new(["a"; NAMES_MAX + 1]), Err(SpellingError::TooMany)));
        let long = "a".repeat(NAMES_BYTES_MAX / 8);
        assert!(Spelling::new([long.as_str(); 8]).is_ok());
        assert!(matches!(Spelling::new([long.as_str(); 9]), Err(SpellingError::TooMany)));
    }
}
