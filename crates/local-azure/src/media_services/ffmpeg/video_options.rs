//! How ffmpeg is told to encode pictures with x264 and x265. Not what it encodes.

use super::command::seconds;
use super::plan::{Rate, VideoCodec, VideoEncoding};
use crate::media_services::presets::{Complexity, Profile, SyncMode};

/// Key frames come only where they are forced, at the same times in all layers, so that layers can be packaged
/// together; the encoder's own interval has to stay out of the way.
const KEY_FRAME_INTERVAL_FRAMES: &str = "99999";

/// Options without the track they are for, and their values.
pub(super) type Options = Vec<(&'static str, String)>;

/// All options for one video track.
pub(super) fn video_options(encoding: &VideoEncoding) -> Options {
    let encoder = match encoding.codec {
        VideoCodec::H264 => "libx264",
        VideoCodec::H265 => "libx265",
    };
    let forced = match encoding.key_frames_of_source {
        true => "source".to_owned(),
        false => format!("expr:gte(t,n_forced*{})", seconds(encoding.key_frame_interval)),
    };
    let mut options = vec![
        ("-c", encoder.to_owned()),
        ("-preset", speed(encoding.codec, encoding.complexity).to_owned()),
        ("-force_key_frames", forced),
        ("-forced-idr", "1".to_owned()),
        ("-g", KEY_FRAME_INTERVAL_FRAMES.to_owned()),
    ];
    options.extend(rate_options(encoding.rate));
    options.extend(picture_options(encoding));
    options.extend(library_options(encoding));
    options
}

fn rate_options(rate: Rate) -> Options {
    let of = |name: &'static str, bits: u64| (name, bits.to_string());
    match rate {
        Rate::Average { target, max, buffer } => {
            vec![of("-b", target), of("-maxrate", max), of("-bufsize", buffer)]
        }
        Rate::Constant { target, buffer } => {
            vec![of("-b", target), of("-minrate", target), of("-maxrate", target), of("-bufsize", buffer)]
        }
        Rate::Quality { crf, max, buffer } => {
            vec![("-crf", crf.to_string()), of("-maxrate", max), of("-bufsize", buffer)]
        }
    }
}

fn picture_options(encoding: &VideoEncoding) -> Options {
    let options = [
        ("-profile", profile(encoding.profile).map(str::to_owned)),
        ("-bf", encoding.b_frames.map(|count| count.to_string())),
        ("-refs", encoding.reference_frames.map(|count| count.to_string())),
        ("-fps_mode", sync(encoding.sync_mode).map(str::to_owned)),
    ];
    options.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// What only the encoder's library understands.
fn library_options(encoding: &VideoEncoding) -> Options {
    let is_h265 = encoding.codec == VideoCodec::H265;
    let mut parameters = Vec::new();
    if is_h265 {
        parameters.extend(["log-level=error".to_owned(), "open-gop=0".to_owned()]);
    }
    if !encoding.scene_change_detection {
        parameters.push("scenecut=0".to_owned());
    }
    if let Rate::Constant { .. } = encoding.rate {
        parameters.push("nal-hrd=cbr".to_owned());
    }
    if let Some(level) = &encoding.level {
        parameters.push(format!("{}={level}", if is_h265 { "level-idc" } else { "level" }));
    }
    if !encoding.adaptive_b_frame {
        parameters.push("b-adapt=0".to_owned());
    }
    if let Some(slices) = encoding.slices {
        parameters.push(format!("slices={slices}"));
    }
    if encoding.cavlc {
        parameters.push("cabac=0".to_owned());
    }
    let (name, tag) = if is_h265 { ("-x265-params", Some("hvc1")) } else { ("-x264-params", None) };
    let parameters = (!parameters.is_empty()).then(|| (name, parameters.join(":")));
    parameters.into_iter().chain(tag.map(|tag| ("-tag", tag.to_owned()))).collect()
}

/// x264 at `veryfast` takes half the time of `medium`; x265 is slower at every name.
fn speed(codec: VideoCodec, complexity: Complexity) -> &'static str {
    match (codec, complexity) {
        (VideoCodec::H264, Complexity::Speed) => "superfast",
        (VideoCodec::H265, Complexity::Speed) => "ultrafast",
        (_, Complexity::Balanced) => "veryfast",
        (_, Complexity::Quality) => "medium",
    }
}

fn profile(profile: Profile) -> Option<&'static str> {
    match profile {
        Profile::Auto => None,
        Profile::Baseline => Some("baseline"),
        Profile::Main => Some("main"),
        Profile::High => Some("high"),
        Profile::High422 => Some("high422"),
        Profile::High444 => Some("high444"),
        Profile::Main10 => Some("main10"),
    }
}

fn sync(mode: SyncMode) -> Option<&'static str> {
    match mode {
        SyncMode::Auto => None,
        SyncMode::Passthrough => Some("passthrough"),
        SyncMode::Cfr => Some("cfr"),
        SyncMode::Vfr => Some("vfr"),
    }
}
