//! The filters of a `StandardEncoderPreset`, in the dialect's words. Values are checked in `check_filters`.

use serde::Deserialize;

use crate::media_services::iso_duration::IsoDuration;

/// What is done to an input before it is encoded.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Filters {
    pub deinterlace: Option<Deinterlace>,
    pub rotation: Option<Rotation>,
    pub crop: Option<Rectangle>,
    pub fade_in: Option<Fade>,
    pub fade_out: Option<Fade>,
    pub overlays: Option<Vec<Overlay>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Deinterlace {
    pub parity: Option<DeinterlaceParity>,
    pub mode: Option<DeinterlaceMode>,
}

/// Which field of an interlaced picture is the earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum DeinterlaceParity {
    #[default]
    Auto,
    TopFieldFirst,
    BottomFieldFirst,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum DeinterlaceMode {
    Off,
    #[default]
    AutoPixelAdaptive,
}

/// How pictures are turned, clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Rotation {
    /// As the input says that it is shown.
    #[default]
    Auto,
    /// As the pictures are stored.
    None,
    /// As the pictures are stored, whatever the input says.
    Rotate0,
    Rotate90,
    Rotate180,
    Rotate270,
}

/// A window on a picture; each member is pixels or percent, as text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Rectangle {
    pub left: Option<String>,
    pub top: Option<String>,
    pub width: Option<String>,
    pub height: Option<String>,
}

/// A fade from or to a colour.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Fade {
    /// A time, a frame count or a percentage.
    pub duration: String,
    /// A colour's name, `rgb(255,0,0)`, `#FF0000` or `0xFF0000`.
    pub fade_color: String,
    /// A time, a frame number or a percentage.
    pub start: Option<String>,
}

/// Something laid over the input.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "@odata.type")]
pub(crate) enum Overlay {
    #[serde(rename = "#Microsoft.Media.VideoOverlay")]
    Video(Box<VideoOverlay>),
    #[serde(rename = "#Microsoft.Media.AudioOverlay")]
    Audio(AudioOverlay),
}

/// A picture or a video, with its sound.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct VideoOverlay {
    pub input_label: String,
    pub start: Option<IsoDuration>,
    pub end: Option<IsoDuration>,
    pub fade_in_duration: Option<IsoDuration>,
    pub fade_out_duration: Option<IsoDuration>,
    pub audio_gain_level: Option<f64>,
    /// Where it lies on the input, and in which size.
    pub position: Option<Rectangle>,
    pub opacity: Option<f64>,
    /// Which part of the overlay is used.
    pub crop_rectangle: Option<Rectangle>,
}

/// Sound that is mixed with the input's.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AudioOverlay {
    pub input_label: String,
    pub start: Option<IsoDuration>,
    pub end: Option<IsoDuration>,
    pub fade_in_duration: Option<IsoDuration>,
    pub fade_out_duration: Option<IsoDuration>,
    pub audio_gain_level: Option<f64>,
}

/// What all overlays have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OverlayTimes<'a> {
    pub start: Option<&'a IsoDuration>,
    pub end: Option<&'a IsoDuration>,
    pub fade_in: Option<&'a IsoDuration>,
    pub fade_out: Option<&'a IsoDuration>,
}

impl Overlay {
    /// The label of the job input that is laid over.
    pub fn input_label(&self) -> &str {
        match self {
            Self::Video(overlay) => &overlay.input_label,
            Self::Audio(overlay) => &overlay.input_label,
        }
    }

    /// How loud its sound is; 1 is as it is.
    pub fn gain(&self) -> Option<f64> {
        match self {
            Self::Video(overlay) => overlay.audio_gain_level,
            Self::Audio(overlay) => overlay.audio_gain_level,
        }
    }

    pub fn times(&self) -> OverlayTimes<'_> {
        let (start, end, fade_in, fade_out) = match self {
            Self::Video(o) => (&o.start, &o.end, &o.fade_in_duration, &o.fade_out_duration),
            Self::Audio(o) => (&o.start, &o.end, &o.fade_in_duration, &o.fade_out_duration),
        };
        OverlayTimes {
            start: start.as_ref(),
            end: end.as_ref(),
            fade_in: fade_in.as_ref(),
            fade_out: fade_out.as_ref(),
        }
    }
}

/// "CSS Level1 colors", and what they are in red, green and blue.
const COLOURS: [(&str, [u8; 3]); 16] = [
    ("aqua", [0, 255, 255]),
    ("black", [0, 0, 0]),
    ("blue", [0, 0, 255]),
    ("fuchsia", [255, 0, 255]),
    ("gray", [128, 128, 128]),
    ("green", [0, 128, 0]),
    ("lime", [0, 255, 0]),
    ("maroon", [128, 0, 0]),
    ("navy", [0, 0, 128]),
    ("olive", [128, 128, 0]),
    ("purple", [128, 0, 128]),
    ("red", [255, 0, 0]),
    ("silver", [192, 192, 192]),
    ("teal", [0, 128, 128]),
    ("white", [255, 255, 255]),
    ("yellow", [255, 255, 0]),
];

/// Red, green and blue of a `fadeColor`; nothing if it is none.
pub(crate) fn colour(text: &str) -> Option<[u8; 3]> {
    if let Some((_, colour)) = COLOURS.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)) {
        return Some(*colour);
    }
    if let Some(parts) = text.strip_prefix("rgb(").and_then(|rest| rest.strip_suffix(')')) {
        let parts = parts.split(',').map(|part| part.trim().parse().ok()).collect::<Option<Vec<u8>>>()?;
        return parts.try_into().ok();
    }
    let digits = text.strip_prefix('#').or_else(|| text.strip_prefix("0x"))?;
    let hexadecimal = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let value = u32::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)?;
    let [_, red, green, blue] = value.to_be_bytes();
    Some([red, green, blue])
}

#[cfg(test)]
mod tests {
    use super::colour;

    #[test]
    fn colours_are_names_or_numbers() {
        assert_eq!(colour("Black"), Some([0, 0, 0]));
        for red in ["red", "rgb(255, 0,0)", "#FF0000", "0xff0000"] {
            assert_eq!(colour(red), Some([255, 0, 0]), "{red}");
        }
        for wrong in
            ["", "blackish", "rgb(256,0,0)", "rgb(1,2)", "#FFF", "#+F0000", "red:alpha=1", "0xFF0000FF"]
        {
            assert_eq!(colour(wrong), None, "{wrong}");
        }
    }
}
