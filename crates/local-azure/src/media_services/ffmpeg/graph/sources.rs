//! Where the pictures and the sounds of the whole input come from: one segment as it is, or a sequence joined. Not what
//! is done to them.

use std::fmt::Write as _;

use super::{Graph, fitting, pad};
use crate::media_services::ffmpeg::command::Inputs;
use crate::media_services::ffmpeg::ladder::{even_size, fitted};
use crate::media_services::ffmpeg::media::Track;
use crate::media_services::ffmpeg::plan::Deinterlacing;
use crate::media_services::ffmpeg::probe::{Audio, Video};
use crate::media_services::ffmpeg::timeline::{Segment, Sound, Timeline};
use crate::media_services::jobs::ChannelMapping;

/// What a sequence is joined at where nothing says otherwise.
const JOINED_FRAME_RATE: f64 = 30.0;
const JOINED_SAMPLING_RATE: u32 = 48_000;

/// The beginnings of chains: a filter's name may follow.
pub(super) struct Sources {
    pub video: String,
    pub sounds: Vec<String>,
}

impl Graph {
    /// `video` and `sounds` say what is needed of it.
    pub(super) fn sources(
        &mut self,
        media: &Timeline,
        deinterlacing: Deinterlacing,
        video: bool,
        sounds: usize,
        inputs: &mut Inputs,
    ) -> Sources {
        match media.segments.as_slice() {
            [segment] => {
                let track = segment.video.as_ref().filter(|_| video);
                let video = track.map(|track| decoded(track, deinterlacing, inputs)).unwrap_or_default();
                let sounds = (0..sounds).map(|index| self.sound(index, 0, segment, inputs)).collect();
                Sources { video, sounds }
            }
            segments => self.joined(media, segments, deinterlacing, video, sounds, inputs),
        }
    }

    fn joined(
        &mut self,
        media: &Timeline,
        segments: &[Segment],
        deinterlacing: Deinterlacing,
        video: bool,
        sounds: usize,
        inputs: &mut Inputs,
    ) -> Sources {
        let is_surround =
            segments.iter().flat_map(|segment| &segment.sounds).any(|sound| sound.channels() > 2);
        let layout = if is_surround { "5.1" } else { "stereo" };
        let mut pads = String::new();
        for (number, segment) in segments.iter().enumerate() {
            if let (true, Some(first), Some(track)) = (video, media.video(), &segment.video) {
                let source = decoded(track, deinterlacing, inputs);
                self.alike_video(number, &source, &track.found, &first.found);
                let _ = write!(pads, "[jv{number}]");
            }
            for index in 0..sounds {
                let source = self.sound(index, number, segment, inputs);
                let alike = format!("aformat=sample_rates={JOINED_SAMPLING_RATE}:channel_layouts={layout}");
                let _ = write!(self.text, "{source}{alike}[ja{number}_{index}];");
                let _ = write!(pads, "[ja{number}_{index}]");
            }
        }
        let joined_video = if video { "[jv]" } else { "" };
        let joined_sounds = (0..sounds).map(|index| format!("[ja{index}]")).collect::<Vec<_>>();
        if video || sounds > 0 {
            let concat = format!("concat=n={}:v={}:a={sounds}", segments.len(), u8::from(video));
            let _ = write!(self.text, "{pads}{concat}{joined_video}{};", joined_sounds.concat());
        }
        Sources { video: joined_video.to_owned(), sounds: joined_sounds }
    }

    /// A segment's pictures in the size and rate of the first one's.
    fn alike_video(&mut self, number: usize, source: &str, found: &Video, first: &Video) {
        let size = even_size(f64::from(first.width), f64::from(first.height));
        let picture = fitted((found.width, found.height), size, true);
        let rate = first.frame_rate.unwrap_or(JOINED_FRAME_RATE);
        let fitting = fitting(size, picture);
        let _ = write!(self.text, "{source}{fitting},fps={rate},format=yuv420p[jv{number}];");
    }

    /// A segment's sound, or silence of the same length.
    fn sound(
        &mut self,
        index: usize,
        segment_number: usize,
        segment: &Segment,
        inputs: &mut Inputs,
    ) -> String {
        match segment.sounds.get(index) {
            Some(Sound::One(track)) => pad(inputs.number(&track.part), track.found.stream),
            Some(Sound::Channels(channels)) => {
                let joined = format!("[s{segment_number}_{index}]");
                self.channels(channels, &joined, inputs);
                joined
            }
            None => {
                let length = segment.length().unwrap_or_default().as_secs_f64();
                format!("anullsrc=r={JOINED_SAMPLING_RATE}:cl=stereo,atrim=duration={length},")
            }
        }
    }

    /// Tracks of one channel become one track of several.
    fn channels(&mut self, channels: &[(Track<Audio>, ChannelMapping)], to: &str, inputs: &mut Inputs) {
        let names = channels.iter().map(|(_, channel)| channel_name(*channel)).collect::<Vec<_>>();
        for (track, _) in channels {
            self.text.push_str(&pad(inputs.number(&track.part), track.found.stream));
        }
        let map = names.iter().enumerate().map(|(input, name)| format!("{input}.0-{name}"));
        let (layout, map) = (names.join("+"), map.collect::<Vec<_>>().join("|"));
        let _ = write!(self.text, "join=inputs={}:channel_layout={layout}:map={map}{to};", channels.len());
    }
}

fn channel_name(channel: ChannelMapping) -> &'static str {
    match channel {
        ChannelMapping::FrontLeft | ChannelMapping::StereoLeft => "FL",
        ChannelMapping::FrontRight | ChannelMapping::StereoRight => "FR",
        ChannelMapping::Center => "FC",
        ChannelMapping::LowFrequencyEffects => "LFE",
        ChannelMapping::BackLeft => "BL",
        ChannelMapping::BackRight => "BR",
    }
}

/// A track's pictures, made whole if they are interlaced, and turned back if they are wanted as they are stored.
fn decoded(track: &Track<Video>, deinterlacing: Deinterlacing, inputs: &mut Inputs) -> String {
    let source = pad(inputs.number(&track.part), track.found.stream);
    let whole = match deinterlacing {
        Deinterlacing::Marked if track.found.is_interlaced => {
            "bwdif=mode=send_frame:parity=auto:deint=interlaced,"
        }
        Deinterlacing::AllTopFirst => "bwdif=mode=send_frame:parity=tff:deint=all,",
        Deinterlacing::AllBottomFirst => "bwdif=mode=send_frame:parity=bff:deint=all,",
        Deinterlacing::Off | Deinterlacing::Marked => "",
    };
    format!("{source}{whole}{}", turning(track.found.quarter_turns_back))
}

/// Turns clockwise by quarters.
pub(super) fn turning(quarters: u8) -> &'static str {
    match quarters % 4 {
        1 => "transpose=clock,",
        2 => "hflip,vflip,",
        3 => "transpose=cclock,",
        _ => "",
    }
}
