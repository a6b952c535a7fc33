//! How Azure is looked at for [`crate::health`]: whether a host answers, and whether our identity gets a token. Nothing is
//! changed there, and no credential is shown to a host.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::time::{Duration, OffsetDateTime};
use bytes::Bytes;
use http::{Request, StatusCode};

use super::wire::Wire;
use crate::clock;
use crate::config::{Config, MediaAccountConfig};
use crate::health::{Health, Look, Part, Rounds, WatchedTopic};

/// What storage takes tokens for.
const STORAGE_SCOPE: &str = "https://storage.azure.com/.default";
/// A token that lives longer than this is not asked for again: credentials renew theirs five minutes before the end, and
/// the one of developers starts a program each time.
const GOOD_FOR_MIN: Duration = Duration::minutes(5);

/// What is looked at: the topic, a token where storage takes our identity, and the hosts of whoever takes part.
#[must_use]
pub fn rounds(
    config: &Config,
    health: &Health,
    topic: &Arc<WatchedTopic>,
    identity: Option<&Arc<dyn TokenCredential>>,
    wire: &Arc<dyn Wire>,
) -> Rounds {
    let mut rounds = Rounds::new(health);
    rounds.add(Part::Topic, "", Arc::clone(topic) as Arc<dyn Look>);
    let accounts = &config.storage.accounts;
    if let Some(identity) = identity.filter(|_| accounts.iter().any(|account| account.key.is_empty())) {
        rounds.add(Part::StorageToken, "", Arc::new(StorageTokenLook::new(Arc::clone(identity))));
    }
    for account in accounts {
        let look = HostLook::new(format!("{}/", account.blob_endpoint()), wire);
        rounds.add(Part::Storage, &account.name, Arc::new(look));
    }
    // Regions often have one host in common.
    let hosts = config.media.accounts.iter().map(MediaAccountConfig::base_url).collect::<BTreeSet<_>>();
    for host in hosts {
        rounds.add(Part::Encoders, host, Arc::new(HostLook::new(format!("{host}/"), wire)));
    }
    rounds
}

/// A host that should answer, whatever it answers.
struct HostLook {
    url: String,
    wire: Arc<dyn Wire>,
}

impl HostLook {
    fn new(url: String, wire: &Arc<dyn Wire>) -> Self {
        Self { url, wire: Arc::clone(wire) }
    }
}

#[async_trait]
impl Look for HostLook {
    async fn look(&self) -> Result<(), String> {
        let request = Request::get(&self.url).body(Bytes::new()).map_err(|error| error.to_string())?;
        let answer = self.wire.send(request).await.map_err(|error| error.to_string())?;
        match answer.status() {
            // Strangers are refused, which is as good an answer as any.
            status if status < StatusCode::INTERNAL_SERVER_ERROR => Ok(()),
            status => Err(format!("it answered {}", status.as_u16())),
        }
    }
}

/// A token for storage.
struct StorageTokenLook {
    identity: Arc<dyn TokenCredential>,
    expiry: Mutex<Option<OffsetDateTime>>,
}

impl StorageTokenLook {
    fn new(identity: Arc<dyn TokenCredential>) -> Self {
        Self { identity, expiry: Mutex::new(None) }
    }
}

#[async_trait]
impl Look for StorageTokenLook {
    async fn look(&self) -> Result<(), String> {
        let expiry = *self.expiry.lock().unwrap_or_else(PoisonError::into_inner);
        if expiry.is_some_and(|expiry| expiry > clock::now() + GOOD_FOR_MIN) {
            return Ok(());
        }
        // The error repeats what the identity's provider said, which is not for every log.
        let token = self.identity.get_token(&[STORAGE_SCOPE], None).await;
        let token = token.map_err(|error| format!("no token could be had: {}", error.kind()))?;
        *self.expiry.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.expires_on);
        Ok(())
    }
}
