//! Conditional headers on the wire: which status and code each operation answers with.

use super::{BLOCK_BLOB, Cloud};

const BEFORE: &str = "Wed, 04 Mar 2026 09:00:00 GMT";
const AFTER: &str = "Wed, 04 Mar 2026 11:00:00 GMT";

#[tokio::test(start_paused = true)]
async fn reading_answers_304_or_412() {
    let cloud = Cloud::with_container().await;
    let made = cloud.make_blob("/inbox/reels/b", "x").await;
    let etag = made.header("etag");
    for (name, value, status) in [
        ("if-none-match", etag, 304),
        ("if-modified-since", AFTER, 304),
        ("if-match", "\"0x1\"", 412),
        ("if-unmodified-since", BEFORE, 412),
        ("if-match", etag, 200),
        ("if-none-match", "\"0x1\"", 200),
        ("if-modified-since", BEFORE, 200),
        ("if-unmodified-since", AFTER, 200),
    ] {
        for ask in [cloud.get("/inbox/reels/b"), cloud.head("/inbox/reels/b")] {
            let answer = ask.with([(name, value)]).await;
            assert_eq!(answer.status, status, "{name}: {value}");
            let code = if status == 200 { "-" } else { "ConditionNotMet" };
            assert_eq!(answer.header("x-ms-error-code"), code, "{name}: {value}");
            assert!(status != 304 || answer.body.is_empty());
        }
    }
    let any = cloud.get("/inbox/reels/b").with([("if-none-match", "*")]).await;
    assert_eq!(any.refusal(), (400, "UnsatisfiableCondition"));
}

#[tokio::test(start_paused = true)]
async fn writing_only_what_is_new_conflicts_with_what_is_there() {
    let cloud = Cloud::with_container().await;
    let put = || cloud.put("/inbox/reels/b").with([BLOCK_BLOB, ("if-none-match", "*")]).body("x");
    assert_eq!(put().await.status, 201);
    assert_eq!(put().await.refusal(), (409, "BlobAlreadyExists"));
    let list =
        cloud.put("/inbox/reels/b?comp=blocklist").with([("if-none-match", "*")]).body("<BlockList/>").await;
    assert_eq!(list.refusal(), (409, "BlobAlreadyExists"));
}

#[tokio::test(start_paused = true)]
async fn every_change_heeds_the_state_it_is_meant_for() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/b", "x").await;
    let wrong = [("if-match", "\"0x1\"")];
    for ask in [
        cloud.put("/inbox/reels/b").with([BLOCK_BLOB]).body("y"),
        cloud.put("/inbox/reels/b?comp=blocklist").body("<BlockList/>"),
        cloud.put("/inbox/reels/b?comp=metadata"),
        cloud.put("/inbox/reels/b?comp=properties"),
        cloud.put("/inbox/reels/b?comp=snapshot"),
        cloud.delete("/inbox/reels/b"),
    ] {
        assert_eq!(ask.with(wrong).await.refusal(), (412, "ConditionNotMet"));
    }
    assert_eq!(cloud.get("/inbox/reels/b").await.text(), "x");
    let absent = cloud.put("/inbox/reels/new").with([BLOCK_BLOB, ("if-match", "*")]).body("y").await;
    assert_eq!(absent.refusal(), (412, "ConditionNotMet"));
}

#[tokio::test(start_paused = true)]
async fn the_state_a_write_answered_with_is_the_one_the_next_may_name() {
    let cloud = Cloud::with_container().await;
    let mut etag = cloud.make_blob("/inbox/reels/b", "x").await.header("etag").to_owned();
    for _ in 0..3 {
        let next = cloud.put("/inbox/reels/b?comp=metadata").with([("if-match", etag.as_str())]).await;
        assert_eq!(next.status, 200);
        assert_eq!(
            cloud.put("/inbox/reels/b?comp=metadata").with([("if-match", etag.as_str())]).await.status,
            412
        );
        etag = next.header("etag").to_owned();
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_heeds_the_states_of_source_and_target() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/source", "x").await;
    cloud.make_blob("/inbox/reels/target", "y").await;
    let copy = |name, value| cloud.copy("/inbox/reels/source", "/inbox/reels/target").with([(name, value)]);
    for (name, value, refusal) in [
        ("x-ms-source-if-match", "\"0x1\"", (412, "SourceConditionNotMet")),
        ("x-ms-source-if-unmodified-since", BEFORE, (412, "SourceConditionNotMet")),
        ("x-ms-source-if-modified-since", AFTER, (412, "SourceConditionNotMet")),
        ("if-match", "\"0x1\"", (412, "TargetConditionNotMet")),
        ("if-none-match", "*", (409, "BlobAlreadyExists")),
        ("x-ms-source-if-match", "*", (202, "-")),
    ] {
        assert_eq!(copy(name, value).await.refusal(), refusal, "{name}: {value}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_condition_nobody_can_read_is_refused() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/b", "x").await;
    let answer = cloud.get("/inbox/reels/b").with([("if-modified-since", "yesterday")]).await;
    assert_eq!(answer.refusal(), (400, "InvalidHeaderValue"));
}
