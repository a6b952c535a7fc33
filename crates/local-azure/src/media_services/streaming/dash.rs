//! The DASH manifest (ISO/IEC 23009-1) of what is shown. Media are where it says, and not made here.

use std::fmt::Write as _;

use super::selection::{SelectedTrack, Selection};
use super::server_manifest::TrackKind;
use super::signals::{DASH_NAMESPACES, Signals};
use super::xml::escaped;

/// The manifest; `stream` is where segments are, seen from it, and `signals` says how they are encrypted.
pub(super) fn manifest(selection: &Selection<'_>, stream: &str, signals: Option<&Signals<'_>>) -> String {
    let length = selection.end_s - selection.start_s;
    let namespaces = if signals.is_some() { DASH_NAMESPACES } else { "" };
    let protection = signals.map_or_else(String::new, Signals::dash);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"{namespaces} \
         profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" type=\"static\" \
         mediaPresentationDuration=\"PT{length:.3}S\" minBufferTime=\"PT4S\">\n  <Period id=\"0\" start=\"PT0S\">\n    \
         <BaseURL>{}/</BaseURL>\n",
        escaped(stream)
    );
    let of = |kind| selection.tracks.iter().filter(move |selected| selected.track.kind == kind);
    let videos = of(TrackKind::Video).collect::<Vec<_>>();
    let sets = (!videos.is_empty())
        .then_some(videos)
        .into_iter()
        .chain(of(TrackKind::Audio).map(|audio| vec![audio]));
    for (index, set) in sets.enumerate() {
        adaptation_set(&mut text, index, &set, selection.start_s, &protection);
    }
    text + "  </Period>\n</MPD>\n"
}

/// Tracks that a player chooses between by bitrate.
fn adaptation_set(
    text: &mut String,
    index: usize,
    set: &[&SelectedTrack<'_>],
    start_s: f64,
    protection: &str,
) {
    let Some(first) = set.first() else { return };
    let kind = match first.track.kind {
        TrackKind::Video => "video",
        TrackKind::Audio => "audio",
    };
    let language = first.track.language.as_deref().unwrap_or("und");
    let language = if kind == "audio" { format!(" lang=\"{}\"", escaped(language)) } else { String::new() };
    add(
        text,
        format_args!(
            "    <AdaptationSet id=\"{index}\" contentType=\"{kind}\" mimeType=\"{kind}/mp4\" \
             segmentAlignment=\"true\" startWithSAP=\"1\"{language}>\n"
        ),
    );
    text.push_str(protection);
    if kind == "audio" && !first.track.name.is_empty() {
        add(text, format_args!("      <Label>{}</Label>\n", escaped(&first.track.name)));
    }
    set.iter().for_each(|selected| representation(text, selected, start_s));
    text.push_str("    </AdaptationSet>\n");
}

fn representation(text: &mut String, selected: &SelectedTrack<'_>, start_s: f64) {
    let track = selected.track;
    add(
        text,
        format_args!(
            "      <Representation id=\"{}\" codecs=\"{}\" bandwidth=\"{}\"",
            track.number,
            escaped(&track.codecs),
            track.peak_bitrate
        ),
    );
    if let (Some(width), Some(height)) = (track.width, track.height) {
        add(text, format_args!(" width=\"{width}\" height=\"{height}\""));
    }
    if let Some(rate) = &track.frame_rate {
        add(text, format_args!(" frameRate=\"{}\"", escaped(rate)));
    }
    if let Some(rate) = track.sampling_rate {
        add(text, format_args!(" audioSamplingRate=\"{rate}\""));
    }
    text.push_str(">\n");
    if let Some(channels) = track.channels {
        add(
            text,
            format_args!(
                "        <AudioChannelConfiguration \
                 schemeIdUri=\"urn:mpeg:dash:23003:3:audio_channel_configuration:2011\" value=\"{channels}\"/>\n"
            ),
        );
    }
    template(text, selected, start_s);
    text.push_str("      </Representation>\n");
}

/// Segments keep their numbers and times; the offset says which time is the beginning.
fn template(text: &mut String, selected: &SelectedTrack<'_>, start_s: f64) {
    let track = selected.track;
    let offset = (start_s * track.seconds(1).recip()).round();
    let first = selected.segments.first().map_or(1, |segment| segment.number);
    add(
        text,
        format_args!(
            "        <SegmentTemplate timescale=\"{}\" presentationTimeOffset=\"{offset}\" startNumber=\"{first}\" \
             initialization=\"init-$RepresentationID$.mp4\" media=\"segment-$RepresentationID$-$Number$.m4s\">\n          \
             <SegmentTimeline>\n",
            track.timescale
        ),
    );
    let mut segments = selected.segments.iter().peekable();
    while let Some(segment) = segments.next() {
        let (mut end, mut repeated) = (segment.start + segment.duration, 0);
        while let Some(next) = segments.next_if(|next| next.start == end && next.duration == segment.duration)
        {
            end = next.start + next.duration;
            repeated += 1;
        }
        let (start, duration) = (segment.start, segment.duration);
        add(text, format_args!("            <S t=\"{start}\" d=\"{duration}\" r=\"{repeated}\"/>\n"));
    }
    text.push_str("          </SegmentTimeline>\n        </SegmentTemplate>\n");
}

fn add(text: &mut String, piece: std::fmt::Arguments<'_>) {
    text.write_fmt(piece).expect("a String takes all that is written to it");
}
