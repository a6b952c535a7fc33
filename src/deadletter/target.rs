//! Where a dead letter is sent again: to a processor, as a courier would deliver it, or to a topic. One try each; whoever asked
//! hears what became of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Uri};

use super::letter::{Letter, Sending};
use super::screen;
use crate::azure::event_grid::EventGridTopic;
use crate::azure::wire::{Wire, WireError};
use crate::publisher::Topic as _;
use crate::secret::Secret;

/// Event Grid waits as long for an answer.
const ANSWER_SECONDS_MAX: Duration = Duration::from_secs(30);
/// Where Azure Functions expect a key, and the processor a secret.
const SECRET_HEADER: &str = "x-functions-key";

/// Where letters are sent.
pub(super) enum Target {
    Processor { url: Uri, secret: Secret, wire: Arc<dyn Wire> },
    Topic(EventGridTopic),
}

/// Why a letter stays where it is.
pub(super) enum NotAccepted {
    /// It was turned down; another may not be.
    Refused(String),
    /// Nobody is there: the next would fare no better.
    Unreachable(String),
}

impl Target {
    /// A processor by the URL of its endpoint.
    pub(super) fn processor(url: &str, secret: Secret, wire: &Arc<dyn Wire>) -> Result<Self, String> {
        let expected = "--to: expected the URL of a processor's endpoint, https://HOST/api/EventGrid";
        let parsed = url::Url::parse(url).map_err(|_| expected.to_owned())?;
        let is_loopback = matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        match parsed.scheme() {
            "https" => {}
            "http" if secret.is_empty() || is_loopback => {}
            "http" => return Err(format!("{expected}, because secrets are not sent in clear")),
            _ => return Err(expected.to_owned()),
        }
        let url = url.parse::<Uri>().map_err(|_| expected.to_owned())?;
        Ok(Self::Processor { url, secret, wire: Arc::clone(wire) })
    }

    /// Sends a letter, once.
    pub(super) async fn send(&self, letter: &Letter, sending: &Sending) -> Result<(), NotAccepted> {
        match self {
            Self::Processor { url, secret, wire } => deliver(&**wire, url, secret, sending).await,
            Self::Topic(topic) => publish(topic, letter, sending).await,
        }
    }
}

async fn deliver(wire: &dyn Wire, url: &Uri, secret: &Secret, sending: &Sending) -> Result<(), NotAccepted> {
    let content_type =
        if sending.is_cloud_event { "application/cloudevents+json" } else { "application/json" };
    // Under its own id it has been tried before, whoever counted; then what was begun is looked for with patience.
    let tries_before = if sending.new_id.is_some() { "0" } else { "1" };
    let mut request = Request::post(url.clone())
        .header(CONTENT_TYPE, format!("{content_type}; charset=utf-8"))
        .header("aeg-event-type", "Notification")
        .header("aeg-delivery-count", tries_before);
    if !secret.is_empty() {
        request = request.header(SECRET_HEADER, &*secret.reveal());
    }
    let request = request.body(Bytes::from(sending.delivery()));
    let request = request.map_err(|_| NotAccepted::Unreachable("the secret cannot be sent".to_owned()))?;
    match tokio::time::timeout(ANSWER_SECONDS_MAX, wire.send(request)).await {
        Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
        Ok(Ok(answer)) => {
            let said = screen::line(&String::from_utf8_lossy(answer.body()));
            let said = if said.is_empty() { said } else { format!(": {said}") };
            Err(NotAccepted::Refused(format!("the processor answered {}{said}", answer.status().as_u16())))
        }
        Ok(Err(WireError::Connection)) => {
            let host = url.authority().map(ToString::to_string).unwrap_or_default();
            Err(NotAccepted::Unreachable(format!("the processor at {host} cannot be reached")))
        }
        Ok(Err(error)) => Err(NotAccepted::Refused(error.to_string())),
        Err(_) => Err(NotAccepted::Refused("the processor did not answer in time".to_owned())),
    }
}

async fn publish(topic: &EventGridTopic, letter: &Letter, sending: &Sending) -> Result<(), NotAccepted> {
    let refused = |reason: &str| Err(NotAccepted::Refused(reason.to_owned()));
    if !letter.is_request() {
        return refused("it is no request, and only requests are published: deliver it with --to");
    }
    if sending.is_cloud_event {
        return refused("it is a CloudEvent, and the topic takes others: deliver it with --to");
    }
    let posted = topic.post(Bytes::from(sending.publication())).await;
    posted.map_err(|error| NotAccepted::Refused(error.to_string()))
}
