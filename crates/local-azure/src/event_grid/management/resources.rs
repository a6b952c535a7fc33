//! Topics and event subscriptions as Azure Resource Manager shows them. Secrets are not shown.

use std::sync::PoisonError;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::event_grid::TOPIC_KIND;
use crate::event_grid::subscription::Subscription;
use crate::event_grid::subscription::properties::{DeliveryAttribute, Destination, SubscriptionProperties};
use crate::event_grid::topic::{Access, Topic};

/// A custom topic.
pub(crate) fn topic(topic: &Topic, endpoint: &str) -> Value {
    let access = topic.access.as_ref().map(|access| access.read().unwrap_or_else(PoisonError::into_inner));
    json!({
        "id": *topic.id,
        "name": topic.name,
        "type": TOPIC_KIND,
        "location": "local",
        "properties": {
            "provisioningState": "Succeeded",
            "endpoint": endpoint,
            "inputSchema": topic.schema,
            "disableLocalAuth": access.is_some_and(|access| access.bearer_only),
            "publicNetworkAccess": "Enabled",
        },
    })
}

/// The answer to `listKeys`, which is what it is for.
pub(crate) fn keys(access: &Access) -> Value {
    json!({"key1": access.keys[0], "key2": access.keys[1]})
}

/// An event subscription.
pub(crate) fn subscription(subscription: &Subscription, scope: &str, now: OffsetDateTime) -> Value {
    let plan = subscription.plan();
    let mut properties = shown(&plan.properties, &plan.endpoint_base_url());
    properties.insert("topic".to_owned(), json!(scope));
    properties.insert("provisioningState".to_owned(), json!(subscription.provisioning(now)));
    json!({
        "id": subscription.id,
        "name": subscription.name,
        "type": "Microsoft.EventGrid/eventSubscriptions",
        "properties": properties,
    })
}

/// The properties with the endpoint's base URL in place of the whole one, and without secret header values.
fn shown(properties: &SubscriptionProperties, endpoint_base_url: &str) -> Map<String, Value> {
    let mut shown = properties.clone();
    let Destination::WebHook(webhook) = &mut shown.destination;
    for attribute in &mut webhook.delivery_attribute_mappings {
        if let DeliveryAttribute::Static { properties, .. } = attribute
            && properties.is_secret
        {
            "Hidden".clone_into(&mut properties.value);
        }
    }
    let mut shown = json!(shown);
    if let Some(webhook) = shown["destination"]["properties"].as_object_mut() {
        webhook.remove("endpointUrl");
        webhook.insert("endpointBaseUrl".to_owned(), json!(endpoint_base_url));
    }
    match shown {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
