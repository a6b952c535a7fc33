//! An encoder that only pretends, as told, so that hours of encoding pass in no time. Encodes nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::jobs::{Content, JobError, OutputFile};

/// Pretends to encode. Cloning shares the script.
#[derive(Clone)]
pub struct Scripted(Arc<ScriptOf>);

type ScriptOf = dyn Fn(&ScriptedOutput<'_>) -> Script + Send + Sync;

/// The output that a script is for. Names are in lower case.
#[derive(Clone, Copy, Debug)]
pub struct ScriptedOutput<'a> {
    /// The region whose encoder it is.
    pub region: &'a str,
    /// The transform's name.
    pub transform: &'a str,
    /// The job's name.
    pub job: &'a str,
    /// The how-manieth output it is, from 0.
    pub output: usize,
}

/// How an output is pretended to be encoded.
#[derive(Clone, Debug)]
pub struct Script {
    /// How long the job stays `Scheduled`. Only the job's first output is asked.
    pub scheduled_for: Duration,
    /// How long the output stays `Processing`. [`Duration::MAX`] is an encoder that hangs.
    pub encodes_for: Duration,
    /// Percentages reported at equal distances while it encodes.
    pub progress: Vec<u8>,
    /// The files that are made, by name, or why there are none.
    pub outcome: Result<Vec<(String, Bytes)>, JobError>,
}

impl Default for Script {
    /// One small file after ten seconds and three reports.
    fn default() -> Self {
        Self {
            scheduled_for: Duration::from_secs(1),
            encodes_for: Duration::from_secs(10),
            progress: vec![25, 50, 75],
            outcome: Ok(vec![("scripted.mp4".to_owned(), Bytes::from_static(b"not a real movie"))]),
        }
    }
}

impl Scripted {
    /// An encoder that asks for a script for each output.
    pub fn new(script_of: impl Fn(&ScriptedOutput<'_>) -> Script + Send + Sync + 'static) -> Self {
        Self(Arc::new(script_of))
    }

    pub(super) async fn wait_for_place(&self, output: &ScriptedOutput<'_>) {
        tokio::time::sleep((self.0)(output).scheduled_for).await;
    }

    pub(super) async fn encode(
        &self,
        output: &ScriptedOutput<'_>,
        report: &(dyn Fn(u8) + Sync),
    ) -> Result<Vec<OutputFile>, JobError> {
        let script = (self.0)(output);
        let steps = u32::try_from(script.progress.len()).unwrap_or(u32::MAX).saturating_add(1);
        for percent in script.progress {
            tokio::time::sleep(script.encodes_for / steps).await;
            report(percent);
        }
        tokio::time::sleep(script.encodes_for / steps).await;
        let file =
            |(name, bytes)| OutputFile { name, content: Content::Bytes(bytes), content_type: "video/mp4" };
        Ok(script.outcome?.into_iter().map(file).collect())
    }
}
