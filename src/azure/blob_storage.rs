//! Blob Storage through the official client, for the accounts that are configured and no others.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::http::policies::Policy;
use azure_core::http::request::options::ClientRequestId;
use azure_core::http::{ClientMethodOptions, Context, Url};
use azure_storage_blob::{BlobClient, BlobContainerClient, BlobServiceClient, BlobServiceClientOptions};
use bytes::Bytes;
use gridwich_handlers::operation_context::{Carried, ContextReference, muted};
use gridwich_handlers::operation_id::OperationId;
use gridwich_handlers::participants::{
    Before, BlobAddress, BlobProperties, ContainerAddress, CopyRequest, EndedCopy, Existence, Kept,
    ListedBlob, ParticipantError, Pending, PendingCopy, PendingPage, PublicAccess, Said, Sign, SignedUrl,
    Storage, TierChange,
};

use self::account::{Account, Authority};
use self::address::{Addresses, encoded};
use super::pipeline::client_options;
use super::shared_key::SharedKeyPolicy;
use super::spelling::SpellingPolicy;
use super::wire::Wire;
use crate::config::{CONTEXTS, StorageAccountConfig};

mod account;
mod address;
mod blobs;
mod containers;
mod copies;
pub mod dead_letters;
mod metadata;
mod notes;
mod pending;

/// The version of the interface we speak: the newest that Azurite, our second opinion, speaks too.
const API_VERSION: &str = "2025-11-05";
/// `x-ms-client-request-id` takes 1 KiB of visible ASCII and comes back with blob events.
const CONTEXT_BYTES_MAX: usize = 1_024;
/// What is struck off behind an answer must not hold up the courier for longer.
const STRIKE_SECONDS_MAX: Duration = Duration::from_secs(3);

/// The storage accounts we may touch.
pub struct BlobStorage {
    accounts: BTreeMap<String, Account>,
    addresses: Addresses,
    /// A container of ours besides that of contexts.
    dead_letters: Option<ContainerAddress>,
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
        Ok(Self { accounts, addresses, dead_letters: None })
    }

    /// Keeps requests off the container of dead letters, which hold what others have asked for.
    #[must_use]
    pub fn guarding(self, account: &str, container: &str) -> Self {
        let (account, container) = (account.to_owned(), container.to_owned());
        Self { dead_letters: Some(ContainerAddress { account, container }), ..self }
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
    let endpoint = config.blob_endpoint();
    let url =
        Url::parse(&endpoint).map_err(|error| invalid(&format!("endpoint: expected a URL: {error}")))?;
    let (authority, credential, mut per_try) = if config.key.is_empty() {
        let credential = credential.ok_or_else(|| invalid("expected a key, or an identity in [entra]"))?;
        (Authority::Identity, Some(Arc::clone(credential)), Vec::new())
    } else {
        let key = config.key.clone();
        let policy: Arc<dyn Policy> = Arc::new(SharedKeyPolicy { account: name.clone(), key: key.clone() });
        (Authority::Key(key), None, vec![policy])
    };
    per_try.push(Arc::new(SpellingPolicy));
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

#[async_trait]
impl Storage for BlobStorage {
    fn context_bytes_max(&self) -> usize {
        CONTEXT_BYTES_MAX
    }

    fn locate(&self, uri: &str) -> Result<BlobAddress, ParticipantError> {
        let blob = self.addresses.blob(uri)?;
        self.refuse_own(&blob.container)?;
        Ok(blob)
    }

    fn locate_container(&self, uri: &str) -> Result<ContainerAddress, ParticipantError> {
        let container = self.addresses.container(uri)?;
        self.refuse_own(&container)?;
        Ok(container)
    }

    fn uri(&self, blob: &BlobAddress) -> String {
        let endpoint =
            self.accounts.get(&blob.container.account).map_or("", |account| account.endpoint.as_str());
        format!("{endpoint}/{}/{}", blob.container.container, encoded(&blob.name))
    }

    async fn properties(&self, blob: &BlobAddress) -> Result<BlobProperties, ParticipantError> {
        self.look(blob).await
    }

    async fn read_range(
        &self,
        blob: &BlobAddress,
        range: Range<u64>,
        etag: &str,
    ) -> Result<Bytes, ParticipantError> {
        self.read_part(blob, range, etag).await
    }

    async fn settled_properties(&self, blob: &BlobAddress) -> Result<BlobProperties, ParticipantError> {
        self.look_once_settled(blob).await
    }

    async fn set_metadata(
        &self,
        blob: &BlobAddress,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), ParticipantError> {
        self.replace_metadata(blob, metadata).await
    }

    async fn delete(
        &self,
        blob: &BlobAddress,
        etag: &str,
        carried: &Carried,
    ) -> Result<(), ParticipantError> {
        self.delete_version(blob, etag, carried).await
    }

    async fn read_url(&self, blob: &BlobAddress, seconds: u32) -> Result<SignedUrl, ParticipantError> {
        let lifetime = azure_core::time::Duration::seconds(i64::from(seconds));
        let query = self.signature(blob, lifetime).await?;
        Ok(SignedUrl::new(format!("{}?{query}", self.uri(blob))))
    }

    async fn set_tier(&self, change: TierChange<'_>) -> Result<(), ParticipantError> {
        self.put_tier(change).await
    }

    async fn start_copy(&self, copy: CopyRequest<'_>) -> Result<(), ParticipantError> {
        self.begin_copy(copy).await
    }

    async fn abort_copy(&self, destination: &BlobAddress, copy_id: &str) -> Result<(), ParticipantError> {
        self.stop_copy(destination, copy_id).await
    }

    async fn copy_end(
        &self,
        account: &str,
        operation: OperationId,
        copy: &PendingCopy,
    ) -> Result<Option<EndedCopy>, ParticipantError> {
        self.find_copy_end(account, operation, copy).await
    }

    fn accounts(&self) -> Vec<String> {
        self.accounts.keys().cloned().collect()
    }

    async fn list_pending(
        &self,
        account: &str,
        after: Option<&str>,
    ) -> Result<PendingPage, ParticipantError> {
        self.page_of_pending(account, after).await
    }

    async fn write_down(
        &self,
        account: &str,
        operation: OperationId,
        pending: &Pending,
    ) -> Result<(), ParticipantError> {
        self.write_pending(account, operation, pending).await
    }

    async fn pending(
        &self,
        account: &str,
        operation: OperationId,
    ) -> Result<Option<Pending>, ParticipantError> {
        self.read_pending(account, operation).await
    }

    async fn strike_off(&self, account: &str, operation: OperationId) -> Result<(), ParticipantError> {
        let struck = tokio::time::timeout(STRIKE_SECONDS_MAX, self.delete_pending(account, operation)).await;
        struck.unwrap_or_else(|_| Err(ParticipantError::Unavailable("what is pending".to_owned(), None)))
    }

    async fn seems_over_for(
        &self,
        account: &str,
        operation: OperationId,
        sign: Sign,
    ) -> Result<u64, ParticipantError> {
        let since = self.unclear_for(account, operation, sign).await?;
        Ok(u64::try_from(since.whole_seconds()).unwrap_or_default())
    }

    async fn withdraw(
        &self,
        account: &str,
        operation: OperationId,
        sign: Sign,
    ) -> Result<(), ParticipantError> {
        self.delete_mark(account, operation, sign).await
    }

    async fn create_container(
        &self,
        container: &ContainerAddress,
        operation: OperationId,
    ) -> Result<Existence, ParticipantError> {
        self.refuse_own(container)?;
        self.make_container(container, operation).await
    }

    async fn container_etag(&self, container: &ContainerAddress) -> Result<String, ParticipantError> {
        self.look_at_container(container).await
    }

    async fn delete_container(&self, container: &ContainerAddress) -> Result<(), ParticipantError> {
        self.remove_container(container).await
    }

    async fn set_access(
        &self,
        container: &ContainerAddress,
        access: PublicAccess,
    ) -> Result<(), ParticipantError> {
        self.open_container(container, access).await
    }

    async fn list(&self, container: &ContainerAddress) -> Result<Vec<ListedBlob>, ParticipantError> {
        self.listed(container).await
    }

    async fn keep_context(
        &self,
        reference: &ContextReference,
        context: &str,
        about: &str,
    ) -> Result<Kept, ParticipantError> {
        self.keep(reference, context, about).await
    }

    async fn remember(
        &self,
        account: &str,
        operation: OperationId,
        said: Said,
        text: &str,
    ) -> Result<Option<String>, ParticipantError> {
        self.write_said(account, operation, said, text).await
    }

    async fn recall(
        &self,
        account: &str,
        operation: OperationId,
        said: Said,
    ) -> Result<Option<String>, ParticipantError> {
        match self.read(&self.said(account, operation, said)?).await {
            Ok(text) => Ok(Some(text)),
            Err(ParticipantError::NotFound(..)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn noted(&self, reference: &ContextReference) -> Result<Option<Before>, ParticipantError> {
        self.look_at_note(reference).await
    }

    async fn kept_context(&self, reference: &ContextReference) -> Result<String, ParticipantError> {
        self.read(&self.note(reference)?).await
    }
}
