//! `gridwich send`: publishes somebody's events to a topic, once they are known to be valid. Not the publisher of answers:
//! one POST, tried once, and its sender hears what became of it.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;

use self::outgoing::{OutgoingEvent, Written};
use crate::azure::credential::credential;
use crate::azure::event_grid::EventGridTopic;
use crate::azure::wire::{Sockets, Wire};
use crate::config::{Config, TopicConfig};
use crate::contract::Contract;
use crate::local::{Ending, Follow, Visit};
use crate::publisher::Topic as _;
use crate::secret::Secret;

mod outgoing;

/// What `gridwich send` can be told.
#[derive(Args, Debug)]
pub struct SendArguments {
    #[command(flatten)]
    written: Written,
    /// Publishes events that are unknown or invalid, too.
    #[arg(long)]
    unchecked: bool,
    /// The topic's endpoint.
    #[arg(long, value_name = "URL", required_unless_present = "local", value_parser = endpoint)]
    topic: Option<String>,
    /// The topic's access key; without one, a token is shown as `[entra]` of the configuration says.
    #[arg(long, env = "GRIDWICH_TOPIC_KEY", hide_env_values = true, value_parser = secret)]
    key: Option<Secret>,
    /// The configuration file, for `[entra]` and `[tls]`.
    #[arg(long, env = "GRIDWICH_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    local: LocalArguments,
}

/// Sending to the local cloud.
#[derive(Args, Debug)]
struct LocalArguments {
    /// Sends to the topic `requests` of the local cloud.
    #[arg(long, conflicts_with = "topic")]
    local: bool,
    /// Where its ports begin, as `gridwich local` was told.
    #[arg(long, value_name = "N", requires = "local", conflicts_with = "topic")]
    port_base: Option<u16>,
    /// Shows what happens in the operation that was asked for, until its outcome.
    #[arg(long, requires = "local", conflicts_with = "topic")]
    follow: bool,
    /// How long the outcome is waited for.
    #[arg(long, value_name = "SECONDS", requires = "follow", default_value_t = 600,
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

/// Why sending did not end as it was meant to.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// An event cannot be sent as it is.
    #[error("{0}")]
    Invalid(String),
    /// The topic did not accept the events.
    #[error("{0}")]
    NotPublished(String),
    /// The operation that was followed ended in `response.failure`, which has been shown.
    #[error("the operation failed: {0}")]
    OperationFailed(String),
    /// The outcome of the operation was not seen.
    #[error("{0}")]
    NoOutcome(String),
}

impl SendError {
    /// What the program ends with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotPublished(_) => 1,
            Self::Invalid(_) => 2,
            Self::OperationFailed(_) => 3,
            Self::NoOutcome(_) => 4,
        }
    }
}

fn endpoint(text: &str) -> Result<String, String> {
    let is_url = url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
    if is_url {
        Ok(text.to_owned())
    } else {
        Err("expected the URL of an Event Grid topic, or --local".to_owned())
    }
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// Sends.
///
/// # Errors
/// In words for the person at the terminal.
pub async fn run(arguments: SendArguments) -> Result<(), SendError> {
    let events = arguments.written.events().map_err(SendError::Invalid)?;
    let contract = Contract::of_register();
    if !arguments.unchecked {
        outgoing::check(&events, &contract).map_err(SendError::Invalid)?;
    }
    let body = outgoing::body(&events).map_err(SendError::Invalid)?;
    if arguments.local.local {
        return send_to_local_cloud(&arguments.local, &events, body, &contract).await;
    }
    let config = Config::load(arguments.config.as_deref());
    let config = config.map_err(|error| SendError::NotPublished(error.to_string()))?;
    let endpoint = arguments.topic.unwrap_or_default();
    publish(&config, endpoint, arguments.key.unwrap_or_default(), body).await?;
    report(&events);
    Ok(())
}

async fn publish(config: &Config, endpoint: String, key: Secret, body: Bytes) -> Result<(), SendError> {
    let not_published = SendError::NotPublished;
    let wire: Arc<dyn Wire> = Arc::new(Sockets::new(&config.tls.ca_file).map_err(not_published)?);
    let identity = match key.is_empty() {
        true => Some(credential(&config.entra, &wire).map_err(not_published)?),
        false => None,
    };
    let topic = TopicConfig { endpoint, key, ..config.topic.clone() };
    let topic = EventGridTopic::new(&topic, identity, &wire).map_err(not_published)?;
    topic.post(body).await.map_err(|error| not_published(error.to_string()))
}

/// One line for each event: what the topic knows it by.
fn report(events: &[OutgoingEvent]) {
    for event in events {
        println!("published {} {}", event.event_type, event.id);
    }
}

async fn send_to_local_cloud(
    arguments: &LocalArguments,
    events: &[OutgoingEvent],
    body: Bytes,
    contract: &Contract,
) -> Result<(), SendError> {
    let visit = Visit::of(arguments.port_base).await.map_err(SendError::NotPublished)?;
    // The timeline is opened before there is something to miss.
    let follow = match (arguments.follow, events) {
        (false, _) => None,
        (true, [event]) if event.is_request() => {
            let operation = event.operation().map_err(SendError::Invalid)?;
            Some(Follow::start(&visit, operation, contract).await.map_err(SendError::NotPublished)?)
        }
        (true, _) => {
            let expected = "--follow: expected one request, because one operation is followed";
            return Err(SendError::Invalid(expected.to_owned()));
        }
    };
    let mut config = Config::from_toml("").map_err(|error| SendError::NotPublished(error.to_string()))?;
    config.tls.ca_file.clone_from(&visit.ca_file);
    publish(&config, visit.requests.clone(), visit.key.clone(), body).await?;
    let Some(follow) = follow else {
        report(events);
        return Ok(());
    };
    let waited = std::time::Duration::from_secs(arguments.timeout);
    match follow.outcome(waited).await {
        Ending::Success(data) => {
            println!("{data:#}");
            Ok(())
        }
        Ending::Failure(reason) => Err(SendError::OperationFailed(reason)),
        Ending::Unseen(reason) => Err(SendError::NoOutcome(reason)),
    }
}
