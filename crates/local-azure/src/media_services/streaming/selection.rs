//! What filters leave of a presentation: which tracks, and which of their segments. Nothing is cut anew: a time range
//! begins and ends where segments do.

use super::error::StreamError;
use super::segments::{Segment, Track};
use super::server_manifest::TrackKind;
use crate::media_services::publication::{Condition, FilterProperties, Operation, TimeRange, TrackProperty};

/// Times that differ by less than this are the same: a filter's ticks and a segment's are rounded differently.
const SAME_SECONDS: f64 = 0.002;

/// What is shown.
pub(super) struct Selection<'a> {
    pub tracks: Vec<SelectedTrack<'a>>,
    /// Where it begins and ends on the presentation's time line, in seconds.
    pub start_s: f64,
    pub end_s: f64,
    /// The bitrate that players should begin with.
    pub first_bitrate: Option<u64>,
}

/// A track and what is shown of it.
pub(super) struct SelectedTrack<'a> {
    pub track: &'a Track,
    pub segments: &'a [Segment],
}

/// Applies all filters: what one of them leaves out is out.
pub(super) fn select<'a>(
    tracks: &'a [Track],
    filters: &[FilterProperties],
) -> Result<Selection<'a>, StreamError> {
    let nothing = || StreamError::not_found("The filters leave nothing of the asset.");
    let is_video = |track: &&Track| track.kind == TrackKind::Video;
    let reference = tracks.iter().find(is_video).or(tracks.first()).ok_or_else(nothing)?;
    let ranges = || filters.iter().filter_map(|filter| filter.presentation_time_range.as_ref());
    let start = ranges().filter_map(TimeRange::start_s).reduce(f64::max);
    let end = ranges().filter_map(TimeRange::end_s).reduce(f64::min);
    let (start_s, end_s) = rounded(reference, start, end).ok_or_else(nothing)?;
    let is_shown = |track: &&Track| filters.iter().all(|filter| is_left(track, filter));
    let shown = tracks.iter().filter(is_shown).map(|track| SelectedTrack {
        track,
        segments: within(track, start.map(|_| start_s), end.map(|_| end_s)),
    });
    let tracks = shown.filter(|track| !track.segments.is_empty()).collect::<Vec<_>>();
    if tracks.is_empty() {
        return Err(nothing());
    }
    let first_bitrate = filters.iter().rev().find_map(|filter| Some(filter.first_quality.as_ref()?.bitrate));
    Ok(Selection { tracks, start_s, end_s, first_bitrate })
}

/// Start and end, each moved to the next start of a group of pictures, as the dialect has it; at least one stays.
fn rounded(reference: &Track, start: Option<f64>, end: Option<f64>) -> Option<(f64, f64)> {
    let (first, last) = (reference.segments.first()?, reference.segments.last()?);
    let next = |time: f64| {
        reference.segments.iter().find(|segment| reference.start_s(segment) + SAME_SECONDS >= time)
    };
    let first = match start {
        None => first,
        Some(start) if start + SAME_SECONDS >= reference.end_s(last) => return None,
        Some(start) => next(start).unwrap_or(last),
    };
    let end_s =
        end.and_then(next).map_or_else(|| reference.end_s(last), |segment| reference.start_s(segment));
    Some((reference.start_s(first), end_s.max(reference.end_s(first))))
}

/// Tracks with sound are cut near, not at, the places where those with pictures are: a segment is in when its middle is.
fn within(track: &Track, start_s: Option<f64>, end_s: Option<f64>) -> &[Segment] {
    let middle = |segment: &Segment| f64::midpoint(track.start_s(segment), track.end_s(segment));
    let from = track.segments.partition_point(|segment| start_s.is_some_and(|start| middle(segment) < start));
    let to = track.segments.partition_point(|segment| end_s.is_none_or(|end| middle(segment) < end));
    track.segments.get(from..to).unwrap_or_default()
}

/// A track is left when the filter names no tracks, or one of its entries takes it.
fn is_left(track: &Track, filter: &FilterProperties) -> bool {
    let all_hold = |conditions: &[Condition]| conditions.iter().all(|condition| holds(track, condition));
    filter.tracks.is_empty() || filter.tracks.iter().any(|entry| all_hold(&entry.track_selections))
}

fn holds(track: &Track, condition: &Condition) -> bool {
    let is_value = |own: &str| own.eq_ignore_ascii_case(&condition.value);
    let is_equal = match condition.property {
        TrackProperty::Type => is_value(match track.kind {
            TrackKind::Video => "Video",
            TrackKind::Audio => "Audio",
        }),
        TrackProperty::Name => is_value(&track.name),
        TrackProperty::Language => is_value(track.language.as_deref().unwrap_or("und")),
        TrackProperty::FourCc => is_value(track.codecs.split('.').next().unwrap_or_default()),
        TrackProperty::Bitrate => {
            let bitrate = track.bitrate.unwrap_or(track.average_bitrate);
            let range = condition.bitrates().ok().flatten();
            range.is_some_and(|(from, to)| (from..=to).contains(&bitrate))
        }
        TrackProperty::Unknown => false,
    };
    is_equal == (condition.operation == Operation::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten segments of two seconds each.
    fn track(kind: TrackKind) -> Track {
        Track {
            number: 0,
            kind,
            name: "one".to_owned(),
            language: None,
            bitrate: None,
            codecs: "avc1.64001e".to_owned(),
            peak_bitrate: 0,
            average_bitrate: 500,
            width: None,
            height: None,
            frame_rate: None,
            sampling_rate: None,
            channels: None,
            timescale: 1_000,
            segments: (0..10)
                .map(|n| Segment { number: n + 1, start: n as u64 * 2_000, duration: 2_000 })
                .collect(),
        }
    }

    fn cut(start: Option<f64>, end: Option<f64>) -> Option<(f64, f64)> {
        rounded(&track(TrackKind::Video), start, end)
    }

    #[test]
    fn times_move_to_the_next_group_of_pictures() {
        assert_eq!(cut(None, None), Some((0.0, 20.0)));
        assert_eq!(cut(Some(4.0), Some(8.0)), Some((4.0, 8.0)));
        assert_eq!(cut(Some(3.1), Some(7.9)), Some((4.0, 8.0)));
        assert_eq!(cut(Some(4.000_01), Some(99.0)), Some((4.0, 20.0)));
        assert_eq!(cut(Some(5.0), Some(5.5)), Some((6.0, 8.0)), "at least one segment stays");
        assert_eq!(cut(Some(19.0), None), Some((18.0, 20.0)));
        assert_eq!(cut(Some(20.0), None), None);
    }

    #[test]
    fn conditions_of_an_entry_all_hold_and_entries_are_alternatives() {
        let filter = |text: &str| serde_json::from_str::<FilterProperties>(text).unwrap();
        let video = track(TrackKind::Video);
        let one = r#"{"property":"Type","value":"Video","operation":"Equal"}"#;
        let two = r#"{"property":"Bitrate","value":"0-400","operation":"Equal"}"#;
        let three = r#"{"property":"FourCC","value":"mp4a","operation":"NotEqual"}"#;
        let both = |a, b| filter(&format!(r#"{{"tracks":[{{"trackSelections":[{a},{b}]}}]}}"#));
        let either = |a, b| {
            filter(&format!(r#"{{"tracks":[{{"trackSelections":[{a}]}},{{"trackSelections":[{b}]}}]}}"#))
        };
        assert!(!is_left(&video, &both(one, two)) && is_left(&video, &either(one, two)));
        assert!(is_left(&video, &both(one, three)) && is_left(&video, &filter("{}")));
    }
}
