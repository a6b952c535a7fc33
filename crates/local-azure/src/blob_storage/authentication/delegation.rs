//! User delegation keys: made from what they are for, so that nobody has to remember them. Not the SAS they sign.

use super::sign;
use crate::blob_storage::query::Query;
use crate::ids::development_key;

/// What a user delegation key is for. Texts as they stand in the key and in every SAS it signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegationKey {
    pub object_id: String,
    pub tenant_id: String,
    pub start: String,
    pub expiry: String,
    pub service: String,
    pub version: String,
    /// The tenant of the only user who may use the SAS, if one is named.
    pub user_tenant_id: String,
}

impl DelegationKey {
    /// What a SAS says of the key that signed it.
    pub fn of_sas(query: &Query) -> Self {
        let text = |name| query.text(name).to_owned();
        Self {
            object_id: text("skoid"),
            tenant_id: text("sktid"),
            start: text("skt"),
            expiry: text("ske"),
            service: text("sks"),
            version: text("skv"),
            user_tenant_id: text("skdutid"),
        }
    }

    /// The key itself, in Base64: a signature of the account over what the key is for. It does not depend on the account's
    /// present keys, as in Azure, where only revoking ends a delegation key early.
    pub fn value(&self, account: &str) -> String {
        let Self { object_id, tenant_id, start, expiry, service, version, user_tenant_id } = self;
        let text = [object_id, tenant_id, start, expiry, service, version, user_tenant_id]
            .map(String::as_str)
            .join("\n");
        sign(&development_key(account, "key1"), &format!("user delegation key\n{text}"))
    }
}
