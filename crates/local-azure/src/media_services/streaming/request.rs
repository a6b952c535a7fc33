//! What a path of the streaming endpoint asks for. Only reads it: names in it are compared, never used as paths.

use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::common_encryption::Scheme;
use super::error::StreamError;
use crate::media_services::publication::Protocol;

/// Filters that one URL may name.
const FILTERS_MAX: usize = 20;
/// The first segment of keys' paths.
pub(super) const KEY_DELIVERY: &str = "keydelivery";
/// The last segment of the path of keys as W3C Clear Key has them.
pub(super) const CLEAR_KEY: &str = "clearkey";
/// The word before the parentheses of what belongs to a manifest.
pub(super) const STREAM: &str = "stream";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A presentation's manifest; the name is the server manifest's.
    Manifest { locator: Uuid, server_manifest: String, protocol: Protocol, options: Options },
    /// One of the files that a manifest names.
    Part { locator: Uuid, server_manifest: String, options: Options, part: Part },
    /// A file of the asset.
    File { locator: Uuid, name: String },
    /// A content key.
    Key { locator: Uuid, key: Uuid },
    /// Content keys as W3C Clear Key has them.
    ClearKey { locator: Uuid },
}

/// What a URL says of a presentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub filters: Vec<String>,
    pub encryption: Option<UrlEncryption>,
}

/// How a URL wants its presentation protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UrlEncryption {
    /// Written by us into URLs of parts that are clear.
    None,
    /// AES-128 of whole segments.
    Cbc,
    /// Common encryption of samples.
    Common(Scheme),
}

/// A file that a manifest names; tracks and segments by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Playlist(usize),
    Init(usize),
    Segment(usize, usize),
}

/// Reads a path as it came, still encoded.
pub(super) fn read(path: &str) -> Result<Asked, StreamError> {
    let decoded = |segment: &str| percent_decode_str(segment).decode_utf8().map(std::borrow::Cow::into_owned);
    let segments = path.trim_start_matches('/').split('/').map(decoded).collect::<Result<Vec<_>, _>>();
    let segments = segments.map_err(|_| StreamError::bad_request("The path is not in UTF-8."))?;
    let (first, rest) = segments.split_first().ok_or_else(nothing)?;
    let guid = |text: &str| Uuid::try_parse(text).map_err(|_| nothing());
    if first == KEY_DELIVERY {
        return match rest {
            [locator, last] if last == CLEAR_KEY => Ok(Asked::ClearKey { locator: guid(locator)? }),
            [locator, key] => Ok(Asked::Key { locator: guid(locator)?, key: guid(key)? }),
            _ => Err(nothing()),
        };
    }
    let locator = guid(first)?;
    match rest {
        [name, last] if is_manifest(last) => {
            let (protocol, options) = manifest(last)?;
            Ok(Asked::Manifest { locator, server_manifest: name.clone(), protocol, options })
        }
        [name, stream, part] if stream.starts_with(STREAM) && stream.ends_with(')') => {
            let options = options(inside(stream).unwrap_or_default())?.1;
            let part = part.parse().map_err(|()| nothing())?;
            Ok(Asked::Part { locator, server_manifest: name.clone(), options, part })
        }
        [] => Err(nothing()),
        _ => Ok(Asked::File { locator, name: rest.join("/") }),
    }
}

fn is_manifest(segment: &str) -> bool {
    let start = segment.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("manifest"));
    start && matches!(segment.as_bytes().get(8), None | Some(b'(' | b'.'))
}

fn manifest(segment: &str) -> Result<(Protocol, Options), StreamError> {
    let smooth =
        || StreamError::bad_request("Smooth Streaming is not offered: name a format of HLS or DASH.");
    let (body, extension) = match segment.rfind(')') {
        Some(end) => segment.split_at(end + 1),
        None => return Err(smooth()),
    };
    let (format, options) = options(inside(body).ok_or_else(smooth)?)?;
    let format = format.ok_or_else(smooth)?;
    let protocol = match format.as_str() {
        "m3u8-cmaf" | "m3u8-aapl" => Protocol::Hls,
        "mpd-time-cmaf" | "mpd-time-csf" => Protocol::Dash,
        _ => {
            let message = "The format is none of m3u8-cmaf, m3u8-aapl, mpd-time-cmaf and mpd-time-csf.";
            return Err(StreamError::bad_request(message));
        }
    };
    match (protocol, extension) {
        (_, "") | (Protocol::Hls, ".m3u8") | (Protocol::Dash, ".mpd") => Ok((protocol, options)),
        _ => Err(nothing()),
    }
}

/// What stands between the first parenthesis and the last.
fn inside(segment: &str) -> Option<&str> {
    let (_, rest) = segment.split_once('(')?;
    rest.strip_suffix(')')
}

fn options(text: &str) -> Result<(Option<String>, Options), StreamError> {
    let (mut format, mut options) = (None, Options::default());
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name.to_ascii_lowercase().as_str() {
            "format" => format = Some(value.to_ascii_lowercase()),
            "filter" => {
                options.filters =
                    value.split(';').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            }
            "encryption" => options.encryption = Some(encryption(value)?),
            _ => {
                let message =
                    "A manifest takes format, filter and encryption; other options are not offered.";
                return Err(StreamError::bad_request(message));
            }
        }
    }
    match options.filters.len() <= FILTERS_MAX {
        true => Ok((format, options)),
        false => Err(StreamError::bad_request(format!("A URL names at most {FILTERS_MAX} filters."))),
    }
}

fn encryption(value: &str) -> Result<UrlEncryption, StreamError> {
    match value.to_ascii_lowercase().as_str() {
        "none" => Ok(UrlEncryption::None),
        "cbc" => Ok(UrlEncryption::Cbc),
        "cenc" => Ok(UrlEncryption::Common(Scheme::Cenc)),
        "cbcs" | "cbcs-aapl" => Ok(UrlEncryption::Common(Scheme::Cbcs)),
        _ => Err(StreamError::bad_request("The encryption is none of cbc, cenc and cbcs-aapl.")),
    }
}

fn nothing() -> StreamError {
    StreamError::not_found("There is nothing under this path.")
}

impl std::str::FromStr for Part {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let number = |text: &str| text.parse().map_err(|_| ());
        if let Some(track) = name.strip_suffix(".m3u8") {
            return Ok(Self::Playlist(number(track)?));
        }
        if let Some(track) = name.strip_prefix("init-").and_then(|rest| rest.strip_suffix(".mp4")) {
            return Ok(Self::Init(number(track)?));
        }
        let segment = name.strip_prefix("segment-").and_then(|rest| rest.strip_suffix(".m4s"));
        let (track, segment) = segment.and_then(|rest| rest.split_once('-')).ok_or(())?;
        Ok(Self::Segment(number(track)?, number(segment)?))
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Playlist(track) => write!(f, "{track}.m3u8"),
            Self::Init(track) => write!(f, "init-{track}.mp4"),
            Self::Segment(track, segment) => write!(f, "segment-{track}-{segment}.m4s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0f0e0d0c-0b0a-4908-8706-050403020100";

    fn asked(rest: &str) -> Result<Asked, StreamError> {
        read(&format!("/{ID}/{rest}"))
    }

    #[test]
    fn manifests_are_asked_for_with_and_without_an_extension() {
        let locator = Uuid::try_parse(ID).unwrap();
        for (rest, protocol) in [
            ("a.ism/manifest(format=m3u8-cmaf)", Protocol::Hls),
            ("a.ism/Manifest(format=m3u8-aapl).m3u8", Protocol::Hls),
            ("a.ism/manifest(format=mpd-time-csf).mpd", Protocol::Dash),
            ("a.ism/manifest%28format%3Dmpd-time-cmaf%29", Protocol::Dash),
        ] {
            let manifest = Asked::Manifest {
                locator,
                server_manifest: "a.ism".to_owned(),
                protocol,
                options: Options::default(),
            };
            assert_eq!(asked(rest), Ok(manifest), "{rest}");
        }
        let Ok(Asked::Manifest { options, .. }) =
            asked("a.ism/manifest(format=m3u8-cmaf,filter=a;b c,encryption=cbc)")
        else {
            panic!("it is a manifest")
        };
        assert_eq!(options.filters, ["a", "b c"]);
        assert_eq!(options.encryption, Some(UrlEncryption::Cbc));
        for (word, scheme) in [("cenc", Scheme::Cenc), ("cbcs-aapl", Scheme::Cbcs), ("CBCS", Scheme::Cbcs)] {
            let asked = asked(&format!("a.ism/manifest(format=mpd-time-csf,encryption={word})"));
            let Ok(Asked::Manifest { options, .. }) = asked else { panic!("it is a manifest") };
            assert_eq!(options.encryption, Some(UrlEncryption::Common(scheme)));
        }
    }

    #[test]
    fn what_cannot_be_served_is_refused() {
        for rest in [
            "a.ism/manifest",
            "a.ism/manifest(format=fmp4-v20)",
            "a.ism/manifest(format=m3u8-cmaf).mpd",
            "a.ism/manifest(format=m3u8-cmaf,encryption=aes)",
            "a.ism/manifest(format=m3u8-cmaf,colour=red)",
            "a.ism/stream()/../../etc",
            "a.ism/stream()/x",
        ] {
            assert!(!matches!(asked(rest), Ok(Asked::Manifest { .. } | Asked::Part { .. })), "{rest}");
        }
        assert!(read("/").is_err() && read("/no-guid/a").is_err() && read("/keydelivery/a/b").is_err());
    }

    #[test]
    fn parts_are_numbers_only() {
        for (name, part) in [
            ("3.m3u8", Part::Playlist(3)),
            ("init-0.mp4", Part::Init(0)),
            ("segment-1-20.m4s", Part::Segment(1, 20)),
        ] {
            assert_eq!(name.parse(), Ok(part));
            assert_eq!(part.to_string(), name);
        }
        assert_eq!("segment-1-../../x.m4s".parse::<Part>(), Err(()));
    }
}
