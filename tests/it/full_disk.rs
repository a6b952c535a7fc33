//! The local cloud on a disk that is full for a while: what it cannot keep it refuses, and what it has begun it ends when there
//! is room again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::process::Local;

const ACKNOWLEDGE: &str = "response.acknowledge";
const CREATED: &str = "response.blob.container.create.success";
const COPIED: &str = "response.blob.created.success";
const FAILURE: &str = "response.failure";
const OUTCOMES: [&str; 3] = [CREATED, COPIED, FAILURE];

/// A container and a copy for each name.
fn requests(local: &Local, names: &[String]) -> Vec<(String, &'static str, Value)> {
    let requests = names.iter().flat_map(|name| {
        let container = json!({
            "storageAccountName": "inbox", "containerName": name, "operationContext": {"op": format!("container {name}")},
        });
        let copy = json!({
            "sourceUri": local.blob("inbox", "inbox/clip.mp4"),
            "destinationUri": local.blob("archive", &format!("{name}/clip.mp4")),
            "operationContext": {"op": format!("copy {name}")},
        });
        let (of_container, of_copy) = (format!("container-{name}"), format!("copy-{name}"));
        [(of_container, "request.blob.container.create", container), (of_copy, "request.blob.copy", copy)]
    });
    requests.collect()
}

/// The types under which each operation was answered; repeated answers once.
fn heard(answers: &[Value]) -> BTreeMap<&str, BTreeSet<(&str, &str)>> {
    let mut heard = BTreeMap::<_, BTreeSet<_>>::new();
    for answer in answers {
        let Some(operation) = answer["data"]["operationContext"]["op"].as_str() else { continue };
        let (event_type, id) = (answer["eventType"].as_str().unwrap(), answer["id"].as_str().unwrap());
        heard.entry(operation).or_default().insert((event_type, id));
    }
    heard
}

fn outcomes<'a>(said: &BTreeSet<(&'a str, &'a str)>) -> Vec<&'a str> {
    said.iter()
        .map(|(event_type, _)| *event_type)
        .filter(|event_type| OUTCOMES.contains(event_type))
        .collect()
}

fn all_have_outcomes(answers: &[Value], operations: usize) -> bool {
    let heard = heard(answers);
    heard.len() == operations && heard.values().all(|said| !outcomes(said).is_empty())
}

fn names(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("show-{number:02}")).collect()
}

#[tokio::test]
async fn a_full_disk_refuses_and_when_there_is_room_again_everything_has_been_answered_once() {
    let local = Local::start(&["--hurry", "100"]);
    local.upload("inbox/clip.mp4", b"moving pictures".to_vec());
    // Copies take 0.3 s here: some of these are under way when the disk is full.
    local.publish_all(&requests(&local, &names(0, 5))).await;
    let is_scheduled = |answer: &Value| answer["eventType"] == "response.blob.copy.scheduled";
    local.answers(|answers| answers.iter().any(is_scheduled)).await;
    local.fill_disk(true);
    local.publish_all(&requests(&local, &names(5, 15))).await;
    // What is answered cannot be kept, and so is not said: no more than the acknowledgments is to be heard of the new ones.
    local.answers(|answers| heard(answers).len() == 30).await;
    local.fill_disk(false);
    local.publish_all(&requests(&local, &names(15, 20))).await;
    let answers = local.answers(|answers| all_have_outcomes(answers, 40)).await;
    for (operation, said) in heard(&answers) {
        let acknowledgments = said.iter().filter(|(event_type, _)| *event_type == ACKNOWLEDGE).count();
        let outcomes = outcomes(&said);
        assert_eq!((acknowledgments, outcomes.len()), (1, 1), "{operation}: {said:?}");
        let is_later = names(15, 20).iter().any(|name| operation.ends_with(name));
        assert!(!is_later || outcomes != [FAILURE], "{operation}: {said:?}");
    }
    // What was said to be there is there for the next process, too.
    let local = local.restart(&["--hurry", "100"]);
    for (operation, said) in heard(&answers).into_iter().filter(|(_, said)| outcomes(said) != [FAILURE]) {
        let (kind, name) = operation.split_once(' ').unwrap();
        let account = if kind == "copy" { "archive" } else { "inbox" };
        let record = local.folder().join("storage/accounts").join(account).join(name).join("container.json");
        assert!(record.exists(), "{operation}: {said:?}");
    }
}
