//! Storage accounts and keys as Azure Resource Manager shows them ("Storage Accounts", api-version 2024-01-01), as far as
//! there is something to show. Decides nothing.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::inside::StorageAccount;

/// Round-trip dates of .NET.
const TICKS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");
/// The region everything local is in.
const LOCATION: &str = "local";

/// An account. Its keys are not shown, only when they were made.
pub(super) fn account(account: &StorageAccount) -> Value {
    let [key1, key2] = account.keys.each_ref().map(|key| date(key.created));
    json!({
        "id": account.id,
        "name": account.name,
        "type": "Microsoft.Storage/storageAccounts",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS", "tier": "Standard"},
        "location": LOCATION,
        "tags": {},
        "properties": {
            "provisioningState": "Succeeded",
            "creationTime": date(account.created),
            "keyCreationTime": {"key1": key1, "key2": key2},
            "primaryLocation": LOCATION,
            "statusOfPrimary": "available",
            "primaryEndpoints": {"blob": format!("{}/", account.blob_endpoint)},
            "isHnsEnabled": account.hierarchical_namespace,
            "accessTier": "Hot",
        },
    })
}

/// The answer to `listKeys` and `regenerateKey`, which is what they are for.
pub(super) fn keys(account: &StorageAccount) -> Value {
    let shown = ["key1", "key2"].into_iter().zip(&account.keys).map(|(name, key)| {
        json!({
            "keyName": name,
            "value": key.value,
            "permissions": "FULL",
            "creationTime": date(key.created),
        })
    });
    json!({"keys": shown.collect::<Vec<_>>()})
}

fn date(time: OffsetDateTime) -> String {
    time.format(TICKS).expect("a UTC time has every component the format names")
}
