//! Media Services' v3 REST dialect, for Azure's successors and the local one alike. Which region gets a job is decided
//! here, in one place.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::http::headers::CONTENT_TYPE;
use azure_core::http::policies::Policy;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{Context, Method, Pipeline, Request, Url};
use gridwich_handlers::participants::{
    ClipTimes, ContainerAddress, EncodeError, EncodeJob, Encoder, JobSnapshot, JobTicket, ParticipantError,
    SubmitStep,
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::token::RmsTokenPolicy;
use super::classify::classify;
use super::pipeline::{client_options, segment};
use super::presets;
use super::token_policy::StaticTokenPolicy;
use super::wire::Wire;
use crate::config::{MediaAccountConfig, MediaAuth};

mod token;

/// The version for transforms and jobs.
const ENCODING_VERSION: &str = "2022-07-01";
/// The version for assets.
const ASSETS_VERSION: &str = "2022-08-01";
/// The dialect's limit for a name.
const NAME_CHARACTERS_MAX: usize = 260;
const SCOPE: &str = "https://management.azure.com/.default";
/// Where Azure itself had it.
const BASE_URL: &str = "https://management.azure.com";

/// The configured accounts, in order of preference.
pub struct MediaServices {
    accounts: Vec<Account>,
}

struct Account {
    region: String,
    /// Up to and with the account's name, without a slash at the end.
    url: String,
    pipeline: Pipeline,
    correlation_bytes_max: usize,
}

/// What the dialect says of a transform, as far as a job needs it.
#[derive(Deserialize)]
struct Transform {
    name: String,
    properties: TransformProperties,
}

#[derive(Deserialize)]
struct TransformProperties {
    #[serde(default)]
    outputs: Vec<Value>,
}

/// More pages than this are not read: an account has 100 transforms at most.
const PAGES_MAX: usize = 20;

/// What the dialect says of a job, as far as we need it.
#[derive(Deserialize)]
struct Job {
    properties: JobProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobProperties {
    #[serde(default)]
    correlation_data: Option<BTreeMap<String, String>>,
    #[serde(default)]
    state: String,
    #[serde(default)]
    start_time: Option<String>,
    #[serde(default)]
    end_time: Option<String>,
}

/// A time in seconds since 1970. Some services of the dialect write both an offset and a `Z`.
fn seconds(time: &str) -> Option<i64> {
    let time = match time.strip_suffix('Z') {
        Some(plain) if plain.contains('+') => plain,
        _ => time,
    };
    OffsetDateTime::parse(time, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp)
}

/// A page of what the dialect lists, as far as we need it.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    value: Vec<Named>,
    #[serde(default, rename = "@odata.nextLink")]
    next_link: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl MediaServices {
    /// The configured accounts, each with its own way of identifying us.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn new(
        configs: &[MediaAccountConfig],
        credential: Option<&Arc<dyn TokenCredential>>,
        wire: &Arc<dyn Wire>,
    ) -> Result<Self, String> {
        let accounts =
            configs.iter().map(|config| Account::new(config, credential, wire)).collect::<Result<_, _>>()?;
        Ok(Self { accounts })
    }

    /// The account that gets new jobs: the first in the configured order.
    fn choose(&self) -> Result<&Account, ParticipantError> {
        self.accounts.first().ok_or_else(|| ParticipantError::Unavailable("media services".to_owned(), None))
    }
}

impl Account {
    fn new(
        config: &MediaAccountConfig,
        credential: Option<&Arc<dyn TokenCredential>>,
        wire: &Arc<dyn Wire>,
    ) -> Result<Self, String> {
        let invalid = |what: &str| format!("media.accounts: {:?}: {what}", config.account);
        let base_url =
            if config.base_url.is_empty() { BASE_URL } else { config.base_url.trim_end_matches('/') };
        let base =
            Url::parse(base_url).map_err(|error| invalid(&format!("base_url: expected a URL: {error}")))?;
        if base.scheme() != "https" {
            return Err(invalid("base_url: expected https, because tokens are not sent in clear"));
        }
        let policy: Arc<dyn Policy> = match config.auth {
            MediaAuth::Entra => {
                let credential = credential.ok_or_else(|| invalid("expected an identity in [entra]"))?;
                Arc::new(BearerTokenAuthorizationPolicy::new(Arc::clone(credential), [SCOPE]))
            }
            MediaAuth::Bearer => Arc::new(StaticTokenPolicy::new(&config.token)),
            MediaAuth::Rms => {
                Arc::new(RmsTokenPolicy::new(base_url, &config.subscription_id, &config.token, wire))
            }
        };
        let url = format!(
            "{base_url}/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Media/mediaServices/{}",
            segment(&config.subscription_id),
            segment(&config.resource_group),
            segment(&config.account)
        );
        let options = client_options(wire, vec![policy]);
        let pipeline = Pipeline::new(None, None, options, Vec::new(), Vec::new(), None);
        let correlation_bytes_max = config.correlation_bytes_max;
        Ok(Self { region: config.region.clone(), url, pipeline, correlation_bytes_max })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        version: &str,
        body: Option<&Value>,
    ) -> azure_core::Result<Vec<u8>> {
        let url = Url::parse(&format!("{}/{path}?api-version={version}", self.url))?;
        self.request(method, url, body).await
    }

    async fn request(&self, method: Method, url: Url, body: Option<&Value>) -> azure_core::Result<Vec<u8>> {
        let mut request = Request::new(url, method);
        if let Some(body) = body {
            request.insert_header(CONTENT_TYPE, "application/json");
            request.set_body(body.to_string().into_bytes());
        }
        let response = self.pipeline.send(&Context::default(), &mut request, None).await?;
        Ok(response.into_body().to_vec())
    }

    /// The transform of that name, made from what we know when the account lacks it.
    async fn transform(&self, name: &str) -> Result<Transform, ParticipantError> {
        let what = format!("the transform {name:?}");
        if !is_name(name) {
            return Err(ParticipantError::NotFound(what, None));
        }
        let path = format!("transforms/{}", segment(name));
        let found = self.send(Method::Get, &path, ENCODING_VERSION, None).await;
        let body = match found.map_err(|error| classify(&error, &what)) {
            Ok(body) => body,
            Err(missing @ ParticipantError::NotFound(..)) => {
                let Some((name, body)) = presets::transform(name) else { return Err(missing) };
                let path = format!("transforms/{}", segment(name));
                let made = self.send(Method::Put, &path, ENCODING_VERSION, Some(&body)).await;
                made.map_err(|error| classify(&error, &what))?
            }
            Err(error) => return Err(error),
        };
        serde_json::from_slice(&body).map_err(|_| unreadable(&what))
    }

    /// Makes the asset that stands for a container, or leaves the one that is there. Answers its name.
    async fn asset(&self, container: &ContainerAddress) -> Result<String, ParticipantError> {
        let name = container.asset_name();
        let body = json!({"properties": {
            "container": container.container,
            "storageAccountName": container.account,
        }});
        let path = format!("assets/{}", segment(&name));
        let made = self.send(Method::Put, &path, ASSETS_VERSION, Some(&body)).await;
        made.map_err(|error| classify(&error, &format!("the asset {name:?}")))?;
        Ok(name)
    }

    async fn put_job(
        &self,
        job: &EncodeJob,
        transform: &Transform,
        body: &Value,
    ) -> Result<(), ParticipantError> {
        let what = format!("the job {:?}", job.name);
        let ticket = JobTicket { transform: transform.name.clone(), job: job.name.clone() };
        let put = self.send(Method::Put, &job_path(&ticket), ENCODING_VERSION, Some(body)).await;
        match put.map_err(|error| classify(&error, &what)) {
            Ok(_) => Ok(()),
            // The name follows from the operation: a job that carries the same is the one we meant.
            Err(conflict @ ParticipantError::Conflict(..)) => {
                let found = self.job(&ticket).await?;
                if job.is(&found) { Ok(()) } else { Err(conflict) }
            }
            Err(error) => Err(error),
        }
    }

    /// Where the account has a job of that name, and in what state.
    async fn find(
        &self,
        job: &str,
        transform: Option<&str>,
    ) -> Result<Option<(JobTicket, String)>, ParticipantError> {
        let transforms = match transform {
            Some(transform) => vec![transform.to_owned()],
            None => self.transforms().await?,
        };
        for transform in transforms {
            let ticket = JobTicket { transform, job: job.to_owned() };
            match self.look(&ticket).await {
                Ok(job) => return Ok(Some((ticket, job.properties.state))),
                Err(ParticipantError::NotFound(..)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The names of all transforms of the account.
    async fn transforms(&self) -> Result<Vec<String>, ParticipantError> {
        let what = "the transforms";
        let mut names = Vec::new();
        let mut after = String::new();
        for _ in 0..PAGES_MAX {
            let path = format!("{}/transforms?api-version={ENCODING_VERSION}{after}", self.url);
            let url = Url::parse(&path).map_err(|_| unreadable(what))?;
            let body = self.request(Method::Get, url, None).await.map_err(|error| classify(&error, what))?;
            let page = serde_json::from_slice::<Page>(&body).map_err(|_| unreadable(what))?;
            names.extend(page.value.into_iter().map(|transform| transform.name));
            // Of the link only the place to go on from is taken: nobody else gets to say where tokens are sent.
            let next = page.next_link.and_then(|link| Url::parse(&link).ok());
            let token = next.and_then(|link| {
                link.query_pairs().find(|(name, _)| name == "$skiptoken").map(|(_, token)| token.into_owned())
            });
            let Some(token) = token else { break };
            after = format!("&$skiptoken={}", segment(&token));
        }
        Ok(names)
    }

    async fn cancel(&self, ticket: &JobTicket, state: &str) -> Result<(), ParticipantError> {
        let what = format!("the job {:?}", ticket.job);
        if state.starts_with("Cancel") {
            return Ok(());
        }
        if matches!(state, "Finished" | "Error") {
            let message = format!("{what} has ended already: it is {state}");
            return Err(ParticipantError::Rejected(message, None));
        }
        let path = format!("{}/cancelJob", job_path(ticket));
        let asked = self.send(Method::Post, &path, ENCODING_VERSION, None).await;
        asked.map(|_| ()).map_err(|error| classify(&error, &what))
    }

    async fn job(&self, ticket: &JobTicket) -> Result<JobSnapshot, ParticipantError> {
        let JobProperties { correlation_data, start_time, end_time, .. } =
            self.look(ticket).await?.properties;
        Ok(JobSnapshot {
            correlation: correlation_data.unwrap_or_default(),
            started: start_time.as_deref().and_then(seconds),
            ended: end_time.as_deref().and_then(seconds),
        })
    }

    async fn look(&self, ticket: &JobTicket) -> Result<Job, ParticipantError> {
        let what = format!("the job {:?}", ticket.job);
        if !is_name(&ticket.transform) || !is_name(&ticket.job) {
            return Err(ParticipantError::NotFound(what, None));
        }
        let body = self.send(Method::Get, &job_path(ticket), ENCODING_VERSION, None).await;
        let body = body.map_err(|error| classify(&error, &what))?;
        serde_json::from_slice::<Job>(&body).map_err(|_| unreadable(&what))
    }
}

#[async_trait]
impl Encoder for MediaServices {
    fn correlation_bytes_max(&self) -> usize {
        self.choose().map_or(0, |account| account.correlation_bytes_max)
    }

    async fn submit(&self, job: &EncodeJob) -> Result<(), EncodeError> {
        let at = |step| move |source| EncodeError { step, source };
        let account = self.choose().map_err(at(SubmitStep::Job))?;
        let transform = account.transform(&job.transform).await.map_err(at(SubmitStep::Transform))?;
        let input = account.asset(&job.input).await.map_err(at(SubmitStep::InputAsset))?;
        let output = account.asset(&job.output).await.map_err(at(SubmitStep::OutputAsset))?;
        let body = job_body(job, &transform, &input, &output);
        account.put_job(job, &transform, &body).await.map_err(at(SubmitStep::Job))?;
        tracing::debug!(region = account.region, job = job.name, "a job was submitted");
        Ok(())
    }

    async fn cancel(&self, job: &str, transform: Option<&str>) -> Result<(), ParticipantError> {
        let mut trouble = None;
        for account in &self.accounts {
            match account.find(job, transform).await {
                Ok(Some((ticket, state))) => return account.cancel(&ticket, &state).await,
                Ok(None) => {}
                // It may be in another region.
                Err(error) => trouble = trouble.or(Some(error)),
            }
        }
        Err(trouble.unwrap_or_else(|| ParticipantError::NotFound(format!("the job {job:?}"), None)))
    }

    async fn job(&self, ticket: &JobTicket) -> Result<JobSnapshot, ParticipantError> {
        let mut missing = None;
        for account in &self.accounts {
            match account.job(ticket).await {
                Err(error @ ParticipantError::NotFound(..)) => missing = Some(error),
                found => return found,
            }
        }
        Err(missing.unwrap_or_else(|| ParticipantError::NotFound(format!("the job {:?}", ticket.job), None)))
    }
}

fn job_path(ticket: &JobTicket) -> String {
    format!("transforms/{}/jobs/{}", segment(&ticket.transform), segment(&ticket.job))
}

/// Whether the dialect has names like this; it has none with dots, which could climb out of their path.
fn is_name(name: &str) -> bool {
    let is_strange = |c: char| c.is_control() || "<>%&:\\?/*+.'".contains(c);
    !name.is_empty() && name.chars().count() <= NAME_CHARACTERS_MAX && !name.contains(is_strange)
}

fn unreadable(what: &str) -> ParticipantError {
    ParticipantError::Rejected(format!("the answer about {what} cannot be read"), None)
}

/// Each output of the transform writes to the one output asset.
fn job_body(job: &EncodeJob, transform: &Transform, input: &str, output: &str) -> Value {
    let mut source = json!({
        "@odata.type": "#Microsoft.Media.JobInputAsset",
        "assetName": input,
        "files": job.files,
    });
    let ClipTimes { start_seconds, end_seconds } = job.clip;
    for (member, seconds) in [("start", start_seconds), ("end", end_seconds)] {
        if let Some(seconds) = seconds {
            source[member] =
                json!({"@odata.type": "#Microsoft.Media.AbsoluteClipTime", "time": iso_duration(seconds)});
        }
    }
    let target = json!({"@odata.type": "#Microsoft.Media.JobOutputAsset", "assetName": output});
    let outputs = vec![target; transform.properties.outputs.len().max(1)];
    json!({"properties": {"input": source, "outputs": outputs, "correlationData": job.correlation}})
}

/// Seconds as ISO 8601 writes a duration, to the microsecond.
fn iso_duration(seconds: f64) -> String {
    let digits = format!("{seconds:.6}");
    format!("PT{}S", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_however_sloppily_they_are_written() {
        for time in ["2026-03-04T09:00:00Z", "2026-03-04T10:00:00.25+01:00", "2026-03-04T09:00:00+00:00Z"] {
            assert_eq!(seconds(time), Some(1_772_614_800), "{time}");
        }
        assert_eq!(seconds("yesterday"), None);
    }

    #[test]
    fn durations_are_written_without_needless_digits() {
        for (seconds, expected) in [(0.0, "PT0S"), (10.0, "PT10S"), (0.5, "PT0.5S"), (70.25, "PT70.25S")] {
            assert_eq!(iso_duration(seconds), expected);
        }
    }
}
