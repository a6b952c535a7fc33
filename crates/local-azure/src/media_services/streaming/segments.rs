//! Segments of a packaged presentation, and the list that is read from the packager's. Not which of them are shown.

use std::path::Path;

use roxmltree::{Document, Node};

use super::error::StreamError;
use super::request::Part;
use super::server_manifest::{ListedTrack, TrackKind};

/// 2 s segments of a day: a longer list is a mistake of somebody.
const SEGMENTS_MAX: usize = 50_000;
/// Bitrates of segments shorter than this say nothing: the last one may hold a single frame.
const MEASURED_SECONDS_MIN: f64 = 0.5;

/// A track as it was packaged.
#[derive(Clone, Debug)]
pub(super) struct Track {
    /// Its number in the package.
    pub number: usize,
    pub kind: TrackKind,
    pub name: String,
    pub language: Option<String>,
    /// As the server manifest says.
    pub bitrate: Option<u64>,
    /// As RFC 6381 has it, for example `avc1.64001e`.
    pub codecs: String,
    /// Bits per second of the busiest segment.
    pub peak_bitrate: u64,
    pub average_bitrate: u64,
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// As a quotient, for example `30000/1001`.
    pub frame_rate: Option<String>,
    pub sampling_rate: Option<u32>,
    pub channels: Option<u32>,
    /// Ticks per second.
    pub timescale: u64,
    pub segments: Vec<Segment>,
}

/// A segment; times in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Counted from 1.
    pub number: usize,
    pub start: u64,
    pub duration: u64,
}

/// Reads the list of all segments, which are in a folder.
pub(super) async fn read(
    folder: &Path,
    text: &str,
    listed: &[ListedTrack],
) -> Result<Vec<Track>, StreamError> {
    let mut tracks = parse(text, listed).ok_or_else(unreadable)?;
    for track in &mut tracks {
        measure(folder, track).await?;
    }
    Ok(tracks)
}

fn parse(text: &str, listed: &[ListedTrack]) -> Option<Vec<Track>> {
    let document = Document::parse(text).ok()?;
    let nodes = document.descendants().filter(|node| node.has_tag_name_of("Representation"));
    let mut tracks = nodes.map(|node| track(node, listed)).collect::<Option<Vec<_>>>()?;
    tracks.sort_by_key(|track| track.number);
    (tracks.len() == listed.len()).then_some(tracks)
}

fn track(node: Node<'_, '_>, listed: &[ListedTrack]) -> Option<Track> {
    let child = |name| node.descendants().find(|child| child.has_tag_name_of(name));
    // Packagers number representations in their own order; the names of files have ours.
    let init = child("SegmentTemplate")?.attribute("initialization")?;
    let init = init.replace("$RepresentationID$", node.attribute("id")?);
    let Ok(Part::Init(number)) = init.parse() else { return None };
    let listed = listed.get(number)?;
    let either = |name| node.attribute(name).or_else(|| node.parent()?.attribute(name));
    let size = |name| either(name).and_then(|text| text.parse().ok());
    Some(Track {
        number,
        kind: listed.kind,
        name: listed.name.clone(),
        language: listed.language.clone(),
        bitrate: listed.bitrate,
        codecs: node.attribute("codecs")?.to_owned(),
        peak_bitrate: 0,
        average_bitrate: 0,
        width: size("width"),
        height: size("height"),
        frame_rate: either("frameRate").map(str::to_owned),
        sampling_rate: size("audioSamplingRate"),
        channels: child("AudioChannelConfiguration").and_then(|node| node.attribute("value")?.parse().ok()),
        timescale: child("SegmentTemplate")?
            .attribute("timescale")?
            .parse()
            .ok()
            .filter(|&scale| scale > 0)?,
        segments: segments(child("SegmentTimeline")?)?,
    })
}

/// Expands a SegmentTimeline (ISO/IEC 23009-1, 5.3.9.6).
fn segments(timeline: Node<'_, '_>) -> Option<Vec<Segment>> {
    let (mut segments, mut next) = (Vec::new(), 0_u64);
    for entry in timeline.children().filter(|node| node.has_tag_name_of("S")) {
        let number = |name| entry.attribute(name).and_then(|text| text.parse::<u64>().ok());
        let duration = number("d")?;
        next = number("t").unwrap_or(next);
        for _ in 0..=number("r").unwrap_or(0) {
            if segments.len() == SEGMENTS_MAX {
                return None;
            }
            segments.push(Segment { number: segments.len() + 1, start: next, duration });
            next = next.checked_add(duration)?;
        }
    }
    (!segments.is_empty()).then_some(segments)
}

async fn measure(folder: &Path, track: &mut Track) -> Result<(), StreamError> {
    let (mut bytes, mut seconds, mut peak) = (0_u64, 0.0, 0.0_f64);
    for segment in &track.segments {
        let path = folder.join(Part::Segment(track.number, segment.number).to_string());
        let length = tokio::fs::metadata(path).await?.len();
        let duration = track.seconds(segment.duration);
        if duration >= MEASURED_SECONDS_MIN {
            peak = peak.max(bits(length) / duration);
        }
        bytes += length;
        seconds += duration;
    }
    let average = if seconds > 0.0 { bits(bytes) / seconds } else { 0.0 };
    track.average_bitrate = average.ceil() as u64;
    track.peak_bitrate = peak.max(average).ceil() as u64;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "2^53 bits are a petabyte")]
fn bits(bytes: u64) -> f64 {
    bytes as f64 * 8.0
}

fn unreadable() -> StreamError {
    StreamError::internal("The list of packaged segments cannot be read.")
}

impl Track {
    /// Ticks as seconds.
    #[expect(clippy::cast_precision_loss, reason = "2^53 ticks of a microsecond are 285 years")]
    pub fn seconds(&self, ticks: u64) -> f64 {
        ticks as f64 / self.timescale as f64
    }

    /// When a segment begins, in seconds.
    pub fn start_s(&self, segment: &Segment) -> f64 {
        self.seconds(segment.start)
    }

    /// When a segment ends, in seconds.
    pub fn end_s(&self, segment: &Segment) -> f64 {
        self.seconds(segment.start + segment.duration)
    }
}

/// Tag names without their namespace.
trait HasTagName {
    fn has_tag_name_of(&self, name: &str) -> bool;
}

impl HasTagName for Node<'_, '_> {
    fn has_tag_name_of(&self, name: &str) -> bool {
        self.tag_name().name() == name
    }
}
