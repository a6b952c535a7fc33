//! Blob Storage through the official client, for the accounts that are configured and no others.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{Secret as AzureSecret, TokenCredential};
use azure_core::http::policies::Policy;
use azure_core::http::request::options::ClientRequestId;
use azure_core::http::{ClientMethodOptions, Context, Etag, StatusCode, Url};
use azure_storage_blob::models::{
    AccessTier, BlobClientDownloadOptions, BlobClientGetPropertiesResultHeaders, BlobClientSetTierOptions,
    BlobClientStartCopyFromUrlOptions, BlobContainerClientCreateOptions,
    BlobContainerClientGetPropertiesResultHeaders, BlobContainerClientListBlobsOptions,
    BlockBlobClientUploadOptions, CopyStatus, ListBlobsIncludeItem, RehydratePriority as AzurePriority,
};
use azure_storage_blob::{BlobClient, BlobContainerClient, BlobServiceClient, BlobServiceClientOptions};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use gridwich_handlers::operation_context::{Carried, ContextReference, muted};
use gridwich_handlers::operation_id::OperationId;
use gridwich_handlers::participants::{
    BlobAddress, BlobProperties, ContainerAddress, CopyRequest, CopyState, Existence, ParticipantError,
    RehydratePriority, Storage, Tier, TierChange,
};

use self::account::{Account, Authority};
use self::address::{Addresses, encoded};
use super::classify::{classify, code};
use super::pipeline::client_options;
use super::shared_key::SharedKeyPolicy;
use super::wire::Wire;
use crate::clock;
use crate::config::StorageAccountConfig;

mod account;
mod address;

/// The version of the interface we speak: the newest that Azurite, our second opinion, speaks too.
const API_VERSION: &str = "2025-11-05";
/// `x-ms-client-request-id` takes 1 KiB of visible ASCII and comes back with blob events.
const CONTEXT_BYTES_MAX: usize = 1_024;
/// How long a copy under way is waited for within a step; a delivery has 25 s.
const SETTLED_SECONDS_MAX: Duration = Duration::from_secs(15);
/// How often it is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Where contexts are kept in the account that the work is about: those that do not fit there, and those of copies.
pub const CONTEXTS: &str = "gridwich-contexts";
/// The metadata of a container that names the operation it was made for, so that a repetition knows its own work.
const MAKER: &str = "gridwichoperation";
/// More names than this are not listed: an answer that names them would be larger than Event Grid takes.
const NAMES_MAX: usize = 5_000;

/// The storage accounts we may touch.
pub struct BlobStorage {
    accounts: BTreeMap<String, Account>,
    addresses: Addresses,
}

impl BlobStorage {
    /// The configured accounts, each with its key or, without one, with the given identity.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn new(
        configs: &[StorageAccountConfig],
        credential: Option<&Arc<dyn TokenCredential>>,
        wire: &Arc<dyn Wire>,
    ) -> Result<Self, String> {
        let mut accounts = BTreeMap::new();
        for config in configs {
            let account = account(config, credential, wire)?;
            accounts.insert(config.name.clone(), account);
        }
        let endpoints = accounts.iter().map(|(name, account)| (name.clone(), account.endpoint.clone()));
        let addresses = Addresses::new(endpoints);
        Ok(Self { accounts, addresses })
    }

    fn account(&self, name: &str) -> Result<&Account, ParticipantError> {
        self.accounts.get(name).ok_or_else(|| {
            ParticipantError::Rejected(
                format!("the storage account {name:?} is not one of those configured here"),
                None,
            )
        })
    }

    fn container(&self, address: &ContainerAddress) -> Result<BlobContainerClient, ParticipantError> {
        Ok(self.account(&address.account)?.service.blob_container_client(&address.container))
    }

    fn blob(&self, address: &BlobAddress) -> Result<BlobClient, ParticipantError> {
        Ok(self.container(&address.container)?.blob_client(&address.name))
    }

    /// Metadata with its names as spelled, which headers do not keep and listings do.
    async fn spelled_metadata(&self, blob: &BlobAddress) -> azure_core::Result<BTreeMap<String, String>> {
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
        Ok(metadata.unwrap_or_default().into_iter().collect())
    }

    /// The URL storage reads a copy's source from: signed, unless the destination's key opens it too.
    async fn source_url(&self, copy: &CopyRequest<'_>) -> Result<Url, ParticipantError> {
        let account = self.account(&copy.source.container.account)?;
        let mut url = self.blob(copy.source)?.url().clone();
        if copy.source.container.account == copy.destination.container.account && account.has_key() {
            return Ok(url);
        }
        let query = account.read_signature(copy.source, clock::now()).await;
        url.set_query(Some(&query.map_err(|error| classify(&error, &self.uri(copy.source)))?));
        Ok(url)
    }

    /// Whether the destination shows a copy from this source that was started since this one was noted.
    async fn is_started(&self, copy: &CopyRequest<'_>) -> azure_core::Result<bool> {
        let (Ok(source), Ok(destination), Ok(note)) =
            (self.blob(copy.source), self.blob(copy.destination), self.note(copy.note))
        else {
            return Ok(false);
        };
        let there = match destination.get_properties(None).await {
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => return Ok(false),
            there => there?,
        };
        let from = there.copy_source()?.unwrap_or_default();
        let since = match there.copy_status()? {
            Some(CopyStatus::Pending) => there.last_modified()?,
            Some(CopyStatus::Success) => there.copy_completion_time()?,
            Some(CopyStatus::Aborted | CopyStatus::Failed) | None => None,
        };
        let noted = note.get_properties(None).await?.last_modified()?;
        Ok(from.split('?').next() == Some(source.url().as_str()) && since.is_some() && since >= noted)
    }

    /// Where an operation's context is kept.
    fn note(&self, reference: &ContextReference) -> Result<BlobClient, ParticipantError> {
        let account = reference.account.clone();
        let container = ContainerAddress { account, container: CONTEXTS.to_owned() };
        Ok(self.container(&container)?.blob_client(&reference.operation.digits()))
    }
}

fn account(
    config: &StorageAccountConfig,
    credential: Option<&Arc<dyn TokenCredential>>,
    wire: &Arc<dyn Wire>,
) -> Result<Account, String> {
    let name = &config.name;
    let invalid = |what: &str| format!("storage.accounts: {name:?}: {what}");
    if !(3..=24).contains(&name.len()) || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    {
        return Err(invalid("expected a name of 3 to 24 lower-case letters and digits"));
    }
    let endpoint = match config.endpoint.as_str() {
        "" => format!("https://{name}.blob.core.windows.net"),
        endpoint => endpoint.trim_end_matches('/').to_owned(),
    };
    let url =
        Url::parse(&endpoint).map_err(|error| invalid(&format!("endpoint: expected a URL: {error}")))?;
    let (authority, credential, per_try) = if config.key.is_empty() {
        let credential = credential.ok_or_else(|| invalid("expected a key, or an identity in [entra]"))?;
        (Authority::Identity, Some(Arc::clone(credential)), Vec::new())
    } else {
        let key = AzureSecret::new(config.key.reveal().to_owned());
        let policy: Arc<dyn Policy> = Arc::new(SharedKeyPolicy { account: name.clone(), key: key.clone() });
        (Authority::Key(key), None, vec![policy])
    };
    let options = BlobServiceClientOptions {
        client_options: client_options(wire, per_try),
        version: API_VERSION.to_owned(),
    };
    let service = BlobServiceClient::new(url, credential, Some(options));
    let service = service.map_err(|error| invalid(&error.to_string()))?;
    Ok(Account::new(endpoint, authority, service))
}

/// Sends `text` as `x-ms-client-request-id`, on every try.
fn with_request_id(text: &str) -> ClientMethodOptions<'static> {
    let mut context = Context::new();
    context.insert(ClientRequestId::new(text.to_owned()));
    ClientMethodOptions { context }
}

fn carrying(carried: &Carried) -> ClientMethodOptions<'static> {
    with_request_id(carried.as_str())
}

/// For what we do to blobs for our own purposes.
fn silently() -> ClientMethodOptions<'static> {
    with_request_id(muted().as_str())
}

/// Writes a note unless it is there.
async fn write_note(note: &BlobClient, context: &str) -> azure_core::Result<()> {
    let options = BlockBlobClientUploadOptions {
        blob_content_type: Some("application/json".to_owned()),
        if_none_match: Some(Etag::from("*")),
        method_options: silently(),
        ..BlockBlobClientUploadOptions::default()
    };
    note.upload(Bytes::copy_from_slice(context.as_bytes()).into(), Some(options)).await.map(|_| ())
}

#[async_trait]
impl Storage for BlobStorage {
    fn context_bytes_max(&self) -> usize {
        CONTEXT_BYTES_MAX
    }

    fn locate(&self, uri: &str) -> Result<BlobAddress, ParticipantError> {
        self.addresses.blob(uri)
    }

    fn locate_container(&self, uri: &str) -> Result<ContainerAddress, ParticipantError> {
        self.addresses.container(uri)
    }

    fn uri(&self, blob: &BlobAddress) -> String {
        let endpoint =
            self.accounts.get(&blob.container.account).map_or("", |account| account.endpoint.as_str());
        format!("{endpoint}/{}/{}", blob.container.container, encoded(&blob.name))
    }

    async fn create_container(
        &self,
        container: &ContainerAddress,
        operation: OperationId,
    ) -> Result<Existence, ParticipantError> {
        let failed =
            |error: azure_core::Error| classify(&error, &format!("the container {:?}", container.container));
        let (client, maker) = (self.container(container)?, operation.digits());
        let options = BlobContainerClientCreateOptions {
            metadata: Some(HashMap::from([(MAKER.to_owned(), maker.clone())])),
            ..BlobContainerClientCreateOptions::default()
        };
        match client.create(Some(options)).await {
            Ok(_) => Ok(Existence::Created),
            Err(error) if code(&error) == Some("ContainerAlreadyExists") => {
                let there = client.get_properties(None).await.map_err(failed)?.metadata().map_err(failed)?;
                Ok(if there.get(MAKER) == Some(&maker) { Existence::Created } else { Existence::Existed })
            }
            Err(error) => Err(failed(error)),
        }
    }

    async fn properties(&self, blob: &BlobAddress) -> Result<BlobProperties, ParticipantError> {
        let failed = |error: azure_core::Error| classify(&error, &self.uri(blob));
        let found = self.blob(blob)?.get_properties(None).await.map_err(failed)?;
        let has_metadata = !found.metadata().map_err(failed)?.is_empty();
        Ok(BlobProperties {
            etag: found.etag().map_err(failed)?.map(|etag| etag.to_string()).unwrap_or_default(),
            bytes: found.content_length().map_err(failed)?.unwrap_or_default(),
            metadata: if has_metadata {
                self.spelled_metadata(blob).await.map_err(failed)?
            } else {
                BTreeMap::new()
            },
            copy: match found.copy_status().map_err(failed)? {
                None => None,
                Some(CopyStatus::Pending) => Some(CopyState::Pending),
                Some(CopyStatus::Aborted) => Some(CopyState::Aborted),
                Some(CopyStatus::Failed) => {
                    let reason = found.copy_status_description().map_err(failed)?;
                    Some(CopyState::Failed(reason.unwrap_or_default()))
                }
                Some(CopyStatus::Success) => Some(CopyState::Success),
            },
        })
    }

    async fn read_range(
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

    async fn settled_properties(&self, blob: &BlobAddress) -> Result<BlobProperties, ParticipantError> {
        let patience = tokio::time::Instant::now() + SETTLED_SECONDS_MAX;
        loop {
            let found = self.properties(blob).await?;
            if found.copy != Some(CopyState::Pending) {
                return Ok(found);
            }
            if tokio::time::Instant::now() >= patience {
                return Err(ParticipantError::Unavailable(format!("the copy to {}", self.uri(blob)), None));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn start_copy(&self, copy: CopyRequest<'_>) -> Result<(), ParticipantError> {
        let failed = |error: azure_core::Error| {
            classify(&error, &format!("the copy to {}", self.uri(copy.destination)))
        };
        if copy.is_repeated && self.is_started(&copy).await.map_err(failed)? {
            return Ok(());
        }
        let source = self.source_url(&copy).await?;
        let options = BlobClientStartCopyFromUrlOptions {
            source_if_match: Some(Etag::from(copy.source_etag.to_owned())),
            method_options: carrying(copy.carried),
            ..BlobClientStartCopyFromUrlOptions::default()
        };
        let started = self.blob(copy.destination)?.start_copy_from_url(source.into(), Some(options)).await;
        match started {
            Ok(_) => Ok(()),
            Err(error)
                if code(&error) == Some("PendingCopyOperation")
                    && self.is_started(&copy).await.map_err(failed)? =>
            {
                Ok(())
            }
            Err(error) => Err(failed(error)),
        }
    }

    async fn set_tier(&self, change: TierChange<'_>) -> Result<(), ParticipantError> {
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
        let set = self.blob(change.blob)?.set_tier(tier, Some(options)).await;
        set.map(|_| ()).map_err(|error| classify(&error, &self.uri(change.blob)))
    }

    async fn list(&self, container: &ContainerAddress) -> Result<Vec<String>, ParticipantError> {
        let failed =
            |error: azure_core::Error| classify(&error, &format!("the container {:?}", container.container));
        let mut listing = self.container(container)?.list_blobs(None).map_err(failed)?;
        let mut names = Vec::new();
        while let Some(item) = listing.try_next().await.map_err(failed)? {
            if names.len() == NAMES_MAX {
                let message =
                    format!("the container {:?} holds more than {NAMES_MAX} blobs", container.container);
                return Err(ParticipantError::Rejected(message, None));
            }
            names.extend(item.name);
        }
        Ok(names)
    }

    async fn keep_context(
        &self,
        reference: &ContextReference,
        context: &str,
    ) -> Result<Existence, ParticipantError> {
        let note = self.note(reference)?;
        let mut written = write_note(&note, context).await;
        if written.as_ref().is_err_and(|error| code(error) == Some("ContainerNotFound")) {
            let account = reference.account.clone();
            let container = ContainerAddress { account, container: CONTEXTS.to_owned() };
            self.create_container(&container, reference.operation).await?;
            written = write_note(&note, context).await;
        }
        match written {
            Ok(()) => Ok(Existence::Created),
            Err(error) if code(&error) == Some("BlobAlreadyExists") => Ok(Existence::Existed),
            Err(error) => Err(classify(&error, "the operation context")),
        }
    }

    async fn kept_context(&self, reference: &ContextReference) -> Result<String, ParticipantError> {
        let failed = |error: azure_core::Error| classify(&error, "the operation context");
        let content = self
            .note(reference)?
            .download(None)
            .await
            .map_err(failed)?
            .body
            .collect()
            .await
            .map_err(failed)?;
        String::from_utf8(content.to_vec())
            .map_err(|_| ParticipantError::Rejected("the kept operation context is no text".to_owned(), None))
    }
}
