//! What types cannot say of a configuration: ranges, and keys that are no keys. Not where values come from.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::{
    CONTEXTS, Config, CredentialKind, DeadLettersConfig, MediaAccountConfig, MediaConfig, SecretSetting,
};
use crate::bodies::room_min;

/// Refuses what could not work, by key and expectation.
pub(super) fn check(config: &Config) -> Result<(), String> {
    let Config { endpoint, topic, storage, analysis, telemetry, .. } = config;
    within("endpoint.body_bytes_max", endpoint.body_bytes_max, 1..=BODY_BYTES_MAX)?;
    within("endpoint.delivery_budget_seconds", endpoint.delivery_budget_seconds, 1..=29)?;
    within("endpoint.drain_seconds", endpoint.drain_seconds, 0..=3_600)?;
    within("endpoint.leave_seconds", endpoint.leave_seconds, 0..=endpoint.drain_seconds)?;
    within(
        "endpoint.bodies_bytes_max",
        endpoint.bodies_bytes_max,
        room_min(endpoint.body_bytes_max)..=BODIES_BYTES_MAX,
    )?;
    within("endpoint.waiting_max", endpoint.waiting_max, 0..=COUNT_MAX)?;
    within("endpoint.steps_max", endpoint.steps_max, 1..=COUNT_MAX)?;
    within("endpoint.connections_max", endpoint.connections_max, 1..=COUNT_MAX)?;
    within("topic.posts_max", topic.posts_max, 1..=256)?;
    within("topic.budget_seconds", topic.budget_seconds, 1..=endpoint.delivery_budget_seconds)?;
    within("requests.sas_seconds_max", config.requests.sas_seconds_max, 0..=SAS_SECONDS_MAX)?;
    within("analysis.parse_speed", analysis.parse_speed, 0.0..=1.0)?;
    within("analysis.bytes_max", analysis.bytes_max, 1..=ANALYSIS_BYTES_MAX)?;
    within("analysis.seconds_max", analysis.seconds_max, 1..=3_600)?;
    within("analysis.at_once", analysis.at_once, 1..=256)?;
    within("telemetry.trace_ratio", telemetry.trace_ratio, 0.0..=1.0)?;
    for setting in config.secrets() {
        check_secret(&setting)?;
    }
    if config.key_vault.token.reference().is_some() {
        return Err("key_vault.token: expected the token itself, which no vault is asked for".to_owned());
    }
    check_media(&config.media)?;
    let mut names = storage.accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("storage.accounts: {:?} is there twice", twice[0]));
    }
    check_dead_letters(&config.dead_letters, &names)?;
    if config.entra.credential == CredentialKind::ClientSecret {
        let entra = [("tenant_id", &config.entra.tenant_id), ("client_id", &config.entra.client_id)];
        if let Some((key, _)) = entra.into_iter().find(|(_, value)| value.is_empty()) {
            return Err(format!("entra.{key}: expected an id, because entra.credential is client_secret"));
        }
    }
    Ok(())
}

fn check_dead_letters(config: &DeadLettersConfig, accounts: &[&str]) -> Result<(), String> {
    let DeadLettersConfig { account, container } = config;
    if account.is_empty() && container.is_empty() {
        return Ok(());
    }
    if !accounts.contains(&account.as_str()) {
        return Err(format!("dead_letters.account is {account:?}: expected one of storage.accounts"));
    }
    if container == CONTEXTS {
        let expected = "expected another one, because what is kept there is deleted after days";
        return Err(format!("dead_letters.container is {container:?}: {expected}"));
    }
    if is_container_name(container) {
        return Ok(());
    }
    Err(format!(
        "dead_letters.container is {container:?}: expected a name of 3 to 63 lower-case letters, digits and single \
         hyphens, none of which is first or last"
    ))
}

/// As Azure's rules for naming containers have it.
fn is_container_name(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    (3..=63).contains(&name.len()) && name.split('-').all(is_word)
}

fn check_media(media: &MediaConfig) -> Result<(), String> {
    let names = media.accounts.iter().map(|account| account.backend.as_str()).collect::<Vec<_>>();
    if names.iter().any(|name| name.trim().is_empty()) {
        return Err("media.accounts: backend: expected a name".to_owned());
    }
    for (number, account) in media.accounts.iter().enumerate() {
        let place = |other: &MediaAccountConfig| (other.backend.clone(), other.account.to_lowercase());
        // Where work was begun is noted by the account's name.
        if media.accounts[..number].iter().any(|other| place(other) == place(account)) {
            return Err(format!("media.accounts: {:?} is there twice", account.account));
        }
    }
    if !names.is_empty() && !names.contains(&media.default_backend.as_str()) {
        let (name, names) = (&media.default_backend, names.join(", "));
        return Err(format!(
            "media.default_backend is {name:?}: expected a backend of media.accounts: {names}"
        ));
    }
    let drm = &media.drm;
    // The document decides who gets keys; FairPlay's players have a scheme of their own.
    let urls = [
        ("open_id_connect_discovery_document", &drm.open_id_connect_discovery_document, ["https", "https"]),
        ("widevine_licence_url", &drm.widevine_licence_url, ["https", "http"]),
        ("play_ready_licence_url", &drm.play_ready_licence_url, ["https", "http"]),
        ("fair_play_licence_url", &drm.fair_play_licence_url, ["https", "skd"]),
    ];
    for (key, text, schemes) in urls {
        let url = url::Url::parse(text).ok().filter(|url| schemes.contains(&url.scheme()) && url.has_host());
        if !text.is_empty() && url.is_none() && !is_loopback(text) {
            return Err(format!(
                "media.drm.{key} is {text:?}: expected a URL that begins with {}://",
                schemes[0]
            ));
        }
    }
    Ok(())
}

/// On this machine nothing needs TLS.
fn is_loopback(text: &str) -> bool {
    let url = url::Url::parse(text).ok().filter(|url| url.scheme() == "http");
    url.is_some_and(|url| matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")))
}

/// Nobody can want larger deliveries: Event Grid's own limit is 1.5 MB.
const BODY_BYTES_MAX: usize = 64 << 20;
/// What counts them has 32 bits.
const BODIES_BYTES_MAX: usize = u32::MAX as usize;
/// More than this of one blob is no analysis any more: a terabyte.
const ANALYSIS_BYTES_MAX: u64 = 1 << 40;
/// More steps or connections than any machine has descriptors for.
const COUNT_MAX: usize = 1 << 20;

/// Azure signs with keys that live seven days at most; an hour is left for clocks and for keys that are in use.
const SAS_SECONDS_MAX: u32 = 7 * 86_400 - 3_600;

fn within<T: Copy + PartialOrd + Display>(
    key: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), String> {
    let (least, most) = (range.start(), range.end());
    if range.contains(&value) { Ok(()) } else { Err(format!("{key} is {value}: expected {least} to {most}")) }
}

/// What a reference refers to is looked at when it is read.
fn check_secret(setting: &SecretSetting<'_>) -> Result<(), String> {
    let SecretSetting { name, secret, form } = setting;
    if secret.reference().is_some() || form.fits(&secret.reveal()) {
        return Ok(());
    }
    Err(format!("{name}: {}", form.expectation()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_letters_have_a_container_of_their_own_that_azure_would_make() {
        let check = |container: &str| {
            let config = DeadLettersConfig { account: "inbox".into(), container: container.into() };
            check_dead_letters(&config, &["inbox"])
        };
        for container in ["dead-letters", "0-1-2", "abc", &"a".repeat(63)] {
            assert_eq!(check(container), Ok(()), "{container}");
        }
        for container in ["", "ab", "-a-", "a--b", "abc-", "-abc", "Abc", "a.b", "a_b", &"a".repeat(64)] {
            let error = check(container).unwrap_err();
            assert!(error.contains("3 to 63 lower-case letters, digits and single hyphens"), "{error}");
        }
        let error = check("gridwich-contexts").unwrap_err();
        assert!(error.contains("\"gridwich-contexts\": expected another one"), "{error}");
    }
}
