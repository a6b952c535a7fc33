//! Transforms: recipes that jobs follow. Not what a recipe means: that is `presets`.

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::answer::{Answer, Call, Incoming, answer, answer_empty, conflict, given};
use super::jobs::{self, JobKey, OnError, Priority};
use super::listing::{Listed, Listing, Property};
use super::presets::PresetText;
use super::resource::{Envelope, Times, check_name, folded, quota_exceeded, timestamp};
use crate::arm::ArmError;

/// "Quotas and limits": per account, and outputs per transform.
const TRANSFORMS_MAX: usize = 100;
const OUTPUTS_MAX: usize = 20;

/// A recipe: one preset for each output of a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Transform {
    pub name: String,
    pub times: Times,
    pub description: Option<String>,
    pub outputs: Vec<TransformOutput>,
}

/// What one output of a job is to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransformOutput {
    #[serde(default)]
    pub on_error: OnError,
    #[serde(default)]
    pub relative_priority: Priority,
    pub preset: PresetText,
}

#[derive(Deserialize)]
struct TransformRequest {
    #[serde(default, deserialize_with = "given")]
    description: Option<Option<String>>,
    outputs: Option<Vec<TransformOutput>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TransformAnswer<'a> {
    created: String,
    last_modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    outputs: &'a [TransformOutput],
}

pub(super) fn put(account: &Account, name: &str, call: &Call) -> Answer {
    check_name("transform", name)?;
    let request = call.json::<Incoming<TransformRequest>>()?.properties;
    let outputs = request.outputs.ok_or_else(|| ArmError::bad_request("properties.outputs is missing."))?;
    check_outputs(&outputs)?;
    let description = request.description.flatten();
    let (now, mut holdings) = (account.now(), account.holdings());
    if let Some(transform) = holdings.transforms.get_mut(&folded(name)) {
        transform.description = description;
        transform.outputs = outputs;
        transform.times.last_modified = now;
        return answer(StatusCode::OK, shown(account, transform));
    }
    if holdings.transforms.len() >= TRANSFORMS_MAX {
        return Err(quota_exceeded("transforms", TRANSFORMS_MAX).into());
    }
    let transform = Transform { name: name.to_owned(), times: Times::new(now), description, outputs };
    let transform = holdings.transforms.entry(folded(name)).or_insert(transform);
    answer(StatusCode::CREATED, shown(account, transform))
}

pub(super) fn get(account: &Account, name: &str) -> Answer {
    let holdings = account.holdings();
    answer(
        StatusCode::OK,
        shown(account, holdings.transforms.get(&folded(name)).ok_or_else(|| absent(name))?),
    )
}

pub(super) fn update(account: &Account, name: &str, call: &Call) -> Answer {
    let request = call.json::<Incoming<TransformRequest>>()?.properties;
    let (now, mut holdings) = (account.now(), account.holdings());
    let transform = holdings.transforms.get_mut(&folded(name)).ok_or_else(|| absent(name))?;
    if let Some(outputs) = request.outputs {
        check_outputs(&outputs)?;
        transform.outputs = outputs;
    }
    if let Some(description) = request.description {
        transform.description = description;
    }
    transform.times.last_modified = now;
    answer(StatusCode::OK, shown(account, transform))
}

/// Removes a transform and the records of its jobs, which all have to have ended.
pub(super) fn delete(account: &Account, name: &str) -> Answer {
    let mut holdings = account.holdings();
    let key = folded(name);
    let own = |job: &JobKey| job.transform == key;
    if holdings.jobs.iter().any(|(job, record)| own(job) && !record.state.is_final()) {
        return Err(conflict("The transform has jobs that have not ended. Cancel them first.").into());
    }
    for job in holdings.jobs.keys().filter(|job| own(job)).cloned().collect::<Vec<_>>() {
        jobs::remove(&mut holdings, &job);
    }
    let removed = holdings.transforms.remove(&key);
    answer_empty(if removed.is_some() { StatusCode::OK } else { StatusCode::NO_CONTENT })
}

pub(super) fn list(account: &Account, call: &Call) -> Answer {
    let listing = Listing::of::<Transform>(call)?;
    let holdings = account.holdings();
    let url = account.url_of("transforms");
    let transforms = holdings.transforms.values();
    answer(StatusCode::OK, listing.page(transforms, call, &url, |transform| shown(account, transform)))
}

/// 404 for a transform that is not there.
pub(super) fn absent(name: &str) -> ArmError {
    ArmError::not_found(&format!("Microsoft.Media/mediaservices/transforms/{name}"))
}

fn check_outputs(outputs: &[TransformOutput]) -> Result<(), ArmError> {
    if (1..=OUTPUTS_MAX).contains(&outputs.len()) {
        return Ok(());
    }
    Err(ArmError::bad_request(format!("properties.outputs has between 1 and {OUTPUTS_MAX} entries.")))
}

fn shown<'a>(account: &Account, transform: &'a Transform) -> Envelope<TransformAnswer<'a>> {
    let properties = TransformAnswer {
        created: timestamp(transform.times.created),
        last_modified: timestamp(transform.times.last_modified),
        description: transform.description.as_deref(),
        outputs: &transform.outputs,
    };
    let id = account.id_of(&format!("transforms/{}", transform.name));
    Envelope::new(
        &transform.name,
        id,
        "Microsoft.Media/mediaservices/transforms",
        transform.times,
        properties,
    )
}

impl Listed for Transform {
    const PROPERTIES: &'static [Property] = &[Property::NAME, Property::CREATED, Property::LAST_MODIFIED];

    fn property(&self, name: &str) -> Option<String> {
        match name {
            "name" => Some(folded(&self.name)),
            "created" => Some(timestamp(self.times.created)),
            "lastModified" => Some(timestamp(self.times.last_modified)),
            _ => None,
        }
    }
}
