//! Whether a locator may be streamed now, and what its policy allows. Not what is streamed.

use std::sync::Arc;

use uuid::Uuid;

use super::Streaming;
use super::common_encryption::Scheme;
use super::error::StreamError;
use super::licences::Licences;
use super::request::{Options, UrlEncryption};
use crate::media_services::account::Account;
use crate::media_services::assets::Asset;
use crate::media_services::publication::{
    ContentKey, FilterProperties, KeyKind, Locator, Protocol, Protocols, Rules, protocols,
};
use crate::media_services::resource::folded;

/// A locator that may be streamed now.
pub(super) struct Opened {
    pub account: Arc<Account>,
    pub locator: Locator,
    pub rules: Rules,
    pub asset: Asset,
}

/// How what is streamed is protected.
pub(super) enum Protection<'a> {
    Clear,
    /// Whole segments are encrypted with this key.
    Envelope(&'a ContentKey),
    /// Samples are encrypted.
    Common(Common<'a>),
}

/// Samples are encrypted with a key, which players get by licence.
pub(super) struct Common<'a> {
    pub scheme: Scheme,
    pub key: &'a ContentKey,
    pub licences: Licences,
}

impl Streaming {
    /// Finds a locator in any account; the first that can be streamed counts.
    pub(super) fn open(&self, id: Uuid) -> Result<Opened, StreamError> {
        let mut refusal = StreamError::not_found("There is no such streaming locator.");
        for account in &self.accounts {
            match open(account, id) {
                None => {}
                Some(Ok(opened)) => return Ok(opened),
                Some(Err(error)) => refusal = error,
            }
        }
        Err(refusal)
    }
}

fn open(account: &Arc<Account>, id: Uuid) -> Option<Result<Opened, StreamError>> {
    let (now, holdings) = (account.now(), account.holdings());
    let publication = &holdings.publication;
    let locator = publication.locators.values().find(|locator| locator.id == id)?;
    if !publication.endpoints.values().any(|endpoint| endpoint.is_running) {
        return Some(Err(StreamError::unavailable("The streaming endpoint is stopped.")));
    }
    if locator.start.is_some_and(|start| now < start) {
        return Some(Err(StreamError::forbidden("The streaming locator is not valid yet.")));
    }
    if locator.end.is_some_and(|end| now >= end) {
        return Some(Err(StreamError::forbidden("The streaming locator has expired.")));
    }
    let policy = publication.policy_of(locator)?;
    let asset = holdings.assets.get(&folded(&locator.asset))?;
    Some(Ok(Opened {
        account: Arc::clone(account),
        locator: locator.clone(),
        rules: policy.rules.clone(),
        asset: asset.clone(),
    }))
}

impl Opened {
    /// How a manifest of this protocol is protected, which the policy has to allow.
    pub fn protection(&self, protocol: Protocol, options: &Options) -> Result<Protection<'_>, StreamError> {
        let clear =
            self.rules.no_encryption.as_ref().map(|clear| clear.enabled_protocols).unwrap_or_default();
        let is_clear = match protocol {
            Protocol::Hls => clear.hls,
            Protocol::Dash => clear.dash,
        };
        match options.encryption {
            Some(UrlEncryption::Cbc) => self.envelope(protocol),
            Some(UrlEncryption::Common(scheme)) => self.common(scheme, protocol),
            Some(UrlEncryption::None) | None if is_clear => Ok(Protection::Clear),
            Some(UrlEncryption::None) => Err(not_clear()),
            None => {
                let of_scheme = |scheme| self.common(scheme, protocol);
                of_scheme(Scheme::Cenc)
                    .or_else(|_| of_scheme(Scheme::Cbcs))
                    .or_else(|_| self.envelope(protocol))
            }
        }
    }

    /// How a part of a presentation is protected. Clear parts belong to HLS and DASH alike.
    pub fn part_protection(&self, options: &Options) -> Result<Protection<'_>, StreamError> {
        match options.encryption {
            Some(UrlEncryption::Cbc) => self.envelope(Protocol::Hls),
            Some(UrlEncryption::Common(scheme)) => {
                self.common(scheme, Protocol::Dash).or_else(|_| self.common(scheme, Protocol::Hls))
            }
            Some(UrlEncryption::None) | None => self
                .protection(
                    Protocol::Hls,
                    &Options { encryption: Some(UrlEncryption::None), ..Options::default() },
                )
                .or_else(|_| {
                    let clear = Options { encryption: Some(UrlEncryption::None), ..Options::default() };
                    self.protection(Protocol::Dash, &clear)
                }),
        }
    }

    /// All filters that apply: the locator's, and those of the URL.
    pub fn filters(&self, options: &Options) -> Result<Vec<FilterProperties>, StreamError> {
        let holdings = self.account.holdings();
        let named = self.locator.filters.iter().chain(&options.filters);
        let filters = named.map(|name| {
            let filter = holdings.publication.filter(&self.asset.name, name);
            let absent = || StreamError::not_found("A filter of the URL or the locator does not exist.");
            filter.map(|filter| filter.properties.clone()).ok_or_else(absent)
        });
        filters.collect()
    }

    /// Whether files of the asset may be downloaded.
    pub fn allow_download(&self) -> Result<(), StreamError> {
        let clear = self.rules.no_encryption.as_ref();
        match clear.is_some_and(|clear| clear.enabled_protocols.download) {
            true => Ok(()),
            false => Err(StreamError::forbidden("The streaming policy does not enable downloads.")),
        }
    }

    /// For how many seconds an answer may be kept: no longer than the locator is valid.
    pub fn cache_seconds(&self, wanted: u32) -> u32 {
        let left = self.locator.end.map(|end| (end - self.account.now()).whole_seconds().max(0));
        left.and_then(|left| u32::try_from(left).ok()).map_or(wanted, |left| left.min(wanted))
    }

    fn common(&self, scheme: Scheme, protocol: Protocol) -> Result<Protection<'_>, StreamError> {
        let found = self.rules.keyed().find(|(kind, _)| *kind == scheme.kind());
        let key = self.locator.keys.iter().find(|key| key.kind == scheme.kind());
        let is_enabled = |protocols: Protocols| match protocol {
            Protocol::Hls => protocols.hls,
            Protocol::Dash => protocols.dash,
        };
        match (found, key) {
            (Some((kind, encryption)), Some(key)) if is_enabled(protocols(kind, encryption)) => {
                let licences = Licences::of(self, scheme, encryption, key)?;
                Ok(Protection::Common(Common { scheme, key, licences }))
            }
            _ => Err(StreamError::forbidden("The streaming policy does not enable this encryption.")),
        }
    }

    fn envelope(&self, protocol: Protocol) -> Result<Protection<'_>, StreamError> {
        let envelope = self.rules.envelope_encryption.as_ref().map(|envelope| envelope.enabled_protocols);
        let key = self.locator.keys.iter().find(|key| key.kind == KeyKind::EnvelopeEncryption);
        match (protocol, envelope.is_some_and(|protocols| protocols.hls), key) {
            (Protocol::Hls, true, Some(key)) => Ok(Protection::Envelope(key)),
            (Protocol::Hls, ..) => {
                Err(StreamError::forbidden("The streaming policy does not enable this for HLS."))
            }
            (Protocol::Dash, ..) => Err(StreamError::forbidden(
                "The streaming policy does not enable clear DASH, and DASH with envelope encryption is not offered.",
            )),
        }
    }
}

fn not_clear() -> StreamError {
    StreamError::forbidden("The streaming policy does not enable clear streaming.")
}
