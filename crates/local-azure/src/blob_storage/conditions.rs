//! Conditional headers ("Specifying conditional headers for Blob Storage operations"). Not tags, not leases.

use http::HeaderMap;
use time::OffsetDateTime;

use super::call::header;
use super::dates;
use super::error::{self, StorageError};
use super::stamp::Stamp;

/// What a caller wants to be true before anything happens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    matches: Option<Etag>,
    none_matches: Option<Etag>,
    modified_since: Option<OffsetDateTime>,
    unmodified_since: Option<OffsetDateTime>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Etag {
    Any,
    Is(String),
}

impl Etag {
    fn read(text: &str) -> Self {
        match text.trim() {
            "*" => Self::Any,
            etag => Self::Is(etag.trim_matches('"').to_owned()),
        }
    }

    fn fits(&self, stamp: Stamp) -> bool {
        match self {
            Self::Any => true,
            Self::Is(etag) => *etag == stamp.to_string(),
        }
    }
}

impl Conditions {
    /// Reads `If-Match` and its kin, or with a prefix `x-ms-source-if-match` and its kin.
    pub fn read(headers: &HeaderMap, prefix: &str) -> Result<Self, StorageError> {
        let text = |name: &str| header(headers, &format!("{prefix}{name}"));
        let date = |name: &str| {
            let read = |text| dates::parse_http_date(text).ok_or_else(|| error::invalid_header(name));
            text(name).map(read).transpose()
        };
        Ok(Self {
            matches: text("if-match").map(Etag::read),
            none_matches: text("if-none-match").map(Etag::read),
            modified_since: date("if-modified-since")?,
            unmodified_since: date("if-unmodified-since")?,
        })
    }

    /// Whether something there may be read.
    pub fn allow_read(&self, stamp: Stamp) -> Result<(), StorageError> {
        if self.none_matches == Some(Etag::Any) {
            return Err(error::UNSATISFIABLE_CONDITION);
        }
        if self.is_another(stamp) {
            return Err(error::CONDITION_NOT_MET);
        }
        match self.is_known(stamp) {
            true => Err(error::NOT_MODIFIED),
            false => Ok(()),
        }
    }

    /// Whether something there may be changed, or something absent made.
    pub fn allow_write(&self, existing: Option<Stamp>) -> Result<(), StorageError> {
        let Some(stamp) = existing else {
            return if self.matches.is_some() { Err(error::CONDITION_NOT_MET) } else { Ok(()) };
        };
        if self.none_matches == Some(Etag::Any) {
            return Err(error::BLOB_ALREADY_EXISTS);
        }
        match self.is_another(stamp) || self.is_known(stamp) {
            true => Err(error::CONDITION_NOT_MET),
            false => Ok(()),
        }
    }

    /// It is not the state, or not as old, as the caller wants.
    fn is_another(&self, stamp: Stamp) -> bool {
        let other = self.matches.as_ref().is_some_and(|etag| !etag.fits(stamp));
        other || self.unmodified_since.is_some_and(|since| seconds(stamp) > since.unix_timestamp())
    }

    /// It is the state the caller already has. Where both an ETag and a time are given, one difference is enough.
    fn is_known(&self, stamp: Stamp) -> bool {
        let same = self.none_matches.as_ref().map(|etag| etag.fits(stamp));
        let old = self.modified_since.map(|since| seconds(stamp) <= since.unix_timestamp());
        match (same, old) {
            (Some(same), Some(old)) => same && old,
            (one, other) => one.or(other).unwrap_or(false),
        }
    }
}

/// HTTP dates have whole seconds; what happened within one has the same date.
fn seconds(stamp: Stamp) -> i64 {
    stamp.time().unix_timestamp()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::blob_storage::stamp::Stamps;
    use crate::clock::Clock;

    const BEFORE: &str = "Wed, 04 Mar 2026 09:59:59 GMT";
    const SAME: &str = "Wed, 04 Mar 2026 10:00:00 GMT";

    fn stamp() -> Stamp {
        Stamps::new(Clock::starting_at(datetime!(2026-03-04 10:00:00.7 UTC))).next()
    }

    fn conditions(pairs: &[(&'static str, &str)]) -> Conditions {
        let headers =
            pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect();
        Conditions::read(&headers, "").unwrap()
    }

    #[test]
    fn reading_distinguishes_not_modified_from_not_wanted() {
        let stamp = stamp();
        let etag = stamp.etag();
        let read = |pairs: &[(&'static str, &str)]| {
            conditions(pairs).allow_read(stamp).map_err(|e| e.status.as_u16())
        };
        assert_eq!(read(&[]), Ok(()));
        assert_eq!(read(&[("if-match", &etag)]), Ok(()));
        assert_eq!(read(&[("if-match", "*")]), Ok(()));
        assert_eq!(read(&[("if-match", "\"0x1\"")]), Err(412));
        assert_eq!(read(&[("if-none-match", &etag)]), Err(304));
        assert_eq!(read(&[("if-none-match", "\"0x1\"")]), Ok(()));
        assert_eq!(read(&[("if-none-match", "*")]), Err(400));
        assert_eq!(read(&[("if-modified-since", SAME)]), Err(304));
        assert_eq!(read(&[("if-modified-since", BEFORE)]), Ok(()));
        assert_eq!(read(&[("if-unmodified-since", SAME)]), Ok(()));
        assert_eq!(read(&[("if-unmodified-since", BEFORE)]), Err(412));
        assert_eq!(read(&[("if-none-match", &etag), ("if-modified-since", BEFORE)]), Ok(()));
    }

    #[test]
    fn writing_fails_as_precondition_or_conflict() {
        let stamp = stamp();
        let etag = stamp.etag();
        let write = |existing: Option<Stamp>, pairs: &[(&'static str, &str)]| {
            conditions(pairs).allow_write(existing).map_err(|e| e.code)
        };
        let there = Some(stamp);
        assert_eq!(write(None, &[("if-none-match", "*")]), Ok(()));
        assert_eq!(write(there, &[("if-none-match", "*")]), Err("BlobAlreadyExists"));
        assert_eq!(write(None, &[("if-match", "*")]), Err("ConditionNotMet"));
        assert_eq!(write(there, &[("if-match", "*")]), Ok(()));
        assert_eq!(write(there, &[("if-match", &etag)]), Ok(()));
        assert_eq!(write(there, &[("if-none-match", &etag)]), Err("ConditionNotMet"));
        assert_eq!(write(there, &[("if-modified-since", SAME)]), Err("ConditionNotMet"));
    }

    #[test]
    fn a_date_that_is_none_is_refused() {
        let mut headers = HeaderMap::new();
        headers.insert("x-ms-source-if-modified-since", "yesterday".parse().unwrap());
        assert!(Conditions::read(&headers, "").is_ok());
        assert!(Conditions::read(&headers, "x-ms-source-").is_err());
    }
}
