//! How jobs end, and what an error says.

use http::StatusCode;
use local_azure::media_services::{JobError, JobErrorCode, JobRetry, Script};
use serde_json::{Value, json};

use super::world::{Options, World, built_in, job_body, script};

/// A world in which the first output of each job fails.
fn failing(error: JobError) -> World {
    World::scripted_with(&Options::default(), move |output| match output.output {
        0 => Script { outcome: Err(error.clone()), ..script() },
        _ => script(),
    })
}

async fn two_outputs(world: &World, on_error: &str) -> Value {
    for asset in ["input", "output"] {
        world.asset(asset).await;
    }
    world.storage.give("input", "show.mp4", b"media");
    let output = json!({"preset": built_in("AdaptiveStreaming"), "onError": on_error});
    world.put("transforms/t", json!({"properties": {"outputs": [output, output]}})).await;
    let mut body = job_body();
    let output = body["properties"]["outputs"][0].clone();
    body["properties"]["outputs"] = json!([output, output]);
    assert_eq!(world.put("transforms/t/jobs/j", body).await.0, StatusCode::CREATED);
    world.ended("transforms/t/jobs/j").await
}

#[tokio::test(start_paused = true)]
async fn a_job_that_succeeds_leaves_its_files_in_the_output_container() {
    let world = World::scripted();
    world.ready().await;
    world.put("transforms/t/jobs/j", job_body()).await;
    let job = world.ended("transforms/t/jobs/j").await;
    assert_eq!(job["state"], "Finished");
    assert_eq!(job["startTime"], "2024-01-10T09:00:01.0000000Z");
    assert_eq!(job["endTime"], "2024-01-10T09:00:11.0000000Z");
    assert_eq!(job["outputs"][0]["progress"], 100);
    assert_eq!(world.storage.names("output"), ["scripted.mp4"]);
}

#[tokio::test(start_paused = true)]
async fn an_error_says_what_it_is_and_whether_to_try_again() {
    let mut error = JobError::new(JobErrorCode::ServiceError, "no").with_detail("Why", "because");
    error.retry = JobRetry::DoNotRetry;
    let world = failing(error);
    world.ready().await;
    world.put("transforms/t/jobs/j", job_body()).await;
    let job = world.ended("transforms/t/jobs/j").await;
    assert_eq!(job["state"], "Error");
    assert_eq!(
        job["outputs"][0]["error"],
        json!({
        "code": "ServiceError", "message": "no", "category": "Service", "retry": "DoNotRetry",
        "details": [{"code": "Why", "message": "because"}]})
    );
    let events = world.events.take();
    let errored = events.iter().find(|event| event.event_type == "Microsoft.Media.JobErrored").unwrap();
    assert_eq!(errored.data["outputs"][0]["error"]["details"][0]["message"], "because");
}

#[tokio::test(start_paused = true)]
async fn a_failed_output_stops_the_others_unless_the_transform_says_otherwise() {
    let error = || JobError::new(JobErrorCode::ContentMalformed, "broken");
    let stopped = two_outputs(&failing(error()), "StopProcessingJob").await;
    assert_eq!((&stopped["state"], &stopped["outputs"][1]["state"]), (&json!("Error"), &json!("Canceled")));
    let continued = two_outputs(&failing(error()), "ContinueJob").await;
    assert_eq!(
        (&continued["state"], &continued["outputs"][1]["state"]),
        (&json!("Finished"), &json!("Finished"))
    );
    assert_eq!(continued["outputs"][0]["state"], "Error");
}

#[tokio::test(start_paused = true)]
async fn storage_that_fails_is_told_apart() {
    let outcome = async |prepare: &dyn Fn(&World), input: Option<Value>| {
        let world = World::scripted();
        world.ready().await;
        prepare(&world);
        let mut body = job_body();
        if let Some(input) = input {
            body["properties"]["input"] = input;
        }
        world.put("transforms/t/jobs/j", body).await;
        let job = world.ended("transforms/t/jobs/j").await;
        assert_eq!(world.storage.names("output"), [""; 0]);
        job["outputs"][0]["error"]["code"].as_str().unwrap_or_default().to_owned()
    };
    let input = |files: Value| {
        Some(json!({"@odata.type": "#Microsoft.Media.JobInputAsset", "assetName": "input", "files": files}))
    };
    let http = |url: &str| Some(json!({"@odata.type": "#Microsoft.Media.JobInputHttp", "files": [url]}));
    let nothing: &dyn Fn(&World) = &|_| ();
    assert_eq!(outcome(nothing, input(json!(["none.mp4"]))).await, "DownloadNotAccessible");
    assert_eq!(outcome(nothing, http("https://elsewhere/input/show.mp4")).await, "DownloadNotAccessible");
    assert_eq!(
        outcome(nothing, http("https://acct.blob.local/input/show.mp4?sig=bad")).await,
        "DownloadNotAccessible"
    );
    assert_eq!(
        outcome(nothing, http("https://acct.blob.local/input/none.mp4?sig=good")).await,
        "DownloadNotAccessible"
    );
    let emptied: &dyn Fn(&World) =
        &|world| std::fs::remove_file(world.storage.file("input", "show.mp4")).unwrap();
    assert_eq!(outcome(emptied, None).await, "DownloadNotAccessible");
    let breaking = |what: &'static str| {
        move |world: &World| {
            world.storage.broken.lock().unwrap().insert(what.to_owned());
        }
    };
    assert_eq!(outcome(&breaking("input"), None).await, "DownloadTransientError");
    assert_eq!(outcome(&breaking("scripted.mp4"), None).await, "UploadTransientError");
    let dropped: &dyn Fn(&World) = &|world| world.storage.drop_container("output");
    assert_eq!(outcome(dropped, None).await, "UploadNotAccessible");
}

#[tokio::test(start_paused = true)]
async fn blobs_of_this_cloud_are_inputs_by_their_urls() {
    let world = World::scripted();
    world.ready().await;
    let mut body = job_body();
    body["properties"]["input"] = json!({
        "@odata.type": "#Microsoft.Media.JobInputHttp", "baseUri": "https://acct.blob.local/input?sig=good",
        "files": ["show.mp4"]});
    world.put("transforms/t/jobs/j", body).await;
    assert_eq!(world.ended("transforms/t/jobs/j").await["state"], "Finished");
}

#[tokio::test(start_paused = true)]
async fn an_output_that_fails_half_written_leaves_nothing() {
    let world = World::scripted_with(&Options::default(), |_| Script {
        outcome: Ok(vec![("a.mp4".to_owned(), "a".into()), ("b.mp4".to_owned(), "b".into())]),
        ..script()
    });
    world.ready().await;
    world.storage.broken.lock().unwrap().insert("b.mp4".to_owned());
    world.put("transforms/t/jobs/j", job_body()).await;
    assert_eq!(world.ended("transforms/t/jobs/j").await["state"], "Error");
    assert_eq!(world.storage.names("output"), [""; 0]);
}
