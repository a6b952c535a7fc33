//! A verdict for each event: what is settled is not done again when its delivery is, and is harmless where nobody knows of it.
//! Publications are tried until the courier would no longer wait.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use gridwich::app::App;
use gridwich::azure::wire::Wire;
use gridwich::config::Config;
use gridwich::telemetry::Telemetry;
use http::{Request, StatusCode};
use local_azure::faults::Fault;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::{EVENT_GRID, Options, PROCESSOR, World, config, types};

const SUCCESS: &str = "response.blob.container.create.success";
const SCHEDULED: &str = "response.blob.copy.scheduled";

fn container(id: &str) -> Value {
    json!({
        "id": id, "subject": "/orders", "eventType": "request.blob.container.create", "dataVersion": "1",
        "data": {"storageAccountName": "inbox", "containerName": format!("show-{id}"), "operationContext": {"id": id}},
    })
}

/// A request that asks storage for more than one thing, so that it can take longer than a delivery.
fn copy() -> Value {
    json!({
        "id": "copy", "subject": "/orders", "eventType": "request.blob.copy", "dataVersion": "1",
        "data": {
            "sourceUri": "http://127.0.0.1:10000/inbox/show-17/clip.mp4",
            "destinationUri": "http://127.0.0.1:10000/archive/show-17/clip.mp4",
            "operationContext": {"id": "copy"},
        },
    })
}

fn batch(ids: &[&str]) -> String {
    let event = |id: &&str| if *id == "copy" { copy() } else { container(id) };
    Value::Array(ids.iter().map(event).collect()).to_string()
}

async fn quiet() -> World {
    with("").await
}

async fn with(config: &'static str) -> World {
    let config = if config.is_empty() { "[requests]\nannounce = \"ours\"\n" } else { config };
    let world = World::with(Options { config, ..Options::default() }).await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    world
}

/// How often each operation heard each kind of answer to its request.
fn heard(answers: &[Value]) -> BTreeMap<(String, String), usize> {
    let mut heard = BTreeMap::new();
    for answer in answers.iter().filter(|answer| answer["eventType"] != "response.blob.created.success") {
        let id = answer["data"]["operationContext"]["id"].as_str().unwrap_or_default().to_owned();
        *heard.entry((id, answer["eventType"].as_str().unwrap().to_owned())).or_insert(0) += 1;
    }
    heard
}

fn once_each(ids: &[&str]) -> BTreeMap<(String, String), usize> {
    let kinds = |id: &str| ["response.acknowledge", if id == "copy" { SCHEDULED } else { SUCCESS }];
    ids.iter().flat_map(|id| kinds(id).map(|kind| (((*id).to_owned(), kind.to_owned()), 1))).collect()
}

/// Lets storage do so many things about this container or blob only after a while.
fn delay(world: &World, name: &'static str, times: u32, seconds: u64) {
    let slow = Fault::Delay(Duration::from_secs(seconds));
    world.cloud.faults.storage.next(times, slow, move |parts| parts.uri.path().ends_with(name));
}

/// Counts what storage is asked for.
fn count_storage(world: &World) -> Arc<AtomicU32> {
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    world.cloud.faults.storage.always(Fault::Hang, move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        false
    });
    count
}

#[tokio::test(start_paused = true)]
async fn what_is_settled_of_a_batch_is_not_done_again_when_the_batch_is_delivered_again() {
    let world = quiet().await;
    delay(&world, "clip.mp4", 2, 15);
    let body = batch(&["1", "2", "copy"]);
    assert_eq!(world.deliver(body.clone()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    // It ends settled after its delivery was answered, and that counts, too.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let asked = count_storage(&world);
    assert_eq!(world.deliver(body.clone()).await.status(), StatusCode::OK);
    assert_eq!(asked.load(Ordering::Relaxed), 0, "nobody was asked for anything");
    assert_eq!(heard(&world.answers()), once_each(&["1", "2", "copy"]));
    // Answered for good: who sends it anew is answered anew, from what is remembered.
    assert_eq!(world.deliver(body).await.status(), StatusCode::OK);
    assert!(asked.load(Ordering::Relaxed) > 0);
    assert!(heard(&world.answers()).values().all(|count| *count == 2));
}

#[tokio::test(start_paused = true)]
async fn the_sibling_of_an_event_that_could_not_be_answered_is_not_repeated() {
    let world = quiet().await;
    // The acknowledgments and the first outcome pass; the other container's is slow, and finds the topic gone.
    delay(&world, "show-2", 1, 3);
    let delivery = world.deliver(batch(&["1", "2"]));
    let outage = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.network.disconnect(EVENT_GRID);
    };
    let (answer, ()) = tokio::join!(delivery, outage);
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    world.network.connect(EVENT_GRID, world.cloud.event_grid.router());
    assert_eq!(world.deliver(batch(&["1", "2"])).await.status(), StatusCode::OK);
    let mut expected = once_each(&["1", "2"]);
    // Its first acknowledgment was published, and nobody knows whether its sender has seen it.
    expected.insert(("2".to_owned(), "response.acknowledge".to_owned()), 2);
    assert_eq!(heard(&world.answers()), expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_settled_of_a_delivery_that_found_no_room_is_not_repeated() {
    let config = "[requests]\nannounce = \"ours\"\n[endpoint]\nsteps_max = 1\nwaiting_max = 1\n";
    let world = with(config).await;
    delay(&world, "clip.mp4", 2, 15);
    let body = batch(&["1", "copy", "2"]);
    let answer = world.deliver(body.clone()).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.body(), "too many steps at once");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.deliver(body).await.status(), StatusCode::OK);
    // One waits for room, though not for long; the next is turned away at once.
    delay(&world, "show-3", 1, 15);
    let began = Instant::now();
    let shed_at = |id: &'static str| {
        let world = &world;
        async move {
            let answer = world.deliver(batch(&[id])).await;
            (answer.status(), began.elapsed().as_secs())
        }
    };
    let (third, fourth, fifth) = tokio::join!(shed_at("3"), shed_at("4"), shed_at("5"));
    assert_eq!(third.0, StatusCode::OK);
    assert_eq!([fourth, fifth], [5, 0].map(|second| (StatusCode::SERVICE_UNAVAILABLE, second)));
    assert_eq!(heard(&world.answers()), once_each(&["1", "2", "3", "copy"]));
}

#[tokio::test(start_paused = true)]
async fn a_courier_that_hangs_up_finds_settled_what_it_brings_again() {
    let world = quiet().await;
    delay(&world, "show-1", 1, 10);
    let hung_up = tokio::time::timeout(Duration::from_secs(2), world.deliver(batch(&["1"]))).await;
    assert!(hung_up.is_err());
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(world.deliver(batch(&["1"])).await.status(), StatusCode::OK);
    assert_eq!(heard(&world.answers()), once_each(&["1"]));
}

#[tokio::test(start_paused = true)]
async fn on_another_replica_what_is_settled_is_said_again_in_the_same_words() {
    let world = quiet().await;
    delay(&world, "clip.mp4", 2, 15);
    let body = batch(&["1", "copy"]);
    assert_eq!(world.deliver(body.clone()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    // Still at work there when it comes here.
    world.replace_processor();
    assert_eq!(world.deliver(body).await.status(), StatusCode::OK);
    world.settled().await;
    let answers = world.answers();
    let mut by_id = BTreeMap::new();
    for mut answer in answers.clone() {
        answer.as_object_mut().unwrap().remove("eventTime");
        let first = by_id.entry(answer["id"].as_str().unwrap().to_owned()).or_insert_with(|| answer.clone());
        assert_eq!(*first, answer);
    }
    assert_eq!(by_id.len(), 5, "{:?}", types(&answers));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_late_is_published_though_nobody_waits_for_it() {
    let world = quiet().await;
    // The outcome is to be published at second 24, and the topic takes two seconds more.
    delay(&world, "clip.mp4", 2, 12);
    let topic = |parts: &http::request::Parts| parts.uri.path().contains("responses");
    let refused = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let refusal = Fault::Refuse(StatusCode::TOO_MANY_REQUESTS, Some(2));
        world.cloud.faults.event_grid.next(1, refusal, topic);
    };
    let (answer, ()) = tokio::join!(world.deliver(batch(&["copy"])), refused);
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(heard(&world.answers()).len(), 1);
    assert_eq!(world.deliver(batch(&["copy"])).await.status(), StatusCode::OK, "joined");
    assert_eq!(heard(&world.answers()), once_each(&["copy"]));
}

/// Refuses a share of the POSTs to the topic that takes the answers, each in one of the ways there are.
fn refuse_share(world: &World, percent: u32) {
    let refusals = [
        Fault::Refuse(StatusCode::TOO_MANY_REQUESTS, Some(5)),
        Fault::Refuse(StatusCode::INTERNAL_SERVER_ERROR, None),
        Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None),
        Fault::Hang,
    ];
    let count = Arc::new(AtomicU32::new(1));
    for (number, fault) in refusals.into_iter().enumerate() {
        let (count, is_last) = (Arc::clone(&count), number + 1 == refusals.len());
        world.cloud.faults.event_grid.always(fault, move |parts| {
            if !parts.uri.path().contains("responses") {
                return false;
            }
            // The same numbers each time, without a pattern that the publisher could fall into step with.
            let drawn = count.load(Ordering::Relaxed).wrapping_mul(2_654_435_761) >> 16;
            if is_last {
                count.fetch_add(1, Ordering::Relaxed);
            }
            let hits = drawn % 100 < percent && (drawn / 100) as usize % refusals.len() == number;
            if hits && !is_last {
                count.fetch_add(1, Ordering::Relaxed);
            }
            hits
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_refuses_a_fifth_costs_no_delivery_and_repeats_no_acknowledgment() {
    const DELIVERIES: usize = 400;
    let world = quiet().await;
    refuse_share(&world, 20);
    let ids = (100..100 + DELIVERIES).map(|number| number.to_string()).collect::<Vec<_>>();
    let deliveries = ids.iter().enumerate().map(|(number, id)| {
        let world = &world;
        async move {
            tokio::time::sleep(Duration::from_millis(number as u64 * 25)).await;
            world.deliver(batch(&[id])).await.status()
        }
    });
    let statuses = join_all(deliveries).await;
    assert!(statuses.iter().all(|status| *status == StatusCode::OK));
    let ids = ids.iter().map(String::as_str).collect::<Vec<_>>();
    let (heard, expected) = (heard(&world.answers()), once_each(&ids));
    let differing = heard.iter().filter(|(answer, count)| expected.get(answer) != Some(count));
    assert_eq!(differing.collect::<Vec<_>>(), []);
    assert_eq!(heard.len(), expected.len());
}

#[tokio::test(start_paused = true)]
async fn a_post_that_waits_or_hangs_holds_up_nobody_else_for_long() {
    let world = quiet().await;
    let topic = |parts: &http::request::Parts| parts.uri.path().contains("responses");
    let deliver_at = |id: u64, began: Instant| {
        let (world, start) = (&world, Duration::from_millis(id % 10 * 50));
        async move {
            tokio::time::sleep_until(began + start).await;
            let answer = world.deliver(batch(&[&id.to_string()])).await;
            assert_eq!(answer.status(), StatusCode::OK, "{id}");
            (began + start).elapsed()
        }
    };
    // As many POSTs as there are slots are told to wait; the next answer leaves nevertheless.
    let long = Fault::Refuse(StatusCode::TOO_MANY_REQUESTS, Some(8));
    world.cloud.faults.event_grid.next(4, long, topic);
    let began = Instant::now();
    let took = join_all((0..5).map(|id| deliver_at(id, began))).await;
    assert!(took[..4].iter().all(|took| (8..10).contains(&took.as_secs())), "{took:?}");
    assert!(took[4] < Duration::from_millis(100), "{took:?}");
    // As many hang; the next answer leaves when the first of them is given up.
    world.cloud.faults.event_grid.next(4, Fault::Hang, topic);
    let began = Instant::now();
    let took = join_all((10..15).map(|id| deliver_at(id, began))).await;
    assert!(took.iter().all(|took| *took < Duration::from_secs(7)), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_drain_answers_what_ends_in_time_and_leaves_the_rest_to_redelivery() {
    let world = quiet().await;
    delay(&world, "show-1", 1, 5);
    delay(&world, "clip.mp4", 2, 15);
    let steps = world.steps();
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        steps.stop();
        tokio::time::timeout(Duration::from_secs(25), steps.drained()).await
    };
    let (short, long, drained) =
        tokio::join!(world.deliver(batch(&["1"])), world.deliver(batch(&["copy"])), stopping);
    assert_eq!((short.status(), long.status()), (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE));
    assert!(drained.is_err(), "one step is left over");
    let before = heard(&world.answers());
    assert_eq!(before.len(), 3, "an acknowledgment and no outcome: {before:?}");
    // Whoever is next finishes what was left.
    world.cloud.faults.storage.clear();
    world.replace_processor();
    assert_eq!(world.deliver(batch(&["copy"])).await.status(), StatusCode::OK);
    assert_eq!(heard(&world.answers()).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_processor_that_lets_go_of_its_events_has_no_bodies_left() {
    let world = World::new().await;
    assert_eq!(world.deliver(batch(&["1", "2"])).await.status(), StatusCode::OK);
    let metrics = world.get(PROCESSOR, "/metrics").await;
    let text = String::from_utf8_lossy(metrics.body()).into_owned();
    let held = text.lines().find(|line| line.starts_with("gridwich_bodies_held_bytes{")).unwrap();
    assert!(held.ends_with(" 0"), "{held}");
    assert!(text.lines().any(|line| line.starts_with("gridwich_ready{")), "{text}");
}

/// Another processor beside the one of a world, with its own memory.
#[tokio::test(start_paused = true)]
async fn two_replicas_that_are_brought_the_same_event_together_agree() {
    let world = quiet().await;
    let config = Config::from_toml(&(config() + "[requests]\nannounce = \"ours\"\n")).unwrap();
    let telemetry = Telemetry::new(&config.telemetry).unwrap();
    let wire = Arc::clone(&world.network) as Arc<dyn Wire>;
    let other = App::new(&config, &wire, &telemetry).unwrap();
    world.network.connect("127.0.0.1:7079", other.router.clone());
    let there = Request::post("http://127.0.0.1:7079/api/EventGrid").body(batch(&["1"]).into()).unwrap();
    let (here, there) = tokio::join!(world.deliver(batch(&["1"])), world.network.send(there));
    assert_eq!((here.status(), there.unwrap().status()), (StatusCode::OK, StatusCode::OK));
    let answers = world.answers();
    let ids = answers
        .iter()
        .map(|answer| answer["id"].as_str().unwrap())
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(ids.len(), 2, "{:?}", types(&answers));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_topic_is_published_within_two_seconds_of_its_return() {
    let world = quiet().await;
    let down = Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None);
    world.cloud.faults.event_grid.always(down, |parts| parts.uri.path().contains("responses"));
    let began = Instant::now();
    let back = async {
        tokio::time::sleep(Duration::from_secs(15)).await;
        world.cloud.faults.event_grid.clear();
    };
    let ids = (100..150).map(|id| id.to_string()).collect::<Vec<_>>();
    let deliveries = join_all(ids.iter().map(|id| world.deliver(batch(&[id]))));
    let (answers, ()) = tokio::join!(deliveries, back);
    assert!(answers.iter().all(|answer| answer.status() == StatusCode::OK));
    assert!(began.elapsed() < Duration::from_secs(17), "{:?}", began.elapsed());
    assert_eq!(heard(&world.answers()), once_each(&ids.iter().map(String::as_str).collect::<Vec<_>>()));
}
