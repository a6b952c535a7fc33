//! What all answers have in common, and requests no operation is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Body;
use futures_util::{StreamExt as _, stream};
use http::{Method, StatusCode};
use local_azure::faults::Fault;

use super::{BLOCK_BLOB, Cloud};

#[tokio::test(start_paused = true)]
async fn every_answer_carries_its_ids_version_and_date() {
    let cloud = Cloud::with_container().await;
    let ids = [("x-ms-client-request-id", r#"{"sagaId": "s-1"}"#)];
    for answer in [
        cloud.head("/inbox/reels?restype=container").with(ids).await,
        cloud.get("/inbox/reels/none").with(ids).await,
    ] {
        assert_eq!(answer.header("x-ms-client-request-id"), r#"{"sagaId": "s-1"}"#);
        assert_eq!(answer.header("x-ms-version"), "2026-04-06");
        assert_eq!(answer.header("date"), "Wed, 04 Mar 2026 10:00:00 GMT");
        assert!(uuid::Uuid::try_parse(answer.header("x-ms-request-id")).is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_says_its_code_twice_and_its_request_id() {
    let cloud = Cloud::with_container().await;
    let answer = cloud.get("/inbox/reels/none").await;
    assert_eq!(answer.refusal(), (404, "BlobNotFound"));
    assert_eq!(answer.header("content-type"), "application/xml");
    assert_eq!(answer.texts("Code"), ["BlobNotFound"]);
    assert_eq!(
        answer.texts("Message"),
        [format!(
            "The specified blob does not exist.\nRequestId:{}\nTime:2026-03-04T10:00:00.0000000Z",
            answer.header("x-ms-request-id")
        )]
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_to_head_has_no_body() {
    let cloud = Cloud::with_container().await;
    let answer = cloud.head("/inbox/reels/none").await;
    assert_eq!(answer.refusal(), (404, "BlobNotFound"));
    assert!(answer.body.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_request_id_no_header_should_carry_is_refused() {
    let cloud = Cloud::with_container().await;
    let long = "x".repeat(1025);
    let answer =
        cloud.head("/inbox/reels?restype=container").with([("x-ms-client-request-id", long.as_str())]).await;
    assert_eq!(answer.refusal(), (400, "InvalidHeaderValue"));
    assert_eq!(answer.header("x-ms-client-request-id"), "-");
    let most = "x".repeat(1024);
    let answer =
        cloud.head("/inbox/reels?restype=container").with([("x-ms-client-request-id", most.as_str())]).await;
    assert_eq!((answer.status, answer.header("x-ms-client-request-id")), (200, most.as_str()));
}

#[tokio::test(start_paused = true)]
async fn any_version_is_accepted_and_echoed_but_not_nonsense() {
    let cloud = Cloud::with_container().await;
    for version in ["2012-02-12", "2019-12-12", "2031-01-01"] {
        let answer = cloud.head("/inbox/reels?restype=container").with([("x-ms-version", version)]).await;
        assert_eq!((answer.status, answer.header("x-ms-version")), (200, version));
    }
    let answer = cloud.head("/inbox/reels?restype=container").with([("x-ms-version", "latest")]).await;
    assert_eq!(answer.refusal(), (400, "InvalidHeaderValue"));
}

#[tokio::test(start_paused = true)]
async fn a_page_in_a_browser_may_read() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/b", "x").await;
    let preflight = cloud
        .ask(Method::OPTIONS, "/inbox/reels/b")
        .with([("origin", "http://localhost:7070"), ("access-control-request-headers", "x-ms-version,range")])
        .anonymously()
        .await;
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.header("access-control-allow-origin"), "*");
    assert_eq!(preflight.header("access-control-allow-headers"), "x-ms-version,range");
    assert!(preflight.header("access-control-allow-methods").contains("GET"));
    let read = cloud.get("/inbox/reels/b").with([("origin", "http://localhost:7070")]).await;
    assert_eq!(read.header("access-control-allow-origin"), "*");
    assert_eq!(read.header("access-control-expose-headers"), "*");
}

#[tokio::test(start_paused = true)]
async fn what_the_service_does_not_play_it_refuses_by_name() {
    let cloud = Cloud::with_container().await;
    for kind in ["PageBlob", "AppendBlob"] {
        let answer = cloud.put("/inbox/reels/b").with([("x-ms-blob-type", kind)]).await;
        assert_eq!(answer.refusal(), (501, "NotImplemented"));
        assert_eq!(answer.texts("Reason"), [kind]);
    }
    assert_eq!(cloud.put("/inbox/reels/b?comp=lease").await.refusal(), (501, "NotImplemented"));
    assert_eq!(cloud.put("/inbox/reels/b?comp=tags").await.refusal(), (501, "NotImplemented"));
    assert_eq!(
        cloud.put("/inbox/reels/b?comp=nonsense").await.refusal(),
        (400, "InvalidQueryParameterValue")
    );
    assert_eq!(cloud.put("/inbox/reels/b").await.refusal(), (400, "MissingRequiredHeader"));
    assert_eq!(cloud.ask(Method::PATCH, "/inbox/reels/b").await.refusal(), (405, "UnsupportedHttpVerb"));
    let under_lease = cloud.delete("/inbox/reels/b").with([("x-ms-lease-id", "7")]).await;
    assert_eq!(under_lease.refusal(), (412, "LeaseNotPresentWithBlobOperation"));
}

#[tokio::test(start_paused = true)]
async fn an_account_has_properties_and_a_kind() {
    let cloud = Cloud::new();
    let properties = cloud.get("/inbox?restype=service&comp=properties").await;
    assert_eq!(properties.status, 200);
    assert!(properties.text().contains("<StorageServiceProperties>"));
    for (account, hierarchical) in [("inbox", "false"), ("lake", "true")] {
        let kind = cloud.get(&format!("/{account}?restype=account&comp=properties")).await;
        assert_eq!(kind.header("x-ms-account-kind"), "StorageV2");
        assert_eq!(kind.header("x-ms-is-hns-enabled"), hierarchical);
    }
    assert_eq!(cloud.get("/nobody?comp=list").await.refusal(), (404, "ResourceNotFound"));
}

#[tokio::test(start_paused = true)]
async fn an_account_is_named_by_path_or_by_host() {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/b", "x").await;
    assert_eq!(cloud.get("/reels/b").with([("host", "inbox.blob.localhost:10000")]).await.text(), "x");
    assert_eq!(cloud.get("/inbox/reels/b").with([("host", "localhost:10000")]).await.text(), "x");
}

#[tokio::test(start_paused = true)]
async fn the_service_misbehaves_on_request() {
    let cloud = Cloud::with_container().await;
    cloud.faults.next(1, Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, Some(3)), |_| true);
    assert_eq!(cloud.head("/inbox/reels?restype=container").await.status, 503);
    assert_eq!(cloud.head("/inbox/reels?restype=container").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_refused_body_is_read_so_that_its_sender_reads_the_refusal() {
    let cloud = Cloud::with_container().await;
    for ask in [
        cloud.put("/inbox/reels/b").with([BLOCK_BLOB]).anonymously(),
        cloud.put("/inbox/reels/b").with([BLOCK_BLOB, ("x-ms-meta-1st", "x")]),
        cloud.put("/inbox/reels/b?comp=block&blockid=!").with([BLOCK_BLOB]),
    ] {
        let left = Arc::new(AtomicU32::new(1000));
        let count = left.clone();
        let chunks = stream::repeat_with(move || {
            count.fetch_sub(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>("0123456789")
        });
        let body = Body::from_stream(chunks.take(1000));
        let refused = ask.with([("content-length", "10000")]).body(body).await;
        assert!((400..500).contains(&refused.status));
        assert_eq!(left.load(Ordering::Relaxed), 0);
    }
}
