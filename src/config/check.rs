//! What types cannot say of a configuration: ranges, and keys that are no keys. Not where values come from.

use std::fmt::Display;
use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Config;
use crate::secret::Secret;

/// Refuses what could not work, by key and expectation.
pub(super) fn check(config: &Config) -> Result<(), String> {
    let Config { endpoint, topic, storage, analysis, telemetry, .. } = config;
    within("endpoint.body_bytes_max", endpoint.body_bytes_max, 1..=BODY_BYTES_MAX)?;
    within("endpoint.delivery_budget_seconds", endpoint.delivery_budget_seconds, 1..=29)?;
    within("endpoint.drain_seconds", endpoint.drain_seconds, 0..=3_600)?;
    within("endpoint.steps_max", endpoint.steps_max, 1..=COUNT_MAX)?;
    within("endpoint.connections_max", endpoint.connections_max, 1..=COUNT_MAX)?;
    within("topic.posts_max", topic.posts_max, 1..=256)?;
    within("topic.budget_seconds", topic.budget_seconds, 1..=endpoint.delivery_budget_seconds)?;
    within("analysis.parse_speed", analysis.parse_speed, 0.0..=1.0)?;
    within("analysis.bytes_max", analysis.bytes_max, 1..=ANALYSIS_BYTES_MAX)?;
    within("analysis.seconds_max", analysis.seconds_max, 1..=3_600)?;
    within("analysis.at_once", analysis.at_once, 1..=256)?;
    within("telemetry.trace_ratio", telemetry.trace_ratio, 0.0..=1.0)?;
    base64("topic.key", &topic.key)?;
    for account in &storage.accounts {
        base64(&format!("storage.accounts: {:?}: key", account.name), &account.key)?;
    }
    Ok(())
}

/// Nobody can want larger deliveries: Event Grid's own limit is 1.5 MB.
const BODY_BYTES_MAX: usize = 64 << 20;
/// More than this of one blob is no analysis any more: a terabyte.
const ANALYSIS_BYTES_MAX: u64 = 1 << 40;
/// More steps or connections than any machine has descriptors for.
const COUNT_MAX: usize = 1 << 20;

fn within<T: Copy + PartialOrd + Display>(
    key: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), String> {
    let (least, most) = (range.start(), range.end());
    if range.contains(&value) { Ok(()) } else { Err(format!("{key} is {value}: expected {least} to {most}")) }
}

fn base64(key: &str, value: &Secret) -> Result<(), String> {
    let decoded = BASE64.decode(value.reveal());
    decoded.map(|_| ()).map_err(|_| format!("{key}: expected an access key, which is Base64"))
}
