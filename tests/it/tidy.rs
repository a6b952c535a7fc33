//! The rules of the house as a program: which room may name which, what every file begins with, how handlers are named.

use std::fs;
use std::path::{Path, PathBuf};

/// Longer files are read in one sitting by nobody.
const LINES_MAX: usize = 500;

/// What files of a room must not say, and why.
struct Room {
    /// Paths that start with one of these are in the room.
    paths: &'static [&'static str],
    /// Text that must not stand there.
    never: &'static [&'static str],
    reason: &'static str,
}

const ROOMS: &[Room] = &[
    Room {
        paths: &["handlers/src/"],
        never: &[
            "tokio",
            "hyper",
            "axum",
            "reqwest",
            "azure_",
            "std::time",
            "std::env",
            "std::net",
            "std::fs",
            "rand::",
        ],
        reason: "what decides touches nothing",
    },
    Room {
        paths: &["handlers/src/event.rs", "handlers/src/operation_context", "handlers/src/operation_id.rs"],
        never: &[
            "crate::participants",
            "crate::base",
            "crate::blob",
            "crate::encode",
            "crate::mediaservices",
            "async ",
        ],
        reason: "what is on the wire knows nobody",
    },
    Room {
        paths: &["handlers/src/participants"],
        never: &["url::", "http::", "https://", "crate::blob", "crate::encode", "crate::mediaservices"],
        reason: "participants say what, not where or how",
    },
    Room {
        paths: &["handlers/src/base"],
        never: &["crate::blob", "crate::encode", "crate::mediaservices"],
        reason: "the base knows no event type of its own",
    },
    Room {
        paths: &["handlers/src/blob"],
        never: &["Publisher", "crate::encode", "crate::mediaservices"],
        reason: "a handler knows no publisher and no other topic",
    },
    Room {
        paths: &["handlers/src/encode"],
        never: &["Publisher", "crate::blob", "crate::mediaservices"],
        reason: "a handler knows no publisher and no other topic",
    },
    Room {
        paths: &["handlers/src/mediaservices"],
        never: &["Publisher", "crate::blob", "crate::encode"],
        reason: "a handler knows no publisher and no other topic",
    },
    Room {
        paths: &["src/azure"],
        never: &["Failure", "Dispatcher", "local_azure"],
        reason: "adapters translate and do not judge",
    },
    Room {
        paths: &["src/media_info"],
        never: &["Failure", "Dispatcher", "local_azure", "crate::azure"],
        reason: "adapters translate and do not judge",
    },
    Room {
        paths: &["src/endpoint.rs", "src/admission.rs", "src/bodies.rs", "src/server", "src/steps"],
        never: &["participants", "handlers::blob", "handlers::encode", "handlers::mediaservices"],
        reason: "the door knows neither handlers nor participants",
    },
    Room {
        paths: &["src/health"],
        never: &["participants", "crate::azure", "crate::config", "Dispatcher"],
        reason: "health knows what looks come to, not at whom",
    },
    Room {
        paths: &["src/config.rs"],
        never: &["gridwich_handlers", "crate::azure", "crate::endpoint", "crate::app"],
        reason: "configuration knows nothing of what is done with it",
    },
    Room {
        paths: &["crates/local-azure/"],
        never: &["gridwich", "Gridwich"],
        reason: "the local cloud knows nobody who uses it",
    },
    Room {
        paths: &["crates/header-spelling/"],
        never: &["gridwich", "Gridwich", "azure", "Azure", "x-ms-"],
        reason: "spelling has no meaning",
    },
];

/// What may be said in one place only.
const ONLY: &[(&str, &[&str])] = &[
    ("std::env", &["src/config.rs"]),
    ("now_utc", &["src/clock.rs", "crates/local-azure/src/clock.rs"]),
    ("azure_core", &["src/azure"]),
    ("landlock::", &["src/media_info/confinement.rs"]),
    ("azure_storage", &["src/azure"]),
    ("azure_identity", &["src/azure"]),
    (".publisher.publish(", &["handlers/src/base/flow.rs"]),
    ("unsafe ", &[]),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files of the project with their paths from its root.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["handlers/src", "src", "crates/header-spelling", "crates/local-azure", "tests"] {
        collect(&root().join(folder), &mut found);
    }
    assert!(found.len() > 40, "the sources are not where they were");
    found
}

fn collect(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The code of a file: no comments, and nothing below its unit tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn is_in(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path.starts_with(place))
}

#[test]
fn no_room_names_what_it_must_not() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        for room in ROOMS.iter().filter(|room| is_in(&path, room.paths)) {
            for (number, line) in code(&text) {
                faults.extend(
                    room.never
                        .iter()
                        .filter(|word| line.contains(**word))
                        .map(|word| format!("{path}:{}: names {word:?}, but {}", number + 1, room.reason)),
                );
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_belongs_to_one_place_is_said_only_there() {
    let mut faults = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| !path.contains("tests/")) {
        for (word, places) in ONLY.iter().filter(|(_, places)| !is_in(&path, places)) {
            let lines = code(&text).filter(|(_, line)| line.contains(word));
            faults.extend(
                lines.map(|(number, _)| format!("{path}:{}: {word:?} belongs in {places:?}", number + 1)),
            );
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_says_what_it_is_and_is_short_enough_to_read() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        if !text.starts_with("//! ") {
            faults.push(format!("{path}: does not open with a sentence on what it is"));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{path}: {lines} lines"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn handlers_can_be_guessed_from_their_event_types() {
    for handler in gridwich_handlers::register().contract() {
        let (topic, file, name) = expected(handler.event_type);
        let path = handler.type_name.split("::").collect::<Vec<_>>();
        let [_, found_topic, found_file, found_name] = path[..] else { panic!("{}", handler.type_name) };
        assert_eq!((found_file, found_name.to_lowercase()), (file.as_str(), name), "{}", handler.event_type);
        if let Some(topic) = topic {
            assert_eq!(found_topic, topic, "{}", handler.event_type);
        }
    }
}

/// Topic, file and type (in lower case) of an event type's handler. Platform events keep their platform name.
fn expected(event_type: &str) -> (Option<&str>, String, String) {
    let Some(request) = event_type.strip_prefix("request.") else {
        let name = event_type.rsplit('.').next().unwrap_or_default();
        return (None, snake(name), name.to_lowercase());
    };
    let request = request.replace('-', "_");
    let (_, file) = request.split_once('.').expect("a request has a topic");
    let topic = event_type.split('.').nth(1);
    (topic, file.replace('.', "_"), request.replace(['.', '_'], ""))
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (i, character) in name.chars().enumerate() {
        if character.is_uppercase() && i > 0 {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}

#[test]
fn what_decides_can_be_built_without_the_world() {
    let manifest = fs::read_to_string(root().join("handlers/Cargo.toml")).unwrap();
    let (_, dependencies) = manifest.split_once("[dependencies]").unwrap();
    for crate_name in ["tokio", "hyper", "axum", "reqwest", "azure", "rand", "getrandom", "time."] {
        assert!(!dependencies.contains(crate_name), "handlers/Cargo.toml lists {crate_name}");
    }
}

#[test]
fn every_dependency_says_what_it_spares_us() {
    let crates = ["benches/speed", "handlers", "crates/header-spelling", "crates/local-azure"]
        .map(|path| format!("{path}/Cargo.toml"));
    for file in crates.iter().map(String::as_str).chain(["Cargo.toml"]) {
        let manifest = fs::read_to_string(root().join(file)).unwrap();
        let mut is_dependency = false;
        for line in manifest.lines() {
            if line.starts_with('[') {
                is_dependency = line.ends_with("dependencies]");
            }
            let is_external =
                line.contains('=') && !line.contains("workspace = true") && !line.contains("path =");
            assert!(!is_dependency || !is_external || line.contains('#'), "{file}: {line}");
        }
    }
}
