//! Requests that no processor survives, and requests that fail because somebody is out of reach: told once, in nobody's way,
//! kept as dead letters, and replayed when the cause is mended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clap::Parser;
use futures_util::FutureExt as _;
use gridwich::app::App;
use gridwich::azure::wire::{Wire, WireError};
use gridwich::config::Config;
use gridwich::deadletter::{DeadLetterArguments, DeadLetterError, run_on};
use gridwich::steps::{StepKey, Steps, Verdict};
use gridwich::telemetry::Telemetry;
use gridwich_handlers::participants::Storage as _;
use http::{Request, Response, StatusCode, request};
use local_azure::faults::Fault;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::{Network, Options, PROCESSOR, World, address, config, only, types};

const SETTINGS: &str = "[dead_letters]\naccount = \"proxy\"\ncontainer = \"dead-letters\"\n";
/// The same where nobody hears of blobs that others put somewhere.
const QUIET: &str =
    "[requests]\nannounce = \"ours\"\n[dead_letters]\naccount = \"proxy\"\ncontainer = \"dead-letters\"\n";
pub const CREATED: &str = "response.blob.container.create.success";

/// A wire on which some requests make whoever sends them panic, as a fault in an adapter would.
struct Brittle {
    network: Arc<Network>,
    breaks: Box<dyn Fn(&request::Parts) -> bool + Send + Sync>,
}

#[async_trait]
impl Wire for Brittle {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WireError> {
        let (parts, body) = request.into_parts();
        assert!(!(self.breaks)(&parts), "broken on purpose");
        Wire::send(&*self.network, Request::from_parts(parts, body)).await
    }
}

pub async fn world() -> World {
    World::with(Options { config: QUIET, ..Options::default() }).await
}

fn settings() -> Config {
    Config::from_toml(&(config() + SETTINGS)).unwrap()
}

/// Puts a processor in place that some requests to others break.
fn break_processor(world: &World, breaks: impl Fn(&request::Parts) -> bool + Send + Sync + 'static) -> App {
    let settings = settings();
    let telemetry = Telemetry::new(&settings.telemetry).unwrap();
    let wire = Brittle { network: Arc::clone(&world.network), breaks: Box::new(breaks) };
    let wire = Arc::new(wire) as Arc<dyn Wire>;
    let app = App::new(&settings, &wire, &telemetry).unwrap();
    world.network.connect(PROCESSOR, app.router.clone());
    app
}

fn is_poisoned(parts: &request::Parts) -> bool {
    parts.method == "PUT" && parts.uri.path().ends_with("/poisoned")
}

pub fn create(id: &str, container: &str) -> Value {
    json!({
        "id": id, "subject": "/orders", "eventType": "request.blob.container.create", "dataVersion": "1.0",
        "eventTime": "2026-03-04T09:10:00.0000000Z",
        "data": {"storageAccountName": "archive", "containerName": container, "operationContext": {"id": id}},
    })
}

pub fn copy(id: &str) -> Value {
    json!({
        "id": id, "subject": "/orders", "eventType": "request.blob.copy", "dataVersion": "1.0",
        "eventTime": "2026-03-04T09:10:00Z",
        "data": {
            "sourceUri": "http://127.0.0.1:10000/inbox/show-17/clip.mp4?sig=hush",
            "destinationUri": "http://127.0.0.1:10000/archive/show-17/clip.mp4",
            "operationContext": {"n": 1.50, "id": id},
        },
    })
}

#[derive(Parser)]
struct Terminal {
    #[command(flatten)]
    deadletter: DeadLetterArguments,
}

/// Runs `gridwich deadletter` in memory, and returns what it prints.
pub async fn deadletter(world: &World, arguments: &[&str]) -> (Result<(), DeadLetterError>, String) {
    let arguments = Terminal::try_parse_from([&["gridwich"], arguments].concat()).unwrap();
    let wire = Arc::clone(&world.network) as Arc<dyn Wire>;
    let (mut out, processor) = (Vec::new(), format!("http://{PROCESSOR}/api/EventGrid"));
    let ended = run_on(arguments.deadletter, &settings(), Some(processor), &wire, &mut out).await;
    (ended, String::from_utf8(out).unwrap())
}

/// What is listed, each line without its time.
pub async fn listed(world: &World, filters: &[&str]) -> Vec<Value> {
    let (ended, printed) = deadletter(world, &[&["list", "--print", "json"], filters].concat()).await;
    ended.unwrap();
    let letters = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    letters.collect()
}

#[tokio::test(start_paused = true)]
async fn a_request_that_breaks_the_processor_is_told_once_and_disturbs_no_other() {
    // Our own letters are announced to nobody, although the account is watched.
    let world = World::with(Options { config: SETTINGS, ..Options::default() }).await;
    break_processor(&world, is_poisoned);
    let batch = json!([create("1", "show-1"), create("2", "poisoned"), create("3", "show-3")]);
    for tries_before in 0..3 {
        assert_eq!(world.deliver_again(tries_before, &batch).await, StatusCode::OK);
        break_processor(&world, is_poisoned);
    }
    world.settled().await;
    let mut answers = world.answers();
    answers.sort_by_key(|answer| answer["id"].to_string());
    answers.dedup_by_key(|answer| answer["id"].clone());
    let count = |event_type| types(&answers).iter().filter(|it| **it == event_type).count();
    assert_eq!((count("response.acknowledge"), count(CREATED), answers.len()), (3, 2, 6));
    let failure = &only(&answers, "response.failure")["data"];
    assert_eq!((&failure["eventId"], &failure["logEventId"]), (&json!("2"), &json!(502_004)));
    assert_eq!(failure["operationContext"], json!({"id": "2"}));
    assert!(!failure.to_string().contains("on purpose"), "{failure}");

    let letters = listed(&world, &[]).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = &letters[0];
    assert!(
        letter["blob"].as_str().unwrap().starts_with("GRIDWICH/REQUEST.BLOB.CONTAINER.CREATE/2026/03/04/09/")
    );
    for (member, value) in [
        ("reason", json!("HandlerPanicked")),
        ("attempts", json!(1)),
        ("outcome", json!("GridwichUnhandledException")),
        ("eventType", json!("request.blob.container.create")),
        ("id", json!("2")),
        ("subject", json!("/orders")),
    ] {
        assert_eq!(letter[member], value, "{member}");
    }
}

#[tokio::test(start_paused = true)]
async fn once_the_cause_is_mended_a_letter_is_replayed_as_another_operation_of_the_same_context() {
    let world = world().await;
    break_processor(&world, is_poisoned);
    world.deliver_again(0, &json!([create("2", "poisoned")])).await;
    let before = world.answers().len();
    world.replace_processor();

    let (ended, said) = deadletter(&world, &["replay", "2", "--dry-run"]).await;
    ended.unwrap();
    let (would, new_id) = said.trim_end().rsplit_once(' ').unwrap();
    assert_eq!(would, "would replay request.blob.container.create 2 ->");
    assert_eq!((listed(&world, &[]).await.len(), world.answers().len()), (1, before));

    let (ended, said) = deadletter(&world, &["replay", "2", "--keep"]).await;
    ended.unwrap();
    assert_eq!(said, format!("replayed request.blob.container.create 2 -> {new_id}\n"));
    let answers = world.answers().split_off(before);
    assert_eq!(types(&answers), ["response.acknowledge", CREATED]);
    assert_eq!(answers[0]["data"]["eventId"], new_id);
    assert_eq!(answers[1]["data"]["operationContext"], json!({"id": "2"}));

    // The letter is still there: replayed again, it is the same operation.
    world.replace_processor();
    let (ended, again) = deadletter(&world, &["replay", "--all"]).await;
    ended.unwrap();
    assert_eq!(again, said);
    let repeated = world.answers().split_off(before + 2);
    let ids = |answers: &[Value]| answers.iter().map(|answer| answer["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&repeated), ids(&answers));
    assert!(listed(&world, &[]).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn under_its_own_id_a_request_that_was_answered_hears_that_answer_again() {
    let world = world().await;
    break_processor(&world, is_poisoned);
    world.deliver_again(0, &json!([create("2", "poisoned")])).await;
    let before = world.answers();
    world.replace_processor();
    let (ended, said) = deadletter(&world, &["replay", "2", "--same-id"]).await;
    ended.unwrap();
    assert_eq!(said, "replayed request.blob.container.create 2\n");
    let failures = |answers: &[Value]| only(answers, "response.failure")["id"].clone();
    assert_eq!(failures(&world.answers().split_off(before.len())), failures(&before));
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_storage_stays_out_of_reach_fails_once_when_the_patience_is_over() {
    let world = world().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    let faults = world.cloud.faults.storage.clone();
    faults.always(Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None), |parts| {
        parts.method == "HEAD" && parts.uri.path().ends_with("/inbox/show-17/clip.mp4")
    });
    for tries_before in 0..8 {
        let status = world.deliver_again(tries_before, &json!([copy("1")])).await;
        let expected = if tries_before <= 5 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        assert_eq!(status, expected, "{tries_before}");
        world.replace_processor();
    }
    let mut answers = world.answers();
    answers.sort_by_key(|answer| answer["id"].to_string());
    answers.dedup_by_key(|answer| answer["id"].clone());
    assert_eq!(
        (answers.len(), only(&answers, "response.failure")["data"]["eventId"].clone()),
        (2, json!("1"))
    );
    let letters = listed(&world, &["--reason", "ParticipantUnavailable"]).await;
    assert_eq!((letters.len(), &letters[0]["attempts"]), (1, &json!(7)));

    faults.clear();
    let before = world.answers().len();
    deadletter(&world, &["replay", "1"]).await.0.unwrap();
    world.settled().await;
    let answers = world.answers().split_off(before);
    let success = only(&answers, "response.blob.created.success");
    assert_eq!(success["data"]["operationContext"].to_string(), r#"{"id":"1","n":1.5}"#);
}

#[tokio::test(start_paused = true)]
async fn a_request_of_which_nothing_is_remembered_is_kept_once_however_often_it_comes() {
    let world = world().await;
    let out_of_reach = Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None);
    world.cloud.faults.storage.always(out_of_reach, |parts| parts.uri.path().contains("gridwich-contexts"));
    let mut event = create("1", "poisoned");
    event.as_object_mut().unwrap().remove("eventTime");
    // When the patience with the memory is over.
    for tries_before in [8, 9, 10] {
        break_processor(&world, is_poisoned);
        assert_eq!(world.deliver_again(tries_before, &json!([event])).await, StatusCode::OK);
    }
    let failures = world.answers().into_iter().filter(|it| it["eventType"] == "response.failure");
    let failures = failures.map(|mut it| it["id"].take()).collect::<Vec<_>>();
    assert!(failures.len() == 3 && failures.iter().all(|id| *id == failures[0]), "{failures:?}");
    let letters = listed(&world, &[]).await;
    assert_eq!((letters.len(), &letters[0]["attempts"]), (1, &json!(11)));
    let (blob, folder) = (letters[0]["blob"].as_str().unwrap(), "GRIDWICH/REQUEST.BLOB.CONTAINER.CREATE/");
    assert!(
        blob.strip_prefix(folder).is_some_and(|name| !name.contains('/')),
        "the event names no time: {blob}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_publication_that_breaks_leaves_its_slot_to_the_next() {
    let world = world().await;
    let is_broken = Arc::new(AtomicBool::new(true));
    let breaks = Arc::clone(&is_broken);
    break_processor(&world, move |parts| {
        breaks.load(Ordering::Relaxed) && parts.uri.path().contains("/topics/responses")
    });
    // More often than there are POSTs at once.
    for id in 0..8 {
        let batch = json!([create(&id.to_string(), &format!("show-{id}"))]);
        assert_eq!(world.deliver_again(0, &batch).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    is_broken.store(false, Ordering::Relaxed);
    assert_eq!(world.deliver_again(1, &json!([create("0", "show-0")])).await, StatusCode::OK);
    assert_eq!(types(&world.answers()), ["response.acknowledge", CREATED]);
}

#[tokio::test]
async fn a_step_that_breaks_while_it_is_put_away_leaves_its_slot_to_the_next() {
    struct Brick;
    impl Drop for Brick {
        fn drop(&mut self) {
            panic!("broken on purpose");
        }
    }
    let steps = Steps::new(1, 4);
    let key = |id: &str| StepKey {
        event_id: id.into(),
        event_type: "t".into(),
        subject: "".into(),
        data: Bytes::new(),
    };
    let soon = Instant::now() + Duration::from_secs(5);
    for id in ["1", "1", "2"] {
        let brick = || {
            async {
                let _brick = Brick;
                tokio::task::yield_now().await;
                Verdict::Settled
            }
            .boxed()
        };
        let step = steps.join_or_start(key(id), soon, brick).await.unwrap();
        assert_eq!(step.await, Verdict::Unsettled);
    }
    let sound = steps.join_or_start(key("1"), soon, || async { Verdict::Settled }.boxed()).await.unwrap();
    assert_eq!(sound.await, Verdict::Settled);
    steps.stop();
    steps.drained().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_counted_and_out_of_reach_of_requests() {
    let world = World::with(Options { config: SETTINGS, ..Options::default() }).await;
    break_processor(&world, is_poisoned);
    world.deliver_again(0, &json!([create("1", "poisoned")])).await;
    let metrics = String::from_utf8(world.get(PROCESSOR, "/metrics").await.body().to_vec()).unwrap();
    let counted = metrics.lines().find(|line| line.starts_with("gridwich_dead_letters_total{")).unwrap();
    assert!(
        counted.contains(r#"reason="HandlerPanicked""#) && counted.contains(r#"kept="true""#),
        "{counted}"
    );
    assert!(counted.ends_with(" 1"), "{counted}");

    let mut copied = copy("2");
    copied["data"]["sourceUri"] = json!("http://127.0.0.1:10000/proxy/dead-letters/a.json");
    let mut deleted = create("3", "dead-letters");
    deleted["eventType"] = json!("request.blob.container.delete");
    deleted["data"]["storageAccountName"] = json!("proxy");
    let before = world.answers().len();
    world.deliver_again(0, &json!([copied, deleted])).await;
    let answers = world.answers().split_off(before);
    let refused = answers.iter().filter(|it| it["eventType"] == "response.failure");
    let refused = refused.map(|it| it["data"]["logEventMessage"].as_str().unwrap()).collect::<Vec<_>>();
    assert!(refused.len() == 2 && refused.iter().all(|it| it.contains("the processor's own")), "{refused:?}");
    assert_eq!(listed(&world, &[]).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn ordinary_refusals_are_no_dead_letters() {
    let world = world().await;
    let mut unreadable = copy("2");
    unreadable["data"] = json!({"sourceUri": 7});
    assert_eq!(
        world.deliver_again(9, &json!([copy("1"), unreadable, create("3", "NO")])).await,
        StatusCode::OK
    );
    assert_eq!(types(&world.answers()).iter().filter(|it| **it == "response.failure").count(), 3);
    assert!(listed(&world, &[]).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_request_comes_again_while_its_letter_cannot_be_kept() {
    let world = world().await;
    let faults = world.cloud.faults.storage.clone();
    faults.always(Fault::Hang, |parts| parts.uri.path().contains("dead-letters"));
    break_processor(&world, is_poisoned);
    for tries_before in 0..2 {
        let status = world.deliver_again(tries_before, &json!([create("2", "poisoned")])).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{tries_before}");
    }
    assert!(!types(&world.answers()).contains(&"response.failure"));
    faults.clear();
    assert_eq!(world.deliver_again(2, &json!([create("2", "poisoned")])).await, StatusCode::OK);
    only(&world.answers(), "response.failure");
    assert_eq!(listed(&world, &[]).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_letter_stays_when_somebody_else_was_faster_and_fared_better() {
    let world = world().await;
    let faults = world.cloud.faults.storage.clone();
    faults
        .always(Fault::Delay(Duration::from_millis(500)), |parts| parts.uri.path().contains("dead-letters"));
    break_processor(&world, is_poisoned);
    let event = json!([create("2", "poisoned")]);
    let faster = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.replace_processor();
        world.deliver_again(1, &event).await
    };
    let statuses = tokio::join!(world.deliver_again(0, &event), faster);
    assert_eq!(statuses, (StatusCode::OK, StatusCode::OK));
    let answers = world.answers();
    assert!(types(&answers).contains(&CREATED) && !types(&answers).contains(&"response.failure"));
    assert!(listed(&world, &[]).await.is_empty());
    let container = address("proxy", "dead-letters", "a").container;
    assert!(world.storage().container_etag(&container).await.is_ok(), "it was kept at first");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_when_its_letter_cannot_be_kept_for_long() {
    for fault in [Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None), Fault::Hang] {
        let world = world().await;
        world.cloud.faults.storage.always(fault, |parts| parts.uri.path().contains("dead-letters"));
        break_processor(&world, is_poisoned);
        let started = Instant::now();
        assert_eq!(world.deliver_again(6, &json!([create("2", "poisoned")])).await, StatusCode::OK);
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        only(&world.answers(), "response.failure");
    }
    // Nor does a wire that breaks wherever storage is asked hold it up, once the patience with the memory is over.
    let world = world().await;
    break_processor(&world, |parts| parts.uri.port_u16() == Some(10_000));
    assert_eq!(world.deliver_again(8, &json!([create("2", "poisoned")])).await, StatusCode::OK);
    only(&world.answers(), "response.failure");
}

#[tokio::test(start_paused = true)]
async fn a_platform_event_that_breaks_the_processor_is_kept_and_keeps_its_id() {
    let world = world().await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    break_processor(&world, |parts| parts.uri.path().starts_with("/inbox/show-17"));
    let event = json!([{
        "id": "platform", "eventType": "Microsoft.Storage.BlobCreated", "dataVersion": "",
        "eventTime": "2026-03-04T09:10:00Z", "subject": "/blobServices/default/containers/show-17/blobs/clip.mp4",
        "data": {
            "api": "PutBlob", "url": "http://127.0.0.1:10000/inbox/show-17/clip.mp4",
            "clientRequestId": r#"{"id":"7","~gw":"1:0123456789abcdef0123456789abcdef:"}"#,
        },
    }]);
    assert_eq!(world.deliver_again(0, &event).await, StatusCode::OK);
    let answers = world.answers();
    assert_eq!(types(&answers), ["response.failure"]);
    let letters = listed(&world, &["--type", "Microsoft.Storage.BlobCreated"]).await;
    assert_eq!((letters.len(), &letters[0]["reason"]), (1, &json!("HandlerPanicked")));
    let (_, said) = deadletter(&world, &["replay", "platform", "--dry-run"]).await;
    assert_eq!(said, "would replay Microsoft.Storage.BlobCreated platform\n");

    // Replayed before the cause is mended it fails again, and must be kept again.
    let (ended, said) = deadletter(&world, &["replay", "platform"]).await;
    assert_eq!(said, "replayed Microsoft.Storage.BlobCreated platform\n");
    let error = ended.unwrap_err();
    assert!(error.to_string().ends_with(".json: replayed, and failed again: still there"), "{error}");
    let letters = listed(&world, &[]).await;
    assert_eq!((error.exit_code(), letters.len(), &letters[0]["attempts"]), (1, 1, &json!(2)));

    world.replace_processor();
    deadletter(&world, &["replay", "platform"]).await.0.unwrap();
    assert!(listed(&world, &[]).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_publication_that_panics_once_is_tried_again() {
    let world = world().await;
    let has_panicked = AtomicBool::new(false);
    let is_topic = |parts: &request::Parts| parts.uri.path().contains("responses");
    break_processor(&world, move |parts| is_topic(parts) && !has_panicked.swap(true, Ordering::Relaxed));
    assert_eq!(world.deliver_again(0, &json!([create("1", "show-1")])).await, StatusCode::OK);
    assert_eq!(types(&world.answers()), ["response.acknowledge", CREATED]);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_panics_is_a_failed_look_and_the_next_is_taken() {
    let world = world().await;
    let has_panicked = AtomicBool::new(false);
    let is_topic = |parts: &request::Parts| parts.uri.path().contains("responses");
    let app =
        break_processor(&world, move |parts| is_topic(parts) && !has_panicked.swap(true, Ordering::Relaxed));
    for expected in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK] {
        app.rounds.look(true).await;
        assert_eq!(world.get(PROCESSOR, "/readyz").await.status(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn pending_work_that_cannot_be_looked_at_without_a_panic_keeps_no_other_from_being_told() {
    // Nothing is reported here: all ends are the watch's to tell.
    let world = World::unsubscribed(&Options { config: QUIET, ..Options::default() });
    let bad = Mutex::<Option<String>>::default();
    let app = break_processor(&world, move |parts| {
        let path = parts.uri.path();
        let is_note = parts.method == "GET" && path.contains("pending");
        is_note && bad.lock().unwrap().get_or_insert_with(|| path.to_owned()).as_str() == path
    });
    for name in ["a.mp4", "b.mp4", "c.mp4"] {
        world.upload("inbox", "show-17", name, b"moving pictures").await;
        let uri = format!("http://127.0.0.1:10000/inbox/show-17/{name}");
        let request = json!([{
            "id": name, "subject": "/", "eventType": "request.blob.delete", "dataVersion": "1.0",
            "data": {"blobUri": uri},
        }]);
        assert_eq!(world.deliver_again(0, &request).await, StatusCode::OK);
    }
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(660)).await;
        app.watch.look().await;
    }
    let answers = world.answers();
    let told = types(&answers).iter().filter(|it| **it == "response.blob.delete.success").count();
    assert_eq!(told, 2);
}
