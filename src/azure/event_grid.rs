//! A custom topic of Event Grid, from the publisher's side. What is published, and when again, is the publisher's.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use azure_core::http::policies::Policy;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{Context, Method, Pipeline, PipelineSendOptions, RawResponse, Request, Url};
use bytes::Bytes;

use super::pipeline::client_options_without_retries;
use super::wire::Wire;
use crate::config::TopicConfig;
use crate::publisher::{PostError, Topic};
use crate::secret::Secret;

/// The only version of the interface there is.
const API_VERSION: &str = "2018-01-01";
/// Where events go when the endpoint is only a host, as the original took it.
const PATH: &str = "/api/events";
const SCOPE: &str = "https://eventgrid.azure.net/.default";
const KEY: HeaderName = HeaderName::from_static("aeg-sas-key");

/// A topic we publish to.
pub struct EventGridTopic {
    url: Url,
    key: Option<Secret>,
    pipeline: Pipeline,
}

impl EventGridTopic {
    /// A topic by its endpoint, with its key or, without one, with a token of Entra's.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn new(
        config: &TopicConfig,
        credential: Option<Arc<dyn TokenCredential>>,
        wire: &Arc<dyn Wire>,
    ) -> Result<Self, String> {
        let expected = "topic.endpoint: expected the URL of an Event Grid topic";
        let mut url = Url::parse(&config.endpoint).map_err(|error| format!("{expected}: {error}"))?;
        if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
            return Err(expected.to_owned());
        }
        if url.path() == "/" {
            url.set_path(PATH);
        }
        url.set_query(Some(&format!("api-version={API_VERSION}")));
        let mut per_try = Vec::<Arc<dyn Policy>>::new();
        if let Some(credential) = credential {
            if url.scheme() != "https" {
                return Err(format!(
                    "{expected} that starts with https, because tokens are not sent in clear"
                ));
            }
            per_try.push(Arc::new(BearerTokenAuthorizationPolicy::new(credential, [SCOPE])));
        }
        let options = client_options_without_retries(wire, per_try);
        let pipeline = Pipeline::new(None, None, options, Vec::new(), Vec::new(), None);
        let key = (!config.key.is_empty()).then(|| config.key.clone());
        Ok(Self { url, key, pipeline })
    }
}

#[async_trait]
impl Topic for EventGridTopic {
    async fn post(&self, events: Bytes) -> Result<(), PostError> {
        let mut request = Request::new(self.url.clone(), Method::Post);
        request.insert_header(CONTENT_TYPE, "application/json; charset=utf-8");
        if let Some(key) = &self.key {
            request.insert_header(KEY, key.reveal().to_string());
        }
        request.set_body(events);
        let options = PipelineSendOptions { skip_checks: true, ..PipelineSendOptions::default() };
        match self.pipeline.send(&Context::default(), &mut request, Some(options)).await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(refusal(&response)),
            Err(error) => Err(no_answer(&error)),
        }
    }
}

fn refusal(response: &RawResponse) -> PostError {
    let status = u16::from(response.status());
    let retry_after = response.headers().get_optional_as::<u64, _>(&RETRY_AFTER).ok().flatten();
    PostError {
        is_transient: matches!(status, 408 | 429 | 500..),
        is_about_events: matches!(status, 400 | 413),
        is_reached: matches!(status, 400 | 413 | 429),
        retry_after: retry_after.map(Duration::from_secs),
        message: format!("the topic answered {status}"),
    }
}

fn no_answer(error: &azure_core::Error) -> PostError {
    let message = match error.kind() {
        ErrorKind::Credential => "no token could be had for the topic",
        ErrorKind::Connection => "the topic cannot be reached",
        _ => "the topic did not answer",
    };
    let message = message.to_owned();
    PostError { is_transient: true, is_about_events: false, is_reached: false, retry_after: None, message }
}
