//! One advanced filter: which value it looks at and how it compares. Not the other parts of a filter.

use std::borrow::Cow;

use serde_json::Value;

use super::filter::{Inspected, STRING_CHARS_MAX};
use super::properties::{AdvancedFilter, Operator};
use crate::arm::ArmError;

/// An advanced filter, checked and ready.
#[derive(Debug)]
pub(crate) struct Condition {
    key: Key,
    test: Test,
}

/// Where in an event a value is. Dots nest and cannot be escaped; envelope members are found in any case and under
/// the names of either schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Id,
    Source,
    Subject,
    EventType,
    DataVersion,
    Path(Vec<String>),
}

#[derive(Debug)]
enum Test {
    IsNullOrUndefined,
    IsNotNull,
    /// Whether some element is accepted; `is_negated` turns that round.
    Compare {
        accepts: Predicate,
        is_negated: bool,
        when_absent: bool,
    },
}

/// What a single value is compared with. Strings are in lower case: all comparisons ignore it.
#[derive(Debug)]
enum Predicate {
    NumberIn(Vec<f64>),
    NumberInRange(Vec<(f64, f64)>),
    NumberLessThan(f64),
    NumberLessThanOrEquals(f64),
    NumberGreaterThan(f64),
    NumberGreaterThanOrEquals(f64),
    BoolEquals(bool),
    StringIn(Vec<String>),
    StringContains(Vec<String>),
    StringBeginsWith(Vec<String>),
    StringEndsWith(Vec<String>),
}

impl Condition {
    /// Checks that the operands are of the operator's kind.
    pub fn new(filter: &AdvancedFilter) -> Result<Self, ArmError> {
        Ok(Self { key: Key::new(&filter.key)?, test: Test::new(filter)? })
    }

    /// Whether the event meets it. An array is looked into only when the subscription says so.
    pub fn holds(&self, event: &Inspected<'_>, looks_into_arrays: bool) -> bool {
        let found = self.key.find(event).filter(|value| !value.is_null());
        match &self.test {
            Test::IsNullOrUndefined => found.is_none(),
            Test::IsNotNull => found.is_some(),
            Test::Compare { accepts, is_negated, when_absent } => match found.as_deref() {
                Some(Value::Array(elements)) if looks_into_arrays => {
                    elements.iter().any(|element| accepts.takes(element)) != *is_negated
                }
                None | Some(Value::Array(_) | Value::Object(_)) => *when_absent,
                Some(value) => accepts.takes(value) != *is_negated,
            },
        }
    }
}

impl Key {
    /// Reads a key as filters and dynamic delivery attributes write it.
    pub fn new(key: &str) -> Result<Self, ArmError> {
        if key.is_empty() || key.chars().count() > STRING_CHARS_MAX {
            return Err(ArmError::bad_request("A filter's key is missing or too long."));
        }
        Ok(match key.to_ascii_lowercase().as_str() {
            "id" => Self::Id,
            "topic" | "source" => Self::Source,
            "subject" => Self::Subject,
            "eventtype" | "type" => Self::EventType,
            "dataversion" => Self::DataVersion,
            _ => Self::Path(key.split('.').map(str::to_owned).collect()),
        })
    }

    /// The value there, if any.
    pub fn find<'a>(&self, event: &'a Inspected<'_>) -> Option<Cow<'a, Value>> {
        let envelope = &event.event.envelope;
        let member = |name: &str| event.json().get(name).map(Cow::Borrowed);
        let text = match self {
            Self::Id => envelope.id.as_str(),
            Self::Source => &envelope.source,
            Self::EventType => &envelope.event_type,
            // A CloudEvent may have neither; then there is a difference between empty and absent.
            Self::Subject if envelope.subject.is_empty() => return member("subject"),
            Self::DataVersion if envelope.data_version.is_empty() => {
                return member("dataVersion").or_else(|| member("dataversion"));
            }
            Self::Subject => &envelope.subject,
            Self::DataVersion => &envelope.data_version,
            Self::Path(path) => {
                return path.iter().try_fold(event.json(), |value, name| value.get(name)).map(Cow::Borrowed);
            }
        };
        Some(Cow::Owned(Value::from(text)))
    }
}

impl Test {
    fn new(filter: &AdvancedFilter) -> Result<Self, ArmError> {
        use Operator as O;
        use Predicate as P;
        let operands = Operands(filter);
        let positive = |accepts| Self::Compare { accepts, is_negated: false, when_absent: false };
        let negative = |accepts, when_absent| Self::Compare { accepts, is_negated: true, when_absent };
        Ok(match filter.operator_type {
            O::IsNullOrUndefined => Self::IsNullOrUndefined,
            O::IsNotNull => Self::IsNotNull,
            O::NumberIn => positive(P::NumberIn(operands.numbers()?)),
            O::NumberInRange => positive(P::NumberInRange(operands.ranges()?)),
            O::NumberLessThan => positive(P::NumberLessThan(operands.number()?)),
            O::NumberLessThanOrEquals => positive(P::NumberLessThanOrEquals(operands.number()?)),
            O::NumberGreaterThan => positive(P::NumberGreaterThan(operands.number()?)),
            O::NumberGreaterThanOrEquals => positive(P::NumberGreaterThanOrEquals(operands.number()?)),
            O::BoolEquals => positive(P::BoolEquals(operands.bool()?)),
            O::StringIn => positive(P::StringIn(operands.strings()?)),
            O::StringContains => positive(P::StringContains(operands.strings()?)),
            O::StringBeginsWith => positive(P::StringBeginsWith(operands.strings()?)),
            O::StringEndsWith => positive(P::StringEndsWith(operands.strings()?)),
            // An absent key meets these three; for the range it is undocumented and what peers do.
            O::NumberNotIn => negative(P::NumberIn(operands.numbers()?), true),
            O::NumberNotInRange => negative(P::NumberInRange(operands.ranges()?), true),
            O::StringNotIn => negative(P::StringIn(operands.strings()?), true),
            // But not these three, as surprising as it is documented.
            O::StringNotContains => negative(P::StringContains(operands.strings()?), false),
            O::StringNotBeginsWith => negative(P::StringBeginsWith(operands.strings()?), false),
            O::StringNotEndsWith => negative(P::StringEndsWith(operands.strings()?), false),
        })
    }
}

impl Predicate {
    /// Whether a scalar of the right kind is accepted; another kind never is.
    fn takes(&self, value: &Value) -> bool {
        match value {
            Value::Number(number) => number.as_f64().is_some_and(|number| self.takes_number(number)),
            Value::String(text) => self.takes_string(&text.to_lowercase()),
            Value::Bool(value) => matches!(self, Self::BoolEquals(wanted) if wanted == value),
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        }
    }

    fn takes_number(&self, number: f64) -> bool {
        match self {
            Self::NumberIn(wanted) => wanted.contains(&number),
            Self::NumberInRange(ranges) => ranges.iter().any(|(low, high)| (*low..=*high).contains(&number)),
            Self::NumberLessThan(limit) => number < *limit,
            Self::NumberLessThanOrEquals(limit) => number <= *limit,
            Self::NumberGreaterThan(limit) => number > *limit,
            Self::NumberGreaterThanOrEquals(limit) => number >= *limit,
            _ => false,
        }
    }

    fn takes_string(&self, text: &str) -> bool {
        match self {
            Self::StringIn(wanted) => wanted.iter().any(|wanted| text == wanted),
            Self::StringContains(wanted) => wanted.iter().any(|wanted| text.contains(wanted)),
            Self::StringBeginsWith(wanted) => wanted.iter().any(|wanted| text.starts_with(wanted)),
            Self::StringEndsWith(wanted) => wanted.iter().any(|wanted| text.ends_with(wanted)),
            _ => false,
        }
    }
}

/// A filter's operands, read as what its operator wants.
struct Operands<'a>(&'a AdvancedFilter);

impl Operands<'_> {
    fn number(&self) -> Result<f64, ArmError> {
        self.0.value.as_ref().and_then(Value::as_f64).ok_or_else(|| self.unfit("a number as its value"))
    }

    fn bool(&self) -> Result<bool, ArmError> {
        self.0.value.as_ref().and_then(Value::as_bool).ok_or_else(|| self.unfit("a boolean as its value"))
    }

    fn numbers(&self) -> Result<Vec<f64>, ArmError> {
        self.each("numbers as its values", Value::as_f64)
    }

    fn ranges(&self) -> Result<Vec<(f64, f64)>, ArmError> {
        self.each("pairs of numbers as its values", |value| {
            let [low, high] = value.as_array()?.as_slice() else { return None };
            Some((low.as_f64()?, high.as_f64()?))
        })
    }

    fn strings(&self) -> Result<Vec<String>, ArmError> {
        self.each("strings of at most 512 characters as its values", |value| {
            value.as_str().filter(|text| text.chars().count() <= STRING_CHARS_MAX).map(str::to_lowercase)
        })
    }

    fn each<T>(&self, wanted: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, ArmError> {
        let values = self.0.values.as_deref().filter(|values| !values.is_empty());
        let values = values.ok_or_else(|| self.unfit(wanted))?;
        values.iter().map(|value| read(value).ok_or_else(|| self.unfit(wanted))).collect()
    }

    fn unfit(&self, wanted: &str) -> ArmError {
        let AdvancedFilter { operator_type, key, .. } = self.0;
        ArmError::bad_request(format!("The advanced filter {operator_type:?} on '{key}' needs {wanted}."))
    }
}
