//! Which sizes and bitrates a video is encoded in. Not how it is encoded.

use super::content::Content;
use super::probe::Video;
use super::timeline::Timeline;
use crate::media_services::presets::{Configurations, PresetName};

/// One step of a ladder: the box a picture is fitted into, and bits per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rung {
    pub width: u32,
    pub height: u32,
    pub bitrate: u64,
}

const fn rung(width: u32, height: u32, kbps: u64) -> Rung {
    Rung { width, height, bitrate: kbps * 1000 }
}

/// The figures that MK.IO, a successor, publishes for the same names.
const SINGLE_SD: [Rung; 1] = [rung(848, 480, 2200)];
const SINGLE_720P: [Rung; 1] = [rung(1280, 720, 4500)];
const SINGLE_1080P: [Rung; 1] = [rung(1920, 1080, 6750)];
const MULTIPLE_SD: [Rung; 5] = [
    rung(848, 480, 1900),
    rung(848, 480, 1300),
    rung(848, 480, 900),
    rung(640, 360, 650),
    rung(432, 240, 400),
];
const MULTIPLE_720P: [Rung; 6] = [
    rung(1280, 720, 3400),
    rung(960, 540, 2250),
    rung(960, 540, 1500),
    rung(640, 360, 1000),
    rung(640, 360, 600),
    rung(320, 180, 400),
];
const MULTIPLE_1080P: [Rung; 8] = [
    rung(1920, 1080, 6000),
    rung(1920, 1080, 4700),
    rung(1280, 720, 3400),
    rung(960, 540, 2250),
    rung(960, 540, 1500),
    rung(640, 360, 1000),
    rung(640, 360, 600),
    rung(320, 180, 400),
];
const H265_SINGLE_720P: [Rung; 1] = [rung(1280, 720, 1800)];
const H265_SINGLE_1080P: [Rung; 1] = [rung(1920, 1080, 3500)];
const H265_SINGLE_4K: [Rung; 1] = [rung(3840, 2160, 9500)];

/// The ladder of `AdaptiveStreaming` for H.264 at 30 frames per second: the documentation's examples, rounded.
const ADAPTIVE: [Rung; 6] = [
    rung(1920, 1080, 6000),
    rung(1280, 720, 3400),
    rung(960, 540, 2200),
    rung(640, 360, 1150),
    rung(480, 270, 720),
    rung(320, 180, 380),
];
/// Heights above the documented ladder, for configurations that raise `maxHeight`.
const HEIGHTS_ABOVE: [u32; 2] = [2160, 1440];
/// Ladders end at 1080 lines unless `maxHeight` raises them.
const HEIGHT_MAX: u32 = 1080;
/// Bits grow more slowly than pixels.
const PIXELS_EXPONENT: f64 = 0.75;
/// The examples of slow and fast pictures, against 30 frames per second.
const SLOW_FPS: f64 = 25.0;
const SLOW_FACTOR: f64 = 0.85;
const FAST_FPS: f64 = 45.0;
const FAST_FACTOR: f64 = 1.4;
/// The single-bitrate presets give H.265 about half the bits of H.264 (3,500 against 6,750 kb/s at 1080p).
const H265_FACTOR: f64 = 0.52;
/// Rungs that are nearer to their neighbour look the same.
const RUNG_DISTANCE: f64 = 1.5;
/// Below this no encoder makes a picture, however little the input had.
const BITRATE_MIN: f64 = 32_000.0;

/// The ladder of a preset that brings its own; `None` for those that look at the input.
pub(super) fn fixed(name: PresetName) -> Option<&'static [Rung]> {
    use PresetName as P;
    Some(match name {
        P::H264SingleBitrateSD => &SINGLE_SD,
        P::H264SingleBitrate720p => &SINGLE_720P,
        P::H264SingleBitrate1080p => &SINGLE_1080P,
        P::H264MultipleBitrateSD => &MULTIPLE_SD,
        P::H264MultipleBitrate720p => &MULTIPLE_720P,
        P::H264MultipleBitrate1080p => &MULTIPLE_1080P,
        P::H265SingleBitrate720p => &H265_SINGLE_720P,
        P::H265SingleBitrate1080p => &H265_SINGLE_1080P,
        P::H265SingleBitrate4K => &H265_SINGLE_4K,
        _ => return None,
    })
}

/// The ladder for an input: nothing larger than it and no more bits, the highest first.
///
/// The input's own size is the top, unless the configuration or 1080 lines (counted on the shorter side, so that
/// upright pictures have the same ladder) cap it. If the input has fewer bits than the top would get, all rungs get
/// proportionally fewer.
pub(super) fn adaptive(
    media: &Timeline,
    video: &Video,
    configurations: &Configurations,
    h265: bool,
) -> Vec<Rung> {
    let usual = |(width, height)| usual_bitrate(width, height, media.frame_rate(), h265);
    let sizes = sizes(video, configurations);
    let top = usual(sizes[0]);
    let limit = limit(video, configurations, top);
    let rung = |size: (u32, u32)| {
        let bitrate = (usual(size) * limit / top).max(BITRATE_MIN.min(limit));
        Rung { width: size.0, height: size.1, bitrate: bitrate as u64 }
    };
    narrowed(sizes.into_iter().map(rung).collect(), configurations)
}

/// The ladder for an input whose pictures were sampled: the same sizes with the bits they take, at most what they
/// usually get, and no rung that is too near to the one above it.
pub(super) fn content_aware(
    media: &Timeline,
    video: &Video,
    configurations: &Configurations,
    h265: bool,
    content: &Content,
) -> Vec<Rung> {
    let bitrate_min = configurations.min_bitrate_bps.map_or(BITRATE_MIN, |bits| bits as f64);
    let mut rungs = Vec::<Rung>::new();
    for (width, height) in sizes(video, configurations) {
        let usual = usual_bitrate(width, height, media.frame_rate(), h265);
        let factor = if h265 { H265_FACTOR } else { 1.0 };
        let limit = limit(video, configurations, usual);
        let bitrate = (content.bitrate(width, height) * factor).clamp(bitrate_min.min(limit), limit) as u64;
        let is_apart =
            rungs.last().is_none_or(|above| above.bitrate as f64 >= bitrate as f64 * RUNG_DISTANCE);
        if is_apart {
            rungs.push(Rung { width, height, bitrate });
        }
    }
    narrowed(rungs, configurations)
}

/// The sizes of a ladder, the largest first.
fn sizes(video: &Video, configurations: &Configurations) -> Vec<(u32, u32)> {
    let source = even_size(f64::from(video.width), f64::from(video.height));
    let lines_of_source = source.0.min(source.1);
    let lines_max = configurations.max_height.unwrap_or(HEIGHT_MAX).min(lines_of_source);
    let lines = HEIGHTS_ABOVE.into_iter().chain(ADAPTIVE.iter().map(|rung| rung.height));
    let lines = lines.filter(|&lines| lines < lines_max && lines >= configurations.min_height.unwrap_or(0));
    let scaled = |lines: u32| {
        let scale = f64::from(lines) / f64::from(lines_of_source);
        even_size(f64::from(source.0) * scale, f64::from(source.1) * scale)
    };
    [lines_max].into_iter().chain(lines).map(scaled).collect()
}

/// The most bits per second that a rung gets.
fn limit(video: &Video, configurations: &Configurations, usual: f64) -> f64 {
    let limits = [video.bitrate, configurations.max_bitrate_bps];
    limits.into_iter().flatten().map(|bits| bits as f64).fold(usual, f64::min)
}

/// Without the rungs that the configuration does not want. One is always left.
fn narrowed(mut rungs: Vec<Rung>, configurations: &Configurations) -> Vec<Rung> {
    let bitrate_min = configurations.min_bitrate_bps.unwrap_or(0);
    rungs.truncate(rungs.iter().filter(|rung| rung.bitrate >= bitrate_min).count().max(1));
    rungs.truncate(configurations.max_layers.unwrap_or(usize::MAX));
    rungs
}

/// Bits per second for a picture of this size and rate.
fn usual_bitrate(width: u32, height: u32, frame_rate: Option<f64>, h265: bool) -> f64 {
    let pixels = |width: u32, height: u32| f64::from(width) * f64::from(height);
    let own = pixels(width, height);
    let below = ADAPTIVE.iter().find(|rung| pixels(rung.width, rung.height) <= own).unwrap_or(&ADAPTIVE[5]);
    let growth = (own / pixels(below.width, below.height)).powf(PIXELS_EXPONENT);
    let speed = match frame_rate {
        Some(rate) if rate < SLOW_FPS => SLOW_FACTOR,
        Some(rate) if rate > FAST_FPS => FAST_FACTOR,
        _ => 1.0,
    };
    below.bitrate as f64 * growth * speed * if h265 { H265_FACTOR } else { 1.0 }
}

/// The largest even size of the source's shape that fits into a box; beyond the source's own only if `enlarge`.
pub(super) fn fitted(source: (u32, u32), bounds: (u32, u32), enlarge: bool) -> (u32, u32) {
    let (width, height) = (f64::from(source.0), f64::from(source.1));
    let scale = (f64::from(bounds.0) / width).min(f64::from(bounds.1) / height);
    let scale = if enlarge { scale } else { scale.min(1.0) };
    even_size(width * scale, height * scale)
}

/// Encoders of 4:2:0 pictures take only even sides. Rounds down, so that nothing exceeds its bounds; what is a hair
/// below an even number by arithmetic is meant to be it.
pub(super) fn even_size(width: f64, height: f64) -> (u32, u32) {
    let even = |side: f64| ((side + 0.5) as u32 & !1).max(2);
    (even(width), even(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(width: u32, height: u32, bitrate: Option<u64>) -> Video {
        Video {
            stream: 0,
            codec: "h264".to_owned(),
            tag: "avc1".to_owned(),
            profile: None,
            level: None,
            width,
            height,
            frame_rate: Some(30.0),
            bitrate,
            length: None,
            pixel_format: "yuv420p".to_owned(),
            is_interlaced: false,
            has_square_pixels: true,
            quarter_turns: 0,
            quarter_turns_back: 0,
        }
    }

    fn ladder(video: &Video, configurations: &Configurations) -> Vec<(u32, u32, u64)> {
        let media = Timeline {
            base: String::new(),
            source: String::new(),
            segments: Vec::new(),
            every_video: Vec::new(),
            every_audio: Vec::new(),
            overlays: Vec::new(),
        };
        let rungs = adaptive(&media, video, configurations, false);
        rungs.into_iter().map(|rung| (rung.width, rung.height, rung.bitrate / 1000)).collect()
    }

    #[test]
    fn the_documented_ladder_is_met() {
        let wanted = [
            (1920, 1080, 6000),
            (1280, 720, 3400),
            (960, 540, 2200),
            (640, 360, 1150),
            (480, 270, 720),
            (320, 180, 380),
        ];
        assert_eq!(ladder(&video(1920, 1080, None), &Configurations::default()), wanted);
        assert_eq!(ladder(&video(3840, 2160, None), &Configurations::default()), wanted);
        assert_eq!(ladder(&video(640, 360, None), &Configurations::default()), wanted[3..]);
    }

    #[test]
    fn no_rung_exceeds_an_input_of_any_shape() {
        for (width, height) in
            [(641, 359), (1080, 1920), (1920, 800), (100, 100), (177, 90), (2, 2), (1, 1), (4000, 3)]
        {
            for bitrate in [None, Some(1), Some(20_000), Some(900_000), Some(90_000_000)] {
                let rungs = ladder(&video(width, height, bitrate), &Configurations::default());
                assert!(!rungs.is_empty());
                for (w, h, kbps) in rungs {
                    assert!(w % 2 == 0 && h % 2 == 0 && w >= 2 && h >= 2);
                    assert!(w <= width.max(2) && h <= height.max(2), "{w}x{h} of {width}x{height}");
                    assert!(bitrate.is_none_or(|bits| kbps * 1000 <= bits.max(1000)));
                }
            }
        }
    }

    #[test]
    fn configurations_narrow_the_ladder() {
        let configurations = Configurations {
            max_height: Some(720),
            min_height: Some(270),
            max_bitrate_bps: Some(1_700_000),
            ..Configurations::default()
        };
        let rungs = ladder(&video(1920, 1080, None), &configurations);
        assert_eq!(rungs, [(1280, 720, 1700), (960, 540, 1100), (640, 360, 575), (480, 270, 360)]);
        let two = Configurations { max_layers: Some(2), min_bitrate_bps: Some(1), ..configurations };
        assert_eq!(ladder(&video(1920, 1080, None), &two).len(), 2);
    }

    #[test]
    fn pictures_keep_their_shape_in_a_box() {
        assert_eq!(fitted((1920, 1080), (1280, 1280), true), (1280, 720));
        assert_eq!(fitted((320, 180), (1280, 720), false), (320, 180));
        assert_eq!(fitted((320, 180), (1280, 720), true), (1280, 720));
        assert_eq!(fitted((641, 359), (640, 360), false), (640, 358));
    }
}
