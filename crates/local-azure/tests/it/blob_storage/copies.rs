//! Copies: what the destination is meanwhile, how copies end, and whose blobs may be copied.

use std::num::NonZeroU64;
use std::time::Duration;

use local_azure::blob_storage::{CopyPace, NextCopy};

use super::{Answer, BLOCK_BLOB, Cloud, pair, query, sign};

/// Ten bytes a second, with the blob `/inbox/reels/source` of a hundred bytes and a container in the other account.
async fn slow_cloud() -> Cloud {
    let pace = CopyPace { bytes_per_second: NonZeroU64::new(10).unwrap(), minimum: Duration::from_secs(2) };
    let cloud = Cloud::with(|settings| settings.copy_pace = pace);
    cloud.make_container("/inbox/reels").await;
    cloud.make_container("/outbox/reels").await;
    let headers = [BLOCK_BLOB, ("x-ms-blob-content-type", "video/mp4"), ("x-ms-meta-show", "17")];
    cloud.put("/inbox/reels/source").with(headers).body("x".repeat(100)).await;
    cloud.heard();
    cloud
}

/// Status and progress of the copy that made a blob.
async fn state(cloud: &Cloud, path: &str) -> (String, String) {
    let there = cloud.head(path).await;
    (there.header("x-ms-copy-status").to_owned(), there.header("x-ms-copy-progress").to_owned())
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_takes_its_time_and_shows_its_progress() {
    let cloud = slow_cloud().await;
    let started = cloud
        .copy("/inbox/reels/source", "/inbox/reels/b")
        .with([("x-ms-client-request-id", "saga-1")])
        .await;
    assert_eq!((started.status, started.header("x-ms-copy-status")), (202, "pending"));
    seconds(4).await;
    let meanwhile = cloud.get("/inbox/reels/b").await;
    assert_eq!((meanwhile.status, meanwhile.text()), (200, ""));
    assert_eq!(meanwhile.header("x-ms-copy-id"), started.header("x-ms-copy-id"));
    assert_eq!(meanwhile.header("x-ms-copy-source"), "http://127.0.0.1:10000/inbox/reels/source");
    assert_eq!(meanwhile.header("x-ms-copy-progress"), "40/100");
    assert_eq!(meanwhile.header("x-ms-copy-completion-time"), "-");
    assert!(cloud.news().is_empty());
    seconds(7).await;
    let copied = cloud.get("/inbox/reels/b").await;
    assert_eq!(copied.header("content-length"), "100");
    assert_eq!(
        (copied.header("x-ms-copy-status"), copied.header("x-ms-copy-progress")),
        ("success", "100/100")
    );
    assert_eq!(copied.header("x-ms-copy-completion-time"), "Wed, 04 Mar 2026 10:00:10 GMT");
    assert_eq!((copied.header("content-type"), copied.header("x-ms-meta-show")), ("video/mp4", "17"));
    assert_eq!(copied.header("content-md5"), cloud.head("/inbox/reels/source").await.header("content-md5"));
    assert_ne!(copied.header("etag"), started.header("etag"));
    assert_eq!(cloud.news(), ["BlobCreated CopyBlob b saga-1"]);
}

#[tokio::test(start_paused = true)]
async fn an_instant_copy_is_there_when_it_is_answered() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/source", "x").await;
    cloud.heard();
    let copied = cloud
        .copy("/inbox/reels/source", "/inbox/reels/b")
        .with([("x-ms-client-request-id", "saga-1")])
        .await;
    assert_eq!((copied.status, copied.header("x-ms-copy-status")), (202, "success"));
    assert_eq!(copied.header("etag"), cloud.head("/inbox/reels/b").await.header("etag"));
    assert_eq!(cloud.get("/inbox/reels/b").await.text(), "x");
    assert_eq!(cloud.news(), ["BlobCreated CopyBlob b saga-1"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_else_happens_to_a_blob_while_a_copy_onto_it_is_pending() {
    let cloud = slow_cloud().await;
    cloud.copy("/inbox/reels/source", "/inbox/reels/b").await;
    for ask in [
        cloud.copy("/inbox/reels/source", "/inbox/reels/b"),
        cloud.put("/inbox/reels/b").with([BLOCK_BLOB]).body("y"),
        cloud.put("/inbox/reels/b?comp=block&blockid=AAAA").body("y"),
        cloud.put("/inbox/reels/b?comp=blocklist").body("<BlockList/>"),
        cloud.put("/inbox/reels/b?comp=metadata"),
        cloud.put("/inbox/reels/b?comp=properties"),
        cloud.put("/inbox/reels/b?comp=snapshot"),
        cloud.put("/inbox/reels/b?comp=tier").with([("x-ms-access-tier", "Cool")]),
        cloud.delete("/inbox/reels/b"),
    ] {
        assert_eq!(ask.await.refusal(), (409, "PendingCopyOperation"));
    }
    seconds(11).await;
    assert_eq!(cloud.get("/inbox/reels/b").await.body.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn an_aborted_copy_leaves_an_empty_blob_with_its_metadata() {
    let cloud = slow_cloud().await;
    let started = cloud.copy("/inbox/reels/source", "/inbox/reels/b").with([("x-ms-meta-own", "1")]).await;
    let abort = |id: &str| cloud.put(&format!("/inbox/reels/b?comp=copy&copyid={id}"));
    let action = [("x-ms-copy-action", "abort")];
    assert_eq!(abort("1-2").with(action).await.refusal(), (409, "CopyIdMismatch"));
    let id = started.header("x-ms-copy-id");
    assert_eq!(abort(id).await.refusal(), (400, "MissingRequiredHeader"));
    assert_eq!(abort(id).with(action).await.status, 204);
    assert_eq!(abort(id).with(action).await.refusal(), (409, "NoPendingCopyOperation"));
    let left = cloud.head("/inbox/reels/b").await;
    assert_eq!((left.header("x-ms-copy-status"), left.header("content-length")), ("aborted", "0"));
    assert_eq!((left.header("x-ms-meta-own"), left.header("x-ms-meta-show")), ("1", "-"));
    seconds(60).await;
    assert_eq!(state(&cloud, "/inbox/reels/b").await.0, "aborted");
    assert!(cloud.news().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_copy_fails_when_its_source_changes_or_goes() {
    let cloud = slow_cloud().await;
    cloud.copy("/inbox/reels/source", "/inbox/reels/changed").await;
    cloud.put("/inbox/reels/source?comp=metadata").await;
    seconds(11).await;
    cloud.copy("/inbox/reels/source", "/inbox/reels/gone").await;
    cloud.delete("/inbox/reels/source").await;
    cloud.heard();
    seconds(11).await;
    for (path, description) in
        [("/inbox/reels/changed", "412 PreconditionFailed"), ("/inbox/reels/gone", "404 NotFound")]
    {
        let left = cloud.head(path).await;
        assert_eq!((left.header("x-ms-copy-status"), left.header("content-length")), ("failed", "0"));
        assert!(left.header("x-ms-copy-status-description").starts_with(description));
        assert_ne!(left.header("x-ms-copy-completion-time"), "-");
    }
    assert!(cloud.news().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_next_copy_onto_a_blob_can_be_made_to_fail() {
    let cloud = slow_cloud().await;
    let description = "500 InternalServerError \"Copy failed.\"";
    cloud.storage.decide_next_copy("inbox", "reels", "b", NextCopy::Fails(description.to_owned()));
    assert_eq!(
        cloud.copy("/inbox/reels/source", "/inbox/reels/b").await.header("x-ms-copy-status"),
        "pending"
    );
    seconds(11).await;
    let failed = cloud.head("/inbox/reels/b").await;
    assert_eq!(failed.header("x-ms-copy-status"), "failed");
    assert_eq!(failed.header("x-ms-copy-status-description"), description);
    assert_eq!(cloud.copy("/inbox/reels/source", "/inbox/reels/b").await.status, 202);
    seconds(11).await;
    assert_eq!(state(&cloud, "/inbox/reels/b").await.0, "success");
}

#[tokio::test(start_paused = true)]
async fn the_next_copy_onto_a_blob_can_be_held_back() {
    let cloud = slow_cloud().await;
    cloud.storage.decide_next_copy("inbox", "reels", "b", NextCopy::Waits);
    cloud.copy("/inbox/reels/source", "/inbox/reels/b").await;
    seconds(14 * 24 * 3600).await;
    assert_eq!(state(&cloud, "/inbox/reels/b").await, pair("pending", "0/100"));
    assert!(cloud.storage.release_copy("inbox", "reels", "b").await);
    assert_eq!(state(&cloud, "/inbox/reels/b").await, pair("success", "100/100"));
    assert!(!cloud.storage.release_copy("inbox", "reels", "b").await);
    assert_eq!(cloud.news(), ["BlobCreated CopyBlob b -"]);
}

#[tokio::test(start_paused = true)]
async fn setting_properties_makes_a_blob_forget_its_copy() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/source", "x").await;
    cloud.copy("/inbox/reels/source", "/inbox/reels/b").await;
    cloud.put("/inbox/reels/b?comp=metadata").await;
    assert_eq!(state(&cloud, "/inbox/reels/b").await.0, "success");
    cloud.put("/inbox/reels/b?comp=properties").await;
    assert_eq!(state(&cloud, "/inbox/reels/b").await.0, "-");
}

#[tokio::test(start_paused = true)]
async fn a_copy_at_once_is_answered_when_it_is_there() {
    let cloud = slow_cloud().await;
    let copy =
        cloud.copy("/inbox/reels/source", "/inbox/reels/b").with([("x-ms-requires-sync", "true")]).await;
    assert_eq!((copy.status, copy.header("x-ms-copy-status")), (202, "success"));
    assert_eq!(cloud.get("/inbox/reels/b").await.body.len(), 100);
    assert_eq!(cloud.news(), ["BlobCreated CopyBlob b -"]);
}

#[tokio::test(start_paused = true)]
async fn listings_show_copies_on_request() {
    let cloud = slow_cloud().await;
    cloud.copy("/inbox/reels/source", "/inbox/reels/b").await;
    seconds(5).await;
    let list = cloud.get("/inbox/reels?restype=container&comp=list&include=copy").await;
    assert_eq!(
        (list.texts("CopyStatus"), list.texts("CopyProgress")),
        (vec!["pending".into()], vec!["50/100".into()])
    );
    assert!(cloud.get("/inbox/reels?restype=container&comp=list").await.texts("CopyStatus").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_not_there_cannot_be_copied() {
    let cloud = slow_cloud().await;
    for source in ["/inbox/reels/none", "/inbox/none/b", "/nobody/reels/b"] {
        assert_eq!(
            cloud.copy(source, "/inbox/reels/b").await.refusal(),
            (404, "CannotVerifyCopySource"),
            "{source}"
        );
    }
    let from = |url| cloud.put("/inbox/reels/b").with([("x-ms-copy-source", url)]);
    assert_eq!(from("https://example.com/a/b").await.refusal(), (404, "CannotVerifyCopySource"));
    assert_eq!(from("/inbox/reels/source").await.refusal(), (400, "InvalidHeaderValue"));
    assert_eq!(from("https://inbox.blob.core.windows.net/reels/source").await.status, 202);
}

/// Copies across accounts with a key of the destination's account.
async fn copy_as_owner(cloud: &Cloud, from: &str, to: &str) -> Answer {
    let account = to.split('/').nth(1).unwrap();
    let key = cloud.storage.account_key(account).unwrap();
    let source = format!("http://127.0.0.1:10000{from}");
    let date = "Wed, 04 Mar 2026 10:00:00 GMT";
    let headers = format!("x-ms-copy-source:{source}\nx-ms-date:{date}\nx-ms-version:2026-04-06\n");
    let signature = sign(&key, &format!("PUT{}{headers}/{account}{to}", "\n".repeat(12)));
    let authorization = format!("SharedKey {account}:{signature}");
    cloud.copy(from, to).with([("x-ms-date", date), ("authorization", authorization.as_str())]).await
}

#[tokio::test(start_paused = true)]
async fn a_key_opens_only_sources_of_its_own_account() {
    let cloud = slow_cloud().await;
    assert_eq!(copy_as_owner(&cloud, "/inbox/reels/source", "/inbox/reels/b").await.status, 202);
    let stranger = copy_as_owner(&cloud, "/inbox/reels/source", "/outbox/reels/b").await;
    assert_eq!(stranger.refusal(), (404, "CannotVerifyCopySource"));
    cloud.put("/inbox/reels?restype=container&comp=acl").with([("x-ms-blob-public-access", "blob")]).await;
    assert_eq!(copy_as_owner(&cloud, "/inbox/reels/source", "/outbox/reels/b").await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn a_token_opens_sources_of_every_account() {
    let cloud = slow_cloud().await;
    assert_eq!(cloud.copy("/inbox/reels/source", "/outbox/reels/b").await.status, 202);
    seconds(11).await;
    assert_eq!(cloud.get("/outbox/reels/b").await.body.len(), 100);
}

/// A SAS of `/inbox/reels/source`, signed with the account's key.
fn source_sas(cloud: &Cloud, permissions: &str, expiry: &str) -> String {
    let text =
        format!("{permissions}\n\n{expiry}\n/blob/inbox/reels/source\n\n\n\n2025-11-05\nb\n\n\n\n\n\n\n");
    let signature = sign(&cloud.storage.account_key("inbox").unwrap(), &text);
    query(&[("sv", "2025-11-05"), ("sr", "b"), ("sp", permissions), ("se", expiry), ("sig", &signature)])
}

#[tokio::test(start_paused = true)]
async fn a_sas_opens_a_source_as_long_as_it_is_valid() {
    let cloud = slow_cloud().await;
    let copy =
        async |sas: &str, to: &str| copy_as_owner(&cloud, &format!("/inbox/reels/source?{sas}"), to).await;
    let good = source_sas(&cloud, "r", "2026-03-04T11:00:00Z");
    assert_eq!(copy(&good, "/outbox/reels/b").await.status, 202);
    assert_eq!(
        cloud.head("/outbox/reels/b").await.header("x-ms-copy-source"),
        "http://127.0.0.1:10000/inbox/reels/source"
    );
    let forbidden = (403, "CannotVerifyCopySource");
    assert_eq!(copy(&good.replace("sp=r", "sp=rw"), "/outbox/reels/d").await.refusal(), forbidden);
    assert_eq!(
        copy(&source_sas(&cloud, "w", "2026-03-04T11:00:00Z"), "/outbox/reels/d").await.refusal(),
        forbidden
    );
    assert_eq!(
        copy(&source_sas(&cloud, "r", "2026-03-04T09:00:00Z"), "/outbox/reels/d").await.refusal(),
        forbidden
    );
}

#[tokio::test(start_paused = true)]
async fn a_copy_fails_when_its_sas_expires_before_it_ends() {
    let cloud = slow_cloud().await;
    let sas = source_sas(&cloud, "r", "2026-03-04T10:00:05Z");
    assert_eq!(
        copy_as_owner(&cloud, &format!("/inbox/reels/source?{sas}"), "/outbox/reels/b").await.status,
        202
    );
    seconds(11).await;
    let failed = cloud.head("/outbox/reels/b").await;
    assert_eq!(failed.header("x-ms-copy-status"), "failed");
    assert!(failed.header("x-ms-copy-status-description").starts_with("403 Forbidden"));
}

#[tokio::test(start_paused = true)]
async fn a_copy_at_once_may_bring_a_token_for_its_source() {
    let cloud = slow_cloud().await;
    let token = super::bearer("{}");
    let expiry = "2026-03-04T11:00:00Z";
    let text = format!("cw\n\n{expiry}\n/blob/outbox/reels/b\n\n\n\n2025-11-05\nb\n\n\n\n\n\n\n");
    let signature = sign(&cloud.storage.account_key("outbox").unwrap(), &text);
    let sas = query(&[("sv", "2025-11-05"), ("sr", "b"), ("sp", "cw"), ("se", expiry), ("sig", &signature)]);
    let copy = || {
        let copy = cloud.copy("/inbox/reels/source", &format!("/outbox/reels/b?{sas}"));
        copy.with([("x-ms-requires-sync", "true")]).anonymously()
    };
    assert_eq!(copy().await.refusal(), (404, "CannotVerifyCopySource"));
    assert_eq!(copy().with([("x-ms-copy-source-authorization", token.as_str())]).await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn a_blob_copied_onto_itself_stays_what_it_is() {
    let cloud = slow_cloud().await;
    let copy = cloud.copy("/inbox/reels/source", "/inbox/reels/source").with([("x-ms-meta-new", "1")]).await;
    assert_eq!(copy.header("x-ms-copy-status"), "success");
    let there = cloud.get("/inbox/reels/source").await;
    assert_eq!((there.body.len(), there.header("x-ms-meta-new")), (100, "1"));
}
