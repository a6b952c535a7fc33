//! Asks an endpoint whether it wants a subscription: the validation event, or the CloudEvents abuse protection. Not
//! authentication, and nothing the endpoint can be asked later.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::to_raw_value;
use tokio::time::sleep;
use uuid::Uuid;

use super::plan::Plan;
use crate::arm::ArmError;
use crate::event_grid::delivery::requests::{self, ORIGIN};
use crate::event_grid::event::{EventGridText, to_bytes};
use crate::event_grid::outside::Outside;
use crate::event_grid::subscription::Consent;
use crate::event_grid::{InputSchema, timestamp};
use crate::webhook::WebhookError;

/// Tries in all, the first included, when nobody answers: "a few".
const TRIES_MAX: u32 = 3;
/// Documented: between two tries.
const TRY_WAIT: Duration = Duration::from_secs(5);
/// Requests per minute asked for. The service's number is not known; receivers' samples show this one.
const REQUEST_RATE: HeaderValue = HeaderValue::from_static("120");

const REQUESTED_RATE: HeaderName = HeaderName::from_static("webhook-request-rate");
const REQUEST_CALLBACK: HeaderName = HeaderName::from_static("webhook-request-callback");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// A synchronous consent.
#[derive(Deserialize)]
struct ValidationAnswer {
    /// The service does not mind how the name is capitalised.
    #[serde(rename = "validationResponse", alias = "ValidationResponse", alias = "validationresponse")]
    validation_response: Option<String>,
}

/// Asks the endpoint, by the handshake of the subscription's delivery schema.
pub(crate) async fn ask(
    plan: &Plan,
    name: &str,
    topic: &str,
    outside: &Outside,
) -> Result<Consent, ArmError> {
    let code = outside.settings.ids.guid();
    let awaited = Consent::Awaited { code, since: outside.settings.clock.now() };
    let consents = match plan.schema {
        InputSchema::EventGridSchema => ask_with_event(plan, name, topic, code, outside).await?,
        InputSchema::CloudEventSchemaV1_0 => ask_with_options(plan, name, code, outside).await?,
    };
    Ok(if consents { Consent::Given } else { awaited })
}

async fn ask_with_event(
    plan: &Plan,
    name: &str,
    topic: &str,
    code: Uuid,
    outside: &Outside,
) -> Result<bool, ArmError> {
    let event = validation_event(topic, code, outside);
    let answer =
        call(plan, outside, || requests::validation(plan, name, event.clone(), &outside.settings)).await?;
    if answer.status() != StatusCode::OK {
        return Err(refused(
            plan,
            &format!("Http POST request failed with response code {}.", answer.status()),
        ));
    }
    let response = serde_json::from_slice::<ValidationAnswer>(answer.body()).ok();
    match response.and_then(|response| response.validation_response) {
        None => Ok(false),
        Some(echoed) if echoed.parse() == Ok(code) => Ok(true),
        Some(_) => Err(refused(plan, "The validation response is not the validation code.")),
    }
}

fn validation_event(topic: &str, code: Uuid, outside: &Outside) -> Bytes {
    let settings = &outside.settings;
    let (code_text, url) = (shown(code), validation_url(code, outside));
    let data = to_raw_value(&json!({"validationCode": code_text, "validationUrl": url}));
    let event = to_bytes(&EventGridText {
        id: &settings.ids.guid().to_string(),
        topic,
        subject: "",
        event_type: "Microsoft.EventGrid.SubscriptionValidationEvent",
        event_time: &timestamp::ticks(settings.clock.now()),
        data: Some(&data.expect("a JSON value always serializes")),
        data_version: "1",
        metadata_version: "1",
    });
    requests::array([&event])
}

/// Without an allowed origin a success means "later": then somebody visits the callback.
async fn ask_with_options(plan: &Plan, name: &str, code: Uuid, outside: &Outside) -> Result<bool, ArmError> {
    let callback = HeaderValue::try_from(validation_url(code, outside)).ok();
    let request = || {
        let mut request = requests::abuse_protection(plan, name, &outside.settings);
        request.headers_mut().insert(REQUESTED_RATE, REQUEST_RATE);
        request.headers_mut().extend(callback.clone().map(|callback| (REQUEST_CALLBACK, callback)));
        request
    };
    let answer = call(plan, outside, request).await?;
    if !answer.status().is_success() {
        return Err(refused(
            plan,
            &format!("Http OPTIONS request failed with response code {}.", answer.status()),
        ));
    }
    let Some(origin) = answer.headers().get(ALLOWED_ORIGIN) else { return Ok(false) };
    if origin != "*" && !origin.as_bytes().eq_ignore_ascii_case(ORIGIN.as_bytes()) {
        return Err(refused(plan, "The WebHook-Allowed-Origin header names another origin."));
    }
    match allows_a_rate(answer.headers()) {
        true => Ok(true),
        false => Err(refused(plan, "The WebHook-Allowed-Rate header is neither a positive number nor '*'.")),
    }
}

/// The specification demands a rate of whoever was asked for one.
fn allows_a_rate(headers: &HeaderMap) -> bool {
    let rate = headers.get(ALLOWED_RATE).and_then(|rate| rate.to_str().ok()).unwrap_or_default();
    rate == "*" || rate.parse::<u32>().is_ok_and(|rate| rate > 0)
}

/// Calls until somebody answers. An endpoint that is just starting up gets its second chance.
async fn call(
    plan: &Plan,
    outside: &Outside,
    request: impl Fn() -> Request<Bytes>,
) -> Result<Response<Bytes>, ArmError> {
    let mut tries = 1;
    loop {
        let why = match outside.call(request()).await {
            Ok(answer) if !answer.status().is_server_error() => return Ok(answer),
            Ok(answer) => format!("The request failed with response code {}.", answer.status()),
            Err(WebhookError::TimedOut) => "The endpoint did not answer in time.".to_owned(),
            Err(_) => "Http request failed with response code Unknown.".to_owned(),
        };
        if tries == TRIES_MAX {
            return Err(refused(plan, &why));
        }
        tries += 1;
        sleep(TRY_WAIT).await;
    }
}

fn refused(plan: &Plan, why: &str) -> ArmError {
    let endpoint = plan.endpoint_base_url();
    let message = format!(
        "Webhook validation handshake failed for {endpoint}. {why} For troubleshooting, visit \
         https://aka.ms/esvalidation."
    );
    ArmError::new(StatusCode::BAD_REQUEST, "URL validation", message)
}

fn shown(code: Uuid) -> String {
    code.to_string().to_uppercase()
}

fn validation_url(code: Uuid, outside: &Outside) -> String {
    format!("{}/validate?id={}", outside.settings.base_url, shown(code))
}
