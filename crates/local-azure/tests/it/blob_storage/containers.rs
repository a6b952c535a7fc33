//! Containers and who may read them.

use super::Cloud;

const POLICIES: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><SignedIdentifiers><SignedIdentifier><Id>read</Id>\
                        <AccessPolicy><Start>2026-03-04T09:00:00Z</Start><Expiry>2026-03-04T11:00:00Z</Expiry>\
                        <Permission>r</Permission></AccessPolicy></SignedIdentifier></SignedIdentifiers>";

#[tokio::test(start_paused = true)]
async fn a_container_is_made_once_and_deleted_once() {
    let cloud = Cloud::new();
    let made = cloud.put("/inbox/reels?restype=container").with([("x-ms-meta-show", "17")]).await;
    assert_eq!(made.status, 201);
    assert!(made.header("etag").starts_with("\"0x8D"));
    assert_eq!(made.header("last-modified"), "Wed, 04 Mar 2026 10:00:00 GMT");
    assert_eq!(cloud.put("/inbox/reels?restype=container").await.refusal(), (409, "ContainerAlreadyExists"));
    let there = cloud.get("/inbox/reels?restype=container").await;
    assert_eq!((there.status, there.header("x-ms-meta-show")), (200, "17"));
    assert_eq!(cloud.delete("/inbox/reels?restype=container").await.status, 202);
    assert_eq!(cloud.delete("/inbox/reels?restype=container").await.refusal(), (404, "ContainerNotFound"));
    assert_eq!(cloud.get("/inbox/reels/b").await.refusal(), (404, "ContainerNotFound"));
}

#[tokio::test(start_paused = true)]
async fn setting_metadata_replaces_all_of_it() {
    let cloud = Cloud::with_container().await;
    let set = |name| cloud.put("/inbox/reels?restype=container&comp=metadata").with([(name, "1")]);
    let first = set("x-ms-meta-one").await;
    let second = set("x-ms-meta-two").await;
    assert_eq!((first.status, second.status), (200, 200));
    assert_ne!(first.header("etag"), second.header("etag"));
    let there = cloud.head("/inbox/reels?restype=container&comp=metadata").await;
    assert_eq!((there.header("x-ms-meta-one"), there.header("x-ms-meta-two")), ("-", "1"));
}

#[tokio::test(start_paused = true)]
async fn setting_access_replaces_public_access_and_policies() {
    let cloud = Cloud::with_container().await;
    let acl = "/inbox/reels?restype=container&comp=acl";
    let set = cloud.put(acl).with([("x-ms-blob-public-access", "blob")]).body(POLICIES).await;
    assert_eq!(set.status, 200);
    let there = cloud.get(acl).await;
    assert_eq!(there.header("x-ms-blob-public-access"), "blob");
    assert_eq!(there.text(), POLICIES);
    assert_eq!(cloud.put(acl).await.status, 200);
    let there = cloud.get(acl).await;
    assert_eq!(there.header("x-ms-blob-public-access"), "-");
    assert!(there.texts("Id").is_empty());
}

#[tokio::test(start_paused = true)]
async fn access_that_cannot_be_is_refused() {
    let cloud = Cloud::with_container().await;
    let acl = "/inbox/reels?restype=container&comp=acl";
    let six = POLICIES.replace(
        "</SignedIdentifiers>",
        &("<SignedIdentifier><Id>x</Id></SignedIdentifier>".repeat(5) + "</SignedIdentifiers>"),
    );
    assert_eq!(cloud.put(acl).body(six).await.refusal(), (400, "InvalidXmlDocument"));
    assert_eq!(cloud.put(acl).body("<Signed").await.refusal(), (400, "InvalidXmlDocument"));
    let unknown = cloud.put(acl).with([("x-ms-blob-public-access", "everything")]).await;
    assert_eq!(unknown.refusal(), (400, "InvalidHeaderValue"));
    let huge = cloud.put(acl).body(" ".repeat(100_000)).await;
    assert_eq!(huge.refusal(), (413, "RequestBodyTooLarge"));
}

#[tokio::test(start_paused = true)]
async fn public_access_opens_blobs_or_everything_to_anyone() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/b", "x").await;
    for (access, read, list) in [("blob", 200, 401), ("container", 200, 200), ("", 401, 401)] {
        let acl = cloud.put("/inbox/reels?restype=container&comp=acl");
        let acl = if access.is_empty() { acl } else { acl.with([("x-ms-blob-public-access", access)]) };
        assert_eq!(acl.await.status, 200);
        assert_eq!(cloud.get("/inbox/reels/b").anonymously().await.status, read, "{access}");
        let listed = cloud.get("/inbox/reels?restype=container&comp=list").anonymously().await;
        assert_eq!(listed.status, list, "{access}");
        assert_eq!(cloud.delete("/inbox/reels/b").anonymously().await.status, 401, "{access}");
    }
}

#[tokio::test(start_paused = true)]
async fn containers_are_listed_in_pages() {
    let cloud = Cloud::new();
    for name in ["show-2", "show-1", "other", "show-3"] {
        let path = format!("/inbox/{name}?restype=container");
        assert_eq!(cloud.put(&path).with([("x-ms-meta-name", name)]).await.status, 201);
    }
    let first = cloud.get("/inbox?comp=list&prefix=show&maxresults=2&include=metadata").await;
    assert_eq!(first.texts("Name"), ["show-1", "show-2"]);
    assert_eq!(first.texts("name"), ["show-1", "show-2"]);
    let marker = &first.texts("NextMarker")[0];
    let second = cloud.get(&format!("/inbox?comp=list&prefix=show&maxresults=2&marker={marker}")).await;
    assert_eq!(second.texts("Name"), ["show-3"]);
    assert_eq!(second.texts("NextMarker"), [""]);
    assert!(second.texts("name").is_empty());
    assert!(cloud.get("/outbox?comp=list").await.texts("Name").is_empty());
}
