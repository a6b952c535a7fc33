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
    /// Who keeps it.
    pub(super) participants: &'a Participants,
}

/// An answer as it is kept: without the operation context, which comes with the redelivery.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Remembered {
    id: Uuid,
    event_type: String,
    subject: String,
    data: Box<RawValue>,
}

impl Memory<'_> {
    /// Keeps what is to be said, and returns what stands: another may have spoken first. It is a precaution: what prevents
    /// it is logged and no more.
    pub(super) async fn remember(&self, draft: Draft) -> Draft {
        let (Some(storage), Some(text)) = (self.participants.storage.as_deref(), written(&draft)) else {
            return draft;
        };
        match storage.remember(&self.account, self.operation, self.said, &text).await {
            Ok(first) => first.and_then(|text| read(&text)).unwrap_or(draft),
            Err(error) => {
                // An account that is not configured has seen nothing that could be repeated.
                if !matches!(error, ParticipantError::Rejected(_, None)) {
                    let id = self.operation;
                    tracing::warn!(operation.id = %id, "a late redelivery would repeat this operation: {error}");
                }
                draft
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
            Ok(text) => Ok(text.and_then(|text| read(&text))),
            Err(error) if error.is_passing() => Err(error),
            // Whoever may not look there cannot have written there either.
            Err(_) => Ok(None),
        }
    }
}

fn written(draft: &Draft) -> Option<String> {
    let data = RawValue::from_string(String::from_utf8(draft.data.clone()).ok()?).ok()?;
    let (event_type, subject) = (draft.event_type.clone().into_owned(), draft.subject.clone());
    serde_json::to_string(&Remembered { id: draft.id, event_type, subject, data }).ok()
}

fn read(text: &str) -> Option<Draft> {
    let Remembered { id, event_type, subject, data } = serde_json::from_str(text).ok()?;
    Some(Draft { id, event_type: Cow::Owned(event_type), subject, data: data.get().as_bytes().to_vec() })
}
