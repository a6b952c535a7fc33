//! What is promised of steps, without anybody who delivers.

use std::time::Duration;

use tokio::sync::Notify;

use super::*;

fn key(id: &str) -> StepKey {
    let (event_id, data) = (id.to_owned(), Bytes::from_static(b"{}"));
    StepKey { event_id, event_type: "t".into(), subject: String::new(), data }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(1)
}

#[tokio::test(start_paused = true)]
async fn events_under_an_all_zero_id_are_told_apart_by_what_they_are_about() {
    let steps = Steps::new(2, 1);
    let of = |subject: &str| StepKey { subject: subject.to_owned(), ..key("00000000") };
    let never = || std::future::pending().boxed();
    let _one = steps.join_or_start(of("jobs/1"), soon(), never).await.unwrap();
    let _two = steps.join_or_start(of("jobs/2"), soon(), never).await.unwrap();
    assert_eq!(steps.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_redelivery_joins_the_running_step_and_others_wait_for_room() {
    let (steps, release) = (Steps::new(1, 1), Arc::new(Notify::new()));
    let held = Arc::clone(&release);
    let work = async move {
        held.notified().await;
        Verdict::Settled
    };
    let first = steps.join_or_start(key("1"), soon(), || work.boxed()).await.unwrap();
    let second = steps.join_or_start(key("1"), soon(), || panic!("started twice")).await.unwrap();
    let third = steps.join_or_start(key("2"), soon(), || panic!("beyond the bound")).await;
    assert_eq!(third.unwrap_err(), NotStarted::Full);
    let fourth = steps.join_or_start(key("3"), soon(), || async { Verdict::Settled }.boxed());
    release.notify_one();
    assert_eq!(fourth.await.unwrap().await, Verdict::Settled);
    assert_eq!((first.await, second.await), (Verdict::Settled, Verdict::Settled));
    steps.stop();
    let late = steps.join_or_start(key("4"), soon(), || panic!("after the stop")).await;
    assert_eq!(late.unwrap_err(), NotStarted::Stopping);
    steps.drained().await;
    assert_eq!(steps.count(), 0);
}

#[tokio::test]
async fn a_step_that_panics_is_forgotten_and_comes_again() {
    let steps = Steps::new(1, 1);
    let panics = || async { panic!("on purpose") }.boxed();
    let step = steps.join_or_start(key("1"), soon(), panics).await.unwrap();
    assert_eq!(step.await, Verdict::Unsettled);
    let again = steps.join_or_start(key("1"), soon(), || async { Verdict::Settled }.boxed()).await.unwrap();
    assert_eq!(again.await, Verdict::Settled);
}

#[tokio::test(start_paused = true)]
async fn more_than_may_wait_for_room_are_turned_away_at_once() {
    let steps = Steps::new(1, 2);
    let never = || std::future::pending().boxed();
    let _running = steps.join_or_start(key("1"), soon(), never).await.unwrap();
    let began = Instant::now();
    let late = Instant::now() + Duration::from_secs(25);
    let wait = |id: &'static str| {
        let steps = steps.clone();
        async move {
            let mut delivery = steps.attempt();
            let refused = delivery.join_or_start(key(id), late, || panic!("no room")).await.unwrap_err();
            (refused, began.elapsed())
        }
    };
    let (second, third, fourth) = tokio::join!(wait("2"), wait("3"), wait("4"));
    let in_time = (NotStarted::Full, Duration::from_secs(5));
    assert_eq!((second, third), (in_time, in_time));
    assert_eq!(fourth, (NotStarted::Full, Duration::ZERO));
    // Whoever has given up makes room for others to wait.
    let fifth = wait("5").await;
    assert_eq!(fifth, (NotStarted::Full, Duration::from_secs(10)));
}

#[tokio::test(start_paused = true)]
async fn what_is_settled_of_a_delivery_that_comes_again_is_not_started_again() {
    let steps = Steps::new(4, 1);
    let settles = || async { Verdict::Settled }.boxed();
    let fails = || async { Verdict::Unsettled }.boxed();
    let slow = || {
        let work = async {
            tokio::time::sleep(Duration::from_secs(40)).await;
            Verdict::Settled
        };
        work.boxed()
    };
    let mut first = steps.attempt();
    first.join_or_start(key("settled"), soon(), settles).await.unwrap();
    first.join_or_start(key("failed"), soon(), fails).await.unwrap();
    first.join_or_start(key("slow"), soon(), slow).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(25), first.is_settled()).await.is_err());
    drop(first);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let mut again = steps.attempt();
    for id in ["settled", "slow"] {
        again.join_or_start(key(id), soon(), || panic!("done twice")).await.unwrap();
    }
    again.join_or_start(key("failed"), soon(), settles).await.unwrap();
    assert!(again.is_settled().await);
    again.answered();
    // Answered for good: what comes now is another delivery.
    let anew = steps.join_or_start(key("settled"), soon(), fails).await.unwrap();
    assert_eq!(anew.await, Verdict::Unsettled);
}

#[tokio::test(start_paused = true)]
async fn a_large_delivery_does_not_keep_room_from_a_small_one() {
    let (steps, order) = (Steps::new(1, 4), Arc::new(Mutex::new(Vec::new())));
    let work = |id: &'static str| {
        let order = Arc::clone(&order);
        async move {
            order.lock().unwrap().push(id);
            tokio::time::sleep(Duration::from_secs(1)).await;
            Verdict::Settled
        }
    };
    let late = Instant::now() + Duration::from_secs(25);
    let deliver = |ids: &'static [&'static str], after: Duration| {
        let (steps, work) = (&steps, &work);
        async move {
            tokio::time::sleep(after).await;
            let mut delivery = steps.attempt();
            for id in ids {
                delivery.join_or_start(key(id), late, || work(id).boxed()).await.unwrap();
            }
            assert!(delivery.is_settled().await);
            delivery.answered();
        }
    };
    let large = deliver(&["1", "2", "3", "4"], Duration::ZERO);
    tokio::join!(large, deliver(&["small"], Duration::from_millis(500)));
    assert_eq!(*order.lock().unwrap(), ["1", "2", "small", "3", "4"]);
}
