//! Settings that are kept in Key Vault: read at start, and again when told to. Asks for those secrets and no others, whatever
//! an event says.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::http::{Context, Method, Pipeline, Request, Url};
use futures_util::{StreamExt as _, stream};
use gridwich_handlers::participants::{ParticipantError, Secrets};
use serde::Deserialize;
use tokio::sync::Mutex;

use self::secret_uri::{Named, SecretUri};
use super::classify::classify;
use super::pipeline::client_options;
use super::token_policy::token_policy;
use super::wire::Wire;
use crate::config::{Config, CredentialKind, SecretForm, TokenAuth};
use crate::secret::Secret;

mod secret_uri;

/// The version of the interface we speak.
const API_VERSION: &str = "7.4";
/// Secrets that are asked for at the same time.
const READS_AT_ONCE: usize = 8;
/// How long reading may take, all secrets and waiting for one's turn together.
const READ_SECONDS_MAX: Duration = Duration::from_secs(60);

/// The settings that come from vaults.
pub struct KeyVaultSecrets {
    settings: Vec<Setting>,
    /// One for each cloud that is spoken to, by what its tokens are for.
    pipelines: Vec<(&'static str, Pipeline)>,
    /// One reading at a time, so that an older value never replaces a newer one.
    turn: Mutex<()>,
}

/// A setting that comes from a vault.
struct Setting {
    name: String,
    secret: Secret,
    form: SecretForm,
    uri: SecretUri,
}

/// Why a setting could not be read, and which.
struct Unread<'a> {
    setting: &'a Setting,
    why: ParticipantError,
}

/// What the vault says of a secret, as far as we need it.
#[derive(Deserialize)]
struct Bundle {
    value: String,
}

impl KeyVaultSecrets {
    /// The settings that are references; `None` when none is. Reads nothing yet.
    ///
    /// # Errors
    /// Names the setting that cannot be used, and what was expected.
    pub fn new(
        config: &Config,
        credential: Option<&Arc<dyn TokenCredential>>,
        wire: &Arc<dyn Wire>,
    ) -> Result<Option<Self>, String> {
        let mut settings = Vec::new();
        for setting in config.secrets() {
            let Some(reference) = setting.secret.reference() else { continue };
            let uri = SecretUri::of_reference(reference, &config.key_vault.allowed_hosts)
                .map_err(|expected| format!("{}: {expected}", setting.name))?;
            let (secret, form) = (setting.secret.clone(), setting.form);
            settings.push(Setting { name: setting.name, secret, form, uri });
        }
        if settings.is_empty() {
            return Ok(None);
        }
        check_identity(config)?;
        let scopes = settings.iter().map(|setting| setting.uri.scope).collect::<BTreeSet<_>>();
        let pipeline = |scope| {
            let policy = token_policy(config.key_vault.auth, &config.key_vault.token, credential, scope)
                .map_err(|expected| format!("key_vault.auth: {expected}"))?;
            let options = client_options(wire, vec![policy]);
            Ok((scope, Pipeline::new(None, None, options, Vec::new(), Vec::new(), None)))
        };
        let pipelines = scopes.into_iter().map(pipeline).collect::<Result<_, String>>()?;
        Ok(Some(Self { settings, pipelines, turn: Mutex::new(()) }))
    }

    /// Reads all of them, before anything uses them.
    ///
    /// # Errors
    /// Names the setting and what was expected of it.
    pub async fn read_all(&self) -> Result<(), String> {
        let all = self.settings.iter().collect::<Vec<_>>();
        self.read(&all).await.map_err(|Unread { setting: Setting { name, uri, .. }, why }| {
            let said = why.source().map(|source| format!(" ({source})")).unwrap_or_default();
            format!("{name}: expected a secret that can be read at {}{}: {why}{said}", uri.vault, uri.path())
        })
    }

    /// Reads settings and replaces their values. Those that could be read are replaced even if another could not.
    async fn read<'a>(&self, settings: &[&'a Setting]) -> Result<(), Unread<'a>> {
        let Some(first) = settings.first() else { return Ok(()) };
        let reading = async {
            let _turn = self.turn.lock().await;
            let mut reads = Vec::with_capacity(settings.len());
            for setting in settings {
                reads.push(self.read_one(setting));
            }
            let mut reads = stream::iter(reads).buffer_unordered(READS_AT_ONCE);
            let mut trouble = None;
            while let Some(read) = reads.next().await {
                trouble = trouble.or(read.err());
            }
            trouble.map_or(Ok(()), Err)
        };
        let late = || {
            let why = ParticipantError::Unavailable(first.described(), None);
            Err(Unread { setting: first, why })
        };
        tokio::time::timeout(READ_SECONDS_MAX, reading).await.unwrap_or_else(|_| late())
    }

    async fn read_one<'a>(&self, setting: &'a Setting) -> Result<(), Unread<'a>> {
        let unread = |why| Unread { setting, why };
        let value = self.value(setting).await.map_err(unread)?;
        if value.is_empty() || !setting.form.fits(&value) {
            let expectation = setting.form.expectation();
            let why = format!("{} cannot be used for {}: {expectation}", setting.described(), setting.name);
            return Err(unread(ParticipantError::Rejected(why, None)));
        }
        setting.secret.replace(&value);
        tracing::info!(
            setting = setting.name,
            secret = setting.uri.name,
            "a setting was read from its vault"
        );
        Ok(())
    }

    async fn value(&self, setting: &Setting) -> Result<String, ParticipantError> {
        let (what, uri) = (setting.described(), &setting.uri);
        let unreadable =
            || ParticipantError::Rejected(format!("the answer about {what} cannot be read"), None);
        let url = Url::parse(&format!("{}{}?api-version={API_VERSION}", uri.vault, uri.path()));
        let mut request = Request::new(url.map_err(|_| unreadable())?, Method::Get);
        let pipeline = self.pipelines.iter().find(|(scope, _)| *scope == uri.scope);
        let (_, pipeline) = pipeline.ok_or_else(|| ParticipantError::Unavailable(what.clone(), None))?;
        let answer = pipeline.send(&Context::default(), &mut request, None).await;
        let body = answer.map_err(|error| classify(&error, &what))?.into_body();
        // The parser's words could quote the value.
        serde_json::from_slice::<Bundle>(&body).map(|bundle| bundle.value).map_err(|_| unreadable())
    }
}

impl Setting {
    fn described(&self) -> String {
        format!("the secret {:?}", self.uri.name)
    }
}

#[async_trait]
impl Secrets for KeyVaultSecrets {
    async fn reread(&self, vault_uri_or_secret_id: &str) -> Result<bool, ParticipantError> {
        let Some(named) = Named::parse(vault_uri_or_secret_id) else { return Ok(false) };
        let concerned =
            self.settings.iter().filter(|setting| setting.uri.is_named_by(&named)).collect::<Vec<_>>();
        self.read(&concerned).await.map_err(|unread| unread.why)?;
        Ok(!concerned.is_empty())
    }
}

/// Whoever needs the vault to know its own secret cannot ask the vault.
fn check_identity(config: &Config) -> Result<(), String> {
    let is_circular = config.key_vault.auth == TokenAuth::Entra
        && config.entra.credential == CredentialKind::ClientSecret
        && config.entra.client_secret.reference().is_some();
    if is_circular {
        let expected = "expected the secret itself, because it is the identity that reads the vault";
        return Err(format!("entra.client_secret: {expected} (or key_vault.auth = \"bearer\")"));
    }
    Ok(())
}
