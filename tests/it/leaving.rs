//! How a processor that is told to stop takes its leave of those who deliver: nobody is broken off, and nobody has to come
//! again.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::load::{SlowTopic, Target, delivery};
use crate::process::PATIENCE;

/// How often something is looked at again that cannot be waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

async fn target(topic: &SlowTopic, leave_seconds: &str) -> Target {
    Target::start(topic, &[("GRIDWICH__ENDPOINT__LEAVE_SECONDS", leave_seconds)], "").await
}

/// Everything that is said on a connection until it is closed, without errors.
async fn said(mut connection: TcpStream) -> String {
    let mut said = String::new();
    tokio::time::timeout(PATIENCE, connection.read_to_string(&mut said)).await.unwrap().unwrap();
    said
}

fn assert_settled_and_closed(said: &str) {
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
    assert_eq!(said.matches("connection: close\r\n").count(), 1, "{said}");
}

#[tokio::test]
async fn a_processor_told_to_stop_works_on_until_others_had_time_to_look_away() {
    let topic = SlowTopic::start(Duration::ZERO).await;
    let mut target = target(&topic, "2").await;
    let mut kept = target.courier().await;
    assert_eq!(kept.deliver("before").await.unwrap(), 200);
    let mut open = target.connect().await;
    target.stop();
    while target.is_ready().await {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    open.write_all(&delivery("open", 0)).await.unwrap();
    let mut new = target.connect().await;
    new.write_all(&delivery("new", 0)).await.unwrap();
    assert_eq!(kept.deliver("kept").await.unwrap(), 200);
    assert!(kept.deliver("too much").await.is_err(), "the answer asked for the connection to be closed");
    assert_settled_and_closed(&said(open).await);
    assert_settled_and_closed(&said(new).await);
    assert_eq!(target.ended().await, Some(0));
    for event_id in ["before", "open", "new", "kept"] {
        assert_eq!(topic.answers(event_id), (1, 1), "{event_id}");
    }
}

#[tokio::test]
async fn a_delivery_that_is_being_written_when_nobody_is_let_in_any_more_is_settled() {
    let topic = SlowTopic::start(Duration::ZERO).await;
    let mut target = target(&topic, "0").await;
    let (request, mut late) = (delivery("late", 0), target.connect().await);
    let (first, rest) = request.split_at(request.len() - 10);
    late.write_all(first).await.unwrap();
    let idle = target.connect().await;
    target.stop();
    while target.accepts().await {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    // One that says nothing is closed meanwhile, and is told nothing.
    assert_eq!(said(idle).await, "");
    late.write_all(rest).await.unwrap();
    assert_settled_and_closed(&said(late).await);
    assert_eq!(target.ended().await, Some(0));
    assert_eq!(topic.answers("late"), (1, 1));
}
