//! Reports of what is over that never come, come late, early, five times, or to two replicas: whatever is asked for has one
//! acknowledgment and one outcome, and that is the same as if all had gone well.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gridwich_handlers::participants::Storage as _;
use http::{Method, StatusCode};
use local_azure::event_grid::{AdvancedFilter, Operator, SubscriptionProperties};
use local_azure::faults::Fault;
use local_azure::media_services::{JobError, JobErrorCode, Script, ScriptedOutput};
use serde_json::{Value, json};

use crate::encodes::{ANY, V2, V3, encode};
use crate::world::{ACCOUNTS, Options, PROCESSOR, REGIONS, World, only, usual_script};

const CLIP: &str = "http://127.0.0.1:10000/inbox/show-17/clip.mp4";
const FINISHED: &str = "Microsoft.Media.JobFinished";
const ID: &str = "r-1";

/// Work that goes on by itself.
#[derive(Clone, Debug)]
struct Work {
    request: &'static str,
    data: Value,
    /// Where its end is reported.
    topic: &'static str,
    report: &'static str,
    outcome: &'static str,
}

impl Work {
    fn event(&self) -> Value {
        json!([{"id": ID, "eventType": self.request, "dataVersion": "1.0", "subject": "/", "data": self.data}])
    }
}

fn job(request: &'static str, outcome: &'static str, what: &Value) -> Work {
    Work { request, data: encode(what), topic: REGIONS[0].1, report: FINISHED, outcome }
}

fn deletion() -> Work {
    Work {
        request: "request.blob.delete",
        data: json!({"blobUri": CLIP, "operationContext": {"note": "grüße", "n": 1.5}}),
        topic: "inbox",
        report: "Microsoft.Storage.BlobDeleted",
        outcome: "response.blob.delete.success",
    }
}

fn v3() -> Work {
    job(V3, "response.encode.mediaservicesv3.success", &json!({"transformName": "AdaptiveStreaming"}))
}

fn all() -> [Work; 5] {
    let to = "http://127.0.0.1:10000/archive/show-17/clip.mp4";
    // Too large to travel: kept, and referred to.
    let context = json!({"padding": "x".repeat(20_000)});
    let copy = Work {
        request: "request.blob.copy",
        data: json!({"sourceUri": CLIP, "destinationUri": to, "operationContext": context}),
        topic: "archive",
        report: "Microsoft.Storage.BlobCreated",
        outcome: "response.blob.created.success",
    };
    let pictures = json!({"presetName": "SpriteOnlySetting"});
    let any = json!({"presetName": "AdaptiveStreaming", "operationContext": context});
    [
        copy,
        deletion(),
        v3(),
        job(V2, "response.encode.mediaservicesv2.success", &pictures),
        job(ANY, "response.encode.success", &any),
    ]
}

async fn world_of(script: fn(&ScriptedOutput<'_>) -> Script) -> World {
    let world =
        World::with(Options { config: "[requests]\nannounce = \"ours\"\n", script, ..Options::default() })
            .await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    world
}

async fn world() -> World {
    world_of(usual_script).await
}

/// As an operator's mistake has it: these types reach nobody.
pub async fn lose(world: &World, topic: &str, types: &[&str]) {
    let media = world.cloud.media_services.account_id(topic);
    let scope = media.unwrap_or_else(|| world.cloud.blob_storage.account_id(topic));
    let mut properties = SubscriptionProperties::to_webhook(format!("http://{PROCESSOR}/api/EventGrid"));
    properties.filter.advanced_filters = Some(vec![AdvancedFilter {
        operator_type: Operator::StringNotIn,
        key: "EventType".to_owned(),
        value: None,
        values: Some(types.iter().map(|event_type| json!(event_type)).collect()),
    }]);
    world.cloud.event_grid.create_subscription(&scope, "to-processor", properties).await.unwrap();
}

/// So many minutes, in each of which the processor looks once after what is pending.
pub async fn minutes(world: &World, minutes: u32) {
    for _ in 0..minutes {
        tokio::time::sleep(Duration::from_secs(60)).await;
        world.look_after_copies().await;
    }
}

/// What was reported of the work, as often as it was.
fn reports(world: &World, topic: &str, event_type: &str) -> Vec<Value> {
    let mut reports = world.received(topic).into_iter().map(|(_, event)| event).collect::<Vec<_>>();
    let carried =
        |event: &Value| format!("{}{}", event["data"]["clientRequestId"], event["data"]["correlationData"]);
    // Our stamp is in what we send along; what we write for ourselves has none.
    reports.retain(|event| event["eventType"] == event_type && carried(event).contains("gw"));
    reports
}

/// What was answered, without what differs from run to run; the same id is the same answer.
fn answered(world: &World) -> BTreeMap<String, Value> {
    let mut answers = BTreeMap::new();
    for mut answer in world.answers() {
        answer.as_object_mut().unwrap().remove("eventTime");
        let id = answer["id"].as_str().unwrap().to_owned();
        let first = answers.entry(id).or_insert_with(|| answer.clone());
        assert_eq!(*first, answer);
    }
    answers
}

/// One acknowledgment, and nothing pending; the outcome.
async fn ended(world: &World) -> Value {
    let answers = answered(world).into_values().collect::<Vec<_>>();
    only(&answers, "response.acknowledge");
    let is_outcome = |answer: &&Value| {
        let event_type = answer["eventType"].as_str().unwrap();
        [".success", ".canceled", ".failure"].iter().any(|end| event_type.ends_with(end))
    };
    let outcomes = answers.iter().filter(is_outcome).collect::<Vec<_>>();
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    for account in ACCOUNTS {
        assert_eq!(world.storage().list_pending(account, None).await.unwrap().entries, [], "{account}");
    }
    outcomes[0].clone()
}

fn is_told(world: &World, work: &Work) -> bool {
    world.answers().iter().any(|answer| answer["eventType"] == work.outcome)
}

/// The outcome where nothing is lost.
async fn usual(work: &Work) -> Value {
    let world = world().await;
    world.publish(ID, work.request, work.data.clone()).await;
    minutes(&world, 3).await;
    let outcome = ended(&world).await;
    assert_eq!(outcome["eventType"], work.outcome);
    assert_eq!(outcome["data"]["operationContext"], work.data["operationContext"]);
    outcome
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_not_reported_is_told_by_the_watch_and_a_late_report_says_the_same() {
    for work in all() {
        let world = world().await;
        lose(&world, work.topic, &[work.report]).await;
        world.publish(ID, work.request, work.data.clone()).await;
        minutes(&world, 8).await;
        assert!(!is_told(&world, &work), "{work:?}: it may still be reported");
        minutes(&world, 8).await;
        assert_eq!(ended(&world).await, usual(&work).await);
        let late = reports(&world, work.topic, work.report);
        assert_eq!(late.len(), 1, "{work:?}");
        for _ in 0..5 {
            assert_eq!(world.deliver_again(0, &json!(late)).await, StatusCode::OK);
        }
        minutes(&world, 20).await;
        assert_eq!(ended(&world).await, usual(&work).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_that_comes_five_times_ends_the_work_once() {
    for work in all() {
        let world = world().await;
        world.publish(ID, work.request, work.data.clone()).await;
        minutes(&world, 4).await;
        let report = reports(&world, work.topic, work.report);
        assert_eq!(report.len(), 1, "{work:?}");
        for _ in 0..5 {
            assert_eq!(world.deliver_again(0, &json!(report)).await, StatusCode::OK);
        }
        minutes(&world, 20).await;
        assert_eq!(ended(&world).await, usual(&work).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_that_comes_before_the_requests_own_answer_ends_it_all_the_same() {
    for work in all() {
        let world = world().await;
        // The work is written down when its end has been told already.
        let is_pending =
            |parts: &http::request::Parts| parts.method == "PUT" && parts.uri.path().contains("pending");
        world.cloud.faults.storage.next(1, Fault::Delay(Duration::from_secs(15)), is_pending);
        world.deliver_again(0, &work.event()).await;
        minutes(&world, 20).await;
        assert_eq!(ended(&world).await, usual(&work).await);
    }
}

#[tokio::test(start_paused = true)]
async fn two_replicas_that_look_at_once_say_the_same() {
    for work in all() {
        let world = world().await;
        lose(&world, work.topic, &[work.report]).await;
        world.publish(ID, work.request, work.data.clone()).await;
        let one = world.watch();
        world.replace_processor();
        let other = world.watch();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(60)).await;
            tokio::join!(one.look(), other.look());
        }
        assert_eq!(ended(&world).await, usual(&work).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_replaced_between_the_work_and_its_note_leaves_a_request_that_finds_it() {
    for work in all() {
        let world = world().await;
        lose(&world, work.topic, &[work.report]).await;
        let is_pending =
            |parts: &http::request::Parts| parts.method == "PUT" && parts.uri.path().contains("pending");
        world.cloud.faults.storage.always(Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None), is_pending);
        assert_eq!(world.deliver_again(0, &work.event()).await, StatusCode::SERVICE_UNAVAILABLE, "{work:?}");
        world.replace_processor();
        world.cloud.faults.storage.clear();
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(world.deliver_again(1, &work.event()).await, StatusCode::OK);
        minutes(&world, 20).await;
        assert_eq!(ended(&world).await, usual(&work).await);
        assert_eq!(reports(&world, work.topic, work.report).len(), 1, "{work:?} was done once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_region_out_of_reach_delays_only_its_own_jobs() {
    let world = world().await;
    let west = REGIONS[0].1;
    for (_, region) in REGIONS {
        lose(&world, region, &[FINISHED]).await;
    }
    let ask = async |n: usize| {
        let mut data = encode(&json!({"transformName": "AdaptiveStreaming"}));
        data["operationContext"] = json!({"n": n});
        world.publish(&format!("r-{n}"), V3, data).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
    };
    for n in 0..20 {
        ask(n).await;
    }
    world.cloud.faults.regions[0].always(Fault::Hang, |_| true);
    ask(20).await;
    let told = || {
        let of = |answer: &Value| answer["data"]["operationContext"]["n"].as_u64().unwrap();
        let answers = answered(&world).into_values();
        let successes = answers.filter(|answer| answer["eventType"] == v3().outcome);
        successes.map(|answer| of(&answer)).collect::<BTreeSet<_>>()
    };
    minutes(&world, 50).await;
    assert_eq!(told(), BTreeSet::from([20]), "the others are in {west}");
    world.cloud.faults.regions[0].clear();
    minutes(&world, 15).await;
    assert_eq!(told(), (0..=20).collect());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_gone_fails_after_long_patience_and_says_so() {
    for work in all().into_iter().filter(|work| work.report == FINISHED) {
        let world = world().await;
        lose(&world, work.topic, &[work.report]).await;
        world.publish(ID, work.request, work.data.clone()).await;
        minutes(&world, 4).await;
        let report = &reports(&world, work.topic, work.report)[0];
        let path = report["subject"].as_str().unwrap();
        assert_eq!(world.ask_media(Method::DELETE, work.topic, path).await.0, StatusCode::OK);
        minutes(&world, 5 * 60).await;
        assert!(!world.answers().iter().any(|answer| answer["eventType"] == "response.failure"));
        minutes(&world, 90).await;
        let outcome = ended(&world).await;
        assert_eq!(outcome["data"]["logEventId"], 551_902);
        assert_eq!(outcome["data"]["operationContext"], work.data["operationContext"]);
        assert!(path.ends_with(outcome["data"]["workflowJobName"].as_str().unwrap()), "{outcome}");
        world.deliver_again(0, &json!([report])).await;
        assert_eq!(ended(&world).await, outcome);
    }
}

fn endless(output: &ScriptedOutput<'_>) -> Script {
    Script { encodes_for: Duration::MAX, ..usual_script(output) }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_not_found_now_and_then_is_not_gone() {
    let world = world_of(endless).await;
    world.publish(ID, V3, v3().data).await;
    minutes(&world, 4).await;
    let is_job = |parts: &http::request::Parts| parts.method == "GET" && parts.uri.path().contains("/jobs/");
    for _ in 0..3 {
        world.cloud.faults.media.always(Fault::Refuse(StatusCode::NOT_FOUND, None), is_job);
        minutes(&world, 45).await;
        world.cloud.faults.media.clear();
        // Longer than the patience with one that is gone.
        minutes(&world, 7 * 60).await;
    }
    assert!(!world.answers().iter().any(|answer| answer["eventType"] == "response.failure"));
    let mut pending = Vec::new();
    for account in ACCOUNTS {
        pending.extend(world.storage().list_pending(account, None).await.unwrap().entries);
    }
    assert_eq!(pending.len(), 1, "it is still looked after");
}

fn broken(output: &ScriptedOutput<'_>) -> Script {
    let error = JobError::new(JobErrorCode::ContentMalformed, "The input is broken.");
    Script { outcome: Err(error.with_detail("EncoderMessage", "no atom")), ..usual_script(output) }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_is_not_reported_is_told_in_the_encoders_words() {
    let mut told = Vec::new();
    for is_lost in [true, false] {
        let world = world_of(broken).await;
        if is_lost {
            lose(&world, REGIONS[0].1, &["Microsoft.Media.JobErrored"]).await;
        }
        world.publish(ID, V3, v3().data).await;
        minutes(&world, 20).await;
        let mut outcome = ended(&world).await;
        assert_eq!(outcome["data"]["logEventId"], 551_008);
        // The event that failed is another.
        outcome["data"].as_object_mut().unwrap().remove("eventId");
        told.push(outcome);
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test(start_paused = true)]
async fn of_two_ends_of_one_job_the_first_is_right() {
    let world = world().await;
    lose(&world, REGIONS[0].1, &["Microsoft.Media.JobCanceled"]).await;
    world.publish(ID, V3, v3().data).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let answers = world.answers();
    let job = &only(&answers, "response.encode.mediaservicesv3.dispatched")["data"]["workflowJobName"];
    world.publish("c", "request.operation.cancel", json!({"workflowJobName": job})).await;
    minutes(&world, 20).await;
    let canceled = answered(&world);
    let answers = canceled.values().cloned().collect::<Vec<_>>();
    only(&answers, "response.encode.mediaservicesv3.canceled");
    let mut other = reports(&world, REGIONS[0].1, "Microsoft.Media.JobCanceled")[0].clone();
    other["eventType"] = FINISHED.into();
    other["id"] = "another".into();
    assert_eq!(world.deliver_again(0, &json!([other])).await, StatusCode::OK);
    assert_eq!(answered(&world), canceled);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_said_to_have_failed_does_not_succeed_later() {
    let world = world().await;
    let is_job = |parts: &http::request::Parts| parts.method == "PUT" && parts.uri.path().contains("/jobs/");
    let lost = Fault::AnswerAfter(StatusCode::SERVICE_UNAVAILABLE);
    world.cloud.faults.media.always(lost, is_job);
    // As often as it is waited to be known what became of it.
    assert_eq!(world.deliver_again(9, &v3().event()).await, StatusCode::OK);
    let failed = ended(&world).await;
    assert_eq!(
        (&failed["eventType"], &failed["data"]["logEventId"]),
        (&json!("response.failure"), &json!(551_006))
    );
    minutes(&world, 10).await;
    assert_eq!(reports(&world, REGIONS[0].1, FINISHED).len(), 1, "the encoder has it all the same");
    assert_eq!(ended(&world).await, failed);
}

#[tokio::test(start_paused = true)]
async fn a_muted_deletion_ends_as_scheduled_and_nothing_is_pending() {
    let world = world().await;
    lose(&world, "inbox", &[deletion().report]).await;
    let data = json!({"blobUri": CLIP, "operationContext": {"~muted": 1}});
    world.publish(ID, deletion().request, data).await;
    minutes(&world, 20).await;
    let answers = answered(&world).into_values().collect::<Vec<_>>();
    assert_eq!(answers.len(), 2, "{answers:?}");
    only(&answers, "response.blob.delete.scheduled");
    assert!(!is_told(&world, &deletion()));
    assert_eq!(world.storage().list_pending("inbox", None).await.unwrap().entries, []);
}

#[tokio::test(start_paused = true)]
async fn an_account_in_trouble_does_not_keep_the_others_from_being_looked_after() {
    let world = world().await;
    lose(&world, "inbox", &[deletion().report]).await;
    world.publish(ID, deletion().request, deletion().data).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.cloud.faults.storage.always(Fault::Hang, |parts| parts.uri.path().starts_with("/archive/"));
    minutes(&world, 15).await;
    assert!(is_told(&world, &deletion()));
}
