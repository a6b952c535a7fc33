//! What ffprobe finds in a file. Which of it is used, others decide.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::report::Report;
use super::{classify, process, service_error};
use crate::media_services::jobs::JobError;

/// Looking into a local file takes a fraction of a second; a file that takes longer is made to take longer.
const PROBE_TIME_MAX: Duration = Duration::from_secs(60);
/// A report is some KiB for each track.
const REPORT_BYTES_MAX: usize = 1024 * 1024;
/// What is reported: nothing of the texts that a file may carry at any length.
const ENTRIES: &str = "format=format_name,start_time,duration,bit_rate,size:stream_tags=language,DURATION:stream_disposition=attached_pic:\
                       stream_side_data=rotation:stream=index,codec_type,codec_name,codec_tag_string,profile,level,\
                       width,height,sample_aspect_ratio,pix_fmt,field_order,avg_frame_rate,r_frame_rate,channels,sample_rate,bit_rate,\
                       duration";
/// Demuxers of files that hold their media themselves. Playlists and scripts, which name other files, are not here.
pub(super) const FORMATS: &str = "aac,ac3,aiff,amr,asf,avi,caf,dts,dv,eac3,flac,flv,gxf,h264,hevc,ivf,m4v,matroska,\
                                  mov,mp3,mpeg,mpegts,mpegvideo,mxf,nut,ogg,rm,w64,wav,webm,yuv4mpegpipe";

/// Demuxers of single pictures, which only overlays may be.
pub(super) const PICTURE_FORMATS: &str = "bmp_pipe,gif,jpeg_pipe,png_pipe";

/// A file's tracks.
#[derive(Clone, Debug, Default)]
pub(super) struct Probed {
    pub videos: Vec<Video>,
    pub audios: Vec<Audio>,
    /// When the first track begins, in seconds.
    pub start_s: f64,
    /// The container's length.
    pub length: Option<Duration>,
    /// The container's bits per second, all tracks together.
    pub bitrate: Option<u64>,
    /// The size of the file.
    pub bytes: Option<u64>,
    /// Whether it is a picture.
    pub is_still: bool,
}

/// A video track, as it is shown: upright and with square pixels.
#[derive(Clone, Debug)]
pub(super) struct Video {
    pub stream: usize,
    pub codec: String,
    pub tag: String,
    pub profile: Option<String>,
    pub level: Option<i64>,
    pub width: u32,
    pub height: u32,
    pub frame_rate: Option<f64>,
    pub bitrate: Option<u64>,
    pub length: Option<Duration>,
    /// As ffmpeg calls it, for example `yuv420p`.
    pub pixel_format: String,
    pub is_interlaced: bool,
    pub has_square_pixels: bool,
    /// By how many quarters pictures are turned to be shown, counterclockwise, from 0 to 3.
    pub quarter_turns: u8,
    /// By how many quarters they are turned back, clockwise, because a preset wants them as they are stored.
    pub quarter_turns_back: u8,
}

/// An audio track.
#[derive(Clone, Debug)]
pub(super) struct Audio {
    pub stream: usize,
    pub codec: String,
    pub profile: Option<String>,
    pub channels: u32,
    pub sampling_rate: u32,
    pub bitrate: Option<u64>,
    pub language: Option<String>,
    pub length: Option<Duration>,
}

/// Options that come before every file ffmpeg reads: only this file, only as media.
pub(super) fn reading_options() -> [OsString; 4] {
    ["-protocol_whitelist", "file", "-format_whitelist", FORMATS].map(OsString::from)
}

/// The same for what may be a picture.
pub(super) fn reading_options_of_overlay() -> [OsString; 4] {
    let formats = format!("{FORMATS},{PICTURE_FORMATS}");
    ["-protocol_whitelist", "file", "-format_whitelist", &formats].map(OsString::from)
}

/// A path as ffmpeg takes it for a file, whatever is in its name.
pub(super) fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

/// Looks into a file.
pub(super) async fn probe(ffprobe: &Path, path: &Path, may_be_still: bool) -> Result<Probed, JobError> {
    let mut arguments = ["-v", "level+error", "-hide_banner"].map(OsString::from).to_vec();
    arguments.extend(if may_be_still { reading_options_of_overlay() } else { reading_options() });
    arguments.extend(["-show_entries", ENTRIES, "-of", "json", "-i"].map(OsString::from));
    arguments.push(file_url(path));
    let mut report = String::new();
    let keep = |line: &str| {
        if report.len() + line.len() < REPORT_BYTES_MAX {
            report.push_str(line);
        }
    };
    let ended = process::run(ffprobe, &arguments, PROBE_TIME_MAX, keep).await?;
    if ended.code != 0 {
        return Err(classify::failure(&ended, path.parent().unwrap_or(path)));
    }
    let report = serde_json::from_str::<Report>(&report);
    Ok(report.map_err(|_| service_error("The report about a file cannot be read."))?.tracks())
}
