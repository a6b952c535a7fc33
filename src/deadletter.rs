//! `gridwich deadletter`: what Event Grid could not deliver, and what the processor could not handle, listed, shown, and sent
//! again. In every build, also the processor alone: where an identity is needed, it is most often only the processor's own
//! surroundings that have it.

use std::error::Error as _;
use std::io::Write;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use gridwich_handlers::participants::ParticipantError;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[cfg(feature = "local")]
use self::arguments::LocalPlace;
use self::arguments::{Action, ListArguments, Place, Print, ReplayArguments};
use self::letter::Letter;
use self::replay::{Choice, Replay};
use self::shelf::{Blob, Filter, Shelf};
use self::target::Target;
use crate::app::read_secrets;
use crate::azure::blob_storage::BlobStorage;
use crate::azure::blob_storage::dead_letters::DeadLetterContainer;
use crate::azure::credential::credential;
use crate::azure::event_grid::EventGridTopic;
use crate::azure::wire::{Sockets, Wire};
use crate::config::{Config, DeadLettersConfig, StorageAccountConfig, TopicConfig};
#[cfg(feature = "local")]
use crate::local::Visit;
use crate::secret::Secret;

mod arguments;
mod letter;
mod replay;
mod screen;
mod shelf;
mod target;

pub use arguments::DeadLetterArguments;

/// Why it did not end as it was meant to.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// What was asked for makes no sense, or is not there.
    #[error("{0}")]
    Invalid(String),
    /// The container cannot be read or changed, or a letter was not accepted.
    #[error("{0}")]
    NotDone(String),
}

impl DeadLetterError {
    /// What the program ends with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotDone(_) => 1,
            Self::Invalid(_) => 2,
        }
    }
}

impl From<ParticipantError> for DeadLetterError {
    /// With what the provider said, where it said something.
    fn from(error: ParticipantError) -> Self {
        let said = error.source().map(|said| format!(" ({said})")).unwrap_or_default();
        Self::NotDone(format!("{error}{said}"))
    }
}

/// Does what was asked for, for the person at the terminal.
///
/// # Errors
/// In words for that person.
pub async fn run(arguments: DeadLetterArguments) -> Result<(), DeadLetterError> {
    let place = match &arguments.action {
        Action::List(list) => &list.place,
        Action::Show(show) => &show.place,
        Action::Replay(replay) => &replay.place,
    };
    #[cfg(feature = "local")]
    let (config, processor) = if place.local.local {
        let (config, processor) = of_local_cloud(&place.local).await?;
        (config, Some(processor))
    } else {
        (of_file(place)?, None)
    };
    #[cfg(not(feature = "local"))]
    let (config, processor) = (of_file(place)?, None);
    let wire = Sockets::new(&config.tls.ca_file).map_err(DeadLetterError::NotDone)?;
    run_on(arguments, &config, processor, &(Arc::new(wire) as Arc<dyn Wire>), &mut std::io::stdout()).await
}

fn of_file(place: &Place) -> Result<Config, DeadLetterError> {
    Config::load(place.config.as_deref()).map_err(|error| DeadLetterError::Invalid(error.to_string()))
}

/// The configuration of the processor beside the local cloud, and where that takes deliveries.
#[cfg(feature = "local")]
async fn of_local_cloud(place: &LocalPlace) -> Result<(Config, String), DeadLetterError> {
    let visit = Visit::of(place.port_base).await.map_err(DeadLetterError::NotDone)?;
    Ok((visit.processor_config().map_err(DeadLetterError::NotDone)?, visit.processor()))
}

/// The same with a given configuration, over a given wire, printing to `out`; letters go to `processor` if nothing else is
/// said.
///
/// # Errors
/// In words for the person at the terminal.
pub async fn run_on(
    arguments: DeadLetterArguments,
    config: &Config,
    processor: Option<String>,
    wire: &Arc<dyn Wire>,
    out: &mut (dyn Write + Send),
) -> Result<(), DeadLetterError> {
    read_secrets(config, wire).await.map_err(|error| DeadLetterError::NotDone(error.to_string()))?;
    match arguments.action {
        Action::List(list) => {
            let shelf = shelf(&list.place, config, wire)?;
            self::list(&shelf, list, out).await
        }
        Action::Show(show) => {
            let shelf = shelf(&show.place, config, wire)?;
            let choice = Choice { names: vec![show.which], filter: Filter::default() };
            let mut chosen = choice.letters(&shelf).await?;
            while let Some((_, letters)) = chosen.try_next().await? {
                for letter in letters {
                    print(out, &format!("{}\n", screen::legible(letter.raw())));
                }
            }
            Ok(())
        }
        Action::Replay(replay) => {
            let shelf = shelf(&replay.place, config, wire)?;
            let target = match replay.dry_run {
                true => None,
                false => Some(target(&replay, config, processor, wire)?),
            };
            let (keeps_id, keeps_letters) = (replay.same_id, replay.keep);
            let choice = Choice { names: replay.which, filter: replay.filter.into() };
            Replay { shelf: &shelf, target, keeps_id, keeps_letters, out }.run(&choice).await
        }
    }
}

fn shelf(place: &Place, config: &Config, wire: &Arc<dyn Wire>) -> Result<Shelf, DeadLetterError> {
    let invalid = |message: &str| DeadLetterError::Invalid(message.to_owned());
    let DeadLettersConfig { account, container } = &config.dead_letters;
    let (account, container) =
        (place.account.as_ref().unwrap_or(account), place.container.as_ref().unwrap_or(container));
    if account.is_empty() || container.is_empty() {
        return Err(invalid("expected --account and --container, or a configuration with [dead_letters]"));
    }
    let known = config.storage.accounts.iter().find(|known| known.name == *account).cloned();
    let mut account = known.unwrap_or_else(|| StorageAccountConfig {
        name: account.clone(),
        endpoint: String::new(),
        key: Secret::default(),
    });
    if account.key.is_empty() {
        account.key = place.account_key.clone().unwrap_or_default();
    }
    let identity = match account.key.is_empty() {
        true => Some(credential(&config.entra, wire).map_err(DeadLetterError::Invalid)?),
        false => None,
    };
    let name = account.name.clone();
    let storage = BlobStorage::new(&[account], identity.as_ref(), wire).map_err(DeadLetterError::Invalid)?;
    Ok(Shelf(DeadLetterContainer::new(Arc::new(storage), &name, container)))
}

fn target(
    replay: &ReplayArguments,
    config: &Config,
    processor: Option<String>,
    wire: &Arc<dyn Wire>,
) -> Result<Target, DeadLetterError> {
    let invalid = DeadLetterError::Invalid;
    if let Some(endpoint) = &replay.topic {
        let key = replay.key.clone().unwrap_or_default();
        let identity = match key.is_empty() {
            true => Some(credential(&config.entra, wire).map_err(invalid)?),
            false => None,
        };
        let topic = TopicConfig { endpoint: endpoint.clone(), key, ..config.topic.clone() };
        return EventGridTopic::new(&topic, identity, wire).map(Target::Topic).map_err(invalid);
    }
    let secret = replay.delivery_secret.clone().unwrap_or_default();
    match replay.to.clone().or(processor) {
        Some(url) => Target::processor(&url, secret, wire).map_err(invalid),
        None => Err(invalid("expected --to, --topic or --dry-run".to_owned())),
    }
}

async fn list(
    shelf: &Shelf,
    arguments: ListArguments,
    out: &mut (dyn Write + Send),
) -> Result<(), DeadLetterError> {
    let filter = Filter::from(arguments.filter);
    let blobs = shelf.blobs(&filter).await?;
    let letters = shelf.read_all(blobs).map_ok(|blob| {
        let blob = Arc::new(blob);
        let letters = blob.letters().filter(|letter| filter.takes(letter));
        let letters =
            letters.map(|letter| Ok::<_, ParticipantError>((Arc::clone(&blob), letter))).collect::<Vec<_>>();
        futures_util::stream::iter(letters)
    });
    let max = arguments.max as usize;
    // One more than is shown, to know whether there are more.
    let mut found = letters.try_flatten().take(max + 1).try_collect::<Vec<_>>().await?;
    let is_all = found.len() <= max;
    found.truncate(max);
    let text = match arguments.print {
        Print::Text => {
            screen::table(&found.iter().map(|(blob, letter)| row(blob, letter)).collect::<Vec<_>>())
        }
        Print::Json => found.iter().map(|(blob, letter)| format!("{}\n", object(blob, letter))).collect(),
    };
    print(out, &text);
    if found.is_empty() {
        eprintln!("gridwich: no dead letters that fit");
    }
    if let (false, Some((last, _))) = (is_all, found.last()) {
        eprintln!(
            "gridwich: there are more: --until {} shows those that are as old or older",
            shown(last.written)
        );
    }
    Ok(())
}

fn row(blob: &Blob, letter: &Letter) -> Vec<String> {
    let member = |name| screen::line(&letter.text(name));
    let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    vec![
        shown(blob.written),
        dash(member("deadLetterReason")),
        dash(member("deliveryAttempts")),
        dash(member("lastDeliveryOutcome")),
        screen::line(&letter.event_type),
        screen::line(&letter.id),
        dash(member("subject")),
        screen::line(&blob.name),
    ]
}

fn object(blob: &Blob, letter: &Letter) -> serde_json::Value {
    let member = |name| screen::line(&letter.text(name));
    json!({
        "written": shown(blob.written),
        "reason": member("deadLetterReason"),
        "attempts": letter.text("deliveryAttempts").parse::<u64>().ok(),
        "outcome": member("lastDeliveryOutcome"),
        "attempted": member("lastDeliveryAttemptTime"),
        "eventType": letter.event_type,
        "id": letter.id,
        "subject": member("subject"),
        "blob": blob.name,
    })
}

fn shown(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

fn print(out: &mut (dyn Write + Send), text: &str) {
    // Whoever closes the pipe has seen enough.
    let _ = out.write_all(text.as_bytes());
}
