//! What a job has to work with: the tracks chosen from its input files. Not what becomes of them.
//!
//! Side by side, the largest picture is used (the first of equal ones), with the sound of its own file if it has any,
//! or else of the first file that has. In a sequence, the same choice is made for each clip.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::probe::{self, Audio, Probed, Video};
use crate::media_services::jobs::{FetchedFile, JobError, JobErrorCode, SourceClip, Sources};

/// The chosen tracks of a job's input.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    /// The name outputs are called after: that of the first used file, without folders and extension.
    pub(super) base: String,
    /// The blob's name of the first used file.
    pub(super) source: String,
    /// One, or the clips of a sequence in order.
    pub(super) segments: Vec<Segment>,
    /// Every track of every file, for presets that copy all.
    pub(super) every_video: Vec<Track<Video>>,
    pub(super) every_audio: Vec<Track<Audio>>,
}

/// Pictures and sound of the same stretch of time.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub video: Option<Track<Video>>,
    pub audio: Option<Track<Audio>>,
}

/// A track in a part of a file.
#[derive(Clone, Debug)]
pub(super) struct Track<T> {
    pub part: Part,
    pub found: T,
    /// How long the part is, as far as the container knows.
    pub length: Option<Duration>,
    /// How long the track is in this part, as far as the track itself knows.
    pub measured: Option<Duration>,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub path: PathBuf,
    pub start: Option<Duration>,
    pub end: Option<Duration>,
}

/// A file, looked into.
struct Examined {
    name: String,
    part: Part,
    probed: Probed,
}

impl Media {
    /// How long all segments are together.
    pub(super) fn length(&self) -> Option<Duration> {
        self.segments.iter().map(Segment::length).sum()
    }

    pub(super) fn frame_rate(&self) -> Option<f64> {
        self.video()?.found.frame_rate
    }

    /// The first segment's pictures, whose size and rate count for all.
    pub(super) fn video(&self) -> Option<&Track<Video>> {
        self.segments.first()?.video.as_ref()
    }

    /// Any sound.
    pub(super) fn audio(&self) -> Option<&Track<Audio>> {
        self.segments.iter().find_map(|segment| segment.audio.as_ref())
    }

    /// How long the pictures are, if every track says so itself.
    pub(super) fn video_measured(&self) -> Option<Duration> {
        self.segments.iter().map(|segment| segment.video.as_ref()?.measured).sum()
    }

    /// How long the sound is, if every track says so itself.
    pub(super) fn audio_measured(&self) -> Option<Duration> {
        self.segments.iter().map(|segment| segment.audio.as_ref()?.measured).sum()
    }
}

impl Segment {
    pub fn length(&self) -> Option<Duration> {
        let video = self.video.as_ref().map(|track| track.length);
        video.or_else(|| self.audio.as_ref().map(|track| track.length)).flatten()
    }
}

/// Looks into all files and chooses tracks.
pub(super) async fn examine(ffprobe: &Path, sources: Sources<FetchedFile>) -> Result<Media, JobError> {
    let mut clips = Vec::with_capacity(sources.clips.len());
    for clip in sources.clips {
        clips.push(examine_clip(ffprobe, clip).await?);
    }
    if !sources.is_sequence {
        clips = vec![clips.into_iter().flatten().collect()];
    }
    let segments = clips.iter().map(|files| choose(files)).collect::<Vec<_>>();
    let files = clips.iter().flatten();
    let used = files.clone().find(|file| segments.first().is_some_and(|segment| segment.uses(&file.part)));
    let source = used.map(|file| file.name.clone()).unwrap_or_default();
    Ok(Media {
        base: base_name(&source),
        source,
        segments,
        every_video: files.clone().flat_map(Examined::videos).collect(),
        every_audio: files.flat_map(Examined::audios).collect(),
    })
}

async fn examine_clip(ffprobe: &Path, clip: SourceClip<FetchedFile>) -> Result<Vec<Examined>, JobError> {
    let (mut files, mut problem) = (Vec::new(), None);
    for file in clip.files {
        match examine_file(ffprobe, file, clip.start, clip.end).await {
            Ok(file) => files.push(file),
            Err(error) if clip.named => return Err(error),
            // A whole container also holds manifests and the like.
            Err(error) => problem = Some(error),
        }
    }
    match problem {
        Some(problem) if files.is_empty() => Err(problem),
        _ => Ok(files),
    }
}

async fn examine_file(
    ffprobe: &Path,
    file: FetchedFile,
    start: Option<Duration>,
    end: Option<Duration>,
) -> Result<Examined, JobError> {
    if file.bytes == 0 {
        let message = format!("The input '{}' is empty.", file.name);
        return Err(JobError::new(JobErrorCode::ContentMalformed, message));
    }
    let probed = probe::probe(ffprobe, &file.path).await?;
    if probed.videos.is_empty() && probed.audios.is_empty() {
        let message =
            format!("The input '{}' has neither pictures nor sound that can be decoded.", file.name);
        return Err(JobError::unsupported_content(message));
    }
    if probed.length.zip(start).is_some_and(|(length, start)| start >= length) {
        let message = format!("The clip starts after the end of the input '{}'.", file.name);
        return Err(JobError::unsupported_configuration(message));
    }
    Ok(Examined { name: file.name, part: Part { path: file.path, start, end }, probed })
}

fn choose(files: &[Examined]) -> Segment {
    let pixels = |track: &Track<Video>| u64::from(track.found.width) * u64::from(track.found.height);
    let larger = |a: Track<Video>, b: Track<Video>| if pixels(&b) > pixels(&a) { b } else { a };
    let video = files.iter().flat_map(Examined::videos).reduce(larger);
    let beside = |file: &&Examined| video.as_ref().is_some_and(|video| video.part == file.part);
    let audio = files.iter().filter(beside).chain(files).flat_map(Examined::audios).next();
    Segment { video, audio }
}

/// The name of a file without its folders and its extension.
fn base_name(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    let base = file.rsplit_once('.').map_or(file, |(base, _)| if base.is_empty() { file } else { base });
    base.chars().filter(|c| !c.is_control()).collect()
}

impl Segment {
    fn uses(&self, part: &Part) -> bool {
        let parts = [self.video.as_ref().map(|t| &t.part), self.audio.as_ref().map(|t| &t.part)];
        parts.into_iter().flatten().next() == Some(part)
    }
}

impl Examined {
    fn videos(&self) -> impl Iterator<Item = Track<Video>> {
        self.probed.videos.iter().map(|video| {
            // A container with one track has no more bits than that track.
            let bitrate = video.bitrate.or(self.probed.bitrate);
            self.track(Video { bitrate, ..video.clone() }, video.length)
        })
    }

    fn audios(&self) -> impl Iterator<Item = Track<Audio>> {
        self.probed.audios.iter().map(|audio| self.track(audio.clone(), audio.length))
    }

    fn track<T>(&self, found: T, length: Option<Duration>) -> Track<T> {
        let Part { start, end, .. } = self.part;
        let cut = |length: Duration| {
            let end = end.map_or(length, |end| end.min(length));
            end.saturating_sub(start.unwrap_or_default())
        };
        let (length, measured) = (self.probed.length.map(cut), length.map(cut));
        Track { part: self.part.clone(), found, length, measured }
    }
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
