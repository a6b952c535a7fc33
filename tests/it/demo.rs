//! The demo, and an encode that cannot be, on real media.

use std::process::Stdio;

use serde_json::json;

use crate::process::{Local, gridwich, port_base, read_all};

#[test]
fn the_demo_shows_a_whole_saga_and_leaves_outputs_that_play() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = folder.path().join("outputs");
    let mut command = gridwich(&["demo", "--port-base", &port_base().to_string(), "--outputs"]);
    let mut child = command
        .arg(&outputs)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (said, complained) = (read_all(child.stdout.take().unwrap()), read_all(child.stderr.take().unwrap()));
    let status = child.wait().unwrap();
    let (said, complained) = (said.join().unwrap(), complained.join().unwrap());
    assert!(status.success(), "{said}\n{complained}");
    for step in 1..=4 {
        let context = format!(r#"{{"saga":"demo","step":{step},"#);
        let mut of_step = said.lines().filter(|line| line.contains(&context) && line.contains("gridwich"));
        assert!(
            of_step.next().is_some_and(|first| first.contains("response.acknowledge")),
            "step {step}:\n{said}"
        );
    }
    for expected in
        ["JobScheduled", "JobOutputProgress", "JobFinished", "response.blob.tier.success", "1280,720"]
    {
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
