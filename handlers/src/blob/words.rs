//! Words of the contract of which the case does not matter, as a schema says so. Not which words.

use schemars::{Schema, json_schema};

/// These words, of which the case does not matter; as spelled here they are what answers say.
pub(super) fn in_any_case(words: &[&str]) -> Schema {
    let letter = |c: char| format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase());
    let patterns = words.iter().map(|word| word.chars().map(letter).collect::<String>());
    let pattern = format!("^({})$", patterns.collect::<Vec<_>>().join("|"));
    json_schema!({"type": "string", "anyOf": [{"enum": words}, {"type": "string", "pattern": pattern}]})
}
