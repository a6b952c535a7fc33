//! The terminal: the timeline line by line, and below it how far an encode is. Decides nothing.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use time::OffsetDateTime;

use super::timeline::{Entry, GRIDWICH};

/// Shows entries as they come.
pub(super) struct Screen {
    start: OffsetDateTime,
    bar: ProgressBar,
}

impl Screen {
    /// A screen whose clock starts at `start`.
    pub(super) fn from(start: OffsetDateTime) -> Self {
        let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("            encoding {bar:40} {pos:>3} %") {
            bar.set_style(style);
        }
        Self { start, bar }
    }

    /// Shows one.
    pub(super) fn show(&self, entry: &Entry) {
        self.bar.suspend(|| println!("{}", entry.line(self.start)));
        if entry.sender != GRIDWICH {
            return;
        }
        if let Some(percent) = entry.data["percentComplete"].as_u64() {
            self.bar.set_position(percent);
        } else if entry.event_type.ends_with(".success") {
            self.bar.reset();
        }
    }
}

/// Leaves only the lines.
impl Drop for Screen {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
