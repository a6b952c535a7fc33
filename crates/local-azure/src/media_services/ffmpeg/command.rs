//! From a plan to the arguments of one ffmpeg run, which decodes each of its inputs once: of the run that makes the
//! files, or of that which makes the sound they share. Samples have their own. Nothing here runs.
//!
//! Nothing a caller wrote becomes an argument as it is: files have names of our own, numbers were read as numbers, and
//! the few texts that remain (levels, frame rates, languages) were checked letter by letter.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use super::Scratch;
use super::graph::Graph;
use super::media::Part;
use super::plan::{
    AudioCodec, AudioEncoding, Container, ImageKind, Plan, PlannedAudio, PlannedFile, PlannedImages,
    PlannedVideo, VideoEncoding, When,
};
use super::probe::{file_url, reading_options, reading_options_of_overlay};
use super::timeline::Timeline;
use super::video_options::video_options;

/// "Quotas and limits": the largest file for standard encoding, 260 GB. What breaks off there is found too short.
const FILE_BYTES_MAX: u64 = 260_000_000_000;
/// Tracks of a file that start late make ffmpeg keep packets of the others; its own limit of 128 is too few.
const MUXING_QUEUE_PACKETS_MAX: &str = "4096";

/// The arguments, in order.
struct Arguments(Vec<OsString>);

/// Files in the order in which ffmpeg numbers them.
pub(super) struct Inputs(Vec<Part>);

/// The whole command line.
pub(super) fn arguments(
    media: &Timeline,
    plan: &Plan,
    pace: Option<f64>,
    path_of_file: &dyn Fn(usize) -> PathBuf,
    scratch: &Scratch<'_>,
) -> Vec<OsString> {
    let mut inputs = Inputs(Vec::new());
    let mut graph = Graph::of(media, plan, &mut inputs);
    let mut outputs = Arguments(Vec::new());
    for (number, file) in plan.files.iter().enumerate() {
        outputs.file(media, file, &mut graph, &mut inputs);
        outputs.0.push(file_url(&path_of_file(number)));
    }
    for (set, images) in plan.images.iter().enumerate() {
        outputs.images(images, &mut graph);
        outputs.0.push(file_url(scratch.image_pattern(set, images.kind.extension()).as_ref()));
    }
    let mut all = Arguments(Vec::new());
    all.words("-hide_banner -nostdin -nostats -loglevel level+error -progress pipe:1 -stats_period 0.5");
    inputs.0.iter().for_each(|part| all.input(part, pace, plan.key_frames_only));
    if let Some(graph) = graph.text() {
        all.pair("-filter_complex", graph);
    }
    all.0.extend(outputs.0);
    all.0
}

impl Inputs {
    /// The number of a part of a file, which is read only once.
    pub fn number(&mut self, part: &Part) -> usize {
        let known = self.0.iter().position(|known| known == part);
        known.unwrap_or_else(|| {
            self.0.push(part.clone());
            self.0.len() - 1
        })
    }
}

impl Arguments {
    fn words(&mut self, words: &str) {
        self.0.extend(words.split(' ').map(OsString::from));
    }

    fn pair(&mut self, option: &str, value: impl Display) {
        self.0.extend([OsString::from(option), OsString::from(format!("{value}"))]);
    }

    fn input(&mut self, part: &Part, pace: Option<f64>, key_frames_only: bool) {
        self.0.extend(if part.is_still { reading_options_of_overlay() } else { reading_options() });
        if !part.upright {
            self.0.push("-noautorotate".into());
        }
        if key_frames_only {
            self.words("-skip_frame nokey");
        }
        if let Some(pace) = pace {
            self.pair("-readrate", pace);
        }
        if part.delay_ms != 0 {
            self.pair("-itsoffset", format_args!("{}ms", part.delay_ms));
        }
        if let Some(start) = part.start {
            self.pair("-ss", seconds(start));
        }
        if let Some(end) = part.end {
            self.pair("-t", seconds(end.saturating_sub(part.start.unwrap_or_default())));
        }
        self.0.push("-i".into());
        self.0.push(file_url(&part.path));
    }

    fn file(&mut self, media: &Timeline, file: &PlannedFile, graph: &mut Graph, inputs: &mut Inputs) {
        for (number, video) in file.videos.iter().enumerate() {
            match video {
                PlannedVideo::Copy(copied) => {
                    self.map_copied(inputs.number(&copied.track.part), copied.track.found.stream);
                    self.pair(&format!("-c:v:{number}"), "copy");
                }
                PlannedVideo::Encode(encoding) => {
                    self.pair("-map", graph.encoded_video(encoding));
                    self.video(number, encoding);
                }
            }
        }
        for (number, audio) in file.audios.iter().enumerate() {
            match audio {
                PlannedAudio::Copy(copied) => {
                    self.map_copied(inputs.number(&copied.track.part), copied.track.found.stream);
                    self.pair(&format!("-c:a:{number}"), "copy");
                }
                PlannedAudio::Encode(encoding) => {
                    self.pair("-map", graph.encoded_audio(encoding));
                    self.audio(number, encoding);
                }
            }
            if let Some(language) = audio.language(media) {
                self.pair(&format!("-metadata:s:a:{number}"), format!("language={language}"));
            }
        }
        self.words("-map_metadata -1 -map_chapters -1");
        self.words(match file.container {
            Container::Mp4 => "-f mp4 -movflags +faststart",
            Container::TransportStream => "-f mpegts",
        });
        self.pair("-max_muxing_queue_size", MUXING_QUEUE_PACKETS_MAX);
        self.pair("-fs", FILE_BYTES_MAX);
    }

    fn map_copied(&mut self, input: usize, stream: usize) {
        self.pair("-map", format!("{input}:{stream}"));
    }

    fn video(&mut self, number: usize, encoding: &VideoEncoding) {
        for (option, value) in video_options(encoding) {
            self.pair(&format!("{option}:v:{number}"), value);
        }
    }

    fn audio(&mut self, number: usize, encoding: &AudioEncoding) {
        let encoder = match encoding.codec {
            AudioCodec::Aac => "aac",
            AudioCodec::Ac3 => "ac3",
        };
        self.pair(&format!("-c:a:{number}"), encoder);
        self.pair(&format!("-b:a:{number}"), encoding.bitrate);
    }

    fn images(&mut self, images: &PlannedImages, graph: &mut Graph) {
        self.pair("-map", graph.images(images));
        match images.kind {
            ImageKind::Jpg(quality) => {
                // MJPEG's scale goes from 2, the best, to 31.
                self.words("-c:v mjpeg");
                self.pair("-q:v", 2 + (100 - quality) * 29 / 100);
            }
            ImageKind::Png => self.words("-c:v png"),
        }
        self.words("-map_metadata -1 -fps_mode passthrough -f image2");
        let count = match images.when {
            When::Every { count, .. } if images.sheet.is_none() => count,
            When::Best | When::Every { .. } => 1,
        };
        self.pair("-frames:v", count);
    }
}

/// A length as ffmpeg takes it.
pub(super) fn seconds(length: Duration) -> String {
    format!("{}.{:06}", length.as_secs(), length.subsec_micros())
}
