//! Walks one job from its place at the encoder to its end. What an encoder does is the encoder's business.
//!
//! Outputs are made one after the other, the most urgent first, each by its own run of the encoder: one that fails
//! leaves the others alone if the transform says so (`onError`).

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::queue::change;
use super::upload::{container_of, discard, upload};
use super::workspace::Workspace;
use super::{Job, JobError, JobErrorCode, JobId, JobInput, fetch};
use crate::media_services::account::Account;
use crate::media_services::ffmpeg::{Ffmpeg, Media};
use crate::media_services::presets::PresetText;
use crate::media_services::scripted::{Scripted, ScriptedOutput};
use crate::media_services::settings::Encoder;

/// What a job asks of the encoder, as it was when it got its place.
struct Task {
    id: JobId,
    input: JobInput,
    /// Asset and preset of each output.
    outputs: Vec<(String, PresetText)>,
    /// In which order they are made.
    order: Vec<usize>,
    stop: CancellationToken,
}

/// Runs a waiting job until it has ended, one way or another.
pub(super) async fn run(account: &Account, id: &JobId) {
    let process = account.environment.process;
    let schedule =
        |job: &mut Job, now, events: &mut _| job.schedule(process, now, events).then(|| Task::of(job, id));
    let Some(task) = change(account, id, schedule).flatten() else { return };
    let bench = Bench::of(account);
    let work = AssertUnwindSafe(work(account, &task, &bench)).catch_unwind();
    // What nothing should be able to cause still has to end the job.
    if let Some(Err(_)) = task.stop.run_until_cancelled(work).await {
        tracing::error!(transform = id.key.transform, job = id.key.job, "the encoder panicked");
        let error = JobError::new(JobErrorCode::ServiceError, "The encoder failed.");
        change(account, id, |job, now, events| job.fail(&error, now, events));
    }
    discard(account, id).await;
    if let Bench::Ffmpeg(_, workspace) = &bench {
        workspace.remove().await;
    }
    change(account, id, Job::end_canceling);
}

async fn work(account: &Account, task: &Task, bench: &Bench<'_>) {
    // An attempt that is not on disk would not be counted; a disk that does not answer will make itself felt.
    account.is_written().await;
    bench.wait_for_place(account, task).await;
    let mut media = None;
    for &index in &task.order {
        if !change(account, &task.id, |job, now, events| job.start_output(index, now, events))
            .unwrap_or(false)
        {
            continue;
        }
        let outcome = make(account, task, bench, index, &mut media).await;
        if outcome.is_err() {
            discard(account, &task.id).await;
        }
        change(account, &task.id, |job, now, events| job.end_output(index, outcome, now, events));
    }
}

/// Makes one output and brings it to its container.
async fn make(
    account: &Account,
    task: &Task,
    bench: &Bench<'_>,
    index: usize,
    media: &mut Option<Result<Media, JobError>>,
) -> Result<(), JobError> {
    let (asset, preset) = &task.outputs[index];
    container_of(account, asset).await?;
    let report = |percent: u8| {
        change(account, &task.id, |job, now, events| job.progress(index, percent, now, events));
    };
    let files = match bench {
        Bench::Ffmpeg(ffmpeg, workspace) => {
            let media = match media {
                Some(known) => known,
                none => none.insert(fetch_media(account, task, ffmpeg, workspace).await),
            };
            let media = media.as_ref().map_err(JobError::clone)?;
            ffmpeg.encode(media, preset.preset(), workspace, index, &report).await?
        }
        Bench::Scripted(scripted) => {
            fetch::find(account, &task.input).await?;
            scripted.encode(&task.scripted_output(account, index), &report).await?
        }
    };
    upload(account, &task.id, asset, files).await
}

async fn fetch_media(
    account: &Account,
    task: &Task,
    ffmpeg: &Ffmpeg,
    workspace: &Workspace,
) -> Result<Media, JobError> {
    let found = fetch::find(account, &task.input).await?;
    let fetched = fetch::download(account, found, workspace).await?;
    ffmpeg.examine(fetched).await
}

/// The encoder, with room to work.
enum Bench<'a> {
    Ffmpeg(&'a Ffmpeg, Workspace),
    Scripted(&'a Scripted),
}

impl<'a> Bench<'a> {
    fn of(account: &'a Account) -> Self {
        match &account.environment.encoder {
            Encoder::Ffmpeg(ffmpeg) => {
                Self::Ffmpeg(ffmpeg, Workspace::new(&ffmpeg.scratch, account.environment.ids.guid()))
            }
            Encoder::Scripted(scripted) => Self::Scripted(scripted),
        }
    }

    /// Only a scripted encoder keeps a scheduled job waiting.
    async fn wait_for_place(&self, account: &Account, task: &Task) {
        if let (Self::Scripted(scripted), Some(&first)) = (self, task.order.first()) {
            scripted.wait_for_place(&task.scripted_output(account, first)).await;
        }
    }
}

impl Task {
    fn of(job: &Job, id: &JobId) -> Self {
        Self {
            id: id.clone(),
            input: job.input.clone(),
            outputs: job.outputs.iter().map(|o| (o.asset.clone(), o.preset.clone())).collect(),
            order: job.order(),
            stop: job.stop.clone(),
        }
    }

    fn scripted_output<'a>(&'a self, account: &'a Account, index: usize) -> ScriptedOutput<'a> {
        ScriptedOutput {
            region: &account.settings.region,
            transform: &self.id.key.transform,
            job: &self.id.key.job,
            output: index,
        }
    }
}
