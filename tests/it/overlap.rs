//! Requests that overlap: delivered to two replicas at once, killed half-way and delivered again after others have changed
//! things, several about the same blob. Each hears one outcome, and it is true.

use std::time::Duration;

use gridwich_handlers::operation_context::{ContextReference, OperationContext, Stamp, write};
use gridwich_handlers::operation_id::OperationId;
use gridwich_handlers::participants::{PublicAccess, Said, Storage as _};
use http::StatusCode;
use local_azure::faults::Fault;
use local_azure::ids::development_key;
use serde_json::{Value, json};

use crate::world::{Options, PROCESSOR, World, address, types};

const SOURCE: &str = "http://127.0.0.1:10000/inbox/show/a.mp4";
const TARGET: &str = "http://127.0.0.1:10000/archive/show/a.mp4";

/// Copies take long enough to be stopped.
async fn slow_world() -> World {
    let config = "[requests]\nannounce = \"ours\"\n";
    let options = Options { config, copy_takes: Duration::from_secs(7_200), ..Options::default() };
    let world = World::with(options).await;
    world.upload("inbox", "show", "a.mp4", b"moving pictures").await;
    world
}

async fn world() -> World {
    let world = World::quiet().await;
    world.upload("inbox", "show", "a.mp4", b"moving pictures").await;
    world
}

fn event(id: &str, event_type: &str, mut data: Value) -> String {
    data["operationContext"] = json!({"of": id});
    json!([{"id": id, "eventType": event_type, "dataVersion": "1.0", "data": data}]).to_string()
}

fn copy(id: &str) -> String {
    event(id, "request.blob.copy", json!({"sourceUri": SOURCE, "destinationUri": TARGET}))
}

fn on(id: &str, event_type: &str, uri: &str) -> String {
    event(id, event_type, json!({"blobUri": uri}))
}

/// The types of what was said of a request, each id once, without acknowledgments.
fn heard(world: &World, id: &str) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    let of = |answer: &&Value| answer["data"]["operationContext"]["of"] == id;
    let answers = world.answers();
    let answers = answers.iter().filter(of).filter(|answer| seen.insert(answer.to_string_of("id")));
    answers.map(|answer| answer.to_string_of("eventType")).filter(|t| t != "response.acknowledge").collect()
}

trait Text {
    fn to_string_of(&self, member: &str) -> String;
}

impl Text for Value {
    fn to_string_of(&self, member: &str) -> String {
        self[member].as_str().unwrap_or_default().to_owned()
    }
}

/// Each id is under one type: what is said twice is the same.
fn assert_consistent(world: &World) {
    let mut types = std::collections::BTreeMap::new();
    for answer in world.answers() {
        let event_type = answer.to_string_of("eventType");
        let first = types.entry(answer.to_string_of("id")).or_insert_with(|| event_type.clone());
        assert_eq!(*first, event_type, "{answer}");
    }
}

/// As a request leaves it that was killed after noting that it began.
async fn note(world: &World, account: &str, id: &str, event_type: &str, about: &str) {
    let context = json!({"of": id}).to_string();
    let operation = operation(id, event_type);
    let reference = ContextReference { account: account.to_owned(), operation };
    world.storage().keep_context(&reference, &context, about).await.unwrap();
    tokio::time::advance(Duration::from_secs(2)).await;
}

fn operation(id: &str, event_type: &str) -> OperationId {
    let context = OperationContext::parse(&json!({"of": id}).to_string()).unwrap();
    OperationId::of_request(id, event_type, Some(&context))
}

#[tokio::test(start_paused = true)]
async fn a_deletion_killed_after_its_note_does_not_claim_what_others_have_changed() {
    let world = world().await;
    let blob = address("inbox", "show", "a.mp4");
    let etag = world.storage().properties(&blob).await.unwrap().etag;
    note(&world, "inbox", "d", "request.blob.delete", &etag).await;
    world.set_metadata("inbox", "show", "a.mp4", &[("n", "1")]).await;
    // Storage might be about to report that it had been deleted before.
    let early = world.deliver_again(1, &on("d", "request.blob.delete", SOURCE)).await;
    assert_eq!(early, StatusCode::SERVICE_UNAVAILABLE);
    world.deliver_again(9, &on("d", "request.blob.delete", SOURCE)).await;
    world.settled().await;
    assert_eq!(heard(&world, "d"), ["response.failure"]);
    assert!(world.storage().properties(&blob).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_killed_after_its_effect_leaves_what_was_made_since() {
    let world = world().await;
    let blob = address("inbox", "show", "a.mp4");
    let etag = world.storage().properties(&blob).await.unwrap().etag;
    note(&world, "inbox", "d", "request.blob.delete", &etag).await;
    let stamp = Stamp { operation: Some(operation("d", "request.blob.delete")), trace: None };
    let carried = write(&OperationContext::parse(r#"{"of":"d"}"#).unwrap(), &stamp, 1_024).unwrap();
    world.storage().delete(&blob, &etag, &carried).await.unwrap();
    world.settled().await;
    world.upload("inbox", "show", "a.mp4", b"other pictures").await;
    world.deliver_again(1, &on("d", "request.blob.delete", SOURCE)).await;
    world.settled().await;
    assert_eq!(heard(&world, "d"), ["response.blob.delete.success"]);
    assert!(world.storage().properties(&blob).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_container_deletion_killed_after_its_note_does_not_claim_what_others_have_changed() {
    let world = world().await;
    let container = address("inbox", "show", "").container;
    let etag = world.storage().container_etag(&container).await.unwrap();
    note(&world, "inbox", "d", "request.blob.container.delete", &etag).await;
    world.storage().set_access(&container, PublicAccess::Blob).await.unwrap();
    let named = json!({"storageAccountName": "inbox", "containerName": "show"});
    world.deliver_again(1, &event("d", "request.blob.container.delete", named)).await;
    assert_eq!(heard(&world, "d"), ["response.failure"]);
    assert!(world.storage().container_etag(&container).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn two_deletions_of_one_blob_both_end() {
    let world = world().await;
    let slow = Fault::Delay(Duration::from_secs(1));
    world.cloud.faults.storage.always(slow, |parts| parts.method == "DELETE");
    let (x, y) = (on("x", "request.blob.delete", SOURCE), on("y", "request.blob.delete", SOURCE));
    tokio::join!(world.deliver_again(0, &x), world.deliver_again(0, &y));
    world.settled().await;
    for id in ["x", "y"] {
        assert_eq!(
            heard(&world, id).last().map(String::as_str),
            Some("response.blob.delete.success"),
            "{id}"
        );
    }
    assert_consistent(&world);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_finds_anothers_in_its_place_still_ends() {
    let world = world().await;
    let container = address("archive", "show", "").container;
    world.storage().create_container(&container, operation("c", "c")).await.unwrap();
    note(&world, "archive", "b", "request.blob.copy", "etag").await;
    world.deliver_again(0, &copy("a")).await;
    world.settled().await;
    world.deliver_again(1, &copy("b")).await;
    for _ in 0..2 {
        world.watch_copies().await;
    }
    let expected = ["response.blob.copy.scheduled", "response.blob.created.success"];
    assert_eq!(
        (heard(&world, "a"), heard(&world, "b")),
        (expected.map(str::to_owned).to_vec(), expected.map(str::to_owned).to_vec())
    );
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_succeeded_is_not_said_to_have_failed_whatever_becomes_of_its_blob() {
    for is_written_late in [false, true] {
        let world = world().await;
        if is_written_late {
            // The watch is written down only when the end of the copy has been told.
            let late = Fault::Delay(Duration::from_secs(15));
            let is_watch =
                |parts: &http::request::Parts| parts.method == "PUT" && parts.uri.path().contains("pending");
            world.cloud.faults.storage.next(1, late, is_watch);
        } else {
            let is_forgotten = |parts: &http::request::Parts| {
                parts.method == "DELETE" && parts.uri.path().contains("pending")
            };
            world
                .cloud
                .faults
                .storage
                .always(Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None), is_forgotten);
        }
        world.deliver_again(0, &copy("a")).await;
        world.settled().await;
        world.cloud.faults.storage.clear();
        world.deliver_again(0, &on("d", "request.blob.delete", TARGET)).await;
        for _ in 0..3 {
            world.watch_copies().await;
        }
        let mut said = heard(&world, "a");
        said.sort();
        assert_eq!(said, ["response.blob.copy.scheduled", "response.blob.created.success"]);
        assert_consistent(&world);
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_overwritten_before_storage_could_report_it_is_not_overtaken() {
    let world = world().await;
    world.deliver_again(0, &copy("a")).await;
    world.network.disconnect(PROCESSOR);
    tokio::time::sleep(Duration::from_secs(8)).await;
    world.upload_at_once("archive", "show", "a.mp4", b"other pictures").await;
    world.look_after_copies().await;
    world.replace_processor();
    world.settled().await;
    world.watch_copies().await;
    assert_eq!(heard(&world, "a"), ["response.blob.copy.scheduled", "response.blob.created.success"]);
}

#[tokio::test(start_paused = true)]
async fn one_copy_that_cannot_be_looked_at_does_not_hide_the_others() {
    let world = slow_world().await;
    for id in ["1", "2"] {
        let to = format!("http://127.0.0.1:10000/archive/show/{id}.mp4");
        let data = json!({"sourceUri": SOURCE, "destinationUri": to});
        world.deliver_again(0, &event(id, "request.blob.copy", data)).await;
        world.deliver_again(0, &on(&format!("c{id}"), "request.operation.cancel", &to)).await;
    }
    let is_bad =
        |parts: &http::request::Parts| parts.method == "HEAD" && parts.uri.path().ends_with("/1.mp4");
    world.cloud.faults.storage.always(Fault::Refuse(StatusCode::CONFLICT, None), is_bad);
    world.look_after_copies().await;
    assert_eq!(heard(&world, "2"), ["response.blob.copy.scheduled", "response.failure"]);
    assert_eq!(heard(&world, "1"), ["response.blob.copy.scheduled"]);
}

#[tokio::test(start_paused = true)]
async fn a_late_cancellation_stops_no_other_copy() {
    let world = slow_world().await;
    let cancel = on("c", "request.operation.cancel", TARGET);
    world.deliver_again(0, &copy("a")).await;
    world.deliver_again(0, &cancel).await;
    world.look_after_copies().await;
    tokio::time::advance(Duration::from_secs(5)).await;
    world.deliver_again(0, &copy("b")).await;
    world.deliver_again(3, &cancel).await;
    world.look_after_copies().await;
    assert_eq!(heard(&world, "a"), ["response.blob.copy.scheduled", "response.failure"]);
    assert_eq!(heard(&world, "b"), ["response.blob.copy.scheduled"]);
    world.settled().await;
    assert_eq!(heard(&world, "b").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_whose_answer_was_lost_has_succeeded() {
    let world = slow_world().await;
    world.deliver_again(0, &copy("a")).await;
    let lost = Fault::AnswerAfter(StatusCode::SERVICE_UNAVAILABLE);
    world.cloud.faults.storage.next(1, lost, |parts| parts.uri.query().is_some_and(|q| q.contains("copyid")));
    world.deliver_again(0, &on("c", "request.operation.cancel", TARGET)).await;
    assert_eq!(heard(&world, "c"), ["response.operation.cancel.success"]);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_rolled_once_and_said_so_once_whichever_replica_is_faster() {
    let world = World::new().await;
    let roll = event("r", "request.rollkey.storage", json!({"account": "proxy", "keyName": "key2"}));
    let is_roll = |parts: &http::request::Parts| parts.uri.path().ends_with("/regenerateKey");
    world.cloud.faults.event_grid.next(1, Fault::HangAfter, is_roll);
    let other = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.replace_processor();
        world.deliver_again(1, &roll).await
    };
    let (_, other) = tokio::join!(world.deliver_again(0, &roll), other);
    assert_eq!(other, StatusCode::SERVICE_UNAVAILABLE);
    world.settled().await;
    assert_eq!(world.deliver_again(2, &roll).await, StatusCode::OK);
    assert_eq!(heard(&world, "r"), ["response.rollkey.storage.success"]);
    assert_ne!(
        world.cloud.blob_storage.second_account_key("proxy").unwrap(),
        development_key("proxy", "key2")
    );
}

#[tokio::test(start_paused = true)]
async fn a_note_whose_answer_was_lost_is_known_as_ones_own() {
    let world = World::new().await;
    world.upload("proxy", "gridwich-contexts", "there", b"already").await;
    let lost = Fault::AnswerAfter(StatusCode::SERVICE_UNAVAILABLE);
    let is_note = |parts: &http::request::Parts| {
        parts.method == "PUT" && parts.uri.path().contains("gridwich-contexts")
    };
    world.cloud.faults.storage.next(1, lost, is_note);
    let roll = event("r", "request.rollkey.storage", json!({"account": "proxy", "keyName": "key2"}));
    world.deliver_again(0, &roll).await;
    assert_eq!(heard(&world, "r"), ["response.rollkey.storage.success"]);
}

#[tokio::test(start_paused = true)]
async fn of_two_replicas_the_first_to_say_something_is_right() {
    let world = world().await;
    let is_set =
        |parts: &http::request::Parts| parts.method == "PUT" && parts.uri.query() == Some("comp=metadata");
    world.cloud.faults.storage.next(1, Fault::Delay(Duration::from_secs(15)), is_set);
    let set =
        event("m", "request.blob.metadata.create", json!({"blobUri": SOURCE, "blobMetadata": {"n": "1"}}));
    let other = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.replace_processor();
        world.cloud.faults.storage.next(4, Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None), is_set);
        world.deliver_again(1, &set).await
    };
    tokio::join!(world.deliver_again(0, &set), other);
    world.settled().await;
    assert_eq!(heard(&world, "m").len(), 1);
    assert_consistent(&world);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_again_while_it_cannot_be_known_what_was_done() {
    let world = world().await;
    let set = |id: &str| {
        event(id, "request.blob.metadata.create", json!({"blobUri": SOURCE, "blobMetadata": {"n": id}}))
    };
    world.deliver_again(0, &set("1")).await;
    world.deliver_again(0, &set("2")).await;
    let is_memory =
        |parts: &http::request::Parts| parts.method == "GET" && parts.uri.path().contains("answered");
    world.cloud.faults.storage.always(Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None), is_memory);
    assert_eq!(world.deliver_again(2, &set("1")).await, StatusCode::SERVICE_UNAVAILABLE);
    world.cloud.faults.storage.clear();
    assert_eq!(world.deliver_again(3, &set("1")).await, StatusCode::OK);
    let found = world.storage().properties(&address("inbox", "show", "a.mp4")).await.unwrap();
    assert_eq!(found.metadata["n"], "2");
}

#[tokio::test(start_paused = true)]
async fn what_the_processor_keeps_is_out_of_requestors_reach() {
    let world = world().await;
    let set =
        event("m", "request.blob.metadata.create", json!({"blobUri": SOURCE, "blobMetadata": {"n": "1"}}));
    world.deliver_again(0, &set).await;
    let made = operation("m", "request.blob.metadata.create");
    let kept = format!("http://127.0.0.1:10000/inbox/gridwich-contexts/answered/{}", made.digits());
    for (i, (event_type, data)) in [
        ("request.blob.delete", json!({"blobUri": kept})),
        ("request.blob.copy", json!({"sourceUri": kept, "destinationUri": TARGET})),
        ("request.blob.copy", json!({"sourceUri": SOURCE, "destinationUri": kept})),
        ("request.blob.metadata.create", json!({"blobUri": kept, "blobMetadata": {"n": "1"}})),
        ("request.blob.tier.change", json!({"blobUri": kept, "accessTier": "Archive"})),
        ("request.blob.analysis.create", json!({"blobUri": kept})),
        (
            "request.blob.container.create",
            json!({"storageAccountName": "proxy", "containerName": "gridwich-contexts"}),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("x{i}");
        world.deliver_again(0, &event(&id, event_type, data)).await;
        assert_eq!(heard(&world, &id), ["response.failure"], "{event_type}");
    }
    assert!(world.storage().recall("inbox", made, Said::Answer).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn an_upload_of_somebodys_is_not_judged_by_a_copy_before_it() {
    let world = World::with(Options { copy_takes: Duration::from_secs(5), ..Options::default() }).await;
    world.upload("inbox", "show", "a.mp4", b"moving pictures").await;
    world.upload("archive", "show", "a.mp4", b"mine").await;
    world.deliver_again(0, &copy("a")).await;
    world.deliver_again(0, &on("c", "request.operation.cancel", TARGET)).await;
    let before = world.answers().len();
    let created = json!([{
        "id": "put", "eventType": "Microsoft.Storage.BlobCreated", "subject": "/x",
        "data": {"api": "PutBlob", "clientRequestId": "11111111-1111-1111-1111-111111111111", "url": TARGET},
    }]);
    world.deliver_again(0, &created.to_string()).await;
    assert_eq!(types(&world.answers().split_off(before)), ["response.blob.created.success"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_with_tabs_or_line_breaks_is_no_other_blobs() {
    let world = world().await;
    world.upload("inbox", "show", "ab", b"precious").await;
    for name in ["a%09b", "a%0Ab", "%0Dab", "%2e%09%2e"] {
        world
            .deliver_again(
                0,
                &on(name, "request.blob.delete", &format!("http://127.0.0.1:10000/inbox/show/{name}")),
            )
            .await;
        assert_eq!(heard(&world, name), ["response.failure"], "{name}");
    }
    assert!(world.storage().properties(&address("inbox", "show", "ab")).await.is_ok());
}
