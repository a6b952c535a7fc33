//! What a handler may answer. Not how it is published: that is the flow's.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

/// What an answer means for its operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On the way: given away, scheduled. One of each type per operation.
    Interim,
    /// On the way: this far, by which part.
    Progress(String),
    /// The end. Success and Failure of an operation share it, and with it their id.
    Outcome,
}

/// One answer, with the event type it is published as.
pub trait Answer: Serialize + JsonSchema + Send {
    /// For example `response.blob.tier.success`.
    const EVENT_TYPE: &'static str;

    /// What it means for the operation.
    fn kind(&self) -> Kind {
        Kind::Outcome
    }

    /// One as it could be, for the published contract.
    fn example() -> Self;
}

/// Everything a handler can answer.
pub trait ResponseData: Send {
    /// The answer to publish: its event type, its meaning and its `data` without operation context. Nothing when there
    /// is nothing to say.
    fn answer(&self) -> Option<(&'static str, Kind, Vec<u8>)>;

    /// Each possible answer, for the published contract.
    fn contract(generator: &mut SchemaGenerator) -> Vec<AnswerContract>;
}

/// What is published about an answer.
#[derive(Clone, Debug)]
pub struct AnswerContract {
    /// Its event type.
    pub event_type: &'static str,
    /// What it means for its operation.
    pub kind: Kind,
    /// The schema of its `data`.
    pub schema: Schema,
    /// An example of its `data`, without operation context.
    pub example: serde_json::Value,
}

impl<A: Answer> ResponseData for A {
    fn answer(&self) -> Option<(&'static str, Kind, Vec<u8>)> {
        Some((A::EVENT_TYPE, self.kind(), to_json(self)))
    }

    fn contract(generator: &mut SchemaGenerator) -> Vec<AnswerContract> {
        let example = A::example();
        vec![AnswerContract {
            event_type: A::EVENT_TYPE,
            kind: example.kind(),
            schema: generator.root_schema_for::<A>(),
            example: serde_json::to_value(example).expect("an answer is a struct of plain members"),
        }]
    }
}

/// A handler with nothing to say answers `None`.
impl<R: ResponseData> ResponseData for Option<R> {
    fn answer(&self) -> Option<(&'static str, Kind, Vec<u8>)> {
        self.as_ref()?.answer()
    }

    fn contract(generator: &mut SchemaGenerator) -> Vec<AnswerContract> {
        R::contract(generator)
    }
}

/// The answer of a handler that only ever fails.
#[derive(Clone, Copy, Debug)]
pub enum Never {}

impl ResponseData for Never {
    fn answer(&self) -> Option<(&'static str, Kind, Vec<u8>)> {
        match *self {}
    }

    fn contract(_: &mut SchemaGenerator) -> Vec<AnswerContract> {
        Vec::new()
    }
}

/// An answer's `data`. Answers are structs of plain members, which serde_json always writes.
pub(super) fn to_json(data: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(data).expect("an answer is a struct of plain members")
}
