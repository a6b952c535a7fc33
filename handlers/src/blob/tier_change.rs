//! `request.blob.tier.change`: sets a blob's access tier. The end of a rehydration is storage's to report.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::words::in_any_case;
use crate::base::{Answer, EventData, Failure, Handler, Step, carry, log_events};
use crate::operation_context::OperationContext;
use crate::participants::{Participants, RehydratePriority, Tier, TierChange};
use crate::resource_uri::ResourceUri;

/// A tier to set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "request.blob.tier.change")]
pub struct BlobTierChangeRequest {
    /// On which blob.
    blob_uri: ResourceUri,
    /// `Hot`, `Cool`, `Cold` or `Archive`, in any case.
    access_tier: AccessTier,
    /// How soon an archived blob is wanted.
    rehydrate_priority: Option<PriorityName>,
    operation_context: Option<OperationContext>,
}

impl EventData for BlobTierChangeRequest {
    const EVENT_TYPE: &'static str = "request.blob.tier.change";

    fn operation_context(&self) -> Option<&OperationContext> {
        self.operation_context.as_ref()
    }

    fn example() -> Value {
        json!({
            "blobUri": "https://gwlts00sasb.blob.core.windows.net/show-17/master.mxf",
            "accessTier": "Archive",
            "rehydratePriority": "High",
            "operationContext": {"sagaId": "s-1", "step": 3},
        })
    }
}

/// The tier is set, or is being set.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.blob.tier.success")]
pub struct BlobTierChangeSuccess {
    /// As requested.
    blob_uri: ResourceUri,
    /// In storage's own spelling.
    access_tier: AccessTier,
    /// As requested, `Normal` when nothing was.
    rehydrate_priority: PriorityName,
}

impl Answer for BlobTierChangeSuccess {
    const EVENT_TYPE: &'static str = "response.blob.tier.success";

    fn example() -> Self {
        let uri = "https://gwlts00sasb.blob.core.windows.net/show-17/master.mxf";
        Self {
            blob_uri: ResourceUri::new(uri),
            access_tier: AccessTier(Tier::Archive),
            rehydrate_priority: PriorityName::High,
        }
    }
}

/// A tier by its name.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct AccessTier(Tier);

impl TryFrom<String> for AccessTier {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Tier::parse(&name).map(Self).ok_or_else(|| "expected Hot, Cool, Cold or Archive".to_owned())
    }
}

impl Serialize for AccessTier {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl JsonSchema for AccessTier {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AccessTier".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        in_any_case(&["Hot", "Cool", "Cold", "Archive"])
    }
}

/// A priority by one of its names. `Standard` is the article's word, `Normal` and `Low` are the original's for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
enum PriorityName {
    Standard,
    Normal,
    Low,
    High,
}

impl TryFrom<String> for PriorityName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let known = [
            ("Standard", Self::Standard),
            ("Normal", Self::Normal),
            ("Low", Self::Low),
            ("High", Self::High),
        ];
        let found = known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
        found.map(|(_, priority)| priority).ok_or_else(|| "expected Standard, Normal, Low or High".to_owned())
    }
}

impl JsonSchema for PriorityName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RehydratePriority".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        in_any_case(&["Standard", "Normal", "Low", "High"])
    }
}

impl From<PriorityName> for RehydratePriority {
    fn from(name: PriorityName) -> Self {
        match name {
            PriorityName::High => Self::High,
            PriorityName::Standard | PriorityName::Normal | PriorityName::Low => Self::Standard,
        }
    }
}

/// Sets the tier; one that is set already is as wanted.
pub struct BlobTierChange;

impl Handler for BlobTierChange {
    type Event = BlobTierChangeRequest;
    type Response = BlobTierChangeSuccess;

    const ID: &'static str = "673572f4-1e57-4b32-a7e6-57ae433eb9c1";
    const CLASS: &'static str = "ChangeBlobTierHandler";
    const CONTINUES_WITH: &'static [&'static str] = &["Microsoft.Storage.BlobTierChanged"];

    fn memory(request: &Self::Event, participants: &Participants) -> Option<String> {
        participants.account_of(request.blob_uri.as_str())
    }

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let storage = step.storage()?;
        let not_changed = || Failure::of(log_events::TIER_NOT_CHANGED);
        let blob = storage.locate(request.blob_uri.as_str()).map_err(not_changed())?;
        let priority = request.rehydrate_priority.unwrap_or(PriorityName::Normal);
        let carried = carry(step, &blob.container.account, storage.context_bytes_max()).await?;
        let change = TierChange {
            blob: &blob,
            tier: request.access_tier.0,
            priority: priority.into(),
            carried: &carried,
        };
        storage.set_tier(change).await.map_err(not_changed())?;
        Ok(BlobTierChangeSuccess {
            blob_uri: request.blob_uri,
            access_tier: request.access_tier,
            rehydrate_priority: priority,
        })
    }
}
