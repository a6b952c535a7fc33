//! Media Services' v3 REST dialect, for Azure's successors and the local one alike. Which region gets new work is
//! `regions`' to decide; what is said to one is `account`'s, `jobs`' and `publication`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use gridwich_handlers::participants::{
    EncodeError, EncodeJob, Encoder, Encoders, JobSnapshot, JobTicket, LocatorRequest, MEDIA_SERVICES,
    ParticipantError, Publication, PublicationError, PublicationStep, Published, Search, SubmitStep,
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
}

impl MediaServices {
    /// Whether a region has the job that is meant.
    async fn has(&self, job: &EncodeJob) -> Result<bool, ParticipantError> {
        let transform = Some(presets::transform_of(&job.work).to_owned());
        let ticket = JobTicket { job: job.name.clone(), transform };
        match Encoder::job(self, &ticket).await {
            Ok(found) => Ok(job.is(&found)),
            Err(ParticipantError::NotFound(..)) => Ok(false),
            Err(error) => Err(error),
        }
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

    async fn submit(&self, job: &EncodeJob) -> Result<(), EncodeError> {
        let at = |step| move |source| EncodeError { step, source };
        if job.is_repeated && self.has(job).await.map_err(at(SubmitStep::Job))? {
            return Ok(());
        }
        let mut regions = Choice::among(&self.accounts);
        let (account, transform) = loop {
            let account = regions.next().map_err(at(SubmitStep::Transform))?;
            if let Some(answer) = regions.first_answer(account, account.transform(&job.work)).await {
                break (account, answer.map_err(at(SubmitStep::Transform))?);
            }
        };
        for input in &job.inputs {
            account.asset(&input.container).await.map_err(at(SubmitStep::InputAsset))?;
        }
        account.asset(&job.output).await.map_err(at(SubmitStep::OutputAsset))?;
        account.put_job(job, &transform).await.map_err(at(SubmitStep::Job))?;
        tracing::debug!(region = account.region(), job = job.name, "a job was submitted");
        Ok(())
    }

    async fn cancel(&self, ticket: &JobTicket) -> Result<(), ParticipantError> {
        let mut search = Search::default();
        for account in &self.accounts {
            if let Some(found) = search.heed(account.find(ticket).await) {
                return account.cancel(ticket, &found).await;
            }
        }
        Err(search.failed(ticket))
    }

    async fn job(&self, ticket: &JobTicket) -> Result<JobSnapshot, ParticipantError> {
        let mut search = Search::default();
        for account in &self.accounts {
            if let Some(job) = search.heed(account.job(ticket).await) {
                return Ok(job);
            }
        }
        Err(search.failed(ticket))
    }
}

#[async_trait]
impl Publication for MediaServices {
    async fn publish(&self, request: &LocatorRequest) -> Result<Published, PublicationError> {
        let at = |step| move |source| PublicationError { step, source };
        let mut regions = Choice::among(&self.accounts);
        loop {
            let account = regions.next().map_err(at(PublicationStep::Endpoint))?;
            if let Some(answer) = regions.first_answer(account, account.endpoint()).await {
                let endpoint = answer.map_err(at(PublicationStep::Endpoint))?;
                return account.publish(request, &endpoint, &self.policies).await;
            }
        }
    }

    async fn unpublish(&self, locator: &str) -> Result<(), ParticipantError> {
        let mut trouble = None;
        for account in &self.accounts {
            trouble = trouble.or(account.unpublish(locator).await.err());
        }
        trouble.map_or(Ok(()), Err)
    }
}
