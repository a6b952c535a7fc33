//! Asset filters and account filters: which part of an asset a stream shows. Not how it is cut out.

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::arm::ArmError;
use crate::media_services::account::Account;
use crate::media_services::answer::{Answer, Call, Incoming, answer, answer_empty, given};
use crate::media_services::listing::{Listed, Listing, Property};
use crate::media_services::resource::{Envelope, Times, check_name, folded, quota_exceeded, timestamp};

/// "Quotas and limits": filters per asset, and per account.
const FILTERS_MAX: usize = 100;
/// Ticks of a time range that names no timescale: 100 ns each.
const TIMESCALE_DEFAULT: i64 = 10_000_000;

/// A filter, of an asset or of the account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::media_services) struct Filter {
    pub name: String,
    pub times: Times,
    pub properties: FilterProperties,
}

/// What a filter leaves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::media_services) struct FilterProperties {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presentation_time_range: Option<TimeRange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_quality: Option<FirstQuality>,
    /// A track stays when one of these takes it; with none, all stay.
    pub tracks: Vec<TrackSelection>,
}

/// From when to when, in ticks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::media_services) struct TimeRange {
    #[serde(skip_serializing_if = "Option::is_none")]
    start_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_timestamp: Option<i64>,
    /// For live streams only, as the next two are: kept, without effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    presentation_window_duration: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live_backoff_duration: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timescale: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    force_end_timestamp: Option<bool>,
}

/// Which quality players begin with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::media_services) struct FirstQuality {
    pub bitrate: u64,
}

/// Conditions that all have to hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::media_services) struct TrackSelection {
    pub track_selections: Vec<Condition>,
}

/// What has to be true of a track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::media_services) struct Condition {
    pub property: TrackProperty,
    pub value: String,
    pub operation: Operation,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::media_services) enum TrackProperty {
    Unknown,
    Type,
    Name,
    Language,
    #[serde(rename = "FourCC")]
    FourCc,
    Bitrate,
}

/// How it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::media_services) enum Operation {
    Equal,
    NotEqual,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FilterUpdate {
    #[serde(deserialize_with = "given")]
    presentation_time_range: Option<Option<TimeRange>>,
    #[serde(deserialize_with = "given")]
    first_quality: Option<Option<FirstQuality>>,
    tracks: Option<Vec<TrackSelection>>,
}

/// Whose filter it is.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    Account,
    Asset(&'a str),
}

pub(super) fn put(account: &Account, owner: Owner<'_>, name: &str, call: &Call) -> Answer {
    check_name("filter", name)?;
    let properties = call.json::<Incoming<Option<FilterProperties>>>()?.properties.unwrap_or_default();
    properties.check()?;
    let now = account.now();
    owner.check(account)?;
    let mut holdings = account.holdings();
    let publication = &mut holdings.publication;
    if let Some(filter) = owner.find_mut(publication, name) {
        filter.properties = properties;
        filter.times.last_modified = now;
        return answer(StatusCode::OK, owner.shown(account, filter));
    }
    if owner.all(publication).count() >= FILTERS_MAX {
        return Err(quota_exceeded("filters here", FILTERS_MAX).into());
    }
    let filter = Filter { name: name.to_owned(), times: Times::new(now), properties };
    let shown = owner.shown(account, &filter);
    match owner {
        Owner::Account => publication.account_filters.insert(folded(name), filter),
        Owner::Asset(asset) => publication.asset_filters.insert((folded(asset), folded(name)), filter),
    };
    answer(StatusCode::CREATED, shown)
}

pub(super) fn get(account: &Account, owner: Owner<'_>, name: &str) -> Answer {
    let holdings = account.holdings();
    let filter = owner.all(&holdings.publication).find(|filter| folded(&filter.name) == folded(name));
    answer(StatusCode::OK, owner.shown(account, filter.ok_or_else(|| owner.absent(name))?))
}

pub(super) fn update(account: &Account, owner: Owner<'_>, name: &str, call: &Call) -> Answer {
    let update = call.json::<Incoming<FilterUpdate>>()?.properties;
    let (now, mut holdings) = (account.now(), account.holdings());
    let filter = owner.find_mut(&mut holdings.publication, name).ok_or_else(|| owner.absent(name))?;
    let mut properties = filter.properties.clone();
    if let Some(range) = update.presentation_time_range {
        properties.presentation_time_range = range;
    }
    if let Some(quality) = update.first_quality {
        properties.first_quality = quality;
    }
    if let Some(tracks) = update.tracks {
        properties.tracks = tracks;
    }
    properties.check()?;
    filter.properties = properties;
    filter.times.last_modified = now;
    answer(StatusCode::OK, owner.shown(account, filter))
}

pub(super) fn delete(account: &Account, owner: Owner<'_>, name: &str) -> Answer {
    let mut holdings = account.holdings();
    let publication = &mut holdings.publication;
    let removed = match owner {
        Owner::Account => publication.account_filters.remove(&folded(name)),
        Owner::Asset(asset) => publication.asset_filters.remove(&(folded(asset), folded(name))),
    };
    answer_empty(if removed.is_some() { StatusCode::OK } else { StatusCode::NO_CONTENT })
}

pub(super) fn list(account: &Account, owner: Owner<'_>, call: &Call) -> Answer {
    owner.check(account)?;
    let listing = Listing::of::<Filter>(call)?;
    let holdings = account.holdings();
    let url = account.url_of(owner.path().as_str());
    let filters = owner.all(&holdings.publication);
    answer(StatusCode::OK, listing.page(filters, call, &url, |filter| owner.shown(account, filter)))
}

impl<'a> Owner<'a> {
    /// Filters of an asset need the asset.
    fn check(self, account: &Account) -> Result<(), ArmError> {
        let Self::Asset(asset) = self else { return Ok(()) };
        let is_there = account.holdings().assets.contains_key(&folded(asset));
        let absent = || ArmError::not_found(&format!("Microsoft.Media/mediaservices/assets/{asset}"));
        is_there.then_some(()).ok_or_else(absent)
    }

    fn find_mut<'b>(self, publication: &'b mut super::Publication, name: &str) -> Option<&'b mut Filter> {
        match self {
            Self::Account => publication.account_filters.get_mut(&folded(name)),
            Self::Asset(asset) => publication.asset_filters.get_mut(&(folded(asset), folded(name))),
        }
    }

    fn all<'b>(self, publication: &'b super::Publication) -> Box<dyn Iterator<Item = &'b Filter> + 'b> {
        match self {
            Self::Account => Box::new(publication.account_filters.values()),
            Self::Asset(asset) => {
                let asset = folded(asset);
                let own = publication.asset_filters.iter().filter(move |((of, _), _)| *of == asset);
                Box::new(own.map(|(_, filter)| filter))
            }
        }
    }

    fn path(self) -> String {
        match self {
            Self::Account => "accountFilters".to_owned(),
            Self::Asset(asset) => format!("assets/{asset}/assetFilters"),
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Account => "Microsoft.Media/mediaservices/accountFilters",
            Self::Asset(_) => "Microsoft.Media/mediaservices/assets/assetFilters",
        }
    }

    fn absent(self, name: &str) -> ArmError {
        ArmError::not_found(&format!("Microsoft.Media/mediaservices/{}/{name}", self.path()))
    }

    fn shown(self, account: &Account, filter: &Filter) -> Envelope<FilterProperties> {
        let id = account.id_of(&format!("{}/{}", self.path(), filter.name));
        Envelope::new(&filter.name, id, self.kind(), filter.times, filter.properties.clone())
    }
}

impl FilterProperties {
    /// Refuses what can never filter anything, naming the member.
    fn check(&self) -> Result<(), ArmError> {
        if let Some(range) = &self.presentation_time_range {
            range.check()?;
        }
        let conditions = self.tracks.iter().flat_map(|selection| &selection.track_selections);
        match conditions.clone().any(|condition| condition.property == TrackProperty::Unknown) {
            true => Err(invalid("tracks.trackSelections.property", "'Unknown' selects nothing")),
            false if conditions.clone().any(|condition| condition.bitrates().is_err()) => Err(invalid(
                "tracks.trackSelections.value",
                "a bitrate is a number or a range such as 0-500000",
            )),
            false => Ok(()),
        }
    }
}

impl TimeRange {
    /// From when, in seconds; `None` is from the beginning.
    pub fn start_s(&self) -> Option<f64> {
        self.start_timestamp.map(|ticks| self.seconds(ticks))
    }

    /// To when, in seconds; `None` is to the end.
    pub fn end_s(&self) -> Option<f64> {
        self.end_timestamp.map(|ticks| self.seconds(ticks))
    }

    #[expect(clippy::cast_precision_loss, reason = "2^53 ticks are 28 years")]
    fn seconds(&self, ticks: i64) -> f64 {
        ticks as f64 / self.timescale.unwrap_or(TIMESCALE_DEFAULT) as f64
    }

    fn check(&self) -> Result<(), ArmError> {
        let times = [
            ("startTimestamp", self.start_timestamp),
            ("endTimestamp", self.end_timestamp),
            ("presentationWindowDuration", self.presentation_window_duration),
            ("liveBackoffDuration", self.live_backoff_duration),
        ];
        if let Some((name, _)) = times.iter().find(|(_, time)| time.is_some_and(i64::is_negative)) {
            return Err(invalid(&format!("presentationTimeRange.{name}"), "a time is not negative"));
        }
        if self.timescale.is_some_and(|timescale| timescale <= 0) {
            return Err(invalid("presentationTimeRange.timescale", "a second has at least one tick"));
        }
        match (self.start_timestamp, self.end_timestamp) {
            (Some(start), Some(end)) if end <= start => {
                Err(invalid("presentationTimeRange.endTimestamp", "the end is after the start"))
            }
            _ => Ok(()),
        }
    }
}

impl Condition {
    /// The bitrates meant, from and to; only conditions on a bitrate have them.
    pub fn bitrates(&self) -> Result<Option<(u64, u64)>, std::num::ParseIntError> {
        if self.property != TrackProperty::Bitrate {
            return Ok(None);
        }
        let (from, to) = self.value.split_once('-').unwrap_or((&self.value, &self.value));
        let (from, to) = (from.trim(), to.trim());
        let from = if from.is_empty() { 0 } else { from.parse()? };
        let to = if to.is_empty() { u64::MAX } else { to.parse()? };
        Ok(Some((from, to)))
    }
}

fn invalid(member: &str, problem: &str) -> ArmError {
    ArmError::bad_request(format!("properties.{member} is invalid: {problem}."))
}

impl Listed for Filter {
    const PROPERTIES: &'static [Property] = &[Property::NAME, Property::CREATED];

    fn property(&self, name: &str) -> Option<String> {
        match name {
            "name" => Some(folded(&self.name)),
            "created" => Some(timestamp(self.times.created)),
            _ => None,
        }
    }
}
