//! The sounds that a `StandardEncoderPreset`'s codecs make. Which files they go to is `standard`'s.

use super::{
    AudioCodec, AudioEncoding, Copied, PlannedAudio, Treatment, check_can_copy, not_filtered, not_offered,
};
use crate::media_services::ffmpeg::timeline::{Sound, Timeline};
use crate::media_services::jobs::JobError;
use crate::media_services::presets::{AacAudio, AacProfile, Codec, DdAudio};

/// An audio track with the label of its codec.
pub(super) struct LabelledAudio {
    pub label: String,
    pub audio: PlannedAudio,
}

/// The audio tracks, or none if the input has no sound: beside pictures that is no error.
pub(super) fn audios(
    codecs: &[Codec],
    media: &Timeline,
    treatment: &Treatment,
) -> Result<Vec<LabelledAudio>, JobError> {
    let mut audios = Vec::new();
    for codec in codecs {
        let (label, made) = match codec {
            Codec::AacAudio(audio) => (&audio.label, encoded(&aac(audio)?, media)),
            Codec::DdAudio(audio) => (&audio.label, encoded(&dolby_digital(audio), media)),
            Codec::CopyAudio(copy) => (&copy.label, copied(media, treatment)?),
            _ => continue,
        };
        let label = label.clone().unwrap_or_default();
        audios.extend(made.into_iter().map(|audio| LabelledAudio { label: label.clone(), audio }));
    }
    Ok(audios)
}

/// Every sound, encoded; but where sounds were joined from channels, only those that have as many as are wanted.
fn encoded(encoding: &AudioEncoding, media: &Timeline) -> Vec<PlannedAudio> {
    let is_meant = |index: usize| match media.sound(index) {
        Some(sound @ Sound::Channels(_)) => sound.channels() == encoding.channels,
        _ => false,
    };
    let all = 0..media.sound_count();
    let is_told_apart = all.clone().any(is_meant);
    let sounds = all.filter(|&index| !is_told_apart || is_meant(index));
    sounds.map(|sound| PlannedAudio::Encode(AudioEncoding { sound, ..*encoding })).collect()
}

fn copied(media: &Timeline, treatment: &Treatment) -> Result<Vec<PlannedAudio>, JobError> {
    let mut audios = Vec::new();
    for sound in (0..media.sound_count()).filter_map(|index| media.sound(index)) {
        check_can_copy(media)?;
        if treatment.overlays.iter().any(|overlay| overlay.sound.is_some()) {
            return Err(not_filtered("sound that is copied by CopyAudio cannot be mixed with an overlay's"));
        }
        let Sound::One(track) = sound else {
            return Err(JobError::unsupported_configuration(
                "Tracks that a channelMapping joins are encoded: they cannot be copied by CopyAudio.",
            ));
        };
        audios.push(PlannedAudio::Copy(Copied { track: track.clone(), instead_of: None }));
    }
    Ok(audios)
}

fn aac(audio: &AacAudio) -> Result<AudioEncoding, JobError> {
    if let Some(profile @ (AacProfile::HeAacV1 | AacProfile::HeAacV2)) = audio.profile {
        return Err(not_offered(&format!("The AAC profile {profile:?}")));
    }
    Ok(AudioEncoding {
        sound: 0,
        codec: AudioCodec::Aac,
        channels: audio.channels.unwrap_or(2),
        sampling_rate: audio.sampling_rate.unwrap_or(48_000),
        bitrate: audio.bitrate.unwrap_or(128_000),
    })
}

fn dolby_digital(audio: &DdAudio) -> AudioEncoding {
    AudioEncoding {
        sound: 0,
        codec: AudioCodec::Ac3,
        channels: audio.channels.unwrap_or(2),
        sampling_rate: audio.sampling_rate.unwrap_or(48_000),
        bitrate: audio.bitrate.unwrap_or(192_000),
    }
}
