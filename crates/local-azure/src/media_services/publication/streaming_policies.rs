//! Streaming policies: by which protocols, and protected how, an asset may be streamed. Not whether that is offered here.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::content_keys::KeyKind;
use crate::arm::ArmError;
use crate::media_services::account::Account;
use crate::media_services::answer::{Answer, Call, Incoming, answer, answer_empty, conflict};
use crate::media_services::listing::{Listed, Listing, Property};
use crate::media_services::resource::{Envelope, Times, check_name, folded, quota_exceeded, timestamp};

/// "Quotas and limits": custom policies per account.
const POLICIES_MAX: usize = 100;
/// How the names of the service's own policies begin.
const PREDEFINED: &str = "Predefined_";

/// A streaming policy.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::media_services) struct StreamingPolicy {
    pub name: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    pub rules: Rules,
}

/// What a policy says.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::media_services) struct Rules {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_content_key_policy_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_encryption: Option<Encryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub envelope_encryption: Option<Encryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_encryption_cenc: Option<Encryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_encryption_cbcs: Option<Encryption>,
}

/// One way to protect, or not to.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::media_services) struct Encryption {
    pub enabled_protocols: Protocols,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clear_tracks: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_keys: Option<PolicyKeys>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_key_acquisition_url_template: Option<String>,
    /// `drm` and whatever else a kind of encryption has, as it was given.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// By which protocols.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::media_services) struct Protocols {
    pub download: bool,
    pub dash: bool,
    pub hls: bool,
    pub smooth_streaming: bool,
}

/// Which keys encrypt.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::media_services) struct PolicyKeys {
    pub default_key: Option<DefaultKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_to_track_mappings: Option<Vec<Value>>,
}

/// The key of all tracks that have no other.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::media_services) struct DefaultKey {
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_name: Option<String>,
}

#[derive(Serialize)]
struct PolicyAnswer {
    created: String,
    #[serde(flatten)]
    rules: Rules,
}

/// The service's own policies, with what they protect and by which protocols.
pub(super) fn predefined(now: OffsetDateTime) -> BTreeMap<String, StreamingPolicy> {
    let protocols = |download, streaming| Protocols {
        download,
        dash: streaming,
        hls: streaming,
        smooth_streaming: streaming,
    };
    let clear = |download, streaming| Rules {
        no_encryption: Some(Encryption {
            enabled_protocols: protocols(download, streaming),
            ..Encryption::default()
        }),
        ..Rules::default()
    };
    let keyed = |enabled_protocols, label: &str, drm: Value| Encryption {
        enabled_protocols,
        content_keys: Some(PolicyKeys {
            default_key: Some(DefaultKey { label: Some(label.to_owned()), policy_name: None }),
            key_to_track_mappings: Some(Vec::new()),
        }),
        clear_tracks: Some(Vec::new()),
        others: drm.as_object().cloned().unwrap_or_default(),
        ..Encryption::default()
    };
    let cenc = || {
        let protocols = Protocols { hls: false, ..protocols(false, true) };
        keyed(protocols, "cencDefaultKey", json!({"drm": {"playReady": {}, "widevine": {}}}))
    };
    let cbcs = || {
        let protocols = Protocols { dash: false, smooth_streaming: false, ..protocols(false, true) };
        keyed(protocols, "cbcsDefaultKey", json!({"drm": {"fairPlay": {"allowPersistentLicense": false}}}))
    };
    let envelope = keyed(protocols(false, true), "clearKeyDefault", json!({}));
    let policies = [
        ("DownloadOnly", clear(true, false)),
        ("ClearStreamingOnly", clear(false, true)),
        ("DownloadAndClearStreaming", clear(true, true)),
        ("ClearKey", Rules { envelope_encryption: Some(envelope), ..Rules::default() }),
        ("MultiDrmCencStreaming", Rules { common_encryption_cenc: Some(cenc()), ..Rules::default() }),
        (
            "MultiDrmStreaming",
            Rules {
                common_encryption_cenc: Some(cenc()),
                common_encryption_cbcs: Some(cbcs()),
                ..Rules::default()
            },
        ),
    ];
    let named = policies.map(|(name, rules)| {
        let name = format!("{PREDEFINED}{name}");
        (folded(&name), StreamingPolicy { name, created: now, rules })
    });
    named.into()
}

pub(super) fn put(account: &Account, name: &str, call: &Call) -> Answer {
    check_name("streaming policy", name)?;
    let rules = call.json::<Incoming<Rules>>()?.properties;
    let (now, mut holdings) = (account.now(), account.holdings());
    if let Some(policy) = holdings.publication.streaming_policies.get(&folded(name)) {
        if policy.rules == rules {
            return answer(StatusCode::CREATED, shown(account, policy));
        }
        return Err(conflict(format!(
            "The streaming policy '{name}' exists, and policies cannot be changed."
        ))
        .into());
    }
    if name.to_lowercase().starts_with(&PREDEFINED.to_lowercase()) {
        return Err(ArmError::bad_request(format!(
            "Names that begin with '{PREDEFINED}' are the service's."
        ))
        .into());
    }
    rules.check()?;
    if let Some(policy) = rules
        .content_key_policies()
        .find(|policy| !holdings.publication.content_key_policies.contains_key(&folded(policy)))
    {
        return Err(super::content_key_policies::absent(policy).into());
    }
    let policies = &mut holdings.publication.streaming_policies;
    if policies.values().filter(|policy| !policy.is_predefined()).count() >= POLICIES_MAX {
        return Err(quota_exceeded("streaming policies", POLICIES_MAX).into());
    }
    let policy = StreamingPolicy { name: name.to_owned(), created: now, rules };
    let policy = policies.entry(folded(name)).or_insert(policy);
    answer(StatusCode::CREATED, shown(account, policy))
}

pub(super) fn get(account: &Account, name: &str) -> Answer {
    let holdings = account.holdings();
    let policy = holdings.publication.streaming_policies.get(&folded(name)).ok_or_else(|| absent(name))?;
    answer(StatusCode::OK, shown(account, policy))
}

pub(super) fn delete(account: &Account, name: &str) -> Answer {
    let mut holdings = account.holdings();
    let Some(policy) = holdings.publication.streaming_policies.get(&folded(name)) else {
        return answer_empty(StatusCode::NO_CONTENT);
    };
    if policy.is_predefined() {
        return Err(ArmError::bad_request("Predefined streaming policies cannot be deleted.").into());
    }
    if holdings.publication.locators.values().any(|locator| folded(&locator.policy) == folded(name)) {
        return Err(
            conflict(format!("The streaming policy '{name}' is in use by streaming locators.")).into()
        );
    }
    holdings.publication.streaming_policies.remove(&folded(name));
    answer_empty(StatusCode::OK)
}

pub(super) fn list(account: &Account, call: &Call) -> Answer {
    let listing = Listing::of::<StreamingPolicy>(call)?;
    let (holdings, url) = (account.holdings(), account.url_of("streamingPolicies"));
    let policies = holdings.publication.streaming_policies.values();
    answer(StatusCode::OK, listing.page(policies, call, &url, |policy| shown(account, policy)))
}

/// 404 for a streaming policy that is not there.
pub(super) fn absent(name: &str) -> ArmError {
    ArmError::not_found(&format!("Microsoft.Media/mediaservices/streamingPolicies/{name}"))
}

fn shown(account: &Account, policy: &StreamingPolicy) -> Envelope<PolicyAnswer> {
    let answer = PolicyAnswer { created: timestamp(policy.created), rules: policy.rules.clone() };
    let id = account.id_of(&format!("streamingPolicies/{}", policy.name));
    let kind = "Microsoft.Media/mediaservices/streamingPolicies";
    Envelope::new(&policy.name, id, kind, Times::new(policy.created), answer)
}

impl StreamingPolicy {
    fn is_predefined(&self) -> bool {
        self.name.starts_with(PREDEFINED)
    }
}

impl Rules {
    /// The kinds of encryption that need a key.
    pub fn keyed(&self) -> impl Iterator<Item = (KeyKind, &Encryption)> {
        let kinds = [
            (KeyKind::EnvelopeEncryption, &self.envelope_encryption),
            (KeyKind::CommonEncryptionCenc, &self.common_encryption_cenc),
            (KeyKind::CommonEncryptionCbcs, &self.common_encryption_cbcs),
        ];
        kinds.into_iter().filter_map(|(kind, encryption)| Some((kind, encryption.as_ref()?)))
    }

    /// All content key policies that are named.
    fn content_key_policies(&self) -> impl Iterator<Item = &str> {
        let of_keys =
            self.keyed().filter_map(|(_, encryption)| encryption.default_key()?.policy_name.as_deref());
        self.default_content_key_policy_name.as_deref().into_iter().chain(of_keys)
    }

    fn check(&self) -> Result<(), ArmError> {
        if self.no_encryption.is_none() && self.keyed().next().is_none() {
            let message = "properties has none of noEncryption, envelopeEncryption, commonEncryptionCenc and \
                           commonEncryptionCbcs.";
            return Err(ArmError::bad_request(message));
        }
        let labels = self.keyed().filter_map(|(_, encryption)| encryption.default_key()?.label.as_deref());
        let labels = labels.collect::<Vec<_>>();
        let twice = labels.iter().enumerate().find(|(index, label)| labels[..*index].contains(label));
        match twice {
            None => Ok(()),
            Some((_, label)) => Err(ArmError::bad_request(format!(
                "properties has the label '{label}' on more than one contentKeys.defaultKey."
            ))),
        }
    }
}

impl Encryption {
    /// The key of all tracks that have no other.
    pub fn default_key(&self) -> Option<&DefaultKey> {
        self.content_keys.as_ref()?.default_key.as_ref()
    }
}

impl Listed for StreamingPolicy {
    const PROPERTIES: &'static [Property] = &[Property::NAME, Property::CREATED];

    fn property(&self, name: &str) -> Option<String> {
        match name {
            "name" => Some(folded(&self.name)),
            "created" => Some(timestamp(self.created)),
            _ => None,
        }
    }
}
