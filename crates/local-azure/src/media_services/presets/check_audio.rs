//! Refuses sound that no encoder makes, whatever the input.

use std::fmt::Display;

use super::check::{Checked, require, within};
use super::{AacAudio, DdAudio};

/// "Audio sampling frequency rates at: 32K/44.1K/48K Hz".
const DOLBY_SAMPLING_RATES_HZ: [u32; 3] = [32_000, 44_100, 48_000];
/// "Audio bitrate values as AC3 specification supports", in kb/s.
const DOLBY_BITRATES_KBPS: [u64; 19] =
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
/// What AAC-LC has indexes for.
const AAC_SAMPLING_RATES_HZ: [u32; 12] =
    [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000];

pub(super) fn aac(audio: &AacAudio) -> Checked {
    check_channels(audio.channels)?;
    one_of("samplingRate", audio.sampling_rate, &AAC_SAMPLING_RATES_HZ)?;
    audio.bitrate.map_or(Ok(()), |bitrate| within("bitrate", bitrate, &(6_000..=1_000_000)))
}

pub(super) fn dolby_digital(audio: &DdAudio) -> Checked {
    check_channels(audio.channels)?;
    one_of("samplingRate", audio.sampling_rate, &DOLBY_SAMPLING_RATES_HZ)?;
    one_of("bitrate", audio.bitrate, &DOLBY_BITRATES_KBPS.map(|kbps| kbps * 1000))
}

fn check_channels(channels: Option<u32>) -> Checked {
    require(channels.is_none_or(|count| matches!(count, 1 | 2 | 6)), "channels is 1, 2 or 6")
}

fn one_of<N: Copy + PartialEq + Display>(member: &str, value: Option<N>, values: &[N]) -> Checked {
    let Some(value) = value.filter(|value| !values.contains(value)) else { return Ok(()) };
    let values = values.iter().map(N::to_string).collect::<Vec<_>>().join(", ");
    Err(format!("{member} is {value}, but has to be one of {values}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dolby_digital_has_a_few_bitrates() {
        let audio = |bitrate| DdAudio { label: None, channels: Some(6), sampling_rate: None, bitrate };
        assert_eq!(dolby_digital(&audio(Some(384_000))), Ok(()));
        assert_eq!(dolby_digital(&audio(None)), Ok(()));
        assert!(dolby_digital(&audio(Some(100_000))).is_err_and(|problem| problem.contains("bitrate")));
    }
}
