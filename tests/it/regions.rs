//! Which of several regions and backends a job goes to, and where it is found again.

use http::StatusCode;
use local_azure::faults::Fault;
use serde_json::{Value, json};

use crate::encodes::{ANY, V3, ask_media, encode, world};
use crate::world::{REGIONS, World, config, only, types};

/// The account that has a job.
async fn account_of(world: &World, transform: &str, job: &Value) -> Vec<&'static str> {
    let mut found = Vec::new();
    for (_, account) in REGIONS {
        let path = format!("transforms/{transform}/jobs/{}", job.as_str().unwrap());
        if ask_media(world, account, &path).await.0 == StatusCode::OK {
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

#[tokio::test(start_paused = true)]
async fn a_job_is_not_made_in_a_second_region_because_the_first_that_has_it_is_down() {
    let world = world().await;
    let event = json!([{
        "id": "r-1", "eventType": V3, "dataVersion": "1.0", "subject": "/",
        "data": encode(&json!({"transformName": "AdaptiveStreaming"})),
    }]);
    let bring = async |tries_before: &str| {
        let headers = [("content-type", "application/json"), ("aeg-delivery-count", tries_before)];
        world.deliver_with(&headers, event.to_string()).await.status()
    };
    assert_eq!(bring("0").await, StatusCode::OK);
    let job = world.answers().last().unwrap()["data"]["workflowJobName"].clone();
    world.replace_processor();
    world.cloud.faults.regions[0].always(Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None), |_| true);
    assert_eq!(bring("1").await, StatusCode::SERVICE_UNAVAILABLE, "whether it is there cannot be found out");
    world.cloud.faults.regions[0].clear();
    assert_eq!(bring("2").await, StatusCode::OK);
    world.settled().await;
    assert_eq!(account_of(&world, "AdaptiveStreaming", &job).await, [REGIONS[0].1]);
    let answers = world.answers();
    assert!(!types(&answers).contains(&"response.failure"), "{:?}", types(&answers));
    only(&answers, "response.encode.mediaservicesv3.success");
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
        r#"no encoder "nobody" is configured: expected one of mediaservices, spare"#
    );
}
