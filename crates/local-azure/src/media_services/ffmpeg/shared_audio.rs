//! Sound that several files of a plan have in common is encoded once, before the pictures, and then copied into each.
//! Not which files have it in common: that is the plan's.

use std::path::PathBuf;

use super::command;
use super::media::{Part, Track};
use super::plan::{AudioCodec, AudioEncoding, Container, Copied, Plan, PlannedAudio, PlannedFile};
use super::probe::{self, Audio};
use super::timeline::Timeline;
use super::{ENCODE_TIME_MAX, Ffmpeg, JobError, Scratch, classify, process};

/// Encodes what two or more files would encode each for itself, and puts copies in their place. Where encoding is slowed
/// down on purpose, everything stays in one run, which is slow only once.
pub(super) async fn share(
    ffmpeg: &Ffmpeg,
    media: &Timeline,
    plan: &mut Plan,
    scratch: &Scratch<'_>,
) -> Result<(), JobError> {
    let shared = if ffmpeg.pace.is_none() { shared(plan) } else { Vec::new() };
    if shared.is_empty() {
        return Ok(());
    }
    let alone = |encoding: &AudioEncoding| PlannedFile {
        name: String::new(),
        container: Container::Mp4,
        videos: Vec::new(),
        audios: vec![PlannedAudio::Encode(*encoding)],
    };
    let sounds = Plan { files: shared.iter().map(alone).collect(), ..Plan::default() };
    // The treatment goes along, because overlays bring sound.
    let sounds = Plan { treatment: std::mem::take(&mut plan.treatment), ..sounds };
    let path = |number: usize| scratch.shared_audio(number);
    let arguments = command::arguments(media, &sounds, None, &path, scratch);
    plan.treatment = sounds.treatment;
    let ended = process::run(&ffmpeg.ffmpeg, &arguments, ENCODE_TIME_MAX, |_| ()).await?;
    if ended.code != 0 {
        return Err(classify::failure(&ended, scratch.folder));
    }
    let mut tracks = Vec::with_capacity(shared.len());
    for (number, encoding) in shared.iter().enumerate() {
        tracks.push(made(ffmpeg, media, encoding, path(number)).await?);
    }
    let files = plan.files.iter_mut();
    for audio in files.flat_map(|file| &mut file.audios) {
        let PlannedAudio::Encode(encoding) = audio else { continue };
        if let Some(number) = shared.iter().position(|own| own == encoding) {
            let track = tracks[number].clone();
            *audio = PlannedAudio::Copy(Copied { track, instead_of: Some(encoding.bitrate) });
        }
    }
    Ok(())
}

/// Encodings that more than one file asks for.
fn shared(plan: &Plan) -> Vec<AudioEncoding> {
    let (mut seen, mut shared) = (Vec::new(), Vec::new());
    for audio in plan.files.iter().flat_map(|file| &file.audios) {
        let PlannedAudio::Encode(encoding) = audio else { continue };
        if !seen.contains(encoding) {
            seen.push(*encoding);
        } else if !shared.contains(encoding) {
            shared.push(*encoding);
        }
    }
    shared
}

/// What was made, as a track to copy. It may begin after the pictures, which is seen only in the file.
async fn made(
    ffmpeg: &Ffmpeg,
    media: &Timeline,
    encoding: &AudioEncoding,
    path: PathBuf,
) -> Result<Track<Audio>, JobError> {
    let delay_s = probe::probe(&ffmpeg.ffprobe, &path, false).await?.start_s;
    let delay_ms = (delay_s * 1000.0).round() as i32;
    let codec = match encoding.codec {
        AudioCodec::Aac => "aac",
        AudioCodec::Ac3 => "ac3",
    };
    let measured = media.sound_measured(encoding.sound);
    let language = media.sound(encoding.sound).and_then(|sound| sound.first()?.found.language.clone());
    Ok(Track {
        part: Part { path, start: None, end: None, upright: true, is_still: false, delay_ms },
        found: Audio {
            stream: 0,
            codec: codec.to_owned(),
            profile: None,
            channels: encoding.channels,
            sampling_rate: encoding.sampling_rate,
            bitrate: Some(encoding.bitrate),
            language,
            length: measured,
        },
        length: media.length(),
        measured,
    })
}
