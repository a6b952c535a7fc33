//! What was said of an operation, kept beside the work: a late redelivery hears the same, nothing is done again that
//! somebody may have undone since, and of several that have something to say the first is right.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::publish::Draft;
use crate::operation_id::OperationId;
use crate::participants::{ParticipantError, Participants, Said};

/// Where something is remembered, and of what.
pub(super) struct Memory<'a> {
    /// The storage account.
    pub(super) account: String,
    /// The operation.
    pub(super) operation: OperationId,
    /// Which part of it.
    pub(super) said: Said,
    /// The digest of the request's data: another request under the same id is another operation.
    pub(super) of: Uuid,
    /// Whether what may not be looked at counts as unknown rather than as nothing.
    pub(super) is_strict: bool,
    /// Who keeps it.
    pub(super) participants: &'a Participants,
}

/// An answer as it is kept: without the operation context, which comes with the redelivery.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Remembered {
    #[serde(rename = "of")]
    digest: Uuid,
    id: Uuid,
    event_type: String,
    subject: String,
    data: Box<RawValue>,
}

impl Memory<'_> {
    /// The same operation's end, which several may tell.
    pub(super) fn of_end(&self) -> Memory<'_> {
        Memory { account: self.account.clone(), said: Said::End, ..*self }
    }

    /// Keeps what is to be said, and returns what stands: another may have spoken first.
    ///
    /// # Errors
    /// When it cannot be kept now. What keeps it from being kept for good is logged and no more.
    pub(super) async fn remember(&self, draft: Draft) -> Result<Draft, ParticipantError> {
        let (Some(storage), Some(text)) = (self.participants.storage.as_deref(), self.written(&draft)) else {
            return Ok(draft);
        };
        match storage.remember(&self.account, self.operation, self.said, &text).await {
            Ok(first) => Ok(first.and_then(|text| self.read(&text)).unwrap_or(draft)),
            Err(error) if may_yet_be(&error) => Err(error),
            Err(error) => {
                // An account that is not configured has seen nothing that could be repeated.
                if !matches!(error, ParticipantError::Rejected(_, None)) {
                    let id = self.operation;
                    tracing::warn!(operation.id = %id, "a late redelivery would repeat this operation: {error}");
                }
                Ok(draft)
            }
        }
    }

    /// What has been said.
    ///
    /// # Errors
    /// When that cannot be found out now.
    pub(super) async fn recall(&self) -> Result<Option<Draft>, ParticipantError> {
        let Some(storage) = self.participants.storage.as_deref() else { return Ok(None) };
        match storage.recall(&self.account, self.operation, self.said).await {
            Ok(text) => Ok(text.and_then(|text| self.read(&text))),
            // We do not know the account; then nothing has been done there.
            Err(ParticipantError::Rejected(_, None)) => Ok(None),
            Err(error) if may_yet_be(&error) || self.is_strict => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn written(&self, draft: &Draft) -> Option<String> {
        let data = RawValue::from_string(String::from_utf8(draft.data.clone()).ok()?).ok()?;
        let (event_type, subject) = (draft.event_type.clone().into_owned(), draft.subject.clone());
        serde_json::to_string(&Remembered { digest: self.of, id: draft.id, event_type, subject, data }).ok()
    }

    /// Ends may be told by events of different data; answers are those of one request.
    fn read(&self, text: &str) -> Option<Draft> {
        let Remembered { digest, id, event_type, subject, data } = serde_json::from_str(text).ok()?;
        let is_of_this = self.said == Said::End || digest == self.of;
        let draft = || {
            let (event_type, data) = (Cow::Owned(event_type), data.get().as_bytes().to_vec());
            Draft { id, event_type, subject, data }
        };
        is_of_this.then(draft)
    }
}

/// Whether the account may answer otherwise the next time, also one that is busy with something else.
fn may_yet_be(error: &ParticipantError) -> bool {
    error.is_passing() || matches!(error, ParticipantError::Conflict(..))
}
