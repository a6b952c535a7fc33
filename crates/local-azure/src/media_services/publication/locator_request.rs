//! What a new streaming locator is asked to be, checked against all that it names. Makes it, keeps nothing.

use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::content_keys::{self, GivenKey};
use super::locators::Locator;
use super::{Publication, content_key_policies, offered, streaming_policies};
use crate::arm::ArmError;
use crate::ids::Ids;
use crate::media_services::account::Holdings;
use crate::media_services::resource::folded;
use crate::media_services::settings::StreamingSettings;

/// Filters that one locator may name; the dialect names no limit.
const FILTERS_MAX: usize = 100;

/// The properties of a locator's PUT.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LocatorRequest {
    asset_name: Option<String>,
    streaming_policy_name: Option<String>,
    default_content_key_policy_name: Option<String>,
    #[serde(default)]
    content_keys: Option<Vec<GivenKey>>,
    #[serde(default)]
    filters: Option<Vec<String>>,
    #[serde(default, with = "time::serde::rfc3339::option")]
    start_time: Option<OffsetDateTime>,
    #[serde(default, with = "time::serde::rfc3339::option")]
    end_time: Option<OffsetDateTime>,
    streaming_locator_id: Option<Uuid>,
    alternative_media_id: Option<String>,
}

/// What a locator depends on beside what the account holds.
pub(super) struct Surroundings<'a> {
    pub ids: &'a Ids,
    pub settings: &'a StreamingSettings,
    pub now: OffsetDateTime,
}

impl LocatorRequest {
    /// Whether a locator that is already there is what is asked for.
    pub fn is_met_by(&self, locator: &Locator) -> bool {
        let same = |given: Option<&str>, own: Option<&str>| given.map(folded) == own.map(folded);
        let given_keys = self.content_keys.iter().flatten();
        let has = |given: &GivenKey| locator.keys.iter().any(|key| key.id == given.id);
        same(self.asset_name.as_deref(), Some(&locator.asset))
            && same(self.streaming_policy_name.as_deref(), Some(&locator.policy))
            && self.default_content_key_policy_name.as_deref().map(folded)
                == locator.default_content_key_policy.as_deref().map(folded)
            && self.filters.as_deref().unwrap_or_default() == locator.filters
            && self.start_time == locator.start
            && self.end_time == locator.end
            && self.alternative_media_id == locator.alternative_media_id
            && self.streaming_locator_id.is_none_or(|id| id == locator.id)
            && given_keys.into_iter().all(has)
    }

    /// The locator, if all that it names is there and offered.
    pub fn locator(
        self,
        name: &str,
        holdings: &Holdings,
        Surroundings { ids, settings, now }: Surroundings<'_>,
    ) -> Result<Locator, ArmError> {
        let asset = self.asset_name.as_deref().ok_or_else(|| missing("assetName"))?;
        let asset = holdings.assets.get(&folded(asset)).map(|asset| asset.name.clone());
        let asset = asset.ok_or_else(|| absent("assets", self.asset_name.as_deref()))?;
        let publication = &holdings.publication;
        let policy = self.streaming_policy_name.as_deref().ok_or_else(|| missing("streamingPolicyName"))?;
        let policy = publication.streaming_policies.get(&folded(policy));
        let policy = policy.ok_or_else(|| {
            streaming_policies::absent(self.streaming_policy_name.as_deref().unwrap_or_default())
        })?;
        self.check_filters(publication, &asset)?;
        if let (Some(start), Some(end)) = (self.start_time, self.end_time)
            && end <= start
        {
            return Err(ArmError::bad_request("properties.endTime is not after properties.startTime."));
        }
        let own = self.default_content_key_policy_name.as_deref();
        if let Some(own) = own.filter(|own| !publication.content_key_policies.contains_key(&folded(own))) {
            return Err(content_key_policies::absent(own));
        }
        offered::check_policy(policy, settings)?;
        let default = own.or(policy.rules.default_content_key_policy_name.as_deref());
        let given = self.content_keys.as_deref().unwrap_or_default();
        let keys = content_keys::of_locator(&policy.rules, default, given, ids)?;
        offered::check_keys(&policy.rules, &keys, &publication.content_key_policies, settings)?;
        Ok(Locator {
            name: name.to_owned(),
            id: self.streaming_locator_id.unwrap_or_else(|| ids.guid()),
            asset,
            policy: policy.name.clone(),
            default_content_key_policy: self.default_content_key_policy_name,
            filters: self.filters.unwrap_or_default(),
            start: self.start_time,
            end: self.end_time,
            alternative_media_id: self.alternative_media_id,
            keys,
            created: now,
        })
    }

    fn check_filters(&self, publication: &Publication, asset: &str) -> Result<(), ArmError> {
        let filters = self.filters.as_deref().unwrap_or_default();
        if filters.len() > FILTERS_MAX {
            return Err(ArmError::bad_request(format!(
                "properties.filters has more than {FILTERS_MAX} entries."
            )));
        }
        match filters.iter().find(|filter| publication.filter(asset, filter).is_none()) {
            None => Ok(()),
            Some(filter) => Err(absent(&format!("assets/{asset}/assetFilters"), Some(filter))),
        }
    }
}

fn missing(member: &str) -> ArmError {
    ArmError::bad_request(format!("properties.{member} is missing."))
}

fn absent(kind: &str, name: Option<&str>) -> ArmError {
    ArmError::not_found(&format!("Microsoft.Media/mediaservices/{kind}/{}", name.unwrap_or_default()))
}
