//! Snapshots, and deletion with them.

use super::{BLOCK_BLOB, Cloud};

async fn snapshot(cloud: &Cloud) -> String {
    let taken = cloud.put("/inbox/reels/b?comp=snapshot").await;
    assert_eq!(taken.status, 201);
    taken.header("x-ms-snapshot").to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_keeps_what_the_blob_was() {
    let cloud = Cloud::with_container().await;
    let made = cloud.put("/inbox/reels/b").with([BLOCK_BLOB, ("x-ms-meta-a", "1")]).body("old").await;
    let time = snapshot(&cloud).await;
    assert!(time.starts_with("2026-03-04T10:00:00.000000") && time.ends_with('Z'), "{time}");
    cloud.make_blob("/inbox/reels/b", "new").await;
    let old = cloud.get(&format!("/inbox/reels/b?snapshot={time}")).await;
    assert_eq!(
        (old.text(), old.header("etag"), old.header("x-ms-meta-a")),
        ("old", made.header("etag"), "1")
    );
    assert_eq!(cloud.get("/inbox/reels/b").await.text(), "new");
    assert_eq!(
        cloud.get("/inbox/reels/b?snapshot=2020-01-01T00:00:00.0000000Z").await.refusal(),
        (404, "BlobNotFound")
    );
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_may_have_metadata_of_its_own() {
    let cloud = Cloud::with_container().await;
    cloud.put("/inbox/reels/b").with([BLOCK_BLOB, ("x-ms-meta-a", "1")]).body("x").await;
    let taken = cloud.put("/inbox/reels/b?comp=snapshot").with([("x-ms-meta-b", "2")]).await;
    let there = cloud.head(&format!("/inbox/reels/b?snapshot={}", taken.header("x-ms-snapshot"))).await;
    assert_eq!((there.header("x-ms-meta-a"), there.header("x-ms-meta-b")), ("-", "2"));
}

#[tokio::test(start_paused = true)]
async fn a_blob_with_snapshots_is_deleted_with_them_or_not_at_all() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/b", "x").await;
    let time = snapshot(&cloud).await;
    assert_eq!(cloud.delete("/inbox/reels/b").await.refusal(), (409, "SnapshotsPresent"));
    let deleted = cloud.delete("/inbox/reels/b").with([("x-ms-delete-snapshots", "include")]).await;
    assert_eq!((deleted.status, deleted.header("x-ms-delete-type-permanent")), (202, "true"));
    assert_eq!(cloud.get("/inbox/reels/b").await.refusal(), (404, "BlobNotFound"));
    assert_eq!(cloud.get(&format!("/inbox/reels/b?snapshot={time}")).await.refusal(), (404, "BlobNotFound"));
    assert_eq!(cloud.delete("/inbox/reels/b").await.refusal(), (404, "BlobNotFound"));
}

#[tokio::test(start_paused = true)]
async fn snapshots_are_deleted_alone_one_by_one_or_all() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/b", "x").await;
    let (one, two, three) = (snapshot(&cloud).await, snapshot(&cloud).await, snapshot(&cloud).await);
    cloud.heard();
    assert_eq!(cloud.delete(&format!("/inbox/reels/b?snapshot={two}")).await.status, 202);
    let left = |time: &str| cloud.head(&format!("/inbox/reels/b?snapshot={time}"));
    assert_eq!(
        (left(&one).await.status, left(&two).await.status, left(&three).await.status),
        (200, 404, 200)
    );
    assert_eq!(cloud.delete("/inbox/reels/b").with([("x-ms-delete-snapshots", "only")]).await.status, 202);
    assert_eq!((left(&one).await.status, left(&three).await.status), (404, 404));
    assert_eq!(cloud.delete("/inbox/reels/b").await.status, 202);
    assert_eq!(cloud.news(), ["BlobDeleted DeleteBlob b -"]);
    let nonsense = cloud.delete("/inbox/reels/b").with([("x-ms-delete-snapshots", "some")]).await;
    assert_eq!(nonsense.refusal(), (400, "InvalidHeaderValue"));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_promoted_by_copying_it_over_its_blob() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/b", "old").await;
    let time = snapshot(&cloud).await;
    cloud.make_blob("/inbox/reels/b", "new").await;
    assert_eq!(cloud.copy(&format!("/inbox/reels/b?snapshot={time}"), "/inbox/reels/b").await.status, 202);
    assert_eq!(cloud.get("/inbox/reels/b").await.text(), "old");
}
