//! Blobs made of blocks.

use super::{Answer, BLOCK_BLOB, Cloud};

async fn put_block(cloud: &Cloud, id: &str, content: &'static str) -> Answer {
    cloud.put(&format!("/inbox/reels/b?comp=block&blockid={id}")).body(content).await
}

async fn put_list(cloud: &Cloud, list: &str) -> Answer {
    cloud
        .put("/inbox/reels/b?comp=blocklist")
        .body(format!("<?xml version=\"1.0\"?><BlockList>{list}</BlockList>"))
        .await
}

#[tokio::test(start_paused = true)]
async fn blocks_become_a_blob_in_the_order_of_the_list() {
    let cloud = Cloud::with_container().await;
    for (id, content) in [("AAAA", "one "), ("BBBB", "two "), ("CCCC", "left over")] {
        let put = put_block(&cloud, id, content).await;
        assert_eq!(put.status, 201);
        assert_ne!(put.header("x-ms-content-crc64"), "-");
    }
    assert_eq!(cloud.get("/inbox/reels/b").await.refusal(), (404, "BlobNotFound"));
    assert_eq!(put_list(&cloud, "<Latest>BBBB</Latest><Uncommitted>AAAA</Uncommitted>").await.status, 201);
    assert_eq!(cloud.get("/inbox/reels/b").await.text(), "two one ");
    assert_eq!(
        put_list(&cloud, "<Uncommitted>CCCC</Uncommitted>").await.refusal(),
        (400, "InvalidBlockList")
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_may_mix_old_blocks_with_new_ones() {
    let cloud = Cloud::with_container().await;
    put_block(&cloud, "AAAA", "one ").await;
    put_list(&cloud, "<Latest>AAAA</Latest>").await;
    put_block(&cloud, "AAAA", "new ").await;
    let mixed = "<Committed>AAAA</Committed><Latest>AAAA</Latest><Uncommitted>AAAA</Uncommitted>";
    assert_eq!(put_list(&cloud, mixed).await.status, 201);
    assert_eq!(cloud.get("/inbox/reels/b").await.text(), "one new new ");
}

#[tokio::test(start_paused = true)]
async fn block_lists_tell_committed_from_uncommitted() {
    let cloud = Cloud::with_container().await;
    put_block(&cloud, "AAAA", "one").await;
    put_list(&cloud, "<Latest>AAAA</Latest>").await;
    put_block(&cloud, "BBBB", "four").await;
    let list = |kind: &str| cloud.get(&format!("/inbox/reels/b?comp=blocklist&blocklisttype={kind}"));
    assert_eq!(list("committed").await.texts("Name"), ["AAAA"]);
    assert_eq!(list("uncommitted").await.texts("Name"), ["BBBB"]);
    let all = list("all").await;
    assert_eq!(
        (all.texts("Name"), all.texts("Size")),
        (vec!["AAAA".into(), "BBBB".into()], vec!["3".into(), "4".into()])
    );
    assert_eq!(all.header("x-ms-blob-content-length"), "3");
    assert_eq!(list("other").await.refusal(), (400, "InvalidQueryParameterValue"));
}

#[tokio::test(start_paused = true)]
async fn putting_a_whole_blob_forgets_blocks() {
    let cloud = Cloud::with_container().await;
    put_block(&cloud, "AAAA", "one").await;
    cloud.make_blob("/inbox/reels/b", "whole").await;
    assert!(cloud.get("/inbox/reels/b?comp=blocklist&blocklisttype=all").await.texts("Name").is_empty());
    assert_eq!(put_list(&cloud, "<Latest>AAAA</Latest>").await.refusal(), (400, "InvalidBlockList"));
}

#[tokio::test(start_paused = true)]
async fn block_ids_are_base64_short_and_equally_long() {
    let cloud = Cloud::with_container().await;
    assert_eq!(put_block(&cloud, "not!", "x").await.refusal(), (400, "InvalidQueryParameterValue"));
    assert_eq!(put_block(&cloud, &"A".repeat(88), "x").await.refusal(), (400, "InvalidQueryParameterValue"));
    assert_eq!(put_block(&cloud, "AAAA", "x").await.status, 201);
    assert_eq!(put_block(&cloud, "AAAAAAAA", "x").await.refusal(), (400, "InvalidBlobOrBlock"));
    assert_eq!(put_block(&cloud, "BBBB", "").await.refusal(), (400, "InvalidHeaderValue"));
    assert_eq!(
        cloud.put("/inbox/reels/b?comp=block").body("x").await.refusal(),
        (400, "MissingRequiredQueryParameter")
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_has_at_most_fifty_thousand_blocks() {
    let cloud = Cloud::with_container().await;
    put_block(&cloud, "AAAA", "x").await;
    assert_eq!(
        put_list(&cloud, &"<Latest>AAAA</Latest>".repeat(50_001)).await.refusal(),
        (400, "BlockListTooLong")
    );
    assert_eq!(put_list(&cloud, "<Later>AAAA</Later>").await.refusal(), (400, "InvalidXmlDocument"));
}

#[tokio::test(start_paused = true)]
async fn a_blob_of_more_than_four_gibibytes_is_read_by_range() {
    let cloud = Cloud::with_container().await;
    let mebibyte = |first: u8| [vec![first], vec![b'.'; (1 << 20) - 1]].concat();
    for (id, first) in [("AAAA", b'a'), ("ZZZZ", b'z')] {
        let put = cloud.put(&format!("/inbox/reels/b?comp=block&blockid={id}")).body(mebibyte(first)).await;
        assert_eq!(put.status, 201);
    }
    let list = "<Latest>AAAA</Latest>".repeat(5000) + "<Latest>ZZZZ</Latest>";
    assert_eq!(put_list(&cloud, &list).await.status, 201);
    assert_eq!(cloud.head("/inbox/reels/b").await.header("content-length"), "5243928576");
    let read = cloud.get("/inbox/reels/b").with([("range", "bytes=5242879998-5242880001")]).await;
    assert_eq!(
        (read.text(), read.header("content-range")),
        ("..z.", "bytes 5242879998-5242880001/5243928576")
    );
}

#[tokio::test(start_paused = true)]
async fn damaged_blocks_and_lists_are_refused() {
    let cloud = Cloud::with_container().await;
    let wrong = ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==");
    let block = cloud.put("/inbox/reels/b?comp=block&blockid=AAAA").with([wrong]).body("x").await;
    assert_eq!(block.refusal(), (400, "Md5Mismatch"));
    let list = cloud.put("/inbox/reels/b?comp=blocklist").with([wrong]).body("<BlockList/>").await;
    assert_eq!(list.refusal(), (400, "Md5Mismatch"));
    assert_eq!(
        cloud.put("/inbox/none/b?comp=block&blockid=AAAA").body("x").await.refusal(),
        (404, "ContainerNotFound")
    );
    assert_eq!(
        cloud.put("/inbox/none/b").with([BLOCK_BLOB]).body("x").await.refusal(),
        (404, "ContainerNotFound")
    );
}
