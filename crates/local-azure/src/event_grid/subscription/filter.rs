//! Decides whether a subscription wants an event: type, subject, then conditions. Not how conditions compare.

use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::Value;

use super::condition::Condition;
use super::properties;
use crate::arm::ArmError;
use crate::event_grid::event::Event;

/// Documented: advanced filters per subscription, and values in all of them together.
const CONDITIONS_MAX: usize = 25;
/// Documented: characters of one string in a filter.
pub(crate) const STRING_CHARS_MAX: usize = 512;

/// A subscription's filter, checked and ready.
#[derive(Debug)]
pub(crate) struct Filter {
    /// In lower case; `None` is every type. Whether case matters is not documented; peers ignore it.
    event_types: Option<Vec<String>>,
    subject_begins_with: String,
    subject_ends_with: String,
    is_subject_case_sensitive: bool,
    looks_into_arrays: bool,
    conditions: Vec<Condition>,
}

impl Filter {
    /// Checks the limits and prepares the comparison.
    pub fn new(filter: &properties::Filter) -> Result<Self, ArmError> {
        let is_subject_case_sensitive = filter.is_subject_case_sensitive.unwrap_or_default();
        let subject = |part: &Option<String>| {
            let part = part.as_deref().unwrap_or_default();
            if part.chars().count() > STRING_CHARS_MAX {
                return Err(ArmError::bad_request(format!(
                    "A filter's string has at most {STRING_CHARS_MAX} characters."
                )));
            }
            Ok(if is_subject_case_sensitive { part.to_owned() } else { part.to_lowercase() })
        };
        Ok(Self {
            event_types: event_types(filter.included_event_types.as_deref().unwrap_or_default()),
            subject_begins_with: subject(&filter.subject_begins_with)?,
            subject_ends_with: subject(&filter.subject_ends_with)?,
            is_subject_case_sensitive,
            looks_into_arrays: filter.enable_advanced_filtering_on_arrays.unwrap_or_default(),
            conditions: conditions(filter.advanced_filters.as_deref().unwrap_or_default())?,
        })
    }

    /// Whether every part holds.
    pub fn matches(&self, event: &Inspected<'_>) -> bool {
        let envelope = &event.event.envelope;
        self.takes_type(&envelope.event_type)
            && self.takes_subject(&envelope.subject)
            && self.conditions.iter().all(|condition| condition.holds(event, self.looks_into_arrays))
    }

    fn takes_type(&self, event_type: &str) -> bool {
        let Some(types) = &self.event_types else { return true };
        let event_type = event_type.to_lowercase();
        types.contains(&event_type)
    }

    fn takes_subject(&self, subject: &str) -> bool {
        let lower_case;
        let subject = if self.is_subject_case_sensitive {
            subject
        } else {
            lower_case = subject.to_lowercase();
            &lower_case
        };
        subject.starts_with(&self.subject_begins_with) && subject.ends_with(&self.subject_ends_with)
    }
}

fn event_types(types: &[String]) -> Option<Vec<String>> {
    let takes_all = types.is_empty() || types.iter().any(|name| name.eq_ignore_ascii_case("All"));
    (!takes_all).then(|| types.iter().map(|name| name.to_lowercase()).collect())
}

fn conditions(filters: &[properties::AdvancedFilter]) -> Result<Vec<Condition>, ArmError> {
    let values = filters.iter().map(|filter| filter.values.as_ref().map_or(1, Vec::len)).sum::<usize>();
    if filters.len() > CONDITIONS_MAX || values > CONDITIONS_MAX {
        let limit = format!(
            "A subscription has at most {CONDITIONS_MAX} advanced filters with {CONDITIONS_MAX} values."
        );
        return Err(ArmError::bad_request(limit));
    }
    filters.iter().map(Condition::new).collect()
}

/// An event while it is being filtered: its JSON is parsed once, and only if some condition looks into it.
pub(crate) struct Inspected<'a> {
    pub event: &'a Arc<Event>,
    json: OnceCell<Value>,
}

impl<'a> Inspected<'a> {
    pub fn new(event: &'a Arc<Event>) -> Self {
        Self { event, json: OnceCell::new() }
    }

    /// The event in its topic's schema. Nesting deeper than the parser follows is as good as absent.
    pub fn json(&self) -> &Value {
        self.json.get_or_init(|| serde_json::from_slice(self.event.text()).unwrap_or_default())
    }
}
