//! `gridwich deadletter` as its users start it: against the local cloud, with what its Event Grid could not deliver.

use std::process::Output;
use std::time::Instant;

use serde_json::{Value, json};

use crate::process::{Local, PATIENCE, gridwich};

/// Runs `gridwich deadletter` to its end.
async fn deadletter(arguments: &[&str]) -> Output {
    let mut command = gridwich(&["deadletter"]);
    for variable in
        ["GRIDWICH_CONFIG", "GRIDWICH_ACCOUNT_KEY", "GRIDWICH_TOPIC_KEY", "GRIDWICH_DELIVERY_SECRET"]
    {
        command.env_remove(variable);
    }
    command.args(arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Runs it against the local cloud, and returns what it prints.
async fn local(cloud: &Local, arguments: &[&str]) -> (Option<i32>, String, String) {
    let base = cloud.text("/home").rsplit(':').next().unwrap().to_owned();
    let output = deadletter(&[arguments, &["--local", "--port-base", &base]].concat()).await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

async fn listed(cloud: &Local) -> Vec<Value> {
    let (code, printed, complained) = local(cloud, &["list", "--print", "json"]).await;
    assert_eq!(code, Some(0), "{complained}");
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until there are so many dead letters.
async fn letters(cloud: &Local, count: usize) -> Vec<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let found = listed(cloud).await;
        if found.len() == count {
            return found;
        }
        assert!(Instant::now() < until, "{found:?}");
    }
}

/// Waits until a processor answers.
async fn answers(cloud: &Local) {
    let (until, url) =
        (Instant::now() + PATIENCE, cloud.text("/processor").replace("/api/EventGrid", "/livez"));
    while cloud.client.get(&url).send().await.is_err() {
        assert!(Instant::now() < until, "no processor at {url}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn create(container: &str, padding: usize) -> Value {
    let context = json!({"container": container, "padding": "x".repeat(padding)});
    json!({"storageAccountName": "inbox", "containerName": container, "operationContext": context})
}

#[tokio::test]
async fn what_the_processor_turned_away_is_replayed_once_it_takes_it() {
    // Letters are written 0.3 s after they are given up, rather than five minutes.
    let cloud = Local::start(&["--without-processor", "--hurry", "1000"]);
    let mut narrow = cloud.serve(&[("GRIDWICH__ENDPOINT__BODY_BYTES_MAX", "4000")]);
    cloud.subscribed().await;
    let kind = "request.blob.container.create";
    cloud.publish("small", kind, &create("show-1", 10)).await;
    cloud.publish("large", kind, &create("show-2", 5_000)).await;
    cloud.publish("also", kind, &create("show-3", 5_000)).await;
    for letter in letters(&cloud, 2).await {
        let told = ["reason", "attempts", "outcome", "eventType"].map(|member| letter[member].clone());
        assert_eq!(told, [json!("NonRetriableFailure"), json!(1), json!("PayloadTooLarge"), json!(kind)]);
        assert!(letter["blob"].as_str().unwrap().starts_with("REQUESTS/REQUESTS-TO-PROCESSOR/"), "{letter}");
    }
    let (code, shown, _) = local(&cloud, &["show", "large"]).await;
    let shown = serde_json::from_str::<Value>(&shown).unwrap();
    assert_eq!((code, &shown["data"], &shown["id"]), (Some(0), &create("show-2", 5_000), &json!("large")));

    let (code, said, complained) = local(&cloud, &["replay", "large"]).await;
    assert_eq!(
        (code, said.as_str()),
        (
            Some(1),
            "refused request.blob.container.create large: the processor answered 413: expected at most 4000 bytes\n"
        )
    );
    assert!(complained.contains("1 of 1 dead letters were not accepted"), "{complained}");
    narrow.kill();
    let (code, _, complained) = local(&cloud, &["replay", "--all"]).await;
    assert!(code == Some(1) && complained.contains(" cannot be reached"), "{complained}");
    assert_eq!(listed(&cloud).await.len(), 2);

    let _wide = cloud.serve(&[]);
    answers(&cloud).await;
    let (code, said, complained) = local(&cloud, &["replay", "large"]).await;
    assert_eq!(code, Some(0), "{complained}");
    assert_eq!(said, "replayed request.blob.container.create large\n");
    // The other, by the path of its blob, as an operator with the configuration alone.
    let (left, config) = (letters(&cloud, 1).await, cloud.text("/configFile"));
    let path = left[0]["blob"].as_str().unwrap();
    let with_config = ["replay", path, "--config", config];
    let output = deadletter(&with_config).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let output = deadletter(&[&with_config[..], &["--to", cloud.text("/processor")]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(listed(&cloud).await.is_empty());

    let success = "response.blob.container.create.success";
    let heard =
        cloud.answers(|answers| answers.iter().filter(|it| it["eventType"] == success).count() == 3).await;
    let contexts = heard.iter().filter(|it| it["eventType"] == success);
    let contexts = contexts.map(|it| it["data"]["operationContext"]["container"].clone()).collect::<Vec<_>>();
    assert_eq!(contexts, ["show-1", "show-2", "show-3"]);
}

#[tokio::test]
async fn what_makes_no_sense_ends_with_two_and_what_cannot_be_read_with_one() {
    let account = ["--account", "letters01", "--container", "letters"];
    let with_key = [&account[..], &["--account-key", "aHVzaA=="]].concat();
    for (arguments, code, expected) in [
        (vec!["list"], 2, "expected --account and --container, or a configuration with [dead_letters]"),
        (vec!["list", "--since", "yesterday"], 2, "expected a time as 2026-03-04T09:00:00Z"),
        (vec!["list", "--max", "0"], 2, "0 is not in 1..=10000"),
        (vec!["replay"], 2, "<ID_OR_PATH>"),
        (vec!["replay", "1", "--all"], 2, "cannot be used with"),
        (
            [&["replay", "1", "--to", "http://p.example/", "--delivery-secret", "hush"], &with_key[..]]
                .concat(),
            2,
            "not sent in clear",
        ),
        ([&["replay", "1", "--to", "ftp://p.example/"], &with_key[..]].concat(), 2, "--to: expected the URL"),
        ([&["list", "--config", "/nowhere.toml"], &with_key[..]].concat(), 2, "/nowhere.toml"),
        (vec!["list", "--local", "--port-base", "1"], 1, "no local cloud answers"),
    ] {
        let output = deadletter(&arguments).await;
        let complained = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {complained}");
        assert!(complained.contains(expected), "{arguments:?}: {complained}");
        assert!(!complained.contains("hush") && !complained.contains("aHVzaA"), "{complained}");
    }
    let cloud = Local::start(&[]);
    let settings = std::fs::read_to_string(cloud.text("/configFile")).unwrap();
    assert!(settings.contains("[dead_letters]\naccount = \"deadletters\""), "{settings}");
    let endpoint = cloud.blob("deadletters", "");
    let settings = format!(
        "[dead_letters]\naccount = \"deadletters\"\ncontainer = \"egt-dead-letter\"\n\
         [[storage.accounts]]\nname = \"deadletters\"\nendpoint = {endpoint:?}\n"
    );
    let file = cloud.folder().join("operator.toml");
    std::fs::write(&file, settings).unwrap();
    let output =
        deadletter(&["list", "--config", &file.to_string_lossy(), "--account-key", "aHVzaA=="]).await;
    let complained = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{complained}");
    assert!(
        complained.contains("access to the container \"egt-dead-letter\" of dead letters was denied"),
        "{complained}"
    );
    assert!(!complained.contains("aHVzaA"), "{complained}");
}
