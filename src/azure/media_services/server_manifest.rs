//! The audio tracks that an encoder's server manifest (`.ism`, SMIL) names. Nothing else of it.

use roxmltree::{Document, Node};

/// More tracks than any film has languages.
const TRACKS_MAX: usize = 100;

/// Names of the audio tracks, in the order of their ids, and else of the manifest.
///
/// # Errors
/// In words, when it is no such manifest.
pub(super) fn audio_tracks(manifest: &[u8]) -> Result<Vec<String>, String> {
    let is_none = |reason: &str| format!("the server manifest cannot be read: {reason}");
    let text = std::str::from_utf8(manifest).map_err(|_| is_none("expected UTF-8"))?;
    let document =
        Document::parse(text.trim_start_matches('\u{feff}')).map_err(|_| is_none("expected XML"))?;
    let audios = document.descendants().filter(|node| node.tag_name().name() == "audio");
    let mut tracks = Vec::new();
    for audio in audios {
        let id = parameter(audio, "trackID").and_then(|id| id.parse::<u32>().ok());
        let name = parameter(audio, "trackName");
        let (Some(id), Some(name)) = (id, name) else {
            return Err(is_none("expected trackID and trackName of each audio track"));
        };
        tracks.push((id, name.to_owned()));
    }
    if tracks.len() > TRACKS_MAX {
        return Err(is_none("it has too many audio tracks"));
    }
    // Files of their own have the same ids; those stay in the order of the manifest.
    tracks.sort_by_key(|(id, _)| *id);
    Ok(tracks.into_iter().map(|(_, name)| name).collect())
}

fn parameter<'a>(track: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let own = |node: &Node<'_, '_>| node.tag_name().name() == "param" && node.attribute("name") == Some(name);
    track.children().find(own)?.attribute("value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_tracks_are_named_in_the_order_of_their_ids() {
        let manifest = r#"<?xml version="1.0"?><smil xmlns="http://www.w3.org/2001/SMIL20/Language"><body><switch>
            <video src="a.mp4"><param name="trackID" value="1"/><param name="trackName" value="video"/></video>
            <audio src="a.mp4"><param name="trackID" value="3"/><param name="trackName" value="deu"/></audio>
            <audio src="a.mp4"><param name="trackID" value="2"/><param name="trackName" value="eng"/></audio>
            <audio src="b.mp4"><param name="trackID" value="2"/><param name="trackName" value="ces"/></audio>
            </switch></body></smil>"#;
        assert_eq!(audio_tracks(manifest.as_bytes()).unwrap(), ["eng", "ces", "deu"]);
        assert_eq!(audio_tracks(b"<smil/>").unwrap(), Vec::<String>::new());
        for broken in ["", "<smil", "<smil><audio/></smil>", "\u{1}"] {
            assert!(audio_tracks(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
