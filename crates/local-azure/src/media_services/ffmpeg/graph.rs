//! The filter graph of one ffmpeg run: from decoded tracks to what each encoder takes. Not the encoders' options.
//!
//! A single segment goes straight from the decoder to a `split` with one branch per encoder; a sequence is first
//! brought to one size, rate and sampling rate and joined.

use std::fmt::Write as _;

use super::command::Inputs;
use super::media::{Media, Segment, Track};
use super::plan::{
    AudioEncoding, Plan, PlannedAudio, PlannedImages, PlannedVideo, VideoCodec, VideoEncoding, When,
};
use super::probe::Video;
use crate::media_services::presets::Profile;

/// What a sequence is joined at where nothing says otherwise.
const JOINED_FRAME_RATE: f64 = 30.0;
const JOINED_SAMPLING_RATE: u32 = 48_000;
/// A thumbnail is the best of this many pictures, which are in memory at the same time (as small ones).
const BEST_OF_FRAMES: u32 = 100;

/// A filter graph in the making: branches are taken one after the other.
pub(super) struct Graph {
    text: String,
    videos_taken: usize,
    audios_taken: usize,
}

impl Graph {
    /// The graph up to its branches.
    pub fn of(media: &Media, plan: &Plan, inputs: &mut Inputs) -> Self {
        let encoded_videos = plan.files.iter().flat_map(|file| &file.videos);
        let encoded_videos = encoded_videos.filter(|video| matches!(video, PlannedVideo::Encode(_)));
        let videos = encoded_videos.count() + plan.images.len();
        let encoded_audios = plan.files.iter().flat_map(|file| &file.audios);
        let audios = encoded_audios.filter(|audio| matches!(audio, PlannedAudio::Encode(_))).count();
        let mut graph = Self { text: String::new(), videos_taken: 0, audios_taken: 0 };
        let (video, audio) = graph.sources(media, videos > 0, audios > 0, inputs);
        graph.branch(&video, "split", "v", videos);
        graph.branch(&audio, "asplit", "a", audios);
        graph
    }

    /// The whole graph, if there is anything to filter.
    pub fn text(&self) -> Option<&str> {
        Some(self.text.trim_end_matches(';')).filter(|text| !text.is_empty())
    }

    /// The next video branch, as an encoder takes it.
    pub fn encoded_video(&mut self, encoding: &VideoEncoding) -> String {
        let mut filters = fitting(encoding.size, encoding.picture);
        if let Some(rate) = &encoding.frame_rate {
            let _ = write!(filters, ",fps={rate}");
        }
        let _ = write!(filters, ",format={}", pixel_format(encoding));
        self.video_branch(&filters)
    }

    /// The next video branch, as pictures.
    pub fn images(&mut self, images: &PlannedImages) -> String {
        let fitting = fitting(images.size, images.picture);
        let filters = match images.when {
            When::Best => format!("{fitting},thumbnail={BEST_OF_FRAMES}"),
            When::Every { start, step, .. } => {
                format!("select='gte(t,{start}+selected_n*{step})',{fitting}")
            }
        };
        self.video_branch(&filters)
    }

    /// The next audio branch, as an encoder takes it.
    pub fn encoded_audio(&mut self, encoding: &AudioEncoding) -> String {
        let (number, rate) = (self.audios_taken, encoding.sampling_rate);
        self.audios_taken += 1;
        let layout = match encoding.channels {
            1 => "mono",
            6 => "5.1",
            _ => "stereo",
        };
        let _ =
            write!(self.text, "[a{number}]aformat=sample_rates={rate}:channel_layouts={layout}[ea{number}];");
        format!("[ea{number}]")
    }

    fn video_branch(&mut self, filters: &str) -> String {
        let number = self.videos_taken;
        self.videos_taken += 1;
        let _ = write!(self.text, "[v{number}]{filters}[ev{number}];");
        format!("[ev{number}]")
    }

    fn branch(&mut self, source: &str, filter: &str, name: &str, count: usize) {
        if count == 0 {
            return;
        }
        let _ = write!(self.text, "{source}{filter}={count}");
        (0..count).for_each(|number| {
            let _ = write!(self.text, "[{name}{number}]");
        });
        self.text.push(';');
    }

    /// Where the pictures and the sound of the whole input come from.
    fn sources(&mut self, media: &Media, video: bool, audio: bool, inputs: &mut Inputs) -> (String, String) {
        match media.segments.as_slice() {
            [segment] => {
                let video = segment.video.as_ref().filter(|_| video);
                let audio = segment.audio.as_ref().filter(|_| audio);
                let video = video.map(|track| pad(inputs.number(&track.part), track.found.stream));
                let audio = audio.map(|track| pad(inputs.number(&track.part), track.found.stream));
                (video.unwrap_or_default(), audio.unwrap_or_default())
            }
            segments => self.joined(media, segments, video, audio, inputs),
        }
    }

    fn joined(
        &mut self,
        media: &Media,
        segments: &[Segment],
        video: bool,
        audio: bool,
        inputs: &mut Inputs,
    ) -> (String, String) {
        let mut pads = String::new();
        for (number, segment) in segments.iter().enumerate() {
            if let (true, Some(first), Some(track)) = (video, media.video(), &segment.video) {
                self.alike_video(number, track, &first.found, inputs);
                let _ = write!(pads, "[jv{number}]");
            }
            if audio {
                self.alike_audio(number, segment, inputs);
                let _ = write!(pads, "[ja{number}]");
            }
        }
        let joined_video = if video { "[jv]" } else { "" };
        let joined_audio = if audio { "[ja]" } else { "" };
        if video || audio {
            let (count, videos, audios) = (segments.len(), u8::from(video), u8::from(audio));
            let concat = format!("concat=n={count}:v={videos}:a={audios}");
            let _ = write!(self.text, "{pads}{concat}{joined_video}{joined_audio};");
        }
        (joined_video.to_owned(), joined_audio.to_owned())
    }

    /// A segment's pictures in the size and rate of the first one's.
    fn alike_video(&mut self, number: usize, track: &Track<Video>, first: &Video, inputs: &mut Inputs) {
        let source = pad(inputs.number(&track.part), track.found.stream);
        let size = super::ladder::even_size(f64::from(first.width), f64::from(first.height));
        let picture = super::ladder::fitted((track.found.width, track.found.height), size, true);
        let rate = first.frame_rate.unwrap_or(JOINED_FRAME_RATE);
        let fitting = fitting(size, picture);
        let _ = write!(self.text, "{source}{fitting},fps={rate},format=yuv420p[jv{number}];");
    }

    /// A segment's sound, or silence of the same length.
    fn alike_audio(&mut self, number: usize, segment: &Segment, inputs: &mut Inputs) {
        let alike = format!("aformat=sample_rates={JOINED_SAMPLING_RATE}:channel_layouts=stereo");
        let source = match &segment.audio {
            Some(track) => pad(inputs.number(&track.part), track.found.stream),
            None => {
                let length = segment.length().unwrap_or_default().as_secs_f64();
                format!("anullsrc=r={JOINED_SAMPLING_RATE}:cl=stereo,atrim=duration={length},")
            }
        };
        let _ = write!(self.text, "{source}{alike}[ja{number}];");
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

fn pixel_format(encoding: &VideoEncoding) -> &'static str {
    match (encoding.codec, encoding.profile) {
        (VideoCodec::H264, Profile::High422) => "yuv422p",
        (VideoCodec::H264, Profile::High444) => "yuv444p",
        (VideoCodec::H265, Profile::Main10) => "yuv420p10le",
        _ => "yuv420p",
    }
}
