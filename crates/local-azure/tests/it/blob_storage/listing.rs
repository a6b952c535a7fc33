//! Listing blobs: flat, by hierarchy, in pages, with more or less about each.

use super::{BLOCK_BLOB, Cloud};

async fn cloud_with(names: &[&'static str]) -> Cloud {
    let cloud = Cloud::with_container().await;
    for name in names {
        cloud.make_blob(&format!("/inbox/reels/{name}"), *name).await;
    }
    cloud
}

/// Names of all pages, one list each.
async fn pages(cloud: &Cloud, query: &str) -> Vec<Vec<String>> {
    let (mut pages, mut marker) = (Vec::new(), String::new());
    loop {
        let page =
            cloud.get(&format!("/inbox/reels?restype=container&comp=list&{query}&marker={marker}")).await;
        assert_eq!(page.status, 200);
        pages.push(page.texts("Name"));
        marker = page.texts("NextMarker").remove(0);
        if marker.is_empty() {
            return pages;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_flat_list_is_in_the_order_of_names() {
    let cloud = cloud_with(&["b", "a/2", "B", "a/1", "a"]).await;
    assert_eq!(pages(&cloud, "").await, [["B", "a", "a/1", "a/2", "b"]]);
    assert_eq!(pages(&cloud, "prefix=a%2F").await, [["a/1", "a/2"]]);
    assert_eq!(pages(&cloud, "maxresults=2").await, [vec!["B", "a"], vec!["a/1", "a/2"], vec!["b"]]);
    assert_eq!(pages(&cloud, "prefix=x").await, [[""; 0]]);
}

#[tokio::test(start_paused = true)]
async fn a_hierarchy_shows_one_level() {
    let cloud = cloud_with(&["a/1", "a/2/x", "a/2/y", "a/3", "b", "c/4"]).await;
    let whole = [["a/", "b", "c/"]];
    assert_eq!(pages(&cloud, "delimiter=%2F").await, whole);
    assert_eq!(pages(&cloud, "delimiter=%2F&maxresults=1").await, [["a/"], ["b"], ["c/"]]);
    assert_eq!(pages(&cloud, "delimiter=%2F&prefix=a%2F").await, [["a/1", "a/2/", "a/3"]]);
    assert_eq!(pages(&cloud, "delimiter=%2F&prefix=a").await, [["a/"]]);
    let list = cloud.get("/inbox/reels?restype=container&comp=list&delimiter=%2F&prefix=a%2F").await;
    assert!(list.text().contains("<BlobPrefix><Name>a/2/</Name></BlobPrefix>"));
    assert_eq!((list.texts("Prefix"), list.texts("Delimiter")), (vec!["a/".into()], vec!["/".into()]));
}

#[tokio::test(start_paused = true)]
async fn an_entry_says_what_head_says() {
    let cloud = Cloud::with_container().await;
    let headers = [
        BLOCK_BLOB,
        ("x-ms-blob-content-type", "video/mp4"),
        ("x-ms-access-tier", "Cool"),
        ("x-ms-meta-show", "R&D"),
    ];
    let made = cloud.put("/inbox/reels/b").with(headers).body("12345").await;
    let list = cloud.get("/inbox/reels?restype=container&comp=list&include=metadata").await;
    assert_eq!(list.texts("Etag"), [made.header("etag").trim_matches('"')]);
    for (tag, text) in [
        ("Content-Length", "5"),
        ("Content-Type", "video/mp4"),
        ("Content-MD5", made.header("content-md5")),
        ("BlobType", "BlockBlob"),
        ("AccessTier", "Cool"),
        ("Last-Modified", "Wed, 04 Mar 2026 10:00:00 GMT"),
        ("Creation-Time", "Wed, 04 Mar 2026 10:00:00 GMT"),
        ("show", "R&amp;D"),
    ] {
        assert_eq!(list.texts(tag), [text], "{tag}");
    }
    assert!(cloud.get("/inbox/reels?restype=container&comp=list").await.texts("show").is_empty());
}

#[tokio::test(start_paused = true)]
async fn snapshots_are_listed_before_their_blob_and_across_pages() {
    let cloud = cloud_with(&["a", "b"]).await;
    for _ in 0..2 {
        assert_eq!(cloud.put("/inbox/reels/a?comp=snapshot").await.status, 201);
    }
    assert_eq!(pages(&cloud, "").await, [["a", "b"]]);
    assert_eq!(pages(&cloud, "include=snapshots").await, [["a", "a", "a", "b"]]);
    assert_eq!(pages(&cloud, "include=snapshots&maxresults=1").await, [["a"], ["a"], ["a"], ["b"]]);
    let list = cloud.get("/inbox/reels?restype=container&comp=list&include=snapshots").await;
    let times = list.texts("Snapshot");
    assert!(times.len() == 2 && times[0] < times[1], "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn uncommitted_blobs_are_listed_only_on_request() {
    let cloud = cloud_with(&["a"]).await;
    assert_eq!(cloud.put("/inbox/reels/b?comp=block&blockid=AAAA").body("x").await.status, 201);
    assert_eq!(pages(&cloud, "").await, [["a"]]);
    assert_eq!(pages(&cloud, "include=uncommittedblobs").await, [["a", "b"]]);
    assert_eq!(cloud.put("/inbox/reels/d%2Fb?comp=block&blockid=AAAA").body("x").await.status, 201);
    assert_eq!(pages(&cloud, "delimiter=%2F").await, [["a"]]);
}

#[tokio::test(start_paused = true)]
async fn pages_are_bounded() {
    let cloud = Cloud::with_container().await;
    let list = |query: &str| cloud.get(&format!("/inbox/reels?restype=container&comp=list&{query}"));
    assert_eq!(list("maxresults=0").await.refusal(), (400, "OutOfRangeQueryParameterValue"));
    assert_eq!(list("marker=%21").await.refusal(), (400, "InvalidQueryParameterValue"));
    assert_eq!(
        cloud.get("/inbox/none?restype=container&comp=list").await.refusal(),
        (404, "ContainerNotFound")
    );
}
