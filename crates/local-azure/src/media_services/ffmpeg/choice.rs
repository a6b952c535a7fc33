//! Which tracks of an input's files are used: those that its definitions name, or else the usual ones.
//!
//! The usual ones are the largest picture (the first of equal ones), with the sound of its own file if it has any, or
//! else of the first file that has. A definition's track identifier is the track's number in its file, from 0.

use super::media::{Examined, ExaminedClip, Track};
use super::probe::{Audio, Video};
use super::timeline::{Segment, Sound};
use crate::media_services::jobs::{
    AttributeFilter, ByAttribute, ChannelMapping, InputDefinition, JobError, TrackAttribute, TrackSelection,
};

/// Chooses from inputs that are side by side.
pub(super) fn choose(clips: &[&ExaminedClip]) -> Result<Segment, JobError> {
    let (mut videos, mut sounds) = (Vec::new(), Vec::new());
    for clip in clips {
        let (named_videos, named_audios) = named(clip)?;
        sounds.extend(grouped(named_audios));
        match named_videos {
            Some(named) => videos.extend(named),
            None => videos.extend(clip.files.iter().flat_map(Examined::videos)),
        }
    }
    let pixels = |track: &Track<Video>| u64::from(track.found.width) * u64::from(track.found.height);
    let larger = |a: Track<Video>, b: Track<Video>| if pixels(&b) > pixels(&a) { b } else { a };
    let video = videos.into_iter().filter(|track| !track.part.is_still).reduce(larger);
    if sounds.is_empty() {
        let files = clips.iter().flat_map(|clip| &clip.files);
        let beside = |file: &&Examined| video.as_ref().is_some_and(|video| video.part == file.part);
        let usual = files.clone().filter(beside).chain(files).flat_map(Examined::audios).next();
        sounds.extend(usual.map(Sound::One));
    }
    Ok(Segment { video, sounds })
}

/// A track that a definition names, and what it is to be in a track of several channels.
type NamedAudio = (Track<Audio>, Option<ChannelMapping>);

/// The pictures that definitions name, if they name any.
type NamedVideos = Option<Vec<Track<Video>>>;

/// The tracks that the definitions of an input name. No choice of pictures leaves all of them.
fn named(clip: &ExaminedClip) -> Result<(NamedVideos, Vec<NamedAudio>), JobError> {
    let (mut videos, mut audios) = (None::<Vec<_>>, Vec::new());
    for definition in &clip.definitions {
        for files in scopes(clip, definition)? {
            for selection in definition.included_tracks() {
                match selection {
                    TrackSelection::VideoById { .. } | TrackSelection::VideoByAttribute { .. } => {
                        videos.get_or_insert_default().extend(videos_of(&files, selection)?);
                    }
                    TrackSelection::AudioById { channel_mapping, .. }
                    | TrackSelection::AudioByAttribute { channel_mapping, .. } => {
                        let found = audios_of(&files, selection)?;
                        audios.extend(found.into_iter().map(|track| (track, *channel_mapping)));
                    }
                }
            }
        }
    }
    Ok((videos, audios))
}

/// The files that a definition looks at, together or one by one.
fn scopes<'a>(
    clip: &'a ExaminedClip,
    definition: &InputDefinition,
) -> Result<Vec<Vec<&'a Examined>>, JobError> {
    match definition {
        InputDefinition::All { .. } => Ok(vec![clip.files.iter().collect()]),
        InputDefinition::Each { .. } => Ok(clip.files.iter().map(|file| vec![file]).collect()),
        InputDefinition::File { filename, .. } => {
            let named = clip.files.iter().find(|file| file.name == *filename);
            let missing =
                || unfit(format!("inputDefinitions names the file '{filename}', which is no input."));
            Ok(vec![vec![named.ok_or_else(missing)?]])
        }
    }
}

fn videos_of(files: &[&Examined], selection: &TrackSelection) -> Result<Vec<Track<Video>>, JobError> {
    let tracks = files.iter().flat_map(|file| file.videos()).collect::<Vec<_>>();
    let selected = match selection {
        TrackSelection::VideoById { track_id } => by_id(tracks, *track_id, |video| video.stream),
        TrackSelection::VideoByAttribute { wanted } => by(tracks, wanted, |_| None, |video| video.bitrate),
        TrackSelection::AudioById { .. } | TrackSelection::AudioByAttribute { .. } => Vec::new(),
    };
    require_some(selected, selection)
}

fn audios_of(files: &[&Examined], selection: &TrackSelection) -> Result<Vec<Track<Audio>>, JobError> {
    let tracks = files.iter().flat_map(|file| file.audios()).collect::<Vec<_>>();
    let selected = match selection {
        TrackSelection::AudioById { track_id, .. } => by_id(tracks, *track_id, |audio| audio.stream),
        TrackSelection::AudioByAttribute { wanted, .. } => {
            by(tracks, wanted, |audio| audio.language.as_deref(), |audio| audio.bitrate)
        }
        TrackSelection::VideoById { .. } | TrackSelection::VideoByAttribute { .. } => Vec::new(),
    };
    require_some(selected, selection)
}

fn by_id<T>(mut tracks: Vec<Track<T>>, id: u32, stream: impl Fn(&T) -> usize) -> Vec<Track<T>> {
    tracks.retain(|track| u32::try_from(stream(&track.found)) == Ok(id));
    tracks
}

fn by<T>(
    mut tracks: Vec<Track<T>>,
    wanted: &ByAttribute,
    language: impl Fn(&T) -> Option<&str>,
    bitrate: impl Fn(&T) -> Option<u64>,
) -> Vec<Track<T>> {
    let value = wanted.filter_value.as_deref().unwrap_or_default();
    let equals = |found: &T| match wanted.attribute {
        TrackAttribute::Language => language(found).is_some_and(|own| is_language(own, value)),
        TrackAttribute::Bitrate => bitrate(found) == value.parse().ok(),
    };
    match wanted.filter {
        AttributeFilter::All => return tracks,
        AttributeFilter::ValueEquals => {
            tracks.retain(|track| equals(&track.found));
            return tracks;
        }
        AttributeFilter::Top | AttributeFilter::Bottom => {}
    }
    tracks.sort_by(|a, b| match wanted.attribute {
        TrackAttribute::Language => language(&a.found).cmp(&language(&b.found)),
        TrackAttribute::Bitrate => bitrate(&a.found).cmp(&bitrate(&b.found)),
    });
    if wanted.filter == AttributeFilter::Top {
        tracks.reverse();
    }
    tracks.truncate(1);
    tracks
}

/// Files carry three letters (ISO 639-2); callers also write two (ISO 639-1) or a tag such as `en-US`, whose first two
/// letters begin the three of most languages.
fn is_language(own: &str, wanted: &str) -> bool {
    let wanted = wanted.split('-').next().unwrap_or_default().to_ascii_lowercase();
    wanted.len() >= 2 && own.starts_with(&wanted)
}

fn require_some<T>(tracks: Vec<T>, selection: &TrackSelection) -> Result<Vec<T>, JobError> {
    if !tracks.is_empty() {
        return Ok(tracks);
    }
    let wanted = match selection {
        TrackSelection::AudioById { track_id, .. } => format!("the audio track {track_id}"),
        TrackSelection::VideoById { track_id } => format!("the video track {track_id}"),
        TrackSelection::AudioByAttribute { wanted, .. } => format!("audio by {:?}", wanted.attribute),
        TrackSelection::VideoByAttribute { wanted } => format!("video by {:?}", wanted.attribute),
    };
    Err(unfit(format!("inputDefinitions selects {wanted}, but no track of the input is that.")))
}

/// Tracks with a mapping become channels of one sound, until a channel comes twice; others stay alone.
fn grouped(named: Vec<NamedAudio>) -> Vec<Sound> {
    let mut sounds = Vec::<Sound>::new();
    for (track, mapping) in named {
        let Some(channel) = mapping else {
            sounds.push(Sound::One(track));
            continue;
        };
        let room = sounds.iter_mut().find_map(|sound| match sound {
            Sound::Channels(channels) if has_room(channels, channel) => Some(channels),
            Sound::Channels(_) | Sound::One(_) => None,
        });
        match room {
            Some(channels) => channels.push((track, channel)),
            None => sounds.push(Sound::Channels(vec![(track, channel)])),
        }
    }
    sounds
}

fn has_room(channels: &[(Track<Audio>, ChannelMapping)], channel: ChannelMapping) -> bool {
    let is_stereo = |c: ChannelMapping| matches!(c, ChannelMapping::StereoLeft | ChannelMapping::StereoRight);
    channels.iter().all(|(_, own)| *own != channel && is_stereo(*own) == is_stereo(channel))
}

fn unfit(message: String) -> JobError {
    JobError::unsupported_configuration(message)
}
