//! Streaming endpoints: where streams are asked for. Every account has one, `default`, which starts and stops.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::arm::ArmError;
use crate::media_services::account::Account;
use crate::media_services::answer::{Answer, Call, answer, answer_empty};
use crate::media_services::listing::{Listed, Listing, Property};
use crate::media_services::resource::{Times, folded, timestamp};

/// The only endpoint.
const DEFAULT: &str = "default";

/// A streaming endpoint.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::media_services) struct Endpoint {
    pub name: String,
    pub is_running: bool,
    times: Times,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointAnswer {
    name: String,
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    location: String,
    sku: Sku,
    properties: EndpointProperties,
}

#[derive(Serialize)]
struct Sku {
    name: &'static str,
    capacity: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointProperties {
    description: &'static str,
    scale_units: u32,
    host_name: String,
    custom_host_names: [String; 0],
    cdn_enabled: bool,
    provisioning_state: &'static str,
    resource_state: &'static str,
    created: String,
    last_modified: String,
}

/// What every account has.
pub(super) fn from_the_start(now: OffsetDateTime) -> BTreeMap<String, Endpoint> {
    let endpoint = Endpoint { name: DEFAULT.to_owned(), is_running: true, times: Times::new(now) };
    BTreeMap::from([(DEFAULT.to_owned(), endpoint)])
}

pub(super) fn get(account: &Account, name: &str) -> Answer {
    let holdings = account.holdings();
    let endpoint = holdings.publication.endpoints.get(&folded(name)).ok_or_else(|| absent(name))?;
    answer(StatusCode::OK, shown(account, endpoint))
}

pub(super) fn list(account: &Account, call: &Call) -> Answer {
    let listing = Listing::of::<Endpoint>(call)?;
    let (holdings, url) = (account.holdings(), account.url_of("streamingEndpoints"));
    let endpoints = holdings.publication.endpoints.values();
    answer(StatusCode::OK, listing.page(endpoints, call, &url, |endpoint| shown(account, endpoint)))
}

/// Starts or stops an endpoint. What takes Azure minutes is over at once, so that there is nothing to poll for.
pub(super) fn run(account: &Account, name: &str, is_running: bool) -> Answer {
    let (now, mut holdings) = (account.now(), account.holdings());
    let endpoint = holdings.publication.endpoints.get_mut(&folded(name)).ok_or_else(|| absent(name))?;
    endpoint.is_running = is_running;
    endpoint.times.last_modified = now;
    answer_empty(StatusCode::OK)
}

fn absent(name: &str) -> ArmError {
    ArmError::not_found(&format!("Microsoft.Media/mediaservices/streamingEndpoints/{name}"))
}

fn shown(account: &Account, endpoint: &Endpoint) -> EndpointAnswer {
    let url = &account.environment.streaming.url;
    EndpointAnswer {
        name: endpoint.name.clone(),
        id: account.id_of(&format!("streamingEndpoints/{}", endpoint.name)),
        kind: "Microsoft.Media/mediaservices/streamingEndpoints",
        location: account.settings.region.clone(),
        sku: Sku { name: "Standard", capacity: 600 },
        properties: EndpointProperties {
            description: "",
            scale_units: 0,
            host_name: url.split_once("://").map_or(url.as_str(), |(_, host)| host).to_owned(),
            custom_host_names: [],
            cdn_enabled: false,
            provisioning_state: "Succeeded",
            resource_state: if endpoint.is_running { "Running" } else { "Stopped" },
            created: timestamp(endpoint.times.created),
            last_modified: timestamp(endpoint.times.last_modified),
        },
    }
}

impl Listed for Endpoint {
    const PROPERTIES: &'static [Property] = &[Property::NAME, Property::CREATED];

    fn property(&self, name: &str) -> Option<String> {
        match name {
            "name" => Some(folded(&self.name)),
            "created" => Some(timestamp(self.times.created)),
            _ => None,
        }
    }
}
