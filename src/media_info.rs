//! Media files analyzed by the `mediainfo` program, which reads a blob over loopback in a process of its own. What a report
//! means is nobody's business here.
//!
//! MediaInfo parses whatever is uploaded, in C++. Therefore it runs under limits of memory, processor time and open files,
//! without our environment, and confined by Landlock to its own libraries and to one port, where it finds the blob and
//! nothing else: it would open whatever files and URLs a playlist names. It is killed when its time is over or nobody waits
//! for it any more; should we die first, its connection breaks, and it ends by itself.
//!
//! Measured with MediaInfo 23.04 and `parse_speed = 0.1`: what is read of a blob of 60 s (MXF: 40 s) in 1080p at 30 Mbit/s.
//! Of Matroska and MXF it is so many seconds' worth, whatever the length of the whole.
//!
//! | file | bytes | bytes read | ms |
//! |---|---|---|---|
//! | MP4, index last | 226,923,605 | 3,443,018 | 68 |
//! | MP4, index first | 226,923,605 | 4,456,448 | 87 |
//! | Matroska | 226,921,995 | 57,409,665 | 310 |
//! | transport stream | 232,242,040 | 20,709,376 | 138 |
//! | MXF (MPEG-2, PCM) | 204,785,245 | 68,685,917 | 196 |

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gridwich_handlers::operation_id::OperationId;
use gridwich_handlers::participants::{Analysis, AnalyzeError, Analyzer, Storage};
use serde_json::value::RawValue;
use tokio::io::AsyncReadExt as _;
use tokio::process::Child;
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior};

use self::confinement::Confined;
use self::range_server::{RangeServer, Served, Stopped};
use crate::config::AnalysisConfig;

mod confinement;
mod range_server;
mod report;

/// A longer report is not read: an answer has room for 700,000 bytes.
const REPORT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How often the log is told of an analysis that takes long.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);
/// What `prlimit` exits with when the program is not there, or cannot be run.
const NO_PROGRAM: [i32; 2] = [126, 127];
/// What the kernel sends when the processor time is spent, or the machine's memory.
const SPENT: [i32; 2] = [24 /* SIGXCPU */, 9 /* SIGKILL */];

/// The program, and what it may use.
pub struct MediaInfo {
    storage: Arc<dyn Storage>,
    config: AnalysisConfig,
    slots: Semaphore,
}

impl MediaInfo {
    /// Analyzes blobs of `storage`.
    #[must_use]
    pub fn new(config: &AnalysisConfig, storage: Arc<dyn Storage>) -> Self {
        Self { storage, config: config.clone(), slots: Semaphore::new(config.at_once) }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(self.config.seconds_max)
    }

    /// Has the program read the blob, and reads what it says.
    async fn run(&self, analysis: Analysis<'_>) -> Result<Box<RawValue>, AnalyzeError> {
        let file = report::file_name(&analysis.blob.name);
        let served = Served {
            storage: Arc::clone(&self.storage),
            blob: analysis.blob.clone(),
            etag: analysis.properties.etag.clone(),
            bytes: analysis.properties.bytes,
            bytes_max: self.config.bytes_max,
        };
        let server = RangeServer::bind(served, &file).map_err(|error| {
            AnalyzeError::Busy(format!("no port of this machine could be listened to: {error}"))
        })?;
        let child = confinement::start(self.confined(&server, &file)).await;
        let child = child.map_err(|why| AnalyzeError::NoProgram(why.to_string()))?;
        let began = Instant::now();
        let said = tokio::select! {
            stopped = server.serve() => Err(self.stopped(stopped)),
            said = tokio::time::timeout(self.patience(), said(child)) => said.unwrap_or_else(|_| {
                let seconds = self.config.seconds_max;
                Err(AnalyzeError::BeyondBounds(format!("the analysis took longer than {seconds} seconds")))
            }),
            never = report_progress(&server, analysis.operation, began) => match never {},
        };
        // The program may have ended before it was noticed that the blob could not be read to where it wanted.
        let said = server.stopped().map_or(said, |stopped| Err(self.stopped(stopped)));
        tracing::info!(
            operation.id = %analysis.operation,
            analysis.bytes_read = server.bytes_read(),
            duration_ms = began.elapsed().as_millis() as u64,
            "the analysis has ended",
        );
        report::report(said?, &file)
    }

    /// All arguments but the URL are constants or numbers, and the URL is ours to the last character: an address of
    /// loopback, a random token and a file name that begins with a letter and has nothing but letters, digits and a dot.
    fn confined(&self, server: &RangeServer, file: &str) -> Confined<'_> {
        let arguments = [
            // As the original asked.
            "--Full".to_owned(),
            "--Output=JSON".to_owned(),
            format!("--ParseSpeed={}", self.config.parse_speed),
            // What the report calls the file.
            format!("--File_FileName={file}"),
            // Neither siblings by number nor files of the same name are looked for.
            "--File_TestContinuousFileNames=0".to_owned(),
            "--File_CheckSidecarFiles=0".to_owned(),
            server.url(),
        ];
        Confined {
            program: &self.config.program,
            arguments: arguments.map(OsString::from).to_vec(),
            proxy: server.address(),
            seconds_max: self.config.seconds_max,
            required: self.config.confinement,
        }
    }

    fn stopped(&self, why: Stopped) -> AnalyzeError {
        match why {
            Stopped::Budget => {
                let bytes = self.config.bytes_max;
                AnalyzeError::BeyondBounds(format!("the analysis would have read more than {bytes} bytes"))
            }
            Stopped::NotRead(error) => AnalyzeError::NotRead(error),
        }
    }
}

/// Whoever waits longer for others to end is asked to come again; a delivery has 25 s.
const SLOT_SECONDS_MAX: Duration = Duration::from_secs(15);

#[async_trait]
impl Analyzer for MediaInfo {
    async fn analyze(&self, analysis: Analysis<'_>) -> Result<Box<RawValue>, AnalyzeError> {
        let slot = tokio::time::timeout(SLOT_SECONDS_MAX, self.slots.acquire()).await;
        let Ok(Ok(_slot)) = slot else {
            let at_once = self.config.at_once;
            return Err(AnalyzeError::Busy(format!("{at_once} other analyses would not end in time")));
        };
        tracing::info!(
            operation.id = %analysis.operation,
            blob.bytes = analysis.properties.bytes,
            "an analysis has begun",
        );
        self.run(analysis).await
    }
}

/// All the program says, once it has ended well.
async fn said(mut child: Child) -> Result<Vec<u8>, AnalyzeError> {
    let mut said = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        // A pipe that breaks has an exit status to say why.
        let _ = pipe.take(REPORT_BYTES_MAX + 1).read_to_end(&mut said).await;
    }
    if said.len() as u64 > REPORT_BYTES_MAX {
        return Err(AnalyzeError::BeyondBounds(format!(
            "the report is longer than {REPORT_BYTES_MAX} bytes"
        )));
    }
    let ended = child.wait().await;
    ended.map_err(|error| AnalyzeError::NoReport(format!("MediaInfo was lost: {error}"))).and_then(judge)?;
    Ok(said)
}

fn judge(ended: ExitStatus) -> Result<(), AnalyzeError> {
    match (ended.code(), ended.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) if NO_PROGRAM.contains(&code) => Err(AnalyzeError::NoProgram(
            "the program of analysis.program is not there, or cannot be run".to_owned(),
        )),
        (_, Some(signal)) if SPENT.contains(&signal) => Err(AnalyzeError::BeyondBounds(
            "the analysis took too much of the processor or of memory".to_owned(),
        )),
        // By its own words elsewhere, or for want of memory: the file is to blame.
        _ => Err(AnalyzeError::NoReport(format!("MediaInfo gave up on the blob ({ended})"))),
    }
}

/// Tells the log how far a long analysis is, for as long as it is asked to.
async fn report_progress(
    server: &RangeServer,
    operation: OperationId,
    began: Instant,
) -> std::convert::Infallible {
    let mut ticks = tokio::time::interval_at(began + PROGRESS_EVERY, PROGRESS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        tracing::info!(
            operation.id = %operation,
            analysis.bytes_read = server.bytes_read(),
            duration_ms = began.elapsed().as_millis() as u64,
            "an analysis is under way",
        );
    }
}
