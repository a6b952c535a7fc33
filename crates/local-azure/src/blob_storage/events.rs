//! What an account tells its subscribers: blobs created, deleted, moved between tiers. Not how the news reaches them.

use serde_json::{Value, json};

use super::blob::{Blob, Tier};
use super::call::Origin;
use super::path::BlobPath;
use super::stamp::Stamp;
use super::storage::Storage;
use crate::arm;
use crate::inside::PlatformEvent;

/// What kind of resource an account is to Azure Resource Manager.
const ACCOUNT_KIND: &str = "Microsoft.Storage/storageAccounts";
/// Events of accounts with a hierarchical namespace.
const HIERARCHICAL_VERSION: &str = "2";

/// The operation an event comes from, as its `api` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    PutBlob,
    PutBlockList,
    CopyBlob,
}

impl Api {
    fn as_str(self) -> &'static str {
        match self {
            Self::PutBlob => "PutBlob",
            Self::PutBlockList => "PutBlockList",
            Self::CopyBlob => "CopyBlob",
        }
    }
}

impl Storage {
    /// The ARM id of an account, which is the topic of its events.
    pub fn account_id(&self, account: &str) -> String {
        arm::resource_id(&self.settings.subscription, &self.settings.resource_group, ACCOUNT_KIND, account)
    }

    /// Whether an account has a hierarchical namespace.
    pub fn is_hierarchical(&self, account: &str) -> bool {
        self.account(account).is_ok_and(|account| account.settings.hierarchical_namespace)
    }

    /// `BlobCreated`.
    pub fn raise_created(&self, path: &BlobPath, blob: &Blob, api: Api, origin: &Origin) {
        let mut data = self.data(path, blob, api.as_str(), origin, blob.stamp);
        data["eTag"] = json!(blob.stamp.to_string());
        data["contentLength"] = json!(blob.content.bytes());
        data["accessTier"] = json!(blob.tier.as_ref().map_or("Default", |chosen| chosen.tier.as_str()));
        self.raise(path, "Microsoft.Storage.BlobCreated", data);
    }

    /// `BlobDeleted`.
    pub fn raise_deleted(&self, path: &BlobPath, blob: &Blob, origin: &Origin) {
        let data = self.data(path, blob, "DeleteBlob", origin, self.stamps.next());
        self.raise(path, "Microsoft.Storage.BlobDeleted", data);
    }

    /// `BlobTierChanged`, to the tier the blob is in now.
    pub fn raise_tier_changed(&self, path: &BlobPath, blob: &Blob, previous: Tier, origin: &Origin) {
        let mut data = self.data(path, blob, "SetBlobTier", origin, self.stamps.next());
        data["contentLength"] = json!(blob.content.bytes());
        data["accessTier"] = json!(blob.tier().as_str());
        data["previousTier"] = json!(previous.as_str());
        self.raise(path, "Microsoft.Storage.BlobTierChanged", data);
    }

    /// What all storage events have in common.
    fn data(&self, path: &BlobPath, blob: &Blob, api: &str, origin: &Origin, stamp: Stamp) -> Value {
        let mut data = json!({
            "api": api,
            "requestId": origin.request_id,
            "contentType": blob.headers.content_type(),
            "blobType": "BlockBlob",
            "url": path.url(&self.settings.base_url),
            "sequencer": stamp.sequencer(),
            "storageDiagnostics": {"batchId": self.settings.ids.guid().to_string()},
        });
        if let Some(id) = &origin.client_request_id {
            data["clientRequestId"] = json!(id);
        }
        data
    }

    fn raise(&self, path: &BlobPath, event_type: &'static str, data: Value) {
        let account = &path.container.account;
        self.settings.events.raise(PlatformEvent {
            topic: self.account_id(account),
            subject: path.event_subject(),
            event_type,
            data_version: if self.is_hierarchical(account) { HIERARCHICAL_VERSION } else { "" },
            data,
            occurrence: None,
        });
    }
}
