//! Whether data fits its message's schema, in words that name the member and what was expected. Repeats no value: a URI may
//! carry a signature.

use std::fmt;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use super::Message;

/// More faults than these are not listed: the first ones say enough.
const MISFITS_MAX: usize = 10;

/// What is wrong with a member.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{member}: {expected}")]
pub struct Misfit {
    /// Its path, from `data`.
    pub member: String,
    /// What was expected of it.
    pub expected: String,
}

impl Message {
    /// What of some data does not fit; nothing when all does.
    ///
    /// # Panics
    /// Never: the schemas come from our own types, and a test reads each of them.
    #[must_use]
    pub fn misfits(&self, data: &Value) -> Vec<Misfit> {
        let validator = jsonschema::validator_for(&self.schema).expect("our own types give valid schemas");
        let mut misfits = validator.iter_errors(data).flat_map(|error| told(&error)).collect::<Vec<_>>();
        misfits.truncate(MISFITS_MAX);
        misfits
    }
}

/// An error in our words. Of alternatives, those that are about another type of value have nothing to say.
fn told(error: &ValidationError<'_>) -> Vec<Misfit> {
    match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            let is_of_type = |errors: &&Vec<ValidationError<'_>>| {
                !errors.iter().any(|inner| {
                    matches!(inner.kind(), ValidationErrorKind::Type { .. })
                        && inner.instance_path() == error.instance_path()
                })
            };
            let inner = context.iter().find(is_of_type).or_else(|| context.first());
            inner.into_iter().flatten().flat_map(told).collect()
        }
        kind => vec![Misfit { member: path(error.instance_path()), expected: expected(kind, error) }],
    }
}

fn expected(kind: &ValidationErrorKind, error: &ValidationError<'_>) -> String {
    match kind {
        ValidationErrorKind::Required { property } => format!("expected a member {property}, found none"),
        ValidationErrorKind::Type { kind } => {
            let found = type_of(error.instance());
            format!("expected {}, found {found}", types(kind))
        }
        ValidationErrorKind::Enum { options } => format!("expected one of {}", listed(options)),
        ValidationErrorKind::MinItems { limit } => format!("expected at least {limit} elements"),
        ValidationErrorKind::MaxItems { limit } => format!("expected at most {limit} elements"),
        ValidationErrorKind::MinLength { limit } => format!("expected at least {limit} characters"),
        ValidationErrorKind::MaxLength { limit } => format!("expected at most {limit} characters"),
        _ => error.masked_with("it").to_string(),
    }
}

fn types(kind: &TypeKind) -> String {
    let named = |name: JsonType| match name {
        JsonType::Array => "an array",
        JsonType::Boolean => "a boolean",
        JsonType::Integer => "an integer",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a string",
    };
    match kind {
        TypeKind::Single(name) => named(*name).to_owned(),
        TypeKind::Multiple(names) => names.iter().map(named).collect::<Vec<_>>().join(" or "),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn listed(options: &Value) -> String {
    let options = options.as_array().into_iter().flatten().map(Value::to_string);
    options.collect::<Vec<_>>().join(", ")
}

/// A place in the data as people write it: `data.inputs[0].blobUri`.
fn path(location: &Location) -> String {
    location.segments().fold("data".to_owned(), |path, segment| path + &step(&segment))
}

fn step(segment: &LocationSegment<'_>) -> String {
    match segment {
        LocationSegment::Property(name) => fmt::format(format_args!(".{name}")),
        LocationSegment::Index(index) => fmt::format(format_args!("[{index}]")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::contract::Contract;

    #[test]
    fn a_misfit_names_the_member_and_what_was_expected() {
        let contract = Contract::of_register();
        for (event_type, change, expected) in [
            (
                "request.blob.copy",
                json!({"sourceUri": null}),
                "data.sourceUri: expected a string, found null",
            ),
            (
                "request.blob.copy",
                json!({"operationContext": [1]}),
                "data.operationContext: expected an object, found an array",
            ),
            (
                "request.blob.tier.change",
                json!({"accessTier": "Warm"}),
                "data.accessTier: expected one of \"Hot\", \"Cool\", \"Cold\", \"Archive\"",
            ),
            (
                "request.encode.mediaservicesv3.create",
                json!({"inputs": [{"blobUri": "https://a/c/b"}, {"blobUri": 7}]}),
                "data.inputs[1].blobUri: expected a string, found a number",
            ),
            (
                "request.encode.mediaservicesv3.create",
                json!({"inputs": []}),
                "data.inputs: expected at least 1 elements",
            ),
            (
                "request.encode.mediaservicesv3.create",
                json!({"timeBasedEncode": {"startSeconds": true}}),
                "data.timeBasedEncode.startSeconds: expected null or a number, found a boolean",
            ),
            (
                "request.encode.mediaservicesv3.create",
                json!({"inputs": [{}]}),
                "data.inputs[0]: expected a member \"blobUri\", found none",
            ),
        ] {
            let message = contract.message(event_type).unwrap();
            let mut data = message.example().clone();
            for (name, value) in change.as_object().unwrap() {
                data[name] = value.clone();
            }
            let misfits = message.misfits(&data).iter().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(misfits, [expected], "{event_type} {change}");
        }
    }

    #[test]
    fn no_value_is_repeated() {
        let contract = Contract::of_register();
        let uri = format!("https://a/c/b?sig=hush{}", "x".repeat(20_000));
        let data = json!({"sourceUri": uri, "destinationUri": {"hush": "hush"}, "operationContext": "hush"});
        let misfits = contract.message("request.blob.copy").unwrap().misfits(&data);
        assert_eq!(misfits.len(), 3);
        assert!(!format!("{misfits:?}").contains("hush"), "{misfits:?}");
    }
}
