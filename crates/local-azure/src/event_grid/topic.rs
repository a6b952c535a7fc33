//! One topic: its keys, its subscriptions and what it does with an event. Not how events arrive.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use time::OffsetDateTime;

use super::InputSchema;
use super::event::Event;
use super::history::History;
use super::subscription::Subscription;
use super::subscription::filter::Inspected;
use crate::arm::ArmError;
use crate::inside::Receipt;

/// Documented: event subscriptions per topic.
const SUBSCRIPTIONS_MAX: usize = 500;

/// A custom topic, or the system topic of some other resource.
#[derive(Debug)]
pub(super) struct Topic {
    /// A custom topic's name, or the last part of the resource's id.
    pub name: String,
    /// The topic's ARM id, or the resource's: it is the scope of subscriptions and the `topic` of events.
    pub id: Arc<str>,
    pub schema: InputSchema,
    /// What custom topics have and system topics have not.
    pub access: Option<RwLock<Access>>,
    pub history: Arc<History>,
    subscriptions: RwLock<Arc<[Arc<Subscription>]>>,
    published: AtomicU64,
}

/// How publishers get in.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub keys: [String; 2],
    /// `disableLocalAuth`.
    pub bearer_only: bool,
}

impl Topic {
    pub fn new(name: String, id: Arc<str>, schema: InputSchema, access: Option<Access>) -> Self {
        Self {
            name,
            id,
            schema,
            access: access.map(RwLock::new),
            history: Arc::default(),
            subscriptions: RwLock::new(Arc::new([])),
            published: AtomicU64::new(0),
        }
    }

    /// Events received since the start.
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Takes events: remembers them and offers them to every subscription. From here on they are "persisted". Who wants
    /// one of them holds the receipt until it is settled.
    pub fn receive(&self, events: &[Arc<Event>], receipt: Option<&Receipt>, now: OffsetDateTime) {
        self.published.fetch_add(events.len() as u64, Ordering::Relaxed);
        self.history.add(events);
        let inspected = events.iter().map(Inspected::new).collect::<Vec<_>>();
        self.subscriptions(now).iter().for_each(|subscription| subscription.offer(&inspected, receipt, now));
    }

    /// The subscriptions there are. Those past their expiration time end here.
    pub fn subscriptions(&self, now: OffsetDateTime) -> Arc<[Arc<Subscription>]> {
        let all = Arc::clone(&self.subscriptions.read().unwrap_or_else(PoisonError::into_inner));
        if !all.iter().any(|subscription| subscription.has_expired(now)) {
            return all;
        }
        self.change(|subscriptions| end(subscriptions, |subscription| subscription.has_expired(now)));
        self.subscriptions(now)
    }

    pub fn subscription(&self, name: &str, now: OffsetDateTime) -> Option<Arc<Subscription>> {
        self.subscriptions(now).iter().find(|subscription| subscription.is_named(name)).cloned()
    }

    /// Adds a subscription in place of the one with its name, if there is room.
    pub fn subscribe(&self, added: Arc<Subscription>) -> Result<(), ArmError> {
        self.change(|subscriptions| {
            end(subscriptions, |subscription| subscription.is_named(&added.name));
            if subscriptions.len() >= SUBSCRIPTIONS_MAX {
                let limit = format!("A topic has at most {SUBSCRIPTIONS_MAX} event subscriptions.");
                return Err(ArmError::bad_request(limit));
            }
            subscriptions.push(added);
            Ok(())
        })
    }

    /// Ends a subscription and its deliveries. Returns whether there was one.
    pub fn unsubscribe(&self, name: &str) -> bool {
        self.change(|subscriptions| end(subscriptions, |subscription| subscription.is_named(name)))
    }

    /// Ends all subscriptions.
    pub fn close(&self) {
        self.change(|subscriptions| end(subscriptions, |_| true));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Arc<Subscription>>) -> T) -> T {
        let mut current = self.subscriptions.write().unwrap_or_else(PoisonError::into_inner);
        let mut subscriptions = current.to_vec();
        let result = change(&mut subscriptions);
        *current = subscriptions.into();
        result
    }
}

/// Ends the subscriptions that are meant. Returns whether there were any.
fn end(subscriptions: &mut Vec<Arc<Subscription>>, is_meant: impl Fn(&Subscription) -> bool) -> bool {
    let before = subscriptions.len();
    subscriptions.retain(|subscription| {
        let ends = is_meant(subscription);
        if ends {
            subscription.stop.cancel();
        }
        !ends
    });
    subscriptions.len() < before
}
