//! From the path of a request about publication to who answers it. Not what is answered.

use std::sync::Arc;

use http::Method;

use super::filters::{self, Owner};
use super::{content_key_policies, endpoints, locators, streaming_policies};
use crate::media_services::account::Account;
use crate::media_services::answer::{Answer, Call, Refusal};

/// What of publication a request is about.
pub(in crate::media_services) enum Target<'a> {
    Filters(Option<&'a str>),
    Filter(Option<&'a str>, &'a str),
    StreamingPolicies,
    StreamingPolicy(&'a str),
    ContentKeyPolicies,
    ContentKeyPolicy(&'a str),
    ContentKeyPolicySecrets(&'a str),
    Locators,
    Locator(&'a str),
    LocatorKeys(&'a str),
    LocatorPaths(&'a str),
    LocatorsOfAsset(&'a str),
    Endpoints,
    Endpoint(&'a str),
    RunEndpoint(&'a str, bool),
}

/// What these segments of a path are about, if it is publication.
pub(in crate::media_services) fn target<'a>(segments: &[&'a str]) -> Option<Target<'a>> {
    let (kind, rest) = segments.split_first()?;
    match kind.to_ascii_lowercase().as_str() {
        "assets" => of_asset(rest),
        "accountfilters" => match *rest {
            [] => Some(Target::Filters(None)),
            [filter] => Some(Target::Filter(None, filter)),
            _ => None,
        },
        "streamingpolicies" => match *rest {
            [] => Some(Target::StreamingPolicies),
            [policy] => Some(Target::StreamingPolicy(policy)),
            _ => None,
        },
        "contentkeypolicies" => match *rest {
            [] => Some(Target::ContentKeyPolicies),
            [policy] => Some(Target::ContentKeyPolicy(policy)),
            [policy, act] if act.eq_ignore_ascii_case("getPolicyPropertiesWithSecrets") => {
                Some(Target::ContentKeyPolicySecrets(policy))
            }
            _ => None,
        },
        "streaminglocators" => match *rest {
            [] => Some(Target::Locators),
            [locator] => Some(Target::Locator(locator)),
            [locator, act] if act.eq_ignore_ascii_case("listContentKeys") => {
                Some(Target::LocatorKeys(locator))
            }
            [locator, act] if act.eq_ignore_ascii_case("listPaths") => Some(Target::LocatorPaths(locator)),
            _ => None,
        },
        "streamingendpoints" => match *rest {
            [] => Some(Target::Endpoints),
            [endpoint] => Some(Target::Endpoint(endpoint)),
            [endpoint, act] if act.eq_ignore_ascii_case("start") => Some(Target::RunEndpoint(endpoint, true)),
            [endpoint, act] if act.eq_ignore_ascii_case("stop") => Some(Target::RunEndpoint(endpoint, false)),
            _ => None,
        },
        _ => None,
    }
}

fn of_asset<'a>(segments: &[&'a str]) -> Option<Target<'a>> {
    match *segments {
        [asset, act] if act.eq_ignore_ascii_case("listStreamingLocators") => {
            Some(Target::LocatorsOfAsset(asset))
        }
        [asset, filters] if filters.eq_ignore_ascii_case("assetFilters") => {
            Some(Target::Filters(Some(asset)))
        }
        [asset, filters, filter] if filters.eq_ignore_ascii_case("assetFilters") => {
            Some(Target::Filter(Some(asset), filter))
        }
        _ => None,
    }
}

/// Answers a request about publication.
pub(in crate::media_services) async fn route(
    account: &Arc<Account>,
    target: &Target<'_>,
    call: &Call,
) -> Answer {
    match (target, &call.method) {
        (Target::Filters(asset), &Method::GET) => filters::list(account, of(*asset), call),
        (Target::Filter(asset, filter), &Method::GET) => filters::get(account, of(*asset), filter),
        (Target::Filter(asset, filter), &Method::PUT) => filters::put(account, of(*asset), filter, call),
        (Target::Filter(asset, filter), &Method::PATCH) => filters::update(account, of(*asset), filter, call),
        (Target::Filter(asset, filter), &Method::DELETE) => filters::delete(account, of(*asset), filter),
        (Target::StreamingPolicies, &Method::GET) => streaming_policies::list(account, call),
        (Target::StreamingPolicy(policy), &Method::GET) => streaming_policies::get(account, policy),
        (Target::StreamingPolicy(policy), &Method::PUT) => streaming_policies::put(account, policy, call),
        (Target::StreamingPolicy(policy), &Method::DELETE) => streaming_policies::delete(account, policy),
        (Target::ContentKeyPolicies, &Method::GET) => content_key_policies::list(account, call),
        (Target::ContentKeyPolicy(policy), &Method::GET) => content_key_policies::get(account, policy),
        (Target::ContentKeyPolicy(policy), &Method::PUT) => content_key_policies::put(account, policy, call),
        (Target::ContentKeyPolicy(policy), &Method::PATCH) => {
            content_key_policies::update(account, policy, call)
        }
        (Target::ContentKeyPolicy(policy), &Method::DELETE) => content_key_policies::delete(account, policy),
        (Target::ContentKeyPolicySecrets(policy), &Method::POST) => {
            content_key_policies::with_secrets(account, policy)
        }
        (Target::Locators, &Method::GET) => locators::list(account, call),
        (Target::Locator(locator), &Method::GET) => locators::get(account, locator),
        (Target::Locator(locator), &Method::PUT) => locators::put(account, locator, call),
        (Target::Locator(locator), &Method::DELETE) => locators::delete(account, locator),
        (Target::LocatorKeys(locator), &Method::POST) => locators::list_content_keys(account, locator),
        (Target::LocatorPaths(locator), &Method::POST) => locators::list_paths(account, locator).await,
        (Target::LocatorsOfAsset(asset), &Method::POST) => locators::list_of_asset(account, asset),
        (Target::Endpoints, &Method::GET) => endpoints::list(account, call),
        (Target::Endpoint(endpoint), &Method::GET) => endpoints::get(account, endpoint),
        (Target::RunEndpoint(endpoint, is_running), &Method::POST) => {
            endpoints::run(account, endpoint, *is_running)
        }
        (target, _) => Err(Refusal::method(target.allowed())),
    }
}

fn of(asset: Option<&str>) -> Owner<'_> {
    asset.map_or(Owner::Account, Owner::Asset)
}

impl Target<'_> {
    /// Whether this is an act that changes nothing.
    pub fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::ContentKeyPolicySecrets(_)
                | Self::LocatorKeys(_)
                | Self::LocatorPaths(_)
                | Self::LocatorsOfAsset(_)
        )
    }

    /// The methods that it takes.
    pub fn allowed(&self) -> &'static str {
        match self {
            Self::Filters(_)
            | Self::StreamingPolicies
            | Self::ContentKeyPolicies
            | Self::Locators
            | Self::Endpoints
            | Self::Endpoint(_) => "GET",
            Self::Filter(..) | Self::ContentKeyPolicy(_) => "GET, PUT, PATCH, DELETE",
            Self::StreamingPolicy(_) | Self::Locator(_) => "GET, PUT, DELETE",
            Self::ContentKeyPolicySecrets(_)
            | Self::LocatorKeys(_)
            | Self::LocatorPaths(_)
            | Self::LocatorsOfAsset(_)
            | Self::RunEndpoint(..) => "POST",
        }
    }
}
