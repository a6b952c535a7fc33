//! Hands content keys to players whom the content key policy takes. Keys go nowhere else, not into logs either.

use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;
use uuid::Uuid;

use super::access::Opened;
use super::error::StreamError;
use super::request::KEY_DELIVERY;
use super::token;
use crate::media_services::publication::{ContentKey, KeyConfiguration, KeyRestriction};
use crate::media_services::resource::folded;
use crate::tokens;

/// The sixteen bytes of a key.
pub(super) fn deliver(
    opened: &Opened,
    key: Uuid,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Response, StreamError> {
    let found = opened.locator.keys.iter().find(|own| own.id == key);
    let key = found.ok_or_else(|| StreamError::not_found("The streaming locator has no such key."))?;
    let restrictions = restrictions(opened, key)?;
    let in_query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .find(|(name, _)| name.eq_ignore_ascii_case("token"))
        .map(|(_, value)| value.strip_prefix("Bearer ").unwrap_or(&value).to_owned());
    let token = tokens::presented(headers).map(str::to_owned).or(in_query);
    let is_open = restrictions.iter().any(|restriction| matches!(restriction, KeyRestriction::Open));
    if !is_open {
        let token = token.ok_or_else(|| StreamError::unauthorized("This key is for bearers of a token."))?;
        let now = opened.account.now();
        let takes = |restriction: &KeyRestriction| match restriction {
            KeyRestriction::Open => true,
            KeyRestriction::Token(restriction) => token::is_taken(&token, restriction, key.id, now),
        };
        if !restrictions.iter().any(takes) {
            return Err(StreamError::forbidden("The token is not what the content key policy asks for."));
        }
    }
    let headers = [(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, key.value.to_vec()).into_response())
}

/// Where players get a key: here, or where the streaming policy's template says.
pub(super) fn url(opened: &Opened, key: &ContentKey) -> Result<String, StreamError> {
    let envelope = opened.rules.envelope_encryption.as_ref();
    let Some(template) = envelope.and_then(|envelope| envelope.custom_key_acquisition_url_template.as_ref())
    else {
        return Ok(format!("/{KEY_DELIVERY}/{}/{}", opened.locator.id, key.id));
    };
    let media = opened.locator.alternative_media_id.as_deref().unwrap_or_default();
    let media = utf8_percent_encode(media, NON_ALPHANUMERIC).to_string();
    let url = template
        .replace("{ContentKeyId}", &key.id.to_string())
        .replace("{AlternativeMediaId}", &media)
        .replace("{AssetAlternativeId}", &media);
    let url = Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "https" | "http"));
    // As a URL it has no quotation mark and no line break, which would end the playlist's attribute.
    url.map(|url| url.as_str().replace('"', "%22")).ok_or_else(|| {
        StreamError::unprocessable(
            "The customKeyAcquisitionUrlTemplate of the streaming policy makes no URL.",
        )
    })
}

fn restrictions(opened: &Opened, key: &ContentKey) -> Result<Vec<KeyRestriction>, StreamError> {
    let elsewhere = || StreamError::not_found("This key is not delivered here.");
    let policy = key.policy.as_deref().ok_or_else(elsewhere)?;
    let holdings = opened.account.holdings();
    let policy = holdings.publication.content_key_policies.get(&folded(policy)).ok_or_else(elsewhere)?;
    let options = policy.options.iter().filter(|option| option.configuration == KeyConfiguration::ClearKey);
    Ok(options.map(|option| option.restriction.clone()).collect())
}
