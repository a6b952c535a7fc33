//! What assets are published with: filters, streaming policies, content key policies, streaming locators and streaming
//! endpoints. Not the streams themselves: those are `streaming`'s.

mod content_key_policies;
mod content_keys;
mod drm;
mod endpoints;
mod filters;
mod key_options;
mod locator_request;
mod locators;
mod offered;
mod paths;
mod routes;
mod streaming_policies;

use time::OffsetDateTime;

use super::keeping::{Kept, Records};
pub(super) use content_key_policies::ContentKeyPolicy;
pub(super) use content_keys::{ContentKey, KeyKind};
pub(super) use drm::{Drm, acquisition_url};
use endpoints::Endpoint;
use filters::Filter;
pub(super) use filters::{Condition, FilterProperties, Operation, TimeRange, TrackProperty};
pub(super) use key_options::{
    KeyConfiguration, KeyRestriction, RequiredClaim, TokenRestriction, TokenType, VerificationKey,
};
pub(super) use locators::Locator;
pub(super) use offered::{is_discoverable, protocols};
pub(super) use paths::{Protocol, is_server_manifest};
pub(super) use routes::{Target, route, target};
use streaming_policies::StreamingPolicy;
pub(super) use streaming_policies::{Encryption, Protocols, Rules};

/// What an account has for publication, by folded names.
pub(super) struct Publication {
    /// By asset and name.
    pub asset_filters: Records<(String, String), Filter>,
    pub account_filters: Records<String, Filter>,
    pub streaming_policies: Records<String, StreamingPolicy>,
    pub content_key_policies: Records<String, ContentKeyPolicy>,
    pub locators: Records<String, Locator>,
    pub endpoints: Records<String, Endpoint>,
}

impl Publication {
    /// What every account has from the start: the predefined streaming policies, and the endpoint `default`, which
    /// runs.
    pub fn new(now: OffsetDateTime) -> Self {
        Self {
            asset_filters: Records::new("asset-filters"),
            account_filters: Records::new("account-filters"),
            streaming_policies: Records::starting_with(
                "streaming-policies",
                streaming_policies::predefined(now),
            ),
            content_key_policies: Records::new("content-key-policies"),
            locators: Records::new("locators"),
            endpoints: Records::starting_with("endpoints", endpoints::from_the_start(now)),
        }
    }

    /// All records, for those who write them.
    pub fn records(&mut self) -> [&mut dyn Kept; 6] {
        [
            &mut self.asset_filters,
            &mut self.account_filters,
            &mut self.streaming_policies,
            &mut self.content_key_policies,
            &mut self.locators,
            &mut self.endpoints,
        ]
    }

    /// Stops the endpoints if it cannot be read whether they ran: what was stopped is not to be open again.
    pub fn stop_unknown_endpoints(&mut self) {
        if !self.endpoints.is_incomplete() {
            return;
        }
        for name in self.endpoints.keys().cloned().collect::<Vec<_>>() {
            if let Some(endpoint) = self.endpoints.get_mut(&name) {
                tracing::warn!(name, "a streaming endpoint is stopped: whether it ran cannot be read");
                endpoint.is_running = false;
            }
        }
    }

    /// Forgets what belongs to an asset: its filters and its locators, as the service does when the asset goes.
    pub fn forget_asset(&mut self, asset: &str) {
        self.asset_filters.retain(|(of, _), _| of != asset);
        self.locators.retain(|_, locator| super::resource::folded(&locator.asset) != asset);
    }
}
