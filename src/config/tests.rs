//! Where values come from, and what is refused. Not every setting.

use super::*;

fn from_environment(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::from_layers(None::<File<config::FileSourceString, FileFormat>>, &environment)
}

#[test]
fn the_manual_is_a_configuration() {
    let config = Config::from_toml("").unwrap();
    assert_eq!(config.endpoint.listen.port(), 7071);
    assert_eq!(config.requests.unhandled_requests, Unhandled::Ignore);
    assert!(config.storage.accounts.is_empty());
}

#[test]
fn every_key_can_come_from_the_environment() {
    let config = from_environment(&[
        ("GRIDWICH__ENDPOINT__LISTEN", "0.0.0.0:80"),
        ("GRIDWICH__ENDPOINT__BODY_BYTES_MAX", "1000"),
        ("GRIDWICH__REQUESTS__UNHANDLED_REQUESTS", "fail"),
        ("GRIDWICH__ADMISSION__SECRETS", r#"["one","two"]"#),
        ("GRIDWICH__STORAGE__ACCOUNTS", r#"[{"name":"inbox01","key":"a2V5"}]"#),
        ("GRW_TOPIC_END_POINT", "https://topic.westeurope-1.eventgrid.azure.net/api/events"),
        ("GRW_TOPIC_KEY", "a2V5"),
        ("AmsAccountName", "ams"),
        ("AmsResourceGroup", "group"),
        ("AmsSubscriptionId", "subscription"),
    ])
    .unwrap();
    assert_eq!(config.endpoint.listen.port(), 80);
    assert_eq!((config.endpoint.body_bytes_max, config.endpoint.drain_seconds), (1000, 25));
    assert_eq!(config.requests.unhandled_requests, Unhandled::Fail);
    assert_eq!(config.admission.secrets.len(), 2);
    assert_eq!(&*config.storage.accounts[0].key.reveal(), "a2V5");
    assert!(config.topic.endpoint.starts_with("https://topic."));
    assert_eq!(config.media.accounts[0].account, "ams");
}

#[test]
fn a_bad_value_names_its_key_and_what_was_expected() {
    for (key, value, expected) in [
        ("GRIDWICH__ENDPOINT__LISTEN", "everywhere", "endpoint.listen"),
        ("GRIDWICH__TELEMETRY__FORMAT", "xml", "telemetry.format"),
        ("GRIDWICH__TELEMETRY__FORMAT", "xml", "expected one of json, human, found \"xml\""),
        ("GRIDWICH__STORAGE__ACCOUNTS", r#"[{"key":"a2V5"}]"#, "missing field `name`"),
        ("AmsAccountName", "ams", "media.accounts[0]subscription_id"),
        ("GRIDWICH__ENTRA__CREDENTIAL", "client_secret", "entra.tenant_id: expected"),
        ("GRIDWICH__ENDPOINT__STEPS_MAX", "many", "endpoint.steps_max"),
        ("GRIDWICH__ENDPOINT__LISTN", "0.0.0.0:80", "unknown field `listn`, expected one of `listen`"),
        ("GRIDWICH__REQUESTS__ANNOUNCE", "some", "requests.announce"),
        ("GRIDWICH__STORAGE__ACCOUNTS", "inbox", "expected a list"),
        ("GRIDWICH__ENDPOINT__STEPS_MAX", "0", "endpoint.steps_max is 0: expected 1 to"),
        ("GRIDWICH__ENDPOINT__BODY_BYTES_MAX", "0", "endpoint.body_bytes_max"),
        ("GRIDWICH__ENDPOINT__BODIES_BYTES_MAX", "1536000", "expected 1755429 to"),
        ("GRIDWICH__ENDPOINT__DELIVERY_BUDGET_SECONDS", "30", "expected 1 to 29"),
        ("GRIDWICH__TOPIC__BUDGET_SECONDS", "26", "topic.budget_seconds is 26: expected 1 to 25"),
        ("GRIDWICH__ENDPOINT__LEAVE_SECONDS", "26", "endpoint.leave_seconds is 26: expected 0 to 25"),
        ("GRIDWICH__TOPIC__POSTS_MAX", "0", "topic.posts_max"),
        ("GRIDWICH__TOPIC__KEY", "no key!", "topic.key: expected an access key"),
        (
            "GRIDWICH__STORAGE__ACCOUNTS",
            r#"[{"name":"inbox01","key":"-"}]"#,
            r#"storage.accounts: "inbox01": key"#,
        ),
        (
            "GRIDWICH__KEY_VAULT__TOKEN",
            "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s/)",
            "key_vault.token: expected",
        ),
        ("GRIDWICH__MEDIA__CLEAR_STREAMING", "perhaps", "media.clear_streaming"),
        ("GRIDWICH__DEAD_LETTERS__ACCOUNT", "other", "dead_letters.account is \"other\": expected one of"),
        ("GRIDWICH__DEAD_LETTERS__CONTAINER", "letters", "dead_letters.account is \"\""),
        ("GRIDWICH__MEDIA__CANCELED", "maybe", "expected one of canceled, failure"),
        (
            "GRIDWICH__MEDIA__DRM__FAIR_PLAY_ASK_HEX",
            "zz",
            "media.drm.fair_play_ask_hex: expected 32 hexadecimal",
        ),
        (
            "GRIDWICH__MEDIA__DRM__FAIR_PLAY_CERTIFICATE_B64",
            "!",
            "fair_play_certificate_b64: expected a file",
        ),
        ("GRIDWICH__MEDIA__DRM__TOKEN_KEY", "no key!", "media.drm.token_key: expected an access key"),
        (
            "AmsDrmOpenIdConnectDiscoveryDocument",
            "http://tokens.example.com/x",
            "open_id_connect_discovery_document is \"http://tokens.example.com/x\": expected a URL that begins with https",
        ),
        ("GRIDWICH__MEDIA__DRM__WIDEVINE_LICENCE_URL", "javascript:1", "widevine_licence_url"),
        (
            "GRIDWICH__MEDIA__ACCOUNTS",
            r#"[{"backend":"spare","subscription_id":"s","resource_group":"g","account":"a"}]"#,
            "media.default_backend is \"mediaservices\": expected a backend of media.accounts: spare",
        ),
        (
            "GRIDWICH__MEDIA__ACCOUNTS",
            r#"[{"subscription_id":"s","resource_group":"g","account":"a"},{"subscription_id":"s","resource_group":"g","account":"A"}]"#,
            r#"media.accounts: "A" is there twice"#,
        ),
        ("GRIDWICH__ANALYSIS__PARSE_SPEED", "1.5", "analysis.parse_speed is 1.5: expected 0 to 1"),
        ("GRIDWICH__ANALYSIS__CONFINEMENT", "some", "analysis.confinement"),
        ("GRIDWICH__ANALYSIS__AT_ONCE", "0", "analysis.at_once"),
        ("GRIDWICH__TELEMETRY__TRACE_RATIO", "2", "telemetry.trace_ratio is 2: expected 0 to 1"),
    ] {
        let error = from_environment(&[(key, value)]).unwrap_err().to_string();
        assert!(error.contains(expected), "{key}={value}: {error}");
    }
}

#[test]
fn the_originals_settings_for_drm_and_its_environment_are_taken() {
    let config = from_environment(&[
        ("AmsDrmOpenIdConnectDiscoveryDocument", "https://tokens.example.com/openid"),
        ("AmsDrmFairPlayAskHex", "KEY_VAULT_SECRET_NOT_SET"),
        ("AmsDrmFairPlayCertificateB64", "KEY_VAULT_SECRET_NOT_SET"),
        ("AmsDrmFairPlayPfxPassword", "hush"),
        ("AmsDrmEnableContentKeyPolicyUpdate", "True"),
        ("DEPLOYMENT_ENVIRONMENT_TYPE", "DEV"),
    ])
    .unwrap();
    assert_eq!(config.media.drm.open_id_connect_discovery_document, "https://tokens.example.com/openid");
    assert_eq!(&*config.media.drm.fair_play_pfx_password.reveal(), "hush");
    assert!(config.media.drm.update_content_key_policies && config.media.clear_streaming);
    for (environment, explicit, expected) in
        [("PRODUCTION", None, false), ("dev", None, true), ("DEV", Some("false"), false)]
    {
        let mut pairs = vec![("DEPLOYMENT_ENVIRONMENT_TYPE", environment)];
        pairs.extend(explicit.map(|word| ("GRIDWICH__MEDIA__CLEAR_STREAMING", word)));
        assert_eq!(from_environment(&pairs).unwrap().media.clear_streaming, expected, "{environment}");
    }
}

#[test]
fn secrets_are_not_printed() {
    let config = Config::from_toml("[topic]\nkey = \"aHVzaA==\"").unwrap();
    assert!(!format!("{config:?}").contains("aHVzaA"));
    for text in [
        "[topic]\nkey = \"hush!",
        "[topic]\nkey = \"hush!\"",
        "[topic]\nkey = hush!",
        "[topic]\nkeys = \"hush\"",
    ] {
        let error = Config::from_toml(text).unwrap_err().to_string();
        assert!(!error.contains("hush"), "{error}");
    }
}
