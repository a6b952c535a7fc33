//! What `gridwich deadletter` can be told. Not what is done about it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::shelf::Filter;
use crate::clock;
use crate::secret::Secret;

/// What `gridwich deadletter` can be told.
#[derive(Args, Debug)]
pub struct DeadLetterArguments {
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Lists dead letters, newest first: when they were written, why, attempts, outcome, event type, id, subject, blob.
    List(ListArguments),
    /// Prints a dead letter as JSON, without the queries of URLs; of encoded data the length.
    Show(ShowArguments),
    /// Sends dead letters again, oldest first, and deletes those that were accepted.
    ///
    /// What Event Grid gave up keeps its id: what was answered is answered the same, as long as the notes in the container
    /// gridwich-contexts are kept (7 days are advised); what an older letter asks for is done anew. A request that Gridwich
    /// answered with a failure gets a new id, the same however often it is replayed, because its outcome has been told.
    Replay(ReplayArguments),
}

#[derive(Args, Debug)]
pub(super) struct ListArguments {
    #[command(flatten)]
    pub(super) place: Place,
    #[command(flatten)]
    pub(super) filter: FilterArguments,
    /// The most that are listed.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) max: u32,
    /// How they are printed.
    #[arg(long, value_enum, default_value = "text")]
    pub(super) print: Print,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Print {
    /// For people.
    Text,
    /// One object a line, for scripts.
    Json,
}

#[derive(Args, Debug)]
pub(super) struct ShowArguments {
    #[command(flatten)]
    pub(super) place: Place,
    /// The id of an event, or the path of a blob.
    #[arg(value_name = "ID_OR_PATH")]
    pub(super) which: String,
}

#[derive(Args, Debug)]
pub(super) struct ReplayArguments {
    #[command(flatten)]
    pub(super) place: Place,
    /// Ids of events, or paths of blobs.
    #[arg(value_name = "ID_OR_PATH", required_unless_present = "all", conflicts_with = "all")]
    pub(super) which: Vec<String>,
    /// All that the filters leave.
    #[arg(long)]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) filter: FilterArguments,
    /// Delivers to a processor, as Event Grid would: the URL of its endpoint. GRIDWICH_DELIVERY_SECRET is presented.
    #[arg(long, value_name = "URL", conflicts_with = "topic")]
    pub(super) to: Option<String>,
    #[arg(long, env = "GRIDWICH_DELIVERY_SECRET", hide = true, hide_env_values = true, value_parser = secret)]
    pub(super) delivery_secret: Option<Secret>,
    /// Publishes to a topic, from which everybody who is subscribed hears again; requests only.
    #[arg(long, value_name = "URL")]
    pub(super) topic: Option<String>,
    /// The topic's access key; without one, a token is shown as `[entra]` of the configuration says.
    #[arg(long, env = "GRIDWICH_TOPIC_KEY", hide_env_values = true, value_parser = secret)]
    pub(super) key: Option<Secret>,
    /// Keeps the ids of requests that were answered with a failure, too: most will hear that failure again.
    #[arg(long)]
    pub(super) same_id: bool,
    /// Deletes nothing.
    #[arg(long)]
    pub(super) keep: bool,
    /// Says what would be replayed, and does nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// Where the dead letters are.
#[derive(Args, Debug)]
pub(super) struct Place {
    /// The configuration file: for `[dead_letters]`, the accounts' endpoints and keys, `[entra]` and `[tls]`.
    #[arg(long, env = "GRIDWICH_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// The storage account, when it is not that of `[dead_letters]`.
    #[arg(long, value_name = "NAME", requires = "container")]
    pub(super) account: Option<String>,
    /// The container, when it is not that of `[dead_letters]`.
    #[arg(long, value_name = "NAME")]
    pub(super) container: Option<String>,
    /// The account's key, when the configuration has none; without any, a token is shown as `[entra]` says.
    #[arg(long, env = "GRIDWICH_ACCOUNT_KEY", hide_env_values = true, value_parser = secret)]
    pub(super) account_key: Option<Secret>,
    #[cfg(feature = "local")]
    #[command(flatten)]
    pub(super) local: LocalPlace,
}

/// The local cloud.
#[cfg(feature = "local")]
#[derive(Args, Debug)]
pub(super) struct LocalPlace {
    /// Those of the local cloud; they are replayed to the processor beside it, if nothing else is said.
    #[arg(long, conflicts_with_all = ["account", "container"])]
    pub(super) local: bool,
    /// Where its ports begin, as `gridwich local` was told.
    #[arg(long, value_name = "N", requires = "local")]
    pub(super) port_base: Option<u16>,
}

/// Which dead letters.
#[derive(Args, Clone, Debug)]
pub(super) struct FilterArguments {
    /// Only events of this type.
    #[arg(long = "type", value_name = "EVENT_TYPE")]
    event_type: Option<String>,
    /// Only what was written since then: a time as 2026-03-04T09:00:00Z, or a while as 90s, 30m, 12h, 7d.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<OffsetDateTime>,
    /// Only what was written by then.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<OffsetDateTime>,
    /// Only what was given up for this reason, for example MaxDeliveryAttemptsExceeded or HandlerPanicked.
    #[arg(long)]
    reason: Option<String>,
    /// Only blobs whose paths begin so, for example GRIDWICH/ or TOPIC/SUBSCRIPTION/2026/03/.
    #[arg(long, value_name = "PATH", default_value = "")]
    prefix: String,
}

impl From<FilterArguments> for Filter {
    fn from(arguments: FilterArguments) -> Self {
        let FilterArguments { event_type, since, until, reason, prefix } = arguments;
        Self { event_type, reason, since, until, prefix }
    }
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

fn time(text: &str) -> Result<OffsetDateTime, String> {
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(time);
    }
    let expected = "expected a time as 2026-03-04T09:00:00Z, or a while as 90s, 30m, 12h, 7d";
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let while_ago = units.into_iter().find_map(|(unit, seconds)| {
        let count = text.strip_suffix(unit)?.parse::<u32>().ok()?;
        clock::now().checked_sub(Duration::seconds(i64::from(count) * seconds))
    });
    while_ago.ok_or_else(|| expected.to_owned())
}
