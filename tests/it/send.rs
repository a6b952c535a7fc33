//! `gridwich send` as its users start it: what it refuses, what it publishes, and what it shows of an operation.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::process::{Local, gridwich, make_clip};

/// A port that nobody listens to: the first of all.
const NOWHERE: &str = "http://127.0.0.1:1";
/// Any access key.
const KEY: &str = "bm90IHRoZSBrZXk=";

struct Sent {
    code: Option<i32>,
    said: String,
    complained: String,
}

/// Runs `gridwich send` to its end, with something on standard input.
async fn send(arguments: &[&str], input: &str) -> Sent {
    let mut command = gridwich(&["send"]);
    command.args(arguments).env_remove("GRIDWICH_TOPIC_KEY");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever is refused at once does not read.
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Sent { code: output.status.code(), said: text(output.stdout), complained: text(output.stderr) }
}

/// Runs it against the local cloud.
async fn send_to(local: &Local, arguments: &[&str]) -> Sent {
    let base = port_base(local);
    send(&[&["--local", "--port-base", &base], arguments].concat(), "").await
}

fn port_base(local: &Local) -> String {
    local.text("/home").rsplit(':').next().unwrap().to_owned()
}

fn request(id: &str, container: &str) -> Value {
    json!({
        "id": id,
        "eventType": "request.blob.container.create",
        "data": {"storageAccountName": "inbox", "containerName": container, "operationContext": {"id": id}},
    })
}

#[tokio::test]
async fn an_invalid_event_is_not_sent_and_the_member_is_named() {
    let data = r#"{"sourceUri":"https://a/c/b?sig=hush","destinationUri":7}"#;
    let flags = ["--topic", NOWHERE, "--key", KEY, "--type", "request.blob.copy", "--data", data];
    let sent = send(&flags, "").await;
    assert_eq!(sent.code, Some(2), "{}", sent.complained);
    let expected = "request.blob.copy: data.destinationUri: expected a string, found a number";
    assert!(sent.complained.contains(expected), "{}", sent.complained);
    assert!(!sent.complained.contains("hush"), "{}", sent.complained);

    let file = ["--topic", NOWHERE, "--key", KEY, "--file", "-"];
    let mut second = request("2", "show-17");
    second["data"] = json!({"storageAccountName": "inbox"});
    let sent = send(&file, &json!([request("1", "show-17"), second]).to_string()).await;
    let expected = "[1] request.blob.container.create: data: expected a member \"containerName\", found none";
    assert!(sent.code == Some(2) && sent.complained.contains(expected), "{}", sent.complained);
    for (text, expected) in [
        ("[]", "expected at least one event"),
        ("{}", "missing field `eventType`"),
        (r#"{"specversion":"1.0"}"#, "unknown field `specversion`"),
        ("{\"eventType\":\"https://a/b?sig=hush\",", "expected an event in the Event Grid schema"),
        (&format!("{}1", " ".repeat(1_048_576)), "expected at most 1048576 bytes"),
    ] {
        let sent = send(&file, text).await;
        assert!(sent.code == Some(2) && sent.complained.contains(expected), "{}", sent.complained);
        assert!(!sent.complained.contains("hush"), "{}", sent.complained);
    }
}

#[tokio::test]
async fn an_unknown_event_type_is_refused_with_the_nearest_one() {
    let flags = ["--topic", NOWHERE, "--key", KEY, "--type", "request.blob.copi"];
    let sent = send(&flags, "").await;
    assert_eq!(sent.code, Some(2));
    assert!(sent.complained.contains("the nearest is request.blob.copy"), "{}", sent.complained);
    // Sent all the same, it only fails because nobody is there.
    let sent = send(&[&flags[..], &["--unchecked"]].concat(), "").await;
    assert_eq!(sent.code, Some(1));
    assert!(sent.complained.contains("the topic cannot be reached"), "{}", sent.complained);
}

#[tokio::test]
async fn without_a_key_a_token_is_shown_but_never_in_clear() {
    let data = r#"{"storageAccountName":"inbox","containerName":"show-17"}"#;
    let flags = ["--type", "request.blob.container.create", "--data", data];
    let sent = send(&[&["--topic", NOWHERE], &flags[..]].concat(), "").await;
    assert_eq!(sent.code, Some(1));
    assert!(sent.complained.contains("tokens are not sent in clear"), "{}", sent.complained);
}

#[tokio::test]
async fn what_the_command_line_contradicts_is_refused() {
    for (arguments, expected) in [
        (&["--type", "request.blob.copy"][..], "--topic"),
        (&["--topic", NOWHERE], "--file"),
        (&["--topic", NOWHERE, "--file", "-", "--data", "{}"], "cannot be used with"),
        (&["--topic", NOWHERE, "--type", "t", "--follow"], "cannot be used with"),
        (&["--topic", NOWHERE, "--type", "t", "--context", "7"], "--context: expected a JSON object"),
        (
            &["--topic", NOWHERE, "--type", "t", "--data", "7", "--context", "{}"],
            "--data: expected an object",
        ),
        (
            &["--topic", NOWHERE, "--type", "t", "--data", r#"{"OperationContext":1}"#, "--context", "{}"],
            "has a member operationContext already",
        ),
    ] {
        let sent = send(arguments, "").await;
        assert!(sent.code == Some(2) && sent.complained.contains(expected), "{}", sent.complained);
    }
}

#[tokio::test]
async fn events_reach_the_topic_as_they_were_spelled() {
    let local = Local::start(&[]);
    let events = json!([request("one", "show-1"), request("two", "show-2")]).to_string();
    let topic = ["--topic", local.text("/topics/requests/endpoint")];
    let refused = send(&[&topic[..], &["--key", KEY, "--file", "-"]].concat(), &events).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.complained.contains("the topic answered 401"), "{}", refused.complained);
    assert!(!refused.complained.contains(KEY), "{}", refused.complained);

    let key = local.text("/topics/requests/key");
    let sent = send(&[&topic[..], &["--key", key, "--file", "-"]].concat(), &events).await;
    assert_eq!(sent.code, Some(0), "{}", sent.complained);
    let expected =
        "published request.blob.container.create one\npublished request.blob.container.create two\n";
    assert_eq!(sent.said, expected);

    let data = r#"{"storageAccountName":"inbox","containerName":"show-3"}"#;
    let context = r#"{"z":1.50,"a":12345678901234567890123}"#;
    let flags = ["--type", "request.blob.container.create", "--data", data, "--context", context];
    assert_eq!(send_to(&local, &flags).await.code, Some(0));
    let answers = local.answers(|answers| {
        let ended = answers.iter().filter(|it| it["eventType"] == "response.blob.container.create.success");
        ended.count() == 3
    });
    answers.await;
    let watched = local.client.get(local.text("/topics/responses/watch")).send().await.unwrap();
    let mut seen = Vec::new();
    let mut chunks = std::pin::pin!(watched.bytes_stream());
    while !String::from_utf8_lossy(&seen).contains(&format!(r#""operationContext":{context}"#)) {
        seen.extend_from_slice(&futures_util::StreamExt::next(&mut chunks).await.unwrap().unwrap());
    }
}

#[tokio::test]
async fn an_operation_is_followed_to_its_success_and_no_other_is_shown() {
    let local = Local::start(&[]);
    local.upload("inbox/master.mxf", b"not much of a film".to_vec());
    local.publish("other", "request.blob.container.create", &request("other", "others")["data"]).await;
    let copy = |name: &str| {
        let (from, to) = (local.blob("inbox", "inbox/master.mxf"), local.blob("archive", name));
        json!({"sourceUri": from, "destinationUri": to}).to_string()
    };
    let data = copy("show-17/master.mxf");
    let copied = ["--follow", "--type", "request.blob.copy", "--id", "copy-1", "--data", &data];
    let with_context = [&copied[..], &["--context", r#"{"saga":7,"title":"Überraschung"}"#]].concat();
    let sent = send_to(&local, &with_context).await;
    assert_eq!(sent.code, Some(0), "{}", sent.complained);
    let (timeline, data) = sent.said.split_once("\n{").unwrap();
    assert!(data.contains("blobUri"), "{data}");
    let shown = timeline.lines().map(|line| line.split_whitespace().nth(2).unwrap());
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            "request.blob.copy",
            "response.acknowledge",
            "response.blob.copy.scheduled",
            "Microsoft.Storage.BlobCreated",
            "response.blob.created.success",
        ],
    );
    assert!(timeline.lines().all(|line| line.contains(r#"{"saga":7,"title":"Überraschung"}"#)), "{timeline}");

    // The same request again is the same operation, which has ended already; another under its id is not.
    assert_eq!(send_to(&local, &with_context).await.code, Some(0));
    let onto_itself = json!({
        "sourceUri": local.blob("inbox", "inbox/master.mxf"), "destinationUri": local.blob("inbox", "inbox/master.mxf"),
    });
    let onto_itself = onto_itself.to_string();
    let other =
        ["--follow", "--type", "request.blob.copy", "--id", "copy-1", "--data", &onto_itself, "--context"];
    let other = [&other[..], &[r#"{"saga":7,"title":"Überraschung"}"#]].concat();
    assert_eq!(send_to(&local, &other).await.code, Some(3));

    let data = copy("show-17/second.mxf");
    let without_context = ["--follow", "--type", "request.blob.copy", "--data", &data];
    let sent = send_to(&local, &without_context).await;
    let shown = sent.said.split("\n{").next().unwrap().lines().count();
    assert_eq!((sent.code, shown), (Some(0), 5), "{}{}", sent.said, sent.complained);

    let data = copy("show-17/third.mxf");
    let muted = ["--follow", "--type", "request.blob.copy", "--data", &data, "--context", r#"{"~muted":1}"#];
    let sent = send_to(&local, &muted).await;
    assert_eq!(sent.code, Some(0), "{}{}", sent.said, sent.complained);
    let roll = [
        "--follow",
        "--type",
        "request.rollkey.storage",
        "--data",
        r#"{"account":"other","keyName":"key1"}"#,
    ];
    let sent = send_to(&local, &roll).await;
    assert_eq!(sent.code, Some(3), "{}{}", sent.said, sent.complained);
    assert!(sent.complained.contains("not one of those configured"), "{}", sent.complained);
}

#[tokio::test]
async fn an_encode_is_followed_through_its_progress() {
    let local = Local::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4");
    make_clip(&clip);
    local.upload("inbox/clip.mp4", std::fs::read(clip).unwrap());
    let event = json!({
        "eventType": "request.encode.mediaservicesv3.create",
        "data": {
            "inputs": [{"blobUri": local.blob("inbox", "inbox/clip.mp4")}],
            "outputContainer": local.blob("proxy", "clips"),
            "transformName": "AdaptiveStreaming",
            "operationContext": {"clip": 1},
        },
    });
    let file = folder.path().join("event.json");
    std::fs::write(&file, event.to_string()).unwrap();
    let sent = send_to(&local, &["--follow", "--file", &file.to_string_lossy()]).await;
    assert_eq!(sent.code, Some(0), "{}{}", sent.said, sent.complained);
    for expected in ["dispatched", "Microsoft.Media.JobFinished", "processing", " %", "v3.success"] {
        assert!(sent.said.contains(expected), "{expected} in\n{}", sent.said);
    }
}

#[tokio::test]
async fn an_operation_is_followed_to_its_failure() {
    let local = Local::start(&[]);
    let data = json!({
        "sourceUri": local.blob("inbox", "inbox/nobody.mxf"),
        "destinationUri": local.blob("archive", "show-17/nobody.mxf"),
    });
    let data = data.to_string();
    let sent = send_to(&local, &["--follow", "--type", "request.blob.copy", "--data", &data]).await;
    assert_eq!(sent.code, Some(3), "{}{}", sent.said, sent.complained);
    assert!(sent.said.lines().last().unwrap().contains("response.failure"), "{}", sent.said);
    assert!(sent.complained.contains("the operation failed: "), "{}", sent.complained);
}

#[tokio::test]
async fn whoever_follows_waits_no_longer_than_asked_and_only_where_there_is_a_cloud() {
    let local = Local::start(&["--without-processor"]);
    let data = r#"{"storageAccountName":"inbox","containerName":"show-17"}"#;
    let request = ["--type", "request.blob.container.create", "--data", data];
    let sent = send_to(&local, &[&request[..], &["--follow", "--timeout", "1"]].concat()).await;
    assert_eq!(sent.code, Some(4), "{}{}", sent.said, sent.complained);
    assert!(sent.complained.contains("1 seconds have passed before the outcome"), "{}", sent.complained);

    let base = port_base(&local);
    drop(local);
    let sent = send(&[&["--local", "--port-base", &base], &request[..]].concat(), "").await;
    assert_eq!(sent.code, Some(1));
    assert!(sent.complained.contains("no local cloud answers at http://127.0.0.1:"), "{}", sent.complained);
}

#[tokio::test]
async fn the_local_cloud_is_found_where_it_speaks_tls() {
    let local = Local::start(&["--tls"]);
    let data = r#"{"storageAccountName":"inbox","containerName":"show-17"}"#;
    let request = ["--follow", "--type", "request.blob.container.create", "--data", data];
    let sent = send_to(&local, &request).await;
    let shown = sent.said.split("\n{").next().unwrap().lines().count();
    assert_eq!((sent.code, shown), (Some(0), 3), "{}{}", sent.said, sent.complained);
}
