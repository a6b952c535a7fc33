//! What a subscriber's answer means for the event it was given. Not how long that is waited for.

use std::time::Duration;

use http::StatusCode;

use crate::webhook::WebhookError;

/// Why an attempt failed, and what may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Event Grid's word for it, as `lastDeliveryOutcome` has it.
    pub outcome: &'static str,
    /// The shortest wait before another attempt; `None` forbids one.
    pub wait_min: Option<Duration>,
}

/// Waits a status asks for, from the delivery and retry page; where it names none, its probation times.
const ANY: Duration = Duration::from_secs(10);
const UNAVAILABLE: Duration = Duration::from_secs(30);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2 * 60);
const NOT_FOUND: Duration = Duration::from_secs(5 * 60);
const SOCKET: Duration = Duration::from_secs(30);
const RESOLUTION: Duration = Duration::from_secs(5 * 60);

/// Judges an attempt: 200 to 204 and nothing else is a delivery; 400, 401, 403 and 413 are final.
pub(crate) fn judge(answer: Result<StatusCode, WebhookError>) -> Result<(), Failure> {
    let status = match answer {
        Ok(status) => status.as_u16(),
        Err(WebhookError::TimedOut) => return retry("TimedOut", ANY),
        Err(WebhookError::Socket) => return retry("SocketError", SOCKET),
        Err(WebhookError::Address) => return retry("ResolutionError", RESOLUTION),
    };
    match status {
        200..=204 => Ok(()),
        400 => terminal("BadRequest"),
        401 => terminal("Unauthorized"),
        403 => terminal("Forbidden"),
        413 => terminal("PayloadTooLarge"),
        404 => retry("NotFound", NOT_FOUND),
        408 => retry("TimedOut", REQUEST_TIMEOUT),
        503 => retry("Busy", UNAVAILABLE),
        429 | 500..=599 => retry("Busy", ANY),
        _ => retry("Aborted", ANY),
    }
}

fn retry(outcome: &'static str, wait_min: Duration) -> Result<(), Failure> {
    Err(Failure { outcome, wait_min: Some(wait_min) })
}

fn terminal(outcome: &'static str) -> Result<(), Failure> {
    Err(Failure { outcome, wait_min: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16) -> Result<(), Failure> {
        judge(Ok(StatusCode::from_u16(status).expect("a status")))
    }

    #[test]
    fn five_answers_deliver_and_four_are_final() {
        let delivered = (100..600).filter(|status| judged(*status).is_ok()).collect::<Vec<_>>();
        assert_eq!(delivered, [200, 201, 202, 203, 204]);
        let is_final = |status: &u16| judged(*status).is_err_and(|failure| failure.wait_min.is_none());
        assert_eq!((100..600).filter(is_final).collect::<Vec<_>>(), [400, 401, 403, 413]);
    }

    #[test]
    fn some_statuses_ask_for_patience() {
        let seconds = |status| judged(status).expect_err("a failure").wait_min.map(|wait| wait.as_secs());
        assert_eq!(
            [302, 404, 408, 409, 429, 500, 503].map(seconds),
            [10, 300, 120, 10, 10, 10, 30].map(Some)
        );
    }
}
