//! Locators, filters, policies and endpoints, as the dialect has them. What our own policies say is `policies`'s.

use gridwich_handlers::participants::{
    ClipTimes, LocatorRequest, ParticipantError, PublicationError, PublicationStep, Published,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::{ASSETS_VERSION, Account, check_name, is_name, read};
use super::policies::{Policies, Policy};
use super::protection::{is_open, protects, streams};
use super::server_manifest;
use crate::azure::pipeline::segment;

/// What our locators' names begin with.
const LOCATOR: &str = "locator-";
/// What the names of their time filters begin with; the same digits end both.
const TIME_FILTER: &str = "filter-time-";
/// Time is told in units of 100 ns.
const TIMESCALE: u64 = 10_000_000;
/// The streaming endpoint that every account has; another one was made on purpose.
const DEFAULT_ENDPOINT: &str = "default";

const OPEN_IS_OFF: &str =
    "contentKeyPolicyName: expected a policy that asks for tokens, because media.clear_streaming is false";
const NOTHING_TO_STREAM: &str = "containerUri: expected a container with the outputs of an encode (.ism and .mp4), found nothing to stream";
const CLEAR_IS_OFF: &str = "streamingPolicyName: expected a streaming policy with protection, because media.clear_streaming is false";

/// A streaming endpoint.
#[derive(Deserialize)]
pub(super) struct Endpoint {
    name: String,
    properties: EndpointProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndpointProperties {
    host_name: String,
    #[serde(default)]
    resource_state: Option<String>,
}

#[derive(Deserialize)]
struct Locator {
    properties: LocatorProperties,
}

/// What a locator says. Lists may be null: services differ in that.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LocatorProperties {
    asset_name: String,
    streaming_policy_name: String,
    #[serde(default)]
    default_content_key_policy_name: Option<String>,
    #[serde(default)]
    filters: Option<Vec<String>>,
}

impl LocatorProperties {
    /// All names, as the service compares them: without case.
    fn names(&self) -> Vec<String> {
        let key_policy = self.default_content_key_policy_name.as_deref().unwrap_or_default();
        let own = [&self.asset_name, &self.streaming_policy_name, key_policy];
        let filters = self.filters.iter().flatten().map(String::as_str);
        own.into_iter().chain(filters).map(str::to_lowercase).collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keys {
    #[serde(default)]
    content_keys: Option<Vec<Key>>,
}

#[derive(Deserialize)]
struct Key {
    id: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Paths {
    #[serde(default)]
    streaming_paths: Option<Vec<StreamingPath>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StreamingPath {
    streaming_protocol: String,
    #[serde(default)]
    paths: Option<Vec<String>>,
}

impl Account {
    /// The streaming endpoint that players are sent to: a running one if there is any, and rather one that was made on
    /// purpose.
    pub(super) async fn endpoint(&self) -> Result<Endpoint, ParticipantError> {
        let what = "the streaming endpoints";
        let mut all = self.list::<Endpoint>("streamingEndpoints", ASSETS_VERSION, what).await?;
        let rank = |endpoint: &Endpoint| {
            (
                endpoint.properties.resource_state.as_deref() != Some("Running"),
                endpoint.name == DEFAULT_ENDPOINT,
            )
        };
        all.sort_by_key(rank);
        let first = all.into_iter().next();
        first.ok_or_else(|| ParticipantError::NotFound("a streaming endpoint".to_owned(), None))
    }

    pub(super) async fn publish(
        &self,
        request: &LocatorRequest,
        policies: &Policies,
    ) -> Result<Published, PublicationError> {
        let at = |step| move |source| PublicationError { step, source };
        let endpoint = self.endpoint().await.map_err(at(PublicationStep::Endpoint))?;
        let streaming = self.streaming_policy(&request.streaming_policy, policies).await;
        let (streaming_policy_name, policy) = streaming.map_err(at(PublicationStep::StreamingPolicy))?;
        if !request.may_be_clear && !protects(&streaming_policy_name, &policy) {
            return Err(refused(PublicationStep::Clear, CLEAR_IS_OFF));
        }
        let default_content_key_policy_name = match &request.content_key_policy {
            None => None,
            Some(name) => {
                let (name, policy) = self.content_key_policy(name, policies).await?;
                if !request.may_be_clear && is_open(&policy) {
                    return Err(refused(PublicationStep::Clear, OPEN_IS_OFF));
                }
                Some(name)
            }
        };
        self.asset(&request.container).await.map_err(at(PublicationStep::Asset))?;
        let asset_name = request.container.asset_name();
        let filters = Some(self.filters(request, &asset_name).await?);
        let properties =
            LocatorProperties { asset_name, streaming_policy_name, default_content_key_policy_name, filters };
        let name = format!("{LOCATOR}{}", request.suffix);
        self.locator(&name, properties).await.map_err(at(PublicationStep::Locator))?;
        let published = self.published(name, &endpoint).await.map_err(at(PublicationStep::Paths))?;
        if published.dash.is_none() && published.hls.is_none() && streams(&policy) {
            // Nobody could play it, and nobody hears its name.
            self.unpublish(&published.locator).await.map_err(at(PublicationStep::Paths))?;
            return Err(refused(PublicationStep::Paths, NOTHING_TO_STREAM));
        }
        Ok(published)
    }

    /// Deletes a locator and its time filter, if they are here.
    pub(super) async fn unpublish(&self, name: &str) -> Result<(), ParticipantError> {
        let what = format!("the locator {name:?}{}", self.here());
        let path = format!("streamingLocators/{}", segment(name));
        if !is_name(name) {
            let message = "locatorName: expected the name of a locator".to_owned();
            return Err(ParticipantError::Rejected(message, None));
        }
        let locator = match self.get::<Locator>(&path, ASSETS_VERSION, &what).await {
            Ok(locator) => locator.properties,
            Err(ParticipantError::NotFound(..)) => return Ok(()),
            Err(error) => return Err(error),
        };
        // The filter first: once the locator is gone, nobody knows of which asset it was.
        let own = format!("{TIME_FILTER}{}", name.strip_prefix(LOCATOR).unwrap_or(name));
        if locator.filters.iter().flatten().any(|filter| *filter == own) {
            let path = filter_path(&locator.asset_name, &own);
            match self.delete(&path, ASSETS_VERSION, &format!("the filter {own:?}")).await {
                // A service that keeps filters in use keeps this one.
                Ok(()) | Err(ParticipantError::Conflict(..)) => {}
                Err(error) => return Err(error),
            }
        }
        self.delete(&path, ASSETS_VERSION, &what).await
    }

    /// The policy as the account has it, with its name there; made if it is one of ours and missing.
    async fn streaming_policy(
        &self,
        requested: &str,
        policies: &Policies,
    ) -> Result<(String, Value), ParticipantError> {
        let Policy { name, body } = policies.streaming(requested);
        let what = format!("streamingPolicyName: the streaming policy {requested:?}");
        check_name(&name, &what)?;
        let path = format!("streamingPolicies/{}", segment(&name));
        let found = match (self.get::<Value>(&path, ASSETS_VERSION, &what).await, body) {
            (Err(ParticipantError::NotFound(..)), Some(body)) => {
                match self.put(&path, ASSETS_VERSION, &body, &what).await {
                    // Somebody else has made it meanwhile.
                    Err(ParticipantError::Conflict(..)) => self.get(&path, ASSETS_VERSION, &what).await?,
                    made => read(&made?, &what)?,
                }
            }
            (found, _) => found?,
        };
        Ok((name, found))
    }

    /// The policy as the account has it, with its name there; made if it is one of ours and missing, or out of date.
    async fn content_key_policy(
        &self,
        name: &str,
        policies: &Policies,
    ) -> Result<(String, Value), PublicationError> {
        let at = |step| move |source| PublicationError { step, source };
        let what = format!("contentKeyPolicyName: the content key policy {name:?}");
        let missing = |setting: &str| {
            let message = format!("{what} needs the setting media.drm.{setting}, which is not configured");
            ParticipantError::Rejected(message, None)
        };
        let own = policies.content_key(name).map_err(missing);
        let Policy { name, body } = own.map_err(at(PublicationStep::Configuration))?;
        check_name(&name, &what).map_err(at(PublicationStep::ContentKeyPolicy))?;
        let path = format!("contentKeyPolicies/{}", segment(&name));
        let policy = match (self.get::<Value>(&path, ASSETS_VERSION, &what).await, body) {
            (Err(ParticipantError::NotFound(..)), Some(body)) => self.put_policy(&path, body, &what).await,
            (Ok(_), Some(body)) if policies.update_content_key_policies() && !self.has_put(&path, &body) => {
                self.put_policy(&path, body, &what).await
            }
            (found, _) => found,
        };
        policy.map(|policy| (name, policy)).map_err(at(PublicationStep::ContentKeyPolicy))
    }

    async fn put_policy(&self, path: &str, body: Value, what: &str) -> Result<Value, ParticipantError> {
        match self.put(path, ASSETS_VERSION, &body, what).await {
            // Somebody else is making the same at this moment.
            Ok(_) | Err(ParticipantError::Conflict(..)) => {
                self.note_put(path, &body);
                Ok(body)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes the filters of a publication, and answers the names of those that all its players get.
    async fn filters(&self, request: &LocatorRequest, asset: &str) -> Result<Vec<String>, PublicationError> {
        let at = |step| move |source| PublicationError { step, source };
        let mut attached = Vec::new();
        if let Some(time) = request.time {
            let name = format!("{TIME_FILTER}{}", request.suffix);
            let made = self.filter(asset, &name, &json!({"presentationTimeRange": time_range(time)})).await;
            made.map_err(at(PublicationStep::Filter))?;
            attached.push(name);
        }
        if let Some(manifest) = &request.server_manifest {
            let tracks = server_manifest::audio_tracks(manifest).map_err(|reason| PublicationError {
                step: PublicationStep::ServerManifest,
                source: ParticipantError::Rejected(reason, None),
            })?;
            for (number, track) in tracks.iter().enumerate() {
                let made = self.filter(asset, &format!("audio{number:02}"), &track_selection(track)).await;
                made.map_err(at(PublicationStep::Filter))?;
            }
        }
        Ok(attached)
    }

    async fn filter(&self, asset: &str, name: &str, properties: &Value) -> Result<(), ParticipantError> {
        let body = json!({"properties": properties});
        let what = format!("the filter {name:?}");
        self.put(&filter_path(asset, name), ASSETS_VERSION, &body, &what).await.map(|_| ())
    }

    /// Makes a locator. One of that name that says the same is the one that was meant.
    async fn locator(&self, name: &str, wanted: LocatorProperties) -> Result<(), ParticipantError> {
        let what = format!("the locator {name:?}");
        let path = format!("streamingLocators/{}", segment(name));
        let mut body = json!({"properties": {
            "assetName": wanted.asset_name,
            "streamingPolicyName": wanted.streaming_policy_name,
            "filters": wanted.filters,
        }});
        if let Some(policy) = &wanted.default_content_key_policy_name {
            body["properties"]["defaultContentKeyPolicyName"] = json!(policy);
        }
        match self.put(&path, ASSETS_VERSION, &body, &what).await {
            Err(conflict @ ParticipantError::Conflict(..)) => {
                let found = self.get::<Locator>(&path, ASSETS_VERSION, &what).await?;
                if found.properties.names() == wanted.names() { Ok(()) } else { Err(conflict) }
            }
            made => made.map(|_| ()),
        }
    }

    async fn published(&self, locator: String, endpoint: &Endpoint) -> Result<Published, ParticipantError> {
        let path = format!("streamingLocators/{}", segment(&locator));
        let what = format!("the keys of the locator {locator:?}");
        let keys: Keys =
            read(&self.post(&format!("{path}/listContentKeys"), ASSETS_VERSION, &what).await?, &what)?;
        let what = format!("the paths of the locator {locator:?}");
        let paths: Paths =
            read(&self.post(&format!("{path}/listPaths"), ASSETS_VERSION, &what).await?, &what)?;
        let key = |kind: &str| {
            keys.content_keys.iter().flatten().find(|key| key.kind == kind).map(|key| key.id.clone())
        };
        let url = |protocol: &str, extension: &str| {
            let path =
                paths.streaming_paths.iter().flatten().find(|path| path.streaming_protocol == protocol)?;
            let path = path.paths.as_ref()?.first()?;
            let extension = if path.ends_with(extension) { "" } else { extension };
            Some(format!("https://{}{path}{extension}", endpoint.properties.host_name))
        };
        Ok(Published {
            envelope_key_id: key("EnvelopeEncryption"),
            cenc_key_id: key("CommonEncryptionCenc"),
            cbcs_key_id: key("CommonEncryptionCbcs"),
            dash: url("Dash", ".mpd"),
            hls: url("Hls", ".m3u8"),
            locator,
        })
    }
}

fn filter_path(asset: &str, filter: &str) -> String {
    format!("assets/{}/assetFilters/{}", segment(asset), segment(filter))
}

fn refused(step: PublicationStep, sentence: &str) -> PublicationError {
    PublicationError { step, source: ParticipantError::Rejected(sentence.to_owned(), None) }
}

fn time_range(time: ClipTimes) -> Value {
    let mut range = json!({"timescale": TIMESCALE});
    for (member, seconds) in [("startTimestamp", time.start_seconds), ("endTimestamp", time.end_seconds)] {
        if let Some(seconds) = seconds {
            range[member] = json!((seconds * TIMESCALE as f64).round() as u64);
        }
    }
    range
}

fn track_selection(name: &str) -> Value {
    let condition =
        |property, value: &str| json!({"property": property, "operation": "Equal", "value": value});
    json!({"tracks": [{"trackSelections": [condition("Type", "Audio"), condition("Name", name)]}]})
}
