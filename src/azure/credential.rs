//! Who we are to Azure. Not what we may do there: that is a matter of roles.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, Secret as AzureSecret, TokenCredential, TokenRequestOptions};
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
            let made = Mutex::default();
            let application = Application { config: config.clone(), wire: Arc::clone(wire), made };
            if !config.client_secret.is_unread() {
                application.credential().map_err(unusable)?;
            }
            Ok(Arc::new(application))
        }
        CredentialKind::Developer => Ok(AzureCliCredential::new(None).map_err(unusable)?),
    }
}

/// An application whose secret may be replaced: its identity is made anew when it was.
struct Application {
    config: EntraConfig,
    wire: Arc<dyn Wire>,
    /// The identity with the secret it was made with.
    made: Mutex<Option<(Arc<str>, Arc<ClientSecretCredential>)>>,
}

impl Application {
    fn credential(&self) -> azure_core::Result<Arc<ClientSecretCredential>> {
        let secret = self.config.client_secret.reveal();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, credential)) = made.as_ref().filter(|(with, _)| *with == secret) {
            return Ok(Arc::clone(credential));
        }
        let client_options = client_options(&self.wire, Vec::new());
        let credential = ClientSecretCredential::new(
            &self.config.tenant_id,
            self.config.client_id.clone(),
            AzureSecret::new(secret.to_string()),
            Some(ClientSecretCredentialOptions { client_options }),
        )?;
        *made = Some((secret, Arc::clone(&credential)));
        Ok(credential)
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Application")
    }
}

#[async_trait]
impl TokenCredential for Application {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.credential()?.get_token(scopes, options).await
    }
}
