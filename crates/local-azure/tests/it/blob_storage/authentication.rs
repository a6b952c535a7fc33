//! Who may do what: account keys, bearer tokens, nobody. Signatures were made by the official Python client.

use super::{Answer, BLOCK_BLOB, Cloud, bearer};

const DATE: (&str, &str) = ("x-ms-date", "Wed, 04 Mar 2026 10:00:00 GMT");

async fn list_with(cloud: &Cloud, authorization: &str) -> Answer {
    let list = cloud.get("/inbox/reels?restype=container&comp=list&prefix=a%2Fb%20c");
    list.with([DATE, ("authorization", authorization)]).await
}

#[tokio::test(start_paused = true)]
async fn a_request_signed_with_a_key_of_the_account_is_its_owners() {
    let cloud = Cloud::with_container().await;
    let signed = "SharedKey inbox:2BXNE6HqvX+8keVDpt3LLMnfj6IHGpcmSjffJXI0SH8=";
    assert_eq!(list_with(&cloud, signed).await.status, 200);
    let put = cloud
        .put("/inbox/reels/a%20b/%C3%A9")
        .with([
            BLOCK_BLOB,
            DATE,
            ("content-length", "5"),
            ("content-type", "text/plain"),
            ("if-none-match", "*"),
            ("x-ms-blob-content-type", "video/mp4"),
            ("x-ms-meta-a_b", "x"),
            ("x-ms-meta-a1", "y"),
            ("authorization", "SharedKey inbox:LR5EnRmPkPso4fZV3dNInfBYDf5edD4KJyrgtsTb3W8="),
        ])
        .body("12345")
        .await;
    assert_eq!(put.status, 201);
}

#[tokio::test(start_paused = true)]
async fn either_key_and_the_lite_form_will_do() {
    let cloud = Cloud::with_container().await;
    let text = "GET\n\n\n\nx-ms-date:Wed, 04 Mar 2026 10:00:00 GMT\nx-ms-version:2026-04-06\n/inbox/inbox/reels?comp=list";
    for key in [cloud.storage.account_key("inbox"), cloud.storage.second_account_key("inbox")] {
        let authorization = format!("SharedKeyLite inbox:{}", super::sign(&key.unwrap(), text));
        assert_eq!(list_with(&cloud, &authorization).await.status, 200);
    }
    let other = cloud.storage.account_key("outbox").unwrap();
    let authorization = format!("SharedKeyLite inbox:{}", super::sign(&other, text));
    assert_eq!(list_with(&cloud, &authorization).await.refusal(), (403, "AuthenticationFailed"));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_signature_is_refused_without_being_repeated() {
    let cloud = Cloud::with_container().await;
    let wrong = "AAAAE6HqvX+8keVDpt3LLMnfj6IHGpcmSjffJXI0SH8=";
    let answer = list_with(&cloud, &format!("SharedKey inbox:{wrong}")).await;
    assert_eq!(answer.refusal(), (403, "AuthenticationFailed"));
    assert!(!answer.text().contains(wrong));
    for (authorization, refusal) in [
        ("SharedKey outbox:2BXNE6HqvX+8keVDpt3LLMnfj6IHGpcmSjffJXI0SH8=", (403, "AuthenticationFailed")),
        ("SharedKey inbox", (400, "InvalidAuthenticationInfo")),
        ("Basic aW5ib3g6eA==", (400, "InvalidAuthenticationInfo")),
        ("nothing", (400, "InvalidAuthenticationInfo")),
    ] {
        assert_eq!(list_with(&cloud, authorization).await.refusal(), refusal, "{authorization}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_where_to_get_credentials() {
    let cloud = Cloud::with_container().await;
    let answer = cloud.get("/inbox?comp=list").anonymously().await;
    assert_eq!(answer.refusal(), (401, "NoAuthenticationInformation"));
    assert!(answer.header("www-authenticate").starts_with("Bearer authorization_uri=https://"));
    assert!(answer.header("www-authenticate").contains("resource_id=https://storage.azure.com"));
    let old = cloud.get("/inbox?comp=list").anonymously().without("x-ms-version").await;
    assert_eq!(old.refusal(), (404, "ResourceNotFound"));
}

#[tokio::test(start_paused = true)]
async fn a_token_needs_only_to_look_like_one() {
    let cloud = Cloud::new();
    let list = |token: &str| cloud.get("/inbox?comp=list").with([("authorization", token)]);
    assert_eq!(list(&bearer("{}")).await.status, 200);
    let refused = list("Bearer nonsense").await;
    assert_eq!(refused.refusal(), (401, "InvalidAuthenticationInfo"));
    assert!(refused.header("www-authenticate").starts_with("Bearer "));
}

#[tokio::test(start_paused = true)]
async fn a_strict_service_wants_a_token_for_storage_in_time() {
    let cloud = Cloud::with(|settings| settings.strict_auth = true);
    let list =
        |claims: &str| cloud.get("/inbox?comp=list").with([("authorization", bearer(claims).as_str())]);
    // 2026-03-04 10:00:00 is 1772618400.
    assert_eq!(list(r#"{"aud":"https://storage.azure.com/","exp":1772618401}"#).await.status, 200);
    assert_eq!(list(r#"{"aud":"https://storage.azure.com","exp":1772618000}"#).await.status, 401);
    assert_eq!(list(r#"{"aud":"https://eventgrid.azure.net","exp":1772618401}"#).await.status, 401);
    assert_eq!(list("{}").await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn a_connection_string_has_what_a_client_needs() {
    let cloud = Cloud::new();
    let key = cloud.storage.account_key("inbox").unwrap();
    assert_eq!(
        cloud.storage.connection_string("inbox").unwrap(),
        format!(
            "DefaultEndpointsProtocol=http;AccountName=inbox;AccountKey={key};BlobEndpoint=http://127.0.0.1:10000/inbox;"
        )
    );
    assert_eq!(
        (cloud.storage.account_key("nobody"), cloud.storage.connection_string("nobody")),
        (None, None)
    );
}
