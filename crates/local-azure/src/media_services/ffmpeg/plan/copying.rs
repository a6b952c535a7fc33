//! When a track of the input already is what a rung of a named ladder would be made into: then it is copied.

use std::time::Duration;

use super::{AudioCodec, AudioEncoding, VideoCodec, VideoEncoding};
use crate::media_services::ffmpeg::findings::Findings;
use crate::media_services::ffmpeg::media::Track;
use crate::media_services::ffmpeg::probe::{Audio, Video};
use crate::media_services::ffmpeg::timeline::{Sound, Timeline};

/// Times are read in microseconds.
const ROUNDING_S: f64 = 0.000_01;

/// The input's pictures, if they are H.264 that any player takes, whole and as they are shown. Whether they fit a rung
/// depends on the rung.
pub(in crate::media_services::ffmpeg) fn candidate(media: &Timeline) -> Option<&Track<Video>> {
    let [segment] = media.segments.as_slice() else { return None };
    let track = segment.video.as_ref()?;
    let found = &track.found;
    let plain = found.codec == "h264" && found.pixel_format == "yuv420p" && !found.is_interlaced;
    let upright = found.has_square_pixels && found.quarter_turns == 0;
    (plain && upright && track.part.is_whole()).then_some(track)
}

/// The input's pictures, if they fit a rung: its size, at most its bits, and key frames where it would have them.
pub(super) fn video(media: &Timeline, findings: &Findings, rung: &VideoEncoding) -> Option<Track<Video>> {
    let track = candidate(media).filter(|_| rung.codec == VideoCodec::H264)?;
    let found = &track.found;
    let fits = (found.width, found.height) == rung.size && found.bitrate? <= rung.rate.target();
    let key_frames = findings.key_frames.as_deref()?;
    let aligned = are_aligned(key_frames, rung.key_frame_interval, found.frame_rate?, track.measured?);
    (fits && aligned).then(|| track.clone())
}

/// The input's sound, if it is what would be encoded, in at most as many bits.
pub(super) fn audio(media: &Timeline, wanted: &AudioEncoding) -> Option<Track<Audio>> {
    let [segment] = media.segments.as_slice() else { return None };
    let Sound::One(track) = segment.sounds.get(wanted.sound)? else { return None };
    let found = &track.found;
    let same = wanted.codec == AudioCodec::Aac
        && found.codec == "aac"
        && found.profile.as_deref() == Some("LC")
        && (found.channels, found.sampling_rate) == (wanted.channels, wanted.sampling_rate);
    (same && found.bitrate? <= wanted.bitrate && track.part.is_whole()).then(|| track.clone())
}

/// Whether the first frame at or after each multiple of the interval is a key frame, as encoders have it, and no other.
fn are_aligned(key_frames: &[f64], interval: Duration, frame_rate: f64, length: Duration) -> bool {
    let (interval, frame) = (interval.as_secs_f64(), 1.0 / frame_rate);
    let is_at_multiple = |(n, time): (usize, &f64)| {
        let late = time - n as f64 * interval;
        late > -ROUNDING_S && late < frame - ROUNDING_S
    };
    // The next multiple would be after the last frame.
    let is_last = key_frames.len() as f64 * interval + frame > length.as_secs_f64() + ROUNDING_S;
    key_frames.iter().enumerate().all(is_at_multiple) && is_last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_are_aligned_at_every_multiple_and_nowhere_else() {
        let aligned = |times: &[f64], length| {
            are_aligned(times, Duration::from_secs(2), 30.0, Duration::from_secs_f64(length))
        };
        assert!(aligned(&[0.0, 2.0, 4.03], 5.0));
        assert!(aligned(&[0.0, 2.0], 4.0));
        assert!(!aligned(&[0.0, 2.0], 5.0), "one is missing at the end");
        assert!(!aligned(&[0.0, 1.0, 2.0, 4.0], 5.0), "one too many");
        assert!(!aligned(&[0.0, 2.0, 4.1], 5.0), "one is late");
        assert!(!aligned(&[0.0, 1.967, 4.0], 5.0), "one is a frame early");
        assert!(!aligned(&[0.0, 2.0, 4.033_333], 5.0), "one is a whole frame late");
        assert!(!aligned(&[0.0], 2.033_333), "the last frame should be one");
        assert!(!aligned(&[], 5.0));
    }
}
