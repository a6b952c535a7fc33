//! HLS playlists (RFC 8216) of what is shown. Media are where the playlists say, and not made here.

use std::fmt::Write as _;

use super::request::Part;
use super::selection::{SelectedTrack, Selection};
use super::server_manifest::TrackKind;

/// fMP4 segments need 6, `INDEPENDENT-SEGMENTS` with them 7.
const VERSION: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n";
/// The only group of tracks with sound.
const AUDIO_GROUP: &str = "audio";

/// The multivariant playlist; `stream` is where the playlists of tracks are, seen from it.
pub(super) fn multivariant(selection: &Selection<'_>, stream: &str) -> String {
    let of = |kind| selection.tracks.iter().filter(move |selected| selected.track.kind == kind);
    let (mut videos, audios) =
        (of(TrackKind::Video).collect::<Vec<_>>(), of(TrackKind::Audio).collect::<Vec<_>>());
    if let Some(first) = selection.first_bitrate {
        // Players begin with the first; the others keep their order.
        let nearest = videos.iter().map(|video| video.track.peak_bitrate.abs_diff(first)).enumerate();
        if let Some((index, _)) = nearest.min_by_key(|(_, difference)| *difference) {
            videos[..=index].rotate_right(1);
        }
    }
    let mut text = VERSION.to_owned();
    if videos.is_empty() {
        audios.iter().for_each(|audio| variant(&mut text, audio, None, stream));
        return text;
    }
    for (index, audio) in audios.iter().enumerate() {
        rendition(&mut text, audio, index, stream);
    }
    let loudest = audios.iter().max_by_key(|audio| audio.track.peak_bitrate);
    videos.iter().for_each(|video| variant(&mut text, video, loudest.copied(), stream));
    text
}

/// How the segments of a playlist are encrypted: whole, with the key at a URL.
pub(super) fn envelope_key(url: &str) -> String {
    format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{url}\"\n")
}

/// The playlist of one track, whose segments lie beside it; `keys` are the lines that say how they are encrypted.
pub(super) fn media(selected: &SelectedTrack<'_>, keys: &str) -> String {
    let track = selected.track;
    let durations = selected.segments.iter().map(|segment| track.seconds(segment.duration));
    let target = durations.fold(1.0, f64::max).round();
    let first = selected.segments.first().map_or(1, |segment| segment.number);
    let mut text = format!(
        "{VERSION}#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:{first}\n#EXT-X-PLAYLIST-TYPE:VOD\n"
    );
    // The initialization is clear: it stands before the key, which holds for what follows it.
    add(&mut text, format_args!("#EXT-X-MAP:URI=\"{}\"\n", Part::Init(track.number)));
    text.push_str(keys);
    for segment in selected.segments {
        let duration = track.seconds(segment.duration);
        let part = Part::Segment(track.number, segment.number);
        add(&mut text, format_args!("#EXTINF:{duration:.6},\n{part}\n"));
    }
    text + "#EXT-X-ENDLIST\n"
}

fn variant(text: &mut String, shown: &SelectedTrack<'_>, audio: Option<&SelectedTrack<'_>>, stream: &str) {
    let (track, sound) = (shown.track, audio.map(|audio| audio.track));
    let peak = track.peak_bitrate + sound.map_or(0, |track| track.peak_bitrate);
    let average = track.average_bitrate + sound.map_or(0, |track| track.average_bitrate);
    let sound_codecs = sound.map_or_else(String::new, |track| format!(",{}", track.codecs));
    add(
        text,
        format_args!(
            "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{}{sound_codecs}\"",
            track.codecs
        ),
    );
    if let (Some(width), Some(height)) = (track.width, track.height) {
        add(text, format_args!(",RESOLUTION={width}x{height}"));
    }
    if let Some(rate) = track.frame_rate.as_deref().and_then(frames_per_second) {
        add(text, format_args!(",FRAME-RATE={rate:.3}"));
    }
    if sound.is_some() {
        add(text, format_args!(",AUDIO=\"{AUDIO_GROUP}\""));
    }
    add(text, format_args!("\n{stream}/{}\n", Part::Playlist(track.number)));
}

fn rendition(text: &mut String, audio: &SelectedTrack<'_>, index: usize, stream: &str) {
    let track = audio.track;
    let language = track.language.as_deref().filter(|language| language.bytes().all(is_language));
    let language = language.map_or_else(String::new, |language| format!(",LANGUAGE=\"{language}\""));
    let channels = track.channels.map_or_else(String::new, |channels| format!(",CHANNELS=\"{channels}\""));
    let default = if index == 0 { "YES" } else { "NO" };
    // Names tell renditions apart, so that each has its number.
    let name = track.name.chars().filter(|c| !c.is_control() && *c != '"').take(100).collect::<String>();
    add(
        text,
        format_args!(
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{AUDIO_GROUP}\",NAME=\"{} {name}\"{language},DEFAULT={default},\
             AUTOSELECT=YES{channels},URI=\"{stream}/{}\"\n",
            index + 1,
            Part::Playlist(track.number)
        ),
    );
}

fn is_language(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

fn frames_per_second(quotient: &str) -> Option<f64> {
    let (above, below) = quotient.split_once('/').unwrap_or((quotient, "1"));
    let rate = above.parse::<f64>().ok()? / below.parse::<f64>().ok()?;
    rate.is_finite().then_some(rate)
}

fn add(text: &mut String, piece: std::fmt::Arguments<'_>) {
    text.write_fmt(piece).expect("a String takes all that is written to it");
}
