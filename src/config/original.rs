//! Settings of the original that mean the same here, by their names in its environment. Not what ours are called.

use std::collections::HashMap;

use config::{Value, ValueKind};

/// Settings of the original that mean the same here.
pub(super) const ALIASES: [(&str, &str); 8] = [
    ("GRW_TOPIC_END_POINT", "topic.endpoint"),
    ("GRW_TOPIC_KEY", "topic.key"),
    ("AppInsights_ResourceId", "telemetry.app_insights_resource_id"),
    ("AmsDrmOpenIdConnectDiscoveryDocument", "media.drm.open_id_connect_discovery_document"),
    ("AmsDrmFairPlayAskHex", "media.drm.fair_play_ask_hex"),
    ("AmsDrmFairPlayCertificateB64", "media.drm.fair_play_certificate_b64"),
    ("AmsDrmFairPlayPfxPassword", "media.drm.fair_play_pfx_password"),
    ("AmsDrmEnableContentKeyPolicyUpdate", "media.drm.update_content_key_policies"),
];

/// The original published without protection only where this said so.
const ENVIRONMENT_TYPE: (&str, &str) = ("DEPLOYMENT_ENVIRONMENT_TYPE", "DEV");

/// The original's one media account, as an entry of `media.accounts`.
const MEDIA_ALIASES: [(&str, &str); 5] = [
    ("AmsAccountName", "account"),
    ("AmsResourceGroup", "resource_group"),
    ("AmsSubscriptionId", "subscription_id"),
    ("AmsArmEndpoint", "base_url"),
    ("AmsLocation", "region"),
];

/// The original's one media account, if its environment names one.
pub(super) fn media_account(environment: &HashMap<String, String>) -> Option<Value> {
    environment.get("AmsAccountName")?;
    let members =
        MEDIA_ALIASES.iter().filter_map(|(alias, key)| Some((*key, environment.get(*alias)?.clone())));
    let table = members.map(|(key, value)| (key.to_owned(), Value::from(value))).collect::<HashMap<_, _>>();
    Some(Value::new(None, ValueKind::Table(table)))
}

/// Whether the environment is one of those in which the original published without protection.
pub(super) fn is_development(environment: &HashMap<String, String>) -> bool {
    let (name, development) = ENVIRONMENT_TYPE;
    environment.get(name).is_some_and(|word| word.eq_ignore_ascii_case(development))
}
