//! The published contract: `schemas/` is what the types say, keeps what it promised, and is good enough for others' tools.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use gridwich::contract::{BASELINE, Baseline, Contract};
use gridwich_handlers::base::Kind;
use serde_json::{Value, json};

use crate::process::{gridwich, root, run_client, tool};

fn folder() -> PathBuf {
    root().join("schemas")
}

fn committed() -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder()).expect("schemas/ is committed").map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_name() != BASELINE);
    files
        .map(|entry| {
            (entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn the_committed_schemas_are_what_the_types_say() {
    let (committed, generated) = (committed(), Contract::of_register().files());
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&committed), names(&generated), "run `make schemas`");
    for (name, text) in generated {
        assert_eq!(committed[&name], text, "{name} differs: run `make schemas`");
    }
}

#[test]
fn every_example_is_valid_by_its_own_schema() {
    let contract = Contract::of_register();
    for message in contract.messages.values() {
        assert!(message.example().is_object(), "{} has no example", message.event_type);
        let misfits = message.misfits(message.example());
        assert!(misfits.is_empty(), "{}: {misfits:?}", message.event_type);
    }
}

#[test]
fn what_was_promised_still_holds() {
    let text = fs::read_to_string(folder().join(BASELINE)).expect("the baseline is committed");
    let baseline = serde_json::from_str::<Baseline>(&text).expect("`make freeze` has written the baseline");
    let breaks = baseline.breaks(&Contract::of_register());
    let breaks = breaks.iter().map(ToString::to_string).collect::<Vec<_>>();
    let meant = "if the break is meant, tell those who speak to us and run `make freeze`";
    assert!(breaks.is_empty(), "{}\n{meant}", breaks.join("\n"));
}

#[test]
fn every_request_says_where_its_outcome_comes_from() {
    let contract = Contract::of_register();
    for request in contract.handlers.iter().filter(|handler| handler.is_request()) {
        let later = contract.later(request).collect::<Vec<_>>();
        assert_eq!(later.len(), request.continues_with.len(), "{}: CONTINUES_WITH", request.event_type);
        let mut answers = request.answers.iter().chain(later.into_iter().flat_map(|(_, told)| told));
        assert!(
            answers.any(|answer| answer.kind == Kind::Outcome),
            "{}: no answer is an outcome: name the platform events it goes on with in CONTINUES_WITH",
            request.event_type
        );
    }
}

#[test]
fn asyncapis_own_parser_reads_the_document() {
    let parsed = Command::new("node")
        .arg(root().join("tests/clients/asyncapi.cjs"))
        .args([tool("node"), folder().join("asyncapi.json")])
        .output()
        .expect("node is missing: `make test` installs it");
    let complaint = String::from_utf8_lossy(&parsed.stderr);
    assert!(parsed.status.success(), "{complaint}");
    let parsed = serde_json::from_slice::<Value>(&parsed.stdout).unwrap();
    assert_eq!(parsed["version"], "3.0.0");
    let named = |member: &str| {
        let names = parsed[member].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
        names.collect::<BTreeSet<_>>()
    };
    let contract = Contract::of_register();
    let messages = contract.messages.keys().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(named("messages"), messages);
    assert!(contract.handlers.iter().all(|handler| named("operations").contains(handler.event_type)));
}

/// All messages as the scripts of the generators read them.
fn messages() -> String {
    let contract = Contract::of_register();
    let messages = contract.messages.values().map(|message| {
        json!({
            "eventType": message.event_type,
            "typeName": type_name(message.event_type),
            "schema": message.schema,
        })
    });
    Value::Array(messages.collect()).to_string()
}

/// What a client's author expects the type of a message to be called.
fn type_name(event_type: &str) -> String {
    let parts = event_type.split(['.', '-', '_']);
    parts.map(|part| part[..1].to_uppercase() + &part[1..]).collect()
}

#[test]
fn a_typescript_client_is_generated_and_compiles() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new("node")
        .arg(root().join("tests/clients/typescript.cjs"))
        .args([tool("node").as_path(), folder.path()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("node is missing: `make test` installs it");
    child.stdin.take().unwrap().write_all(messages().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn a_python_client_is_generated_and_reads_the_examples() {
    let folder = tempfile::tempdir().unwrap();
    run_client("python_types.py", &[&folder.path().to_string_lossy()], &messages());
}

fn said(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = gridwich(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_lists_messages_and_prints_writes_and_freezes_their_schemas() {
    let (code, list, _) = said(&["schemas"]);
    let contract = Contract::of_register();
    assert_eq!((code, list.lines().count()), (Some(0), contract.messages.len()));
    assert!(list.contains("request.blob.copy"), "{list}");

    let (code, schema, _) = said(&["schemas", "request.blob.copy"]);
    assert_eq!((code, schema.as_str()), (Some(0), committed()["request.blob.copy.json"].as_str()));
    let (code, _, complaint) = said(&["schemas", "request.blob.copi"]);
    let expected = "no message is called \"request.blob.copi\"; the nearest is request.blob.copy";
    assert!(code == Some(1) && complaint.contains(expected), "{complaint}");

    let folder = tempfile::tempdir().unwrap();
    let (path, baseline) = (folder.path().to_string_lossy().into_owned(), folder.path().join(BASELINE));
    fs::write(folder.path().join("request.no.more.json"), "{}").unwrap();
    assert_eq!(said(&["schemas", "--freeze", &baseline.to_string_lossy()]).0, Some(0));
    assert_eq!(said(&["schemas", "--write", &path]).0, Some(0));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), contract.files().len() + 1);
    assert!(baseline.exists());
}
