//! A saga orchestrator as small as can be: publishes requests, waits for their answers, shows what it sees. It speaks to
//! the topics as anybody would.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::places::{Places, REQUESTS, key};
use super::screen::Screen;
use super::timeline::{Entry, FAILURE};
use crate::clock;

/// How long an answer is waited for, when nothing at all happens meanwhile.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Publishes requests and waits for answers.
pub(super) struct Orchestrator {
    endpoint: String,
    key: String,
    client: reqwest::Client,
    timeline: BoxStream<'static, Entry>,
    screen: Screen,
    requests: u32,
}

impl Orchestrator {
    /// An orchestrator that sees `timeline`.
    pub(super) fn new(places: &Places, timeline: BoxStream<'static, Entry>) -> Self {
        Self {
            endpoint: places.topic_endpoint(REQUESTS),
            key: key(REQUESTS),
            client: reqwest::Client::new(),
            timeline,
            screen: Screen::from(clock::now()),
            requests: 0,
        }
    }

    /// Publishes a request and returns the data of the answer of type `until`, which carries the request's context.
    pub(super) async fn request(
        &mut self,
        event_type: &str,
        mut data: Value,
        until: &str,
    ) -> Result<Value, String> {
        self.requests += 1;
        let context = json!({"saga": "demo", "step": self.requests, "title": "Überraschung №\u{202f}1"});
        data["operationContext"] = context.clone();
        self.publish(event_type, &data).await?;
        loop {
            let entry = self.next(event_type, until).await?;
            if entry.data["operationContext"] != context {
                continue;
            }
            if entry.event_type == FAILURE {
                let reason = entry.data["logEventMessage"].as_str().unwrap_or_default();
                return Err(format!("{event_type} failed: {reason} ({})", entry.data["details"]));
            }
            if entry.event_type == until {
                return Ok(entry.data);
            }
        }
    }

    /// Waits for an answer that nobody asked for.
    pub(super) async fn hear(&mut self, waiting_for: &str, until: &str) -> Result<(), String> {
        while self.next(waiting_for, until).await?.event_type != until {}
        Ok(())
    }

    async fn publish(&self, event_type: &str, data: &Value) -> Result<(), String> {
        let now = clock::now();
        let body = json!([{
            "id": format!("demo-{}-{}", now.unix_timestamp_nanos(), self.requests),
            "subject": "/demo",
            "eventType": event_type,
            "eventTime": now.format(&Rfc3339).unwrap_or_default(),
            "dataVersion": "1.0",
            "data": data,
        }]);
        let post = self.client.post(&self.endpoint).header("aeg-sas-key", &self.key).body(body.to_string());
        let answer = post.send().await.and_then(reqwest::Response::error_for_status);
        answer.map(|_| ()).map_err(|error| format!("{event_type} could not be published: {error}"))
    }

    /// The next thing that happens, shown.
    async fn next(&mut self, waiting_for: &str, until: &str) -> Result<Entry, String> {
        let next = tokio::time::timeout(SILENCE_MAX, self.timeline.next()).await;
        let Ok(Some(entry)) = next else {
            let seconds = SILENCE_MAX.as_secs();
            return Err(format!("{waiting_for}: nothing happened for {seconds} s, waiting for {until}"));
        };
        self.screen.show(&entry);
        Ok(entry)
    }
}
