//! The filter graph of one ffmpeg run: from decoded tracks to what each encoder takes. Not the encoders' options.
//!
//! A single segment goes straight from the decoder to a `split` with one branch per encoder; a sequence is first
//! brought to one size, rate and sampling rate and joined.

mod sources;
mod treatment;

use std::fmt::Write as _;

use super::command::Inputs;
use super::plan::{
    AudioEncoding, Plan, PlannedAudio, PlannedImages, PlannedVideo, VideoCodec, VideoEncoding, When,
};
use super::timeline::Timeline;
use crate::media_services::presets::Profile;

/// A thumbnail is the best of this many pictures, which are in memory at the same time (as small ones).
const BEST_OF_FRAMES: u32 = 100;

/// A filter graph in the making: branches are taken one after the other.
pub(super) struct Graph {
    text: String,
    /// Pictures as encoders take them, and how often they were taken. Encoders that take the same share a scaler.
    scaled: Vec<(String, usize)>,
    images_taken: usize,
    /// For each sound.
    sounds_taken: Vec<usize>,
}

impl Graph {
    /// The graph up to its branches.
    pub fn of(media: &Timeline, plan: &Plan, inputs: &mut Inputs) -> Self {
        let scaled = scalers(plan);
        let videos = scaled.len() + plan.images.len();
        let encoded_sounds =
            plan.files.iter().flat_map(|file| &file.audios).filter_map(|audio| match audio {
                PlannedAudio::Encode(encoding) => Some(encoding.sound),
                PlannedAudio::Copy(_) => None,
            });
        let encoded_sounds = encoded_sounds.collect::<Vec<_>>();
        // A sound nobody takes would be an open end.
        let wanted = encoded_sounds.iter().max().map_or(0, |last| last + 1);
        let mut graph =
            Self { text: String::new(), scaled: Vec::new(), images_taken: 0, sounds_taken: vec![0; wanted] };
        let sources = graph.sources(media, plan.treatment.deinterlacing, videos > 0, wanted, inputs);
        let video = graph.treated_video(sources.video, &plan.treatment, inputs);
        let sounds = graph.treated_sounds(sources.sounds, media, &plan.treatment, inputs);
        graph.branch(&video, "split", "v", videos);
        for (number, (chain, count)) in scaled.into_iter().enumerate() {
            graph.branch(&format!("[v{number}]{chain},"), "split", &format!("e{number}_"), count);
            graph.scaled.push((chain, 0));
        }
        for (sound, source) in sounds.iter().enumerate() {
            let count = encoded_sounds.iter().filter(|&&taken| taken == sound).count();
            graph.branch(source, "asplit", &format!("a{sound}_"), count);
        }
        graph
    }

    /// The whole graph, if there is anything to filter.
    pub fn text(&self) -> Option<&str> {
        Some(self.text.trim_end_matches(';')).filter(|text| !text.is_empty())
    }

    /// The next branch of pictures as an encoder takes them.
    pub fn encoded_video(&mut self, encoding: &VideoEncoding) -> String {
        let chain = scaling(encoding);
        let number = self.scaled.iter().position(|(own, _)| *own == chain).unwrap_or_default();
        let taken = self.scaled.get_mut(number).map_or(0, |(_, taken)| std::mem::replace(taken, *taken + 1));
        format!("[e{number}_{taken}]")
    }

    /// The next video branch, as pictures.
    pub fn images(&mut self, images: &PlannedImages) -> String {
        let fitting = fitting(images.size, images.picture);
        let filters = match images.when {
            When::Best => format!("{fitting},thumbnail={BEST_OF_FRAMES}"),
            When::Every { start, step, count } => {
                // A sheet is finished, with black where room is left, when its pictures end.
                let tiled = images.sheet.map_or_else(String::new, |(columns, rows)| {
                    format!(",trim=end_frame={count},tile=layout={columns}x{rows}")
                });
                format!("select='gte(t,{start}+selected_n*{step})',{fitting}{tiled}")
            }
        };
        let number = self.scaled.len() + self.images_taken;
        self.images_taken += 1;
        let _ = write!(self.text, "[v{number}]{filters}[i{number}];");
        format!("[i{number}]")
    }

    /// The next branch of a sound, as an encoder takes it.
    pub fn encoded_audio(&mut self, encoding: &AudioEncoding) -> String {
        let (sound, rate) = (encoding.sound, encoding.sampling_rate);
        let number = self.sounds_taken[sound];
        self.sounds_taken[sound] += 1;
        let layout = match encoding.channels {
            1 => "mono",
            6 => "5.1",
            _ => "stereo",
        };
        let format = format!("aformat=sample_rates={rate}:channel_layouts={layout}");
        let _ = write!(self.text, "[a{sound}_{number}]{format}[ea{sound}_{number}];");
        format!("[ea{sound}_{number}]")
    }

    fn branch(&mut self, source: &str, filter: &str, name: &str, count: usize) {
        if count == 0 {
            // An open end is an error, so what nobody takes is thrown away.
            if !source.is_empty() {
                let sink = if filter == "split" { "nullsink" } else { "anullsink" };
                let _ = write!(self.text, "{source}{sink};");
            }
            return;
        }
        let _ = write!(self.text, "{source}{filter}={count}");
        (0..count).for_each(|number| {
            let _ = write!(self.text, "[{name}{number}]");
        });
        self.text.push(';');
    }
}

fn pad(input: usize, stream: usize) -> String {
    format!("[{input}:{stream}]")
}

/// Filters that make a picture of `picture` size, in the middle of bars up to `size`.
fn fitting(size: (u32, u32), picture: (u32, u32)) -> String {
    let scaled = format!("scale={}:{}:flags=bicubic", picture.0, picture.1);
    let bars = if size == picture { String::new() } else { format!(",pad={}:{}:-1:-1", size.0, size.1) };
    format!("{scaled}{bars},setsar=1")
}

/// The scalers that a plan's encoders need, each with how many encoders take what it makes.
fn scalers(plan: &Plan) -> Vec<(String, usize)> {
    let mut scalers = Vec::<(String, usize)>::new();
    for video in plan.files.iter().flat_map(|file| &file.videos) {
        let PlannedVideo::Encode(encoding) = video else { continue };
        let chain = scaling(encoding);
        match scalers.iter_mut().find(|(own, _)| *own == chain) {
            Some((_, count)) => *count += 1,
            None => scalers.push((chain, 1)),
        }
    }
    scalers
}

/// Filters that make pictures what an encoder takes.
fn scaling(encoding: &VideoEncoding) -> String {
    let fitting = fitting(encoding.size, encoding.picture);
    let rate = encoding.frame_rate.as_ref().map_or_else(String::new, |rate| format!(",fps={rate}"));
    format!("{fitting}{rate},format={}", pixel_format(encoding))
}

fn pixel_format(encoding: &VideoEncoding) -> &'static str {
    match (encoding.codec, encoding.profile) {
        (VideoCodec::H264, Profile::High422) => "yuv422p",
        (VideoCodec::H264, Profile::High444) => "yuv444p",
        (VideoCodec::H265, Profile::Main10) => "yuv420p10le",
        _ => "yuv420p",
    }
}
