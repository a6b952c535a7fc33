//! Names of containers and blobs: what works, what is refused, and how they come back.

use super::{BLOCK_BLOB, Cloud};

#[tokio::test(start_paused = true)]
async fn blobs_may_have_almost_any_name() {
    let cloud = Cloud::with_container().await;
    let long = "x".repeat(1024);
    let names = [
        "sp%20ace",
        "plus+",
        "percent%25",
        "a%2Fb",
        "hash%23",
        "question%3F",
        "/lead",
        "trail/",
        "a//b",
        "caf%C3%A9",
        "cafe%CC%81",
        "%E6%97%A5%E6%9C%AC",
        "a%26b%3Cc%3E'd%22",
        &long,
        "dots/../x",
        "%24",
    ];
    for name in names {
        let path = format!("/inbox/reels/{name}");
        cloud.make_blob(&path, path.clone()).await;
        assert_eq!(cloud.get(&path).await.text(), path);
    }
    assert_eq!(cloud.get("/inbox/reels?restype=container&comp=list").await.texts("Blob").len(), names.len());
}

#[tokio::test(start_paused = true)]
async fn a_slash_is_a_slash_however_it_is_written() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/a%2Fb", "x").await;
    assert_eq!(cloud.get("/inbox/reels/a/b").await.text(), "x");
}

#[tokio::test(start_paused = true)]
async fn composed_and_decomposed_letters_are_different_names() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/caf%C3%A9", "nfc").await;
    cloud.make_blob("/inbox/reels/cafe%CC%81", "nfd").await;
    assert_eq!(cloud.get("/inbox/reels/caf%C3%A9").await.text(), "nfc");
    assert_eq!(cloud.get("/inbox/reels/cafe%CC%81").await.text(), "nfd");
}

#[tokio::test(start_paused = true)]
async fn listings_carry_names_xml_cannot() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/R%26D%20%3C1%3E", "").await;
    cloud.make_blob("/inbox/reels/bell%07%20x", "").await;
    let list = cloud.get("/inbox/reels?restype=container&comp=list").await;
    assert!(list.text().contains("<Name>R&amp;D &lt;1&gt;</Name>"));
    assert!(list.text().contains("<Name Encoded=\"true\">bell%07%20x</Name>"));
}

#[tokio::test(start_paused = true)]
async fn names_against_the_rules_are_refused() {
    let cloud = Cloud::with_container().await;
    let container = |name: &str| cloud.put(&format!("/inbox/{name}?restype=container"));
    assert_eq!(container("Upper").await.refusal(), (400, "InvalidResourceName"));
    assert_eq!(container("a--b").await.refusal(), (400, "InvalidResourceName"));
    assert_eq!(container("ab").await.refusal(), (400, "OutOfRangeInput"));
    assert_eq!(container(&"a".repeat(64)).await.refusal(), (400, "OutOfRangeInput"));
    let blob = |name: &str| cloud.put(&format!("/inbox/reels/{name}")).with([BLOCK_BLOB]);
    assert_eq!(blob(&"x".repeat(1025)).await.refusal(), (400, "OutOfRangeInput"));
    assert_eq!(blob(&"a/".repeat(254)).await.refusal(), (400, "InvalidResourceName"));
    assert_eq!(blob("%FF").await.refusal(), (400, "InvalidUri"));
}

#[tokio::test(start_paused = true)]
async fn a_blob_without_a_container_is_in_the_root_container() {
    let cloud = Cloud::new();
    assert_eq!(cloud.get("/inbox/favicon.ico").await.refusal(), (404, "ContainerNotFound"));
    cloud.make_container("/inbox/$root").await;
    cloud.make_blob("/inbox/favicon.ico", "x").await;
    assert_eq!(cloud.get("/inbox/$root/favicon.ico").await.text(), "x");
}
