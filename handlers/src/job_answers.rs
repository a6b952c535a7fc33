//! What requestors hear of encode jobs, in the words of the request that a job came from. Which encoder does a job, and how
//! it reports, is not known here.

use std::collections::BTreeMap;

use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use crate::base::{AnswerContract, Kind, ResponseData, Spoken, to_json};

/// The requests that jobs come from. Each has its own words for the same answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// In Media Services' words, as the original had them last.
    MediaServicesV3,
    /// In the words of Media Services' earlier interface: thumbnails and sprites.
    MediaServicesV2,
    /// In nobody's words: any encoder.
    Any,
}

impl Family {
    const ALL: [Self; 3] = [Self::MediaServicesV3, Self::MediaServicesV2, Self::Any];

    /// The event type of its request.
    pub(crate) const fn request(self) -> &'static str {
        match self {
            Self::MediaServicesV3 => "request.encode.mediaservicesv3.create",
            Self::MediaServicesV2 => "request.encode.mediaservicesv2.create",
            Self::Any => "request.encode.create",
        }
    }

    /// How its jobs say so; those of the usual family say nothing, as the original's.
    pub(crate) fn noted(self) -> Option<&'static str> {
        (self != Self::MediaServicesV3).then(|| self.request())
    }

    /// The family of the request that a job names.
    pub(crate) fn of_request(event_type: Option<&str>) -> Self {
        let named = Self::ALL.into_iter().find(|family| event_type == Some(family.request()));
        named.unwrap_or(Self::MediaServicesV3)
    }
}

/// An answer about a job that each family has its own event type for.
pub(crate) trait JobAnswer: Serialize + JsonSchema + Send {
    /// The event type in a family's words; nothing where that family has no such answer.
    fn event_type(family: Family) -> Option<&'static str>;

    /// What it means for the operation.
    fn kind(&self) -> Kind {
        Kind::Interim
    }

    /// One as it could be, for the published contract.
    fn example() -> Self;
}

/// An answer in the words of a family.
pub struct Told<A> {
    family: Family,
    answer: A,
}

impl<A> Told<A> {
    pub(crate) fn new(family: Family, answer: A) -> Self {
        Self { family, answer }
    }
}

impl<A: JobAnswer> ResponseData for Told<A> {
    fn answer(&self) -> Option<Spoken> {
        let (event_type, kind) = (A::event_type(self.family)?, self.answer.kind());
        Some(Spoken { event_type, kind, subject: None, data: to_json(&self.answer) })
    }

    fn contract(generator: &mut SchemaGenerator) -> Vec<AnswerContract> {
        let in_words_of = |family: Family| {
            let event_type = A::event_type(family)?;
            let mut schema = generator.root_schema_for::<A>();
            schema.insert("title".to_owned(), Value::from(event_type));
            let example = A::example();
            let kind = example.kind();
            let example = serde_json::to_value(example).expect("an answer is a struct of plain members");
            Some(AnswerContract { event_type, kind, schema, example, answers_to: Some(family.request()) })
        };
        Family::ALL.into_iter().filter_map(in_words_of).collect()
    }
}

/// What the encoder itself said, as the earlier interface of Media Services had it: `jobId`, `newState`, `oldState`.
pub(crate) type EncoderContext = BTreeMap<&'static str, String>;

/// The job is queued.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EncodeScheduled {
    /// The job's name at the encoder.
    pub(crate) workflow_job_name: String,
}

impl JobAnswer for EncodeScheduled {
    fn event_type(family: Family) -> Option<&'static str> {
        Some(match family {
            Family::MediaServicesV3 => "response.encode.mediaservicesv3.scheduled",
            Family::MediaServicesV2 => "response.encode.mediaservicesv2.scheduled",
            Family::Any => "response.encode.scheduled",
        })
    }

    fn example() -> Self {
        Self { workflow_job_name: example_job() }
    }
}

/// Work on the job has begun.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EncodeBegun {
    /// The job's name at the encoder.
    pub(crate) workflow_job_name: String,
    /// What the encoder said.
    pub(crate) encoder_context: EncoderContext,
}

impl JobAnswer for EncodeBegun {
    /// Only the earlier interface of Media Services told of it, under the name of a progress.
    fn event_type(family: Family) -> Option<&'static str> {
        (family == Family::MediaServicesV2).then_some("response.encode.mediaservicesv2.status.progress")
    }

    fn example() -> Self {
        Self {
            workflow_job_name: example_job(),
            encoder_context: encoder_context(&example_job(), "Scheduled", "Processing"),
        }
    }
}

/// The job is under way.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EncodeProcessing {
    /// The job's name at the encoder.
    pub(crate) workflow_job_name: String,
    /// Always `Processing`.
    pub(crate) current_status: String,
    /// How far, in percent.
    pub(crate) percent_complete: u8,
    /// Which of the job's outputs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) output_label: String,
}

impl JobAnswer for EncodeProcessing {
    fn event_type(family: Family) -> Option<&'static str> {
        Some(match family {
            Family::MediaServicesV3 => "response.encode.mediaservicesv3.processing",
            Family::MediaServicesV2 => "response.encode.mediaservicesv2.processing",
            Family::Any => "response.encode.processing",
        })
    }

    fn kind(&self) -> Kind {
        Kind::Progress(format!("{}/{}", self.output_label, self.percent_complete))
    }

    fn example() -> Self {
        Self {
            workflow_job_name: example_job(),
            current_status: "Processing".into(),
            percent_complete: 86,
            output_label: "BuiltInStandardEncoderPreset_0".into(),
        }
    }
}

/// The outputs are there.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EncodeSuccess {
    /// The job's name at the encoder.
    pub(crate) workflow_job_name: String,
    /// What the encoder said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encoder_context: Option<EncoderContext>,
    /// What the job has written into the output container.
    pub(crate) outputs: Vec<EncodeOutput>,
    /// As requested.
    pub(crate) output_container: String,
}

/// One blob.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EncodeOutput {
    /// Its URI.
    pub(crate) blob_uri: String,
}

impl JobAnswer for EncodeSuccess {
    fn event_type(family: Family) -> Option<&'static str> {
        Some(match family {
            Family::MediaServicesV3 => "response.encode.mediaservicesv3.success",
            Family::MediaServicesV2 => "response.encode.mediaservicesv2.success",
            Family::Any => "response.encode.success",
        })
    }

    fn kind(&self) -> Kind {
        Kind::Outcome
    }

    fn example() -> Self {
        let container = "https://gwinboxpxy00sasb.blob.core.windows.net/show-17-mbr/";
        Self {
            workflow_job_name: example_job(),
            encoder_context: None,
            outputs: vec![EncodeOutput { blob_uri: format!("{container}master_1280x720_3400.mp4") }],
            output_container: container.into(),
        }
    }
}

/// The job has been stopped, as somebody wanted.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EncodeCanceled {
    /// The job's name at the encoder.
    pub(crate) workflow_job_name: String,
    /// What the encoder said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encoder_context: Option<EncoderContext>,
}

impl JobAnswer for EncodeCanceled {
    fn event_type(family: Family) -> Option<&'static str> {
        Some(match family {
            Family::MediaServicesV3 => "response.encode.mediaservicesv3.canceled",
            Family::MediaServicesV2 => "response.encode.mediaservicesv2.canceled",
            Family::Any => "response.encode.canceled",
        })
    }

    fn kind(&self) -> Kind {
        Kind::Outcome
    }

    fn example() -> Self {
        Self { workflow_job_name: example_job(), encoder_context: None }
    }
}

/// What the encoder said, for the one family that passes it on.
pub(crate) fn context_for(family: Family, job: &str, old: &str, new: &str) -> Option<EncoderContext> {
    (family == Family::MediaServicesV2).then(|| encoder_context(job, old, new))
}

pub(crate) fn encoder_context(job: &str, old: &str, new: &str) -> EncoderContext {
    EncoderContext::from([
        ("jobId", job.to_owned()),
        ("oldState", old.to_owned()),
        ("newState", new.to_owned()),
    ])
}

fn example_job() -> String {
    "gwinboxpxy00sasb-show-17-mbr-28f4bfd4eb1".to_owned()
}
