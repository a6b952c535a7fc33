//! `request.encode.mediaservicesv2.create`: thumbnails and sprites, as the original asked Media Services' earlier interface
//! for them. They are made through the later one; only the words are the earlier one's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::submission::{CONTINUES_WITH, EncodeInput, INPUTS_MAX, Submission, memory};
use crate::base::lenient::number;
use crate::base::{Answer, EventData, Failure, Handler, Kind, Step, log_events};
use crate::job_answers::Family;
use crate::operation_context::OperationContext;
use crate::participants::{ClipTimes, MEDIA_SERVICES, Participants, Pictures, Thumbnail, Work};
use crate::resource_uri::ResourceUri;

/// Pictures to be made of a video.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "request.encode.mediaservicesv2.create")]
pub struct EncodeMediaServicesV2CreateRequest {
    /// What to make pictures of: blobs of one container.
    #[schemars(length(min = 1, max = INPUTS_MAX))]
    inputs: Vec<EncodeInput>,
    /// The URI of the container the pictures go to.
    output_container: ResourceUri,
    /// `SpriteOnlySetting`, `ThumbnailOnlySetting` or `SpriteAndThumbnailSetting`, in any case; anything else is the name of
    /// a transform or preset.
    preset_name: String,
    /// Where the thumbnail is taken, in seconds from the start; 0, or nothing, looks for a good one.
    #[serde(default, deserialize_with = "number")]
    thumbnail_time_seconds: Option<f64>,
    operation_context: OperationContext,
}

impl EventData for EncodeMediaServicesV2CreateRequest {
    const EVENT_TYPE: &'static str = Family::MediaServicesV2.request();

    fn operation_context(&self) -> Option<&OperationContext> {
        Some(&self.operation_context)
    }

    fn example() -> Value {
        json!({
            "inputs": [{"blobUri": "https://gwinbox00sasb.blob.core.windows.net/show-17/master.mp4"}],
            "outputContainer": "https://gwsprites00sasb.blob.core.windows.net/show-17-sprites/",
            "presetName": "SpriteAndThumbnailSetting",
            "thumbnailTimeSeconds": 12.5,
            "operationContext": {"sagaId": "s-1", "step": 9},
        })
    }
}

/// The encoder has the job.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.encode.mediaservicesv2.dispatched")]
pub struct EncodeMediaServicesV2Dispatched {
    /// The job's name at the encoder.
    workflow_job_name: String,
}

impl Answer for EncodeMediaServicesV2Dispatched {
    const EVENT_TYPE: &'static str = "response.encode.mediaservicesv2.dispatched";

    fn kind(&self) -> Kind {
        Kind::Interim
    }

    fn example() -> Self {
        Self { workflow_job_name: "gwsprites00sasb-show-17-sprites-28f4bfd4eb1".into() }
    }
}

/// Submits the job under a name that follows from the operation, so that a repeated request meets its own job.
pub struct EncodeMediaServicesV2Create;

impl Handler for EncodeMediaServicesV2Create {
    type Event = EncodeMediaServicesV2CreateRequest;
    type Response = EncodeMediaServicesV2Dispatched;

    const ID: &'static str = "0D2FCC5A-ACC6-428A-9EBE-2A248147BBE9";
    const CLASS: &'static str = "MediaServicesV2EncodeCreateHandler";
    const CONTINUES_WITH: &'static [&'static str] = CONTINUES_WITH;
    const HANDS_OVER: bool = true;

    fn memory(request: &Self::Event, participants: &Participants) -> Option<String> {
        memory(&request.output_container, participants)
    }

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let (backend, encoder) = step.encoder(Some(MEDIA_SERVICES))?;
        let submission = Submission {
            family: Family::MediaServicesV2,
            backend,
            encoder,
            inputs: &request.inputs,
            is_scattered: false,
            output_container: &request.output_container,
            work: work(request.preset_name, request.thumbnail_time_seconds)?,
            clip: ClipTimes::default(),
            priority: None,
        };
        let workflow_job_name = submission.submit(step).await?;
        Ok(EncodeMediaServicesV2Dispatched { workflow_job_name })
    }
}

fn work(preset: String, thumbnail_seconds: Option<f64>) -> Result<Work, Failure> {
    let thumbnail = match thumbnail_seconds.unwrap_or_default() {
        ..0.0 => {
            let message = "thumbnailTimeSeconds: expected a time that is not negative";
            return Err(Failure::new(log_events::TIME_OUT_OF_RANGE, message));
        }
        0.0 => Thumbnail::Best,
        seconds => Thumbnail::At(seconds),
    };
    let pictures = |sprite, thumbnail| Ok(Work::Pictures(Pictures { sprite, thumbnail }));
    match preset.trim().to_ascii_lowercase().as_str() {
        "" => Err(Failure::new(log_events::ENCODE_TRANSFORM, "presetName: expected the name of a preset")),
        "spriteonlysetting" => pictures(true, None),
        "thumbnailonlysetting" => pictures(false, Some(thumbnail)),
        "spriteandthumbnailsetting" => pictures(true, Some(thumbnail)),
        _ => Ok(Work::Named(preset)),
    }
}
