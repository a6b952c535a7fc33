//! Which of several regions and backends a job goes to, and where it is found again.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Method, StatusCode};
use local_azure::faults::Fault;
use local_azure::inside::BlobFiles as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::encodes::{ANY, V3, encode, world};
use crate::world::{REGIONS, World, config, only, types};

/// All jobs of the transform that is asked for.
const JOBS: &str = "transforms/AdaptiveStreaming/jobs";

/// The account that has a job.
async fn account_of(world: &World, transform: &str, job: &Value) -> Vec<&'static str> {
    let mut found = Vec::new();
    for (_, account) in REGIONS {
        let path = format!("transforms/{transform}/jobs/{}", job.as_str().unwrap());
        if world.ask_media(Method::GET, account, &path).await.0 == StatusCode::OK {
            found.push(account);
        }
    }
    found
}

#[tokio::test(start_paused = true)]
async fn new_jobs_go_to_the_first_region_that_is_well() {
    let world = world().await;
    let mut jobs = Vec::new();
    for (number, fault) in
        [None, Some(Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None)), Some(Fault::Hang), None]
            .into_iter()
            .enumerate()
    {
        world.cloud.faults.regions[0].clear();
        if let Some(fault) = fault {
            world.cloud.faults.regions[0].always(fault, |_| true);
        }
        let before = world.answers().len();
        let what = json!({"transformName": "AdaptiveStreaming"});
        world.publish(&format!("r-{number}"), V3, encode(&what)).await;
        world.settled().await;
        let answers = world.answers().split_off(before);
        only(&answers, "response.encode.mediaservicesv3.success");
        world.cloud.faults.regions[0].clear();
        let job =
            only(&answers, "response.encode.mediaservicesv3.dispatched")["data"]["workflowJobName"].clone();
        jobs.push(account_of(&world, "AdaptiveStreaming", &job).await);
    }
    let [(_, west), (_, north)] = REGIONS;
    assert_eq!(jobs, [[west], [north], [north], [west]]);
}

/// One delivery of one request.
async fn bring(world: &World, tries_before: u32) -> StatusCode {
    let event = json!([{
        "id": "r-1", "eventType": V3, "dataVersion": "1.0", "subject": "/",
        "data": encode(&json!({"transformName": "AdaptiveStreaming"})),
    }]);
    world.deliver_again(tries_before, &event).await
}

const DOWN: Fault = Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None);

#[tokio::test(start_paused = true)]
async fn a_job_is_not_made_in_a_second_region_whoever_brings_the_request_again_and_whatever_is_down() {
    for (first, then) in [(0, 1), (1, 0)] {
        for tries in [0, 1, 9] {
            let world = world().await;
            world.cloud.faults.regions[then].always(DOWN, |_| true);
            // The answer cannot be kept, and is not given.
            let keeps = |parts: &http::request::Parts| {
                parts.method == Method::PUT && parts.uri.path().contains("answered")
            };
            world.cloud.faults.storage.always(DOWN, keeps);
            assert_eq!(bring(&world, 0).await, StatusCode::SERVICE_UNAVAILABLE);
            assert!(!types(&world.answers()).contains(&"response.encode.mediaservicesv3.dispatched"));
            world.replace_processor();
            world.cloud.faults.storage.clear();
            world.cloud.faults.regions[then].clear();
            world.cloud.faults.regions[first].always(DOWN, |_| true);
            assert_eq!(
                bring(&world, tries).await,
                StatusCode::from_u16(if tries == 9 { 200 } else { 503 }).unwrap()
            );
            world.cloud.faults.regions[first].clear();
            assert_eq!(bring(&world, 1).await, StatusCode::OK);
            world.settled().await;
            let mut jobs = BTreeMap::new();
            for (_, account) in REGIONS {
                let (_, listed) = world.ask_media(Method::GET, account, JOBS).await;
                jobs.insert(account, listed["value"].as_array().map_or(0, Vec::len));
            }
            assert_eq!(jobs, BTreeMap::from([(REGIONS[first].1, 1), (REGIONS[then].1, 0)]), "{tries}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_answered_is_answered_again_when_its_input_has_gone() {
    let world = world().await;
    assert_eq!(bring(&world, 0).await, StatusCode::OK);
    world.settled().await;
    let answers = world.answers();
    world.cloud.blob_storage.remove("inbox", "show-17", "clip.mp4").await.unwrap();
    world.replace_processor();
    assert_eq!(bring(&world, 0).await, StatusCode::OK);
    world.settled().await;
    let again = world.answers().split_off(answers.len());
    assert_eq!(types(&again), ["response.acknowledge", "response.encode.mediaservicesv3.dispatched"]);
    assert_eq!(again[1]["data"], answers[1]["data"]);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_answers_questions_but_takes_no_work_is_not_well() {
    for (status, part) in [(503, "/assets/"), (429, "/assets/"), (403, "/transforms/"), (401, "/transforms/")]
    {
        let world = world().await;
        let fault = Fault::Refuse(StatusCode::from_u16(status).unwrap(), None);
        world.cloud.faults.regions[0].always(fault, move |parts| parts.uri.path().contains(part));
        let answers = world.ask("r-1", V3, encode(&json!({"transformName": "AdaptiveStreaming"}))).await;
        world.cloud.faults.regions[0].clear();
        let job =
            only(&answers, "response.encode.mediaservicesv3.dispatched")["data"]["workflowJobName"].clone();
        assert_eq!(account_of(&world, "AdaptiveStreaming", &job).await, [REGIONS[1].1], "{status} {part}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_region_that_was_not_well_is_asked_last_for_a_while() {
    let world = world().await;
    world.cloud.faults.regions[0].always(Fault::Hang, |_| true);
    let mut took = Vec::new();
    for (number, pause) in [0, 1, 60].into_iter().enumerate() {
        tokio::time::sleep(Duration::from_secs(pause)).await;
        let event = json!([{
            "id": number.to_string(), "eventType": V3, "dataVersion": "1.0", "subject": "/",
            "data": encode(&json!({"transformName": "AdaptiveStreaming"})),
        }]);
        let began = Instant::now();
        assert_eq!(world.deliver(event.to_string()).await.status(), StatusCode::OK);
        took.push(began.elapsed().as_secs());
    }
    assert_eq!(took, [6, 0, 6]);
}

#[tokio::test(start_paused = true)]
async fn what_a_region_reports_is_told_at_once_while_another_hangs() {
    let world = world().await;
    world.cloud.faults.regions[0].always(Fault::Hang, |_| true);
    world.ask("r-1", V3, encode(&json!({"transformName": "AdaptiveStreaming"}))).await;
    let told = |topic: &str, event_type: &str| {
        let found = world.received(topic).into_iter().find(|(_, event)| event["eventType"] == event_type);
        found.unwrap_or_else(|| panic!("{event_type}")).0
    };
    let finished = told(REGIONS[1].1, "Microsoft.Media.JobFinished");
    let success = told("responses", "response.encode.mediaservicesv3.success");
    assert!((success - finished).whole_seconds() <= 7, "{}", success - finished);
}

#[tokio::test(start_paused = true)]
async fn a_request_names_its_backend_or_gets_the_usual_one() {
    let own = "[media]\ndefault_backend = \"spare\"\n[[media.accounts]]\nbackend = \"spare\"\nbase_url = \"https://localhost:7073\"\n\
               subscription_id = \"sub\"\nresource_group = \"local\"\naccount = \"medianorth\"\nauth = \"bearer\"\ntoken = \"a.b.c\"\n";
    let mut world = world().await;
    let usual = config();
    let (rest, _north) = usual.rsplit_once("[[media.accounts]]").unwrap();
    world.restart_with(&(rest.to_owned() + own)).await.unwrap();
    for (id, backend, account) in [
        ("1", json!(null), "medianorth"),
        ("2", json!("spare"), "medianorth"),
        ("3", json!("mediaservices"), "mediawest"),
    ] {
        let before = world.answers().len();
        let what = json!({"presetName": "AdaptiveStreaming", "backend": backend});
        let answers = world.ask(id, ANY, encode(&what)).await.split_off(before);
        let dispatched = &only(&answers, "response.encode.dispatched")["data"];
        assert_eq!(dispatched["backend"], backend.as_str().unwrap_or("spare"));
        only(&answers, "response.encode.success");
        assert_eq!(account_of(&world, "AdaptiveStreaming", &dispatched["workflowJobName"]).await, [account]);
    }
    let before = world.answers().len();
    let what = json!({"presetName": "AdaptiveStreaming", "backend": "nobody"});
    let answers = world.ask("4", ANY, encode(&what)).await.split_off(before);
    let failure = &only(&answers, "response.failure")["data"];
    assert_eq!(
        failure["logEventMessage"],
        r#"no backend "nobody" is configured here: there are mediaservices, spare"#
    );
}
