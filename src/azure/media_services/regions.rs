//! Which region is asked, and which gets new work: the first, in the configured order, that is well. The one place where that
//! is decided.

use std::collections::VecDeque;
use std::time::Duration;

use gridwich_handlers::participants::ParticipantError;

use super::account::Account;

/// How long a region may take to answer, while there is another: then there is time left for that one.
const PATIENCE: Duration = Duration::from_secs(6);

/// What is said where there is no account at all.
pub(super) fn nobody() -> ParticipantError {
    ParticipantError::Unavailable("media services".to_owned(), None)
}

/// A walk through accounts, one after the other.
pub(super) struct Choice<'a> {
    left: VecDeque<&'a Account>,
    trouble: Option<ParticipantError>,
}

impl<'a> Choice<'a> {
    /// The accounts that are well, then those that were not lately.
    pub(super) fn among(accounts: &'a [Account]) -> Self {
        let (well, ill): (Vec<_>, Vec<_>) = accounts.iter().partition(|account| account.is_well());
        Self { left: well.into_iter().chain(ill).collect(), trouble: None }
    }

    /// The next to be tried.
    ///
    /// # Errors
    /// What was wrong with the first of those that have been tried, when none is left.
    pub(super) fn next(&mut self) -> Result<&'a Account, ParticipantError> {
        self.left.pop_front().ok_or_else(|| self.trouble.take().unwrap_or_else(nobody))
    }

    /// Waits for what was asked of an account, not for ever while there is another.
    pub(super) async fn answer<T>(
        &self,
        account: &Account,
        answer: impl Future<Output = Result<T, ParticipantError>>,
    ) -> Result<T, ParticipantError> {
        if self.left.is_empty() {
            return answer.await;
        }
        tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| {
            account.was_ill();
            Err(ParticipantError::Unavailable(format!("media services{}", account.here()), None))
        })
    }

    /// Waits for what makes an account ready for new work, which must not matter if the work goes elsewhere after all.
    /// Nothing when the account is not well: then the next is to be tried.
    pub(super) async fn ready<T>(
        &mut self,
        account: &Account,
        answer: impl Future<Output = Result<T, ParticipantError>>,
    ) -> Option<Result<T, ParticipantError>> {
        match self.answer(account, answer).await {
            Err(error) if !account.is_well() => {
                tracing::warn!("media services{} are not well: {error}", account.here());
                self.trouble = self.trouble.take().or(Some(error));
                None
            }
            answer => Some(answer),
        }
    }
}
