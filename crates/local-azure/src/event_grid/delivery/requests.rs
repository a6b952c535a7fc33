//! A delivery as an HTTP request. Not when it is made, nor what its answer means.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use serde_json::Value;

use super::mailbox::Pending;
use crate::event_grid::InputSchema;
use crate::event_grid::event::Event;
use crate::event_grid::settings::Settings;
use crate::event_grid::subscription::filter::Inspected;
use crate::event_grid::subscription::plan::{ATTRIBUTE_BYTES_MAX, Attribute, Plan};

/// The origin Event Grid asks CloudEvents endpoints to allow, and repeats on deliveries as the CloudEvents webhook
/// specification wants.
pub(crate) const ORIGIN: HeaderValue = HeaderValue::from_static("eventgrid.azure.net");
pub(crate) const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const CLOUD_EVENT: HeaderValue = HeaderValue::from_static("application/cloudevents+json; charset=utf-8");
const CLOUD_EVENTS: HeaderValue =
    HeaderValue::from_static("application/cloudevents-batch+json; charset=utf-8");

const EVENT_TYPE: HeaderName = HeaderName::from_static("aeg-event-type");
const SUBSCRIPTION_NAME: HeaderName = HeaderName::from_static("aeg-subscription-name");
const DELIVERY_COUNT: HeaderName = HeaderName::from_static("aeg-delivery-count");
const DATA_VERSION: HeaderName = HeaderName::from_static("aeg-data-version");
const METADATA_VERSION: HeaderName = HeaderName::from_static("aeg-metadata-version");

/// The request that delivers a batch, which is never empty.
pub(crate) fn notification(
    plan: &Plan,
    name: &str,
    batch: &[Pending],
    settings: &Settings,
) -> Request<Bytes> {
    let events = batch.iter().map(|pending| &pending.event).collect::<Vec<_>>();
    let mut request = request(plan, Method::POST, body(plan, &events));
    let headers = request.headers_mut();
    headers.insert(EVENT_TYPE, HeaderValue::from_static("Notification"));
    headers.insert(DELIVERY_COUNT, HeaderValue::from(batch.first().map_or(0, |pending| pending.attempts)));
    describe(plan, headers, &events);
    sign(plan, name, headers, settings);
    add_attributes(plan, headers, events.first().copied());
    request
}

/// The request that carries a validation event.
pub(crate) fn validation(plan: &Plan, name: &str, event: Bytes, settings: &Settings) -> Request<Bytes> {
    let mut request = request(plan, Method::POST, event);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(EVENT_TYPE, HeaderValue::from_static("SubscriptionValidation"));
    headers.insert(DELIVERY_COUNT, HeaderValue::from(0));
    headers.insert(METADATA_VERSION, HeaderValue::from_static("1"));
    sign(plan, name, headers, settings);
    add_attributes(plan, headers, None);
    request
}

/// The request that asks a CloudEvents endpoint for its consent.
pub(crate) fn abuse_protection(plan: &Plan, name: &str, settings: &Settings) -> Request<Bytes> {
    let mut request = request(plan, Method::OPTIONS, Bytes::new());
    let headers = request.headers_mut();
    headers.insert(REQUEST_ORIGIN, ORIGIN);
    sign(plan, name, headers, settings);
    add_attributes(plan, headers, None);
    request
}

fn request(plan: &Plan, method: Method, body: Bytes) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = plan.endpoint.clone();
    request
}

/// An array, except for a CloudEvent while batching is off: that is a single object.
fn body(plan: &Plan, events: &[&Arc<Event>]) -> Bytes {
    let texts = events.iter().map(|event| event.text_in(plan.schema)).collect::<Vec<_>>();
    if let ([text], InputSchema::CloudEventSchemaV1_0, false) =
        (texts.as_slice(), plan.schema, plan.batch.is_on())
    {
        return Bytes::clone(text);
    }
    array(texts)
}

/// A JSON array of JSON texts.
pub(crate) fn array<'a>(texts: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    let mut array = vec![b'['];
    for text in texts {
        if array.len() > 1 {
            array.push(b',');
        }
        array.extend_from_slice(text);
    }
    array.push(b']');
    array.into()
}

/// A single-valued header cannot describe a mixed batch, so the data version is named only if all share it.
fn describe(plan: &Plan, headers: &mut HeaderMap, events: &[&Arc<Event>]) {
    if plan.schema == InputSchema::CloudEventSchemaV1_0 {
        headers.insert(CONTENT_TYPE, if plan.batch.is_on() { CLOUD_EVENTS } else { CLOUD_EVENT });
        headers.insert(METADATA_VERSION, HeaderValue::from_static("1.0"));
        headers.insert(REQUEST_ORIGIN, ORIGIN);
        return;
    }
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(METADATA_VERSION, HeaderValue::from_static("1"));
    let mut versions = events.iter().map(|event| &event.envelope.data_version);
    if let Some(version) = versions.next()
        && versions.all(|other| other == version)
        && let Ok(version) = HeaderValue::from_str(version)
    {
        headers.insert(DATA_VERSION, version);
    }
}

/// What every request carries: whose it is, and the bearer token of a protected endpoint.
fn sign(plan: &Plan, name: &str, headers: &mut HeaderMap, settings: &Settings) {
    let name = HeaderValue::try_from(name.to_ascii_uppercase());
    headers
        .insert(SUBSCRIPTION_NAME, name.expect("a subscription's name has only letters, digits and hyphens"));
    let token = plan.token.as_ref().and_then(|token| token.header(&settings.clock, &settings.token));
    if let Some(token) = token {
        headers.insert(AUTHORIZATION, token);
    }
}

/// Adds the subscriber's own headers. Those taken from the event follow the first of a batch; a value that is
/// missing, or that no header can hold, leaves its header out.
fn add_attributes(plan: &Plan, headers: &mut HeaderMap, event: Option<&Arc<Event>>) {
    let inspected = event.map(Inspected::new);
    for (name, attribute) in &plan.attributes {
        let value = match attribute {
            Attribute::Static(value) => Some(value.clone()),
            Attribute::Dynamic(key) => {
                inspected.as_ref().and_then(|event| header_value(key.find(event)?.as_ref()))
            }
        };
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}

fn header_value(value: &Value) -> Option<HeaderValue> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    HeaderValue::try_from(text).ok().filter(|value| value.len() <= ATTRIBUTE_BYTES_MAX)
}
