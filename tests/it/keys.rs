//! Keys that change while everything runs: rolled through Resource Manager, read from Key Vault.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gridwich_handlers::participants::{ParticipantError, Secrets};
use http::StatusCode;
use local_azure::faults::Fault;
use local_azure::ids::development_key;
use serde_json::json;

use crate::world::{EVENT_GRID, KEY_VAULT, World, config, types};

/// The reference to a secret of the local vault.
fn reference(secret: &str) -> String {
    format!("@Microsoft.KeyVault(SecretUri=https://{KEY_VAULT}/secrets/{secret}/)")
}

/// The usual configuration with a reference in place of the key of a storage account.
fn config_with_reference(account: &str, secret: &str) -> String {
    config().replace(&development_key(account, "key1"), &reference(secret))
}

async fn roll(world: &World, account: &str, key_name: &str) -> Result<(), ParticipantError> {
    world.participants().key_roller.as_ref().unwrap().roll(account, key_name).await
}

fn secrets(world: &World) -> Arc<dyn Secrets> {
    Arc::clone(world.participants().secrets.as_ref().unwrap())
}

/// The type of the last answer to a request for a container in an account.
async fn ask_for_container(world: &World, account: &str, name: &str) -> String {
    let data = json!({"storageAccountName": account, "containerName": name, "operationContext": {"c": name}});
    let answers = world.ask(name, "request.blob.container.create", data).await;
    types(&answers).last().unwrap().to_string()
}

/// The type of the last answer to a request for a copy from the inbox, of what is in its container `show`.
async fn ask_for_copy(world: &World, name: &str) -> String {
    let data = json!({
        "sourceUri": "http://127.0.0.1:10000/inbox/show/clip.mp4",
        "destinationUri": format!("http://127.0.0.1:10000/archive/show/{name}.mp4"),
        "operationContext": {"c": name},
    });
    types(&world.ask(name, "request.blob.copy", data).await).last().unwrap().to_string()
}

const MADE: &str = "response.blob.container.create.success";
const COPIED: &str = "response.blob.created.success";
const FAILED: &str = "response.failure";

/// Counts how often a new key is asked for.
fn count_regenerations(world: &World) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    world.cloud.faults.event_grid.always(Fault::Hang, move |parts| {
        counted.fetch_add(usize::from(parts.uri.path().ends_with("/regenerateKey")), Ordering::Relaxed);
        false
    });
    count
}

#[tokio::test(start_paused = true)]
async fn a_rolled_key_opens_nothing_any_more() {
    let world = World::new().await;
    assert_eq!(ask_for_container(&world, "proxy", "before").await, MADE);
    // It is on the second page of the second subscription.
    roll(&world, "proxy", "key1").await.unwrap();
    assert_eq!(ask_for_container(&world, "proxy", "after").await, FAILED);
    assert_eq!(ask_for_container(&world, "archive", "elsewhere").await, MADE);
    let storage = &world.cloud.blob_storage;
    assert_ne!(storage.account_key("proxy").unwrap(), development_key("proxy", "key1"));
    assert_eq!(storage.second_account_key("proxy").unwrap(), development_key("proxy", "key2"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_rolled_is_refused_before_anything_is_asked() {
    let world = World::new().await;
    for account in ["nowhere", "../inbox", ""] {
        let refused = roll(&world, account, "key1").await;
        assert!(
            matches!(refused, Err(ParticipantError::NotFound(..) | ParticipantError::Rejected(..))),
            "{account}"
        );
    }
    world.network.disconnect(EVENT_GRID);
    for key_name in ["key3", "Key1", "kerb1", ""] {
        let refused = roll(&world, "inbox", key_name).await;
        assert!(matches!(refused, Err(ParticipantError::Rejected(..))), "{key_name}");
    }
    assert!(matches!(roll(&world, "inbox", "key1").await, Err(ParticipantError::Unavailable(..))));
}

#[tokio::test(start_paused = true)]
async fn an_account_is_not_found_only_when_every_subscription_was_read() {
    let mut world = World::new().await;
    let unknown = roll(&world, "nowhere", "key1").await.unwrap_err();
    // One of the two subscriptions is not there at all, and so has no such account either.
    assert!(matches!(unknown, ParticipantError::NotFound(..)), "{unknown}");
    assert_eq!(unknown.to_string(), "the storage account \"nowhere\" does not exist");
    world.restart_with(&config().replace(r#"["other", "sub"]"#, r#"["sub"]"#)).await.unwrap();
    assert!(matches!(roll(&world, "nowhere", "key1").await, Err(ParticipantError::NotFound(..))));
    let list = |parts: &http::request::Parts| parts.uri.path().ends_with("/storageAccounts");
    world.cloud.faults.event_grid.always(Fault::Refuse(StatusCode::FORBIDDEN, None), list);
    assert!(matches!(roll(&world, "inbox", "key1").await, Err(ParticipantError::Rejected(..))));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_does_not_roll_a_key_twice() {
    for lost in [Fault::AnswerAfter(StatusCode::SERVICE_UNAVAILABLE), Fault::HangAfter] {
        let world = World::new().await;
        let count = count_regenerations(&world);
        world.cloud.faults.event_grid.next(1, lost, |parts| parts.uri.path().ends_with("/regenerateKey"));
        roll(&world, "inbox", "key2").await.unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 1, "{lost:?}");
        let key = world.cloud.blob_storage.second_account_key("inbox").unwrap();
        assert_ne!(key, development_key("inbox", "key2"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_not_rolled_is_not_said_to_be() {
    let world = World::new().await;
    let count = count_regenerations(&world);
    let refuse = Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None);
    world.cloud.faults.event_grid.next(1, refuse, |parts| parts.uri.path().ends_with("/regenerateKey"));
    assert!(matches!(roll(&world, "inbox", "key1").await, Err(ParticipantError::Unavailable(..))));
    assert_eq!(count.load(Ordering::Relaxed), 1, "whoever asked decides whether to ask again");
    let lost = Fault::AnswerAfter(StatusCode::SERVICE_UNAVAILABLE);
    world.cloud.faults.event_grid.next(1, lost, |parts| parts.uri.path().ends_with("/regenerateKey"));
    world.cloud.faults.event_grid.always(refuse, |parts| parts.uri.path().ends_with("/inbox"));
    let unknown = roll(&world, "inbox", "key1").await.unwrap_err();
    assert!(!unknown.is_passing() && unknown.to_string().contains("may or may not"), "{unknown}");
}

#[tokio::test(start_paused = true)]
async fn a_storage_key_is_read_from_the_vault_at_start_and_again_when_told() {
    let mut world = World::new().await;
    world.upload("inbox", "show", "clip.mp4", b"moving pictures").await;
    let id = world.set_secret("inbox-key", &development_key("inbox", "key1")).await;
    world.restart_with(&config_with_reference("inbox", "inbox-key")).await.unwrap();
    assert_eq!(ask_for_copy(&world, "first").await, COPIED);

    roll(&world, "inbox", "key1").await.unwrap();
    assert_eq!(ask_for_copy(&world, "between").await, FAILED);

    let fresh = world.cloud.blob_storage.account_key("inbox").unwrap();
    let fresh_id = world.set_secret("inbox-key", &fresh).await;
    assert_ne!(id, fresh_id);
    assert_eq!(ask_for_copy(&world, "still").await, FAILED);
    assert!(secrets(&world).reread(&fresh_id).await.unwrap());
    assert_eq!(ask_for_copy(&world, "last").await, COPIED);
    world.replace_processor();
    assert_eq!(ask_for_container(&world, "inbox", "replaced").await, MADE);
}

#[tokio::test(start_paused = true)]
async fn what_the_vault_reports_reaches_the_processor() {
    let world = World::new().await;
    world.subscribe_to_vault().await;
    let id = world.set_secret("inbox-key", "bm90IHRoZSBrZXk=").await;
    world.settled().await;
    let reported = world.received("vault");
    assert_eq!((reported.len(), &reported[0].1["data"]["Id"]), (1, &json!(id)));
    let counts = world.cloud.event_grid.counts();
    let vault = counts.iter().find(|topic| topic.name == "vault").unwrap();
    assert_eq!(vault.subscriptions[0].events.delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn what_nothing_here_uses_is_not_asked_for() {
    let mut world = World::new().await;
    assert!(world.participants().secrets.is_none(), "no setting comes from a vault");
    let id = world.set_secret("inbox-key", &development_key("inbox", "key1")).await;
    world.restart_with(&config_with_reference("inbox", "inbox-key")).await.unwrap();
    world.network.disconnect(KEY_VAULT);
    let secrets = secrets(&world);
    for other in
        ["https://localhost:7074/secrets/other-key", "https://elsewhere.vault.azure.net/", "nonsense"]
    {
        assert!(!secrets.reread(other).await.unwrap(), "{other}");
    }
    assert!(matches!(secrets.reread(&id).await, Err(ParticipantError::Unavailable(..))));
}

#[tokio::test(start_paused = true)]
async fn a_pinned_version_stays_what_it_is() {
    let mut world = World::new().await;
    let id = world.set_secret("inbox-key", &development_key("inbox", "key1")).await;
    let pinned =
        config().replace(&development_key("inbox", "key1"), &format!("@Microsoft.KeyVault(SecretUri={id})"));
    let newer = world.set_secret("inbox-key", "bm90IHRoZSBrZXk=").await;
    world.restart_with(&pinned).await.unwrap();
    assert!(!secrets(&world).reread(&newer).await.unwrap());
    assert_eq!(ask_for_container(&world, "inbox", "pinned").await, MADE);
}

#[tokio::test(start_paused = true)]
async fn the_topics_key_and_the_doors_secret_are_read_at_use_too() {
    let mut world = World::new().await;
    for (secret, value) in [("topic-key", "bm90IHRoZSBrZXk="), ("door", "old"), ("arm-token", "a.b.c")] {
        world.set_secret(secret, value).await;
    }
    let with_references =
        config().replace(&development_key("responses", "key1"), &reference("topic-key")).replacen(
            "auth = \"bearer\"\ntoken = \"a.b.c\"\n",
            &format!("auth = \"bearer\"\ntoken = {:?}\n", reference("arm-token")),
            1,
        );
    let door = format!("[admission]\nsecrets = [{:?}]\n", reference("door"));
    world.restart_with(&(door + &with_references)).await.unwrap();
    let event = r#"[{"id":"1","subject":"/x","eventType":"request.blob.container.create","eventTime":"2026-03-04T09:00:00Z",
        "dataVersion":"1.0","data":{"storageAccountName":"inbox","containerName":"made","operationContext":{}}}]"#;
    let deliver =
        async |secret: &str| world.deliver_with(&[("x-gridwich-key", secret)], event).await.status();
    assert_eq!(deliver("new").await, 401);
    assert_eq!(deliver("old").await, 503, "the topic's key is wrong");
    world.set_secret("topic-key", &development_key("responses", "key1")).await;
    world.set_secret("door", "new").await;
    assert!(secrets(&world).reread(&format!("https://{KEY_VAULT}/")).await.unwrap());
    assert_eq!(deliver("old").await, 401);
    assert_eq!(deliver("new").await, 200);
    roll(&world, "proxy", "key1").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_value_that_cannot_be_a_settings_is_refused_and_the_old_one_stays() {
    let mut world = World::new().await;
    world.set_secret("inbox-key", &development_key("inbox", "key1")).await;
    world.restart_with(&config_with_reference("inbox", "inbox-key")).await.unwrap();
    let id = world.set_secret("inbox-key", "hush, not Base64").await;
    let refused = secrets(&world).reread(&id).await.unwrap_err();
    assert!(
        matches!(refused, ParticipantError::Rejected(..)) && !refused.to_string().contains("hush"),
        "{refused}"
    );
    assert_eq!(ask_for_container(&world, "inbox", "stays").await, MADE);
}

#[tokio::test(start_paused = true)]
async fn a_reference_that_cannot_be_read_stops_the_start_and_is_named() {
    let mut world = World::new().await;
    world.set_secret("no-key", "hush, not Base64").await;
    let circular =
        "[entra]\ncredential = \"client_secret\"\ntenant_id = \"t\"\nclient_id = \"c\"\nclient_secret = ";
    let circular = format!(
        "{circular}{:?}\n[key_vault]\nauth = \"entra\"\nallowed_hosts = [{KEY_VAULT:?}]\n",
        reference("a")
    );
    for (config, expected) in [
        (
            config_with_reference("inbox", "none"),
            ["storage.accounts: \"inbox\": key: expected", "SecretNotFound"],
        ),
        (config_with_reference("inbox", "no-key"), ["storage.accounts: \"inbox\": key: expected", "Base64"]),
        (config_with_reference("inbox", "a b"), ["storage.accounts: \"inbox\": key: expected", "SecretUri="]),
        (
            config().replace(
                &development_key("responses", "key1"),
                "@Microsoft.KeyVault(SecretUri=https://evil.example/secrets/a)",
            ),
            ["topic.key: expected", "key_vault.allowed_hosts"],
        ),
        (circular, ["entra.client_secret: expected", "identity"]),
    ] {
        let error = world.restart_with(&config).await.unwrap_err();
        for words in expected {
            assert!(error.contains(words), "{error}");
        }
        assert!(!error.contains("hush"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_version_of_a_secret_is_used_once_the_vault_has_reported_it() {
    let mut world = World::new().await;
    world.set_secret("proxy-key", &development_key("proxy", "key1")).await;
    world.restart_with(&config_with_reference("proxy", "proxy-key")).await.unwrap();
    world.subscribe_to_vault().await;
    assert_eq!(ask_for_container(&world, "proxy", "before").await, MADE);
    roll(&world, "proxy", "key1").await.unwrap();
    assert_eq!(ask_for_container(&world, "proxy", "between").await, FAILED);
    world.set_secret("proxy-key", &world.cloud.blob_storage.account_key("proxy").unwrap()).await;
    world.settled().await;
    assert_eq!(ask_for_container(&world, "proxy", "after").await, MADE);
    world.set_secret("of-somebody-else", "anything").await;
    world.settled().await;
    assert_eq!(ask_for_container(&world, "proxy", "still").await, MADE);
}
