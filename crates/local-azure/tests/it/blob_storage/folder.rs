//! A storage kept in a folder: what a later process finds there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use local_azure::blob_storage::{
    AccountSettings, BlobStorage, CopyPace, Keep, NextCopy, OpenError, Settings,
};
use uuid::Uuid;

use super::{BLOCK_BLOB, Cloud, hours};

/// A folder that goes when the test ends.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let folder = Self(std::env::temp_dir().join(format!("blob-storage-{}", Uuid::new_v4())));
        std::fs::create_dir(&folder.0).unwrap();
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A process that keeps its accounts here.
    pub fn cloud(&self) -> Cloud {
        self.cloud_with(|_| ())
    }

    fn cloud_with(&self, change: impl FnOnce(&mut Settings)) -> Cloud {
        Cloud::with(|settings| {
            settings.keep = Keep::Folder(self.0.join("kept"));
            change(settings);
        })
    }

    fn content_files(&self) -> usize {
        std::fs::read_dir(self.0.join("kept/content")).unwrap().count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn pace(minimum: Duration) -> CopyPace {
    CopyPace { minimum, ..CopyPace::INSTANT }
}

#[tokio::test(start_paused = true)]
async fn a_later_process_finds_everything_as_it_was() {
    let folder = Folder::new();
    let first = folder.cloud();
    let container = first
        .put("/inbox/reels?restype=container")
        .with([("x-ms-meta-show", "17"), ("x-ms-blob-public-access", "blob")]);
    assert_eq!(container.await.status, 201);
    let headers =
        [BLOCK_BLOB, ("content-type", "video/mp4"), ("x-ms-meta-a", "1"), ("x-ms-access-tier", "Cool")];
    first.put("/inbox/reels/a%2Fb%20%C3%A9").with(headers).body("old").await;
    let taken = first.put("/inbox/reels/a%2Fb%20%C3%A9?comp=snapshot").await;
    first.put("/inbox/reels/a%2Fb%20%C3%A9?comp=block&blockid=AAAA").body("new ").await;
    first.put("/inbox/reels/a%2Fb%20%C3%A9?comp=block&blockid=BBBB").body("content").await;
    let list = "<BlockList><Latest>AAAA</Latest><Latest>BBBB</Latest></BlockList>";
    let before =
        first.put("/inbox/reels/a%2Fb%20%C3%A9?comp=blocklist").with([("x-ms-meta-b", "2")]).body(list).await;
    assert_eq!(before.status, 201);
    drop(first);

    let second = folder.cloud();
    let there = second.get("/inbox/reels/a%2Fb%20%C3%A9").await;
    assert_eq!((there.text(), there.header("x-ms-meta-b")), ("new content", "2"));
    assert_eq!(there.header("etag"), before.header("etag"));
    assert_eq!(second.head("/inbox/reels/a%2Fb%20%C3%A9").await.header("x-ms-access-tier"), "Cool");
    let snapshot =
        second.get(&format!("/inbox/reels/a%2Fb%20%C3%A9?snapshot={}", taken.header("x-ms-snapshot"))).await;
    assert_eq!(
        (snapshot.text(), snapshot.header("x-ms-meta-a"), snapshot.header("content-type")),
        ("old", "1", "video/mp4")
    );
    let blocks = second.get("/inbox/reels/a%2Fb%20%C3%A9?comp=blocklist").await;
    assert_eq!(blocks.texts("Name"), ["AAAA", "BBBB"]);
    assert_eq!(second.head("/inbox/reels?restype=container").await.header("x-ms-meta-show"), "17");
    assert_eq!(second.get("/inbox/reels/a%2Fb%20%C3%A9").anonymously().await.status, 200);
    let after = second.put("/inbox/reels/a%2Fb%20%C3%A9?comp=metadata").await;
    assert!(after.header("etag") > before.header("etag"));
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_stays_deleted_and_leaves_no_content() {
    let folder = Folder::new();
    let first = folder.cloud();
    first.make_container("/inbox/reels").await;
    first.make_container("/inbox/gone").await;
    first.make_blob("/inbox/gone/b", "x").await;
    for name in ["kept", "deleted", "replaced"] {
        first.make_blob(&format!("/inbox/reels/{name}"), name).await;
    }
    first.make_blob("/inbox/reels/replaced", "again").await;
    first.delete("/inbox/reels/deleted").await;
    first.delete("/inbox/gone?restype=container").await;
    assert_eq!(folder.content_files(), 2);
    drop(first);
    let second = folder.cloud();
    assert_eq!(second.get("/inbox/reels/kept").await.text(), "kept");
    assert_eq!(second.get("/inbox/reels/replaced").await.text(), "again");
    assert_eq!(second.get("/inbox/reels/deleted").await.refusal(), (404, "BlobNotFound"));
    assert_eq!(second.get("/inbox/gone/b").await.refusal(), (404, "ContainerNotFound"));
}

#[tokio::test(start_paused = true)]
async fn content_lives_as_long_as_any_blob_has_it() {
    let folder = Folder::new();
    let cloud = folder.cloud();
    cloud.make_container("/inbox/reels").await;
    cloud.make_blob("/inbox/reels/source", "shared").await;
    cloud.copy("/inbox/reels/source", "/inbox/reels/copy").await;
    cloud.put("/inbox/reels/source?comp=snapshot").await;
    assert_eq!(folder.content_files(), 1);
    cloud.delete("/inbox/reels/source").with([("x-ms-delete-snapshots", "include")]).await;
    drop(cloud);
    let cloud = folder.cloud();
    assert_eq!(cloud.get("/inbox/reels/copy").await.text(), "shared");
    cloud.delete("/inbox/reels/copy").await;
    assert_eq!(folder.content_files(), 0);
}

#[tokio::test(start_paused = true)]
async fn refused_and_unfinished_uploads_leave_nothing() {
    let folder = Folder::new();
    let cloud = folder.cloud();
    cloud.make_container("/inbox/reels").await;
    let damaged = cloud
        .put("/inbox/reels/b")
        .with([BLOCK_BLOB, ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")])
        .body("x")
        .await;
    assert_eq!(damaged.status, 400);
    assert_eq!(folder.content_files(), 0);
    cloud.put("/inbox/reels/b?comp=block&blockid=AAAA").body("x").await;
    assert_eq!(folder.content_files(), 1);
    drop(cloud);
    let cloud = folder.cloud();
    assert_eq!(folder.content_files(), 0);
    let list = "<BlockList><Latest>AAAA</Latest></BlockList>";
    assert_eq!(
        cloud.put("/inbox/reels/b?comp=blocklist").body(list).await.refusal(),
        (400, "InvalidBlockList")
    );
}

#[tokio::test(start_paused = true)]
async fn copies_and_rehydrations_go_on_in_a_later_process() {
    let folder = Folder::new();
    let first = folder.cloud_with(|settings| settings.copy_pace = pace(hours(1)));
    first.make_container("/inbox/reels").await;
    first.make_blob("/inbox/reels/source", "x").await;
    first.make_blob("/inbox/reels/cold", "x").await;
    for tier in ["Archive", "Hot"] {
        first
            .put("/inbox/reels/cold?comp=tier")
            .with([("x-ms-access-tier", tier), ("x-ms-client-request-id", "saga-2")])
            .await;
    }
    first.copy("/inbox/reels/source", "/inbox/reels/copy").with([("x-ms-client-request-id", "saga-1")]).await;
    drop(first);
    tokio::time::sleep(hours(2)).await;

    let second = folder.cloud();
    assert_eq!(second.head("/inbox/reels/copy").await.header("x-ms-copy-status"), "pending");
    tokio::time::sleep(hours(16)).await;
    assert_eq!(second.get("/inbox/reels/copy").await.text(), "x");
    assert_eq!(second.get("/inbox/reels/cold").await.text(), "x");
    assert_eq!(
        second.news(),
        ["BlobCreated CopyBlob copy saga-1", "BlobTierChanged SetBlobTier cold saga-2"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_waits_waits_on_in_a_later_process() {
    let folder = Folder::new();
    let first = folder.cloud();
    first.make_container("/inbox/reels").await;
    first.make_blob("/inbox/reels/source", "x").await;
    first.storage.decide_next_copy("inbox", "reels", "copy", NextCopy::Waits);
    first.copy("/inbox/reels/source", "/inbox/reels/copy").await;
    drop(first);
    let second = folder.cloud();
    tokio::time::sleep(hours(16)).await;
    assert_eq!(second.head("/inbox/reels/copy").await.header("x-ms-copy-status"), "pending");
    assert!(second.storage.release_copy("inbox", "reels", "copy").await);
    assert_eq!(second.get("/inbox/reels/copy").await.text(), "x");
}

#[tokio::test(start_paused = true)]
async fn accounts_left_out_for_a_while_lose_nothing() {
    let folder = Folder::new();
    let first = folder.cloud();
    first.make_container("/inbox/reels").await;
    first.make_container("/outbox/reels").await;
    first.make_blob("/inbox/reels/source", "shared").await;
    first.copy("/inbox/reels/source", "/outbox/reels/copy").await;
    drop(first);
    let only_inbox = folder.cloud_with(|settings| settings.accounts.truncate(1));
    assert_eq!(only_inbox.delete("/inbox/reels/source").await.status, 202);
    drop(only_inbox);
    assert_eq!(folder.cloud().get("/outbox/reels/copy").await.text(), "shared");
}

#[tokio::test(start_paused = true)]
async fn large_content_is_read_by_range_from_its_files() {
    let folder = Folder::new();
    let cloud = folder.cloud();
    cloud.make_container("/inbox/reels").await;
    let mebibyte = [b"first".as_slice(), &[b'.'; (1 << 20) - 5]].concat();
    cloud.put("/inbox/reels/b?comp=block&blockid=AAAA").body(mebibyte).await;
    let list = format!("<BlockList>{}</BlockList>", "<Latest>AAAA</Latest>".repeat(5000));
    assert_eq!(cloud.put("/inbox/reels/b?comp=blocklist").body(list).await.status, 201);
    let read = cloud.get("/inbox/reels/b").with([("range", "bytes=5241831422-5241831428")]).await;
    assert_eq!(read.text(), "..first");
}

fn refusal(settings: impl FnOnce(&mut Settings)) -> OpenError {
    let mut kept = None;
    let _cloud = Cloud::with(|own| kept = Some(own.clone()));
    let mut own = kept.unwrap();
    settings(&mut own);
    BlobStorage::new(own).err().unwrap()
}

fn account(name: &str) -> AccountSettings {
    AccountSettings { name: name.to_owned(), hierarchical_namespace: false }
}

#[tokio::test(start_paused = true)]
async fn settings_that_cannot_be_are_refused_with_what_is_wrong() {
    let folder = Folder::new();
    for name in ["ab", "Upper", "with-hyphen", "../up", ""] {
        let error = refusal(|settings| settings.accounts.push(account(name)));
        assert!(matches!(error, OpenError::AccountName(wrong) if wrong == name));
    }
    for url in ["127.0.0.1:10000", "http://127.0.0.1/path", "ftp://127.0.0.1"] {
        let error = refusal(|settings| settings.base_url = url.to_owned());
        assert!(matches!(error, OpenError::BaseUrl(wrong) if wrong == url));
    }
    let file = folder.path("file");
    std::fs::write(&file, "x").unwrap();
    let error = refusal(|settings| settings.keep = Keep::Folder(file.clone()));
    assert!(matches!(error, OpenError::Folder(path, _) if path.starts_with(&file)));
}

#[tokio::test(start_paused = true)]
async fn a_record_nobody_can_read_stops_the_start_and_loses_nothing() {
    let folder = Folder::new();
    let first = folder.cloud();
    first.make_container("/inbox/reels").await;
    first.make_blob("/inbox/reels/b", "x").await;
    drop(first);
    let records = folder.path("kept/accounts/inbox/reels");
    let broken = records.join("0.json");
    std::fs::write(&broken, "{").unwrap();
    let error = refusal(|settings| settings.keep = Keep::Folder(folder.path("kept")));
    assert!(matches!(error, OpenError::Record(path, _) if path == Path::new(&broken)));
    std::fs::remove_file(&broken).unwrap();
    assert_eq!(folder.cloud().get("/inbox/reels/b").await.text(), "x");
}
