//! What the dialect has and is not played here. It is refused by name, so that nobody takes it for a mistake of theirs.

use http::{Method, StatusCode};

use crate::arm::ArmError;

/// Why a request below an account is for something that is not offered; nothing if it may be.
pub(super) fn refusal(segments: &[&str], method: &Method) -> Option<ArmError> {
    let folded = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect::<Vec<_>>();
    let folded = folded.iter().map(String::as_str).collect::<Vec<_>>();
    let what = match folded[..] {
        ["liveevents", _, "liveoutputs", ..] => "Live outputs",
        ["liveevents", ..] => "Live events",
        ["assets", _, "tracks", ..] => "Tracks of assets",
        ["assets", _, "getencryptionkey"] => "Storage encryption of assets",
        ["streamingendpoints", _, "scale" | "skus"] => "Scaling of streaming endpoints",
        ["streamingendpoints", _] if *method != Method::GET => "Streaming endpoints other than 'default'",
        ["privateendpointconnections" | "privatelinkresources", ..] => "Private endpoints",
        ["syncstoragekeys"] => "Synchronizing storage keys",
        ["listedgepolicies"] => "Edge policies",
        [] if *method != Method::GET => "Making, changing and deleting Media Services accounts",
        _ => return None,
    };
    let message = format!("{what}: not offered by this local Media Services.");
    Some(ArmError::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message))
}
