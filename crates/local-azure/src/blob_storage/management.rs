//! Accounts as the service sees them that manages them. Not how managers ask for them.

use super::BlobStorage;
use super::storage::Account;
use crate::inside::{KeyName, StorageAccount, StorageAccounts};

impl StorageAccounts for BlobStorage {
    fn accounts(&self) -> Vec<StorageAccount> {
        self.0.accounts().map(|account| self.shown(account)).collect()
    }

    fn regenerate_key(&self, account: &str, key: KeyName) -> Option<StorageAccount> {
        let settings = &self.0.settings;
        let account = self.0.account(account).ok()?;
        account.keys.regenerate(key, &settings.ids, settings.clock.now());
        Some(self.shown(account))
    }
}

impl BlobStorage {
    fn shown(&self, account: &Account) -> StorageAccount {
        let name = &account.settings.name;
        StorageAccount {
            name: name.clone(),
            id: self.account_id(name),
            blob_endpoint: format!("{}/{name}", self.0.settings.base_url),
            hierarchical_namespace: account.settings.hierarchical_namespace,
            created: account.created,
            keys: account.keys.present(),
        }
    }
}
