//! Deliveries that go wrong on request. Not the publish side: that has [`crate::faults`].

use std::time::Duration;

/// One way for a delivery to go wrong. Event Grid promises at least one delivery and no order, and keeps that promise
/// through each of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryFault {
    /// The request is lost on its way: the endpoint never sees it, and it counts as a broken connection.
    Drop,
    /// The endpoint gets the same request twice; the first answer counts.
    Duplicate,
    /// The request is sent so much later. It waits without being in anybody's way.
    Delay(Duration),
    /// The request steps back by one second, so that those behind it overtake.
    Reorder,
    /// The endpoint works and answers, but the answer is lost: it counts as timed out.
    AnswerLost,
}

/// How far [`DeliveryFault::Reorder`] steps back: longer than a burst of requests, shorter than any retry.
const STEP_BACK: Duration = Duration::from_secs(1);

impl DeliveryFault {
    /// How long the request is put back without an attempt.
    pub(crate) fn put_back(self) -> Option<Duration> {
        match self {
            Self::Delay(wait) => Some(wait),
            Self::Reorder => Some(STEP_BACK),
            Self::Drop | Self::Duplicate | Self::AnswerLost => None,
        }
    }
}
