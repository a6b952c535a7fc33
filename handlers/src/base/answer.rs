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

    /// The event's subject, where the original's was not `/{event type}/{event id}`.
    const SUBJECT: Option<&'static str> = None;

    /// What it means for the operation.
    fn kind(&self) -> Kind {
        Kind::Outcome
    }

    /// One as it could be, for the published contract.
    fn example() -> Self;
}

/// An answer as the flow publishes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Its event type.
    pub event_type: &'static str,
    /// What it means for the operation.
    pub kind: Kind,
    /// Its subject, where it is not formed from type and id.
    pub subject: Option<&'static str>,
    /// Its `data`, without operation context.
    pub data: Vec<u8>,
}

/// Everything a handler can answer.
pub trait ResponseData: Send {
    /// The answer to publish. Nothing when there is nothing to say.
    fn answer(&self) -> Option<Spoken>;

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
    /// The request that it alone answers, where another request's answer to the same event is called differently.
    pub answers_to: Option<&'static str>,
}

impl<A: Answer> ResponseData for A {
    fn answer(&self) -> Option<Spoken> {
        let (event_type, subject) = (A::EVENT_TYPE, A::SUBJECT);
        Some(Spoken { event_type, kind: self.kind(), subject, data: to_json(self) })
    }

    fn contract(generator: &mut SchemaGenerator) -> Vec<AnswerContract> {
        let example = A::example();
        vec![AnswerContract {
            event_type: A::EVENT_TYPE,
            kind: example.kind(),
            schema: generator.root_schema_for::<A>(),
            example: serde_json::to_value(example).expect("an answer is a struct of plain members"),
            answers_to: None,
        }]
    }
}

/// A handler with nothing to say answers `None`.
impl<R: ResponseData> ResponseData for Option<R> {
    fn answer(&self) -> Option<Spoken> {
        self.as_ref()?.answer()
    }

    fn contract(generator: &mut SchemaGenerator) -> Vec<AnswerContract> {
        R::contract(generator)
    }
}

/// A handler with two ways to end that are both an answer.
impl<A: ResponseData, B: ResponseData> ResponseData for Either<A, B> {
    fn answer(&self) -> Option<Spoken> {
        match self {
            Self::One(answer) => answer.answer(),
            Self::Other(answer) => answer.answer(),
        }
    }

    fn contract(generator: &mut SchemaGenerator) -> Vec<AnswerContract> {
        let mut contract = A::contract(generator);
        contract.extend(B::contract(generator));
        contract
    }
}

/// One of two answers.
#[derive(Clone, Debug)]
pub enum Either<A, B> {
    /// The first.
    One(A),
    /// The second.
    Other(B),
}

/// The answer of a handler that only ever fails.
#[derive(Clone, Copy, Debug)]
pub enum Never {}

impl ResponseData for Never {
    fn answer(&self) -> Option<Spoken> {
        match *self {}
    }

    fn contract(_: &mut SchemaGenerator) -> Vec<AnswerContract> {
        Vec::new()
    }
}

/// An answer's `data`. Answers are structs of plain members, which serde_json always writes.
pub(crate) fn to_json(data: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(data).expect("an answer is a struct of plain members")
}
