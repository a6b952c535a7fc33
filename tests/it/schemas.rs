//! The published contract: `schemas/` is what the types say, and every example is valid by its own schema.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

fn committed() -> BTreeMap<String, String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let entries = fs::read_dir(folder).expect("schemas/ is committed").map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".json"));
    files
        .map(|entry| {
            (entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn the_committed_schemas_are_what_the_types_say() {
    let (committed, generated) = (committed(), gridwich::contract::files());
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&committed), names(&generated), "run `make schemas`");
    for (name, text) in generated {
        assert_eq!(committed[&name], text, "{name} differs: run `make schemas`");
    }
}

#[test]
fn every_example_is_valid_by_its_own_schema() {
    for (name, text) in committed().into_iter().filter(|(name, _)| name != "index.json") {
        let schema = serde_json::from_str::<Value>(&text).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        for example in schema["examples"].as_array().unwrap_or_else(|| panic!("{name} has no example")) {
            let errors = validator.iter_errors(example).map(|error| error.to_string()).collect::<Vec<_>>();
            assert!(errors.is_empty(), "{name}: {errors:?}");
        }
    }
}
