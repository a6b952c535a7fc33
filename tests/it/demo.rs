//! The demo, and an encode that cannot be, on real media.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::json;

use crate::browser::{assert_moves, seen};
use crate::process::{Local, Process, gridwich, port_base, read_all};

#[tokio::test]
async fn the_demo_shows_a_whole_saga_and_what_it_publishes_moves_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = folder.path().join("outputs");
    let mut command = gridwich(&["demo", "--stay", "--port-base", &port_base().to_string(), "--outputs"]);
    let mut demo = Process::start(command.arg(&outputs).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let complained = read_all(demo.child.stderr.take().unwrap());
    let mut said = String::new();
    let mut lines = BufReader::new(demo.child.stdout.take().unwrap()).lines();
    for line in lines.by_ref() {
        said = said + &line.unwrap() + "\n";
        if said.contains("Staying up until Ctrl-C") {
            break;
        }
    }
    let urls = said.lines().filter_map(|line| line.trim().split_once(" https://"));
    let urls = urls.map(|(_, url)| format!("https://{url}")).collect::<Vec<_>>();
    assert_eq!(urls.len(), 2, "{said}");
    seen(&urls, None).iter().for_each(assert_moves);
    demo.signal("INT");
    let status = demo.ended().await;
    assert_eq!(status, Some(0), "{said}\n{}", complained.join().unwrap());
    for step in 1..=6 {
        let context = format!(r#"{{"saga":"demo","step":{step},"#);
        let mut of_step = said.lines().filter(|line| line.contains(&context) && line.contains("gridwich"));
        assert!(
            of_step.next().is_some_and(|first| first.contains("response.acknowledge")),
            "step {step}:\n{said}"
        );
    }
    for expected in [
        "JobScheduled",
        "JobOutputProgress",
        "JobFinished",
        "response.blob.tier.success",
        "1280,720",
        "mjpeg",
    ] {
        assert!(said.contains(expected), "{expected} in\n{said}");
    }
    let played = said.lines().filter_map(|line| line.trim().strip_prefix("file://")).count();
    assert!(played >= 2, "{said}");
    assert_eq!(std::fs::read_dir(&outputs).unwrap().count(), played);
}

#[tokio::test]
async fn a_text_file_is_not_encoded_and_the_requestor_hears_why() {
    let local = Local::start(&[]);
    local.upload("inbox/letter.mp4", b"Dear encoder, this is no clip.".to_vec());
    let data = json!({
        "inputs": [{"blobUri": local.blob("inbox", "inbox/letter.mp4")}],
        "outputContainer": local.blob("proxy", "letters"),
        "transformName": "AdaptiveStreaming",
        "operationContext": {"letter": 1},
    });
    local.publish("1", "request.encode.mediaservicesv3.create", &data).await;
    let answers = local.answered("response.failure").await;
    let failure = &answers.last().unwrap()["data"];
    assert_eq!(failure["logEventId"], 551_008);
    assert_eq!(failure["operationContext"], json!({"letter": 1}));
    assert_eq!(failure["eventType"], "Microsoft.Media.JobErrored");
    let message = failure["logEventMessage"].as_str().unwrap();
    assert!(message.starts_with("the job failed: Output-0: "), "{message}");
}
