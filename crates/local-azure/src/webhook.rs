//! How a service calls back to a subscriber. Not how subscribers call the services.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

/// A larger answer to a delivery is cut off: Event Grid ignores delivery bodies, and a handshake's is under 200 bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Why a call had no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Nobody listens, or the connection broke.
    #[error("the connection failed")]
    Socket,
    /// No answer within the caller's time.
    #[error("no answer in time")]
    TimedOut,
    /// The URL cannot be called.
    #[error("the address cannot be called")]
    Address,
}

/// Calls subscribers: over sockets in a running cloud, in memory in a test.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Sends one request and reads its answer. Never follows a redirect. Waiting is bounded by the caller.
    async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WebhookError>;
}

/// Calls subscribers over real sockets.
#[derive(Clone, Debug)]
pub struct HttpWebhooks {
    client: reqwest::Client,
}

impl HttpWebhooks {
    /// A caller that trusts the system's certificates and, when given, one more authority (PEM).
    ///
    /// # Errors
    /// When the PEM text holds no certificate, or TLS cannot be set up.
    pub fn new(extra_authority_pem: Option<&[u8]>) -> Result<Self, reqwest::Error> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5));
        if let Some(pem) = extra_authority_pem {
            builder = builder.tls_certs_merge([reqwest::Certificate::from_pem(pem)?]);
        }
        Ok(Self { client: builder.build()? })
    }
}

#[async_trait]
impl Webhooks for HttpWebhooks {
    async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WebhookError> {
        let request = reqwest::Request::try_from(request).map_err(|_| WebhookError::Address)?;
        let mut answer = self.client.execute(request).await.map_err(|e| classify(&e))?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|e| classify(&e))? {
            let room = ANSWER_BYTES_MAX - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        Ok(response)
    }
}

fn classify(error: &reqwest::Error) -> WebhookError {
    if error.is_timeout() {
        WebhookError::TimedOut
    } else if error.is_builder() {
        WebhookError::Address
    } else {
        WebhookError::Socket
    }
}
