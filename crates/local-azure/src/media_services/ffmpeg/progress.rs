//! How far ffmpeg is, from what it prints for `-progress`. Not when that is told.

use std::time::Duration;

use super::timeline::Timeline;

/// Reads progress reports: groups of `key=value` lines, each ended by `progress=…`.
pub(super) struct Progress {
    length: Option<Duration>,
    frames: Option<f64>,
    /// The part that is done, from 0 to 1.
    part: f64,
}

impl Progress {
    pub fn of(media: &Timeline) -> Self {
        let length = media.length();
        let frames = length.zip(media.frame_rate()).map(|(length, rate)| length.as_secs_f64() * rate);
        Self { length, frames, part: 0.0 }
    }

    /// The percentage, at the end of a group. Frames count as well as time, because time stands still while the
    /// encoder looks ahead.
    pub fn read(&mut self, line: &str) -> Option<u8> {
        let (key, value) = line.split_once('=')?;
        match key {
            "out_time_us" => self.advance(value, self.length.map(|length| length.as_secs_f64() * 1e6)),
            "frame" => self.advance(value, self.frames),
            "progress" => return Some((self.part * 99.0) as u8),
            _ => {}
        }
        None
    }

    fn advance(&mut self, value: &str, of: Option<f64>) {
        if let (Ok(value), Some(of @ 1.0..)) = (value.trim().parse::<f64>(), of) {
            self.part = self.part.max((value / of).clamp(0.0, 1.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(progress: &mut Progress, lines: &str) -> Option<u8> {
        lines.lines().filter_map(|line| progress.read(line)).last()
    }

    #[test]
    fn progress_is_the_further_of_time_and_frames_and_never_falls() {
        let mut progress = Progress { length: Some(Duration::from_secs(10)), frames: Some(250.0), part: 0.0 };
        assert_eq!(read(&mut progress, "frame=0\nout_time_us=N/A\nprogress=continue"), Some(0));
        assert_eq!(read(&mut progress, "frame=125\nout_time_us=1000000\nprogress=continue"), Some(49));
        assert_eq!(read(&mut progress, "frame=100\nout_time_us=9000000\nprogress=continue"), Some(89));
        assert_eq!(read(&mut progress, "frame=100\nout_time_us=0\nprogress=end"), Some(89));
        assert_eq!(read(&mut progress, "frame=9999\nprogress=end"), Some(99));
    }

    #[test]
    fn without_a_length_progress_stays_at_zero() {
        let mut progress = Progress { length: None, frames: None, part: 0.0 };
        assert_eq!(read(&mut progress, "frame=125\nout_time_us=1000000\nprogress=continue"), Some(0));
    }
}
