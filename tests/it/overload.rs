//! More than can be borne: too many deliveries, too large ones, clients that are slow, silent or senseless. The processor
//! stays within the memory it states, and goes on answering those who behave.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use crate::load::{SlowTopic, Target, delivery, head, offer};
use crate::process::PATIENCE;

const MEBIBYTE: u64 = 1_024 * 1_024;

fn assert_within(target: &Target, bound: u64) {
    let memory = target.memory_bytes_max();
    assert!(memory < bound, "{} of {} MiB", memory / MEBIBYTE, bound / MEBIBYTE);
}

/// What `gridwich.default.toml` says of memory.
fn memory_bound(bodies_bytes_max: u64, connections_max: u64, steps_max: u64) -> u64 {
    64 * MEBIBYTE + 3 * bodies_bytes_max + connections_max * 80 * 1_024 + steps_max * 32 * 1_024
}

#[tokio::test]
async fn ten_times_what_can_be_borne_is_shed_and_what_is_accepted_is_answered() {
    // Slow enough that ten times as much is little for the machine, which the couriers share.
    let topic = SlowTopic::start(Duration::from_millis(250)).await;
    let settings = [("GRIDWICH__ENDPOINT__STEPS_MAX", "16"), ("GRIDWICH__ENDPOINT__WAITING_MAX", "16")];
    let target = Target::start(&topic, &settings, "").await;
    // As many couriers as there may be steps, each waiting for its answer: all that can be borne.
    let began = Instant::now();
    let calm = offer(&target, "calm", 100_000.0, Duration::from_millis(1), 16).await;
    assert_eq!((calm.accepted.len(), calm.others), (100, 0));
    let sustainable = calm.accepted.len() as f64 / began.elapsed().as_secs_f64();
    let lasting = Duration::from_secs(4);
    let mut flood = offer(&target, "flood", sustainable * 10.0, lasting, 80).await;
    assert_eq!(flood.others, 0, "neither refused for good nor broken");
    assert!(flood.shed.len() as u64 > flood.offered / 2, "{} of {}", flood.shed.len(), flood.offered);
    for event_id in &flood.accepted {
        assert_eq!(topic.answers(event_id), (1, 1), "{event_id}");
    }
    let kept = flood.accepted.len() as f64 / lasting.as_secs_f64() / sustainable;
    assert!(kept > 0.6, "{kept:.2} of the sustainable rate was kept");
    let median = flood.shed_percentile(50);
    assert!(median < Duration::from_millis(50), "half of all refusals took longer than {median:?}");
    let shed = target.metric("gridwich_shed_total{").await as usize;
    assert_eq!(shed, flood.shed.len());
    // What was shed comes again, and finds room.
    let after = offer(&target, "after", sustainable * 0.8, Duration::from_secs(3), 64).await;
    assert!(after.last_shed < Duration::from_secs(2), "{:?}", after.last_shed);
    assert_eq!(after.others, 0);
    assert_within(&target, memory_bound(33_554_432, 300, 16));
}

#[tokio::test]
async fn slow_silent_and_senseless_clients_take_little_memory_and_nobodys_place() {
    const CONNECTIONS: u64 = 500;
    let topic = SlowTopic::start(Duration::ZERO).await;
    let settings =
        [("GRIDWICH__ENDPOINT__CONNECTIONS_MAX", "500"), ("GRIDWICH__ENDPOINT__BODIES_BYTES_MAX", "8388608")];
    let target = Target::start(&topic, &settings, "").await;
    // Of these two hundred, some are closed to make room, and all others before long.
    let idle = join_all((0..200).map(|_| target.connect())).await;
    let connected = Instant::now();
    let (mut slow, mut half, mut bombs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..100 {
        let mut client = target.connect().await;
        client.write_all(head(1_000_000).as_bytes()).await.unwrap();
        slow.push(tokio::spawn(async move {
            while client.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }));
        let mut client = target.connect().await;
        half.push(tokio::spawn(async move {
            let mut answer = Vec::new();
            let sent = client.write_all(&[head(1_000_000).as_bytes(), &[b' '; 500_000]].concat()).await;
            // Refused, or waited for in vain.
            (sent.is_ok(), client.read_to_end(&mut answer).await.is_ok())
        }));
    }
    for _ in 0..50 {
        let mut client = target.connect().await;
        bombs.push(tokio::spawn(async move {
            let bomb = format!("POST / HTTP/1.1\r\n{}", "x-bomb: 0123456789abcdef\r\n".repeat(40_000));
            let mut answer = Vec::new();
            // It may be answered and closed before all is sent.
            let _ = client.write_all(bomb.as_bytes()).await;
            let _ = client.read_to_end(&mut answer).await;
            String::from_utf8_lossy(&answer).into_owned()
        }));
    }
    let senseless = join_all((0..300).map(|_| target.connect())).await;
    let mut took = Vec::new();
    for number in 0..100 {
        let began = Instant::now();
        let event_id = format!("honest-{number}");
        assert_eq!(target.courier().await.deliver(&event_id).await.unwrap(), 200);
        assert_eq!(topic.answers(&event_id), (1, 1));
        took.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    took.sort_unstable();
    assert!(took[95] < Duration::from_secs(2), "{:?}", took[95]);
    assert!(target.metric("gridwich_shed_total{").await > 0.0);
    let hanging_up = async {
        for mut client in idle.into_iter().chain(senseless) {
            // Nothing is said to who has said nothing.
            assert_eq!(client.read(&mut [0; 512]).await.unwrap_or_default(), 0);
        }
    };
    tokio::time::timeout(PATIENCE, hanging_up).await.unwrap();
    assert!(connected.elapsed() < Duration::from_secs(25), "{:?}", connected.elapsed());
    for bomb in tokio::time::timeout(PATIENCE, join_all(bombs)).await.unwrap() {
        let answer = bomb.unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    tokio::time::timeout(PATIENCE, join_all(half)).await.unwrap();
    slow.iter().for_each(tokio::task::JoinHandle::abort);
    assert_within(&target, memory_bound(8 * MEBIBYTE, CONNECTIONS, 4_096));
    // Once they are gone, the largest delivery there may be is taken.
    let until = Instant::now() + Duration::from_secs(15);
    while target.courier().await.ask(&delivery("largest", 1_500_000)).await.unwrap() != 200 {
        assert!(Instant::now() < until, "the memory of bodies was not given back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(target.metric("gridwich_bodies_held_bytes{").await, 0.0);
}

#[tokio::test]
async fn large_deliveries_together_are_taken_or_asked_to_come_again() {
    let topic = SlowTopic::start(Duration::from_millis(100)).await;
    let settings =
        [("GRIDWICH__ENDPOINT__CONNECTIONS_MAX", "100"), ("GRIDWICH__ENDPOINT__BODIES_BYTES_MAX", "8388608")];
    let target = Target::start(&topic, &settings, "").await;
    let large = (0..80).map(|number| {
        let (target, event_id) = (&target, format!("large-{number}"));
        async move {
            let status = target.courier().await.ask(&delivery(&event_id, 1_000_000)).await.unwrap();
            (status, event_id)
        }
    });
    let answered = join_all(large).await;
    assert!(answered.iter().all(|(status, _)| [200, 503].contains(status)), "{answered:?}");
    let accepted = answered.iter().filter(|(status, _)| *status == 200).collect::<Vec<_>>();
    assert!(accepted.len() >= 7, "as many as there is room for, at least: {answered:?}");
    assert!(accepted.iter().all(|(_, event_id)| topic.answers(event_id) == (1, 1)));
    // Text that would take a hundred times its size if it were kept as events.
    let senseless = ["1,", "{},", "[],"].iter().cycle().take(40).map(|element| {
        let body = format!("[{}1]", element.repeat(1_500_000 / element.len()));
        let (target, request) = (&target, format!("{}{body}", head(body.len())));
        async move { target.courier().await.ask(request.as_bytes()).await.unwrap() }
    });
    let statuses = join_all(senseless).await;
    assert!(statuses.iter().all(|status| [400, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&400));
    assert_within(&target, memory_bound(8 * MEBIBYTE, 100, 4_096));
}

#[tokio::test]
async fn the_largest_batch_there_can_be_is_answered_within_the_memory_for_its_steps() {
    const EVENTS: usize = 5_000;
    let topic = SlowTopic::start(Duration::from_millis(100)).await;
    let target = Target::start(&topic, &[("GRIDWICH__ENDPOINT__CONNECTIONS_MAX", "10")], "").await;
    let events = (0..EVENTS).map(|number| {
        json!({
            "id": format!("event-{number}"), "eventType": "request.blob.container.create", "dataVersion": "1",
            "data": {"storageAccountName": "inbox", "containerName": "show-17"},
        })
    });
    let body = Value::Array(events.collect()).to_string();
    let request = format!("{}{body}", head(body.len()));
    assert_eq!(target.courier().await.ask(request.as_bytes()).await.unwrap(), 200);
    assert!((0..EVENTS).all(|number| topic.answers(&format!("event-{number}")) == (1, 1)));
    assert_within(&target, memory_bound(33_554_432, 10, 4_096));
}

#[tokio::test]
async fn where_descriptors_are_few_some_are_left_for_the_topic() {
    let topic = SlowTopic::start(Duration::ZERO).await;
    let target = Target::start(&topic, &[], "ulimit -n 128;").await;
    let _idle = join_all((0..300).map(|_| target.connect())).await;
    for number in 0..10 {
        let event_id = format!("honest-{number}");
        assert_eq!(target.courier().await.deliver(&event_id).await.unwrap(), 200);
        assert_eq!(topic.answers(&event_id), (1, 1));
    }
}
