//! An event subscription's properties as Azure Resource Manager writes them. Not what they do.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::event_grid::InputSchema;

/// What an event subscription is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionProperties {
    /// Where events go.
    pub destination: Destination,
    /// Which events go there; by default all.
    #[serde(default, deserialize_with = "or_default")]
    pub filter: Filter,
    /// How events are spelt; by default as the topic's publishers spell them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_delivery_schema: Option<DeliverySchema>,
    /// How long and how often delivery is tried.
    #[serde(default, deserialize_with = "or_default")]
    pub retry_policy: RetryPolicy,
    /// Where undeliverable events go; without it they are dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_destination: Option<DeadLetterDestination>,
    /// The same behind an identity, whose rights nobody checks here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_with_resource_identity: Option<DeadLetterWithResourceIdentity>,
    /// For people.
    #[serde(default, deserialize_with = "or_default")]
    pub labels: Vec<String>,
    /// When the subscription ends by itself (ISO 8601).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_time_utc: Option<String>,
}

impl SubscriptionProperties {
    /// Everything to one webhook, with the service's defaults.
    #[must_use]
    pub fn to_webhook(endpoint_url: impl Into<String>) -> Self {
        let destination = Destination::WebHook(WebHookDestination {
            endpoint_url: endpoint_url.into(),
            ..WebHookDestination::default()
        });
        Self {
            destination,
            filter: Filter::default(),
            event_delivery_schema: None,
            retry_policy: RetryPolicy::default(),
            dead_letter_destination: None,
            dead_letter_with_resource_identity: None,
            labels: Vec::new(),
            expiration_time_utc: None,
        }
    }

    /// Where dead letters go, by either way of saying so.
    pub(crate) fn dead_letters(&self) -> Option<&StorageBlobDeadLetters> {
        let with_identity = self.dead_letter_with_resource_identity.as_ref();
        let destination =
            self.dead_letter_destination.as_ref().or(with_identity.map(|with| &with.dead_letter_destination));
        destination.map(|DeadLetterDestination::StorageBlob(blobs)| blobs)
    }
}

/// Where events go. Of the service's kinds only webhooks are played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "endpointType", content = "properties")]
pub enum Destination {
    /// An HTTP endpoint.
    WebHook(WebHookDestination),
}

/// An HTTP endpoint and how it wants to be called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebHookDestination {
    /// The whole URL, secrets in its query included.
    pub endpoint_url: String,
    /// 1 to 5,000. More than 1 turns output batching on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_events_per_batch: Option<u32>,
    /// 1 to 1,024; 64 by default. A larger event still goes, alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_batch_size_in_kilobytes: Option<u32>,
    /// Headers of one's own, up to 10.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub delivery_attribute_mappings: Vec<DeliveryAttribute>,
    /// With the next member: every request carries a bearer token of this tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure_active_directory_tenant_id: Option<String>,
    /// The token's audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure_active_directory_application_id_or_uri: Option<String>,
}

/// A header of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum DeliveryAttribute {
    /// Always the same.
    Static {
        /// The header's name; `aeg-` is reserved.
        name: String,
        /// Its value.
        properties: StaticAttribute,
    },
    /// Taken from the event.
    Dynamic {
        /// The header's name; `aeg-` is reserved.
        name: String,
        /// Where its value is.
        properties: DynamicAttribute,
    },
}

/// A header's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StaticAttribute {
    /// Up to 4,096 bytes.
    pub value: String,
    /// Whether it is kept out of answers.
    #[serde(default)]
    pub is_secret: bool,
}

/// Where in the event a header's value is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DynamicAttribute {
    /// A filter key, for example `data.reel`.
    pub source_field: String,
}

/// Which events a subscription gets: all parts must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Filter {
    /// Event types; none or `All` is every type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_event_types: Option<Vec<String>>,
    /// What the subject begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_begins_with: Option<String>,
    /// What the subject ends with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_ends_with: Option<String>,
    /// Whether case matters in the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_subject_case_sensitive: Option<bool>,
    /// Whether an array is compared element by element.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_advanced_filtering_on_arrays: Option<bool>,
    /// Conditions on single values, up to 25.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advanced_filters: Option<Vec<AdvancedFilter>>,
}

/// A condition on one value of the event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdvancedFilter {
    /// How the value is compared.
    pub operator_type: Operator,
    /// Where it is, for example `data.size`.
    pub key: String,
    /// The operand of operators that take one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// The operands of operators that take several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Value>>,
}

/// How an advanced filter compares. The names are the service's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it, and the filtering page explains each")]
pub enum Operator {
    NumberIn,
    NumberNotIn,
    NumberLessThan,
    NumberLessThanOrEquals,
    NumberGreaterThan,
    NumberGreaterThanOrEquals,
    NumberInRange,
    NumberNotInRange,
    BoolEquals,
    StringContains,
    StringNotContains,
    StringBeginsWith,
    StringNotBeginsWith,
    StringEndsWith,
    StringNotEndsWith,
    StringIn,
    StringNotIn,
    IsNullOrUndefined,
    IsNotNull,
}

/// How a subscription wants its events spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliverySchema {
    /// The Event Grid schema.
    EventGridSchema,
    /// CloudEvents 1.0.
    CloudEventSchemaV1_0,
    /// As the publisher wrote it.
    CustomInputSchema,
}

impl DeliverySchema {
    /// The schema on the wire for a topic of this input schema.
    pub(crate) fn of(wanted: Option<Self>, input: InputSchema) -> InputSchema {
        match wanted {
            None | Some(Self::CustomInputSchema) => input,
            Some(Self::EventGridSchema) => InputSchema::EventGridSchema,
            Some(Self::CloudEventSchemaV1_0) => InputSchema::CloudEventSchemaV1_0,
        }
    }
}

/// How long and how often delivery is tried; whichever ends first wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RetryPolicy {
    /// 1 to 30.
    pub max_delivery_attempts: u32,
    /// 1 to 1,440. Looked at only when the next attempt is due.
    pub event_time_to_live_in_minutes: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_delivery_attempts: 30, event_time_to_live_in_minutes: 1440 }
    }
}

/// Where undeliverable events go. The service has no other kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "endpointType", content = "properties")]
pub enum DeadLetterDestination {
    /// Blobs.
    StorageBlob(StorageBlobDeadLetters),
}

/// A container for dead letters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageBlobDeadLetters {
    /// The storage account's ARM id.
    pub resource_id: String,
    /// The container's name.
    pub blob_container_name: String,
}

impl StorageBlobDeadLetters {
    /// The account's name.
    pub(crate) fn account(&self) -> &str {
        self.resource_id.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
    }
}

/// A dead-letter destination behind an identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterWithResourceIdentity {
    /// Kept and shown, nothing more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Value>,
    /// The destination.
    pub dead_letter_destination: DeadLetterDestination,
}

/// Azure's SDKs write null for what is not set.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_are_read_as_resource_manager_writes_them() {
        let text = json!({
            "destination": {"endpointType": "WebHook", "properties": {
                "endpointUrl": "https://app/api?code=1", "maxEventsPerBatch": 10,
                "deliveryAttributeMappings": [
                    {"name": "x-secret", "type": "Static", "properties": {"value": "v", "isSecret": true}},
                    {"name": "x-reel", "type": "Dynamic", "properties": {"sourceField": "data.reel"}}]}},
            "filter": {"includedEventTypes": ["a"], "advancedFilters": [
                {"operatorType": "NumberInRange", "key": "data.n", "values": [[1, 2]]}]},
            "retryPolicy": {"maxDeliveryAttempts": 3, "eventTimeToLiveInMinutes": 10},
            "deadLetterDestination": {"endpointType": "StorageBlob", "properties": {
                "resourceId": "/subscriptions/s/storageAccounts/letters", "blobContainerName": "dead"}},
            "labels": ["one"]
        });
        let properties: SubscriptionProperties = serde_json::from_value(text.clone()).expect("valid");
        assert_eq!(properties.dead_letters().map(StorageBlobDeadLetters::account), Some("letters"));
        assert_eq!(serde_json::to_value(&properties).expect("JSON"), text);
    }

    #[test]
    fn null_is_not_set() {
        let text = json!({
            "destination": {"endpointType": "WebHook", "properties": {
                "endpointUrl": "https://app/", "deliveryAttributeMappings": null}},
            "filter": null, "retryPolicy": null, "labels": null, "deadLetterDestination": null
        });
        let properties = serde_json::from_value::<SubscriptionProperties>(text).expect("valid");
        assert_eq!(properties, SubscriptionProperties::to_webhook("https://app/"));
    }
}
