//! Blobs as files, as the other services of the local cloud see them.

use bytes::Bytes;
use local_azure::blob_storage::BlobStorage;
use local_azure::inside::{BlobFile, BlobFileError, BlobFiles};

use super::folder::Folder;
use super::{BLOCK_BLOB, Cloud};

async fn write(storage: &BlobStorage, name: &str, content: &'static str) {
    storage.write("inbox", "reels", name, Bytes::from(content), "text/plain").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_blob_from_inside_is_like_any_other() {
    let cloud = Cloud::with_container().await;
    write(&cloud.storage, "a b", "content").await;
    let read = cloud.get("/inbox/reels/a%20b").await;
    assert_eq!((read.text(), read.header("content-type")), ("content", "text/plain"));
    assert_eq!(read.header("content-md5"), "mgNkuembtIDdJeHwKEyFVQ==");
    assert_eq!(cloud.news(), ["BlobCreated PutBlob a b -"]);
    cloud.storage.remove("inbox", "reels", "a b").await.unwrap();
    assert_eq!(cloud.news(), ["BlobDeleted DeleteBlob a b -"]);
    cloud.storage.remove("inbox", "reels", "a b").await.unwrap();
    assert!(cloud.news().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_blob_from_outside_is_read_inside() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/b", "x").await;
    cloud.put("/inbox/reels/a").with([BLOCK_BLOB]).body("12345").await;
    cloud.put("/inbox/reels/unfinished?comp=block&blockid=AAAA").body("x").await;
    assert_eq!(cloud.storage.read("inbox", "reels", "b").await, Ok(Bytes::from("x")));
    let file = |name: &str, bytes| BlobFile { name: name.to_owned(), bytes };
    assert_eq!(cloud.storage.list("inbox", "reels").await, Ok(vec![file("a", 5), file("b", 1)]));
}

#[tokio::test(start_paused = true)]
async fn containers_are_made_where_they_are_missing() {
    let cloud = Cloud::with_container().await;
    assert!(cloud.storage.has_container("inbox", "reels").await);
    assert!(!cloud.storage.has_container("inbox", "assets").await);
    assert!(!cloud.storage.has_container("nobody", "reels").await);
    for _ in 0..2 {
        assert_eq!(cloud.storage.ensure_container("inbox", "assets").await, Ok(()));
    }
    assert!(cloud.storage.has_container("inbox", "assets").await);
    assert!(cloud.storage.ensure_container("inbox", "../etc").await.is_err());
    let nobody = cloud.storage.ensure_container("nobody", "reels").await;
    assert!(matches!(nobody, Err(BlobFileError::NotFound(_))));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_says_why() {
    let cloud = Cloud::with_container().await;
    write(&cloud.storage, "b", "x").await;
    cloud.put("/inbox/reels/b?comp=tier").with([("x-ms-access-tier", "Archive")]).await;
    let read = cloud.storage.read("inbox", "reels", "b").await;
    assert_eq!(read, Err(BlobFileError::Unreadable("inbox/reels/b".to_owned(), "BlobArchived".to_owned())));
    let none = cloud.storage.read("inbox", "reels", "none").await;
    assert_eq!(none, Err(BlobFileError::NotFound("inbox/reels/none".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn blobs_go_to_files_and_come_from_them() {
    for kept in [false, true] {
        let folder = Folder::new();
        let cloud = if kept { folder.cloud() } else { Cloud::new() };
        cloud.make_container("/inbox/reels").await;
        write(&cloud.storage, "b", "content").await;
        cloud.put("/inbox/reels/two?comp=block&blockid=AAAA").body("con").await;
        cloud.put("/inbox/reels/two?comp=block&blockid=BBBB").body("tent").await;
        let list = "<BlockList><Latest>AAAA</Latest><Latest>BBBB</Latest></BlockList>";
        assert_eq!(cloud.put("/inbox/reels/two?comp=blocklist").body(list).await.status, 201);
        for name in ["b", "two"] {
            let file = folder.path(&format!("{name}.txt"));
            cloud.storage.read_to_file("inbox", "reels", name, &file).await.unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "content");
            let again = cloud.storage.read_to_file("inbox", "reels", name, &file).await;
            assert!(matches!(again, Err(BlobFileError::Failed(_))));
            cloud.storage.write_from_file("inbox", "reels", "copy", &file, "video/mp4").await.unwrap();
            let copy = cloud.get("/inbox/reels/copy").await;
            assert_eq!((copy.text(), copy.header("content-type")), ("content", "video/mp4"));
        }
    }
}
