//! One event subscription: what it wants, whether its endpoint agreed, and what waits for it. Not who carries it.

pub(crate) mod condition;
pub(crate) mod filter;
pub(crate) mod handshake;
pub(crate) mod plan;
pub(crate) mod properties;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde::Serialize;
use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::filter::Inspected;
use self::plan::Plan;
use crate::event_grid::delivery::mailbox::Mailbox;
use crate::inside::Receipt;

/// How long a validation URL may wait for its visitor.
const MANUAL_VALIDATION_MAX: Duration = Duration::minutes(10);

/// Where a subscription stands with its endpoint. The service knows more states; here creation is one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Provisioning {
    /// The endpoint agreed: events flow.
    Succeeded,
    /// The endpoint took the validation request but not the code; somebody must visit the validation URL.
    AwaitingManualAction,
    /// Nobody did.
    Failed,
}

/// An event subscription.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub name: String,
    /// Its ARM id.
    pub id: String,
    agreement: RwLock<Agreement>,
    mailbox: Mutex<Mailbox>,
    /// Rings when something was put into the mailbox.
    pub bell: Notify,
    /// Ends its deliveries.
    pub stop: CancellationToken,
}

#[derive(Debug)]
struct Agreement {
    plan: Arc<Plan>,
    consent: Consent,
}

/// What the endpoint said to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    Given,
    /// Given by whoever visits the validation URL with this code in time.
    Awaited {
        code: Uuid,
        since: OffsetDateTime,
    },
}

impl Subscription {
    pub fn new(name: String, id: String, plan: Arc<Plan>, consent: Consent, stop: CancellationToken) -> Self {
        Self {
            name,
            id,
            agreement: RwLock::new(Agreement { plan, consent }),
            mailbox: Mutex::default(),
            bell: Notify::new(),
            stop,
        }
    }

    /// ARM names know no case.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    pub fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.agreement.read().unwrap_or_else(PoisonError::into_inner).plan)
    }

    /// Goes on by another plan. What waits is delivered by it.
    pub fn change(&self, plan: Arc<Plan>, consent: Consent) {
        *self.agreement.write().unwrap_or_else(PoisonError::into_inner) = Agreement { plan, consent };
    }

    pub fn provisioning(&self, now: OffsetDateTime) -> Provisioning {
        match self.agreement.read().unwrap_or_else(PoisonError::into_inner).consent {
            Consent::Given => Provisioning::Succeeded,
            Consent::Awaited { since, .. } if now - since <= MANUAL_VALIDATION_MAX => {
                Provisioning::AwaitingManualAction
            }
            Consent::Awaited { .. } => Provisioning::Failed,
        }
    }

    /// Takes the visit of a validation URL; whether it was this subscription's and came in time.
    pub fn confirm(&self, visited: Uuid, now: OffsetDateTime) -> bool {
        let mut agreement = self.agreement.write().unwrap_or_else(PoisonError::into_inner);
        let Consent::Awaited { code, since } = agreement.consent else { return false };
        let is_valid = code == visited && now - since <= MANUAL_VALIDATION_MAX;
        if is_valid {
            agreement.consent = Consent::Given;
        }
        is_valid
    }

    pub fn has_expired(&self, now: OffsetDateTime) -> bool {
        self.plan().expires.is_some_and(|expires| expires <= now)
    }

    /// Takes the events it wants.
    pub fn offer(&self, events: &[Inspected<'_>], receipt: Option<&Receipt>, now: OffsetDateTime) {
        if self.provisioning(now) != Provisioning::Succeeded {
            return;
        }
        let plan = self.plan();
        let wanted = events.iter().filter(|event| plan.filter.matches(event)).collect::<Vec<_>>();
        if wanted.is_empty() {
            return;
        }
        let due = Instant::now();
        let mut mailbox = self.mailbox();
        wanted.into_iter().for_each(|event| mailbox.accept(event.event, receipt, due));
        drop(mailbox);
        self.bell.notify_one();
    }

    pub fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
