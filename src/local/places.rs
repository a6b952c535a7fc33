//! Where everything of the local cloud is found: ports, URLs, names, keys. Starts nothing.

use std::fmt::Write as _;
use std::path::PathBuf;

use local_azure::ids::development_key;

/// The subscription everything local is in: no real one has this id.
pub(super) const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";
/// The resource group everything local is in.
pub(super) const RESOURCE_GROUP: &str = "local";
/// The topic that requests are published to.
pub(super) const REQUESTS: &str = "requests";
/// The topic that answers are published to.
pub(super) const RESPONSES: &str = "responses";
/// Storage accounts: where media arrives, where it is kept, where encodes go, where undelivered events go.
pub(super) const STORAGE_ACCOUNTS: [&str; 4] = ["inbox", "archive", "proxy", "deadletters"];
/// The container that is there from the start, in the account of the same name.
pub(super) const INBOX: &str = "inbox";
/// Where Event Grid puts what it could not deliver.
pub(super) const DEAD_LETTERS: (&str, &str) = ("deadletters", "egt-dead-letter");
/// Encoder regions with the names of their accounts.
pub(super) const MEDIA_ACCOUNTS: [(&str, &str); 2] =
    [("westeurope", "mediawesteurope"), ("northeurope", "medianortheurope")];
/// Whoever gives tokens to players.
pub(super) const TOKENS: &str = "tokens";
/// The vault.
pub(super) const KEY_VAULT: &str = "vault";
/// The token the local processor shows to Media Services, the management of storage accounts and the vault, which take any.
const BEARER: &str = "local.development.token";

/// The documented ports.
const HOME_PORT: u16 = 7070;
const STORAGE_PORT: u16 = 10_000;
const KEY_VAULT_PORT: u16 = 7074;
const STREAMING_PORT: u16 = 7075;

/// The ports of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) home: u16,
    pub(super) processor: u16,
    pub(super) event_grid: u16,
    pub(super) media: u16,
    pub(super) storage: u16,
    pub(super) key_vault: u16,
    pub(super) streaming: u16,
}

impl Ports {
    /// The documented ports, or seven in a row.
    pub(super) fn from_base(base: Option<u16>) -> Self {
        let home = base.unwrap_or(HOME_PORT);
        let storage = base.map_or(STORAGE_PORT, |base| base.saturating_add(4));
        let key_vault = base.map_or(KEY_VAULT_PORT, |base| base.saturating_add(5));
        let streaming = base.map_or(STREAMING_PORT, |base| base.saturating_add(6));
        let next = |step| home.saturating_add(step);
        Self { home, processor: next(1), event_grid: next(2), media: next(3), storage, key_vault, streaming }
    }
}

/// Where everything is.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) ports: Ports,
    /// Whether Event Grid and Blob Storage speak TLS too.
    pub(super) with_tls: bool,
    /// The certificate authority to trust.
    pub(super) ca_file: PathBuf,
    /// The configuration for a processor of one's own.
    pub(super) config_file: PathBuf,
}

impl Places {
    pub(super) fn home(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.home)
    }

    pub(super) fn processor(&self) -> String {
        format!("http://127.0.0.1:{}/api/EventGrid", self.ports.processor)
    }

    pub(super) fn event_grid(&self) -> String {
        self.url(self.ports.event_grid)
    }

    pub(super) fn storage(&self) -> String {
        self.url(self.ports.storage)
    }

    /// Media Services speak TLS always: clients do not send tokens in clear.
    pub(super) fn media(&self) -> String {
        format!("https://localhost:{}", self.ports.media)
    }

    /// TLS always, for the same reason.
    pub(super) fn key_vault(&self) -> String {
        format!("https://localhost:{}", self.ports.key_vault)
    }

    /// TLS always: clients put `https://` in front of a streaming endpoint's host name.
    pub(super) fn streaming(&self) -> String {
        format!("https://localhost:{}", self.ports.streaming)
    }

    pub(super) fn topic_endpoint(&self, topic: &str) -> String {
        format!("{}/topics/{topic}/api/events", self.event_grid())
    }

    pub(super) fn topic_watch(&self, topic: &str) -> String {
        format!("{}/topics/{topic}/watch", self.event_grid())
    }

    pub(super) fn blob_endpoint(&self, account: &str) -> String {
        format!("{}/{account}", self.storage())
    }

    pub(super) fn connection_string(&self, account: &str) -> String {
        let protocol = if self.with_tls { "https" } else { "http" };
        let (key, endpoint) = (key(account), self.blob_endpoint(account));
        format!(
            "DefaultEndpointsProtocol={protocol};AccountName={account};AccountKey={key};BlobEndpoint={endpoint};"
        )
    }

    fn url(&self, port: u16) -> String {
        if self.with_tls { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") }
    }

    /// What a processor needs to know of this cloud, as `gridwich.toml` says it.
    pub(super) fn processor_config(&self) -> String {
        let mut text = format!(
            "[endpoint]\nlisten = \"127.0.0.1:{}\"\nleave_seconds = 0\n\n[topic]\nendpoint = \"{}\"\nkey = \"{}\"\n\n\
             [telemetry]\nformat = \"human\"\n\n[tls]\nca_file = {:?}\n",
            self.ports.processor,
            self.topic_endpoint(RESPONSES),
            key(RESPONSES),
            self.ca_file,
        );
        add(
            &mut text,
            format_args!(
                "\n[key_roll]\nbase_url = {:?}\nsubscriptions = [{SUBSCRIPTION:?}]\nauth = \"bearer\"\ntoken = {BEARER:?}\n\
                 \n[key_vault]\nauth = \"bearer\"\ntoken = {BEARER:?}\nallowed_hosts = [\"localhost:{}\"]\n",
                self.event_grid(),
                self.ports.key_vault,
            ),
        );
        // Tokens for players are signed with the first key of a name that nothing else has.
        add(
            &mut text,
            format_args!("\n[media]\nclear_streaming = true\n\n[media.drm]\ntoken_key = {:?}\n", key(TOKENS)),
        );
        let (account, container) = DEAD_LETTERS;
        add(&mut text, format_args!("\n[dead_letters]\naccount = {account:?}\ncontainer = {container:?}\n"));
        for account in STORAGE_ACCOUNTS {
            let (endpoint, key) = (self.blob_endpoint(account), key(account));
            add(
                &mut text,
                format_args!(
                    "\n[[storage.accounts]]\nname = {account:?}\nendpoint = {endpoint:?}\nkey = {key:?}\n"
                ),
            );
        }
        for (region, account) in MEDIA_ACCOUNTS {
            add(
                &mut text,
                format_args!(
                    "\n[[media.accounts]]\nregion = {region:?}\nbase_url = {:?}\nsubscription_id = {SUBSCRIPTION:?}\n\
                     resource_group = {RESOURCE_GROUP:?}\naccount = {account:?}\nauth = \"bearer\"\ntoken = {BEARER:?}\n\
                     correlation_bytes_max = 49_152\n",
                    self.media(),
                ),
            );
        }
        text
    }
}

fn add(text: &mut String, piece: std::fmt::Arguments<'_>) {
    text.write_fmt(piece).expect("a String takes all that is written to it");
}

/// The first key of a topic or a storage account, the same in every run.
pub(super) fn key(name: &str) -> String {
    development_key(name, "key1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_processors_configuration_can_be_read() {
        let places = Places {
            ports: Ports::from_base(Some(9_000)),
            with_tls: false,
            ca_file: "/tmp/ca.pem".into(),
            config_file: "/tmp/gridwich.toml".into(),
        };
        let config = Config::from_toml(&places.processor_config()).unwrap();
        assert_eq!(config.endpoint.listen.port(), 9_001);
        assert_eq!(config.storage.accounts.len(), STORAGE_ACCOUNTS.len());
        assert_eq!(config.media.accounts.len(), MEDIA_ACCOUNTS.len());
    }
}
