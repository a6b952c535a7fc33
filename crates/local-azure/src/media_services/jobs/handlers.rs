//! What callers do with jobs. Not what becomes of the jobs.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;

use super::farewell;
use super::queue::{self, QUEUED_MAX};
use super::request::{JobChange, JobRequest};
use super::{JOB_OUTPUT_ASSET, Job, JobError, JobInput, JobKey, JobOutput, JobState, Priority};
use crate::arm::ArmError;
use crate::media_services::account::{Account, Holdings};
use crate::media_services::answer::{Answer, Call, Incoming, Refusal, answer, answer_empty, conflict};
use crate::media_services::listing::Listing;
use crate::media_services::presets::PresetText;
use crate::media_services::resource::{Envelope, check_name, folded, timestamp};
use crate::media_services::transforms;

/// Azure kept a job's record for 90 days; this account keeps as many as a busy test run makes, and then forgets the
/// ones that ended first.
const JOBS_KEPT_MAX: usize = 10_000;
/// How long a caller should wait when the queue is full: about as long as a short job takes.
const RETRY_AFTER_S: u32 = 10;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JobAnswer<'a> {
    created: String,
    last_modified: String,
    state: JobState,
    priority: Priority,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input: JobInput,
    outputs: Vec<OutputAnswer<'a>>,
    correlation_data: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputAnswer<'a> {
    #[serde(rename = "@odata.type")]
    kind: &'static str,
    asset_name: &'a str,
    label: &'a str,
    state: JobState,
    progress: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    preset_override: Option<&'a PresetText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a JobError>,
}

/// Makes a job. A job is never replaced: the specification gives this operation no answer but 201.
pub(crate) fn create(account: &Arc<Account>, transform: &str, name: &str, call: &Call) -> Answer {
    check_name("job", name)?;
    let created = store(account, transform, name, call);
    queue::dispatch(account);
    created
}

pub(crate) fn get(account: &Account, transform: &str, name: &str) -> Answer {
    let holdings = account.holdings();
    let job = holdings.jobs.get(&JobKey::new(transform, name));
    answer(StatusCode::OK, shown(account, job.ok_or_else(|| absent(transform, name))?))
}

pub(crate) fn update(account: &Account, transform: &str, name: &str, call: &Call) -> Answer {
    let change = call.json::<Incoming<JobChange>>()?.properties;
    let key = JobKey::new(transform, name);
    let (now, mut holdings) = (account.now(), account.holdings());
    let Holdings { jobs, queue, .. } = &mut *holdings;
    let job = jobs.get_mut(&key).ok_or_else(|| absent(transform, name))?;
    change.check(&serde_json::to_value(properties(job)).unwrap_or_default())?;
    if let Some(description) = change.description {
        job.description = description;
    }
    if let Some(priority) = change.priority {
        queue.reprioritize(&key, job, priority);
    }
    job.times.last_modified = now;
    answer(StatusCode::OK, shown(account, job))
}

pub(crate) fn delete(account: &Account, transform: &str, name: &str) -> Answer {
    let mut holdings = account.holdings();
    let key = JobKey::new(transform, name);
    match holdings.jobs.get(&key) {
        None => answer_empty(StatusCode::NO_CONTENT),
        Some(job) if !job.state.is_final() => {
            Err(conflict(format!("The job is {}. Cancel it first.", job.state.as_str())).into())
        }
        Some(_) => {
            farewell::remove(&mut holdings, &key);
            answer_empty(StatusCode::OK)
        }
    }
}

pub(crate) fn cancel(account: &Account, transform: &str, name: &str) -> Answer {
    let key = JobKey::new(transform, name);
    let id =
        account.holdings().jobs.get(&key).map(|job| job.id(&key)).ok_or_else(|| absent(transform, name))?;
    let cancelling = queue::change(account, &id, |job, now, events| match job.ask_to_cancel(now, events) {
        true => Ok(()),
        false => Err(conflict(format!("The job is already {}.", job.state.as_str()))),
    });
    account.holdings().queue.forget(&id);
    cancelling.ok_or_else(|| absent(transform, name))??;
    answer_empty(StatusCode::OK)
}

pub(crate) fn list(account: &Account, transform: &str, call: &Call) -> Answer {
    let listing = Listing::of::<Job>(call)?;
    let holdings = account.holdings();
    let recipe = holdings.transforms.get(&folded(transform)).ok_or_else(|| transforms::absent(transform))?;
    let url = account.url_of(&format!("transforms/{}/jobs", path_segment(&recipe.name)));
    let jobs = jobs_of(&holdings, transform);
    answer(StatusCode::OK, listing.page(jobs, call, &url, |job| shown(account, job)))
}

fn store(account: &Account, transform: &str, name: &str, call: &Call) -> Answer {
    let request = call.json::<Incoming<JobRequest>>()?.properties;
    let (now, key) = (account.now(), JobKey::new(transform, name));
    let mut holdings = account.holdings();
    let recipe = holdings.transforms.get(&key.transform).ok_or_else(|| transforms::absent(transform))?;
    if holdings.jobs.contains_key(&key) {
        return Err(conflict(format!("A job named '{name}' already exists.")).into());
    }
    request.check(recipe, &holdings)?;
    if holdings.queue.is_full() {
        let message = format!("{QUEUED_MAX} jobs are waiting in this region already.");
        return Err(Refusal::throttled(&message, RETRY_AFTER_S));
    }
    let job = request.into_job(name, recipe, holdings.queue.next_number(), now);
    forget_oldest(&mut holdings);
    holdings.queue.add(job.id(&key), job.priority);
    let job = holdings.jobs.entry(key).or_insert(job);
    answer(StatusCode::CREATED, shown(account, job))
}

fn forget_oldest(holdings: &mut Holdings) {
    if holdings.jobs.len() < JOBS_KEPT_MAX {
        return;
    }
    let ended = holdings.jobs.iter().filter(|(_, job)| job.state.is_final());
    if let Some(oldest) = ended.min_by_key(|(_, job)| job.ended).map(|(key, _)| key.clone()) {
        farewell::remove(holdings, &oldest);
    }
}

fn jobs_of<'a>(holdings: &'a Holdings, transform: &str) -> impl Iterator<Item = &'a Job> {
    let first = JobKey::new(transform, "");
    let transform = first.transform.clone();
    let from_first = holdings.jobs.range((Bound::Included(first), Bound::Unbounded));
    from_first.take_while(move |(key, _)| key.transform == transform).map(|(_, job)| job)
}

fn path_segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn absent(transform: &str, name: &str) -> ArmError {
    ArmError::not_found(&format!("Microsoft.Media/mediaservices/transforms/{transform}/jobs/{name}"))
}

fn shown<'a>(account: &Account, job: &'a Job) -> Envelope<JobAnswer<'a>> {
    let id = account.id_of(&format!("transforms/{}/jobs/{}", job.transform, job.name));
    Envelope::new(&job.name, id, "Microsoft.Media/mediaservices/transforms/jobs", job.times, properties(job))
}

fn properties(job: &Job) -> JobAnswer<'_> {
    JobAnswer {
        created: timestamp(job.times.created),
        last_modified: timestamp(job.times.last_modified),
        state: job.state,
        priority: job.priority,
        description: job.description.as_deref(),
        input: job.input.shown(),
        outputs: job.outputs.iter().map(output).collect(),
        correlation_data: &job.correlation,
        start_time: job.started.map(timestamp),
        end_time: job.ended.map(timestamp),
    }
}

fn output(output: &JobOutput) -> OutputAnswer<'_> {
    OutputAnswer {
        kind: JOB_OUTPUT_ASSET,
        asset_name: &output.asset,
        label: &output.label,
        state: output.state,
        progress: output.progress,
        preset_override: output.preset_is_override.then_some(&output.preset),
        start_time: output.started.map(timestamp),
        end_time: output.ended.map(timestamp),
        error: output.error.as_ref(),
    }
}
