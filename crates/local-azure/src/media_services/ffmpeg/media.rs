//! What a job has to work with: its input files, looked into. Which of their tracks are used is `timeline`'s.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::probe::{self, Audio, Probed, Video};
use crate::media_services::jobs::{
    FetchedFile, InputDefinition, JobError, JobErrorCode, SourceClip, Sources,
};

/// A job's input files.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    pub(super) clips: Vec<ExaminedClip>,
    /// One clip after the other, instead of side by side.
    pub(super) is_sequence: bool,
}

/// The files of one input.
#[derive(Clone, Debug)]
pub(super) struct ExaminedClip {
    pub label: Option<String>,
    pub definitions: Vec<InputDefinition>,
    pub files: Vec<Examined>,
}

/// A file, looked into.
#[derive(Clone, Debug)]
pub(super) struct Examined {
    pub name: String,
    pub part: Part,
    pub probed: Probed,
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

/// A part of a file, and how it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub path: PathBuf,
    pub start: Option<Duration>,
    pub end: Option<Duration>,
    /// Whether pictures are turned as the file says, or taken as they are stored.
    pub upright: bool,
    /// Whether it is a picture, and no film.
    pub is_still: bool,
    /// How long after the other files it begins, in milliseconds: ffmpeg has every file begin at 0.
    pub delay_ms: i32,
}

impl Part {
    /// Whether it is all of the file.
    pub fn is_whole(&self) -> bool {
        self.start.is_none_or(|start| start.is_zero()) && self.end.is_none()
    }
}

/// Looks into all files.
pub(super) async fn examine(ffprobe: &Path, sources: Sources<FetchedFile>) -> Result<Media, JobError> {
    let mut clips = Vec::with_capacity(sources.clips.len());
    for clip in sources.clips {
        clips.push(examine_clip(ffprobe, clip).await?);
    }
    Ok(Media { clips, is_sequence: sources.is_sequence })
}

async fn examine_clip(ffprobe: &Path, clip: SourceClip<FetchedFile>) -> Result<ExaminedClip, JobError> {
    let (mut files, mut problem) = (Vec::new(), None);
    for file in clip.files {
        // Only what has a label can be an overlay, and only overlays can be pictures.
        match examine_file(ffprobe, file, clip.start, clip.end, clip.label.is_some()).await {
            Ok(file) => files.push(file),
            Err(error) if clip.named => return Err(error),
            // A whole container also holds manifests and the like.
            Err(error) => problem = Some(error),
        }
    }
    match problem {
        Some(problem) if files.is_empty() => Err(problem),
        _ => Ok(ExaminedClip { label: clip.label, definitions: clip.definitions, files }),
    }
}

async fn examine_file(
    ffprobe: &Path,
    file: FetchedFile,
    start: Option<Duration>,
    end: Option<Duration>,
    may_be_still: bool,
) -> Result<Examined, JobError> {
    if file.bytes == 0 {
        let message = format!("The input '{}' is empty.", file.name);
        return Err(JobError::new(JobErrorCode::ContentMalformed, message));
    }
    let probed = probe::probe(ffprobe, &file.path, may_be_still).await?;
    if probed.videos.is_empty() && probed.audios.is_empty() {
        let message =
            format!("The input '{}' has neither pictures nor sound that can be decoded.", file.name);
        return Err(JobError::unsupported_content(message));
    }
    if probed.length.zip(start).is_some_and(|(length, start)| start >= length) {
        let message = format!("The clip starts after the end of the input '{}'.", file.name);
        return Err(JobError::unsupported_configuration(message));
    }
    let part = Part { path: file.path, start, end, upright: true, is_still: probed.is_still, delay_ms: 0 };
    Ok(Examined { name: file.name, part, probed })
}

impl Examined {
    pub fn videos(&self) -> impl Iterator<Item = Track<Video>> {
        self.probed.videos.iter().map(|video| {
            // A container with one track has no more bits than that track.
            let bitrate = video.bitrate.or(self.probed.bitrate);
            self.track(Video { bitrate, ..video.clone() }, video.length)
        })
    }

    pub fn audios(&self) -> impl Iterator<Item = Track<Audio>> {
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
