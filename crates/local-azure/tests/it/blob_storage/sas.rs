//! Shared access signatures: of accounts, containers and blobs, by account key, stored policy or user delegation.

use super::{Answer, BLOCK_BLOB, Cloud, query, sign};

const LATER: &str = "2026-03-04T11:00:00Z";
const EARLIER: &str = "2026-03-04T09:00:00Z";

/// A cloud whose blob `/inbox/reels/a b/é` and whose container the signatures below are about.
async fn cloud() -> Cloud {
    let cloud = Cloud::with_container().await;
    cloud.make_blob("/inbox/reels/a%20b/%C3%A9", "x").await;
    cloud.make_blob("/inbox/reels/b", "y").await;
    cloud
}

async fn get(cloud: &Cloud, path: &str, sas: &str) -> Answer {
    let separator = if path.contains('?') { '&' } else { '?' };
    cloud.get(&format!("{path}{separator}{sas}")).anonymously().await
}

#[tokio::test(start_paused = true)]
async fn signatures_of_the_official_client_are_good() {
    let cloud = cloud().await;
    let blob = "st=2026-03-04T09%3A00%3A00Z&se=2026-03-04T11%3A00%3A00Z&sp=r&sv=2026-10-06&sr=b&rsct=text/x\
                &sig=zHanzh2sI92sl8wr6U6zrtoWFmBIfgwTUHmQ0azDjlk%3D";
    let read = get(&cloud, "/inbox/reels/a%20b/%C3%A9", blob).await;
    assert_eq!((read.text(), read.header("content-type")), ("x", "text/x"));
    let container = "se=2026-03-04T11%3A00%3A00Z&sp=rl&sv=2026-10-06&sr=c\
                     &sig=cjt8/ElyAjbXUJb0tdv8I/oALyLpyp6pvhXsRwWeYzs%3D";
    assert_eq!(get(&cloud, "/inbox/reels/b", container).await.text(), "y");
    assert_eq!(get(&cloud, "/inbox/reels?restype=container&comp=list", container).await.status, 200);
    let account = "st=2026-03-04T09%3A00%3A00Z&se=2026-03-04T11%3A00%3A00Z&sp=rl&sv=2026-10-06&ss=b&srt=so\
                   &sig=thWB7e2LhRwWs7KuFfRPByXO3aTG36b2FxJIVH0PMY4%3D";
    assert_eq!(get(&cloud, "/inbox/reels/b", account).await.text(), "y");
    assert_eq!(get(&cloud, "/inbox?comp=list", account).await.status, 200);
}

/// A SAS of `/inbox/reels/b` in the form of one version.
fn blob_sas(cloud: &Cloud, version: &str, permissions: &str, start: &str, expiry: &str) -> String {
    let head = format!("{permissions}\n{start}\n{expiry}\n/blob/inbox/reels/b\n\n\n\n{version}");
    let text = match version {
        _ if version >= "2020-12-06" => head + "\nb\n\n\n\n\n\n\n",
        _ if version >= "2018-11-09" => head + "\nb\n\n\n\n\n\n",
        _ => head + "\n\n\n\n\n",
    };
    let signature = sign(&cloud.storage.account_key("inbox").unwrap(), &text);
    query(&[
        ("sv", version),
        ("sr", "b"),
        ("sp", permissions),
        ("st", start),
        ("se", expiry),
        ("sig", &signature),
    ])
}

#[tokio::test(start_paused = true)]
async fn every_version_signs_its_own_text() {
    let cloud = cloud().await;
    for version in
        ["2015-04-05", "2018-11-09", "2020-02-10", "2020-12-06", "2022-11-02", "2026-04-06", "2027-01-01"]
    {
        assert_eq!(
            get(&cloud, "/inbox/reels/b", &blob_sas(&cloud, version, "r", "", LATER)).await.text(),
            "y",
            "{version}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_sas_is_good_for_its_blob_its_time_and_its_permissions() {
    let cloud = cloud().await;
    let sas = |permissions, start, expiry| blob_sas(&cloud, "2025-11-05", permissions, start, expiry);
    let failed = (403, "AuthenticationFailed");
    assert_eq!(get(&cloud, "/inbox/reels/a%20b/%C3%A9", &sas("r", "", LATER)).await.refusal(), failed);
    assert_eq!(
        get(&cloud, "/inbox/reels?restype=container&comp=list", &sas("r", "", LATER)).await.refusal(),
        failed
    );
    assert_eq!(get(&cloud, "/inbox/reels/b", &sas("r", "", EARLIER)).await.refusal(), failed);
    assert_eq!(get(&cloud, "/inbox/reels/b", &sas("r", LATER, LATER)).await.refusal(), failed);
    assert_eq!(get(&cloud, "/inbox/reels/b", &sas("r", "", "")).await.refusal(), failed);
    assert_eq!(
        get(&cloud, "/inbox/reels/b", &sas("r", "", LATER).replace("sp=r", "sp=rw")).await.refusal(),
        failed
    );
    assert_eq!(
        get(&cloud, "/inbox/reels/b", &sas("w", "", LATER)).await.refusal(),
        (403, "AuthorizationPermissionMismatch")
    );
    assert_eq!(get(&cloud, "/inbox/reels/b", &sas("rw", EARLIER, LATER)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn create_makes_blobs_and_write_replaces_them() {
    let cloud = cloud().await;
    let put = async |permissions: &str| {
        let sas = blob_sas(&cloud, "2025-11-05", permissions, "", LATER);
        cloud.put(&format!("/inbox/reels/b?{sas}")).with([BLOCK_BLOB]).anonymously().body("z").await.status
    };
    assert_eq!(put("c").await, 403);
    assert_eq!(put("w").await, 201);
    cloud.delete("/inbox/reels/b").await;
    assert_eq!(put("c").await, 201);
    assert_eq!(put("r").await, 403);
}

#[tokio::test(start_paused = true)]
async fn a_sas_for_https_is_not_for_http() {
    let sas = |cloud: &Cloud| {
        let text = format!("r\n\n{LATER}\n/blob/inbox/reels/b\n\n\nhttps\n2025-11-05\nb\n\n\n\n\n\n\n");
        let signature = sign(&cloud.storage.account_key("inbox").unwrap(), &text);
        query(&[
            ("sv", "2025-11-05"),
            ("sr", "b"),
            ("sp", "r"),
            ("se", LATER),
            ("spr", "https"),
            ("sig", &signature),
        ])
    };
    let plain = cloud().await;
    let refused = get(&plain, "/inbox/reels/b", &sas(&plain)).await;
    assert_eq!(refused.refusal(), (403, "AuthorizationProtocolMismatch"));
    let secure = Cloud::with(|settings| settings.base_url = "https://127.0.0.1:10000".to_owned());
    assert_eq!(get(&secure, "/inbox/reels/b", &sas(&secure)).await.refusal(), (404, "ContainerNotFound"));
}

#[tokio::test(start_paused = true)]
async fn an_account_sas_is_good_for_its_services_and_resource_types() {
    let cloud = cloud().await;
    let sas = |services: &str, types: &str| {
        let text = format!("inbox\nrl\n{services}\n{types}\n\n{LATER}\n\n\n2025-11-05\n\n");
        let signature = sign(&cloud.storage.account_key("inbox").unwrap(), &text);
        query(&[
            ("sv", "2025-11-05"),
            ("ss", services),
            ("srt", types),
            ("sp", "rl"),
            ("se", LATER),
            ("sig", &signature),
        ])
    };
    assert_eq!(get(&cloud, "/inbox/reels/b", &sas("bq", "co")).await.status, 200);
    let list = "/inbox?comp=list";
    assert_eq!(
        get(&cloud, list, &sas("b", "co")).await.refusal(),
        (403, "AuthorizationResourceTypeMismatch")
    );
    assert_eq!(get(&cloud, list, &sas("q", "s")).await.refusal(), (403, "AuthorizationServiceMismatch"));
    assert_eq!(get(&cloud, "/outbox/reels/b", &sas("b", "o")).await.refusal(), (403, "AuthenticationFailed"));
    let acl = "/inbox/reels?restype=container&comp=acl";
    assert_eq!(get(&cloud, acl, &sas("b", "sco")).await.refusal(), (403, "AuthorizationPermissionMismatch"));
}

#[tokio::test(start_paused = true)]
async fn a_stored_policy_fills_in_what_a_sas_leaves_out() {
    let cloud = cloud().await;
    let signature = sign(
        &cloud.storage.account_key("inbox").unwrap(),
        "\n\n\n/blob/inbox/reels\nread\n\n\n2025-11-05\nc\n\n\n\n\n\n\n",
    );
    let sas = query(&[("sv", "2025-11-05"), ("sr", "c"), ("si", "read"), ("sig", &signature)]);
    assert_eq!(get(&cloud, "/inbox/reels/b", &sas).await.refusal(), (403, "AuthenticationFailed"));
    let policy = |expiry: &str| {
        let body = format!(
            "<SignedIdentifiers><SignedIdentifier><Id>read</Id><AccessPolicy><Expiry>{expiry}</Expiry>\
             <Permission>r</Permission></AccessPolicy></SignedIdentifier></SignedIdentifiers>"
        );
        cloud.put("/inbox/reels?restype=container&comp=acl").body(body)
    };
    assert_eq!(policy(LATER).await.status, 200);
    assert_eq!(get(&cloud, "/inbox/reels/b", &sas).await.text(), "y");
    assert_eq!(get(&cloud, "/inbox/reels?restype=container&comp=list", &sas).await.status, 403);
    assert_eq!(policy(EARLIER).await.status, 200);
    assert_eq!(get(&cloud, "/inbox/reels/b", &sas).await.refusal(), (403, "AuthenticationFailed"));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_has_a_sas_of_its_own() {
    let cloud = cloud().await;
    let taken = cloud.put("/inbox/reels/b?comp=snapshot").await;
    let time = taken.header("x-ms-snapshot");
    cloud.make_blob("/inbox/reels/b", "new").await;
    let text = format!("r\n\n{LATER}\n/blob/inbox/reels/b\n\n\n\n2025-11-05\nbs\n{time}\n\n\n\n\n\n");
    let signature = sign(&cloud.storage.account_key("inbox").unwrap(), &text);
    let sas = query(&[("sv", "2025-11-05"), ("sr", "bs"), ("sp", "r"), ("se", LATER), ("sig", &signature)]);
    assert_eq!(get(&cloud, &format!("/inbox/reels/b?snapshot={time}"), &sas).await.text(), "y");
    assert_eq!(get(&cloud, "/inbox/reels/b", &sas).await.refusal(), (403, "AuthenticationFailed"));
}

/// A user delegation key good until [`LATER`].
async fn delegation_key(cloud: &Cloud) -> Answer {
    let body =
        format!("<?xml version=\"1.0\"?><KeyInfo><Start>{EARLIER}</Start><Expiry>{LATER}</Expiry></KeyInfo>");
    let key = cloud.ask(http::Method::POST, "/inbox?restype=service&comp=userdelegationkey").body(body).await;
    assert_eq!(key.status, 200);
    key
}

/// A SAS of `/inbox/reels/b` in the form of one version, signed with a user delegation key.
fn delegated_sas(key: &Answer, version: &str, expiry: &str) -> String {
    let of_key = |tag: &str| key.texts(tag).remove(0);
    let fields = ["SignedOid", "SignedTid", "SignedStart", "SignedExpiry", "SignedService", "SignedVersion"]
        .map(of_key);
    let mut lines = vec!["r", "", expiry, "/blob/inbox/reels/b"];
    lines.extend(fields.iter().map(String::as_str));
    let blanks = |count| std::iter::repeat_n("", count);
    lines.extend(blanks(if version >= "2020-02-10" { 3 } else { 0 }));
    lines.extend(blanks(if version >= "2025-07-05" { 2 } else { 0 }));
    lines.extend(["", "", version, "b", ""]);
    lines.extend(blanks(if version >= "2020-12-06" { 1 } else { 0 }));
    lines.extend(blanks(if version >= "2026-04-06" { 2 } else { 0 }));
    lines.extend(blanks(5));
    let signature = sign(&of_key("Value"), &lines.join("\n"));
    let [oid, tid, start, end, service, key_version] = &fields;
    query(&[
        ("sv", version),
        ("sr", "b"),
        ("sp", "r"),
        ("se", expiry),
        ("skoid", oid),
        ("sktid", tid),
        ("skt", start),
        ("ske", end),
        ("sks", service),
        ("skv", key_version),
        ("sig", &signature),
    ])
}

#[tokio::test(start_paused = true)]
async fn a_user_delegation_key_says_whose_it_is_and_how_long() {
    let cloud = cloud().await;
    let key = delegation_key(&cloud).await;
    for (tag, text) in [
        ("SignedOid", "o-1"),
        ("SignedTid", "t-1"),
        ("SignedStart", EARLIER),
        ("SignedExpiry", LATER),
        ("SignedService", "b"),
        ("SignedVersion", "2026-04-06"),
    ] {
        assert_eq!(key.texts(tag), [text]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_delegation_sas_is_good_in_every_version_until_it_or_its_key_expires() {
    let cloud = cloud().await;
    let key = delegation_key(&cloud).await;
    for version in
        ["2018-11-09", "2020-02-10", "2020-12-06", "2022-11-02", "2025-07-05", "2025-11-05", "2026-04-06"]
    {
        assert_eq!(
            get(&cloud, "/inbox/reels/b", &delegated_sas(&key, version, LATER)).await.text(),
            "y",
            "{version}"
        );
    }
    let failed = (403, "AuthenticationFailed");
    assert_eq!(
        get(&cloud, "/inbox/reels/b", &delegated_sas(&key, "2026-04-06", EARLIER)).await.refusal(),
        failed
    );
    let tampered = delegated_sas(&key, "2026-04-06", LATER).replace("skoid=o-1", "skoid=o-2");
    assert_eq!(get(&cloud, "/inbox/reels/b", &tampered).await.refusal(), failed);
    let longer = delegated_sas(&key, "2026-04-06", "2026-03-05T00:00:00Z");
    assert_eq!(get(&cloud, "/inbox/reels/b", &longer).await.status, 200);
    tokio::time::sleep(super::hours(2)).await;
    assert_eq!(get(&cloud, "/inbox/reels/b", &longer).await.refusal(), failed);
}

#[tokio::test(start_paused = true)]
async fn a_user_delegation_key_is_for_token_holders_and_a_week_at_most() {
    let cloud = cloud().await;
    let ask = |expiry: &str| {
        let body = format!("<KeyInfo><Expiry>{expiry}</Expiry></KeyInfo>");
        cloud.ask(http::Method::POST, "/inbox?restype=service&comp=userdelegationkey").body(body)
    };
    assert_eq!(ask("2026-03-11T10:00:00Z").await.status, 200);
    assert_eq!(ask("2026-03-11T10:00:01Z").await.refusal(), (400, "InvalidXmlNodeValue"));
    assert_eq!(ask(EARLIER).await.refusal(), (400, "InvalidXmlNodeValue"));
    assert_eq!(ask("soon").await.refusal(), (400, "InvalidXmlNodeValue"));
    assert_eq!(ask(LATER).anonymously().await.refusal(), (403, "AuthenticationFailed"));
}

#[tokio::test(start_paused = true)]
async fn a_user_delegation_sas_may_be_for_a_directory_or_for_certain_requests() {
    let cloud = cloud().await;
    let key = delegation_key(&cloud).await;
    let value = |tag: &str| key.texts(tag).remove(0);
    let about_key =
        ["SignedOid", "SignedTid", "SignedStart", "SignedExpiry", "SignedService", "SignedVersion"];
    let about_key = about_key.map(value);
    let sas = |resource: &str, kind: &str, requests: &str, more: &[(&str, &str)]| {
        let text = format!(
            "r\n\n{LATER}\n{resource}\n{}\n\n\n\n\n\n\n\n2026-04-06\n{kind}\n\n\n{requests}\n\n\n\n\n",
            about_key.join("\n")
        );
        let names = ["skoid", "sktid", "skt", "ske", "sks", "skv"];
        let mut all = vec![("sv", "2026-04-06"), ("sr", kind), ("sp", "r"), ("se", LATER)];
        all.extend(names.into_iter().zip(about_key.iter().map(String::as_str)));
        all.extend(more);
        let signature = sign(&value("Value"), &text);
        all.push(("sig", &signature));
        query(&all)
    };
    let directory = sas("/blob/inbox/reels/a b", "d", "\n", &[("sdd", "1")]);
    assert_eq!(get(&cloud, "/inbox/reels/a%20b/%C3%A9", &directory).await.text(), "x");
    assert_eq!(get(&cloud, "/inbox/reels/b", &directory).await.refusal(), (403, "AuthenticationFailed"));
    let requests = "x-show:17\n\n\ntimeout:30";
    let certain = sas("/blob/inbox/reels/b", "b", requests, &[("srh", "x-show"), ("srq", "timeout")]);
    assert_eq!(get(&cloud, "/inbox/reels/b", &certain).await.refusal(), (403, "AuthenticationFailed"));
    let as_signed = cloud.get(&format!("/inbox/reels/b?timeout=30&{certain}")).anonymously();
    assert_eq!(as_signed.with([("x-show", "17")]).await.text(), "y");
}

#[tokio::test(start_paused = true)]
async fn what_a_signature_does_not_cover_has_no_effect() {
    let cloud = cloud().await;
    let policies = "<SignedIdentifiers><SignedIdentifier><Id>all</Id><AccessPolicy><Permission>rwdl</Permission>\
                    </AccessPolicy></SignedIdentifier></SignedIdentifiers>";
    assert_eq!(cloud.put("/inbox/reels?restype=container&comp=acl").body(policies).await.status, 200);
    let text = format!("inbox\n\nb\no\n\n{LATER}\n\n\n2025-11-05\n\n");
    let signature = sign(&cloud.storage.account_key("inbox").unwrap(), &text);
    let sas = query(&[("sv", "2025-11-05"), ("ss", "b"), ("srt", "o"), ("se", LATER), ("sig", &signature)]);
    let widened = get(&cloud, "/inbox/reels/b", &format!("{sas}&si=all&rsct=text%2Fhtml")).await;
    assert_eq!(widened.refusal(), (403, "AuthorizationPermissionMismatch"));
}
