//! One storage account: its client, and how it lets others read a blob of it for a while.

use azure_core::time::{Duration, OffsetDateTime};
use azure_storage_blob::BlobServiceClient;
use azure_storage_blob::models::KeyInfo;
use azure_storage_common::models::UserDelegationKey;
use azure_storage_sas::SasBuilder;
use gridwich_handlers::participants::BlobAddress;
use tokio::sync::Mutex;

use crate::azure::signature::{CLOCK_SKEW, read_with_key};
use crate::secret::Secret;

/// How long a delegation key is asked for, unless a signature needs longer; Azure gives seven days at most.
const DELEGATION_LIFETIME: Duration = Duration::hours(24);

/// How we prove our rights on an account.
pub(super) enum Authority {
    /// With its key.
    Key(Secret),
    /// With our identity.
    Identity,
}

/// One storage account.
pub(super) struct Account {
    /// Its blob endpoint, without a slash at the end.
    pub(super) endpoint: String,
    pub(super) service: BlobServiceClient,
    authority: Authority,
    /// The newest delegation key; it may vanish at any time and is then asked for again.
    delegation: Mutex<Option<UserDelegationKey>>,
}

impl Account {
    pub(super) fn new(endpoint: String, authority: Authority, service: BlobServiceClient) -> Self {
        Self { endpoint, service, authority, delegation: Mutex::new(None) }
    }

    pub(super) fn has_key(&self) -> bool {
        matches!(self.authority, Authority::Key(_))
    }

    /// A query that lets whoever has it read one blob for a while.
    pub(super) async fn read_signature(
        &self,
        blob: &BlobAddress,
        now: OffsetDateTime,
        lifetime: Duration,
    ) -> azure_core::Result<String> {
        match &self.authority {
            Authority::Key(key) => read_with_key(blob, key, now, lifetime),
            Authority::Identity => {
                let key = self.delegation_key(now, lifetime).await?;
                let builder = SasBuilder::new(&blob.container.account, &key, now + lifetime)?;
                Ok(builder.start(now - CLOCK_SKEW).blob(&blob.container.container, &blob.name).read().build())
            }
        }
    }

    async fn delegation_key(
        &self,
        now: OffsetDateTime,
        lifetime: Duration,
    ) -> azure_core::Result<UserDelegationKey> {
        let mut kept = self.delegation.lock().await;
        let is_good =
            |key: &UserDelegationKey| key.signed_expiry.is_some_and(|expiry| expiry > now + lifetime);
        if let Some(key) = kept.as_ref().filter(|key| is_good(key)) {
            return Ok(key.clone());
        }
        let info = KeyInfo {
            start: Some(now - CLOCK_SKEW),
            expiry: Some(now + DELEGATION_LIFETIME.max(lifetime + CLOCK_SKEW)),
            ..KeyInfo::default()
        };
        let key = self.service.get_user_delegation_key(info.try_into()?, None).await?.into_model()?;
        Ok(kept.insert(key).clone())
    }
}
