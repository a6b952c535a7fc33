//! Counts the dead letters that are kept, or cannot be. Keeps none itself.

use std::sync::Arc;

use async_trait::async_trait;
use gridwich_handlers::participants::{DeadLetter, DeadLetters, ParticipantError};

use super::metrics::Metrics;

/// A place for dead letters whose use is counted.
pub struct CountedDeadLetters<D> {
    /// The place.
    pub place: D,
    /// What counts.
    pub metrics: Arc<Metrics>,
}

#[async_trait]
impl<D: DeadLetters> DeadLetters for CountedDeadLetters<D> {
    async fn keep(&self, letter: DeadLetter<'_>) -> Result<(), ParticipantError> {
        let kept = self.place.keep(letter).await;
        self.metrics.dead_lettered(letter.reason.as_str(), kept.is_ok());
        kept
    }

    async fn discard(&self, letter: DeadLetter<'_>) -> Result<(), ParticipantError> {
        self.place.discard(letter).await
    }
}
