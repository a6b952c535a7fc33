//! What a local Event Grid is told at its start. Not what it is told while it runs.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use super::bearer::{TokenMaker, unsigned_token};
use super::delivery::schedule::RetrySchedule;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::ids::{Ids, development_key};
use crate::webhook::Webhooks;

/// Where the local Event Grid is found unless said otherwise.
const BASE_URL: &str = "http://127.0.0.1:7072";
/// The resource group of topics unless said otherwise.
const RESOURCE_GROUP: &str = "local";

/// What a local Event Grid is told at its start.
#[derive(Clone)]
pub struct Settings {
    /// The time of day.
    pub clock: Clock,
    /// Where identifiers, random keys and jitter come from.
    pub ids: Ids,
    /// How subscribers are called.
    pub webhooks: Arc<dyn Webhooks>,
    /// Misbehaviour towards publishers and managers.
    pub faults: Faults,
    /// Where this service is found, without a slash at the end: topic endpoints and validation URLs begin with it.
    pub base_url: String,
    /// The Azure subscription of topics.
    pub subscription: String,
    /// Their resource group.
    pub resource_group: String,
    /// When failed deliveries are tried again.
    pub schedule: RetrySchedule,
    /// Whether a bearer token's audience and times are checked, and managers must have one.
    pub strict_auth: bool,
    /// What keys new topics get.
    pub keys: TopicKeys,
    /// Makes the bearer tokens of Entra-protected deliveries.
    pub token: TokenMaker,
}

impl Settings {
    /// The documented retry schedule, the machine's time, lenient authentication, development keys.
    #[must_use]
    pub fn new(webhooks: Arc<dyn Webhooks>) -> Self {
        Self {
            clock: Clock::system(),
            ids: Ids::random(),
            webhooks,
            faults: Faults::default(),
            base_url: BASE_URL.to_owned(),
            subscription: Uuid::nil().to_string(),
            resource_group: RESOURCE_GROUP.to_owned(),
            schedule: RetrySchedule::documented(),
            strict_auth: false,
            keys: TopicKeys::Development,
            token: Arc::new(unsigned_token),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// What keys new topics get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicKeys {
    /// The same in every run, derived from the topic's name, so that a script can keep them.
    Development,
    /// Drawn from [`Ids`].
    Random,
}

impl TopicKeys {
    pub(super) fn of(self, topic: &str, ids: &Ids) -> [String; 2] {
        match self {
            Self::Development => ["key1", "key2"].map(|purpose| development_key(topic, purpose)),
            Self::Random => [ids.key(), ids.key()],
        }
    }
}
