//! How requests leave the program: one connection pool for all of Azure, or a function in memory. Not what they say.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request, Transport};
use bytes::Bytes;

pub use self::sockets::Sockets;
use super::spelling;

mod sockets;

/// A provider that has not answered by then is taken for unavailable; Event Grid gives a whole delivery 30 s.
const ANSWER_SECONDS_MAX: Duration = Duration::from_secs(20);
/// The longest a provider may ask us to wait within a step.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_secs(8);
/// A larger answer is refused: listings come in pages of 5,000 names, at about a kilobyte each.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Nobody was reached.
    #[error("the connection failed")]
    Connection,
    /// Somebody was reached and then lost, or too slow.
    #[error("the connection broke")]
    Broken,
    /// The answer was larger than any we expect.
    #[error("the answer is too large")]
    TooLarge,
}

/// Sends a request and reads the whole answer.
#[async_trait]
pub trait Wire: Send + Sync {
    /// Sends one request. Never follows a redirect. Waiting is bounded by the caller. A [`header_spelling::Spelling`] among
    /// the extensions says how names are spelled, both ways.
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError>;
}

/// The transport all clients share: without sharing it, each would keep connections of its own.
pub(super) fn transport(wire: Arc<dyn Wire>) -> Transport {
    Transport::new(Arc::new(OverWire(wire)))
}

struct OverWire(Arc<dyn Wire>);

impl fmt::Debug for OverWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OverWire")
    }
}

#[async_trait]
impl HttpClient for OverWire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let answer = tokio::time::timeout(ANSWER_SECONDS_MAX, self.0.send(outgoing(request)?)).await;
        let answer = answer.unwrap_or(Err(WireError::Broken)).map_err(|error| {
            let kind = match error {
                WireError::Connection => azure_core::error::ErrorKind::Connection,
                WireError::Broken | WireError::TooLarge => azure_core::error::ErrorKind::Io,
            };
            azure_core::Error::new(kind, error)
        })?;
        let (parts, body) = answer.into_parts();
        let mut headers = Headers::new();
        for (name, value) in parts.headers.iter().filter(|(name, value)| !asks_too_much(name, value)) {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers.insert(HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value));
        }
        Ok(AsyncRawResponse::from_bytes(parts.status.as_u16().into(), headers, body))
    }
}

/// The pipeline waits as long as a provider asks, whatever that is; a longer wait than this is a redelivery's business.
fn asks_too_much(name: &http::HeaderName, value: &http::HeaderValue) -> bool {
    let number = || value.to_str().ok().and_then(|text| text.trim().parse::<u64>().ok());
    let wait = match name.as_str() {
        "retry-after" => number().map(Duration::from_secs),
        "retry-after-ms" | "x-ms-retry-after-ms" => number().map(Duration::from_millis),
        _ => return false,
    };
    // A date is as good as too long: nobody says it of a wait of seconds.
    wait.is_none_or(|wait| wait > RETRY_AFTER_MAX)
}

fn outgoing(request: &Request) -> azure_core::Result<http::Request<Bytes>> {
    let malformed = |error: http::Error| azure_core::Error::new(azure_core::error::ErrorKind::Other, error);
    let mut builder = http::Request::builder().method(request.method().as_str()).uri(request.url().as_str());
    for (name, value) in request.headers().iter().filter(|(name, _)| !spelling::is_message_to_wire(name)) {
        builder = builder.header(name.as_str(), value.as_str());
    }
    if let Some(spelling) = spelling::of_request(request.headers()) {
        builder = builder.extension(spelling);
    }
    let body = match request.body() {
        Body::Bytes(bytes) => bytes.clone(),
        Body::SeekableStream(_) => {
            let message = "bodies are sent whole: nothing here uploads more than an operation context";
            return Err(azure_core::Error::with_message(azure_core::error::ErrorKind::Other, message));
        }
    };
    builder.body(body).map_err(malformed)
}
