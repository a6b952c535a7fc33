//! Sheets of thumbnails: how many rows they have, and the WebVTT text that says which part of a sheet is shown when.

use std::fmt::Write as _;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::images::{PlannedImages, When};
use crate::media_services::jobs::JobError;

/// The sides of a JPEG are written in 16 bits.
const SHEET_SIDE_MAX: u32 = 65_535;
/// What stays readable in the name of a sheet.
const NAME: &percent_encoding::AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Columns and rows of a sheet. The last row may have room left, which stays black.
pub(super) fn sheet(columns: u32, when: When, (width, height): (u32, u32)) -> Result<(u32, u32), JobError> {
    let count = match when {
        When::Best => 1,
        When::Every { count, .. } => count,
    };
    let rows = count.div_ceil(columns);
    let side = |count: u32, one: u32| count.saturating_mul(one);
    let (whole_width, whole_height) = (side(columns, width), side(rows, height));
    if whole_width > SHEET_SIDE_MAX || whole_height > SHEET_SIDE_MAX {
        return Err(JobError::unsupported_configuration(format!(
            "With spriteColumn {columns} the sheet has {whole_width}x{whole_height} pixels; {SHEET_SIDE_MAX} of a side \
             are the limit."
        )));
    }
    Ok((columns, rows))
}

impl PlannedImages {
    /// The WebVTT text for a sheet: each thumbnail from its time to the next one's.
    pub fn web_vtt(&self) -> String {
        let (columns, _) = self.sheet.unwrap_or((1, 1));
        let (start, step, count) = match self.when {
            When::Best => (0.0, self.length, 1),
            When::Every { start, step, count } => (start, step, count),
        };
        let sheet = self.name(1);
        let url = utf8_percent_encode(&sheet, NAME);
        let (width, height) = self.size;
        let mut text = "WEBVTT\n".to_owned();
        for index in 0..count {
            let from = start + f64::from(index) * step;
            let to = if index + 1 == count { self.length.max(from + 0.001) } else { from + step };
            let (left, top) = (index % columns * width, index / columns * height);
            let (from, to) = (clock(from), clock(to));
            let _ = write!(text, "\n{from} --> {to}\n{url}#xywh={left},{top},{width},{height}\n");
        }
        text
    }
}

/// `00:01:02.500`
fn clock(seconds: f64) -> String {
    let ms = (seconds * 1000.0).round() as u64;
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_hours_and_milliseconds() {
        assert_eq!(clock(3_723.457), "01:02:03.457");
        assert_eq!(clock(59.9999), "00:01:00.000");
    }

    #[test]
    fn sheets_have_as_many_rows_as_they_need_and_fit_a_jpeg() {
        let sheet =
            |columns, count, size| sheet(columns, When::Every { start: 0.0, step: 1.0, count }, size).ok();
        assert_eq!(sheet(10, 20, (128, 72)), Some((10, 2)));
        assert_eq!(sheet(10, 21, (128, 72)), Some((10, 3)));
        assert_eq!(sheet(100, 1, (656, 72)), None);
    }
}
