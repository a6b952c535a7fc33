//! The encoder that really encodes: for each job output one run of ffmpeg makes all of its files, decoding once. Sound
//! that several of them share is encoded in a run before it, and content-aware presets first encode samples. Not the job
//! around it. Beside it, what cuts finished files into segments.

mod choice;
mod classify;
mod command;
mod content;
mod filename;
mod findings;
mod graph;
mod ladder;
mod media;
mod package;
mod plan;
mod probe;
pub(super) mod process;
mod progress;
mod report;
mod shared_audio;
mod side_files;
mod timeline;
mod video_options;

use std::path::{Path, PathBuf};
use std::time::Duration;

use plan::{Container, Plan, PlannedFile};
use probe::Probed;
use progress::Progress;
use timeline::Timeline;

use super::jobs::{Content, FetchedFile, JobError, JobErrorCode, OutputFile, Sources, Workspace};
use super::presets::{Filters, Preset};

pub(super) use media::Media;
pub(super) use package::{PackagedTrack, SEGMENT_LIST};

/// A run that takes longer hangs, or should be cut into several jobs: 24 hours at real time is a day of media.
const ENCODE_TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// What rounding to whole frames and audio blocks may take away.
const SHORTER_BY_MAX: Duration = Duration::from_secs(1);
const SHORTER_BY_PART_MAX: f64 = 0.01;

/// Where ffmpeg is and how it works.
#[derive(Clone, Debug)]
pub struct Ffmpeg {
    /// The program, as a path or as a name to look up.
    pub ffmpeg: PathBuf,
    /// Its companion that looks into files.
    pub ffprobe: PathBuf,
    /// A folder for files in work. Each job has a folder of its own in it.
    pub scratch: PathBuf,
    /// How many seconds of media are read per second, to slow encoding down on purpose; `None` is as fast as it goes.
    pub pace: Option<f64>,
}

impl Ffmpeg {
    /// Looks into the fetched files.
    pub(super) async fn examine(&self, sources: Sources<FetchedFile>) -> Result<Media, JobError> {
        media::examine(&self.ffprobe, sources).await
    }

    /// Makes what the preset says. `index` tells the files of a job's outputs apart; `report` hears percentages.
    pub(super) async fn encode(
        &self,
        media: &Media,
        preset: &Preset,
        workspace: &Workspace,
        index: usize,
        report: &(dyn Fn(u8) + Sync),
    ) -> Result<Vec<OutputFile>, JobError> {
        let filters = match preset {
            Preset::Standard(preset) => preset.filters.clone().unwrap_or_default(),
            _ => Filters::default(),
        };
        let media = &Timeline::of(media, &filters)?;
        let scratch = Scratch { folder: workspace.folder(), index };
        let findings = findings::gather(self, preset, media, &scratch).await?;
        let mut plan = plan::of(preset, media, &findings)?;
        shared_audio::share(self, media, &mut plan, &scratch).await?;
        let path = |number: usize| scratch.file(number, plan.files[number].container);
        let arguments = command::arguments(media, &plan, self.pace, &path, &scratch);
        let mut progress = Progress::of(media);
        let on_line = |line: &str| progress.read(line).into_iter().for_each(report);
        let ended = process::run(&self.ffmpeg, &arguments, ENCODE_TIME_MAX, on_line).await?;
        if ended.code != 0 {
            return Err(classify::failure(&ended, workspace.folder()));
        }
        let mut files = self.finished_files(media, &plan, &scratch, &ended).await?;
        files.extend(finished_images(&plan, &scratch, &ended)?);
        Ok(files)
    }

    /// The files of tracks, each looked into, and what describes them.
    async fn finished_files(
        &self,
        media: &Timeline,
        plan: &Plan,
        scratch: &Scratch<'_>,
        ended: &process::Ended,
    ) -> Result<Vec<OutputFile>, JobError> {
        let mut described = Vec::with_capacity(plan.files.len());
        for (number, file) in plan.files.iter().enumerate() {
            let probed = probe::probe(&self.ffprobe, &scratch.file(number, file.container), false).await?;
            if is_too_short(file, &probed, media) {
                return Err(classify::too_short(&file.name, ended, scratch.folder));
            }
            described.push((file, probed));
        }
        let finished = |(number, file): (usize, &PlannedFile)| OutputFile {
            name: file.name.clone(),
            content: Content::File(scratch.file(number, file.container)),
            content_type: match file.container {
                Container::TransportStream => "video/mp2t",
                Container::Mp4 if file.videos.is_empty() => "audio/mp4",
                Container::Mp4 => "video/mp4",
            },
        };
        let mut files = plan.files.iter().enumerate().map(finished).collect::<Vec<_>>();
        if !described.is_empty() {
            files.extend(side_files::describe(media, &described));
        }
        Ok(files)
    }
}

/// Where the files of one run are.
struct Scratch<'a> {
    folder: &'a Path,
    /// The how-manieth output of the job it is.
    index: usize,
}

impl Scratch<'_> {
    fn file(&self, number: usize, container: Container) -> PathBuf {
        self.folder.join(format!("out-{}-{number}{}", self.index, container.extension()))
    }

    fn shared_audio(&self, number: usize) -> PathBuf {
        self.folder.join(format!("sound-{}-{number}.mp4", self.index))
    }

    fn sample(&self, number: usize) -> PathBuf {
        self.folder.join(format!("sample-{}-{number}.h264", self.index))
    }

    fn image(&self, set: usize, number: usize, extension: &str) -> PathBuf {
        self.folder.join(format!("out-{}-image-{set}-{number:06}{extension}", self.index))
    }

    /// The same as ffmpeg's image writer takes it, which counts from 1.
    fn image_pattern(&self, set: usize, extension: &str) -> String {
        let folder = self.folder.to_string_lossy().replace('%', "%%");
        format!("{folder}/out-{}-image-{set}-%06d{extension}", self.index)
    }
}

fn finished_images(
    plan: &Plan,
    scratch: &Scratch<'_>,
    ended: &process::Ended,
) -> Result<Vec<OutputFile>, JobError> {
    let mut files = Vec::new();
    for (set, images) in plan.images.iter().enumerate() {
        let paths = (1..).map(|number| scratch.image(set, number, images.kind.extension()));
        let paths = paths.take_while(|path| path.exists()).collect::<Vec<_>>();
        if paths.is_empty() {
            return Err(classify::too_short("thumbnails", ended, scratch.folder));
        }
        files.extend(paths.into_iter().enumerate().map(|(index, path)| OutputFile {
            name: images.name(index + 1),
            content: Content::File(path),
            content_type: images.kind.content_type(),
        }));
        if images.sheet.is_some() {
            files.push(OutputFile {
                name: images.name_of_web_vtt(),
                content: Content::Bytes(images.web_vtt().into()),
                content_type: "text/vtt",
            });
        }
    }
    plan::check_names(files.iter().map(|file| file.name.as_str()))?;
    Ok(files)
}

/// Whether a file misses more than it may of what went in. Only tracks whose own length is known are compared.
fn is_too_short(file: &PlannedFile, made: &Probed, media: &Timeline) -> bool {
    let Some(expected) = file.measured(media) else { return false };
    let may_miss = SHORTER_BY_MAX.max(expected.mul_f64(SHORTER_BY_PART_MAX));
    made.length.is_none_or(|length| length + may_miss < expected)
}

fn service_error(message: impl Into<String>) -> JobError {
    JobError::new(JobErrorCode::ServiceError, message)
}
