//! The operation context from end to end: whatever a requestor sends comes back as it was spelled, whichever system carried
//! it meanwhile and whatever its size.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::world::World;

/// The type of each answer and the raw text of its context.
fn contexts(world: &World) -> Vec<(String, String)> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Event<'a> {
        event_type: String,
        #[serde(borrow)]
        data: Data<'a>,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Data<'a> {
        #[serde(borrow)]
        operation_context: &'a RawValue,
    }
    let raw = world.received_raw("responses");
    let events = raw.iter().map(|event| serde_json::from_slice::<Event<'_>>(event).unwrap());
    events.map(|event| (event.event_type, event.data.operation_context.get().to_owned())).collect()
}

fn delivery(event_type: &str, members: &str, context: &str) -> String {
    format!(
        r#"[{{"id":"1","eventType":"{event_type}","dataVersion":"1.0","data":{{{members},"operationContext":{context}}}}}]"#
    )
}

const COPY: &str = r#""sourceUri":"http://127.0.0.1:10000/inbox/show-17/clip.mp4","destinationUri":"http://127.0.0.1:10000/archive/show-17/clip.mp4""#;
const ENCODE: &str = r#""inputs":[{"blobUri":"http://127.0.0.1:10000/inbox/show-17/clip.mp4"}],"outputContainer":"http://127.0.0.1:10000/proxy/mbr","transformName":"AdaptiveStreaming""#;

/// Sends a context through a copy and through an encode, and returns it as each answer has it.
async fn travelled(context: &str) -> Vec<String> {
    let world = World::quiet().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    for (event_type, members) in
        [("request.blob.copy", COPY), ("request.encode.mediaservicesv3.create", ENCODE)]
    {
        let answer = world.deliver(delivery(event_type, members, context)).await;
        assert_eq!(answer.status(), 200);
        world.settled().await;
    }
    let answers = contexts(&world);
    let kinds = answers.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>();
    for expected in ["response.blob.created.success", "response.encode.mediaservicesv3.success"] {
        assert_eq!(kinds.iter().filter(|kind| **kind == expected).count(), 1, "{kinds:?}");
    }
    answers.into_iter().map(|(_, context)| context).collect()
}

#[tokio::test(start_paused = true)]
async fn every_size_comes_back() {
    for bytes in [2, 200, 900, 1_000, 1_024, 5_000, 15_000, 17_000, 100_000, 262_144] {
        let context =
            if bytes == 2 { "{}".to_owned() } else { format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8)) };
        let answers = travelled(&context).await;
        assert_eq!(answers.len(), 3 + 7, "{bytes}");
        assert!(answers.iter().all(|answer| *answer == context), "{bytes}");
    }
}

#[tokio::test(start_paused = true)]
async fn odd_spellings_come_back() {
    for context in [
        r#"{"big":123456789012345678901234567890,"float":1.0E+05,"date":"2024-01-01T00:00:00.000Z","neg":-0.0}"#,
        r#"{"b":2,"a":1,"nested":{"ü":["\u00fc","\"","\\","/","\/"]},"𝄞":null}"#,
        r#"{"twice":1,"twice":2,"__proto__":{},"~ours":1,"":""}"#,
        "{\"lone\":\"\\ud800\",\"nul\":\"\\u0000\",\"del\":\"\u{7f}\"}",
    ] {
        for answer in travelled(context).await {
            assert_eq!(answer, context);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn white_space_between_tokens_is_all_that_is_lost() {
    for answer in travelled("{ \"a\" : [ 1 ,\t2 ] ,\n\"b c\" : \" d \" }").await {
        assert_eq!(answer, r#"{"a":[1,2],"b c":" d "}"#);
    }
}

#[test]
fn any_object_comes_back_equal_and_in_the_same_spelling() {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|map| json!(map)),
        ]
    });
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) });
    let checked = runner.run(&value, |value| {
        let context = json!({ "value": value }).to_string();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        for answer in runtime.block_on(travelled(&context)) {
            prop_assert_eq!(&answer, &context);
        }
        Ok(())
    });
    checked.unwrap();
}
