//! Places and lengths as presets write them: in time, a time, a frame number or a percentage; on a picture, pixels or
//! a percentage. Not whose they are.

use std::time::Duration;

use crate::media_services::iso_duration::IsoDuration;

/// A place or a stretch in an input's time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Position {
    /// In seconds.
    Time(f64),
    /// Counted from 0.
    Frames(u32),
    /// From 0 to 100 of the input's length.
    Percent(f64),
}

/// A place or a stretch on a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Extent {
    Pixels(u32),
    /// Of the picture's side.
    Percent(f64),
}

impl Position {
    /// Reads `PT5S`, `150` or `10%`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(percent) = text.strip_suffix('%') {
            let percent = percent.parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent));
            return percent.map(Self::Percent);
        }
        let frames = text.parse::<u32>().ok().map(Self::Frames);
        frames.or_else(|| Some(Self::Time(IsoDuration::parse(text)?.length().as_secs_f64())))
    }

    /// In seconds; nothing for a percentage of an unknown length.
    pub fn seconds(self, length: Option<Duration>, frame_rate: f64) -> Option<f64> {
        match self {
            Self::Time(seconds) => Some(seconds),
            Self::Frames(frames) => Some(f64::from(frames) / frame_rate),
            Self::Percent(percent) => Some(percent * length?.as_secs_f64() / 100.0),
        }
    }
}

impl Extent {
    /// Reads `200` or `12.5%`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            Some(percent) => {
                let percent = percent.parse::<f64>().ok().filter(|percent| (0.0..=1_000.0).contains(percent));
                percent.map(Self::Percent)
            }
            None => text.parse::<u32>().ok().map(Self::Pixels),
        }
    }

    /// In pixels of a picture whose side has so many.
    pub fn pixels(self, side: u32) -> f64 {
        match self {
            Self::Pixels(pixels) => f64::from(pixels),
            Self::Percent(percent) => percent * f64::from(side) / 100.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_times_frames_or_percentages() {
        let seconds = |text: &str| Position::parse(text)?.seconds(Some(Duration::from_secs(60)), 25.0);
        assert_eq!(seconds("PT1M2.5S"), Some(62.5));
        assert_eq!(seconds("50"), Some(2.0));
        assert_eq!(seconds("10%"), Some(6.0));
        assert_eq!((seconds("101%"), seconds("-1"), seconds("5s"), seconds("")), (None, None, None, None));
        assert_eq!(Position::Percent(10.0).seconds(None, 25.0), None);
    }

    #[test]
    fn extents_are_pixels_or_percentages() {
        let pixels = |text: &str| Some(Extent::parse(text)?.pixels(640));
        assert_eq!((pixels("100"), pixels("12.5%")), (Some(100.0), Some(80.0)));
        assert_eq!((pixels("-1"), pixels("1;2"), pixels("NaN%"), pixels("")), (None, None, None, None));
    }
}
