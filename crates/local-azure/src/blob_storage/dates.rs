//! Points in time as Blob Storage writes and reads them. Not a clock.

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

/// `Tue, 04 Mar 2026 10:00:02 GMT` (RFC 9110 calls it IMF-fixdate).
const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
/// `2026-03-04T10:00:02.7719351Z`: seven digits, as .NET counts time in units of 100 ns.
const TICKS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");
const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const MINUTES: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]Z");
const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

/// As in the headers `Date` and `Last-Modified`.
pub fn http_date(time: OffsetDateTime) -> String {
    format(time, HTTP_DATE)
}

/// As in the names of snapshots.
pub fn iso_ticks(time: OffsetDateTime) -> String {
    format(time, TICKS)
}

/// As in user delegation keys.
pub fn iso_seconds(time: OffsetDateTime) -> String {
    format(time, SECONDS)
}

/// Reads what [`http_date`] writes.
pub fn parse_http_date(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text.trim(), HTTP_DATE).ok().map(PrimitiveDateTime::assume_utc)
}

/// Reads the forms of ISO 8601 that a SAS or an access policy may use: a day, or a time to the minute, the second or
/// below.
pub fn parse_iso(text: &str) -> Option<OffsetDateTime> {
    let day = || Date::parse(text, DAY).ok().map(|day| day.midnight().assume_utc());
    let minutes = || PrimitiveDateTime::parse(text, MINUTES).ok().map(PrimitiveDateTime::assume_utc);
    OffsetDateTime::parse(text, &Rfc3339).ok().or_else(minutes).or_else(day)
}

fn format(time: OffsetDateTime, as_text: &[BorrowedFormatItem<'_>]) -> String {
    time.to_offset(time::UtcOffset::UTC)
        .format(as_text)
        .expect("every component of the format is in a date with time")
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn dates_are_written_as_azure_writes_them() {
        let time = datetime!(2026-03-04 10:00:02.7719351 UTC);
        assert_eq!(http_date(time), "Wed, 04 Mar 2026 10:00:02 GMT");
        assert_eq!(iso_ticks(time), "2026-03-04T10:00:02.7719351Z");
        assert_eq!(iso_seconds(time), "2026-03-04T10:00:02Z");
    }

    #[test]
    fn dates_are_read_in_every_documented_form() {
        assert_eq!(
            parse_http_date("Wed, 04 Mar 2026 10:00:02 GMT"),
            Some(datetime!(2026-03-04 10:00:02 UTC))
        );
        assert_eq!(parse_http_date("yesterday"), None);
        assert_eq!(parse_iso("2026-03-04"), Some(datetime!(2026-03-04 0:00 UTC)));
        assert_eq!(parse_iso("2026-03-04T10:05Z"), Some(datetime!(2026-03-04 10:05 UTC)));
        assert_eq!(parse_iso("2026-03-04T10:05:09Z"), Some(datetime!(2026-03-04 10:05:09 UTC)));
        assert_eq!(parse_iso("2026-03-04T10:05:09.5000000Z"), Some(datetime!(2026-03-04 10:05:09.5 UTC)));
        assert_eq!(parse_iso("2026-03-04T10:05:09+02:00"), Some(datetime!(2026-03-04 8:05:09 UTC)));
        assert_eq!(parse_iso("soon"), None);
    }
}
