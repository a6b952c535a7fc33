//! ISO 8601 durations as the dialect uses them, such as `PT1M2.5S`. Years and months are not durations of a clip.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration that keeps the spelling it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IsoDuration {
    text: String,
    length: Duration,
}

impl IsoDuration {
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self { text: text.to_owned(), length: length_of(text)? })
    }

    pub fn length(&self) -> Duration {
        self.length
    }
}

impl Display for IsoDuration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for IsoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("expected an ISO 8601 duration such as PT2.5S"))
    }
}

impl Serialize for IsoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// A length as a duration in seconds, for example `PT12.48S`.
pub(super) fn written(length: Duration) -> String {
    format!("PT{}S", (length.as_secs_f64() * 1000.0).round() / 1000.0)
}

fn length_of(text: &str) -> Option<Duration> {
    let (days, time) = text.strip_prefix('P')?.split_once('T').unwrap_or((&text[1..], ""));
    if days.is_empty() && time.is_empty() || text.ends_with('T') {
        return None;
    }
    let seconds = parts(days, &[('D', 86_400.0)])? + parts(time, &[('H', 3_600.0), ('M', 60.0), ('S', 1.0)])?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Sums numbers that are each followed by their unit; units come in the given order and at most once.
fn parts(mut text: &str, units: &[(char, f64)]) -> Option<f64> {
    let mut total = 0.0;
    for (unit, seconds) in units {
        let Some((number, rest)) = text.split_once(*unit) else { continue };
        if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit() || c == '.') {
            return None;
        }
        total += number.parse::<f64>().ok()? * seconds;
        text = rest;
    }
    text.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_days_hours_minutes_and_seconds() {
        let length = |text| IsoDuration::parse(text).map(|d| d.length().as_secs_f64());
        assert_eq!(length("PT10S"), Some(10.0));
        assert_eq!(length("PT1H2M3.5S"), Some(3723.5));
        assert_eq!(length("P1DT1S"), Some(86_401.0));
        assert_eq!(length("P2D"), Some(172_800.0));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "P", "PT", "P1DT", "10", "PT10", "PTS", "PT1S2M", "PT-1S", "P1M", "PT1eS", "PT1.2.3S", "Pé"]
        {
            assert_eq!(IsoDuration::parse(text), None, "{text}");
        }
    }

    #[test]
    fn lengths_are_written_with_milliseconds_at_most() {
        assert_eq!(written(Duration::from_micros(12_480_400)), "PT12.48S");
        assert_eq!(written(Duration::from_secs(3)), "PT3S");
    }
}
