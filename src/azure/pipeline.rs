//! What all our clients of Azure have in common: one transport, and how often they try. Not whom they talk to.

use std::sync::Arc;

use azure_core::http::policies::Policy;
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions};
use azure_core::time::Duration;

use super::wire::{Wire, transport};

/// Tries after the first. With the waits below they take five seconds at most, unless the provider asks for more.
const RETRIES_MAX: u32 = 3;
/// The first wait between tries; it doubles.
const RETRY_WAIT: Duration = Duration::milliseconds(400);
/// The longest wait between tries.
const RETRY_WAIT_MAX: Duration = Duration::seconds(3);
/// The longest all tries may take together, so that a step can still answer within its delivery.
const RETRY_SECONDS_MAX: Duration = Duration::seconds(20);

/// Options of a client that retries what may pass.
pub(super) fn client_options(wire: &Arc<dyn Wire>, per_try: Vec<Arc<dyn Policy>>) -> ClientOptions {
    ClientOptions {
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
