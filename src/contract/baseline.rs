//! What has been promised, and what of it a change would break. Written only on purpose (`make freeze`); additions are no
//! break.

use std::collections::BTreeMap;
use std::fmt;

use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::{Location, LocationSegment};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::members::{ANY, Member, Members, members};
use super::{Contract, Role};

/// Every message as it was promised.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    messages: BTreeMap<String, Promise>,
}

/// One message as it was promised.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Promise {
    role: Role,
    examples: Vec<Value>,
    members: Members,
}

/// Something that was promised and holds no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// The message's event type.
    pub event_type: String,
    /// The member's path, or nothing when it is the message itself.
    pub member: String,
    /// What broke.
    pub what: String,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.member.as_str() {
            "" => write!(f, "{}: {}", self.event_type, self.what),
            member => write!(f, "{}: {member}: {}", self.event_type, self.what),
        }
    }
}

impl Baseline {
    /// The contract of now, as a promise.
    #[must_use]
    pub fn of(contract: &Contract) -> Self {
        let messages = contract.messages.values();
        let messages = messages.map(|it| (it.event_type.to_owned(), Promise::of(it.role, &it.schema)));
        Self { messages: messages.collect() }
    }

    /// As it stands in its file.
    #[must_use]
    pub fn text(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("a baseline is maps of plain members");
        format!("{text}\n")
    }

    /// Everything the contract of now does not keep.
    #[must_use]
    pub fn breaks(&self, contract: &Contract) -> Vec<Break> {
        let breaks = self.messages.iter().flat_map(|(event_type, promise)| {
            let found = match contract.messages.get(event_type.as_str()) {
                Some(message) => promise.breaks(&message.schema),
                None => vec![broken("", "the message is no more")],
            };
            found.into_iter().map(|it| Break { event_type: event_type.clone(), ..it })
        });
        breaks.collect()
    }
}

/// A break of a message that is still to be named.
fn broken(member: &str, what: impl Into<String>) -> Break {
    Break { event_type: String::new(), member: member.to_owned(), what: what.into() }
}

impl Promise {
    fn of(role: Role, schema: &Value) -> Self {
        let examples = schema["examples"].as_array().cloned().unwrap_or_default();
        Self { role, examples, members: members(schema) }
    }

    fn breaks(&self, schema: &Value) -> Vec<Break> {
        let now = members(schema);
        let mut breaks = self.examples_that_fit_no_more(schema);
        match self.role {
            Role::Answer => breaks.extend(self.not_as_readers_know_it(&now)),
            Role::Request => {
                breaks.extend(self.not_as_writers_know_it(&now));
                breaks.extend(self.asked_for_anew(&now));
            }
            // A platform sends what it sends: only what we ask of it can be too much.
            Role::PlatformEvent => breaks.extend(self.asked_for_anew(&now)),
        }
        breaks
    }

    /// Published examples still fit. An answer may have got members since that are always there.
    fn examples_that_fit_no_more(&self, schema: &Value) -> Vec<Break> {
        let validator = match jsonschema::validator_for(schema) {
            Ok(validator) => validator,
            Err(error) => return vec![broken("", format!("the schema cannot be read: {error}"))],
        };
        let errors = self.examples.iter().flat_map(|example| validator.iter_errors(example));
        let is_addition = |path: &str, kind: &ValidationErrorKind| match kind {
            ValidationErrorKind::Required { property } if self.role == Role::Answer => {
                !self.members.contains_key(&below(path, property.as_str().unwrap_or_default()))
            }
            _ => false,
        };
        let breaks = errors.map(|error| (member_path(error.instance_path()), error));
        let breaks = breaks.filter(|(path, error)| !is_addition(path, error.kind()));
        breaks
            .map(|(path, error)| broken(&path, format!("the published example fits no more: {error}")))
            .collect()
    }

    /// Who reads an answer finds each member where it was, always if it was always there, as one of the types it had.
    fn not_as_readers_know_it(&self, now: &Members) -> Vec<Break> {
        let mut breaks = Vec::new();
        for (path, promised) in &self.members {
            let Some(found) = now.get(path) else {
                breaks.push(broken(path, "the member was removed or renamed"));
                continue;
            };
            if promised.required && !found.required {
                breaks.push(broken(path, "the member is not always there any more"));
            }
            if !is_within(found, promised) {
                breaks.push(broken(path, changed(promised, found)));
            }
        }
        breaks
    }

    /// Who writes a request is still understood, whichever of the types it writes.
    fn not_as_writers_know_it(&self, now: &Members) -> Vec<Break> {
        let mut breaks = Vec::new();
        for (path, promised) in &self.members {
            match now.get(path) {
                None => breaks.push(broken(path, "the member was removed or renamed")),
                Some(found) if !is_within(promised, found) => {
                    breaks.push(broken(path, changed(promised, found)));
                }
                Some(_) => {}
            }
        }
        breaks
    }

    /// Nothing is required that was not; what belongs to an object that is itself new asks nothing of anybody.
    fn asked_for_anew(&self, now: &Members) -> Vec<Break> {
        let is_new = |path: &str| self.members.get(path).is_none_or(|promised| !promised.required);
        let was_there = |path: &str| match parent(path) {
            "" => true,
            parent => self.members.contains_key(parent),
        };
        let required = now.iter().filter(|(_, member)| member.required);
        let anew = required.filter(|(path, _)| is_new(path) && was_there(path));
        anew.map(|(path, _)| broken(path, "the member is newly required")).collect()
    }
}

/// The object or array a member belongs to.
fn parent(path: &str) -> &str {
    match path.strip_suffix("[]") {
        Some(array) => array,
        None => path.rsplit_once('.').map_or("", |(parent, _)| parent),
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A place in data as the members of its schema are named: without indices.
fn member_path(location: &Location) -> String {
    location.segments().fold(String::new(), |path, segment| match segment {
        LocationSegment::Property(name) => below(&path, &name),
        LocationSegment::Index(_) => path + "[]",
    })
}

/// Whether whatever the one can be, the other can be too.
fn is_within(one: &Member, other: &Member) -> bool {
    let can_be = |name: &str| other.types.contains(name);
    can_be(ANY) || one.types.iter().all(|name| can_be(name) || (name == "integer" && can_be("number")))
}

fn changed(promised: &Member, found: &Member) -> String {
    let named = |member: &Member| member.types.iter().cloned().collect::<Vec<_>>().join(" or ");
    format!("the type changed from {} to {}", named(promised), named(found))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::Message;

    fn contract(role: Role, schema: Value) -> Contract {
        let event_type = "test.message";
        let message = Message { event_type, role, kind: None, schema };
        Contract { handlers: Vec::new(), messages: BTreeMap::from([(event_type, message)]) }
    }

    /// Two members, one of them always there, and an array of objects.
    fn before() -> Value {
        json!({
            "type": "object",
            "properties": {
                "uri": {"type": "string"},
                "percent": {"type": "integer"},
                "outputs": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"label": {"type": "string"}},
                        "required": ["label"],
                    },
                },
            },
            "required": ["uri"],
            "examples": [{"uri": "https://a/c/b", "percent": 7, "outputs": [{"label": "x"}]}],
        })
    }

    /// What breaks when a message changes, as sentences.
    fn breaks(role: Role, change: impl FnOnce(&mut Value)) -> Vec<String> {
        let written = Baseline::of(&contract(role, before())).text();
        let baseline = serde_json::from_str::<Baseline>(&written).unwrap();
        let mut after = before();
        change(&mut after);
        baseline.breaks(&contract(role, after)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_stays_and_what_is_added_breaks_nothing() {
        for role in [Role::Request, Role::PlatformEvent, Role::Answer] {
            assert!(breaks(role, |_| ()).is_empty());
            let added = breaks(role, |schema| {
                schema["properties"]["new"] = json!({
                    "type": "object",
                    "properties": {"inner": {"type": "string"}},
                    "required": ["inner"],
                });
            });
            assert!(added.is_empty(), "{added:?}");
        }
        let always_there = breaks(Role::Answer, |schema| {
            schema["properties"]["new"] = json!({"type": "string"});
            schema["required"] = json!(["uri", "new"]);
        });
        assert!(always_there.is_empty(), "{always_there:?}");
        assert!(breaks(Role::Request, |schema| schema["required"] = json!([])).is_empty());
        let wider = breaks(Role::Request, |schema| schema["properties"]["percent"]["type"] = json!("number"));
        assert!(wider.is_empty(), "{wider:?}");
    }

    #[test]
    fn a_message_that_is_no_more_is_named() {
        let baseline = Baseline::of(&contract(Role::Answer, before()));
        let nothing = Contract { handlers: Vec::new(), messages: BTreeMap::new() };
        let breaks = baseline.breaks(&nothing).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(breaks, ["test.message: the message is no more"]);
    }

    #[test]
    fn a_published_example_that_fits_no_more_is_named_with_its_member() {
        let shorter = |schema: &mut Value| schema["properties"]["uri"]["maxLength"] = json!(3);
        for role in [Role::Request, Role::PlatformEvent, Role::Answer] {
            let expected = "test.message: uri: the published example fits no more: \
                            \"https://a/c/b\" is longer than 3 characters";
            assert_eq!(breaks(role, shorter), [expected]);
        }
    }

    #[test]
    fn members_of_answers_that_are_removed_renamed_or_of_another_type_are_named() {
        let removed = breaks(Role::Answer, |schema| {
            schema["properties"].as_object_mut().unwrap().remove("percent");
        });
        assert_eq!(removed, ["test.message: percent: the member was removed or renamed"]);
        let renamed = breaks(Role::Answer, |schema| {
            let items = &mut schema["properties"]["outputs"]["items"];
            *items = json!({"type": "object", "properties": {"name": {"type": "string"}}});
        });
        assert_eq!(renamed, ["test.message: outputs[].label: the member was removed or renamed"]);
        let retyped = breaks(Role::Answer, |schema| {
            schema["properties"]["percent"]["type"] = json!(["integer", "string"]);
        });
        let expected = "test.message: percent: the type changed from integer to integer or string";
        assert_eq!(retyped, [expected]);
        let sometimes = breaks(Role::Answer, |schema| schema["required"] = json!([]));
        assert_eq!(sometimes, ["test.message: uri: the member is not always there any more"]);
    }

    #[test]
    fn members_of_requests_that_are_newly_required_or_understood_no_more_are_named() {
        let new = |schema: &mut Value| {
            schema["properties"]["tier"] = json!({"type": "string"});
            schema["required"] = json!(["uri", "tier"]);
        };
        for role in [Role::Request, Role::PlatformEvent] {
            let expected = [
                "test.message: the published example fits no more: \"tier\" is a required property",
                "test.message: tier: the member is newly required",
            ];
            assert_eq!(breaks(role, new), expected);
        }
        let optional = breaks(Role::Request, |schema| schema["required"] = json!(["uri", "percent"]));
        assert_eq!(optional, ["test.message: percent: the member is newly required"]);
        let narrowed = breaks(Role::Request, |schema| {
            schema["properties"]["percent"]["type"] = json!("string");
            schema["examples"] = json!([]);
        });
        assert_eq!(
            narrowed,
            [
                "test.message: percent: the published example fits no more: 7 is not of type \"string\"",
                "test.message: percent: the type changed from integer to string",
            ]
        );
        let removed = breaks(Role::Request, |schema| {
            schema["properties"].as_object_mut().unwrap().remove("percent");
        });
        assert_eq!(removed, ["test.message: percent: the member was removed or renamed"]);
    }
}
