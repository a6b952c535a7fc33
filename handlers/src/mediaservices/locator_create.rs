//! `request.mediaservices.locator.create`: publishes what an encode has left in a container. Encodes and packages nothing
//! itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::lenient::null_as_default;
use crate::base::time_range::TimeRange;
use crate::base::{Answer, Effect, EventData, Failure, Handler, Step, log_events, place};
use crate::operation_context::OperationContext;
use crate::participants::{
    BlobAddress, ClipTimes, ContainerAddress, LocatorRequest, ParticipantError, Participants,
    PublicationError, PublicationStep, Storage,
};
use crate::resource_uri::ResourceUri;

/// A description of tracks is some hundred bytes for each.
const SERVER_MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// Media to publish.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "request.mediaservices.locator.create")]
pub struct MediaServicesLocatorCreateRequest {
    /// The URI of the container with the outputs of an encode.
    container_uri: ResourceUri,
    /// How they are protected, in any case: `clearStreamingOnly` (where the operator allows it), `clearKeyStreaming` (HLS with
    /// AES-128), `cencClearKeyStreaming` (DASH, for Clear Key), `cencDrmStreaming` or `multiDrmStreaming`; or the name of a
    /// streaming policy of the account.
    #[serde(default, deserialize_with = "null_as_default")]
    #[schemars(required)]
    streaming_policy_name: String,
    /// Who gets keys: `clearKey`, `cencDrmKey` or `multiDrmKey`, in any case; or the name of a content key policy of the
    /// account. Nothing, or blank, for clear streaming.
    content_key_policy_name: Option<String>,
    /// The part that is shown; an end that is left out is the media's own.
    time_based_filter: Option<TimeRange>,
    /// Whether a filter is made for each audio track, for players to choose by: `audio00`, `audio01` and so on.
    #[serde(default, deserialize_with = "null_as_default")]
    #[schemars(with = "Option<bool>")]
    generate_audio_filters: bool,
    operation_context: Option<OperationContext>,
}

impl EventData for MediaServicesLocatorCreateRequest {
    const EVENT_TYPE: &'static str = "request.mediaservices.locator.create";

    fn operation_context(&self) -> Option<&OperationContext> {
        self.operation_context.as_ref()
    }

    fn example() -> Value {
        json!({
            "containerUri": "https://gwproxy00sasb.blob.core.windows.net/show-17-mbr",
            "streamingPolicyName": "multiDrmStreaming",
            "contentKeyPolicyName": "multiDrmKey",
            "timeBasedFilter": {"startSeconds": 10, "endSeconds": 70.5},
            "generateAudioFilters": true,
            "operationContext": {"sagaId": "s-1", "step": 10},
        })
    }
}

/// The media are published.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.mediaservices.locator.create.success")]
pub struct MediaServicesLocatorCreateSuccess {
    /// Names the publication, for taking it back.
    locator_name: String,
    /// The id of the content key for AES-128.
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope_key_id: Option<String>,
    /// The id of the content key for `cenc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    cenc_key_id: Option<String>,
    /// The id of the content key for `cbcs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    cbcs_key_id: Option<String>,
    /// Where players of DASH find it.
    #[serde(skip_serializing_if = "Option::is_none")]
    dash_uri: Option<String>,
    /// Where players of HLS find it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hls_uri: Option<String>,
}

impl Answer for MediaServicesLocatorCreateSuccess {
    const EVENT_TYPE: &'static str = "response.mediaservices.locator.create.success";

    fn example() -> Self {
        let base =
            "https://gwamssb-euwe.streaming.media.azure.net/0f5e1f5c-8a3f-4f0e-9d0a-2b6d7c1e4a10/show-17.ism";
        Self {
            locator_name: "locator-5c2e12323a4".into(),
            envelope_key_id: None,
            cenc_key_id: Some("8b1d9c1a-2f0b-4f4a-9d36-0b7a5c1ad001".into()),
            cbcs_key_id: Some("c40f7d52-61b9-4d0e-8a57-3f3a9be0d002".into()),
            dash_uri: Some(format!("{base}/manifest(format=mpd-time-cmaf,encryption=cenc).mpd")),
            hls_uri: Some(format!("{base}/manifest(format=m3u8-cmaf,encryption=cbcs-aapl).m3u8")),
        }
    }
}

/// Publishes under names that follow from the operation, so that a repeated request meets its own publication.
pub struct MediaServicesLocatorCreate;

impl Handler for MediaServicesLocatorCreate {
    type Event = MediaServicesLocatorCreateRequest;
    type Response = MediaServicesLocatorCreateSuccess;

    const ID: &'static str = "1CC572f4-1e57-4b32-a7e6-57ae433eb9c1";
    const CLASS: &'static str = "MediaServicesLocatorCreateHandler";
    const EFFECT: Effect = Effect::Noted;

    fn memory(request: &Self::Event, participants: &Participants) -> Option<String> {
        let storage = participants.storage.as_deref()?;
        Some(storage.locate_container(request.container_uri.as_str()).ok()?.account)
    }

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let (storage, publication) = (step.storage()?, step.publication()?);
        let time = time(request.time_based_filter)?;
        if request.streaming_policy_name.trim().is_empty() {
            let message = "streamingPolicyName: expected the name of a streaming policy";
            return Err(Failure::new(log_events::STREAMING_POLICY_UNKNOWN, message));
        }
        let container = storage.locate_container(request.container_uri.as_str());
        let container = container.map_err(|error| error.in_member("containerUri"));
        let container = container.map_err(Failure::of(log_events::PUBLICATION_ASSET))?;
        must_exist(&container, storage).await?;
        let server_manifest = match request.generate_audio_filters {
            true => Some(server_manifest(&container, storage).await?),
            false => None,
        };
        let locator = LocatorRequest {
            suffix: step.operation.id.suffix(),
            container,
            streaming_policy: request.streaming_policy_name.trim().to_owned(),
            content_key_policy: given(request.content_key_policy_name.as_deref()),
            may_be_clear: step.participants.policy.clear_streaming,
            time,
            server_manifest,
        };
        let account = &locator.container.account;
        let choose = async { publication.place().await.map_err(not_published) };
        let place = place(step, account, choose).await?;
        let published = publication.publish(&locator, &place).await.map_err(not_published)?;
        Ok(MediaServicesLocatorCreateSuccess {
            locator_name: published.locator,
            envelope_key_id: published.envelope_key_id,
            cenc_key_id: published.cenc_key_id,
            cbcs_key_id: published.cbcs_key_id,
            dash_uri: published.dash,
            hls_uri: published.hls,
        })
    }
}

fn given(name: Option<&str>) -> Option<String> {
    name.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned)
}

/// The part that is shown. A filter that leaves both ends open shows all.
fn time(filter: Option<TimeRange>) -> Result<Option<ClipTimes>, Failure> {
    let Some(filter) = filter else { return Ok(None) };
    let times = filter.times("timeBasedFilter");
    let times = times.map_err(|expected| Failure::new(log_events::TIME_OUT_OF_RANGE, expected))?;
    Ok((times != ClipTimes::default()).then_some(times))
}

/// Media Services would make a container that is not there.
async fn must_exist(container: &ContainerAddress, storage: &dyn Storage) -> Result<(), Failure> {
    let found = storage.container_etag(container).await.map_err(|error| match error {
        ParticipantError::NotFound(what, provider) => {
            let message = format!("containerUri: expected a container that is there; {what} does not exist");
            ParticipantError::Rejected(message, provider)
        }
        error => error,
    });
    found.map(|_| ()).map_err(Failure::of(log_events::PUBLICATION_ASSET))
}

/// The first server manifest in a container, as the original took it.
async fn server_manifest(container: &ContainerAddress, storage: &dyn Storage) -> Result<Vec<u8>, Failure> {
    let listed = storage.list(container).await.map_err(Failure::of(log_events::BLOBS_NOT_LISTED))?;
    let is_manifest = |name: &str| name.to_ascii_lowercase().ends_with(".ism");
    let found = listed.into_iter().find(|blob| is_manifest(&blob.name)).ok_or_else(|| {
        let message = "containerUri: expected a container with a server manifest (.ism), for audio filters";
        Failure::new(log_events::SERVER_MANIFEST_MISSING, message)
    })?;
    let blob = BlobAddress { container: container.clone(), name: found.name };
    let properties = storage.properties(&blob).await.map_err(Failure::of(log_events::BLOB_PROPERTIES))?;
    if properties.bytes == 0 || properties.bytes > SERVER_MANIFEST_BYTES_MAX {
        let message = format!("the server manifest {} is empty, or no manifest by its size", blob.name);
        return Err(Failure::new(log_events::SERVER_MANIFEST_MISSING, message));
    }
    let content = storage.read_range(&blob, 0..properties.bytes, &properties.etag).await;
    Ok(content.map_err(Failure::of(log_events::BLOB_RANGE))?.to_vec())
}

fn not_published(error: PublicationError) -> Failure {
    let is_unknown = matches!(error.source, ParticipantError::NotFound(..));
    let log_event = match error.step {
        PublicationStep::StreamingPolicy if is_unknown => log_events::STREAMING_POLICY_UNKNOWN,
        PublicationStep::Clear => log_events::STREAMING_POLICY_UNKNOWN,
        PublicationStep::ContentKeyPolicy if is_unknown => log_events::CONTENT_KEY_POLICY_UNKNOWN,
        PublicationStep::StreamingPolicy | PublicationStep::ContentKeyPolicy => log_events::POLICY_NOT_MADE,
        PublicationStep::Configuration => log_events::PUBLICATION_CONFIGURATION,
        PublicationStep::Asset => log_events::PUBLICATION_ASSET,
        PublicationStep::Filter => log_events::FILTER_NOT_CREATED,
        PublicationStep::ServerManifest => log_events::SERVER_MANIFEST_MISSING,
        PublicationStep::Locator => log_events::LOCATOR_NOT_CREATED,
        PublicationStep::Endpoint => log_events::ENDPOINTS_NOT_LISTED,
        PublicationStep::Paths => log_events::PATHS_NOT_LISTED,
    };
    Failure::of(log_event)(error.source)
}
