//! Access tiers: chosen, inferred, handed down, and the way out of the archive.

use std::time::Duration;

use super::{Answer, BLOCK_BLOB, Cloud, hours, pair};

async fn set_tier(cloud: &Cloud, tier: &str) -> Answer {
    cloud
        .put("/inbox/reels/b?comp=tier")
        .with([("x-ms-access-tier", tier), ("x-ms-client-request-id", tier)])
        .await
}

async fn archived() -> Cloud {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/b", "x").await;
    assert_eq!(set_tier(&cloud, "Archive").await.status, 200);
    cloud.heard();
    cloud
}

async fn tier(cloud: &Cloud) -> (String, String) {
    let there = cloud.head("/inbox/reels/b").await;
    (there.header("x-ms-access-tier").to_owned(), there.header("x-ms-archive-status").to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_blob_is_hot_until_somebody_chooses() {
    let cloud = Cloud::with_container().await;
    let made = cloud.make_blob("/inbox/reels/b", "x").await;
    let inferred = cloud.head("/inbox/reels/b").await;
    assert_eq!(
        (inferred.header("x-ms-access-tier"), inferred.header("x-ms-access-tier-inferred")),
        ("Hot", "true")
    );
    assert_eq!(set_tier(&cloud, "Cool").await.status, 200);
    let chosen = cloud.head("/inbox/reels/b").await;
    assert_eq!(
        (chosen.header("x-ms-access-tier"), chosen.header("x-ms-access-tier-inferred")),
        ("Cool", "-")
    );
    assert_eq!(chosen.header("x-ms-access-tier-change-time"), "Wed, 04 Mar 2026 10:00:00 GMT");
    assert_eq!(chosen.header("etag"), made.header("etag"));
}

#[tokio::test(start_paused = true)]
async fn a_tier_is_chosen_with_the_write_and_handed_down_to_the_next() {
    let cloud = Cloud::with_container().await;
    cloud.put("/inbox/reels/b").with([BLOCK_BLOB, ("x-ms-access-tier", "Cold")]).body("x").await;
    cloud.make_blob("/inbox/reels/b", "y").await;
    assert_eq!(tier(&cloud).await.0, "Cold");
    let unknown =
        cloud.put("/inbox/reels/b").with([BLOCK_BLOB, ("x-ms-access-tier", "Tepid")]).body("x").await;
    assert_eq!(unknown.refusal(), (400, "InvalidHeaderValue"));
    assert_eq!(cloud.put("/inbox/reels/b?comp=tier").await.refusal(), (400, "MissingRequiredHeader"));
}

#[tokio::test(start_paused = true)]
async fn an_archived_blob_is_offline() {
    let cloud = archived().await;
    for ask in [
        cloud.get("/inbox/reels/b"),
        cloud.put("/inbox/reels/b?comp=metadata"),
        cloud.put("/inbox/reels/b?comp=properties"),
        cloud.put("/inbox/reels/b?comp=snapshot"),
        cloud.copy("/inbox/reels/b", "/inbox/reels/copy"),
    ] {
        assert_eq!(ask.await.refusal(), (409, "BlobArchived"));
    }
    assert_eq!(cloud.head("/inbox/reels/b").await.header("x-ms-access-tier"), "Archive");
    assert_eq!(cloud.delete("/inbox/reels/b").await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn rehydration_takes_its_time_and_is_told_when_it_ends() {
    let cloud = archived().await;
    assert_eq!(set_tier(&cloud, "Cool").await.status, 202);
    assert_eq!(tier(&cloud).await, pair("Archive", "rehydrate-pending-to-cool"));
    assert_eq!(cloud.head("/inbox/reels/b").await.header("x-ms-rehydrate-priority"), "Standard");
    assert_eq!(cloud.get("/inbox/reels/b").await.refusal(), (409, "BlobBeingRehydrated"));
    let list = cloud.get("/inbox/reels?restype=container&comp=list").await;
    assert_eq!(list.texts("ArchiveStatus"), ["rehydrate-pending-to-cool"]);
    tokio::time::sleep(hours(15) - Duration::from_secs(1)).await;
    assert!(cloud.news().is_empty());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(tier(&cloud).await, pair("Cool", "-"));
    assert_eq!(cloud.get("/inbox/reels/b").await.text(), "x");
    assert_eq!(cloud.news(), ["BlobTierChanged SetBlobTier b Cool"]);
}

#[tokio::test(start_paused = true)]
async fn rehydration_can_be_hurried_but_not_redirected() {
    let cloud = archived().await;
    set_tier(&cloud, "Hot").await;
    assert_eq!(set_tier(&cloud, "Cool").await.refusal(), (409, "BlobBeingRehydrated"));
    assert_eq!(set_tier(&cloud, "Archive").await.refusal(), (409, "BlobBeingRehydrated"));
    let hurry = [("x-ms-access-tier", "Hot"), ("x-ms-rehydrate-priority", "High")];
    assert_eq!(cloud.put("/inbox/reels/b?comp=tier").with(hurry).await.status, 202);
    assert_eq!(cloud.head("/inbox/reels/b").await.header("x-ms-rehydrate-priority"), "High");
    tokio::time::sleep(hours(1) + Duration::from_secs(1)).await;
    assert_eq!(tier(&cloud).await, pair("Hot", "-"));
    tokio::time::sleep(hours(15)).await;
    assert_eq!(cloud.news(), ["BlobTierChanged SetBlobTier b Hot"]);
    let nonsense = cloud
        .put("/inbox/reels/b?comp=tier")
        .with([("x-ms-access-tier", "Hot"), ("x-ms-rehydrate-priority", "Now")]);
    assert_eq!(nonsense.await.refusal(), (400, "InvalidHeaderValue"));
}

#[tokio::test(start_paused = true)]
async fn an_archived_blob_is_copied_to_another_tier_as_fast_as_it_thaws() {
    let cloud = archived().await;
    let copy = cloud
        .copy("/inbox/reels/b", "/inbox/reels/copy")
        .with([("x-ms-access-tier", "Cool"), ("x-ms-rehydrate-priority", "High")])
        .await;
    assert_eq!((copy.status, copy.header("x-ms-copy-status")), (202, "pending"));
    tokio::time::sleep(hours(1) + Duration::from_secs(1)).await;
    assert_eq!(cloud.get("/inbox/reels/copy").await.text(), "x");
    assert_eq!(cloud.head("/inbox/reels/copy").await.header("x-ms-access-tier"), "Cool");
    assert_eq!(tier(&cloud).await.0, "Archive");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_blob_is_rehydrated_no_more() {
    let cloud = archived().await;
    set_tier(&cloud, "Hot").await;
    cloud.delete("/inbox/reels/b").await;
    cloud.heard();
    tokio::time::sleep(hours(16)).await;
    assert!(cloud.news().is_empty());
}
