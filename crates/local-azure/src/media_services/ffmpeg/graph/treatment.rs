//! The filters between decoders and encoders that a preset asks for. What they are to do was decided in `plan`.

use std::fmt::Write as _;

use super::sources::turning;
use super::{Graph, pad};
use crate::media_services::ffmpeg::command::Inputs;
use crate::media_services::ffmpeg::plan::{Area, OverlaidPicture, PlannedFade, PlannedOverlay, Treatment};
use crate::media_services::ffmpeg::timeline::Timeline;
use crate::media_services::presets::Rotation;

/// Sound from different places can only follow each other if it is alike.
const SOUND_FORMAT: &str = "aformat=sample_fmts=fltp:sample_rates=48000:channel_layouts=stereo";

impl Graph {
    /// Treats pictures; both are beginnings of chains.
    pub(super) fn treated_video(
        &mut self,
        source: String,
        treatment: &Treatment,
        inputs: &mut Inputs,
    ) -> String {
        if source.is_empty() {
            return source;
        }
        let mut chain = source;
        if let Some((width, height)) = treatment.squared {
            let _ = write!(chain, "scale={width}:{height}:flags=bicubic,setsar=1,");
        }
        chain.push_str(turning(match treatment.rotation {
            Rotation::Auto | Rotation::None | Rotation::Rotate0 => 0,
            Rotation::Rotate90 => 1,
            Rotation::Rotate180 => 2,
            Rotation::Rotate270 => 3,
        }));
        chain.push_str(&cropping(treatment.crop));
        for (number, overlay) in treatment.overlays.iter().enumerate() {
            if let Some(picture) = &overlay.picture {
                chain = self.overlaid(number, &chain, picture, overlay, inputs);
            }
        }
        treatment.fades.iter().for_each(|fade| chain.push_str(&fading(fade)));
        chain
    }

    /// A picture over pictures. Everything but fading is done once for a still picture, which is then repeated.
    fn overlaid(
        &mut self,
        number: usize,
        under: &str,
        picture: &OverlaidPicture,
        overlay: &PlannedOverlay,
        inputs: &mut Inputs,
    ) -> String {
        let source = pad(inputs.number(&picture.track.part), picture.track.found.stream);
        let (width, height) = picture.size;
        let mut over =
            format!("{source}{}scale={width}:{height}:flags=bicubic,setsar=1,", cropping(picture.crop));
        let _ = write!(over, "format=rgba,colorchannelmixer=aa={},", picture.opacity);
        if picture.track.part.is_still {
            let _ = write!(over, "loop=loop=-1:size=1,setpts=N/({}*TB),", picture.frame_rate);
        } else {
            over.push_str("setpts=PTS-STARTPTS,");
        }
        if let Some(duration) = overlay.duration {
            if !overlay.outlasts {
                let _ = write!(over, "trim=duration={duration},");
            }
            if overlay.fade_out > 0.0 {
                let start = (duration - overlay.fade_out).max(0.0);
                let _ = write!(over, "fade=t=out:st={start}:d={}:alpha=1,", overlay.fade_out);
            }
        }
        if overlay.fade_in > 0.0 {
            let _ = write!(over, "fade=t=in:st=0:d={}:alpha=1,", overlay.fade_in);
        }
        if overlay.outlasts && !picture.track.part.is_still {
            // The sound may be all that outlasts: nothing is seen of it once its pictures end.
            over.push_str("tpad=stop=-1:color=black@0,");
        }
        let ending = if overlay.outlasts { "shortest=1" } else { "eof_action=pass" };
        let (left, top) = (picture.left, picture.top);
        let _ = write!(self.text, "{over}setpts=PTS+{}/TB[o{number}];{under}null[u{number}];", overlay.start);
        let _ = write!(self.text, "[u{number}][o{number}]overlay=x={left}:y={top}:{ending}[l{number}];");
        format!("[l{number}]")
    }

    /// Mixes the overlays' sounds into each of the input's, which decide how long it lasts.
    pub(super) fn treated_sounds(
        &mut self,
        sources: Vec<String>,
        media: &Timeline,
        treatment: &Treatment,
        inputs: &mut Inputs,
    ) -> Vec<String> {
        let over = treatment.overlays.iter().filter(|overlay| overlay.sound.is_some()).collect::<Vec<_>>();
        if over.is_empty() || sources.is_empty() {
            return sources;
        }
        for (number, overlay) in over.iter().enumerate() {
            self.overlaid_sound(number, overlay, sources.len(), inputs);
        }
        let mixed = sources.into_iter().enumerate().map(|(index, source)| {
            // What is mixed has one layout: unless told, ffmpeg may choose the overlay's.
            let format = format!("aformat=channel_layouts={}", layout(media, index));
            let _ = write!(self.text, "{source}{format}[m{index}];");
            let mut pads = format!("[m{index}]");
            (0..over.len()).for_each(|number| {
                let _ = write!(self.text, "[p{number}_{index}]{format}[q{number}_{index}];");
                let _ = write!(pads, "[q{number}_{index}]");
            });
            let count = over.len() + 1;
            let _ = write!(self.text, "{pads}amix=inputs={count}:duration=first:normalize=0[x{index}];");
            format!("[x{index}]")
        });
        mixed.collect()
    }

    fn overlaid_sound(
        &mut self,
        number: usize,
        overlay: &PlannedOverlay,
        copies: usize,
        inputs: &mut Inputs,
    ) {
        let Some(sound) = &overlay.sound else { return };
        let source = pad(inputs.number(&sound.track.part), sound.track.found.stream);
        let mut chain = format!("{source}asetpts=PTS-STARTPTS,volume={},", sound.gain);
        if let Some(duration) = overlay.duration {
            let _ = write!(chain, "atrim=duration={duration},");
            if overlay.fade_out > 0.0 {
                let start = (duration - overlay.fade_out).max(0.0);
                let _ = write!(chain, "afade=t=out:st={start}:d={},", overlay.fade_out);
            }
        }
        if overlay.fade_in > 0.0 {
            let _ = write!(chain, "afade=t=in:st=0:d={},", overlay.fade_in);
        }
        chain.push_str(SOUND_FORMAT);
        if overlay.start > 0.0 {
            // Silence that is played costs nothing; silence in front of a stream (adelay) is kept in memory.
            let silence =
                format!("anullsrc=r=48000:cl=stereo,atrim=duration={},{SOUND_FORMAT}", overlay.start);
            let _ = write!(self.text, "{silence}[z{number}];{chain}[y{number}];");
            chain = format!("[z{number}][y{number}]concat=n=2:v=0:a=1");
        }
        let _ = write!(self.text, "{chain},asplit={copies}");
        (0..copies).for_each(|index| {
            let _ = write!(self.text, "[p{number}_{index}]");
        });
        self.text.push(';');
    }
}

/// How many channels a sound has while others are mixed into it: as many as any of its encoders may want.
fn layout(media: &Timeline, index: usize) -> &'static str {
    let mut sounds = media.segments.iter().filter_map(|segment| segment.sounds.get(index));
    if sounds.any(|sound| sound.channels() > 2) { "5.1" } else { "stereo" }
}

fn cropping(area: Option<Area>) -> String {
    area.map_or_else(String::new, |Area { left, top, width, height }| {
        format!("crop=w={width}:h={height}:x={left}:y={top}:exact=1,")
    })
}

fn fading(fade: &PlannedFade) -> String {
    let kind = if fade.is_in { "in" } else { "out" };
    let [red, green, blue] = fade.colour;
    let colour = format!("0x{red:02x}{green:02x}{blue:02x}");
    format!("fade=t={kind}:st={}:d={}:color={colour},", fade.start, fade.duration)
}
