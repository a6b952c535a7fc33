//! Who we are to Azure. Not what we may do there: that is a matter of roles.

use std::sync::Arc;

use azure_core::credentials::{Secret as AzureSecret, TokenCredential};
use azure_identity::{
    AzureCliCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

use super::pipeline::client_options;
use super::wire::Wire;
use crate::config::{CredentialKind, EntraConfig};

/// The identity the operator chose. No fallbacks: production never asks a browser.
///
/// # Errors
/// When what the identity needs is missing; names the setting.
pub fn credential(config: &EntraConfig, wire: &Arc<dyn Wire>) -> Result<Arc<dyn TokenCredential>, String> {
    let options = client_options(wire, Vec::new());
    let unusable = |error: azure_core::Error| format!("entra.credential: {error}");
    match config.credential {
        CredentialKind::ManagedIdentity => {
            let user_assigned_id =
                (!config.client_id.is_empty()).then(|| UserAssignedId::ClientId(config.client_id.clone()));
            let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options: options };
            Ok(ManagedIdentityCredential::new(Some(options)).map_err(unusable)?)
        }
        CredentialKind::WorkloadIdentity => {
            let credential_options = ClientAssertionCredentialOptions { client_options: options };
            let options = WorkloadIdentityCredentialOptions { credential_options, ..Default::default() };
            Ok(WorkloadIdentityCredential::new(Some(options)).map_err(unusable)?)
        }
        CredentialKind::ClientSecret => {
            let secret = AzureSecret::new(config.client_secret.reveal().to_owned());
            let options = ClientSecretCredentialOptions { client_options: options };
            let credential = ClientSecretCredential::new(
                &config.tenant_id,
                config.client_id.clone(),
                secret,
                Some(options),
            );
            Ok(credential.map_err(unusable)?)
        }
        CredentialKind::Developer => Ok(AzureCliCredential::new(None).map_err(unusable)?),
    }
}
