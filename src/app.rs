//! Introduces the rooms to each other: configuration to adapters, adapters to handlers, handlers to the door. Handles no
//! event itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use gridwich_handlers::base::World;
use gridwich_handlers::participants::{
    Analyzer, Announce, CanceledAs, DeadLetters, KeyRoller, Participants, Policy, Secrets, Storage,
};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::azure::blob_storage::BlobStorage;
use crate::azure::blob_storage::dead_letters::DeadLetterContainer;
use crate::azure::credential::credential;
use crate::azure::event_grid::EventGridTopic;
use crate::azure::key_roller::ArmKeyRoller;
use crate::azure::key_vault::KeyVaultSecrets;
use crate::azure::looks;
use crate::azure::media_services;
use crate::azure::wire::Wire;
use crate::bodies::Bodies;
use crate::config::{self, Config, DeadLettersConfig, MediaAuth, SecretSetting, TokenAuth};
use crate::endpoint::{Door, router};
use crate::health::{Health, Rounds, WatchedTopic};
use crate::media_info::MediaInfo;
use crate::publisher::TopicPublisher;
use crate::server;
use crate::steps::Steps;
use crate::telemetry::Telemetry;
use crate::telemetry::dead_letters::CountedDeadLetters;
use crate::telemetry::metrics::Metrics;
use crate::watch::Watch;

/// Why the program cannot start; names the setting or the address.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// A setting cannot be used.
    #[error("{0}")]
    Setting(String),
    /// The address cannot be listened to.
    #[error("endpoint.listen: {0} cannot be listened to: {1}")]
    Listen(SocketAddr, #[source] std::io::Error),
}

/// The processor, ready to be served or called.
pub struct App {
    /// The door as a function from request to response.
    pub router: Router,
    /// What is running behind it.
    pub steps: Steps,
    /// The watch over what is pending.
    pub watch: Watch,
    /// Whom its steps may reach for.
    pub participants: Arc<Participants>,
    /// The looks that its readiness comes from.
    pub rounds: Rounds,
    leaving: CancellationToken,
    metrics: Arc<Metrics>,
    is_open: bool,
}

impl App {
    /// Reads what the configuration keeps in Key Vault, and builds everything.
    ///
    /// # Errors
    /// Names the setting that cannot be used, or whose secret cannot be read.
    pub async fn start(
        config: &Config,
        wire: &Arc<dyn Wire>,
        telemetry: &Telemetry,
    ) -> Result<Self, StartupError> {
        read_secrets(config, wire).await?;
        Self::new(config, wire, telemetry)
    }

    /// Builds everything from its configuration, to talk over the given wire. What it keeps in Key Vault must have been
    /// read: [`App::start`] does both.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn new(config: &Config, wire: &Arc<dyn Wire>, telemetry: &Telemetry) -> Result<Self, StartupError> {
        let setting = StartupError::Setting;
        if config.topic.endpoint.is_empty() {
            let expected = "topic.endpoint: expected the URL of the Event Grid topic that takes the answers";
            return Err(setting(format!("{expected}; it is the one setting without a default")));
        }
        if let Some(SecretSetting { name, .. }) =
            config.secrets().into_iter().find(|each| each.secret.is_unread())
        {
            return Err(setting(format!("{name}: expected its secret to be read before it is used")));
        }
        let identity = if needs_identity(config) {
            Some(credential(&config.entra, wire).map_err(setting)?)
        } else {
            None
        };
        let topic_identity = if config.topic.key.is_empty() { identity.clone() } else { None };
        let topic = EventGridTopic::new(&config.topic, topic_identity, wire).map_err(setting)?;
        let health = Health::default();
        let topic = Arc::new(WatchedTopic::new(Arc::new(topic), &health));
        let rounds = looks::rounds(config, &health, &topic, identity.as_ref(), wire);
        let publisher = TopicPublisher::start(
            topic,
            config.topic.posts_max,
            Duration::from_secs(config.topic.budget_seconds),
            Arc::clone(&telemetry.metrics),
        );
        let mut participants = Participants {
            policy: policy(config),
            key_holders: key_holders(config),
            ..Participants::default()
        };
        if !config.storage.accounts.is_empty() {
            let storage =
                BlobStorage::new(&config.storage.accounts, identity.as_ref(), wire).map_err(setting)?;
            let DeadLettersConfig { account, container } = &config.dead_letters;
            let storage = Arc::new(storage.guarding(account, container));
            if config.dead_letters.is_set() {
                let place = DeadLetterContainer::new(Arc::clone(&storage), account, container);
                let counted = CountedDeadLetters { place, metrics: Arc::clone(&telemetry.metrics) };
                participants.dead_letters = Some(Arc::new(counted) as Arc<dyn DeadLetters>);
            }
            let storage = storage as Arc<dyn Storage>;
            participants.analyzer = analyzer(config, &storage);
            participants.storage = Some(storage);
        }
        let media = media_services::of_config(&config.media, identity.as_ref(), wire).map_err(setting)?;
        (participants.encoders, participants.publication) = media;
        if !config.key_roll.subscriptions.is_empty() {
            let roller = ArmKeyRoller::new(&config.key_roll, identity.as_ref(), wire).map_err(setting)?;
            participants.key_roller = Some(Arc::new(roller) as Arc<dyn KeyRoller>);
        }
        let vault = KeyVaultSecrets::new(config, identity.as_ref(), wire).map_err(setting)?;
        participants.secrets = vault.map(|vault| Arc::new(vault) as Arc<dyn Secrets>);
        let participants = Arc::new(participants);
        let world = World {
            participants: Arc::clone(&participants),
            publisher: Arc::new(publisher),
            spans: Arc::clone(&telemetry.spans),
        };
        let admission = Admission::new(&config.admission).map_err(setting)?;
        let steps = Steps::new(config.endpoint.steps_max, config.endpoint.waiting_max);
        let is_open = admission.is_open();
        let leaving = CancellationToken::new();
        let dispatcher = Arc::new(gridwich_handlers::register());
        let watch = Watch::new(Arc::clone(&dispatcher), world.clone(), steps.clone());
        let door = Door {
            admission,
            dispatcher,
            world,
            steps: steps.clone(),
            metrics: Arc::clone(&telemetry.metrics),
            bodies: Bodies::new(config.endpoint.body_bytes_max, config.endpoint.bodies_bytes_max),
            health,
            leaving: leaving.clone(),
            delivery_budget: Duration::from_secs(config.endpoint.delivery_budget_seconds),
            fails_unhandled: config.requests.unhandled_requests == config::Unhandled::Fail,
        };
        let metrics = Arc::clone(&telemetry.metrics);
        let router = router(Arc::new(door));
        Ok(Self { router, steps, watch, participants, rounds, leaving, metrics, is_open })
    }

    /// Serves deliveries until `stop` and for as long as it takes others to look away, then lets in nobody any more, lets
    /// running steps finish and publish, and returns.
    ///
    /// # Errors
    /// When the address cannot be listened to.
    pub async fn serve(self, config: &Config, stop: CancellationToken) -> Result<(), StartupError> {
        let address = address(config.endpoint.listen, self.is_open);
        let listener =
            TcpListener::bind(address).await.map_err(|error| StartupError::Listen(address, error))?;
        tracing::info!("deliveries are received at http://{address}/api/EventGrid");
        self.serve_on(listener, config, stop).await;
        Ok(())
    }

    /// As [`App::serve`], on a listener that is there already.
    pub async fn serve_on(self, listener: TcpListener, config: &Config, stop: CancellationToken) {
        let serving = tokio::spawn(server::serve(
            listener,
            self.router.clone(),
            config.endpoint.connections_max,
            Arc::clone(&self.metrics),
            self.leaving.clone(),
            Duration::from_secs(config.endpoint.leave_seconds),
        ));
        if self.participants.storage.is_some() {
            tokio::spawn(self.watch.clone().run(stop.clone()));
        }
        tokio::spawn(self.rounds.clone().run(stop.clone()));
        stop.cancelled().await;
        let until = Instant::now() + Duration::from_secs(config.endpoint.drain_seconds);
        tracing::info!(steps = self.steps.count(), "stopping: others should get the deliveries now");
        self.leaving.cancel();
        if tokio::time::timeout_at(until, serving).await.is_err() {
            tracing::warn!("connections were still open when the time to drain was over");
        }
        self.steps.stop();
        if tokio::time::timeout_at(until, self.steps.drained()).await.is_err() {
            let steps = self.steps.count();
            tracing::warn!(steps, "steps were still running when the time to drain was over");
        }
        tracing::info!("stopped");
    }
}

/// Reads what the configuration keeps in Key Vault.
///
/// # Errors
/// Names the setting whose secret cannot be read.
pub async fn read_secrets(config: &Config, wire: &Arc<dyn Wire>) -> Result<(), StartupError> {
    if !config.secrets().iter().any(|setting| setting.secret.reference().is_some()) {
        return Ok(());
    }
    let setting = StartupError::Setting;
    let identity = match config.key_vault.auth {
        TokenAuth::Entra => Some(credential(&config.entra, wire).map_err(setting)?),
        TokenAuth::Bearer => None,
    };
    if let Some(vault) = KeyVaultSecrets::new(config, identity.as_ref(), wire).map_err(setting)? {
        vault.read_all().await.map_err(setting)?;
    }
    Ok(())
}

/// Without a secret anybody could deliver; then nobody beyond this machine can.
fn address(configured: SocketAddr, is_open: bool) -> SocketAddr {
    if !is_open {
        return configured;
    }
    let mut address = configured;
    if !configured.ip().is_loopback() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        tracing::warn!("endpoint.listen is {configured}, but without a secret it is {address}");
    }
    tracing::warn!("no secret is configured in [admission]: only this machine can deliver");
    address
}

fn needs_identity(config: &Config) -> bool {
    config.topic.key.is_empty()
        || config.storage.accounts.iter().any(|account| account.key.is_empty())
        || config.media.accounts.iter().any(|account| account.auth == MediaAuth::Entra)
        || (!config.key_roll.subscriptions.is_empty() && config.key_roll.auth == TokenAuth::Entra)
        || (config.key_vault.auth == TokenAuth::Entra
            && config.secrets().iter().any(|setting| setting.secret.reference().is_some()))
}

fn analyzer(config: &Config, storage: &Arc<dyn Storage>) -> Option<Arc<dyn Analyzer>> {
    let is_wanted = !config.analysis.program.is_empty();
    is_wanted.then(|| Arc::new(MediaInfo::new(&config.analysis, Arc::clone(storage))) as Arc<dyn Analyzer>)
}

/// We ourselves, as far as we have been given keys.
fn key_holders(config: &Config) -> BTreeMap<String, Vec<String>> {
    let with_key = config.storage.accounts.iter().filter(|account| !account.key.is_empty());
    let holders = with_key.map(|account| {
        let holder = match account.key.reference() {
            Some(reference) => format!("Gridwich, from {reference}"),
            None => "Gridwich, in its setting storage.accounts".to_owned(),
        };
        (account.name.clone(), vec![holder])
    });
    holders.collect()
}

fn policy(config: &Config) -> Policy {
    let announce = match config.requests.announce {
        config::Announce::All => Announce::All,
        config::Announce::Ours => Announce::Ours,
    };
    let sas_seconds_max = Some(config.requests.sas_seconds_max).filter(|seconds| *seconds > 0);
    let canceled = match config.media.canceled {
        config::Canceled::Canceled => CanceledAs::Canceled,
        config::Canceled::Failure => CanceledAs::Failure,
    };
    Policy { announce, sas_seconds_max, canceled, clear_streaming: config.media.clear_streaming }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_secret_only_this_machine_is_listened_to() {
        for (configured, is_open, expected) in [
            ("0.0.0.0:80", false, "0.0.0.0:80"),
            ("0.0.0.0:80", true, "127.0.0.1:80"),
            ("[::]:80", true, "127.0.0.1:80"),
            ("[::1]:80", true, "[::1]:80"),
            ("127.0.0.2:80", true, "127.0.0.2:80"),
        ] {
            let chosen = address(configured.parse().unwrap(), is_open);
            assert_eq!(chosen, expected.parse::<SocketAddr>().unwrap(), "{configured}");
        }
    }
}
