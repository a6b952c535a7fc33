//! Reads the configuration, once, at start. The only reader of the environment; knows nothing of what is done with it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat, Source, Value, ValueKind};
use serde::Deserialize;

use self::values::{list, words};
use crate::secret::Secret;

pub use keys::{KeyRollConfig, KeyVaultConfig, TokenAuth};
pub use media::{Canceled, DrmConfig, MediaAccountConfig, MediaAuth, MediaConfig};
pub use secrets::{NOT_SET, SecretForm, SecretSetting};

mod analysis;
mod check;
mod dead_letters;
mod keys;
mod media;
mod original;
mod secrets;
mod values;

pub use analysis::{AnalysisConfig, Confinement};
pub use dead_letters::DeadLettersConfig;

/// The commented defaults, which are the manual.
pub const DEFAULTS: &str = include_str!("../gridwich.default.toml");

/// Where contexts are kept in the account that the work is about: those that do not fit there, and those of copies.
pub const CONTEXTS: &str = "gridwich-contexts";

/// What starts the environment variables that override a key: `GRIDWICH__ENDPOINT__LISTEN` is `endpoint.listen`.
const PREFIX: &str = "GRIDWICH";
/// What parts a section from its key there.
const SEPARATOR: &str = "__";

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or a value is not what it should be; the message names key and expectation.
    #[error("the configuration cannot be used: {0}")]
    Invalid(String),
}

/// All settings. Each is explained in `gridwich.default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where and how deliveries are received.
    pub endpoint: EndpointConfig,
    /// Who may deliver.
    pub admission: AdmissionConfig,
    /// Where answers go.
    pub topic: TopicConfig,
    /// What the operator decided where the contract leaves a choice.
    pub requests: RequestsConfig,
    /// Storage accounts that may be touched.
    pub storage: StorageConfig,
    /// Where events are kept that cannot be handled.
    pub dead_letters: DeadLettersConfig,
    /// Media Services accounts, in order of preference.
    pub media: MediaConfig,
    /// How keys of storage accounts are replaced.
    pub key_roll: KeyRollConfig,
    /// Where settings are read from that are Key Vault references.
    pub key_vault: KeyVaultConfig,
    /// How media files are analyzed.
    pub analysis: AnalysisConfig,
    /// Who we are to Azure.
    pub entra: EntraConfig,
    /// Logs, traces and metrics.
    pub telemetry: TelemetryConfig,
    /// Connections we make.
    pub tls: TlsConfig,
}

/// `[endpoint]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Largest delivery, in bytes.
    pub body_bytes_max: usize,
    /// Bytes of all deliveries that are being worked on; those beyond are asked to come again.
    pub bodies_bytes_max: usize,
    /// How long a delivery waits for its steps.
    pub delivery_budget_seconds: u64,
    /// How long the program works on as before once it is told to stop, so that others can look away.
    pub leave_seconds: u64,
    /// How long running steps may take once the program is told to stop; includes `leave_seconds`.
    pub drain_seconds: u64,
    /// Steps running at once.
    pub steps_max: usize,
    /// Deliveries waiting for a step to end; those beyond are asked to come again.
    pub waiting_max: usize,
    /// Open connections; beyond, those are closed that have been idle longest.
    pub connections_max: usize,
}

/// `[admission]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmissionConfig {
    /// Shared secrets; either is good, so that one can be rotated.
    #[serde(deserialize_with = "list")]
    pub secrets: Vec<Secret>,
    /// A header that may carry one.
    pub header: String,
    /// Origins that may ask for the CloudEvents handshake.
    #[serde(deserialize_with = "list")]
    pub allowed_origins: Vec<String>,
}

/// `[topic]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicConfig {
    /// URL of the topic that takes our answers.
    pub endpoint: String,
    /// Its access key; without one we identify ourselves to Entra.
    pub key: Secret,
    /// POSTs under way at once.
    pub posts_max: usize,
    /// How long one answer is tried.
    pub budget_seconds: u64,
}

/// `[requests]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestsConfig {
    /// What becomes of a request that no handler here takes.
    pub unhandled_requests: Unhandled,
    /// Which created and deleted blobs are announced.
    pub announce: Announce,
    /// The longest life of a signed URL; 0 gives none out.
    pub sas_seconds_max: u32,
}

/// What becomes of a request that no handler here takes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum Unhandled {
    /// It may be another participant's.
    Ignore,
    /// The topic is ours alone: its sender is told.
    Fail,
}

/// Which created and deleted blobs are announced.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum Announce {
    /// Everybody's.
    All,
    /// Those of our operations.
    Ours,
}

/// `[storage]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageConfig {
    /// Accounts that may be touched.
    #[serde(deserialize_with = "list")]
    pub accounts: Vec<StorageAccountConfig>,
}

/// One of `storage.accounts`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageAccountConfig {
    /// The account's name.
    pub name: String,
    /// Its blob endpoint, when it is not `https://{name}.blob.core.windows.net`.
    #[serde(default)]
    pub endpoint: String,
    /// Its key; without one we identify ourselves to Entra.
    #[serde(default)]
    pub key: Secret,
}

impl StorageAccountConfig {
    /// Where its blobs are, without a slash at the end.
    #[must_use]
    pub fn blob_endpoint(&self) -> String {
        match self.endpoint.as_str() {
            "" => format!("https://{}.blob.core.windows.net", self.name),
            endpoint => endpoint.trim_end_matches('/').to_owned(),
        }
    }
}

/// `[entra]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntraConfig {
    /// Where our identity comes from.
    pub credential: CredentialKind,
    /// The tenant, for `client_secret`.
    pub tenant_id: String,
    /// The application, for `client_secret`, or the user-assigned identity, for `managed_identity`.
    pub client_id: String,
    /// The secret, for `client_secret`.
    pub client_secret: Secret,
}

/// Where our identity comes from.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum CredentialKind {
    /// The host's managed identity.
    ManagedIdentity,
    /// Kubernetes' federated token.
    WorkloadIdentity,
    /// An application's secret.
    ClientSecret,
    /// Whoever is logged in to the Azure CLI.
    Developer,
}

/// `[telemetry]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    /// What is logged, in `tracing`'s filter language.
    pub log: String,
    /// For whom.
    pub format: LogFormat,
    /// The OTLP collector's URL (HTTP, protobuf); empty sends nothing.
    pub otlp_endpoint: String,
    /// The share of operations that are traced when the caller did not decide, from 0 to 1.
    pub trace_ratio: f64,
    /// The ARM id under which Application Insights keeps our log, for links in failures.
    pub app_insights_resource_id: String,
}

/// For whom logs are written.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Human,
}

/// `[tls]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// A certificate authority (PEM) to trust besides the system's.
    pub ca_file: PathBuf,
}

impl Config {
    /// The defaults, then the file if one is given, then the environment.
    ///
    /// # Errors
    /// Names the key and what was expected of it.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        // What is not text cannot be a setting of ours; it is no reason not to start.
        let text =
            |(key, value): (OsString, OsString)| Some((key.into_string().ok()?, value.into_string().ok()?));
        let environment = std::env::vars_os().filter_map(text).collect();
        Self::from_layers(file.map(|path| File::from(path).format(FileFormat::Toml)), &environment)
    }

    /// The defaults, overridden by the text of a file: for programs that write their own.
    ///
    /// # Errors
    /// Names the key and what was expected of it.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::from_layers(Some(File::from_str(text, FileFormat::Toml)), &HashMap::new())
    }

    fn from_layers<S: Source + Send + Sync + 'static>(
        file: Option<S>,
        environment: &HashMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let invalid = |error: config::ConfigError| ConfigError::Invalid(without_values(&error));
        let mut layers = config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if original::is_development(environment) {
            // Another default: a file that says otherwise is right.
            layers = layers.add_source(File::from_str("[media]\nclear_streaming = true", FileFormat::Toml));
        }
        if let Some(file) = file {
            layers = layers.add_source(file);
        }
        for (alias, key) in original::ALIASES {
            layers = layers.set_override_option(key, environment.get(alias).cloned()).map_err(invalid)?;
        }
        if let Some(account) = original::media_account(environment) {
            layers = layers.set_override("media.accounts", vec![account]).map_err(invalid)?;
        }
        let ours = Environment::with_prefix(PREFIX)
            .prefix_separator(SEPARATOR)
            .separator(SEPARATOR)
            .source(Some(environment.clone()));
        let ours = ours.collect().map_err(invalid)?;
        for (key, value) in flatten(ours) {
            layers = layers.set_override(key, value).map_err(invalid)?;
        }
        let read = layers.build().and_then(config::Config::try_deserialize::<Self>).map_err(invalid)?;
        check::check(&read).map_err(ConfigError::Invalid)?;
        Ok(read)
    }
}

/// A file's parser quotes the line at fault, which may hold a secret: its first line says where that is.
fn without_values(error: &config::ConfigError) -> String {
    match error {
        config::ConfigError::FileParse { uri, cause } => {
            let place = cause.to_string().lines().next().unwrap_or_default().to_owned();
            let file = uri.as_deref().unwrap_or("the file");
            format!("{file} is no TOML: {place}")
        }
        error => error.to_string(),
    }
}

/// Tables of environment variables as dotted keys, so that each overrides one key and not its whole section.
fn flatten(tables: impl IntoIterator<Item = (String, Value)>) -> Vec<(String, Value)> {
    let mut keys = Vec::new();
    for (key, value) in tables {
        match value.kind {
            ValueKind::Table(inner) => {
                let inner = flatten(inner);
                keys.extend(inner.into_iter().map(|(name, value)| (format!("{key}.{name}"), value)));
            }
            _ => keys.push((key, value)),
        }
    }
    keys
}

words!(Unhandled { "ignore" => Ignore, "fail" => Fail });
words!(Announce { "all" => All, "ours" => Ours });
words!(LogFormat { "json" => Json, "human" => Human });
words!(CredentialKind {
    "managed_identity" => ManagedIdentity,
    "workload_identity" => WorkloadIdentity,
    "client_secret" => ClientSecret,
    "developer" => Developer,
});

#[cfg(test)]
mod tests;
