//! `request.blob.analysis.create`: has a media file analyzed. What is analyzed, and how, is the analyzer's business.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::base::{Answer, Effect, EventData, Failure, Handler, Step, log_events};
use crate::operation_context::OperationContext;
use crate::participants::{Analysis, AnalyzeError, Participants};
use crate::resource_uri::ResourceUri;

/// A blob to analyze.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "request.blob.analysis.create")]
pub struct BlobAnalysisCreateRequest {
    /// Which blob. No signature is needed: Gridwich has its own rights.
    blob_uri: ResourceUri,
    /// An object of the caller's; as with the original, nothing in it changes the report.
    #[serde(rename = "analyzerSpecificData")]
    _analyzer_specific_data: Option<Map<String, Value>>,
    operation_context: Option<OperationContext>,
}

impl EventData for BlobAnalysisCreateRequest {
    const EVENT_TYPE: &'static str = "request.blob.analysis.create";

    fn operation_context(&self) -> Option<&OperationContext> {
        self.operation_context.as_ref()
    }

    fn example() -> Value {
        json!({
            "blobUri": "https://gwinbox00sasb.blob.core.windows.net/show-17/master.mxf",
            "analyzerSpecificData": {"mediaInfo": {"commandLineOptions": {"Complete": "1", "Output": "JSON"}}},
            "operationContext": {"sagaId": "s-1", "step": 5},
        })
    }
}

/// What is in the blob.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.blob.analysis.success")]
pub struct BlobAnalysisCreateSuccess {
    /// As requested.
    blob_uri: ResourceUri,
    /// The blob's metadata, names as spelled.
    blob_metadata: BTreeMap<String, String>,
    /// MediaInfo's report, members as it spells and orders them.
    #[schemars(with = "Map<String, Value>")]
    analysis_result: Box<RawValue>,
}

impl Answer for BlobAnalysisCreateSuccess {
    const EVENT_TYPE: &'static str = "response.blob.analysis.success";

    fn example() -> Self {
        let report = json!({"media": {"@ref": "", "track": [
            {"@type": "General", "VideoCount": "1", "Format": "MXF", "Duration": "60.040"},
            {"@type": "Video", "Format": "AVC", "Width": "1920", "Height": "1080"},
        ]}});
        Self {
            blob_uri: ResourceUri::new("https://gwinbox00sasb.blob.core.windows.net/show-17/master.mxf"),
            blob_metadata: BTreeMap::from([("department".into(), "news".into())]),
            analysis_result: to_raw_value(&report).expect("a value is JSON"),
        }
    }
}

/// Has the blob analyzed. Its properties are read first, so that no report is lost by a failure to read them.
pub struct BlobAnalysisCreate;

impl Handler for BlobAnalysisCreate {
    type Event = BlobAnalysisCreateRequest;
    type Response = BlobAnalysisCreateSuccess;

    const ID: &'static str = "A7250940-98C8-4CC5-A66C-45A2972FF3A2";
    const CLASS: &'static str = "BlobAnalysisMediaInfoHandler";
    const EFFECT: Effect = Effect::Nothing;

    fn memory(request: &Self::Event, participants: &Participants) -> Option<String> {
        participants.account_of(request.blob_uri.as_str())
    }

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let (storage, analyzer) = (step.storage()?, step.analyzer()?);
        let not_known = || Failure::of(log_events::BLOB_PROPERTIES);
        let blob = storage.locate(request.blob_uri.as_str()).map_err(not_known())?;
        let properties = storage.properties(&blob).await.map_err(not_known())?;
        if properties.bytes == 0 {
            let message = format!("{} is empty", request.blob_uri);
            return Err(Failure::new(log_events::ANALYSIS_BLOB_EMPTY, message));
        }
        let analysis = Analysis { operation: step.operation.id, blob: &blob, properties: &properties };
        let report = analyzer.analyze(analysis).await.map_err(not_analyzed)?;
        Ok(BlobAnalysisCreateSuccess {
            blob_uri: request.blob_uri,
            blob_metadata: properties.metadata,
            analysis_result: report,
        })
    }
}

fn not_analyzed(error: AnalyzeError) -> Failure {
    match error {
        AnalyzeError::NoProgram(message) => Failure::new(log_events::ANALYSIS_PROGRAM, message),
        AnalyzeError::NotRead(error) => Failure::of(log_events::BLOB_RANGE)(error),
        AnalyzeError::BeyondBounds(message) => Failure::new(log_events::ANALYSIS_BEYOND_BOUNDS, message),
        AnalyzeError::Busy(message) => Failure::not_yet(log_events::ANALYSIS_BEYOND_BOUNDS, message),
        AnalyzeError::NoReport(message) => Failure::new(log_events::ANALYSIS_REPORT, message),
    }
}
