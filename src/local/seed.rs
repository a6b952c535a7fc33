//! What is in the local cloud from the start: topics, an inbox, and the event subscriptions between them and the
//! processor, made with the real handshake.

use local_azure::event_grid::{
    AdvancedFilter, DeadLetterDestination, Filter, InputSchema, Operator, StorageBlobDeadLetters,
    SubscriptionProperties, TopicHandle,
};
use local_azure::inside::BlobFiles as _;

use super::ASK_AGAIN;
use crate::config::CONTEXTS;

use super::places::{DEAD_LETTERS, INBOX, MEDIA_ACCOUNTS, REQUESTS, RESPONSES, STORAGE_ACCOUNTS};
use super::running::LocalCloud;

/// Makes the topics, and the containers that are there from the start.
pub(super) async fn topics_and_containers(local: &LocalCloud) -> Result<(), String> {
    for name in [REQUESTS, RESPONSES] {
        topic(local, name)?;
    }
    for (account, container) in [(INBOX, INBOX), DEAD_LETTERS] {
        let ensured = local.cloud.blob_storage.ensure_container(account, container).await;
        ensured.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Makes a topic, or finds the one that is there.
fn topic(local: &LocalCloud, name: &str) -> Result<TopicHandle, String> {
    let topic = local.cloud.event_grid.create_topic(name, InputSchema::EventGridSchema);
    topic.map_err(|error| error.to_string())
}

/// Subscribes the processor to requests, and to what storage, the vault and encoders report.
pub(super) async fn subscriptions(local: &LocalCloud) -> Result<(), String> {
    let requests = topic(local, REQUESTS)?;
    let mut scopes = vec![(requests.id, "requests-to-processor".to_owned(), only_requests())];
    for account in STORAGE_ACCOUNTS.into_iter().filter(|account| *account != DEAD_LETTERS.0) {
        let scope = local.cloud.blob_storage.account_id(account);
        scopes.push((scope, format!("{account}-to-processor"), all_but_kept_contexts()));
    }
    scopes.push((local.cloud.key_vault.id(), "vault-to-processor".to_owned(), Filter::default()));
    for (_, account) in MEDIA_ACCOUNTS {
        let scope = local.cloud.media_services.account_id(account).unwrap_or_default();
        scopes.push((scope, format!("{account}-to-processor"), Filter::default()));
    }
    for (scope, name, filter) in scopes {
        let properties = SubscriptionProperties {
            filter,
            dead_letter_destination: Some(dead_letters(local)),
            ..SubscriptionProperties::to_webhook(local.places.processor())
        };
        let created = local.cloud.event_grid.create_subscription(&scope, &name, properties).await;
        created.map_err(|error| format!("the event subscription {name} was not created: {error}"))?;
    }
    Ok(())
}

/// The same, once a processor answers.
pub(super) async fn subscriptions_when_ready(local: &LocalCloud) {
    while let Err(error) = subscriptions(local).await {
        tracing::debug!("{error}");
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// Whatever asks for something, known here or not: the processor says what it does not know.
fn only_requests() -> Filter {
    let begins_with_request = AdvancedFilter {
        operator_type: Operator::StringBeginsWith,
        key: "EventType".to_owned(),
        value: None,
        values: Some(vec!["request.".into()]),
    };
    Filter { advanced_filters: Some(vec![begins_with_request]), ..Filter::default() }
}

/// The processor keeps contexts in a container of its own, and has no use for hearing of them.
fn all_but_kept_contexts() -> Filter {
    let elsewhere = AdvancedFilter {
        operator_type: Operator::StringNotContains,
        key: "Subject".to_owned(),
        value: None,
        values: Some(vec![format!("/containers/{CONTEXTS}/").into()]),
    };
    Filter { advanced_filters: Some(vec![elsewhere]), ..Filter::default() }
}

fn dead_letters(local: &LocalCloud) -> DeadLetterDestination {
    DeadLetterDestination::StorageBlob(StorageBlobDeadLetters {
        resource_id: local.cloud.blob_storage.account_id(DEAD_LETTERS.0),
        blob_container_name: DEAD_LETTERS.1.to_owned(),
    })
}
