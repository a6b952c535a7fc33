//! What a preset works on: the tracks chosen from a job's input, in order of time. Not what becomes of them.

use std::time::Duration;

use super::choice::choose;
use super::media::{Examined, ExaminedClip, Media, Part, Track};
use super::probe::{Audio, Video};
use crate::media_services::jobs::{ChannelMapping, JobError};
use crate::media_services::presets::{Filters, Overlay, Rotation};

/// The chosen tracks of a job's input.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    /// The name outputs are called after: that of the first used file, without folders and extension.
    pub base: String,
    /// The blob's name of the first used file.
    pub source: String,
    /// One, or the clips of a sequence in order.
    pub segments: Vec<Segment>,
    /// Every track of every file, for presets that copy all.
    pub every_video: Vec<Track<Video>>,
    pub every_audio: Vec<Track<Audio>>,
    /// The files that are laid over, in the order of the preset's overlays.
    pub overlays: Vec<Examined>,
}

/// Pictures and sound of the same stretch of time.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub video: Option<Track<Video>>,
    /// More than one only if the input asks for it.
    pub sounds: Vec<Sound>,
}

/// What becomes an audio track.
#[derive(Clone, Debug)]
pub(super) enum Sound {
    One(Track<Audio>),
    /// Tracks of one channel each, which become one of several.
    Channels(Vec<(Track<Audio>, ChannelMapping)>),
}

impl Timeline {
    /// Chooses what a preset with these filters works on.
    pub fn of(media: &Media, filters: &Filters) -> Result<Self, JobError> {
        let overlays = filters.overlays.as_deref().unwrap_or_default();
        let is_overlay = |clip: &&ExaminedClip| {
            let own = |overlay: &Overlay| clip.label.as_deref() == Some(overlay.input_label());
            overlays.iter().any(own)
        };
        let main = media.clips.iter().filter(|clip| !is_overlay(clip)).collect::<Vec<_>>();
        if main.is_empty() {
            return Err(unfit("All inputs of the job are overlays.".to_owned()));
        }
        let mut segments = match media.is_sequence {
            true => main.iter().map(|clip| choose(&[clip])).collect::<Result<Vec<_>, _>>()?,
            false => vec![choose(&main)?],
        };
        let files = main.iter().flat_map(|clip| &clip.files);
        let used =
            files.clone().find(|file| segments.first().is_some_and(|segment| segment.uses(&file.part)));
        let source = used.map(|file| file.name.clone()).unwrap_or_default();
        let rotation = filters.rotation.unwrap_or_default();
        segments
            .iter_mut()
            .filter_map(|segment| segment.video.as_mut())
            .for_each(|track| as_stored(track, rotation));
        Ok(Self {
            base: base_name(&source),
            source,
            segments,
            every_video: files.clone().flat_map(Examined::videos).collect(),
            every_audio: files.flat_map(Examined::audios).collect(),
            overlays: overlays
                .iter()
                .map(|overlay| overlay_file(media, overlay))
                .collect::<Result<_, _>>()?,
        })
    }

    /// How long all segments are together.
    pub fn length(&self) -> Option<Duration> {
        self.segments.iter().map(Segment::length).sum()
    }

    pub fn frame_rate(&self) -> Option<f64> {
        self.video()?.found.frame_rate
    }

    /// The first segment's pictures, whose size and rate count for all.
    pub fn video(&self) -> Option<&Track<Video>> {
        self.segments.first()?.video.as_ref()
    }

    /// How many sounds there are. What is laid over a silent input is one.
    pub fn sound_count(&self) -> usize {
        let own = self.segments.iter().map(|segment| segment.sounds.len()).max().unwrap_or(0);
        own.max(usize::from(self.overlays.iter().any(|file| !file.probed.audios.is_empty())))
    }

    /// The how-manieth sound of any segment that has it.
    pub fn sound(&self, index: usize) -> Option<&Sound> {
        self.segments.iter().find_map(|segment| segment.sounds.get(index))
    }

    /// How long the pictures are, if every track says so itself.
    pub fn video_measured(&self) -> Option<Duration> {
        self.segments.iter().map(|segment| segment.video.as_ref()?.measured).sum()
    }

    /// How long a sound is, if every track says so itself.
    pub fn sound_measured(&self, index: usize) -> Option<Duration> {
        self.segments.iter().map(|segment| segment.sounds.get(index)?.first()?.measured).sum()
    }
}

impl Segment {
    pub fn length(&self) -> Option<Duration> {
        let video = self.video.as_ref().map(|track| track.length);
        video.or_else(|| Some(self.sounds.first()?.first()?.length)).flatten()
    }

    fn uses(&self, part: &Part) -> bool {
        let video = self.video.as_ref().map(|track| &track.part);
        let audio = self.sounds.first().and_then(Sound::first).map(|track| &track.part);
        video.or(audio) == Some(part)
    }
}

impl Sound {
    pub fn first(&self) -> Option<&Track<Audio>> {
        match self {
            Self::One(track) => Some(track),
            Self::Channels(channels) => channels.first().map(|(track, _)| track),
        }
    }

    pub fn channels(&self) -> u32 {
        match self {
            Self::One(track) => track.found.channels,
            Self::Channels(channels) => u32::try_from(channels.len()).unwrap_or(u32::MAX),
        }
    }
}

/// Pictures as they are stored, unless they are turned as the file says. `None` keeps what the file says: then the
/// decoder leaves the pictures alone; otherwise it turns them, forgets about it, and they are turned back.
fn as_stored(track: &mut Track<Video>, rotation: Rotation) {
    if rotation == Rotation::Auto {
        return;
    }
    if track.found.quarter_turns % 2 == 1 {
        std::mem::swap(&mut track.found.width, &mut track.found.height);
    }
    if rotation == Rotation::None {
        track.part.upright = false;
    } else {
        track.found.quarter_turns_back = track.found.quarter_turns;
    }
    track.found.quarter_turns = 0;
}

/// "The label of the job input which is to be used as an overlay. The input must specify exactly one file."
fn overlay_file(media: &Media, overlay: &Overlay) -> Result<Examined, JobError> {
    let label = overlay.input_label();
    let labelled = media.clips.iter().filter(|clip| clip.label.as_deref() == Some(label));
    let mut files = labelled.flat_map(|clip| &clip.files);
    match (files.next(), files.next()) {
        (Some(file), None) => Ok(file.clone()),
        (None, _) => {
            Err(unfit(format!("The preset lays over the input '{label}', but no input has this label.")))
        }
        _ => Err(unfit(format!("The input '{label}' is an overlay and has to be exactly one file."))),
    }
}

/// The name of a file without its folders and its extension.
fn base_name(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    let base = file.rsplit_once('.').map_or(file, |(base, _)| if base.is_empty() { file } else { base });
    base.chars().filter(|c| !c.is_control()).collect()
}

fn unfit(message: String) -> JobError {
    JobError::unsupported_configuration(message)
}

#[cfg(test)]
mod tests {
    use super::base_name;

    #[test]
    fn outputs_are_called_after_the_file_without_folder_and_extension() {
        assert_eq!(base_name("2024/show.final.mov"), "show.final");
        assert_eq!(base_name("show"), "show");
        assert_eq!(base_name("a/.hidden"), ".hidden");
    }
}
