//! Media Services' v3 REST dialect, for Azure's successors and the local one alike. Which region gets new work is
//! `regions`' to decide; what is said to one is `account`'s, `jobs`' and `publication`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use gridwich_handlers::participants::{
    EncodeError, EncodeJob, Encoder, Encoders, JobSnapshot, JobStands, JobTicket, LocatorRequest,
    MEDIA_SERVICES, ParticipantError, PendingJob, Publication, PublicationError, PublicationStep, Published,
    Search, SubmitStep,
};

use self::account::Account;
use self::policies::Policies;
use self::regions::Choice;
use super::wire::Wire;
use crate::config::{MediaAccountConfig, MediaConfig};

mod account;
mod jobs;
mod key_policies;
mod policies;
mod presets;
mod protection;
mod publication;
mod regions;
mod server_manifest;
mod token;

/// The accounts of one backend, in order of preference.
pub struct MediaServices {
    accounts: Vec<Account>,
    policies: Policies,
}

impl MediaServices {
    /// Accounts, each with its own way of identifying us.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn new<'a>(
        accounts: impl IntoIterator<Item = &'a MediaAccountConfig>,
        config: &MediaConfig,
        credential: Option<&Arc<dyn TokenCredential>>,
        wire: &Arc<dyn Wire>,
    ) -> Result<Self, String> {
        let accounts = accounts.into_iter().map(|account| Account::new(account, credential, wire));
        Ok(Self { accounts: accounts.collect::<Result<_, _>>()?, policies: Policies::new(&config.drm) })
    }

    /// Where work was begun, or, where that is not configured any more, the first in order.
    fn account(&self, place: &str) -> Result<&Account, ParticipantError> {
        let begun = self.accounts.iter().find(|account| account.name() == place);
        begun.or(self.accounts.first()).ok_or_else(regions::nobody)
    }
}

/// All encoders of the configuration, each by the name of its backend, and who publishes.
///
/// # Errors
/// Names the setting that cannot be used.
pub fn of_config(
    config: &MediaConfig,
    credential: Option<&Arc<dyn TokenCredential>>,
    wire: &Arc<dyn Wire>,
) -> Result<(Encoders, Option<Arc<dyn Publication>>), String> {
    let mut names = config.accounts.iter().map(|account| account.backend.as_str()).collect::<Vec<_>>();
    names.sort_unstable();
    names.dedup();
    let (mut encoders, mut publication) = (BTreeMap::new(), None);
    for name in names {
        let accounts = config.accounts.iter().filter(|account| account.backend == name);
        let backend = Arc::new(MediaServices::new(accounts, config, credential, wire)?);
        if name == MEDIA_SERVICES {
            publication = Some(Arc::clone(&backend) as Arc<dyn Publication>);
        }
        encoders.insert(name.to_owned(), backend as Arc<dyn Encoder>);
    }
    Ok((Encoders::new(encoders, &config.default_backend), publication))
}

#[async_trait]
impl Encoder for MediaServices {
    fn correlation_bytes_max(&self) -> usize {
        self.accounts.iter().map(Account::correlation_bytes_max).min().unwrap_or_default()
    }

    async fn place(&self, job: &EncodeJob) -> Result<String, EncodeError> {
        let mut regions = Choice::among(&self.accounts);
        loop {
            let account =
                regions.next().map_err(|source| EncodeError { step: SubmitStep::Transform, source })?;
            // What went wrong is told with its step, whether or not another region is tried.
            let mut step = SubmitStep::Transform;
            let ready = account.make_ready(job, &mut step);
            if let Some(ready) = regions.ready(account, ready).await {
                return match ready {
                    Ok(()) => Ok(account.name().to_owned()),
                    Err(source) => Err(EncodeError { step, source }),
                };
            }
        }
    }

    async fn submit(&self, job: &EncodeJob, place: &str) -> Result<JobTicket, EncodeError> {
        let at = |source| EncodeError { step: SubmitStep::Job, source };
        let account = self.account(place).map_err(at)?;
        let ticket = account.submit(job).await.map_err(at)?;
        tracing::debug!(job = job.name, "a job was submitted{}", account.here());
        Ok(ticket)
    }

    async fn look_after(&self, job: &PendingJob) -> Result<JobStands, ParticipantError> {
        // As it was submitted: where its place is not configured any more, the first in order may have it.
        self.account(&job.place)?.look_after(job).await
    }

    async fn cancel(&self, ticket: &JobTicket) -> Result<(), ParticipantError> {
        let (mut search, mut regions) = (Search::default(), Choice::among(&self.accounts));
        while let Ok(account) = regions.next() {
            if let Some(found) = search.heed(regions.answer(account, account.find(ticket)).await) {
                return account.cancel(ticket, &found).await;
            }
        }
        Err(search.failed(ticket))
    }

    async fn job(&self, ticket: &JobTicket) -> Result<JobSnapshot, ParticipantError> {
        let (mut search, mut regions) = (Search::default(), Choice::among(&self.accounts));
        while let Ok(account) = regions.next() {
            if let Some(job) = search.heed(regions.answer(account, account.job(ticket)).await) {
                return Ok(job);
            }
        }
        Err(search.failed(ticket))
    }
}

#[async_trait]
impl Publication for MediaServices {
    async fn place(&self) -> Result<String, PublicationError> {
        let at = |source| PublicationError { step: PublicationStep::Endpoint, source };
        let mut regions = Choice::among(&self.accounts);
        loop {
            let account = regions.next().map_err(at)?;
            if let Some(answer) = regions.ready(account, account.endpoint()).await {
                return answer.map(|_| account.name().to_owned()).map_err(at);
            }
        }
    }

    async fn publish(&self, request: &LocatorRequest, place: &str) -> Result<Published, PublicationError> {
        let at = |source| PublicationError { step: PublicationStep::Endpoint, source };
        let account = self.account(place).map_err(at)?;
        account.publish(request, &self.policies).await
    }

    async fn unpublish(&self, locator: &str) -> Result<(), ParticipantError> {
        let mut trouble = None;
        for account in &self.accounts {
            trouble = trouble.or(account.unpublish(locator).await.err());
        }
        trouble.map_or(Ok(()), Err)
    }
}
