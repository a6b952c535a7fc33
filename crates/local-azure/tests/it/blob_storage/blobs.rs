//! Blobs written and read as a whole or by range, and what they carry besides content.

use super::{BLOCK_BLOB, Cloud};

#[tokio::test(start_paused = true)]
async fn a_blob_is_read_as_it_was_written() {
    let cloud = Cloud::with_container().await;
    let written = cloud
        .put("/inbox/reels/b")
        .with([
            BLOCK_BLOB,
            ("content-type", "application/json"),
            ("x-ms-blob-content-type", "video/mp4"),
            ("x-ms-blob-content-language", "de"),
            ("x-ms-blob-content-disposition", "inline"),
            ("cache-control", "no-cache"),
            ("x-ms-meta-show", "17"),
        ])
        .body("Hello, World!")
        .await;
    assert_eq!(written.status, 201);
    assert_eq!(written.header("content-md5"), "ZajifYh5KDgxtmS9i38K1A==");
    assert_eq!(written.header("x-ms-content-crc64"), "TdKtJkO+qdQ=");
    assert_eq!(written.header("x-ms-request-server-encrypted"), "true");
    for read in [cloud.get("/inbox/reels/b").await, cloud.head("/inbox/reels/b").await] {
        assert_eq!(read.status, 200);
        assert_eq!(read.header("etag"), written.header("etag"));
        assert_eq!(read.header("last-modified"), "Wed, 04 Mar 2026 10:00:00 GMT");
        assert_eq!(read.header("content-length"), "13");
        assert_eq!(read.header("content-type"), "video/mp4");
        assert_eq!(read.header("content-language"), "de");
        assert_eq!(read.header("content-disposition"), "inline");
        assert_eq!(read.header("cache-control"), "no-cache");
        assert_eq!(read.header("content-md5"), "ZajifYh5KDgxtmS9i38K1A==");
        assert_eq!(read.header("x-ms-meta-show"), "17");
        assert_eq!(read.header("x-ms-blob-type"), "BlockBlob");
        assert_eq!(read.header("accept-ranges"), "bytes");
        assert_eq!(read.header("x-ms-creation-time"), "Wed, 04 Mar 2026 10:00:00 GMT");
    }
    assert_eq!(cloud.get("/inbox/reels/b").await.text(), "Hello, World!");
    assert!(cloud.head("/inbox/reels/b").await.body.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_new_write_replaces_all_of_the_old() {
    let cloud = Cloud::with_container().await;
    cloud.put("/inbox/reels/b").with([BLOCK_BLOB, ("x-ms-meta-old", "1")]).body("long content").await;
    cloud.make_blob("/inbox/reels/b", "short").await;
    let read = cloud.get("/inbox/reels/b").await;
    assert_eq!((read.text(), read.header("x-ms-meta-old")), ("short", "-"));
    assert_eq!(read.header("content-type"), "application/octet-stream");
}

#[tokio::test(start_paused = true)]
async fn damaged_content_is_refused() {
    let cloud = Cloud::with_container().await;
    let put =
        |name, value| cloud.put("/inbox/reels/b").with([BLOCK_BLOB, (name, value)]).body("Hello, World!");
    assert_eq!(put("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==").await.refusal(), (400, "Md5Mismatch"));
    assert_eq!(put("content-md5", "AAAA").await.refusal(), (400, "InvalidMd5"));
    assert_eq!(put("x-ms-content-crc64", "AAAAAAAAAAA=").await.refusal(), (400, "Crc64Mismatch"));
    assert_eq!(
        put("x-ms-blob-content-md5", "AAAAAAAAAAAAAAAAAAAAAA==").await.refusal(),
        (400, "Md5Mismatch")
    );
    assert_eq!(cloud.head("/inbox/reels/b").await.refusal(), (404, "BlobNotFound"));
    assert_eq!(put("content-md5", "ZajifYh5KDgxtmS9i38K1A==").await.status, 201);
    assert_eq!(put("x-ms-content-crc64", "TdKtJkO+qdQ=").await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn a_range_is_read_with_its_place_in_the_whole() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/b", "0123456789").await;
    for (range, text, place) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=9-99", "9", "bytes 9-9/10"),
    ] {
        for header in ["range", "x-ms-range"] {
            let read = cloud.get("/inbox/reels/b").with([(header, range)]).await;
            assert_eq!((read.status, read.text(), read.header("content-range")), (206, text, place));
            assert_eq!(read.header("content-length"), text.len().to_string());
            assert_eq!(read.header("content-md5"), "-");
            assert_eq!(read.header("x-ms-blob-content-md5"), "eB5eJF1ptWaXm4bijSPyxw==");
        }
    }
    let both = cloud.get("/inbox/reels/b").with([("range", "bytes=0-0"), ("x-ms-range", "bytes=1-1")]).await;
    assert_eq!(both.text(), "1");
}

#[tokio::test(start_paused = true)]
async fn a_range_that_is_not_there_cannot_be_read() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/b", "0123456789").await;
    let beyond = cloud.get("/inbox/reels/b").with([("range", "bytes=10-")]).await;
    assert_eq!(beyond.refusal(), (416, "InvalidRange"));
    assert_eq!(beyond.header("content-range"), "bytes */10");
    cloud.make_blob("/inbox/reels/empty", "").await;
    assert_eq!(
        cloud.get("/inbox/reels/empty").with([("range", "bytes=0-")]).await.refusal(),
        (416, "InvalidRange")
    );
    assert_eq!(cloud.get("/inbox/reels/empty").await.status, 200);
    let nonsense = cloud.get("/inbox/reels/b").with([("x-ms-range", "lines=1-2")]).await;
    assert_eq!(nonsense.refusal(), (400, "InvalidHeaderValue"));
    assert_eq!(cloud.get("/inbox/reels/b").with([("range", "lines=1-2")]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_range_comes_with_a_checksum_on_request() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/b", "xx123456789xx").await;
    let read = cloud
        .get("/inbox/reels/b")
        .with([
            ("range", "bytes=2-10"),
            ("x-ms-range-get-content-md5", "true"),
            ("x-ms-range-get-content-crc64", "true"),
        ])
        .await;
    assert_eq!(read.header("content-md5"), "JfnnlDI7RTiF9RgfG2JNCw==");
    assert_eq!(read.header("x-ms-content-crc64"), "iJh5CoYUi64=");
}

#[tokio::test(start_paused = true)]
async fn metadata_and_properties_are_replaced_without_touching_content() {
    let cloud = Cloud::with_container().await;
    let made = cloud.put("/inbox/reels/b").with([BLOCK_BLOB, ("x-ms-meta-one", "1")]).body("x").await;
    let metadata = cloud.put("/inbox/reels/b?comp=metadata").with([("x-ms-meta-two", "2")]).await;
    assert_eq!(metadata.status, 200);
    assert_ne!(metadata.header("etag"), made.header("etag"));
    let properties =
        cloud.put("/inbox/reels/b?comp=properties").with([("x-ms-blob-content-type", "text/plain")]).await;
    assert_eq!(properties.status, 200);
    let read = cloud.get("/inbox/reels/b").await;
    assert_eq!((read.header("x-ms-meta-one"), read.header("x-ms-meta-two")), ("-", "2"));
    assert_eq!(
        (read.header("content-type"), read.header("content-md5"), read.text()),
        ("text/plain", "-", "x")
    );
    assert_eq!(read.header("etag"), properties.header("etag"));
    let only_metadata = cloud.get("/inbox/reels/b?comp=metadata").await;
    assert_eq!((only_metadata.header("x-ms-meta-two"), only_metadata.text()), ("2", ""));
}

#[tokio::test(start_paused = true)]
async fn metadata_against_the_rules_is_refused() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/b", "x").await;
    let set = |name, value: &str| cloud.put("/inbox/reels/b?comp=metadata").with([(name, value)]);
    assert_eq!(set("x-ms-meta-1st", "x").await.refusal(), (400, "InvalidMetadata"));
    assert_eq!(set("x-ms-meta-", "x").await.refusal(), (400, "EmptyMetadataKey"));
    assert_eq!(set("x-ms-meta-big", &"x".repeat(9000)).await.refusal(), (400, "MetadataTooLarge"));
}

#[tokio::test(start_paused = true)]
async fn a_write_says_how_long_it_is_and_is_not_too_long() {
    let cloud = Cloud::with_container().await;
    let mebibyte = bytes::Bytes::from(vec![0; 1 << 20]);
    let endless = futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(mebibyte.clone()));
    let endless = axum::body::Body::from_stream(endless);
    let unknown = cloud.put("/inbox/reels/b").with([BLOCK_BLOB]).body(endless).await;
    assert_eq!(unknown.refusal(), (411, "MissingContentLengthHeader"));
    let too_long = cloud.put("/inbox/reels/b").with([BLOCK_BLOB, ("content-length", "5242880001")]).await;
    assert_eq!(too_long.refusal(), (413, "RequestBodyTooLarge"));
    let block = "/inbox/reels/b?comp=block&blockid=AAAA";
    let too_long = cloud.put(block).with([("content-length", "4194304001")]).await;
    assert_eq!(too_long.refusal(), (413, "RequestBodyTooLarge"));
}

#[tokio::test(start_paused = true)]
async fn a_blob_can_be_put_from_the_url_of_another() {
    let cloud = Cloud::with_container().await;
    let source = [BLOCK_BLOB, ("x-ms-blob-content-type", "audio/aac"), ("x-ms-meta-old", "1")];
    cloud.put("/inbox/reels/source").with(source).body("content").await;
    let put =
        cloud.copy("/inbox/reels/source", "/inbox/reels/b").with([BLOCK_BLOB, ("x-ms-meta-new", "1")]).await;
    assert_eq!(put.status, 201);
    let read = cloud.get("/inbox/reels/b").await;
    assert_eq!((read.text(), read.header("content-type")), ("content", "audio/aac"));
    assert_eq!((read.header("x-ms-meta-old"), read.header("x-ms-meta-new")), ("-", "1"));
    assert_eq!(read.header("x-ms-copy-id"), "-");
}
