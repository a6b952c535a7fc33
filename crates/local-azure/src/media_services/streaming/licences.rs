//! Where players of a locator get licences, and keys that are handed out. Nothing is delivered here.

use url::Url;

use super::access::Opened;
use super::common_encryption::Scheme;
use super::error::StreamError;
use super::request::{CLEAR_KEY, KEY_DELIVERY};
use crate::media_services::publication::{ContentKey, ContentKeyPolicy, Drm, Encryption, acquisition_url};
use crate::media_services::resource::folded;

/// Where licences for a key of common encryption are.
#[derive(Clone)]
pub(super) struct Licences {
    /// By DRM system.
    pub drms: Vec<(Drm, Url)>,
    /// The key itself, for W3C Clear Key.
    pub clear_key: Option<Url>,
}

impl Licences {
    /// Those that a locator's policies name.
    pub fn of(
        opened: &Opened,
        scheme: Scheme,
        encryption: &Encryption,
        key: &ContentKey,
    ) -> Result<Self, StreamError> {
        let own = opened.account.environment.streaming.licence_url.as_deref();
        let licence = |(drm, template): (Drm, Option<&str>)| {
            let template = template.or(own).ok_or_else(no_licences)?;
            Ok((drm, filled(opened, template, key, Some(drm))?))
        };
        let drms = encryption.drms().into_iter().map(licence).collect::<Result<_, StreamError>>()?;
        let clear_key = match (scheme, encryption.clear_key_template()) {
            (Scheme::Cbcs, _) => None,
            (Scheme::Cenc, Some(template)) => Some(filled(opened, template, key, None)?),
            (Scheme::Cenc, None) if is_handed_out(opened, key) => {
                let url = &opened.account.environment.streaming.url;
                let url = Url::parse(&format!("{url}/{KEY_DELIVERY}/{}/{CLEAR_KEY}", opened.locator.id));
                Some(url.map_err(|_| StreamError::internal("The streaming endpoint has no URL."))?)
            }
            (Scheme::Cenc, None) => None,
        };
        Ok(Self { drms, clear_key })
    }

    /// Where licences for a DRM system are.
    pub fn drm(&self, drm: Drm) -> Option<&Url> {
        self.drms.iter().find(|(own, _)| *own == drm).map(|(_, url)| url)
    }
}

/// Where players get a key of envelope encryption: here, or where the streaming policy's template says.
pub(super) fn envelope_key_url(opened: &Opened, key: &ContentKey) -> Result<String, StreamError> {
    let envelope = opened.rules.envelope_encryption.as_ref();
    let template = envelope.and_then(|envelope| envelope.custom_key_acquisition_url_template.as_ref());
    match template {
        None => Ok(format!("/{KEY_DELIVERY}/{}/{}", opened.locator.id, key.id)),
        Some(template) => Ok(filled(opened, template, key, None)?.into()),
    }
}

/// Whether the key's policy gives the key itself to some players.
fn is_handed_out(opened: &Opened, key: &ContentKey) -> bool {
    let holdings = opened.account.holdings();
    let policies = &holdings.publication.content_key_policies;
    let policy = key.policy.as_deref().and_then(|policy| policies.get(&folded(policy)));
    policy.is_some_and(ContentKeyPolicy::hands_out_keys)
}

fn filled(opened: &Opened, template: &str, key: &ContentKey, drm: Option<Drm>) -> Result<Url, StreamError> {
    let url = acquisition_url(template, key, opened.locator.alternative_media_id.as_deref(), drm);
    url.ok_or_else(|| StreamError::unprocessable("A URL template of the streaming policy makes no URL."))
}

fn no_licences() -> StreamError {
    StreamError::unprocessable("The streaming policy names a DRM system without a licence provider.")
}
