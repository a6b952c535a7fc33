//! Looks at everything again and again, never all replicas at once. What the looks come to is kept by [`Health`].

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Health, Look, Part};
use crate::jitter::about;

/// How often what is essential is looked at: three failed looks then take the half minute that an outage must last.
const EVERY: Duration = Duration::from_secs(10);
/// How often until it is all well for the first time, so that a replica is not kept waiting.
const EVERY_AT_FIRST: Duration = Duration::from_secs(1);
/// How often the rest is looked at, which nobody waits for.
const OTHERS_EVERY: Duration = Duration::from_secs(30);
/// One that has not answered by then has failed the look.
const LOOK_SECONDS_MAX: Duration = Duration::from_secs(5);

/// Everyone who is looked at, and where it is noted.
#[derive(Clone)]
pub struct Rounds {
    health: Health,
    members: Vec<(Part, usize, Arc<dyn Look>)>,
}

impl Rounds {
    /// Nobody yet.
    #[must_use]
    pub fn new(health: &Health) -> Self {
        Self { health: health.clone(), members: Vec::new() }
    }

    /// Adds one who is looked at; `name` is for the log.
    pub fn add(&mut self, part: Part, name: &str, look: Arc<dyn Look>) {
        let number = self.health.add(part, name);
        self.members.push((part, number, look));
    }

    /// Looks at everyone, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut others_due = Instant::now();
        loop {
            let with_others = Instant::now() >= others_due;
            if with_others {
                others_due = Instant::now() + OTHERS_EVERY;
            }
            let pause = async {
                self.look(with_others).await;
                let every = if self.health.readiness(false).is_starting() { EVERY_AT_FIRST } else { EVERY };
                tokio::time::sleep(about(every)).await;
            };
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    /// Looks once at what is essential, and at the others if it is their turn.
    pub async fn look(&self, with_others: bool) {
        let due = self.members.iter().filter(|(part, ..)| with_others || part.is_essential());
        let looks = due.map(|(_, number, look)| async {
            let looked = AssertUnwindSafe(tokio::time::timeout(LOOK_SECONDS_MAX, look.look()));
            let looked = match looked.catch_unwind().await {
                Ok(in_time) => in_time.unwrap_or_else(|_| Err("no answer in time".to_owned())),
                Err(_) => Err("the look panicked".to_owned()),
            };
            self.health.note(*number, looked);
        });
        join_all(looks).await;
    }
}
