//! What lies beside encoded files and describes them: a server manifest (`.ism`) and a list of tracks
//! (`_manifest.json`). The files that streaming servers once made of these (`.ismc`, `.mpi`) are not written.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};

use super::filename::BASE_CHARS_MAX;
use super::plan::{Container, PlannedFile, PlannedVideo};
use super::probe::{Audio, Probed, Video};
use super::timeline::Timeline;
use crate::media_services::iso_duration;
use crate::media_services::jobs::{Content, OutputFile};

/// What languages are called when nobody knows them.
const UNKNOWN_LANGUAGE: &str = "und";

/// Both files for one output. Servers take only MP4, so transport streams alone have no server manifest.
pub(super) fn describe(media: &Timeline, files: &[(&PlannedFile, Probed)]) -> Vec<OutputFile> {
    let base = media.base.chars().take(BASE_CHARS_MAX).collect::<String>();
    let manifest = json!({"AssetFile": files.iter().map(|file| asset_file(media, file)).collect::<Vec<_>>()});
    let file = |name, content: String, content_type| {
        let content = Content::Bytes(Bytes::from(content));
        OutputFile { name, content, content_type }
    };
    let mut described = vec![file(format!("{base}_manifest.json"), manifest.to_string(), "application/json")];
    if files.iter().any(|(planned, _)| planned.container == Container::Mp4) {
        described.push(file(format!("{base}.ism"), server_manifest(files), "application/xml"));
    }
    described
}

fn server_manifest(files: &[(&PlannedFile, Probed)]) -> String {
    let mut entries = String::new();
    for (planned, probed) in files.iter().filter(|(planned, _)| planned.container == Container::Mp4) {
        for (number, video) in probed.videos.iter().enumerate() {
            let planned_bitrate = planned.videos.get(number).and_then(PlannedVideo::bitrate);
            let bitrate = video.bitrate.or(planned_bitrate);
            entry(&mut entries, "video", &planned.name, bitrate, video.stream, "video", None);
        }
        for audio in &probed.audios {
            let language = audio.language.as_deref().unwrap_or(UNKNOWN_LANGUAGE);
            let (bitrate, stream) = (audio.bitrate.unwrap_or_default(), audio.stream + 1);
            let name = format!("{}_{language}_{}_{bitrate}_{stream}", audio.codec, audio.channels);
            entry(&mut entries, "audio", &planned.name, audio.bitrate, audio.stream, &name, Some(language));
        }
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?>\n\
         <smil xmlns=\"http://www.w3.org/2001/SMIL20/Language\">\n  <head>\n    \
         <meta name=\"formats\" content=\"mp4\" />\n  </head>\n  <body>\n    <switch>\n{entries}    \
         </switch>\n  </body>\n</smil>\n"
    )
}

/// One track; MP4 counts its tracks from 1.
fn entry(
    to: &mut String,
    kind: &str,
    file: &str,
    bitrate: Option<u64>,
    stream: usize,
    track_name: &str,
    language: Option<&str>,
) {
    let language = language.map_or_else(String::new, |language| format!(" systemLanguage=\"{language}\""));
    let _ = write!(
        to,
        "      <{kind} src=\"{}\" systemBitrate=\"{}\"{language}>\n        \
         <param name=\"trackID\" value=\"{}\" valuetype=\"data\" />\n        \
         <param name=\"trackName\" value=\"{}\" valuetype=\"data\" />\n      </{kind}>\n",
        escaped(file),
        bitrate.unwrap_or_default(),
        stream + 1,
        escaped(track_name),
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn asset_file(media: &Timeline, (planned, probed): &(&PlannedFile, Probed)) -> Value {
    let wanted = |number: usize| planned.videos.get(number).and_then(PlannedVideo::bitrate);
    let videos = probed.videos.iter().enumerate().map(|(number, video)| video_track(video, wanted(number)));
    json!({
        "Sources": [media.source],
        "VideoTracks": videos.collect::<Vec<_>>(),
        "AudioTracks": probed.audios.iter().map(audio_track).collect::<Vec<_>>(),
        "Name": planned.name,
        "Size": probed.bytes,
        "Duration": iso_duration::written(probed.length.unwrap_or_default()),
    })
}

fn video_track(video: &Video, wanted_bitrate: Option<u64>) -> Value {
    let divisor = greatest_common_divisor(video.width, video.height).max(1);
    json!({
        "Id": video.stream + 1,
        "FourCC": video.tag,
        "Profile": video.profile,
        "Level": video.level.map(|level| format!("{}.{}", level / 10, level % 10)),
        "Width": video.width,
        "Height": video.height,
        "DisplayAspectRatioNumerator": video.width / divisor,
        "DisplayAspectRatioDenominator": video.height / divisor,
        "Framerate": video.frame_rate,
        "Bitrate": video.bitrate,
        "TargetBitrate": wanted_bitrate,
    })
}

fn audio_track(audio: &Audio) -> Value {
    json!({
        "Id": audio.stream + 1,
        "Codec": audio.codec,
        "Language": audio.language.as_deref().unwrap_or(UNKNOWN_LANGUAGE),
        "Channels": audio.channels,
        "SamplingRate": audio.sampling_rate,
        "Bitrate": audio.bitrate,
    })
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
