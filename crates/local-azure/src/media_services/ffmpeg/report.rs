//! ffprobe's report about a file, in its own words, and what they mean. Not how it is asked for.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::probe::{Audio, PICTURE_FORMATS, Probed, Video};

#[derive(Deserialize)]
pub(super) struct Report {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Default, Deserialize)]
struct Format {
    format_name: Option<String>,
    start_time: Option<String>,
    duration: Option<String>,
    bit_rate: Option<String>,
    size: Option<String>,
}

#[derive(Deserialize)]
struct Stream {
    index: usize,
    codec_type: Option<String>,
    codec_name: Option<String>,
    codec_tag_string: Option<String>,
    profile: Option<String>,
    level: Option<i64>,
    width: Option<u32>,
    height: Option<u32>,
    pix_fmt: Option<String>,
    field_order: Option<String>,
    sample_aspect_ratio: Option<String>,
    avg_frame_rate: Option<String>,
    r_frame_rate: Option<String>,
    channels: Option<u32>,
    sample_rate: Option<String>,
    bit_rate: Option<String>,
    duration: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    side_data_list: Vec<Value>,
}

#[derive(Default, Deserialize)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
}

#[derive(Default, Deserialize)]
struct Tags {
    language: Option<String>,
    /// Matroska's way to say how long a track is.
    #[serde(rename = "DURATION")]
    duration: Option<String>,
}

impl Report {
    /// Tracks whose codec is unknown (an encrypted one has none) are left out: nothing can be done with them.
    pub fn tracks(&self) -> Probed {
        let known = |stream: &&Stream| stream.codec_name.as_deref().is_some_and(|name| name != "unknown");
        let of = |kind: &'static str| {
            let streams = self.streams.iter().filter(known);
            streams.filter(move |stream| stream.codec_type.as_deref() == Some(kind))
        };
        Probed {
            videos: of("video")
                .filter(|s| s.disposition.attached_pic == 0)
                .filter_map(Stream::video)
                .collect(),
            audios: of("audio").filter_map(Stream::audio).collect(),
            start_s: self.format.start_time.as_deref().and_then(|time| time.parse().ok()).unwrap_or_default(),
            length: self.format.duration.as_deref().and_then(seconds),
            bitrate: self.format.bit_rate.as_deref().and_then(|rate| rate.parse().ok()),
            bytes: self.format.size.as_deref().and_then(|size| size.parse().ok()),
            is_still: self.format.format_name.as_deref().is_some_and(is_picture),
        }
    }
}

impl Stream {
    fn video(&self) -> Option<Video> {
        let (width, height) = self.shown_size()?;
        let rates = [&self.avg_frame_rate, &self.r_frame_rate];
        Some(Video {
            stream: self.index,
            codec: self.codec_name.clone()?,
            tag: self.codec_tag_string.clone().unwrap_or_default(),
            profile: self.profile.clone(),
            level: self.level,
            width,
            height,
            frame_rate: rates.into_iter().flatten().find_map(|rate| quotient(rate, '/')),
            bitrate: self.bitrate(),
            length: self.length(),
            pixel_format: self.pix_fmt.clone().unwrap_or_default(),
            is_interlaced: matches!(self.field_order.as_deref(), Some("tt" | "bb" | "tb" | "bt")),
            has_square_pixels: (self.pixel() - 1.0).abs() < f64::EPSILON,
            quarter_turns: self.quarter_turns(),
            quarter_turns_back: 0,
        })
    }

    fn audio(&self) -> Option<Audio> {
        Some(Audio {
            stream: self.index,
            codec: self.codec_name.clone()?,
            profile: self.profile.clone(),
            channels: self.channels.filter(|&channels| channels > 0)?,
            sampling_rate: self.sample_rate.as_deref().and_then(|rate| rate.parse().ok()).unwrap_or(0),
            bitrate: self.bitrate(),
            language: self.tags.language.clone().filter(|language| is_language(language)),
            length: self.length(),
        })
    }

    fn shown_size(&self) -> Option<(u32, u32)> {
        let (width, height) = (self.width.filter(|&w| w > 0)?, self.height.filter(|&h| h > 0)?);
        let width = (f64::from(width) * self.pixel()).round() as u32;
        Some(if self.quarter_turns() % 2 == 1 { (height, width) } else { (width, height) })
    }

    /// The width of a pixel in heights of a pixel.
    fn pixel(&self) -> f64 {
        self.sample_aspect_ratio.as_deref().and_then(|ratio| quotient(ratio, ':')).unwrap_or(1.0)
    }

    fn quarter_turns(&self) -> u8 {
        let degrees = self.side_data_list.iter().find_map(|data| data.get("rotation")?.as_f64());
        (degrees.unwrap_or(0.0) / 90.0).round().rem_euclid(4.0) as u8
    }

    fn bitrate(&self) -> Option<u64> {
        self.bit_rate.as_deref()?.parse().ok()
    }

    fn length(&self) -> Option<Duration> {
        self.duration.as_deref().and_then(seconds).or_else(|| clock_time(self.tags.duration.as_deref()?))
    }
}

/// Languages become metadata of outputs: three letters, as ISO 639-2 has them.
fn is_language(text: &str) -> bool {
    text.len() == 3 && text.chars().all(|c| c.is_ascii_lowercase())
}

fn is_picture(format: &str) -> bool {
    PICTURE_FORMATS.split(',').any(|own| own == format)
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok().filter(|length| !length.is_zero())
}

/// `00:01:02.500000000`
fn clock_time(text: &str) -> Option<Duration> {
    let mut parts = text.splitn(3, ':').map(|part| part.parse::<f64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    Duration::try_from_secs_f64(hours * 3_600.0 + minutes * 60.0 + seconds).ok()
}

/// A quotient of two positive numbers, such as `30000/1001`.
fn quotient(text: &str, sign: char) -> Option<f64> {
    let (above, below) = text.split_once(sign)?;
    let (above, below) = (above.parse::<f64>().ok()?, below.parse::<f64>().ok()?);
    (above > 0.0 && below > 0.0).then(|| above / below)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(members: &str) -> Option<Video> {
        let report = format!(
            r#"{{"streams":[{{"index":0,"codec_type":"video","codec_name":"h264","width":720,"height":576,{members}}}],
            "format":{{}}}}"#
        );
        serde_json::from_str::<Report>(&report).unwrap().tracks().videos.pop()
    }

    #[test]
    fn sizes_are_as_shown_upright_and_with_square_pixels() {
        let size = |members| video(members).map(|video| (video.width, video.height));
        assert_eq!(size(r#""level":31"#), Some((720, 576)));
        assert_eq!(size(r#""sample_aspect_ratio":"64:45""#), Some((1024, 576)));
        assert_eq!(size(r#""sample_aspect_ratio":"0:1""#), Some((720, 576)));
        assert_eq!(size(r#""side_data_list":[{"rotation":-90}]"#), Some((576, 720)));
        assert_eq!(size(r#""side_data_list":[{"rotation":180}]"#), Some((720, 576)));
    }

    #[test]
    fn cover_pictures_are_no_video() {
        assert!(video(r#""disposition":{"attached_pic":1}"#).is_none());
    }

    #[test]
    fn lengths_come_from_the_track_or_from_matroskas_tag() {
        let length = |members| video(members).and_then(|video| video.length);
        assert_eq!(length(r#""duration":"2.500000""#), Some(Duration::from_millis(2500)));
        assert_eq!(
            length(r#""tags":{"DURATION":"00:01:02.500000000"}"#),
            Some(Duration::from_millis(62_500))
        );
        assert_eq!(length(r#""duration":"N/A""#), None);
    }
}
