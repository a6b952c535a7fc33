//! `Microsoft.KeyVault.SecretNewVersionCreated`: has a setting that comes from the vault read anew. The original restarted
//! itself for that.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::base::{EventData, Failure, Handler, Never, Step, log_events};

/// What the vault reports.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(title = "Microsoft.KeyVault.SecretNewVersionCreated")]
pub struct SecretNewVersionCreatedEvent {
    /// The new version's identifier, a URL.
    #[serde(rename = "Id")]
    id: String,
}

impl EventData for SecretNewVersionCreatedEvent {
    const EVENT_TYPE: &'static str = "Microsoft.KeyVault.SecretNewVersionCreated";
    const MAJOR_VERSIONS: &'static [u32] = &[];
    /// It belongs to no operation: what goes wrong is the operator's to read.
    const IS_INTERIM: bool = true;

    fn example() -> Value {
        json!({
            "Id": "https://gw-kv-sb-1a2b.vault.azure.net/secrets/grw-topic-key/ee059b2bb5bc48398a53b168c6cdcb10",
            "VaultName": "gw-kv-sb-1a2b",
            "ObjectType": "Secret",
            "ObjectName": "grw-topic-key",
            "Version": "ee059b2bb5bc48398a53b168c6cdcb10",
            "NBF": null,
            "EXP": null,
        })
    }
}

/// Reads the setting again. Other secrets of the vault are others' business.
pub struct SecretNewVersionCreated;

impl Handler for SecretNewVersionCreated {
    type Event = SecretNewVersionCreatedEvent;
    type Response = Option<Never>;

    const ID: &'static str = "4af2734d-5c82-44eb-b73e-1acf4596929a";
    const CLASS: &'static str = "SecretNewVersionCreatedHandler";

    async fn handle(event: Self::Event, step: &Step<'_>) -> Result<Self::Response, Failure> {
        let Some(secrets) = step.participants.secrets.as_deref() else { return Ok(None) };
        let read = secrets.reread(&event.id).await.map_err(Failure::of(log_events::SECRET_NOT_READ))?;
        if read {
            tracing::info!("a setting was read anew from the vault");
        }
        Ok(None)
    }
}
