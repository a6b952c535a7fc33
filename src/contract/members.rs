//! The members a JSON Schema speaks of, by their paths: which are always there, and of which types. Not a validator.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Levels of a schema that are looked into: a schema that refers to itself has no end.
const LEVELS_MAX: usize = 16;
/// The type of what may be anything.
pub(super) const ANY: &str = "any";

/// Members by their paths: `inputs[].blobUri`, `metadata.*`.
pub(super) type Members = BTreeMap<String, Member>;

/// One member of a message's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Member {
    /// Whether the object it belongs to always has it.
    pub(super) required: bool,
    /// Names of JSON types, or `any`.
    pub(super) types: BTreeSet<String>,
}

/// All members of a schema.
pub(super) fn members(schema: &Value) -> Members {
    Schema { root: schema }.members(schema, "", LEVELS_MAX)
}

struct Schema<'a> {
    root: &'a Value,
}

impl<'a> Schema<'a> {
    fn members(&self, node: &'a Value, path: &str, levels: usize) -> Members {
        let mut found = Members::new();
        let Some(levels) = levels.checked_sub(1) else { return found };
        for (name, member) in node["properties"].as_object().into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let required = list(node, "required").any(|required| required == name);
            self.add(&mut found, member, path, required, levels);
        }
        if node["items"].is_object() {
            self.add(&mut found, &node["items"], format!("{path}[]"), false, levels);
        }
        if node["additionalProperties"].is_object() {
            let path = if path.is_empty() { "*".to_owned() } else { format!("{path}.*") };
            self.add(&mut found, &node["additionalProperties"], path, false, levels);
        }
        let together = self.referred(node).into_iter().chain(list(node, "allOf"));
        for part in together {
            merge(&mut found, self.members(part, path, levels), |one, other| one || other);
        }
        for keyword in ["anyOf", "oneOf"] {
            let alternatives = list(node, keyword).map(|it| self.members(it, path, levels));
            if let Some(common) = alternatives.filter(|members| !members.is_empty()).reduce(either) {
                merge(&mut found, common, |one, other| one || other);
            }
        }
        found
    }

    fn add(&self, found: &mut Members, node: &'a Value, path: String, required: bool, levels: usize) {
        merge(found, self.members(node, &path, levels), |one, other| one || other);
        found.insert(path, Member { required, types: self.types(node, levels) });
    }

    fn referred(&self, node: &Value) -> Option<&'a Value> {
        self.root.pointer(node["$ref"].as_str()?.strip_prefix('#')?)
    }

    fn types(&self, node: &'a Value, levels: usize) -> BTreeSet<String> {
        let any = || BTreeSet::from([ANY.to_owned()]);
        let Some(levels) = levels.checked_sub(1) else { return any() };
        if let Some(name) = node["type"].as_str() {
            return BTreeSet::from([name.to_owned()]);
        }
        let stated = list(node, "type").filter_map(Value::as_str).map(str::to_owned);
        let values = list(node, "enum").chain(node.get("const")).map(|value| type_of(value).to_owned());
        let alternatives = self.referred(node).into_iter();
        let alternatives = alternatives.chain(list(node, "anyOf")).chain(list(node, "oneOf"));
        let types = alternatives.flat_map(|it| self.types(it, levels)).chain(stated).chain(values);
        let types = types.collect::<BTreeSet<_>>();
        if types.is_empty() { any() } else { types }
    }
}

fn list<'a>(node: &'a Value, keyword: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    node[keyword].as_array().into_iter().flatten()
}

/// What alternatives have in common is required; what any of them has is there.
fn either(mut one: Members, other: Members) -> Members {
    for (path, member) in &mut one {
        member.required &= other.get(path).is_some_and(|member| member.required);
    }
    let only_there = other.iter().filter(|(path, _)| !one.contains_key(*path));
    let only_there =
        only_there.map(|(path, member)| (path.clone(), Member { required: false, ..member.clone() }));
    let only_there = only_there.collect::<Members>();
    merge(&mut one, other, |one, _| one);
    one.extend(only_there);
    one
}

fn merge(into: &mut Members, from: Members, required: fn(bool, bool) -> bool) {
    for (path, member) in from {
        match into.get_mut(&path) {
            Some(known) => {
                known.required = required(known.required, member.required);
                known.types.extend(member.types);
            }
            None => {
                into.insert(path, member);
            }
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_found_through_references_alternatives_arrays_and_maps() {
        let schema = json!({
            "$defs": {"Input": {"type": "object", "properties": {"uri": {"type": "string"}}, "required": ["uri"]}},
            "type": "object",
            "properties": {
                "inputs": {"type": "array", "items": {"$ref": "#/$defs/Input"}},
                "clip": {"anyOf": [{"$ref": "#/$defs/Input"}, {"type": "null"}]},
                "metadata": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
                "tier": {"enum": ["Hot", "Cool"]},
            },
            "required": ["inputs"],
        });
        let found = members(&schema);
        let lines = found.iter().map(|(path, member)| {
            let types = member.types.iter().map(String::as_str).collect::<Vec<_>>().join("|");
            format!("{path}{} {types}", if member.required { "" } else { "?" })
        });
        assert_eq!(
            lines.collect::<Vec<_>>(),
            [
                "clip? null|object",
                "clip.uri string",
                "inputs array",
                "inputs[]? object",
                "inputs[].uri string",
                "metadata? object",
                "metadata.*? null|string",
                "tier? string",
            ]
        );
    }

    #[test]
    fn alternatives_require_only_what_all_of_them_do() {
        let schema = json!({"oneOf": [
            {"properties": {"kind": {"const": "a"}, "a": {"type": "string"}}, "required": ["kind", "a"]},
            {"properties": {"kind": {"const": 1}}, "required": ["kind"]},
        ]});
        let found = members(&schema);
        assert!(found["kind"].required && !found["a"].required);
        assert_eq!(found["kind"].types.len(), 2);
    }

    #[test]
    fn a_schema_that_refers_to_itself_is_left_at_some_depth() {
        let schema = json!({"properties": {"child": {"$ref": "#"}}});
        assert!(members(&schema).len() < LEVELS_MAX);
    }
}
