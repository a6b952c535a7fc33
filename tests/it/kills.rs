//! Real processes that are killed or told to stop in the middle of their work. Event Grid's redelivery finishes what they
//! began.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use crate::process::{Local, PATIENCE};

/// Stands between a processor and its response topic, and holds POSTs beyond a number.
struct Gate {
    url: String,
    held: Arc<Notify>,
    passes: Arc<Semaphore>,
}

#[derive(Clone)]
struct Post {
    topic: String,
    client: reqwest::Client,
    held: Arc<Notify>,
    passes: Arc<Semaphore>,
}

impl Gate {
    async fn before(local: &Local, passes: usize) -> Self {
        let (held, passes) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(passes)));
        let topic = local.text("/topics/responses/endpoint").to_owned();
        let post = Post {
            topic,
            client: local.client.clone(),
            held: Arc::clone(&held),
            passes: Arc::clone(&passes),
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/api/events", listener.local_addr().unwrap());
        let service = Router::new().fallback(pass_on).with_state(post);
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { url, held, passes }
    }
}

async fn pass_on(State(post): State<Post>, request: Request<Body>) -> Response {
    let key = request.headers()["aeg-sas-key"].clone();
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    // A processor that only looks whether the topic is there publishes nothing.
    if body != "[]" {
        let Ok(pass) = post.passes.try_acquire() else {
            post.held.notify_one();
            return std::future::pending().await;
        };
        pass.forget();
    }
    let answer = post.client.post(&post.topic).header("aeg-sas-key", key).body(body).send().await.unwrap();
    answer.status().into_response()
}

/// Distinct answers by type; a repeated id must repeat its answer.
fn distinct(answers: &[Value]) -> BTreeMap<String, Vec<Value>> {
    let mut by_id = BTreeMap::<String, Value>::new();
    for answer in answers {
        let mut answer = answer.clone();
        answer.as_object_mut().unwrap().remove("eventTime");
        let first = by_id.entry(answer["id"].as_str().unwrap().to_owned()).or_insert_with(|| answer.clone());
        assert_eq!(*first, answer);
    }
    let mut by_type = BTreeMap::<String, Vec<Value>>::new();
    for answer in by_id.into_values() {
        by_type.entry(answer["eventType"].as_str().unwrap().to_owned()).or_default().push(answer);
    }
    by_type
}

#[tokio::test]
async fn a_processor_killed_between_acknowledgment_and_outcome_is_finished_for() {
    let local = Local::start(&["--without-processor", "--hurry", "20"]);
    let gate = Gate::before(&local, 1).await;
    let mut doomed = local.serve(&[("GRIDWICH__TOPIC__ENDPOINT", &gate.url)]);
    let data =
        json!({"storageAccountName": "inbox", "containerName": "show-17", "operationContext": {"kill": 1}});
    local.subscribed().await;
    local.publish("1", "request.blob.container.create", &data).await;
    gate.held.notified().await;
    doomed.kill();
    let seen = local.answered("response.acknowledge").await;
    assert_eq!(seen.len(), 1, "the outcome was held back");
    let _heir = local.serve(&[]);
    let answers = distinct(&local.answered("response.blob.container.create.success").await);
    assert_eq!(answers["response.acknowledge"].len(), 1);
    assert_eq!(
        answers["response.blob.container.create.success"][0]["data"]["operationContext"],
        json!({"kill": 1})
    );
}

#[tokio::test]
async fn a_processor_killed_between_submitting_a_job_and_saying_so_leaves_one_job() {
    let local = Local::start(&["--without-processor", "--hurry", "20"]);
    let gate = Gate::before(&local, 1).await;
    // Traced, so that the second attempt belongs to another span than the first. Nobody collects there.
    let traced = ("GRIDWICH__TELEMETRY__OTLP_ENDPOINT", "http://127.0.0.1:9");
    let mut doomed = local.serve(&[("GRIDWICH__TOPIC__ENDPOINT", &gate.url), traced]);
    // Its own announcement is the one that passes the gate.
    local.subscribed().await;
    gate.passes.add_permits(1);
    let data = local.clip_to_encode(&json!({"kill": 2}));
    local.answered("response.blob.created.success").await;
    local.publish("2", "request.encode.mediaservicesv3.create", &data).await;
    gate.held.notified().await;
    doomed.kill();
    let _heir = local.serve(&[traced]);
    let (dispatched, success) =
        ("response.encode.mediaservicesv3.dispatched", "response.encode.mediaservicesv3.success");
    let has = |answers: &[Value], kind: &str| answers.iter().any(|answer| answer["eventType"] == kind);
    let answers = local.answers(|answers| {
        has(answers, "response.failure") || has(answers, dispatched) && has(answers, success)
    });
    let answers = distinct(&answers.await);
    assert!(!answers.contains_key("response.failure"), "{answers:?}");
    for expected in ["response.acknowledge", dispatched, success] {
        assert_eq!(answers[expected].len(), 1);
        assert_eq!(answers[expected][0]["data"]["operationContext"], json!({"kill": 2}));
    }
    assert_eq!(local.jobs("H264SingleBitrateSD").await.len(), 1);
}

#[tokio::test]
async fn a_processor_told_to_stop_under_load_finishes_what_runs_and_ends_well() {
    const REQUESTS: usize = 300;
    let local = Local::start(&["--without-processor", "--hurry", "20"]);
    let mut stopped = local.serve(&[]);
    local.subscribed().await;
    let requests = (0..REQUESTS).map(|i| {
        let data = json!({"storageAccountName": "inbox", "containerName": format!("load-{i}"), "operationContext": {"i": i}});
        (format!("load-{i}"), "request.blob.container.create", data)
    });
    local.publish_all(&requests.collect::<Vec<_>>()).await;
    local.answers(|answers| answers.len() > 40).await;
    stopped.signal("TERM");
    let began = Instant::now();
    assert_eq!(stopped.ended().await, Some(0));
    assert!(began.elapsed() < PATIENCE / 2, "the drain took {:?}", began.elapsed());
    let _heir = local.serve(&[]);
    let is_success = |answer: &&Value| answer["eventType"] == "response.blob.container.create.success";
    let answers = local
        .answers(|answers| {
            let ids = answers.iter().filter(is_success).map(|answer| answer["id"].as_str().unwrap());
            ids.collect::<std::collections::BTreeSet<_>>().len() == REQUESTS
        })
        .await;
    let answers = distinct(&answers);
    assert_eq!(answers["response.acknowledge"].len(), REQUESTS);
    assert_eq!(answers.len(), 2, "{:?}", answers.keys());
}

#[tokio::test]
async fn the_local_cloud_stops_cleanly_on_an_interrupt() {
    let mut local = Local::start(&[]);
    local.process.signal("INT");
    assert_eq!(local.process.ended().await, Some(0));
}
