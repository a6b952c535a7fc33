//! The events an account raises: when, and what is in them.

use serde_json::json;

use super::{BLOCK_BLOB, Cloud};

const MINE: (&str, &str) = ("x-ms-client-request-id", r#"{"sagaId":"s-1"}"#);

#[tokio::test(start_paused = true)]
async fn a_written_blob_is_announced_as_azure_would() {
    let cloud = Cloud::with_container().await;
    let put = cloud
        .put("/inbox/reels/reel%2004/t%23.mxf")
        .with([BLOCK_BLOB, MINE, ("content-type", "application/mxf")])
        .body("12345")
        .await;
    let events = cloud.heard();
    let [event] = events.as_slice() else { panic!("one event, not {events:?}") };
    assert_eq!(event.topic, cloud.storage.account_id("inbox"));
    assert_eq!(
        event.topic,
        "/subscriptions/sub/resourceGroups/media/providers/Microsoft.Storage/storageAccounts/inbox"
    );
    assert_eq!(event.subject, "/blobServices/default/containers/reels/blobs/reel 04/t#.mxf");
    assert_eq!((event.event_type, event.data_version), ("Microsoft.Storage.BlobCreated", ""));
    let mut data = event.data.clone();
    assert!(data["sequencer"].take().is_string());
    assert!(data["storageDiagnostics"].take()["batchId"].is_string());
    assert_eq!(
        data,
        json!({
            "api": "PutBlob",
            "clientRequestId": r#"{"sagaId":"s-1"}"#,
            "requestId": put.header("x-ms-request-id"),
            "eTag": put.header("etag").trim_matches('"'),
            "contentType": "application/mxf",
            "contentLength": 5,
            "blobType": "BlockBlob",
            "accessTier": "Default",
            "url": "http://127.0.0.1:10000/inbox/reels/reel%2004/t%23.mxf",
            "sequencer": null,
            "storageDiagnostics": null,
        })
    );
}

#[tokio::test(start_paused = true)]
async fn each_operation_that_changes_content_or_tier_is_announced_and_no_other() {
    let cloud = Cloud::with_container().await;
    cloud.put("/inbox/reels/b?comp=block&blockid=AAAA").with([MINE]).body("x").await;
    assert!(cloud.news().is_empty());
    cloud.put("/inbox/reels/b?comp=blocklist").body("<BlockList><Latest>AAAA</Latest></BlockList>").await;
    assert_eq!(cloud.news(), ["BlobCreated PutBlockList b -"]);
    cloud.put("/inbox/reels/b?comp=metadata").with([("x-ms-meta-a", "1")]).await;
    cloud.put("/inbox/reels/b?comp=properties").await;
    cloud.put("/inbox/reels/b?comp=snapshot").await;
    cloud.put("/inbox/reels?restype=container&comp=acl").await;
    cloud.get("/inbox/reels/b").await;
    assert!(cloud.news().is_empty());
    cloud.put("/inbox/reels/b?comp=tier").with([MINE, ("x-ms-access-tier", "Cool")]).await;
    cloud.put("/inbox/reels/b?comp=tier").with([MINE, ("x-ms-access-tier", "Cool")]).await;
    assert_eq!(cloud.news(), [r#"BlobTierChanged SetBlobTier b {"sagaId":"s-1"}"#]);
    cloud.delete("/inbox/reels/b").with([MINE, ("x-ms-delete-snapshots", "include")]).await;
    assert_eq!(cloud.news(), [r#"BlobDeleted DeleteBlob b {"sagaId":"s-1"}"#]);
    cloud.delete("/inbox/reels/b").await;
    cloud.delete("/inbox/reels?restype=container").await;
    assert!(cloud.news().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_is_not_announced() {
    let cloud = Cloud::with_container().await;
    cloud.put("/inbox/reels/b").with([BLOCK_BLOB, ("if-match", "*")]).body("x").await;
    cloud.put("/inbox/none/b").with([BLOCK_BLOB]).body("x").await;
    cloud.put("/inbox/reels/b").with([BLOCK_BLOB]).anonymously().body("x").await;
    assert!(cloud.news().is_empty());
}

#[tokio::test(start_paused = true)]
async fn tiers_are_named_in_events() {
    let cloud = Cloud::with_container().await;
    cloud.put("/inbox/reels/b").with([BLOCK_BLOB, ("x-ms-access-tier", "Cold")]).body("x").await;
    cloud.put("/inbox/reels/b?comp=tier").with([("x-ms-access-tier", "Archive")]).await;
    let events = cloud.heard();
    assert_eq!(events[0].data["accessTier"], "Cold");
    assert_eq!(
        (&events[1].data["accessTier"], &events[1].data["previousTier"]),
        (&json!("Archive"), &json!("Cold"))
    );
    assert_eq!(events[1].data["contentLength"], 1);
}

#[tokio::test(start_paused = true)]
async fn sequencers_grow_with_every_event_of_an_account() {
    let cloud = Cloud::with_container().await;
    for _ in 0..20 {
        cloud.make_blob("/inbox/reels/b", "x").await;
        cloud.delete("/inbox/reels/b").await;
    }
    let sequencers: Vec<_> = cloud.heard().iter().map(|event| event.data["sequencer"].to_string()).collect();
    assert_eq!(sequencers.len(), 40);
    assert!(sequencers.is_sorted() && sequencers.windows(2).all(|pair| pair[0] != pair[1]));
}

#[tokio::test(start_paused = true)]
async fn a_hierarchical_account_announces_a_copy_when_it_begins() {
    let pace = super::CopyPace { minimum: super::hours(1), ..super::CopyPace::INSTANT };
    let cloud = Cloud::with(|settings| settings.copy_pace = pace);
    cloud.make_container("/lake/reels").await;
    cloud.make_blob("/lake/reels/source", "x").await;
    assert_eq!(cloud.heard()[0].data_version, "2");
    cloud.copy("/lake/reels/source", "/lake/reels/b").await;
    assert_eq!(cloud.head("/lake/reels/b").await.header("x-ms-copy-status"), "pending");
    assert_eq!(cloud.news(), ["BlobCreated CopyBlob b -"]);
    tokio::time::sleep(super::hours(2)).await;
    assert_eq!(cloud.head("/lake/reels/b").await.header("x-ms-copy-status"), "success");
    assert!(cloud.news().is_empty());
}
