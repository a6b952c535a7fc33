//! The local Event Grid: topics, event subscriptions, delivery. Not a store: nothing survives the process, and
//! nobody can pull.

mod bearer;
mod delivery;
mod event;
mod history;
mod management;
mod neighbour;
mod outside;
mod publish;
mod registry;
mod routes;
mod settings;
mod subscription;
mod timestamp;
mod topic;

use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::stream::BoxStream;
use http::StatusCode;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use self::bearer::{TokenMaker, unsigned_token};
pub use self::delivery::faults::DeliveryFault;
pub use self::delivery::mailbox::DeliveryCounts;
pub use self::delivery::schedule::RetrySchedule;
pub use self::event::InputSchema;
pub use self::history::Watched;
pub use self::settings::{Settings, TopicKeys};
pub use self::subscription::Provisioning;
pub use self::subscription::properties::{
    AdvancedFilter, DeadLetterDestination, DeadLetterWithResourceIdentity, DeliveryAttribute, DeliverySchema,
    Destination, DynamicAttribute, Filter, Operator, RetryPolicy, StaticAttribute, StorageBlobDeadLetters,
    SubscriptionProperties, WebHookDestination,
};

use self::delivery::courier;
use self::neighbour::Neighbour;
use self::outside::Outside;
use self::publish::event_grid_schema;
use self::registry::Topics;
use self::subscription::handshake;
use self::subscription::plan::Plan;
use self::subscription::{Consent, Subscription};
use self::topic::{Access, Topic};
use crate::arm::{ArmError, resource_id};
use crate::inside::{BlobFiles, EventSink, Occurrence, PlatformEvent, Receipt};

/// Documented: characters of an event subscription's name.
const SUBSCRIPTION_NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=64;
/// Published bodies in memory at a time: 100 MB of them at the largest.
const READERS_MAX: usize = 64;
/// The ARM type of custom topics.
const TOPIC_KIND: &str = "Microsoft.EventGrid/topics";

/// A local Event Grid. Cloning shares it; when the last clone is dropped its deliveries end.
#[derive(Clone)]
pub struct EventGrid(Arc<Inner>);

struct Inner {
    outside: Arc<Outside>,
    topics: Topics,
    /// What else Azure Resource Manager manages.
    beside: Neighbour<Router>,
    /// Turns for reading published bodies.
    readers: Semaphore,
    stop: CancellationToken,
    _stop_when_dropped: DropGuard,
}

/// A custom topic as its publishers need it.
#[derive(Clone, PartialEq, Eq)]
pub struct TopicHandle {
    /// Its name.
    pub name: String,
    /// Its ARM id, which is the scope of its subscriptions.
    pub id: String,
    /// Where to publish.
    pub endpoint: String,
    /// Either opens it.
    pub keys: [String; 2],
}

impl std::fmt::Debug for TopicHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicHandle")
            .field("id", &self.id)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// What happened on a topic so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicCounts {
    /// The topic's name; for a system topic, its resource's.
    pub name: String,
    /// The topic's ARM id; for a system topic, its resource's.
    pub id: String,
    /// Events received.
    pub published: u64,
    /// Its subscriptions, in order of creation.
    pub subscriptions: Vec<SubscriptionCounts>,
}

/// What happened on a subscription so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionCounts {
    /// The subscription's name.
    pub name: String,
    /// Whether its endpoint agreed.
    pub provisioning: Provisioning,
    /// What became of its events.
    pub events: DeliveryCounts,
}

impl EventGrid {
    /// An Event Grid without topics.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let stop = CancellationToken::new();
        let outside = Outside { settings, storage: Neighbour::nobody(), progress: Notify::new() };
        let stop_when_dropped = stop.clone().drop_guard();
        Self(Arc::new(Inner {
            outside: Arc::new(outside),
            topics: Topics::default(),
            beside: Neighbour::nobody(),
            readers: Semaphore::new(READERS_MAX),
            stop,
            _stop_when_dropped: stop_when_dropped,
        }))
    }

    /// Says where dead letters go; the first call counts, and until then they wait. It is said after construction
    /// because the storage usually raises its own events here, and so each keeps the other alive until [`Self::close`].
    pub fn write_dead_letters_to(&self, storage: Arc<dyn BlobFiles>) {
        self.0.outside.storage.introduce(storage);
    }

    /// Ends deliveries and lets go of all others, so that a cloud that nobody needs any more is freed.
    pub fn close(&self) {
        self.0.stop.cancel();
        self.0.outside.storage.let_go();
        self.0.beside.let_go();
    }

    /// Says who answers Resource Manager's requests that are not about Event Grid, at the same address and behind the same
    /// faults; the first call counts, and until then nobody does.
    pub fn serve_beside(&self, service: Router) {
        self.0.beside.introduce(service);
    }

    /// The HTTP surface: publishing, watching, validation URLs, management.
    pub fn router(&self) -> Router {
        let service = Router::new().fallback(answer).with_state(self.clone());
        self.settings().faults.in_front_of(service)
    }

    /// Makes a custom topic, or finds the one that is there.
    ///
    /// # Errors
    /// When the name is not a topic's, is taken with another schema, or there are too many topics.
    pub fn create_topic(&self, name: &str, schema: InputSchema) -> Result<TopicHandle, ArmError> {
        let settings = self.settings();
        let id = resource_id(&settings.subscription, &settings.resource_group, TOPIC_KIND, name);
        let topic = self.put_topic(name, &id, schema, false)?;
        let access = topic.access.as_ref().ok_or_else(|| ArmError::not_found(&id))?;
        let keys = access.read().unwrap_or_else(PoisonError::into_inner).keys.clone();
        Ok(TopicHandle {
            name: topic.name.clone(),
            id: topic.id.to_string(),
            endpoint: self.endpoint(&topic),
            keys,
        })
    }

    /// Makes or changes an event subscription after asking its endpoint. The scope is the ARM id of a custom topic
    /// or of any other resource, whose system topic comes into being.
    ///
    /// # Errors
    /// When the properties are not valid, the custom topic does not exist, or the endpoint refuses.
    pub async fn create_subscription(
        &self,
        scope: &str,
        name: &str,
        properties: SubscriptionProperties,
    ) -> Result<Provisioning, ArmError> {
        check_subscription_name(name)?;
        let topic = self.find_topic(scope)?;
        let schema = topic.as_ref().map_or(InputSchema::EventGridSchema, |topic| topic.schema);
        let plan = Arc::new(Plan::new(properties, schema)?);
        let scope = topic.map_or_else(|| Arc::from(scope), |topic| Arc::clone(&topic.id));
        let consent = handshake::ask(&plan, name, &scope, &self.0.outside).await?;
        self.subscribe(&scope, name, plan, consent)
    }

    /// Keeps what an endpoint agreed to. Meanwhile its topic may have gone, or come.
    fn subscribe(
        &self,
        scope: &str,
        name: &str,
        plan: Arc<Plan>,
        consent: Consent,
    ) -> Result<Provisioning, ArmError> {
        let topic = self.find_topic(scope)?.map_or_else(|| self.0.topics.system(scope), Ok)?;
        let now = self.settings().clock.now();
        let is_validated = consent == Consent::Given;
        tracing::info!(topic = topic.name, subscription = name, is_validated, "event subscription accepted");
        if let Some(there) = topic.subscription(name, now) {
            there.change(plan, consent);
            return Ok(there.provisioning(now));
        }
        let id = format!("{}/providers/Microsoft.EventGrid/eventSubscriptions/{name}", topic.id);
        let stop = self.0.stop.child_token();
        let subscription = Arc::new(Subscription::new(name.to_owned(), id, plan, consent, stop));
        topic.subscribe(Arc::clone(&subscription))?;
        let provisioning = subscription.provisioning(now);
        courier::employ(subscription, topic.name.clone(), Arc::clone(&self.0.outside));
        Ok(provisioning)
    }

    /// Removes an event subscription and ends its deliveries. Returns whether there was one.
    pub fn delete_subscription(&self, scope: &str, name: &str) -> bool {
        let was_there = self.0.topics.by_id(scope).is_some_and(|topic| topic.unsubscribe(name));
        self.0.outside.progress.notify_waiters();
        was_there
    }

    /// What a topic received: the last 1,000 events, then what comes. A system topic goes by its resource's name.
    /// `None` when there is no such topic.
    #[must_use]
    pub fn watch(&self, topic_name: &str) -> Option<BoxStream<'static, Watched>> {
        let topic = self.0.topics.named(topic_name)?;
        Some(Arc::clone(&topic.history).watch())
    }

    /// Returns when no delivery is due or under way. Events that wait for another attempt are not due.
    pub async fn settled(&self) {
        loop {
            let progress = self.0.outside.progress.notified();
            if self.is_settled() {
                return;
            }
            progress.await;
        }
    }

    /// What happened so far, topic by topic.
    #[must_use]
    pub fn counts(&self) -> Vec<TopicCounts> {
        self.0.topics.all().iter().map(|topic| self.counts_of(topic)).collect()
    }

    /// Asks for the next `times` deliveries of a subscription to go wrong. Several requests queue up. Returns whether
    /// there is such a subscription.
    pub fn disturb(&self, scope: &str, subscription: &str, fault: DeliveryFault, times: u32) -> bool {
        let now = self.settings().clock.now();
        let topic = self.0.topics.by_id(scope);
        let subscription = topic.and_then(|topic| topic.subscription(subscription, now));
        subscription.inspect(|subscription| subscription.mailbox().add_fault(fault, times)).is_some()
    }

    fn take_up(&self, event: PlatformEvent, receipt: Option<&Receipt>) {
        let Some(topic) = self.0.topics.by_id(&event.topic) else { return };
        let settings = self.settings();
        let now = settings.clock.now();
        let new = || Occurrence { id: settings.ids.guid(), time: now };
        let occurrence = event.occurrence.unwrap_or_else(new);
        let event = event_grid_schema::from_platform(event, &topic.id, occurrence, now);
        topic.receive(&[Arc::new(event)], receipt, now);
    }

    fn settings(&self) -> &Settings {
        &self.0.outside.settings
    }

    fn endpoint(&self, topic: &Topic) -> String {
        format!("{}/topics/{}/api/events", self.settings().base_url, topic.name)
    }

    fn put_topic(
        &self,
        name: &str,
        id: &str,
        schema: InputSchema,
        bearer_only: bool,
    ) -> Result<Arc<Topic>, ArmError> {
        let keys = self.settings().keys.of(name, &self.settings().ids);
        self.0.topics.put_custom(name, id, schema, Access { keys, bearer_only })
    }

    /// Custom topics must exist. Any other resource is taken at its word: its system topic may come into being.
    fn find_topic(&self, scope: &str) -> Result<Option<Arc<Topic>>, ArmError> {
        if let Some(topic) = self.0.topics.by_id(scope) {
            return Ok(Some(topic));
        }
        let lower_case = scope.to_lowercase();
        if lower_case.contains("/providers/microsoft.eventgrid/topics/") {
            return Err(ArmError::not_found(scope));
        }
        match lower_case.starts_with("/subscriptions/") {
            true => Ok(None),
            false => {
                Err(ArmError::bad_request("The scope of an event subscription is the ARM id of a resource."))
            }
        }
    }

    fn is_settled(&self) -> bool {
        let (now, time) = (Instant::now(), self.settings().clock.now());
        let topics = self.0.topics.all();
        topics.iter().all(|topic| topic.subscriptions(time).iter().all(|each| each.mailbox().is_settled(now)))
    }

    fn counts_of(&self, topic: &Topic) -> TopicCounts {
        let now = self.settings().clock.now();
        let counts = |subscription: &Arc<Subscription>| SubscriptionCounts {
            name: subscription.name.clone(),
            provisioning: subscription.provisioning(now),
            events: subscription.mailbox().counts(),
        };
        TopicCounts {
            name: topic.name.clone(),
            id: topic.id.to_string(),
            published: topic.published(),
            subscriptions: topic.subscriptions(now).iter().map(counts).collect(),
        }
    }
}

/// Events of resources nobody subscribed to are nobody's.
impl EventSink for EventGrid {
    fn raise(&self, event: PlatformEvent) {
        self.take_up(event, None);
    }

    fn raise_with_receipt(&self, event: PlatformEvent, receipt: Receipt) {
        self.take_up(event, Some(&receipt));
    }
}

async fn answer(State(grid): State<EventGrid>, request: Request) -> Response {
    routes::answer(&grid, request).await
}

fn check_subscription_name(name: &str) -> Result<(), ArmError> {
    let is_valid = SUBSCRIPTION_NAME_CHARS.contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match is_valid {
        true => Ok(()),
        false => Err(ArmError::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequest",
            format!("The event subscription name '{name}' is invalid: 3 to 64 letters, digits and hyphens."),
        )),
    }
}
