//! Dates as Event Grid writes and reads them. Not a clock.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

type Format<'a> = &'a [BorrowedFormatItem<'a>];

/// Azure stamps .NET ticks: seven digits after the point.
const TICKS: Format<'_> =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");
/// US culture, as error reports and .NET's SAS tokens have it: `3/4/2026 9:15:02 AM`.
const US_CULTURE: Format<'_> = format_description!(
    "[month padding:none]/[day padding:none]/[year] [hour repr:12 padding:none]:[minute]:[second] [period]"
);
const DATE: Format<'_> = format_description!("[year]-[month]-[day]");
const TIME: Format<'_> =
    format_description!("[hour]:[minute][optional [:[second][optional [.[subsecond]]]]]");
/// Characters of a date before its time: `2026-03-04`.
const DATE_CHARS: usize = 10;

/// `2026-03-04T09:00:00.1234567Z`.
pub(super) fn ticks(time: OffsetDateTime) -> String {
    time.format(TICKS).expect("a UTC time has every component the format names")
}

/// `3/4/2026 9:15:02 AM`.
pub(super) fn us_culture(time: OffsetDateTime) -> String {
    time.format(US_CULTURE).expect("a UTC time has every component the format names")
}

/// Reads an ISO 8601 date: the fraction may have up to nine digits, a space may stand for the `T`, and what names no
/// zone is UTC, as real publishers (Media Services, Python) need it.
pub(super) fn parse(text: &str) -> Option<OffsetDateTime> {
    let (date, rest) = text.split_at_checked(DATE_CHARS)?;
    let date = Date::parse(date, DATE).ok()?;
    if rest.is_empty() {
        return Some(date.midnight().assume_utc());
    }
    let (time, zone) = split_zone(rest.strip_prefix(['T', 't', ' '])?)?;
    let time = Time::parse(time, TIME).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_offset(zone))
}

/// Reads a date in US culture, in UTC.
pub(super) fn parse_us_culture(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text, US_CULTURE).ok().map(PrimitiveDateTime::assume_utc)
}

fn split_zone(text: &str) -> Option<(&str, UtcOffset)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, UtcOffset::UTC));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, UtcOffset::UTC)) };
    let (time, zone) = text.split_at(at);
    let digits = zone[1..].replace(':', "");
    let (hours, minutes) = digits.split_at_checked(2)?;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let minutes = if minutes.is_empty() { 0 } else { minutes.parse::<i8>().ok()? };
    let offset = UtcOffset::from_hms(sign * hours.parse::<i8>().ok()?, sign * minutes, 0).ok()?;
    Some((time, offset))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_stamp_has_seven_digits() {
        assert_eq!(ticks(datetime!(2026-03-04 09:00:00.123_456_789 UTC)), "2026-03-04T09:00:00.1234567Z");
        assert_eq!(us_culture(datetime!(2026-03-04 21:05:02 UTC)), "3/4/2026 9:05:02 PM");
    }

    #[test]
    fn dates_are_read_as_publishers_write_them() {
        let nine = Some(datetime!(2026-03-04 09:00 UTC));
        for text in [
            "2026-03-04T09:00:00Z",
            "2026-03-04T09:00:00.0000000",
            "2026-03-04 09:00:00+00:00",
            "2026-03-04T10:00:00+01:00",
            "2026-03-04T04:30-0430",
        ] {
            assert_eq!(parse(text), nine, "{text}");
        }
        assert_eq!(parse("2024-02-11"), Some(datetime!(2024-02-11 00:00 UTC)));
        assert_eq!(parse_us_culture("6/15/2017 6:20:15 PM"), Some(datetime!(2017-06-15 18:20:15 UTC)));
    }

    #[test]
    fn what_is_no_date_is_not_read() {
        for text in
            ["", "yesterday", "2026-13-01T00:00:00Z", "2026-03-04X09:00:00Z", "2026-03-04T09:00:00+é0:00"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
