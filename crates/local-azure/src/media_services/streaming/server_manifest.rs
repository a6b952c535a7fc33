//! The server manifest (`.ism`): which tracks of which files an asset consists of. Only reads it.

use super::error::StreamError;

/// Files times tracks of any ladder are far fewer.
const TRACKS_MAX: usize = 100;

/// A track, as the manifest has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedTrack {
    pub file: String,
    /// Counted from 0, where the manifest counts from 1.
    pub stream: usize,
    pub kind: TrackKind,
    pub name: String,
    pub language: Option<String>,
    /// Bits per second, as the manifest says.
    pub bitrate: Option<u64>,
}

/// Pictures or sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrackKind {
    Video,
    Audio,
}

/// All tracks with pictures or sound. Sound that lies in several files beside pictures is the same sound: it is taken from
/// the first of them.
pub(super) fn tracks(text: &str) -> Result<Vec<ListedTrack>, StreamError> {
    let invalid = || StreamError::unprocessable("The server manifest (.ism) of the asset cannot be read.");
    let document = roxmltree::Document::parse(text).map_err(|_| invalid())?;
    let tracks = document.descendants().filter_map(|node| {
        let kind = match node.tag_name().name() {
            "video" => TrackKind::Video,
            "audio" => TrackKind::Audio,
            _ => return None,
        };
        let parameter = |name: &str| {
            let own = node.children().find(|child| child.attribute("name") == Some(name))?;
            own.attribute("value")
        };
        let number = parameter("trackID").and_then(|id| id.parse::<usize>().ok()).unwrap_or(1);
        Some(ListedTrack {
            file: node.attribute("src")?.to_owned(),
            stream: number.saturating_sub(1),
            kind,
            name: parameter("trackName").unwrap_or_default().to_owned(),
            language: node.attribute("systemLanguage").map(str::to_owned),
            bitrate: node
                .attribute("systemBitrate")
                .and_then(|text| text.parse().ok())
                .filter(|&rate| rate > 0),
        })
    });
    let tracks = tracks.take(TRACKS_MAX + 1).collect::<Vec<_>>();
    match tracks.len() {
        0 => Err(StreamError::unprocessable("The server manifest (.ism) of the asset names no tracks.")),
        1..=TRACKS_MAX => Ok(without_repeated_sound(&tracks)),
        _ => Err(invalid()),
    }
}

fn without_repeated_sound(tracks: &[ListedTrack]) -> Vec<ListedTrack> {
    let has_pictures =
        |file: &str| tracks.iter().any(|track| track.kind == TrackKind::Video && track.file == file);
    let is_beside = |track: &ListedTrack| track.kind == TrackKind::Audio && has_pictures(&track.file);
    let first = tracks.iter().find(|track| is_beside(track)).map(|track| track.file.clone());
    let kept = tracks.iter().filter(|track| !is_beside(track) || Some(&track.file) == first.as_ref());
    kept.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: &str, file: &str, number: usize) -> String {
        format!(
            r#"<{kind} src="{file}"><param name="trackID" value="{number}"/><param name="trackName" value="{kind}{number}"/></{kind}>"#
        )
    }

    #[test]
    fn sound_beside_pictures_is_taken_once() {
        let entries = [
            entry("video", "a.mp4", 1),
            entry("audio", "a.mp4", 2),
            entry("audio", "a.mp4", 3),
            entry("video", "b.mp4", 1),
            entry("audio", "b.mp4", 2),
            entry("audio", "c.mp4", 1),
        ];
        let text = format!("<smil><body><switch>{}</switch></body></smil>", entries.concat());
        let tracks = tracks(&text).unwrap();
        let tracks = tracks.iter().map(|track| (track.file.as_str(), track.stream)).collect::<Vec<_>>();
        assert_eq!(tracks, [("a.mp4", 0), ("a.mp4", 1), ("a.mp4", 2), ("b.mp4", 0), ("c.mp4", 0)]);
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        for text in ["", "<smil/>", "<smil><video/></smil>", "{}"] {
            assert!(tracks(text).is_err(), "{text}");
        }
    }
}
