//! `request.rollkey.storage`: replaces a key of a storage account. Whoever holds the old one must get the new one elsewhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::{Answer, Effect, Either, EventData, Failure, Handler, Step, begin, log_events};
use crate::operation_context::OperationContext;
use crate::participants::{KEY_NAMES, KeyRoller, Participants};

/// A key to replace.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "request.rollkey.storage")]
pub struct RollkeyStorageRequest {
    /// The storage account.
    account: String,
    /// `key1` or `key2`.
    #[schemars(extend("enum" = KEY_NAMES))]
    key_name: String,
    operation_context: Option<OperationContext>,
}

impl EventData for RollkeyStorageRequest {
    const EVENT_TYPE: &'static str = "request.rollkey.storage";

    fn operation_context(&self) -> Option<&OperationContext> {
        self.operation_context.as_ref()
    }

    fn example() -> Value {
        json!({
            "account": "gwinbox00sasb",
            "keyName": "key1",
            "operationContext": {"sagaId": "s-2", "step": 1},
        })
    }
}

/// The key is another one now.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.rollkey.storage.success")]
pub struct RollkeyStorageSuccess {
    /// As requested.
    account: String,
    /// As requested.
    key_name: String,
    /// Who is known to hold a key of this account, and may have to be given the new one.
    key_holders: Vec<String>,
}

impl Answer for RollkeyStorageSuccess {
    const EVENT_TYPE: &'static str = "response.rollkey.storage.success";
    const SUBJECT: Option<&'static str> = Some("/rollkey/success");

    fn example() -> Self {
        Self {
            account: "gwinbox00sasb".into(),
            key_name: "key1".into(),
            key_holders: vec!["Gridwich, in its setting storage.accounts".into()],
        }
    }
}

/// The key has not been replaced.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "response.rollkey.storage.failure")]
pub struct RollkeyStorageFailure {
    /// As requested.
    account: String,
    /// As requested.
    key_name: String,
    /// Why, in words.
    error: String,
}

impl Answer for RollkeyStorageFailure {
    const EVENT_TYPE: &'static str = "response.rollkey.storage.failure";
    const SUBJECT: Option<&'static str> = Some("/rollkey/failure");

    fn example() -> Self {
        Self {
            account: "gwinbox00sasb".into(),
            key_name: "key1".into(),
            error: "the storage account \"gwinbox00sasb\" does not exist".into(),
        }
    }
}

/// Whoever began to replace a key has ended by then: finding the account may take a minute, replacing the key less.
const ROLL_SECONDS_MAX: u64 = 300;

/// Has the key replaced, once: rolling twice would take away a key that somebody may just have fetched. That is why it is
/// noted in the account before, and why the account must be one of those that are configured.
pub struct RollkeyStorage;

impl Handler for RollkeyStorage {
    type Event = RollkeyStorageRequest;
    type Response = Either<RollkeyStorageSuccess, RollkeyStorageFailure>;

    const ID: &'static str = "a128cf8f-0873-4877-a90f-b2a645c52ff9";
    const CLASS: &'static str = "RollkeyStorageHandler";
    const ONCE_AT_MOST: bool = true;
    const EFFECT: Effect = Effect::Noted;

    fn memory(request: &Self::Event, _: &Participants) -> Option<String> {
        Some(request.account.clone())
    }

    async fn handle(request: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let Some(roller) = step.participants.key_roller.as_deref() else {
            let message = "no keys are rolled here: the section [key_roll] names no subscription";
            return Err(Failure::new(log_events::PARTICIPANT_NOT_CONFIGURED, message));
        };
        let RollkeyStorageRequest { account, key_name, .. } = request;
        Ok(match roll(roller, &account, &key_name, step).await {
            Err(failure) if failure.is_passing => return Err(failure),
            Ok(()) => {
                let key_holders = step.participants.key_holders.get(&account).cloned().unwrap_or_default();
                Either::One(RollkeyStorageSuccess { account, key_name, key_holders })
            }
            Err(failure) => {
                let error = failure.in_words();
                Either::Other(RollkeyStorageFailure { account, key_name, error })
            }
        })
    }
}

async fn roll(roller: &dyn KeyRoller, account: &str, key_name: &str, step: &Step<'_>) -> Result<(), Failure> {
    if !KEY_NAMES.contains(&key_name) {
        let message = format!("keyName: expected key1 or key2, found {key_name:?}");
        return Err(Failure::new(log_events::KEY_NOT_ROLLED, message));
    }
    let begun = begin(step, account, key_name).await.map_err(|failure| {
        // It may be because the key that we use has been replaced; then the answer is on its way, or has been given.
        let comes_again = step.operation.tries_before > 0 && failure.is_from_outside();
        failure.for_another_try(comes_again)
    });
    if let Some(before) = begun?.before {
        if before.seconds_ago < ROLL_SECONDS_MAX {
            let message = "the key is being replaced";
            return Err(Failure::not_yet(log_events::KEY_NOT_ROLLED, message));
        }
        let message = "this request began to replace the key before, and it is not known how that ended: look at the \
                       account's keys and ask again";
        return Err(Failure::new(log_events::KEY_NOT_ROLLED, message));
    }
    // The note stands by now: whoever tried again could only say that it is not known.
    let rolled = roller.roll(account, key_name).await.map_err(Failure::of(log_events::KEY_NOT_ROLLED));
    rolled.map_err(|failure| failure.for_another_try(false))
}
