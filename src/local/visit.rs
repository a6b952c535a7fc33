//! A local cloud that runs already, as another program on the machine finds it: by its home page. Starts nothing.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::Value;
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;

use super::places::{Places, Ports, REQUESTS, key};
use super::timeline::Entry;
use crate::config::Config;
use crate::secret::Secret;

/// The home page answers at once, or is not there.
const ANSWER_SECONDS_MAX: Duration = Duration::from_secs(5);
/// The longest line of the timeline: an event of 1 MB, its context repeated, all of it escaped.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A local cloud that has been found.
pub(crate) struct Visit {
    /// The endpoint of the topic that takes requests.
    pub(crate) requests: String,
    /// Its development key.
    pub(crate) key: Secret,
    /// The certificate authority to trust; empty where nothing speaks TLS.
    pub(crate) ca_file: PathBuf,
    home: String,
    client: reqwest::Client,
    places: Places,
}

impl Visit {
    /// Finds the local cloud at the documented ports, or at those from a base on.
    ///
    /// # Errors
    /// In words for the person at the terminal: most often, nobody answers.
    pub(crate) async fn of(port_base: Option<u16>) -> Result<Self, String> {
        let ports = Ports::from_base(port_base);
        let mut places =
            Places { ports, with_tls: false, ca_file: PathBuf::new(), config_file: PathBuf::new() };
        let home = places.home();
        let client = reqwest::Client::builder().connect_timeout(ANSWER_SECONDS_MAX).no_proxy().build();
        let client = client.map_err(|error| format!("the local cloud cannot be asked: {error}"))?;
        let said = client.get(format!("{home}/places")).timeout(ANSWER_SECONDS_MAX).send();
        let said = said.await.and_then(reqwest::Response::error_for_status);
        let nobody = |_| format!("no local cloud answers at {home}: `gridwich local` starts one");
        let said = said.map_err(nobody)?.bytes().await.map_err(nobody)?;
        let said = serde_json::from_slice::<Value>(&said);
        let said = said.map_err(|_| format!("what answers at {home} is no local cloud"))?;
        if said["eventGrid"].as_str().is_some_and(|url| url.starts_with("https:")) {
            places.with_tls = true;
            places.ca_file = said["caFile"].as_str().unwrap_or_default().into();
        }
        Ok(Self {
            requests: places.topic_endpoint(REQUESTS),
            key: Secret::new(key(REQUESTS)),
            ca_file: places.ca_file.clone(),
            home,
            client,
            places,
        })
    }

    /// Where the processor beside it takes deliveries.
    pub(crate) fn processor(&self) -> String {
        self.places.processor()
    }

    /// What that processor is told of it.
    ///
    /// # Errors
    /// When that is no configuration.
    pub(crate) fn processor_config(&self) -> Result<Config, String> {
        Config::from_toml(&self.places.processor_config()).map_err(|error| error.to_string())
    }

    /// Everything all topics receive, from their history on. It ends with the local cloud.
    pub(super) async fn timeline(&self) -> Result<BoxStream<'static, Entry>, String> {
        let answer = self.client.get(format!("{}/timeline", self.home)).send();
        let answer = answer.await.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|error| format!("the timeline cannot be read: {error}"))?;
        let bytes = StreamReader::new(answer.bytes_stream().map_err(std::io::Error::other));
        let lines = FramedRead::new(bytes, LinesCodec::new_with_max_length(LINE_BYTES_MAX));
        let lines = lines.take_while(|line| std::future::ready(line.is_ok()));
        let entries = lines.filter_map(|line| {
            std::future::ready(line.ok().and_then(|line| serde_json::from_str::<Entry>(&line).ok()))
        });
        Ok(entries.boxed())
    }
}
