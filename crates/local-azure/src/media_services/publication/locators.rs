//! Streaming locators: under which id, when, and how an asset is streamed. They are made and deleted, never changed.

use std::sync::Arc;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::content_keys::{ContentKey, KeyAnswer};
use super::locator_request::{LocatorRequest, Surroundings};
use super::paths;
use super::streaming_policies::StreamingPolicy;
use super::{Filter, Publication};
use crate::arm::ArmError;
use crate::media_services::account::Account;
use crate::media_services::answer::{Answer, Call, Incoming, answer, answer_empty, conflict};
use crate::media_services::listing::{Listed, Listing, Property};
use crate::media_services::resource::{Envelope, Times, check_name, folded, quota_exceeded, timestamp};

/// "Quotas and limits": locators per asset.
const LOCATORS_MAX: usize = 100;

/// A streaming locator. It holds keys, and so is serialized only for the account's folder.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::media_services) struct Locator {
    pub name: String,
    pub id: Uuid,
    pub asset: String,
    /// The streaming policy.
    pub policy: String,
    pub default_content_key_policy: Option<String>,
    /// Filters of the asset or the account that apply to all of its streams.
    pub filters: Vec<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub start: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub end: Option<OffsetDateTime>,
    pub alternative_media_id: Option<String>,
    pub keys: Vec<ContentKey>,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LocatorAnswer {
    #[serde(flatten)]
    summary: LocatorSummary,
    content_keys: Vec<KeyAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alternative_media_id: Option<String>,
    filters: Vec<String>,
}

/// What an asset's list of its locators shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LocatorSummary {
    asset_name: String,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<String>,
    streaming_locator_id: String,
    streaming_policy_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_content_key_policy_name: Option<String>,
}

pub(super) fn put(account: &Account, name: &str, call: &Call) -> Answer {
    check_name("streaming locator", name)?;
    let request = call.json::<Incoming<LocatorRequest>>()?.properties;
    let (now, mut holdings) = (account.now(), account.holdings());
    if let Some(locator) = holdings.publication.locators.get(&folded(name)) {
        if request.is_met_by(locator) {
            return answer(StatusCode::CREATED, shown(account, locator));
        }
        let message = format!("The streaming locator '{name}' exists, and locators cannot be changed.");
        return Err(conflict(message).into());
    }
    let environment = &account.environment;
    let surroundings = Surroundings { ids: &environment.ids, settings: &environment.streaming, now };
    let locator = request.locator(name, &holdings, surroundings)?;
    let locators = &mut holdings.publication.locators;
    if locators.values().any(|other| other.id == locator.id) {
        let message = "Another streaming locator has this properties.streamingLocatorId.";
        return Err(conflict(message).into());
    }
    if locators.values().filter(|other| other.asset == locator.asset).count() >= LOCATORS_MAX {
        return Err(quota_exceeded("streaming locators for this asset", LOCATORS_MAX).into());
    }
    let locator = locators.entry(folded(name)).or_insert(locator);
    answer(StatusCode::CREATED, shown(account, locator))
}

pub(super) fn get(account: &Account, name: &str) -> Answer {
    let holdings = account.holdings();
    answer(StatusCode::OK, shown(account, find(&holdings.publication, name)?))
}

pub(super) fn delete(account: &Account, name: &str) -> Answer {
    let removed = account.holdings().publication.locators.remove(&folded(name));
    answer_empty(if removed.is_some() { StatusCode::OK } else { StatusCode::NO_CONTENT })
}

pub(super) fn list(account: &Account, call: &Call) -> Answer {
    let listing = Listing::of::<Locator>(call)?;
    let (holdings, url) = (account.holdings(), account.url_of("streamingLocators"));
    let locators = holdings.publication.locators.values();
    answer(StatusCode::OK, listing.page(locators, call, &url, |locator| shown(account, locator)))
}

pub(super) fn list_of_asset(account: &Account, asset: &str) -> Answer {
    let holdings = account.holdings();
    if !holdings.assets.contains_key(&folded(asset)) {
        return Err(ArmError::not_found(&format!("Microsoft.Media/mediaservices/assets/{asset}")).into());
    }
    let own =
        holdings.publication.locators.values().filter(|locator| folded(&locator.asset) == folded(asset));
    let shown = own.map(|locator| {
        let mut shown = json!(locator.summary());
        shown["name"] = json!(locator.name);
        shown
    });
    answer(StatusCode::OK, json!({"streamingLocators": shown.collect::<Vec<_>>()}))
}

pub(super) fn list_content_keys(account: &Account, name: &str) -> Answer {
    let holdings = account.holdings();
    let keys = find(&holdings.publication, name)?.keys.iter().map(|key| key.shown(true));
    answer(StatusCode::OK, json!({"contentKeys": keys.collect::<Vec<_>>()}))
}

pub(super) async fn list_paths(account: &Arc<Account>, name: &str) -> Answer {
    let (locator, policy) = {
        let holdings = account.holdings();
        let locator = find(&holdings.publication, name)?.clone();
        let policy = holdings.publication.policy_of(&locator).cloned();
        (locator, policy)
    };
    let policy = policy.ok_or_else(|| ArmError::not_found("the streaming policy of the locator"))?;
    answer(StatusCode::OK, paths::of(account, &locator, &policy.rules).await?)
}

fn find<'a>(publication: &'a Publication, name: &str) -> Result<&'a Locator, ArmError> {
    let absent = || ArmError::not_found(&format!("Microsoft.Media/mediaservices/streamingLocators/{name}"));
    publication.locators.get(&folded(name)).ok_or_else(absent)
}

fn shown(account: &Account, locator: &Locator) -> Envelope<LocatorAnswer> {
    let properties = LocatorAnswer {
        summary: locator.summary(),
        content_keys: locator.keys.iter().map(|key| key.shown(false)).collect(),
        alternative_media_id: locator.alternative_media_id.clone(),
        filters: locator.filters.clone(),
    };
    let id = account.id_of(&format!("streamingLocators/{}", locator.name));
    let kind = "Microsoft.Media/mediaservices/streamingLocators";
    Envelope::new(&locator.name, id, kind, Times::new(locator.created), properties)
}

impl Locator {
    /// All content key policies that it relies on.
    pub fn content_key_policies(&self) -> impl Iterator<Item = &String> {
        self.default_content_key_policy.iter().chain(self.keys.iter().filter_map(|key| key.policy.as_ref()))
    }

    fn summary(&self) -> LocatorSummary {
        LocatorSummary {
            asset_name: self.asset.clone(),
            created: timestamp(self.created),
            start_time: self.start.map(timestamp),
            end_time: self.end.map(timestamp),
            streaming_locator_id: self.id.to_string(),
            streaming_policy_name: self.policy.clone(),
            default_content_key_policy_name: self.default_content_key_policy.clone(),
        }
    }
}

impl Publication {
    /// A filter by name: the asset's own, or else the account's.
    pub fn filter(&self, asset: &str, name: &str) -> Option<&Filter> {
        let own = self.asset_filters.get(&(folded(asset), folded(name)));
        own.or_else(|| self.account_filters.get(&folded(name)))
    }

    /// The streaming policy that a locator follows.
    pub fn policy_of(&self, locator: &Locator) -> Option<&StreamingPolicy> {
        self.streaming_policies.get(&folded(&locator.policy))
    }
}

impl Listed for Locator {
    const PROPERTIES: &'static [Property] = &[Property::NAME, Property::CREATED, Property::text("assetName")];

    fn property(&self, name: &str) -> Option<String> {
        match name {
            "name" => Some(folded(&self.name)),
            "created" => Some(timestamp(self.created)),
            "assetName" => Some(self.asset.clone()),
            _ => None,
        }
    }
}
