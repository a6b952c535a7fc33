//! What is printed once the local cloud answers: for people, and for scripts. Prints nothing itself.

use serde_json::{Value, json};

use super::places::{
    INBOX, KEY_VAULT, MEDIA_ACCOUNTS, Places, REQUESTS, RESOURCE_GROUP, RESPONSES, STORAGE_ACCOUNTS,
    SUBSCRIPTION, key,
};

/// One line of JSON; its members are documented in the README.
pub(super) fn for_scripts(places: &Places) -> Value {
    let topic = |name: &str| json!({"endpoint": places.topic_endpoint(name), "key": key(name), "watch": places.topic_watch(name)});
    let storage = STORAGE_ACCOUNTS.map(|account| {
        json!({
            "account": account,
            "key": key(account),
            "blobEndpoint": places.blob_endpoint(account),
            "connectionString": places.connection_string(account),
        })
    });
    let media = MEDIA_ACCOUNTS.map(|(region, account)| {
        json!({
            "region": region,
            "baseUrl": places.media(),
            "subscriptionId": SUBSCRIPTION,
            "resourceGroup": RESOURCE_GROUP,
            "account": account,
        })
    });
    json!({
        "home": places.home(),
        "processor": places.processor(),
        "eventGrid": places.event_grid(),
        "topics": {REQUESTS: topic(REQUESTS), RESPONSES: topic(RESPONSES)},
        "storage": storage,
        "media": media,
        "streaming": places.streaming(),
        "keyVault": {"name": KEY_VAULT, "uri": places.key_vault()},
        "caFile": places.ca_file,
        "configFile": places.config_file,
    })
}

/// Everything a person needs to go on.
pub(super) fn for_people(places: &Places, is_without_processor: bool) -> String {
    let mut text = format!(
        "The local cloud is up.\n\n  home page       {}\n  processor       {}\n",
        places.home(),
        places.processor()
    );
    if is_without_processor {
        text += &format!(
            "                  (start it: gridwich serve --config {};\n                  \
             what is published before it has answered is delivered to nobody)\n",
            places.config_file.display()
        );
    }
    for topic in [REQUESTS, RESPONSES] {
        text += &format!(
            "  topic {topic:<9} {}\n        key       {}\n",
            places.topic_endpoint(topic),
            key(topic)
        );
    }
    for account in STORAGE_ACCOUNTS {
        text += &format!(
            "  storage {account:<11} {}\n        key       {}\n",
            places.blob_endpoint(account),
            key(account)
        );
    }
    for (region, account) in MEDIA_ACCOUNTS {
        text += &format!("  media {region:<11} {} (account {account})\n", places.media());
    }
    text += &format!("  streaming       {}\n", places.streaming());
    text += &format!("  configuration   {}\n", places.config_file.display());
    text += &format!("  key vault       {} ({KEY_VAULT})\n", places.key_vault());
    text += &format!("  subscription    {SUBSCRIPTION}, resource group {RESOURCE_GROUP}\n");
    text += &format!("  authority       {}\n", places.ca_file.display());
    text + &examples(places)
}

/// Two commands to paste, each in a terminal of its own.
fn examples(places: &Places) -> String {
    let trust =
        if places.with_tls { format!(" --cacert {}", places.ca_file.display()) } else { String::new() };
    let request = json!([{
        "id": "try-1",
        "subject": "/try",
        "eventType": "request.blob.container.create",
        "eventTime": "2026-01-01T00:00:00Z",
        "dataVersion": "1.0",
        "data": {"storageAccountName": INBOX, "containerName": "show-17", "operationContext": {"try": 1}},
    }]);
    format!(
        "\nWatch the answers:\n\n  curl -sN{trust} {}\n\nPublish a request:\n\n  \
         curl -s{trust} -H 'aeg-sas-key: {}' -d '{request}' {}\n\nCtrl-C stops everything.\n",
        places.topic_watch(RESPONSES),
        key(REQUESTS),
        places.topic_endpoint(REQUESTS),
    )
}
