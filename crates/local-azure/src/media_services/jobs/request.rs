//! What a caller may ask for in a job, checked before anything is stored. Whether the media fit is found out later.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::input::{AssetInput, Clip, ClipInput, ClipTime, HttpInput, JobInput};
use super::{Custody, JOB_OUTPUT_ASSET, Job, JobOutput, JobState, Priority};
use crate::arm::ArmError;
use crate::media_services::account::Holdings;
use crate::media_services::answer::given;
use crate::media_services::presets::PresetText;
use crate::media_services::resource::{Times, folded};
use crate::media_services::transforms::{Transform, TransformOutput};

/// The dialect names no limit; every event of the job repeats the map, and an event has to stay far below 1 MB.
const CORRELATION_BYTES_MAX: usize = 48 * 1024;
/// "Quotas and limits": per job, and per input.
const INPUTS_MAX: usize = 50;
const FILES_MAX: usize = 10;
/// More choices than a file has tracks are a mistake.
const DEFINITIONS_MAX: usize = 100;
/// `files`: "Maximum of 4000 characters each."
const FILE_CHARS_MAX: usize = 4_000;

/// The `properties` of a job that is to be made.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobRequest {
    description: Option<String>,
    #[serde(default)]
    priority: Priority,
    input: JobInput,
    outputs: Vec<OutputRequest>,
    #[serde(default)]
    correlation_data: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutputRequest {
    #[serde(rename = "@odata.type")]
    kind: String,
    asset_name: String,
    label: Option<String>,
    preset_override: Option<PresetText>,
}

/// The `properties` of a job that is to be changed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobChange {
    #[serde(default, deserialize_with = "given")]
    pub description: Option<Option<String>>,
    pub priority: Option<Priority>,
    input: Option<Value>,
    outputs: Option<Value>,
    correlation_data: Option<Value>,
}

impl JobRequest {
    /// Refuses what could not become a job of this account.
    pub fn check(&self, transform: &Transform, holdings: &Holdings) -> Result<(), ArmError> {
        check_input(&self.input, "input", holdings)?;
        check_outputs(&self.outputs, transform, holdings)?;
        let correlation = self.correlation_data.iter().flatten();
        if correlation.map(|(key, value)| key.len() + value.len()).sum::<usize>() > CORRELATION_BYTES_MAX {
            return Err(invalid("correlationData", &format!("has at most {CORRELATION_BYTES_MAX} bytes")));
        }
        Ok(())
    }

    /// The job, which follows the transform as it is now.
    pub fn into_job(self, name: &str, transform: &Transform, number: u64, now: OffsetDateTime) -> Job {
        let outputs = self.outputs.into_iter().zip(&transform.outputs).enumerate();
        Job {
            name: name.to_owned(),
            transform: transform.name.clone(),
            description: self.description,
            priority: self.priority,
            correlation: self.correlation_data.unwrap_or_default(),
            input: self.input,
            outputs: outputs.map(|(index, (wanted, recipe))| wanted.into_output(index, recipe)).collect(),
            state: JobState::Queued,
            times: Times::new(now),
            started: None,
            ended: None,
            number,
            custody: Custody::default(),
            stop: CancellationToken::new(),
        }
    }
}

impl OutputRequest {
    fn into_output(self, index: usize, recipe: &TransformOutput) -> JobOutput {
        let preset_is_override = self.preset_override.is_some();
        let preset = self.preset_override.unwrap_or_else(|| recipe.preset.clone());
        let label = self.label.unwrap_or_else(|| format!("{}_{index}", preset.preset().class()));
        JobOutput {
            asset: self.asset_name,
            label,
            preset,
            preset_is_override,
            on_error: recipe.on_error,
            priority: recipe.relative_priority,
            state: JobState::Queued,
            progress: 0,
            started: None,
            ended: None,
            error: None,
            told: None,
        }
    }
}

impl JobChange {
    /// Refuses to change what is written once. Saying again what is already so changes nothing: clients send back
    /// whole jobs.
    pub fn check(&self, shown: &Value) -> Result<(), ArmError> {
        let members =
            [("input", &self.input), ("outputs", &self.outputs), ("correlationData", &self.correlation_data)];
        for (member, wanted) in members {
            if wanted.as_ref().is_some_and(|wanted| !agrees(wanted, &shown[member])) {
                return Err(invalid(member, "cannot change after the job was made"));
            }
        }
        Ok(())
    }
}

/// Whether everything that is wanted is already so. What a running job changes by itself is not compared.
fn agrees(wanted: &Value, actual: &Value) -> bool {
    const MOVING: [&str; 5] = ["state", "progress", "startTime", "endTime", "error"];
    match (wanted, actual) {
        (Value::Null, _) => true,
        (Value::Object(wanted), Value::Object(actual)) => wanted.iter().all(|(member, wanted)| {
            MOVING.contains(&member.as_str()) || agrees(wanted, actual.get(member).unwrap_or(&Value::Null))
        }),
        (Value::Array(wanted), Value::Array(actual)) => {
            wanted.len() == actual.len() && wanted.iter().zip(actual).all(|(w, a)| agrees(w, a))
        }
        (wanted, actual) => wanted == actual,
    }
}

fn check_input(input: &JobInput, member: &str, holdings: &Holdings) -> Result<(), ArmError> {
    match input {
        JobInput::Asset(input) => check_asset_input(input, member, holdings),
        JobInput::Http(input) => check_http_input(input, member),
        JobInput::Several { inputs } => {
            check_count(inputs.len(), member)?;
            each(inputs, member, |input, member| match input {
                JobInput::Several { .. } => Err(invalid(member, "is a JobInputs inside a JobInputs")),
                input => check_input(input, member, holdings),
            })
        }
        JobInput::Sequence { inputs } => {
            check_count(inputs.len(), member)?;
            each(inputs, member, |input, member| match input {
                ClipInput::Asset(input) => check_asset_input(input, member, holdings),
                ClipInput::Http(input) => check_http_input(input, member),
            })
        }
    }
}

fn each<T>(
    inputs: &[T],
    member: &str,
    check: impl Fn(&T, &str) -> Result<(), ArmError>,
) -> Result<(), ArmError> {
    inputs.iter().enumerate().try_for_each(|(i, input)| check(input, &format!("{member}.inputs[{i}]")))
}

fn check_count(count: usize, member: &str) -> Result<(), ArmError> {
    if (1..=INPUTS_MAX).contains(&count) {
        return Ok(());
    }
    Err(invalid(&format!("{member}.inputs"), &format!("has between 1 and {INPUTS_MAX} entries")))
}

fn check_asset_input(input: &AssetInput, member: &str, holdings: &Holdings) -> Result<(), ArmError> {
    check_asset(&input.asset_name, &format!("{member}.assetName"), holdings)?;
    check_clip(&input.clip, member)
}

fn check_http_input(input: &HttpInput, member: &str) -> Result<(), ArmError> {
    for url in input.urls() {
        let url = url::Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        if url.is_none() {
            return Err(invalid(member, "does not give an http or https URL in baseUri and files"));
        }
    }
    check_clip(&input.clip, member)
}

fn check_clip(clip: &Clip, member: &str) -> Result<(), ArmError> {
    let named = |file: &String| !file.is_empty() && file.chars().count() <= FILE_CHARS_MAX;
    if clip.files.len() > FILES_MAX || !clip.files.iter().all(named) {
        let rule = format!("has at most {FILES_MAX} entries of 1 to {FILE_CHARS_MAX} characters");
        return Err(invalid(&format!("{member}.files"), &rule));
    }
    if clip.input_definitions.len() > DEFINITIONS_MAX {
        let rule = format!("has at most {DEFINITIONS_MAX} entries");
        return Err(invalid(&format!("{member}.inputDefinitions"), &rule));
    }
    for (index, definition) in clip.input_definitions.iter().enumerate() {
        let member = format!("{member}.inputDefinitions[{index}]");
        if definition.included_tracks().len() > DEFINITIONS_MAX {
            return Err(invalid(&member, &format!("has at most {DEFINITIONS_MAX} includedTracks")));
        }
        definition.problem().map_or(Ok(()), |problem| Err(invalid(&member, problem)))?;
    }
    let start = check_clip_time(clip.start.as_ref(), &format!("{member}.start"))?;
    let end = check_clip_time(clip.end.as_ref(), &format!("{member}.end"))?;
    match end {
        Some(end) if end <= start.unwrap_or_default() => {
            Err(invalid(&format!("{member}.end"), "is not after the start of the clip"))
        }
        _ => Ok(()),
    }
}

fn check_clip_time(time: Option<&ClipTime>, member: &str) -> Result<Option<std::time::Duration>, ArmError> {
    match time {
        None => Ok(None),
        Some(ClipTime::Absolute { time }) => Ok(Some(time.length())),
        Some(ClipTime::Utc { .. }) => {
            Err(invalid(member, "is a UtcClipTime, which is only for archives of live events"))
        }
    }
}

fn check_outputs(
    outputs: &[OutputRequest],
    transform: &Transform,
    holdings: &Holdings,
) -> Result<(), ArmError> {
    if outputs.len() != transform.outputs.len() {
        let (wanted, given) = (transform.outputs.len(), outputs.len());
        return Err(invalid(
            "outputs",
            &format!("has {given} entries, but the transform has {wanted} outputs"),
        ));
    }
    for (index, (output, recipe)) in outputs.iter().zip(&transform.outputs).enumerate() {
        let member = format!("outputs[{index}]");
        if output.kind != JOB_OUTPUT_ASSET {
            return Err(invalid(&format!("{member}.@odata.type"), &format!("is not {JOB_OUTPUT_ASSET}")));
        }
        check_asset(&output.asset_name, &format!("{member}.assetName"), holdings)?;
        let class = recipe.preset.preset().class();
        if output.preset_override.as_ref().is_some_and(|preset| preset.preset().class() != class) {
            return Err(invalid(&format!("{member}.presetOverride"), &format!("is not a {class}")));
        }
    }
    Ok(())
}

fn check_asset(name: &str, member: &str, holdings: &Holdings) -> Result<(), ArmError> {
    if holdings.assets.contains_key(&folded(name)) {
        return Ok(());
    }
    Err(invalid(member, &format!("names the asset '{name}', which does not exist")))
}

fn invalid(member: &str, problem: &str) -> ArmError {
    ArmError::bad_request(format!("The member properties.{member} {problem}."))
}
