//! A token that an API key is traded for. Neither Entra's nor one that is configured.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{AUTHORIZATION, CONTENT_TYPE};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Method, Pipeline, Request, StatusCode, Url};
use serde_json::json;
use tokio::sync::Mutex;

use crate::azure::pipeline::client_options;
use crate::azure::wire::Wire;
use crate::secret::Secret;

/// Trades an API key for a token at `{base}/auth/token`, and again when the token is no longer taken.
pub(super) struct RmsTokenPolicy {
    url: String,
    subscription_id: String,
    api_key: Secret,
    pipeline: Pipeline,
    /// The newest token; it may vanish at any time and is then asked for again.
    token: Mutex<Option<Secret>>,
}

impl RmsTokenPolicy {
    pub(super) fn new(base_url: &str, subscription_id: &str, api_key: &Secret, wire: &Arc<dyn Wire>) -> Self {
        let options = client_options(wire, Vec::new());
        Self {
            url: format!("{base_url}/auth/token"),
            subscription_id: subscription_id.to_owned(),
            api_key: api_key.clone(),
            pipeline: Pipeline::new(None, None, options, Vec::new(), Vec::new(), None),
            token: Mutex::new(None),
        }
    }

    async fn token(&self) -> azure_core::Result<Secret> {
        let mut kept = self.token.lock().await;
        if let Some(token) = kept.as_ref() {
            return Ok(token.clone());
        }
        let mut request = Request::new(Url::parse(&self.url)?, Method::Post);
        request.insert_header(CONTENT_TYPE, "application/json");
        let body = json!({"subscriptionId": self.subscription_id, "apiKey": &*self.api_key.reveal()});
        request.set_body(body.to_string().into_bytes());
        let answer = self.pipeline.send(&Context::default(), &mut request, None).await;
        let text = answer.and_then(|answer| answer.into_body().into_string());
        let text =
            text.map_err(|_| azure_core::Error::with_message(ErrorKind::Credential, "no token was given"))?;
        // The token comes as bare text; some versions put it in quotes.
        Ok(kept.insert(Secret::new(text.trim().trim_matches('"'))).clone())
    }
}

impl fmt::Debug for RmsTokenPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RmsTokenPolicy")
    }
}

#[async_trait]
impl Policy for RmsTokenPolicy {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let token = self.token().await?;
        request.insert_header(AUTHORIZATION, format!("Bearer {}", token.reveal()));
        let answer = next[0].send(ctx, request, &next[1..]).await?;
        if answer.status() != StatusCode::Unauthorized {
            return Ok(answer);
        }
        *self.token.lock().await = None;
        let token = self.token().await?;
        request.insert_header(AUTHORIZATION, format!("Bearer {}", token.reveal()));
        next[0].send(ctx, request, &next[1..]).await
    }
}
