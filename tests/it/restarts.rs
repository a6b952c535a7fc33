//! The local cloud that is killed, or told to stop, while it encodes, and started again in the same folder.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Local, gridwich, port_base};

const TRANSFORM: &str = "H264SingleBitrateSD";
const PROCESSING: &str = "response.encode.mediaservicesv3.processing";
const SUCCESS: &str = "response.encode.mediaservicesv3.success";

/// A cloud that encodes a clip of two seconds in about ten, and has begun to.
async fn encoding() -> Local {
    let local = Local::start(&["--encoder-speed", "0.2", "--hurry", "20"]);
    let data = local.clip_to_encode(&json!({"kill": 3}));
    local.publish("1", "request.encode.mediaservicesv3.create", &data).await;
    local.answered(PROCESSING).await;
    assert!(!local.workers().is_empty(), "nothing encodes");
    local
}

/// No encoder outlives the cloud by three seconds.
async fn no_worker_is_left(local: &Local) {
    let until = Instant::now() + Duration::from_secs(3);
    loop {
        let workers = local.workers();
        if workers.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "{workers:?} still work");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Everything that is answered until the encode has succeeded and a later request was answered too.
async fn answers_to_the_end(local: &Local) -> Vec<Value> {
    local.answered(SUCCESS).await;
    let data =
        json!({"storageAccountName": "inbox", "containerName": "last", "operationContext": {"kill": 4}});
    local.publish("2", "request.blob.container.create", &data).await;
    local.answered("response.blob.container.create.success").await
}

fn ids(answers: &[Value], event_type: &str) -> BTreeSet<String> {
    let of_type = answers.iter().filter(|answer| answer["eventType"] == event_type);
    of_type.map(|answer| answer["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_cloud_killed_while_it_encodes_goes_on_and_the_requestor_hears_one_outcome() {
    let mut local = encoding().await;
    local.process.kill();
    no_worker_is_left(&local).await;
    let local = local.restart(&["--hurry", "20"]);
    let answers = answers_to_the_end(&local).await;
    let outcome = ids(&answers, SUCCESS);
    assert_eq!(outcome.len(), 1);
    assert_eq!(ids(&answers, "response.failure").len(), 0, "{answers:?}");
    let success = answers.iter().find(|answer| answer["eventType"] == SUCCESS).unwrap();
    assert_eq!(success["data"]["operationContext"], json!({"kill": 3}));
    assert_eq!(local.jobs(TRANSFORM).await.len(), 1);
    let scratch = std::fs::read_dir(local.folder().join("scratch")).unwrap();
    let left = scratch.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("job-")), "{left:?}");
    let local = local.restart(&["--hurry", "20"]);
    assert_eq!(local.jobs(TRANSFORM).await.len(), 1);
    let data = json!({"storageAccountName": "inbox", "containerName": "very-last", "operationContext": {}});
    local.publish("3", "request.blob.container.create", &data).await;
    let answers = local.answered("response.blob.container.create.success").await;
    assert!(ids(&answers, SUCCESS).is_subset(&outcome), "another outcome");
    assert_eq!(ids(&answers, "response.failure").len(), 0, "{answers:?}");
}

#[tokio::test]
async fn a_cloud_told_to_stop_takes_its_encoder_with_it_and_goes_on_later() {
    let mut local = encoding().await;
    local.process.signal("TERM");
    assert_eq!(local.process.ended().await, Some(0));
    no_worker_is_left(&local).await;
    let local = local.restart(&["--hurry", "20"]);
    let answers = answers_to_the_end(&local).await;
    assert_eq!((ids(&answers, SUCCESS).len(), ids(&answers, "response.failure").len()), (1, 0));
}

#[tokio::test]
async fn a_folder_that_is_in_use_is_refused() {
    let local = Local::start(&["--without-processor"]);
    let (folder, base) = (local.folder().to_string_lossy(), port_base().to_string());
    let mut second = gridwich(&["local", "--port-base", &base, "--data", &folder]);
    let output = second.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("another gridwich local is using this folder"), "{said}");
}
