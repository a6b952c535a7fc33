//! What all our clients of Azure have in common: one transport, and how often they try. Not whom they talk to.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{ClientOptions, Context, ExponentialRetryOptions, Request, RetryOptions};
use azure_core::time::Duration;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::wire::{Wire, WireError, transport};

/// Tries after the first.
const RETRIES_MAX: u32 = 3;
/// The first wait between tries; it doubles.
const RETRY_WAIT: Duration = Duration::milliseconds(400);
/// The longest wait between tries.
const RETRY_WAIT_MAX: Duration = Duration::seconds(3);
/// No try begins later than this after the first has failed.
const RETRY_SECONDS_MAX: Duration = Duration::seconds(10);
/// The longest a call may take, all tries and waits included; then the provider is taken for unavailable.
const CALL_SECONDS_MAX: std::time::Duration = std::time::Duration::from_secs(22);

/// Options of a client that retries what may pass.
pub(super) fn client_options(wire: &Arc<dyn Wire>, per_try: Vec<Arc<dyn Policy>>) -> ClientOptions {
    ClientOptions {
        per_call_policies: vec![Arc::new(Patience)],
        per_try_policies: per_try,
        retry: RetryOptions::exponential(ExponentialRetryOptions {
            initial_delay: RETRY_WAIT,
            max_retries: RETRIES_MAX,
            max_total_elapsed: RETRY_SECONDS_MAX,
            max_delay: RETRY_WAIT_MAX,
        }),
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
