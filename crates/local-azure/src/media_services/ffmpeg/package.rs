//! Cuts tracks into CMAF segments, as they are: nothing is encoded. What the segments are for is not known here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::probe::{self, file_url, reading_options};
use super::{Ffmpeg, JobError, classify, process};

/// Packaging copies: hours of media take seconds to minutes.
const PACKAGE_TIME_MAX: Duration = Duration::from_secs(600);
/// The dialect's encoders set a key frame every two seconds, and its origin cut at each.
const SEGMENT_SECONDS: &str = "2";
/// The list of all segments that ffmpeg writes beside them, as DASH has it.
pub(in crate::media_services) const SEGMENT_LIST: &str = "segments.mpd";

/// A track of one of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::media_services) struct PackagedTrack {
    pub file: usize,
    /// Counted from 0.
    pub stream: usize,
}

impl Ffmpeg {
    /// Writes `init-N.mp4` and `segment-N-M.m4s` for the Nth track, counted from 0, with M from 1, into a folder that is
    /// there; and a list of them, [`SEGMENT_LIST`].
    pub(in crate::media_services) async fn package(
        &self,
        files: &[PathBuf],
        tracks: &[PackagedTrack],
        folder: &Path,
    ) -> Result<(), JobError> {
        let mut starts_s = Vec::with_capacity(files.len());
        for file in files {
            starts_s.push(probe::probe(&self.ffprobe, file, false).await?.start_s);
        }
        let arguments = arguments(files, &starts_s, tracks, folder);
        let ended = process::run(&self.ffmpeg, &arguments, PACKAGE_TIME_MAX, |_| ()).await?;
        if ended.code == 0 { Ok(()) } else { Err(classify::failure(&ended, folder)) }
    }
}

/// Nothing a caller wrote becomes an argument: paths and names are ours, tracks are numbers.
fn arguments(files: &[PathBuf], starts_s: &[f64], tracks: &[PackagedTrack], folder: &Path) -> Vec<OsString> {
    let mut arguments = Vec::new();
    let mut words = |text: &str| arguments.extend(text.split(' ').map(OsString::from));
    words("-hide_banner -nostdin -nostats -loglevel level+error -y");
    let first_s = starts_s.iter().copied().reduce(f64::min).unwrap_or_default();
    for (file, start_s) in files.iter().zip(starts_s) {
        arguments.extend(reading_options());
        // ffmpeg has every file begin at 0, also one whose only track begins later.
        arguments.extend(["-itsoffset".into(), format!("{:.6}", start_s - first_s).into()]);
        arguments.extend(["-i".into(), file_url(file)]);
    }
    let mut words = |text: &str| arguments.extend(text.split(' ').map(OsString::from));
    for track in tracks {
        words(&format!("-map {}:{}", track.file, track.stream));
    }
    words(
        "-c copy -map_metadata -1 -map_chapters -1 -f dash -dash_segment_type mp4 -use_template 1 -use_timeline 1",
    );
    // Not `movflags=cmaf`: ffmpeg 5.1 then leaves out the edit lists that keep pictures and sound together.
    words(
        "-init_seg_name init-$RepresentationID$.mp4 -media_seg_name segment-$RepresentationID$-$Number$.m4s -seg_duration",
    );
    words(SEGMENT_SECONDS);
    arguments.push(folder.join(SEGMENT_LIST).into());
    arguments
}
