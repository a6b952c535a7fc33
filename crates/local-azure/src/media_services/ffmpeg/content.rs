//! How many bits the pictures of an input take for good quality, from short samples in two small sizes. What a ladder
//! makes of that is `ladder`'s.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use super::command::seconds;
use super::ladder::{even_size, fitted};
use super::media::Part;
use super::probe::{file_url, reading_options};
use super::timeline::Timeline;
use super::{Ffmpeg, JobError, Scratch, classify, process};

/// Samples lie in the middle of so many equal parts of the input.
const SAMPLES: u32 = 4;
/// A key frame interval: what a rung pays for its key frames is in it.
const SAMPLE: Duration = Duration::from_secs(2);
/// Lines of the two sizes: the smallest that still say something of the larger ones.
const LINES: [u32; 2] = [360, 180];
/// What x264 takes for good.
const QUALITY: &str = "23";
/// Samples are some hundred small pictures.
const SAMPLE_TIME_MAX: Duration = Duration::from_secs(300);
/// Bits grow more slowly than pixels: nothing between a still and noise leaves these bounds.
const EXPONENT_MIN: f64 = 0.4;
const EXPONENT_MAX: f64 = 1.0;
/// What is usual, where both sizes are the same.
const EXPONENT: f64 = 0.75;

/// What samples of the pictures took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Content {
    /// Of the larger of both sizes.
    pixels: f64,
    bits_per_second: f64,
    /// Bits grow with pixels to the power of it.
    exponent: f64,
}

impl Content {
    /// The bits per second that H.264 pictures of a size take.
    pub fn bitrate(&self, width: u32, height: u32) -> f64 {
        let pixels = f64::from(width) * f64::from(height);
        self.bits_per_second * (pixels / self.pixels).powf(self.exponent)
    }

    fn of(sizes: [(u32, u32); 2], bits_per_second: [f64; 2]) -> Option<Self> {
        let pixels = sizes.map(|(width, height)| f64::from(width) * f64::from(height));
        if bits_per_second.iter().any(|bits| *bits <= 0.0) {
            return None;
        }
        let exponent = (bits_per_second[0] / bits_per_second[1]).ln() / (pixels[0] / pixels[1]).ln();
        let exponent =
            if exponent.is_finite() { exponent.clamp(EXPONENT_MIN, EXPONENT_MAX) } else { EXPONENT };
        Some(Self { pixels: pixels[0], bits_per_second: bits_per_second[0], exponent })
    }
}

/// Encodes samples at constant quality; nothing if there are no pictures to sample.
pub(super) async fn sample(
    ffmpeg: &Ffmpeg,
    media: &Timeline,
    scratch: &Scratch<'_>,
) -> Result<Option<Content>, JobError> {
    let Some(video) = media.video() else { return Ok(None) };
    let source = (video.found.width, video.found.height);
    let sizes = LINES.map(|lines| lines_of(source, lines));
    let outputs = [0, 1].map(|number| scratch.sample(number));
    let samples = samples(media);
    let arguments = arguments(&samples, sizes, &outputs);
    let mut pictures_time_us = 0.0_f64;
    let on_line = |line: &str| {
        if let Some(time) = line.strip_prefix("out_time_us=").and_then(|time| time.trim().parse().ok()) {
            pictures_time_us = pictures_time_us.max(time);
        }
    };
    let ended = process::run(&ffmpeg.ffmpeg, &arguments, SAMPLE_TIME_MAX, on_line).await?;
    if ended.code != 0 {
        return Err(classify::failure(&ended, scratch.folder));
    }
    let mut bits_per_second = [0.0; 2];
    for (bits, output) in bits_per_second.iter_mut().zip(&outputs) {
        let bytes = tokio::fs::metadata(output).await.map_or(0, |file| file.len());
        *bits = bytes as f64 * 8.0 / (pictures_time_us / 1e6);
    }
    Ok(Content::of(sizes, bits_per_second).filter(|_| pictures_time_us > 0.0))
}

/// A size of the source's shape with so many lines on its shorter side, and never larger than it.
fn lines_of(source: (u32, u32), lines: u32) -> (u32, u32) {
    let whole = even_size(f64::from(source.0), f64::from(source.1));
    let scale = f64::from(lines) / f64::from(whole.0.min(whole.1));
    let bounds = even_size(f64::from(whole.0) * scale, f64::from(whole.1) * scale);
    fitted(whole, bounds, false)
}

/// A part of a file to sample, and the track in it.
struct Sample {
    part: Part,
    stream: usize,
    length: Duration,
}

/// Samples of all segments: short inputs are sampled whole.
fn samples(media: &Timeline) -> Vec<Sample> {
    let tracks = media.segments.iter().filter_map(|segment| segment.video.as_ref());
    let share = SAMPLES.div_ceil(u32::try_from(media.segments.len()).unwrap_or(SAMPLES));
    let of_track = tracks.take(SAMPLES as usize).flat_map(|track| {
        let length = track.length.unwrap_or(SAMPLE);
        let (count, each) = if length <= SAMPLE * share { (1, length) } else { (share, SAMPLE) };
        (0..count).map(move |number| {
            let middle = (length / count) * number + (length / count).saturating_sub(each) / 2;
            let start = track.part.start.unwrap_or_default() + middle;
            let part = Part { start: Some(start), end: Some(start + each), ..track.part.clone() };
            Sample { part, stream: track.found.stream, length: each }
        })
    });
    of_track.collect()
}

fn arguments(samples: &[Sample], sizes: [(u32, u32); 2], outputs: &[PathBuf; 2]) -> Vec<OsString> {
    let mut arguments = Vec::new();
    let mut words = |text: &str| arguments.extend(text.split(' ').map(OsString::from));
    words("-hide_banner -nostdin -nostats -loglevel level+error -progress pipe:1");
    for sample in samples {
        arguments.extend(reading_options());
        let start = seconds(sample.part.start.unwrap_or_default());
        arguments.extend(["-ss", &start, "-t", &seconds(sample.length)].map(OsString::from));
        arguments.extend(["-i".into(), file_url(&sample.part.path)]);
    }
    let (larger, smaller) = (sizes[0], sizes[1]);
    let mut graph = String::new();
    for (number, sample) in samples.iter().enumerate() {
        let scaled = format!("scale={}:{}:flags=bilinear,setsar=1,format=yuv420p", larger.0, larger.1);
        let _ = write!(graph, "[{number}:{}]{scaled}[s{number}];", sample.stream);
    }
    (0..samples.len()).for_each(|number| {
        let _ = write!(graph, "[s{number}]");
    });
    let _ = write!(graph, "concat=n={}:v=1:a=0,split[a][b];", samples.len());
    let _ = write!(graph, "[b]scale={}:{}:flags=bilinear[c]", smaller.0, smaller.1);
    arguments.extend(["-filter_complex".into(), graph.into()]);
    for (pad, output) in ["[a]", "[c]"].into_iter().zip(outputs) {
        let mut words = |text: &str| arguments.extend(text.split(' ').map(OsString::from));
        words(&format!(
            "-map {pad} -c:v libx264 -preset veryfast -crf {QUALITY} -g 99999 -x264-params scenecut=0"
        ));
        words(&format!("-force_key_frames expr:gte(t,n_forced*{}) -f h264 -y", SAMPLE.as_secs()));
        arguments.push(file_url(output));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_grow_as_the_samples_say_within_bounds() {
        let sizes = [(640, 360), (320, 180)];
        let content = Content::of(sizes, [400_000.0, 200_000.0]).unwrap();
        assert!((content.bitrate(640, 360) - 400_000.0).abs() < 1.0);
        assert!((content.bitrate(1280, 720) - 800_000.0).abs() < 1.0, "twice for four times the pixels");
        let noise = Content::of(sizes, [9_000_000.0, 1_000_000.0]).unwrap();
        assert!((noise.bitrate(1280, 720) - 36_000_000.0).abs() < 1.0, "never faster than pixels");
        assert_eq!(Content::of(sizes, [0.0, 0.0]), None);
    }

    #[test]
    fn one_size_for_a_small_input_grows_as_usual() {
        let content = Content::of([(160, 90), (160, 90)], [80_000.0, 80_000.0]).unwrap();
        assert!((content.bitrate(320, 180) - 80_000.0 * 4_f64.powf(0.75)).abs() < 1.0);
    }
}
