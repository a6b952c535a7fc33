//! What we do with blobs that takes no time: look at them, describe them, move them between tiers, delete them.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZero;
use std::ops::Range;
use std::time::Duration;

use azure_core::http::{Etag, StatusCode};
use azure_storage_blob::models::{
    AccessTier, ArchiveStatus, BlobClientDeleteOptions, BlobClientDownloadOptions,
    BlobClientGetPropertiesResultHeaders, BlobClientSetMetadataOptions, BlobClientSetTierOptions,
    BlobContainerClientListBlobsOptions, CopyStatus, DeleteSnapshotsOptionType, ListBlobsIncludeItem,
    RehydratePriority as AzurePriority,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use gridwich_handlers::operation_context::Carried;
use gridwich_handlers::participants::{
    BlobAddress, BlobProperties, ContainerAddress, CopyState, ListedBlob, ParticipantError,
    RehydratePriority, Storage as _, Tier, TierChange,
};

use super::{BlobStorage, carrying, metadata, silently};
use crate::azure::classify::{classify, code};
use crate::azure::spelling::SpelledNames;

/// How long a copy under way is waited for within a step; a delivery has 25 s.
const SETTLED_SECONDS_MAX: Duration = Duration::from_secs(15);
/// How often it is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// What the names of headers with metadata begin with.
const METADATA_PREFIX: &str = "x-ms-meta-";
/// More names than this are not listed: an answer that names them would be larger than Event Grid takes.
const NAMES_MAX: usize = 5_000;

impl BlobStorage {
    pub(super) async fn look(&self, blob: &BlobAddress) -> Result<BlobProperties, ParticipantError> {
        self.try_look(blob).await.map_err(|error| classify(&error, &self.uri(blob)))
    }

    async fn try_look(&self, blob: &BlobAddress) -> azure_core::Result<BlobProperties> {
        let client = self.blob(blob).map_err(|error| {
            azure_core::Error::with_message(azure_core::error::ErrorKind::Other, error.to_string())
        })?;
        let found = client.get_properties(None).await?;
        let folded = found.metadata()?;
        let copied_from = found.copy_source()?.unwrap_or_default();
        let copied_from = copied_from.split('?').next().unwrap_or_default();
        Ok(BlobProperties {
            etag: found.etag()?.map(|etag| etag.to_string()).unwrap_or_default(),
            bytes: found.content_length()?.unwrap_or_default(),
            metadata: if folded.is_empty() { BTreeMap::new() } else { self.spelled(blob, folded).await? },
            last_modified: found
                .last_modified()?
                .map(time::OffsetDateTime::unix_timestamp)
                .unwrap_or_default(),
            content_md5: found.content_md5()?.map(|md5| STANDARD.encode(md5)),
            copy: match found.copy_status()? {
                None => None,
                Some(CopyStatus::Pending) => Some(CopyState::Pending),
                Some(CopyStatus::Aborted) => Some(CopyState::Aborted),
                Some(CopyStatus::Failed) => {
                    Some(CopyState::Failed(found.copy_status_description()?.unwrap_or_default()))
                }
                Some(CopyStatus::Success) => Some(CopyState::Success),
            },
            copy_id: found.copy_id()?,
            copied_from: self.locate(copied_from).ok(),
        })
    }

    pub(super) async fn look_once_settled(
        &self,
        blob: &BlobAddress,
    ) -> Result<BlobProperties, ParticipantError> {
        let patience = tokio::time::Instant::now() + SETTLED_SECONDS_MAX;
        loop {
            let found = self.look(blob).await?;
            if found.copy != Some(CopyState::Pending) {
                return Ok(found);
            }
            if tokio::time::Instant::now() >= patience {
                return Err(ParticipantError::Unavailable(format!("the copy to {}", self.uri(blob)), None));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Metadata with its names as spelled, which headers do not keep and listings do. If the listing does not show the blob,
    /// because it has just been replaced, what the headers said must do.
    async fn spelled(
        &self,
        blob: &BlobAddress,
        folded: HashMap<String, String>,
    ) -> azure_core::Result<BTreeMap<String, String>> {
        let Ok(container) = self.container(&blob.container) else { return Ok(BTreeMap::new()) };
        let options = BlobContainerClientListBlobsOptions {
            include: Some(vec![ListBlobsIncludeItem::Metadata]),
            prefix: Some(blob.name.clone()),
            maxresults: Some(1),
            ..BlobContainerClientListBlobsOptions::default()
        };
        let mut listing = container.list_blobs(Some(options))?;
        let first = listing.try_next().await?;
        let same = first.filter(|item| item.name.as_deref() == Some(blob.name.as_str()));
        let metadata = same.and_then(|item| item.metadata).and_then(|metadata| metadata.values);
        Ok(metadata.unwrap_or(folded).into_iter().collect())
    }

    pub(super) async fn read_part(
        &self,
        blob: &BlobAddress,
        range: Range<u64>,
        etag: &str,
    ) -> Result<Bytes, ParticipantError> {
        let failed = |error: azure_core::Error| match error.http_status() {
            Some(StatusCode::PreconditionFailed) => {
                classify(&error, &format!("a newer version of {}", self.uri(blob)))
            }
            _ => classify(&error, &self.uri(blob)),
        };
        let bytes = range.end.saturating_sub(range.start);
        if bytes == 0 {
            return Ok(Bytes::new());
        }
        // One request for the whole range: the client would otherwise split it and ask for the parts at once.
        let options = BlobClientDownloadOptions {
            if_match: Some(Etag::from(etag.to_owned())),
            parallel: NonZero::new(1),
            partition_size: usize::try_from(bytes).ok().and_then(NonZero::new),
            range: Some(range.into()),
            ..BlobClientDownloadOptions::default()
        };
        let found = self.blob(blob)?.download(Some(options)).await.map_err(failed)?;
        let read = found.body.collect().await.map_err(failed)?;
        if read.len() as u64 != bytes {
            return Err(ParticipantError::Unavailable(format!("all of {}", self.uri(blob)), None));
        }
        Ok(read)
    }

    pub(super) async fn delete_version(
        &self,
        blob: &BlobAddress,
        etag: &str,
        carried: &Carried,
    ) -> Result<(), ParticipantError> {
        let options = BlobClientDeleteOptions {
            delete_snapshots: Some(DeleteSnapshotsOptionType::Include),
            if_match: Some(Etag::from(etag.to_owned())),
            method_options: carrying(carried),
            ..BlobClientDeleteOptions::default()
        };
        let Err(error) = self.blob(blob)?.delete(Some(options)).await else { return Ok(()) };
        if error.http_status() == Some(StatusCode::PreconditionFailed) {
            // A blob that is not there is no other version of it; some services call it that.
            self.look(blob).await?;
        }
        Err(classify(&error, &self.uri(blob)))
    }

    /// A rehydration to the same tier that is under way is as wanted.
    pub(super) async fn put_tier(&self, change: TierChange<'_>) -> Result<(), ParticipantError> {
        let tier = match change.tier {
            Tier::Hot => AccessTier::Hot,
            Tier::Cool => AccessTier::Cool,
            Tier::Cold => AccessTier::Cold,
            Tier::Archive => AccessTier::Archive,
        };
        let options = BlobClientSetTierOptions {
            rehydrate_priority: (change.priority == RehydratePriority::High).then_some(AzurePriority::High),
            method_options: carrying(change.carried),
            ..BlobClientSetTierOptions::default()
        };
        let failed = |error: azure_core::Error| classify(&error, &self.uri(change.blob));
        let client = self.blob(change.blob)?;
        let Err(error) = client.set_tier(tier, Some(options)).await else { return Ok(()) };
        if code(&error) != Some("BlobBeingRehydrated") {
            return Err(failed(error));
        }
        let under_way =
            client.get_properties(None).await.map_err(failed)?.archive_status().map_err(failed)?;
        let is_wanted = match under_way {
            Some(ArchiveStatus::RehydratePendingToHot) => change.tier == Tier::Hot,
            Some(ArchiveStatus::RehydratePendingToCool) => change.tier == Tier::Cool,
            Some(ArchiveStatus::RehydratePendingToCold) => change.tier == Tier::Cold,
            Some(ArchiveStatus::UnknownValue(_)) | None => false,
        };
        if is_wanted { Ok(()) } else { Err(failed(error)) }
    }

    pub(super) async fn listed(
        &self,
        container: &ContainerAddress,
    ) -> Result<Vec<ListedBlob>, ParticipantError> {
        let failed =
            |error: azure_core::Error| classify(&error, &format!("the container {:?}", container.container));
        let mut listing = self.container(container)?.list_blobs(None).map_err(failed)?;
        let mut listed = Vec::new();
        while let Some(item) = listing.try_next().await.map_err(failed)? {
            if listed.len() == NAMES_MAX {
                let message =
                    format!("the container {:?} holds more than {NAMES_MAX} blobs", container.container);
                return Err(ParticipantError::Rejected(message, None));
            }
            let modified = item.properties.and_then(|properties| properties.last_modified);
            let last_modified = modified.map(time::OffsetDateTime::unix_timestamp).unwrap_or_default();
            listed.extend(item.name.map(|name| ListedBlob { name, last_modified }));
        }
        Ok(listed)
    }

    pub(super) async fn replace_metadata(
        &self,
        blob: &BlobAddress,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), ParticipantError> {
        metadata::verify(metadata)?;
        let mut method_options = silently();
        let names = metadata.keys().map(|name| format!("{METADATA_PREFIX}{name}"));
        method_options.context.insert(SpelledNames::new(names));
        let options =
            BlobClientSetMetadataOptions { method_options, ..BlobClientSetMetadataOptions::default() };
        let folded = metadata.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let set = self.blob(blob)?.set_metadata(&folded, Some(options)).await;
        set.map(|_| ()).map_err(|error| classify(&error, &self.uri(blob)))
    }
}
