//! Content key policies: who gets a content key. Not the keys, and not the check at delivery.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::key_options::{KeyConfiguration, KeyOption};
use super::locators::Locator;
use crate::arm::ArmError;
use crate::media_services::account::Account;
use crate::media_services::answer::{Answer, Call, Incoming, answer, answer_empty, conflict, given};
use crate::media_services::listing::{Listed, Listing, Property};
use crate::media_services::resource::{Envelope, Times, check_name, folded, quota_exceeded, timestamp};

/// As many as there may be of streaming policies; the dialect names no limit.
const POLICIES_MAX: usize = 100;

/// A content key policy. Its secrets are shown only on request, so that there is no `Debug` here; it is serialized with
/// them, only for the account's folder.
#[derive(Serialize, Deserialize)]
pub(in crate::media_services) struct ContentKeyPolicy {
    pub name: String,
    id: Uuid,
    times: Times,
    description: Option<String>,
    pub options: Vec<KeyOption>,
}

#[derive(Deserialize)]
struct PolicyRequest {
    #[serde(default, deserialize_with = "given")]
    description: Option<Option<String>>,
    options: Option<Vec<Value>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyAnswer {
    policy_id: String,
    created: String,
    last_modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    options: Vec<Value>,
}

pub(super) fn put(account: &Account, name: &str, call: &Call) -> Answer {
    check_name("content key policy", name)?;
    let request = call.json::<Incoming<PolicyRequest>>()?.properties;
    let options = request.options.ok_or_else(|| ArmError::bad_request("properties.options is missing."))?;
    let options = read_options(account, options)?;
    let description = request.description.flatten();
    let (now, mut holdings) = (account.now(), account.holdings());
    let policies = &mut holdings.publication.content_key_policies;
    if let Some(policy) = policies.get_mut(&folded(name)) {
        policy.description = description;
        policy.options = options;
        policy.times.last_modified = now;
        return answer(StatusCode::OK, shown(account, policy));
    }
    if policies.len() >= POLICIES_MAX {
        return Err(quota_exceeded("content key policies", POLICIES_MAX).into());
    }
    let id = account.environment.ids.guid();
    let policy = ContentKeyPolicy { name: name.to_owned(), id, times: Times::new(now), description, options };
    let policy = policies.entry(folded(name)).or_insert(policy);
    answer(StatusCode::CREATED, shown(account, policy))
}

pub(super) fn get(account: &Account, name: &str) -> Answer {
    let holdings = account.holdings();
    let policy = holdings.publication.content_key_policies.get(&folded(name)).ok_or_else(|| absent(name))?;
    answer(StatusCode::OK, shown(account, policy))
}

pub(super) fn update(account: &Account, name: &str, call: &Call) -> Answer {
    let request = call.json::<Incoming<PolicyRequest>>()?.properties;
    let options = request.options.map(|options| read_options(account, options)).transpose()?;
    let (now, mut holdings) = (account.now(), account.holdings());
    let policies = &mut holdings.publication.content_key_policies;
    let policy = policies.get_mut(&folded(name)).ok_or_else(|| absent(name))?;
    if let Some(description) = request.description {
        policy.description = description;
    }
    if let Some(options) = options {
        policy.options = options;
    }
    policy.times.last_modified = now;
    answer(StatusCode::OK, shown(account, policy))
}

pub(super) fn delete(account: &Account, name: &str) -> Answer {
    let mut holdings = account.holdings();
    let in_use = |policy: &String| folded(policy) == folded(name);
    if holdings.publication.locators.values().flat_map(Locator::content_key_policies).any(in_use) {
        return Err(
            conflict(format!("The content key policy '{name}' is in use by streaming locators.")).into()
        );
    }
    let removed = holdings.publication.content_key_policies.remove(&folded(name));
    answer_empty(if removed.is_some() { StatusCode::OK } else { StatusCode::NO_CONTENT })
}

pub(super) fn list(account: &Account, call: &Call) -> Answer {
    let listing = Listing::of::<ContentKeyPolicy>(call)?;
    let (holdings, url) = (account.holdings(), account.url_of("contentKeyPolicies"));
    let policies = holdings.publication.content_key_policies.values();
    answer(StatusCode::OK, listing.page(policies, call, &url, |policy| shown(account, policy)))
}

/// The properties alone, with all that the other answers hide.
pub(super) fn with_secrets(account: &Account, name: &str) -> Answer {
    let holdings = account.holdings();
    let policy = holdings.publication.content_key_policies.get(&folded(name)).ok_or_else(|| absent(name))?;
    answer(StatusCode::OK, json!(policy.answer(KeyOption::with_secrets)))
}

/// 404 for a content key policy that is not there.
pub(super) fn absent(name: &str) -> ArmError {
    ArmError::not_found(&format!("Microsoft.Media/mediaservices/contentKeyPolicies/{name}"))
}

fn read_options(account: &Account, options: Vec<Value>) -> Result<Vec<KeyOption>, ArmError> {
    if options.is_empty() {
        return Err(ArmError::bad_request("properties.options has at least one entry."));
    }
    let read = |(index, option)| KeyOption::read(account.environment.ids.guid(), index, option);
    options.into_iter().enumerate().map(read).collect()
}

fn shown(account: &Account, policy: &ContentKeyPolicy) -> Envelope<PolicyAnswer> {
    let id = account.id_of(&format!("contentKeyPolicies/{}", policy.name));
    let kind = "Microsoft.Media/mediaservices/contentKeyPolicies";
    Envelope::new(&policy.name, id, kind, policy.times, policy.answer(KeyOption::without_secrets))
}

impl ContentKeyPolicy {
    /// Whether some players are given the key itself.
    pub fn hands_out_keys(&self) -> bool {
        self.options.iter().any(|option| option.configuration == KeyConfiguration::ClearKey)
    }

    fn answer(&self, show: impl Fn(&KeyOption) -> Value) -> PolicyAnswer {
        PolicyAnswer {
            policy_id: self.id.to_string(),
            created: timestamp(self.times.created),
            last_modified: timestamp(self.times.last_modified),
            description: self.description.clone(),
            options: self.options.iter().map(show).collect(),
        }
    }
}

impl Listed for ContentKeyPolicy {
    const PROPERTIES: &'static [Property] =
        &[Property::NAME, Property::text("description"), Property::CREATED, Property::LAST_MODIFIED];

    fn property(&self, name: &str) -> Option<String> {
        match name {
            "name" => Some(folded(&self.name)),
            "description" => self.description.clone(),
            "created" => Some(timestamp(self.times.created)),
            "lastModified" => Some(timestamp(self.times.last_modified)),
            _ => None,
        }
    }
}
