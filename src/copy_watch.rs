//! Looks after copies of which storage may tell nobody: finds those that have ended, and has their end told by a handler.
//! Decides nothing about them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use gridwich_handlers::base::{Dispatcher, EventData as _, World};
use gridwich_handlers::blob::CopyEndedEvent;
use gridwich_handlers::event::Event;
use gridwich_handlers::participants::{EndedCopy, Storage};
use gridwich_handlers::resource_uri::ResourceUri;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::steps::{StepKey, Steps, Verdict};

/// How often it looks: a copy that fails has usually taken longer than this.
const EVERY: Duration = Duration::from_secs(60);
/// How long a round may take; what is left is for the next.
const ROUND_SECONDS_MAX: Duration = Duration::from_secs(50);

/// The watch over copies. Every replica keeps it; what they tell has the same ids.
#[derive(Clone)]
pub struct CopyWatch {
    storage: Arc<dyn Storage>,
    dispatcher: Arc<Dispatcher>,
    world: World,
    steps: Steps,
}

impl CopyWatch {
    /// A watch over the copies that are written down in `storage`.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, dispatcher: Arc<Dispatcher>, world: World, steps: Steps) -> Self {
        Self { storage, dispatcher, world, steps }
    }

    /// Looks again and again until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            self.look().await;
        }
    }

    /// Looks once, and has told what there is to tell.
    pub async fn look(&self) {
        let deadline = Instant::now() + ROUND_SECONDS_MAX;
        let ended = match tokio::time::timeout_at(deadline, self.storage.ended_copies()).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(error)) => return tracing::warn!("copies under way could not be looked after: {error}"),
            Err(_) => return tracing::warn!("copies under way could not be looked after in time"),
        };
        for copy in ended {
            if Instant::now() >= deadline {
                return;
            }
            self.tell(copy, deadline).await;
        }
    }

    async fn tell(&self, copy: EndedCopy, deadline: Instant) {
        let (account, operation) = (copy.account.clone(), copy.operation);
        if self.settle(event_of(copy), deadline).await != Some(Verdict::Settled) {
            return;
        }
        if let Err(error) = self.storage.forget_copy(&account, operation).await {
            tracing::warn!(operation.id = %operation, "a copy that has ended is still watched: {error}");
        }
    }

    async fn settle(&self, event: Event, deadline: Instant) -> Option<Verdict> {
        let handling = self.dispatcher.route_internal(&event)?;
        let key = StepKey::of(&event);
        let (id, world) = (event.id.clone(), self.world.clone());
        let work = || handling.start(event, world).map(move |settled| Verdict::of(&id, settled)).boxed();
        let step = self.steps.join_or_start(key, deadline, work).await.ok()?;
        Some(step.await)
    }
}

fn event_of(copy: EndedCopy) -> Event {
    let id = copy.operation.to_string();
    let data = CopyEndedEvent {
        client_request_id: copy.carried,
        url: ResourceUri::new(&copy.destination),
        end: copy.end,
        reason: copy.reason,
    };
    Event {
        id,
        event_type: CopyEndedEvent::EVENT_TYPE.to_owned(),
        subject: copy.destination,
        data_version: String::new(),
        time: String::new(),
        trace: None,
        data: Bytes::from(serde_json::to_vec(&data).unwrap_or_default()),
        tries_before: 0,
    }
}
