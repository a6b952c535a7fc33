//! Content keys of a locator: what its media are encrypted with. Not who gets them: content key policies say that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::streaming_policies::Rules;
use crate::arm::ArmError;
use crate::ids::Ids;

/// AES-128, which all kinds of encryption here use.
const KEY_BYTES: usize = 16;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::media_services) enum KeyKind {
    EnvelopeEncryption,
    CommonEncryptionCenc,
    CommonEncryptionCbcs,
}

/// A content key. It has no `Debug`, so that it is never logged, and is serialized only for the account's folder.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::media_services) struct ContentKey {
    pub id: Uuid,
    pub kind: KeyKind,
    pub label: Option<String>,
    pub value: [u8; KEY_BYTES],
    /// The content key policy that says who gets it.
    pub policy: Option<String>,
}

/// A key that a caller brings.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GivenKey {
    pub id: Uuid,
    pub label_reference_in_streaming_policy: Option<String>,
    pub value: Option<String>,
}

/// A key as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyAnswer {
    id: String,
    #[serde(rename = "type")]
    kind: KeyKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_reference_in_streaming_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_name: Option<String>,
    tracks: Vec<Value>,
}

/// One key for each kind of encryption: those that were brought, and new ones.
pub(super) fn of_locator(
    rules: &Rules,
    default_policy: Option<&str>,
    given: &[GivenKey],
    ids: &Ids,
) -> Result<Vec<ContentKey>, ArmError> {
    let labels = rules.keyed().filter_map(|(_, encryption)| encryption.default_key()?.label.as_deref());
    let labels = labels.collect::<Vec<_>>();
    for (index, key) in given.iter().enumerate() {
        let known = key.label_reference_in_streaming_policy.as_deref().is_some_and(|l| labels.contains(&l));
        if !known {
            let member = format!("properties.contentKeys[{index}].labelReferenceInStreamingPolicy");
            return Err(ArmError::bad_request(format!("{member} is no label of the streaming policy.")));
        }
    }
    let key = |(kind, encryption): (KeyKind, &super::streaming_policies::Encryption)| {
        let default_key = encryption.default_key();
        let label = default_key.and_then(|key| key.label.clone());
        let own_policy = default_key.and_then(|key| key.policy_name.as_deref());
        let policy = own_policy.or(default_policy).map(str::to_owned);
        let brought = given
            .iter()
            .enumerate()
            .find(|(_, key)| label.is_some() && key.label_reference_in_streaming_policy == label);
        let (id, value) = match brought {
            Some((index, key)) => (key.id, key.value(index, ids)?),
            None => (ids.guid(), random(ids)),
        };
        Ok(ContentKey { id, kind, label, value, policy })
    };
    rules.keyed().map(key).collect()
}

fn random(ids: &Ids) -> [u8; KEY_BYTES] {
    let mut value = [0; KEY_BYTES];
    value.chunks_exact_mut(8).for_each(|half| half.copy_from_slice(&ids.bits().to_be_bytes()));
    value
}

impl GivenKey {
    fn value(&self, index: usize, ids: &Ids) -> Result<[u8; KEY_BYTES], ArmError> {
        let Some(text) = &self.value else { return Ok(random(ids)) };
        STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
            let member = format!("properties.contentKeys[{index}].value");
            ArmError::bad_request(format!("{member} is not a key of 16 bytes in Base64."))
        })
    }
}

impl ContentKey {
    /// With the key's value, or without.
    pub(super) fn shown(&self, with_value: bool) -> KeyAnswer {
        KeyAnswer {
            id: self.id.to_string(),
            kind: self.kind,
            label_reference_in_streaming_policy: self.label.clone(),
            value: with_value.then(|| STANDARD.encode(self.value)),
            policy_name: self.policy.clone(),
            tracks: Vec::new(),
        }
    }
}
