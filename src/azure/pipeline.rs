//! What all our clients of Azure have in common: one transport, and how often they try. Not whom they talk to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, RETRY_AFTER};
use azure_core::http::policies::{Policy, PolicyResult, RetryHeaders, RetryPolicy};
use azure_core::http::{ClientOptions, Context, Request, RetryOptions, StatusCode};
use azure_core::time::Duration;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::wire::{Wire, WireError, transport};
use crate::clock;

/// Tries after the first.
const RETRIES_MAX: u32 = 3;
/// The first wait between tries; it doubles.
const RETRY_WAIT: Duration = Duration::milliseconds(400);
/// The longest wait between tries.
const RETRY_WAIT_MAX: Duration = Duration::seconds(3);
/// No try begins later than this after the first has failed.
const RETRY_SECONDS_MAX: Duration = Duration::seconds(10);
/// The most that is added to a wait, in milliseconds, as the SDK's own policy adds.
const JITTER_MILLISECONDS: i64 = 256;
/// 2^64 divided by the golden ratio: steps of this size hit all numbers and none soon again (Knuth, volume 3, 6.4).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// The longest a call may take, all tries and waits included; then the provider is taken for unavailable.
const CALL_SECONDS_MAX: std::time::Duration = std::time::Duration::from_secs(22);

/// Options of a client that retries what may pass.
pub(super) fn client_options(wire: &Arc<dyn Wire>, per_try: Vec<Arc<dyn Policy>>) -> ClientOptions {
    ClientOptions {
        per_call_policies: vec![Arc::new(Patience)],
        per_try_policies: per_try,
        retry: RetryOptions::custom(Arc::new(Backoff::default())),
        transport: Some(transport(Arc::clone(wire))),
        ..ClientOptions::default()
    }
}

/// Options of a client whose caller does the retrying.
pub(super) fn client_options_without_retries(
    wire: &Arc<dyn Wire>,
    per_try: Vec<Arc<dyn Policy>>,
) -> ClientOptions {
    ClientOptions { retry: RetryOptions::none(), ..client_options(wire, per_try) }
}

/// What stands in a segment as it is.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A name as one segment of a path.
pub(super) fn segment(name: &str) -> String {
    utf8_percent_encode(name, &UNRESERVED).to_string()
}

/// Gives up on a call that takes too long.
#[derive(Debug)]
struct Patience;

#[async_trait]
impl Policy for Patience {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let sent = tokio::time::timeout(CALL_SECONDS_MAX, next[0].send(ctx, request, &next[1..])).await;
        sent.unwrap_or_else(|_| Err(azure_core::Error::new(ErrorKind::Io, WireError::Broken)))
    }
}

/// Waits twice as long after each try, and a part of [`JITTER_MILLISECONDS`] more, so that replicas that were refused together
/// do not come again together. The SDK's own draws that part by chance alone; this one can be repeated with its clock.
#[derive(Debug)]
struct Backoff {
    headers: RetryHeaders,
    drawn: AtomicU64,
}

impl Default for Backoff {
    fn default() -> Self {
        let begun = clock::now().unix_timestamp_nanos();
        let named =
            [HeaderName::from_static("x-ms-retry-after-ms"), HeaderName::from_static("retry-after-ms")];
        Self {
            headers: RetryHeaders { retry_headers: named.into_iter().chain([RETRY_AFTER]).collect() },
            drawn: AtomicU64::new(begun as u64),
        }
    }
}

impl Backoff {
    fn part(&self) -> i64 {
        let drawn = self.drawn.fetch_add(GOLDEN, Ordering::Relaxed);
        let mixed = (drawn ^ (drawn >> 31)).wrapping_mul(GOLDEN);
        (mixed >> 40) as i64 % JITTER_MILLISECONDS
    }
}

impl RetryPolicy for Backoff {
    fn is_expired(&self, since_start: Duration, retries: u32) -> bool {
        retries >= RETRIES_MAX || since_start >= RETRY_SECONDS_MAX
    }

    fn retry_headers(&self) -> Option<&RetryHeaders> {
        Some(&self.headers)
    }

    /// Those that are usual.
    fn retry_status_codes(&self) -> &[StatusCode] {
        &[]
    }

    fn sleep_duration(&self, retries: u32) -> Duration {
        let wait = RETRY_WAIT * 2_i32.pow(retries.min(RETRIES_MAX)) + Duration::milliseconds(self.part());
        wait.min(RETRY_WAIT_MAX)
    }
}
