//! What a provider's error means to us. The one place that maps its status codes; nothing of it leaves but what a stranger
//! may read.

use azure_core::error::ErrorKind;
use gridwich_handlers::participants::{ParticipantError, ProviderError};
use gridwich_handlers::resource_uri::fit_for_strangers;
use serde::Deserialize;

/// Provider sentences are cut to this many characters.
const SENTENCE_CHARACTERS_MAX: usize = 300;

/// Says what an error means about `what`, which is named to the requestor.
pub(super) fn classify(error: &azure_core::Error, what: &str) -> ParticipantError {
    let what = what.to_owned();
    let ErrorKind::HttpResponse { status, .. } = error.kind() else {
        return match error.kind() {
            ErrorKind::Connection | ErrorKind::Io => ParticipantError::Unavailable(what, None),
            ErrorKind::Credential => {
                ParticipantError::Unavailable(what, Some(provider("NoToken", "no token could be had for it")))
            }
            _ => ParticipantError::Rejected(format!("{what} answered in a way that cannot be read"), None),
        };
    };
    let said = Some(said(error));
    match u16::from(*status) {
        404 => ParticipantError::NotFound(what, said),
        409 | 412 => ParticipantError::Conflict(what, said),
        429 => ParticipantError::Throttled(what, said),
        408 | 500.. => ParticipantError::Unavailable(what, said),
        401 | 403 => ParticipantError::Rejected(format!("access to {what} was denied"), said),
        _ => ParticipantError::Rejected(format!("the request for {what} was refused"), said),
    }
}

/// Whether the provider does not know us, or does not let us.
pub(super) fn is_denied(error: &azure_core::Error) -> bool {
    let ErrorKind::HttpResponse { status, .. } = error.kind() else { return false };
    matches!(u16::from(*status), 401 | 403)
}

/// The provider's own word for an error.
pub(super) fn code(error: &azure_core::Error) -> Option<&str> {
    match error.kind() {
        ErrorKind::HttpResponse { error_code, .. } => error_code.as_deref(),
        _ => None,
    }
}

fn said(error: &azure_core::Error) -> ProviderError {
    let ErrorKind::HttpResponse { status, error_code, raw_response } = error.kind() else {
        return provider("Unknown", "");
    };
    let body = raw_response.as_deref().map(|raw| raw.body().as_ref()).unwrap_or_default();
    let code = error_code.clone().unwrap_or_else(|| status.to_string());
    provider(&code, &sentence(body).unwrap_or_else(|| status.canonical_reason().into_owned()))
}

fn provider(code: &str, message: &str) -> ProviderError {
    ProviderError { code: code.to_owned(), message: fit_for_strangers(message, SENTENCE_CHARACTERS_MAX) }
}

/// The message of an error body, whether Azure wrote it as JSON (Resource Manager) or as XML (Storage).
fn sentence(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct ArmBody {
        error: ArmError,
    }
    #[derive(Deserialize)]
    struct ArmError {
        message: String,
    }
    if let Ok(body) = serde_json::from_slice::<ArmBody>(body) {
        return Some(body.error.message);
    }
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<Message>")?;
    let (message, _) = rest.split_once("</Message>")?;
    // Storage adds request id and time on lines of their own.
    let line = message.lines().next()?;
    let entities = [("&apos;", "'"), ("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    Some(entities.into_iter().fold(line.to_owned(), |line, (entity, text)| line.replace(entity, text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_error_body_are_read() {
        let xml = b"<?xml version=\"1.0\"?><Error><Code>X</Code><Message>Not there.\nRequestId:1\nTime:2</Message></Error>";
        assert_eq!(sentence(xml).as_deref(), Some("Not there."));
        assert_eq!(sentence(br#"{"error":{"code":"X","message":"No."}}"#).as_deref(), Some("No."));
        assert_eq!(sentence(b"<html>"), None);
    }
}
