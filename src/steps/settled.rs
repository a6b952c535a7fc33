//! Which steps are settled although their delivery was asked to come again, so that its redelivery does nothing twice. A
//! convenience: what is forgotten here is looked up in storage, or repeated harmlessly.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

/// What a redelivery is recognised by: a digest of the whole event.
pub(super) type Digest = Uuid;

/// So many are kept, the newest: some 5 MB.
const COUNT_MAX: usize = 65_536;
/// So long each is kept: Event Grid's first five redeliveries come within a quarter of an hour, and most after a minute.
const KEPT_FOR: Duration = Duration::from_secs(15 * 60);

/// The settled, oldest first.
#[derive(Default)]
pub(super) struct Settled {
    until: HashMap<Digest, Instant>,
    order: VecDeque<(Instant, Digest)>,
}

impl Settled {
    pub(super) fn is_empty(&self) -> bool {
        self.until.is_empty()
    }

    pub(super) fn contains(&self, digest: Digest) -> bool {
        self.until.get(&digest).is_some_and(|until| *until > Instant::now())
    }

    /// Keeps it from now on.
    pub(super) fn insert(&mut self, digest: Digest) {
        let now = Instant::now();
        let until = now + KEPT_FOR;
        self.until.insert(digest, until);
        self.order.push_back((until, digest));
        while self.order.len() > COUNT_MAX || self.order.front().is_some_and(|(until, _)| *until <= now) {
            let Some((until, oldest)) = self.order.pop_front() else { break };
            // It may have been let go, or kept anew.
            if self.until.get(&oldest) == Some(&until) {
                self.until.remove(&oldest);
            }
        }
    }

    pub(super) fn remove(&mut self, digest: Digest) {
        self.until.remove(&digest);
        if self.until.is_empty() {
            self.order.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Digest {
        Uuid::from_u128(number as u128)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_bounded_in_number_and_in_time() {
        let mut settled = Settled::default();
        for number in 0..=COUNT_MAX {
            settled.insert(digest(number));
        }
        assert!(!settled.contains(digest(0)) && settled.contains(digest(1)));
        tokio::time::advance(KEPT_FOR / 2).await;
        settled.insert(digest(2));
        tokio::time::advance(KEPT_FOR / 2).await;
        assert!(!settled.contains(digest(3)));
        assert!(settled.contains(digest(2)), "kept anew, and so longer");
        settled.insert(digest(4));
        assert_eq!((settled.until.len(), settled.order.len()), (2, 2));
        settled.remove(digest(2));
        settled.remove(digest(4));
        assert!(settled.is_empty() && settled.order.is_empty());
    }
}
