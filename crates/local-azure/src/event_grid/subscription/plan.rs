//! A subscription's properties, checked against the documented limits and ready to deliver by. Not the delivery.

use http::{HeaderName, HeaderValue, Uri};
use time::OffsetDateTime;

use super::condition::Key;
use super::filter::Filter;
use super::properties::{
    DeliveryAttribute, DeliverySchema, Destination, RetryPolicy, SubscriptionProperties, WebHookDestination,
};
use crate::arm::ArmError;
use crate::event_grid::bearer::DeliveryToken;
use crate::event_grid::{InputSchema, timestamp};

/// Documented ranges and limits of a webhook subscription.
const ATTEMPTS_MAX: u32 = 30;
const TIME_TO_LIVE_MAX_MINUTES: u32 = 1440;
const BATCH_EVENTS_MAX: u32 = 5000;
const BATCH_KILOBYTES_MAX: u32 = 1024;
const ATTRIBUTES_MAX: usize = 10;
pub(crate) const ATTRIBUTE_BYTES_MAX: usize = 4096;
/// What the batch size is when only the number of events was given.
const BATCH_KILOBYTES_DEFAULT: u32 = 64;
/// Labels are kept for nobody but people; this many are plenty.
const LABELS_MAX: usize = 100;

/// How a subscription delivers.
#[derive(Debug)]
pub(crate) struct Plan {
    pub properties: SubscriptionProperties,
    pub filter: Filter,
    pub endpoint: Uri,
    /// The schema on the wire.
    pub schema: InputSchema,
    pub batch: BatchLimits,
    pub attributes: Vec<(HeaderName, Attribute)>,
    pub token: Option<DeliveryToken>,
    pub expires: Option<OffsetDateTime>,
}

/// How much goes into one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchLimits {
    /// Never exceeded.
    pub events_max: usize,
    /// Exceeded only by a single event.
    pub bytes_preferred: usize,
}

impl BatchLimits {
    /// Whether output batching is on, which decides the shape of CloudEvents.
    pub fn is_on(self) -> bool {
        self.events_max > 1
    }
}

/// Where a header of the subscriber's own gets its value.
#[derive(Debug)]
pub(crate) enum Attribute {
    Static(HeaderValue),
    Dynamic(Key),
}

impl Plan {
    /// Checks the properties of a subscription to a topic of this input schema.
    pub fn new(properties: SubscriptionProperties, input: InputSchema) -> Result<Self, ArmError> {
        let Destination::WebHook(webhook) = &properties.destination;
        let schema = DeliverySchema::of(properties.event_delivery_schema, input);
        if input == InputSchema::CloudEventSchemaV1_0 && schema != input {
            return Err(ArmError::bad_request(
                "A topic of CloudEvents cannot deliver in the Event Grid schema, which has no extension attributes.",
            ));
        }
        check_retry_policy(properties.retry_policy)?;
        if properties.labels.len() > LABELS_MAX {
            return Err(ArmError::bad_request(format!("A subscription has at most {LABELS_MAX} labels.")));
        }
        Ok(Self {
            filter: Filter::new(&properties.filter)?,
            endpoint: endpoint(&webhook.endpoint_url)?,
            schema,
            batch: batch(webhook)?,
            attributes: attributes(&webhook.delivery_attribute_mappings)?,
            token: token(webhook)?,
            expires: expires(properties.expiration_time_utc.as_deref())?,
            properties,
        })
    }

    /// The endpoint without its query, where secrets are: fit for errors and answers.
    pub fn endpoint_base_url(&self) -> String {
        let uri = &self.endpoint;
        let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!(
            "{}://{}{port}{}",
            uri.scheme_str().unwrap_or("http"),
            uri.host().unwrap_or_default(),
            uri.path()
        )
    }
}

/// The service wants HTTPS; on loopback, plain HTTP does no harm.
fn endpoint(url: &str) -> Result<Uri, ArmError> {
    let uri = url.parse::<Uri>().ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
        .ok_or_else(|| ArmError::bad_request("The destination's endpointUrl is not an http or https URL."))
}

fn batch(webhook: &WebHookDestination) -> Result<BatchLimits, ArmError> {
    let events = webhook.max_events_per_batch.unwrap_or(1);
    let kilobytes = webhook.preferred_batch_size_in_kilobytes.unwrap_or(BATCH_KILOBYTES_DEFAULT);
    check_range("maxEventsPerBatch", events, BATCH_EVENTS_MAX)?;
    check_range("preferredBatchSizeInKilobytes", kilobytes, BATCH_KILOBYTES_MAX)?;
    Ok(BatchLimits { events_max: events as usize, bytes_preferred: kilobytes as usize * 1024 })
}

fn check_retry_policy(policy: RetryPolicy) -> Result<(), ArmError> {
    check_range("maxDeliveryAttempts", policy.max_delivery_attempts, ATTEMPTS_MAX)?;
    check_range("eventTimeToLiveInMinutes", policy.event_time_to_live_in_minutes, TIME_TO_LIVE_MAX_MINUTES)
}

fn check_range(name: &str, value: u32, max: u32) -> Result<(), ArmError> {
    match (1..=max).contains(&value) {
        true => Ok(()),
        false => Err(ArmError::bad_request(format!("{name} must be between 1 and {max}, but is {value}."))),
    }
}

fn attributes(mappings: &[DeliveryAttribute]) -> Result<Vec<(HeaderName, Attribute)>, ArmError> {
    if mappings.len() > ATTRIBUTES_MAX {
        let limit = format!("A subscription has at most {ATTRIBUTES_MAX} delivery attributes.");
        return Err(ArmError::bad_request(limit));
    }
    mappings.iter().map(attribute).collect()
}

fn attribute(mapping: &DeliveryAttribute) -> Result<(HeaderName, Attribute), ArmError> {
    let (DeliveryAttribute::Static { name, .. } | DeliveryAttribute::Dynamic { name, .. }) = mapping;
    let unfit = |what: &str| ArmError::bad_request(format!("The delivery attribute '{name}' {what}."));
    let header = name.parse::<HeaderName>().map_err(|_| unfit("has no name a header can have"))?;
    if header.as_str().starts_with("aeg-") {
        return Err(unfit("has a reserved name"));
    }
    let attribute = match mapping {
        DeliveryAttribute::Static { properties, .. } => {
            if properties.value.len() > ATTRIBUTE_BYTES_MAX {
                return Err(unfit("is longer than 4096 bytes"));
            }
            let mut value = HeaderValue::from_str(&properties.value)
                .map_err(|_| unfit("has no value a header can have"))?;
            value.set_sensitive(properties.is_secret);
            Attribute::Static(value)
        }
        DeliveryAttribute::Dynamic { properties, .. } => {
            Attribute::Dynamic(Key::new(&properties.source_field)?)
        }
    };
    Ok((header, attribute))
}

fn token(webhook: &WebHookDestination) -> Result<Option<DeliveryToken>, ArmError> {
    let tenant = webhook.azure_active_directory_tenant_id.clone();
    match (tenant, webhook.azure_active_directory_application_id_or_uri.clone()) {
        (None, None) => Ok(None),
        (Some(tenant), Some(audience)) => Ok(Some(DeliveryToken::new(tenant, audience))),
        _ => Err(ArmError::bad_request(
            "azureActiveDirectoryTenantId and azureActiveDirectoryApplicationIdOrUri must be set together.",
        )),
    }
}

fn expires(text: Option<&str>) -> Result<Option<OffsetDateTime>, ArmError> {
    let Some(text) = text else { return Ok(None) };
    let expires = timestamp::parse(text);
    expires.map(Some).ok_or_else(|| ArmError::bad_request("expirationTimeUtc is not a date."))
}
