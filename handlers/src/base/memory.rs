//! What a request was answered, kept beside the work, so that a late redelivery hears the same and nothing is done again:
//! somebody may have asked for something else since. Not needed for a request to be carried out.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::publish::Draft;
use crate::operation_id::OperationId;
use crate::participants::{ParticipantError, Participants};

/// An answer as it is kept: without the operation context, which comes with the redelivery.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Remembered {
    id: Uuid,
    event_type: String,
    subject: String,
    data: Box<RawValue>,
}

/// Keeps an answer in `account`. It is a precaution: whatever prevents it is logged and no more.
pub(super) async fn remember(
    account: &str,
    operation: OperationId,
    draft: &Draft,
    participants: &Participants,
) {
    let Some(storage) = participants.storage.as_deref() else { return };
    let Ok(Ok(data)) = String::from_utf8(draft.data.clone()).map(RawValue::from_string) else { return };
    let (event_type, subject) = (draft.event_type.clone().into_owned(), draft.subject.clone());
    let remembered = Remembered { id: draft.id, event_type, subject, data };
    let Ok(text) = serde_json::to_string(&remembered) else { return };
    match storage.remember(account, operation, &text).await {
        // An account that we may not touch has seen nothing that could be repeated.
        Ok(()) | Err(ParticipantError::Rejected(..)) => {}
        Err(error) => {
            tracing::warn!(operation.id = %operation, "a late redelivery would repeat this operation: {error}");
        }
    }
}

/// The answer that is kept in `account`, without the operation context. What cannot be found out has not been answered.
pub(super) async fn recall(
    account: &str,
    operation: OperationId,
    participants: &Participants,
) -> Option<Draft> {
    let text = participants.storage.as_deref()?.recall(account, operation).await.ok()??;
    let Remembered { id, event_type, subject, data } = serde_json::from_str(&text).ok()?;
    Some(Draft { id, event_type: Cow::Owned(event_type), subject, data: data.get().as_bytes().to_vec() })
}
