//! Transforms and jobs, as the dialect has them. Not which region they are in.

use std::collections::BTreeMap;

use gridwich_handlers::participants::{
    ClipTimes, ContainerAddress, EncodeJob, JobSnapshot, JobStands, JobTicket, ParticipantError, PendingJob,
    Priority, Report, SubmitStep, Work,
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::account::{Account, ENCODING_VERSION, check_name, is_name, read};
use super::presets;
use crate::azure::pipeline::segment;
use crate::clock;

/// What the dialect says of a transform, as far as a job needs it.
#[derive(Deserialize)]
pub(super) struct Transform {
    name: String,
    properties: TransformProperties,
}

#[derive(Deserialize)]
struct TransformProperties {
    #[serde(default)]
    outputs: Vec<Value>,
}

/// What the dialect says of a job, as far as we need it.
#[derive(Deserialize)]
struct Job {
    properties: JobProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobProperties {
    #[serde(default)]
    correlation_data: Option<BTreeMap<String, Option<String>>>,
    #[serde(default)]
    state: String,
    #[serde(default)]
    start_time: Option<String>,
    #[serde(default)]
    end_time: Option<String>,
    #[serde(default)]
    outputs: Vec<Value>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Account {
    /// The transform that does some work, made from what we know when the account lacks it.
    pub(super) async fn transform(&self, work: &Work) -> Result<Transform, ParticipantError> {
        match work {
            Work::Named(name) => match presets::named(name) {
                Some(preset) => self.find_or_make(name, preset).await,
                None => self.find_transform(name).await,
            },
            Work::Transform(name) => match self.find_transform(name).await {
                Err(ParticipantError::NotFound(what, said)) if presets::named(name).is_some() => {
                    let what = format!("{what} (presetName takes the preset of that name)");
                    Err(ParticipantError::NotFound(what, said))
                }
                found => found,
            },
            Work::Preset(name) => match presets::named(name) {
                Some(preset) => self.find_or_make(preset.0, preset).await,
                None => Err(ParticipantError::NotFound(format!("the preset {name:?}"), None)),
            },
            Work::Pictures(pictures) => {
                let preset = presets::pictures(pictures);
                self.find_or_make(preset.0, preset).await
            }
        }
    }

    /// The transform of that name, as it is asked for, or else made of a preset.
    async fn find_or_make(
        &self,
        asked: &str,
        (name, body): (&str, Value),
    ) -> Result<Transform, ParticipantError> {
        match self.find_transform(asked).await {
            Err(ParticipantError::NotFound(..)) => self.make_transform(name, &body).await,
            found => found,
        }
    }

    async fn find_transform(&self, name: &str) -> Result<Transform, ParticipantError> {
        let what = format!("the transform {name:?}");
        check_name(name, &what)?;
        self.get(&format!("transforms/{}", segment(name)), ENCODING_VERSION, &what).await
    }

    async fn make_transform(&self, name: &str, body: &Value) -> Result<Transform, ParticipantError> {
        let (what, path) = (format!("the transform {name:?}"), format!("transforms/{}", segment(name)));
        let made = self.put(&path, ENCODING_VERSION, body, &what).await;
        read(&made.map_err(ParticipantError::of_our_own)?, &what)
    }

    /// Makes the transform and the assets of a job, or finds them. `step` is where that has got to.
    pub(super) async fn make_ready(
        &self,
        job: &EncodeJob,
        step: &mut SubmitStep,
    ) -> Result<(), ParticipantError> {
        self.transform(&job.work).await?;
        *step = SubmitStep::InputAsset;
        for container in job.input_containers() {
            self.asset(container).await?;
        }
        *step = SubmitStep::OutputAsset;
        self.asset(&job.output).await
    }

    /// Submits a job that all is ready for, and says where it is.
    pub(super) async fn submit(&self, job: &EncodeJob) -> Result<JobTicket, ParticipantError> {
        let transform = self.transform(&job.work).await?;
        let what = format!("the job {:?}", job.name);
        let path = job_path(&transform.name, &job.name);
        let body = job_body(job, &transform);
        let ticket = JobTicket { transform: Some(transform.name), job: job.name.clone() };
        match self.put(&path, ENCODING_VERSION, &body, &what).await {
            Ok(_) => Ok(ticket),
            // The name follows from the operation: a job that carries the same is the one we meant.
            Err(conflict @ ParticipantError::Conflict(..)) => {
                match self.job(&ticket).await {
                    Ok(found) if job.is(&found) => Ok(ticket),
                    Ok(_) => Err(conflict),
                    // In the way and not there: an earlier try of ours may still arrive.
                    Err(ParticipantError::NotFound(..)) => Err(ParticipantError::Unavailable(what, None)),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Where the account has a job of that name, by its transform, and in what state.
    pub(super) async fn find(&self, ticket: &JobTicket) -> Result<(String, String), ParticipantError> {
        let transforms = match &ticket.transform {
            Some(transform) => vec![transform.clone()],
            None => {
                let all = self.list::<Named>("transforms", ENCODING_VERSION, "the transforms").await?;
                all.into_iter().map(|transform| transform.name).collect()
            }
        };
        for transform in transforms {
            match self.look(&transform, &ticket.job).await {
                Ok(job) => return Ok((transform, job.properties.state)),
                Err(ParticipantError::NotFound(..)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ParticipantError::NotFound(format!("the job {:?}", ticket.job), None))
    }

    /// Has a job stopped that was found in a state. Some services misspell the state of one that is being stopped.
    pub(super) async fn cancel(
        &self,
        ticket: &JobTicket,
        (transform, state): &(String, String),
    ) -> Result<(), ParticipantError> {
        let what = format!("the job {:?}", ticket.job);
        if state.starts_with("Cancel") {
            return Ok(());
        }
        if matches!(state.as_str(), "Finished" | "Error" | "Errored") {
            let message = format!("{what} has ended already: it is {state}");
            return Err(ParticipantError::Rejected(message, None));
        }
        let path = format!("{}/cancelJob", job_path(transform, &ticket.job));
        self.post(&path, ENCODING_VERSION, &what).await.map(|_| ())
    }

    pub(super) async fn job(&self, ticket: &JobTicket) -> Result<JobSnapshot, ParticipantError> {
        let transform = match &ticket.transform {
            Some(transform) => transform.clone(),
            None => self.find(ticket).await?.0,
        };
        let JobProperties { correlation_data, start_time, end_time, .. } =
            self.look(&transform, &ticket.job).await?.properties;
        let values = correlation_data.unwrap_or_default().into_iter();
        Ok(JobSnapshot {
            correlation: values.filter_map(|(name, value)| Some((name, value?))).collect(),
            started: start_time.as_deref().and_then(seconds),
            ended: end_time.as_deref().and_then(seconds),
        })
    }

    /// How a job stands; of one that is over, what is reported of it.
    pub(super) async fn look_after(&self, pending: &PendingJob) -> Result<JobStands, ParticipantError> {
        let ticket = pending.ticket();
        let transform = match ticket.transform {
            Some(transform) => transform,
            None => self.find(&ticket).await?.0,
        };
        let JobProperties { state, end_time, outputs, .. } =
            self.look(&transform, &pending.job).await?.properties;
        // The state before is told by events alone: these are the usual ones.
        let (event_type, before) = match state.as_str() {
            "Finished" => ("Microsoft.Media.JobFinished", "Processing"),
            "Error" | "Errored" => ("Microsoft.Media.JobErrored", "Processing"),
            "Canceled" | "Cancelled" => ("Microsoft.Media.JobCanceled", "Canceling"),
            _ => return Ok(JobStands::UnderWay),
        };
        let data = json!({
            "previousState": before,
            "state": state,
            "outputs": outputs,
            "correlationData": pending.correlation,
        });
        let ended = end_time.as_deref().and_then(seconds);
        let ago = |ended: i64| u64::try_from(clock::now().unix_timestamp() - ended).unwrap_or_default();
        Ok(JobStands::Over {
            seconds_ago: ended.map(ago),
            report: Report {
                event_type: event_type.to_owned(),
                subject: format!("transforms/{transform}/jobs/{}", pending.job),
                data: data.to_string(),
            },
        })
    }

    async fn look(&self, transform: &str, job: &str) -> Result<Job, ParticipantError> {
        let what = format!("the job {job:?}");
        if !is_name(transform) || !is_name(job) {
            return Err(ParticipantError::NotFound(what, None));
        }
        self.get(&job_path(transform, job), ENCODING_VERSION, &what).await
    }
}

fn job_path(transform: &str, job: &str) -> String {
    format!("transforms/{}/jobs/{}", segment(transform), segment(job))
}

/// Each output of the transform writes to the one output asset.
fn job_body(job: &EncodeJob, transform: &Transform) -> Value {
    let target =
        json!({"@odata.type": "#Microsoft.Media.JobOutputAsset", "assetName": job.output.asset_name()});
    let mut outputs = vec![target; transform.properties.outputs.len().max(1)];
    if let Work::Pictures(pictures) = &job.work {
        // The transform is the same for all; which picture is wanted is said with each job.
        outputs.iter_mut().for_each(|output| output["presetOverride"] = presets::of_pictures(pictures));
    }
    let mut properties = json!({
        "input": input(job),
        "outputs": outputs,
        "correlationData": job.correlation,
    });
    if let Some(priority) = job.priority {
        properties["priority"] = json!(match priority {
            Priority::Low => "Low",
            Priority::Normal => "Normal",
            Priority::High => "High",
        });
    }
    json!({"properties": properties})
}

/// An input for each container.
fn input(job: &EncodeJob) -> Value {
    let asset_input = |container: &ContainerAddress| {
        let own = job.inputs.iter().filter(|blob| blob.container == *container);
        let files = own.map(|blob| blob.name.as_str()).collect::<Vec<_>>();
        asset_input(&container.asset_name(), &files, job.clip)
    };
    let mut inputs = job.input_containers().map(asset_input).collect::<Vec<_>>();
    match inputs.len() {
        1 => inputs.remove(0),
        _ => json!({"@odata.type": "#Microsoft.Media.JobInputs", "inputs": inputs}),
    }
}

fn asset_input(asset: &str, files: &[&str], clip: ClipTimes) -> Value {
    let mut input =
        json!({"@odata.type": "#Microsoft.Media.JobInputAsset", "assetName": asset, "files": files});
    let ClipTimes { start_seconds, end_seconds } = clip;
    for (member, seconds) in [("start", start_seconds), ("end", end_seconds)] {
        if let Some(seconds) = seconds {
            input[member] = json!({
                "@odata.type": "#Microsoft.Media.AbsoluteClipTime",
                "time": presets::iso_duration(seconds),
            });
        }
    }
    input
}

/// A time in seconds since 1970. Some services of the dialect write both an offset and a `Z`, or neither.
fn seconds(time: &str) -> Option<i64> {
    let time = match time.strip_suffix('Z') {
        Some(plain) if plain.contains('+') => plain,
        _ => time,
    };
    let with_zone = OffsetDateTime::parse(time, &Rfc3339);
    let parsed = with_zone.or_else(|_| OffsetDateTime::parse(&format!("{time}Z"), &Rfc3339));
    parsed.ok().map(OffsetDateTime::unix_timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_however_sloppily_they_are_written() {
        for time in [
            "2026-03-04T09:00:00Z",
            "2026-03-04T10:00:00.25+01:00",
            "2026-03-04T09:00:00+00:00Z",
            "2026-03-04T09:00:00.1234567",
        ] {
            assert_eq!(seconds(time), Some(1_772_614_800), "{time}");
        }
        assert_eq!(seconds("yesterday"), None);
    }
}
