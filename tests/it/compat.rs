//! How we stand to the original: its numbers, its handlers' names, and its weaknesses.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use gridwich_handlers::base::log_events;

use crate::process::root;

/// Names and ids of handlers as the original's callers know them (appendix B of its contract).
const HANDLERS: &[(&str, &str, &str)] = &[
    ("request.blob.metadata.create", "CreateMetadataHandler", "EAB78688-2784-42AF-BC91-6A0E05D4AF6D"),
    ("request.blob.copy", "BlobCopyHandler", "C5BC453D-58CF-4F16-A2FF-16647F6CBF81"),
    ("request.blob.delete", "BlobDeleteHandler", "13244CB5-64F7-4C64-87B7-D7B0001E028F"),
    ("request.blob.tier.change", "ChangeBlobTierHandler", "673572f4-1e57-4b32-a7e6-57ae433eb9c1"),
    ("request.blob.sas-url.create", "BlobSasUrlCreateHandler", "dfe336ce-4d21-11ea-bb6e-cfd5a68b8278"),
    ("request.blob.container.create", "ContainerCreateHandler", "24b0230e-b00f-7fae-e505-8ea18fd0b4e8"),
    ("request.blob.container.delete", "ContainerDeleteHandler", "B8AC2788-7818-11EA-BC55-024DAC130003"),
    (
        "request.blob.container.access.change",
        "ContainerAccessChangeHandler",
        "CAFEBABE-D7C9-4C66-B21A-4C775030BE09",
    ),
    ("Microsoft.Storage.BlobCreated", "BlobCreatedHandler", "9d87e668-8d8c-4dd7-a7e2-b84ff6a53784"),
    ("Microsoft.Storage.BlobDeleted", "BlobDeletedHandler", "ed59019b-5e8e-43a7-8b83-490611cdb722"),
    ("request.blob.analysis.create", "BlobAnalysisMediaInfoHandler", "A7250940-98C8-4CC5-A66C-45A2972FF3A2"),
    (
        "request.encode.mediaservicesv3.create",
        "MediaServicesV3EncodeCreateHandler",
        "EE2FCC5A-ACC6-428A-9EBE-2A248147BBE9",
    ),
    (
        "request.encode.mediaservicesv2.create",
        "MediaServicesV2EncodeCreateHandler",
        "0D2FCC5A-ACC6-428A-9EBE-2A248147BBE9",
    ),
    (
        "request.mediaservices.locator.create",
        "MediaServicesLocatorCreateHandler",
        "1CC572f4-1e57-4b32-a7e6-57ae433eb9c1",
    ),
    (
        "request.mediaservices.locator.delete",
        "MediaServicesLocatorDeleteHandler",
        "ff552563-5c1a-445a-ac7d-32fe6b89f865",
    ),
    (
        "Microsoft.Media.JobFinished",
        "MediaServicesV3EncoderStatusHandler",
        "2229453D-58CF-4F16-A2FF-19647F6CBF81",
    ),
];

#[test]
fn handlers_are_known_as_the_originals_were() {
    let register = gridwich_handlers::register();
    for (event_type, class, id) in HANDLERS {
        let handler = register.contract().iter().find(|handler| handler.event_type == *event_type);
        let handler = handler.unwrap_or_else(|| panic!("{event_type} has no handler"));
        assert_eq!((handler.handler_class, handler.handler_id), (*class, *id), "{event_type}");
    }
    let own = register.contract().iter().filter(|h| !HANDLERS.iter().any(|known| known.1 == h.handler_class));
    for handler in own {
        let taken = HANDLERS.iter().any(|known| known.2.eq_ignore_ascii_case(handler.handler_id));
        assert!(!taken, "{} has an id of the original's", handler.event_type);
    }
}

#[test]
fn numbers_of_failures_are_frozen() {
    let mut table = String::new();
    for event in log_events::ALL {
        writeln!(table, "{} {}", event.id, event.name).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn every_weakness_of_the_original_is_beaten_or_accounted_for() {
    let table = fs::read_to_string(root().join("tests/compat.md")).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")).skip(1).collect::<Vec<_>>();
    let numbers = rows.iter().map(|row| row.split(" | ").next().unwrap()).collect::<Vec<_>>();
    let expected =
        (1..=46).map(|n| n.to_string()).chain(["46a".to_owned()]).chain((47..=49).map(|n| n.to_string()));
    assert_eq!(numbers, expected.collect::<Vec<_>>());
    for row in &rows {
        assert_eq!(row.trim_end_matches(" |").split(" | ").count(), 3, "{row}");
    }
    let tests = tests();
    let named =
        table.split('`').skip(1).step_by(2).filter(|code| code.contains("::") && *code != "module::test");
    let named = named.map(str::to_owned).collect::<BTreeSet<_>>();
    assert!(named.len() > 30);
    for test in &named {
        assert!(tests.contains(test), "{test} is no test");
    }
}

/// All tests by module and name, of `tests/it` and of the library's own files.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root().join("tests/it")).unwrap() {
        let path = entry.unwrap().path();
        let Some(module) = path.file_stem().filter(|_| path.extension().is_some_and(|e| e == "rs")) else {
            continue;
        };
        collect(&fs::read_to_string(&path).unwrap(), &module.to_string_lossy(), &mut found);
    }
    let address = fs::read_to_string(root().join("src/azure/blob_storage/address.rs")).unwrap();
    collect(&address, "azure::blob_storage::address", &mut found);
    found
}

fn collect(source: &str, module: &str, found: &mut BTreeSet<String>) {
    let mut is_test = false;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
            if is_test {
                found.insert(format!("{module}::{}", rest.split('(').next().unwrap()));
            }
            is_test = false;
        }
    }
}
