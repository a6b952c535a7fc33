//! Every message by itself, as golden transcripts: the good case, each failure it can have, and the same event delivered
//! twice.

use axum::extract::State;
use http::StatusCode;
use local_azure::blob_storage::NextCopy;
use local_azure::faults::Fault;
use local_azure::ids::development_key;
use serde_json::{Value, json};

use crate::book::{Book, written};
use crate::world::{Options, World, types};

const INBOX: &str = "http://127.0.0.1:10000/inbox";
const ARCHIVE: &str = "http://127.0.0.1:10000/archive";

fn blob(uri: &str) -> Value {
    json!({"blobUri": uri})
}

#[tokio::test(start_paused = true)]
async fn request_blob_metadata_create() {
    let mut book = Book::new("").await;
    let kind = "request.blob.metadata.create";
    let clip = format!("{INBOX}/show-17/clip.mp4");
    let set = |uri: &str, metadata: Value| json!({"blobUri": uri, "blobMetadata": metadata});
    book.page("good", kind, set(&clip, json!({"DepartmentCode": "news", "ingestId": "8812"}))).await;
    book.page("replaced as a whole", kind, set(&clip, json!({"only": "this"}))).await;
    book.page("empty", kind, set(&clip, json!({}))).await;
    book.page("null", kind, set(&clip, json!(null))).await;
    book.page("no text", kind, set(&clip, json!({"a": 1}))).await;
    book.page("no identifier", kind, set(&clip, json!({"1st": "x"}))).await;
    book.page("no header", kind, set(&clip, json!({"a": "line\nbreak"}))).await;
    book.page("no blob", kind, set(&format!("{INBOX}/show-17/nothing"), json!({"a": "1"}))).await;
    book.page("no uri", kind, set("clip.mp4", json!({"a": "1"}))).await;
    book.page("stranger", kind, set("https://x.blob.core.windows.net/c/b", json!({"a": "1"}))).await;
    insta::assert_snapshot!(book.text());
}

#[tokio::test(start_paused = true)]
async fn request_blob_copy() {
    let mut book = Book::new("[requests]\nannounce = \"ours\"\n").await;
    let kind = "request.blob.copy";
    let clip = format!("{INBOX}/show-17/clip.mp4");
    let copy = |to: &str| json!({"sourceUri": clip, "destinationUri": format!("{ARCHIVE}/{to}")});
    book.page("good", kind, copy("show-17/clip.mp4")).await;
    for (name, next) in [
        ("fails", NextCopy::Fails("404 NotFound \"Copy failed when reading the source.\"".to_owned())),
        ("waits", NextCopy::Waits),
    ] {
        let storage = &book.world.cloud.blob_storage;
        storage.decide_next_copy("archive", "show-17", &format!("{name}.mp4"), next);
        book.page(name, kind, copy(&format!("show-17/{name}.mp4"))).await;
    }
    let cancel = json!({"blobUri": format!("{ARCHIVE}/show-17/waits.mp4")});
    book.page("cancelled", "request.operation.cancel", cancel).await;
    book.page("onto itself", kind, json!({"sourceUri": clip, "destinationUri": clip})).await;
    book.page("no source", kind, json!({"sourceUri": format!("{clip}x"), "destinationUri": clip})).await;
    book.page("no uri", kind, json!({"sourceUri": "clip.mp4", "destinationUri": clip})).await;
    book.page("no destination", kind, json!({"sourceUri": clip})).await;
    insta::assert_snapshot!(book.text());
}

#[tokio::test(start_paused = true)]
async fn request_blob_delete() {
    let mut book = Book::new("[requests]\nannounce = \"ours\"\n").await;
    let kind = "request.blob.delete";
    let clip = format!("{INBOX}/show-17/clip.mp4");
    let set = json!({"blobUri": clip, "blobMetadata": {"DepartmentCode": "news"}});
    book.page("described", "request.blob.metadata.create", set).await;
    book.page("good", kind, blob(&clip)).await;
    book.page("gone already", kind, blob(&clip)).await;
    book.page("no uri", kind, blob("clip.mp4")).await;
    book.page("stranger", kind, blob("https://10.0.0.1/show-17/clip.mp4")).await;
    insta::assert_snapshot!(book.text());
}

#[tokio::test(start_paused = true)]
async fn request_blob_tier_change() {
    let mut book = Book::new("[requests]\nannounce = \"ours\"\n").await;
    let kind = "request.blob.tier.change";
    let clip = format!("{INBOX}/show-17/clip.mp4");
    let set = |tier: &str, priority: Value| json!({"blobUri": clip, "accessTier": tier, "rehydratePriority": priority});
    for (name, tier, priority) in [
        ("good", "cool", json!(null)),
        ("cold", "COLD", json!("Standard")),
        ("archived", "Archive", json!("Low")),
        ("rehydrated", "hot", json!("High")),
        ("normal", "Hot", json!("normal")),
        ("unknown tier", "Tepid", json!("High")),
        ("unknown priority", "Hot", json!("Now")),
    ] {
        book.page(name, kind, set(tier, priority)).await;
    }
    book.page("no blob", kind, json!({"blobUri": format!("{clip}x"), "accessTier": "Hot"})).await;
    book.page("no uri", kind, json!({"blobUri": "clip.mp4", "accessTier": "Hot"})).await;
    insta::assert_snapshot!(book.text());
}

#[tokio::test(start_paused = true)]
async fn what_storage_out_of_reach_costs_each_request() {
    let mut book = Book::new("").await;
    let clip = json!({"blobUri": format!("{INBOX}/show-17/clip.mp4")});
    let with = |member: &str, value: Value| {
        let mut data = clip.clone();
        data[member] = value;
        data
    };
    let named = json!({"storageAccountName": "proxy", "containerName": "show-17"});
    let copied = json!({
        "sourceUri": format!("{INBOX}/show-17/clip.mp4"), "destinationUri": format!("{ARCHIVE}/show-17/clip.mp4"),
    });
    book.world.cloud.faults.storage.always(Fault::Refuse(StatusCode::SERVICE_UNAVAILABLE, None), |_| true);
    for (event_type, data) in [
        ("request.blob.metadata.create", with("blobMetadata", json!({"a": "1"}))),
        ("request.blob.copy", copied),
        ("request.blob.delete", clip.clone()),
        ("request.blob.tier.change", with("accessTier", json!("Cool"))),
        ("request.blob.analysis.create", clip.clone()),
        ("request.blob.container.create", named.clone()),
        ("request.blob.container.delete", named.clone()),
        ("request.blob.container.access.change", named),
        ("request.operation.cancel", clip.clone()),
    ] {
        let event = json!([{"id": event_type, "eventType": event_type, "dataVersion": "1.0", "data": data}]);
        // What can be kept nowhere is not said, until storage has been out of reach for long.
        let waited = book.world.deliver_again(7, &event).await;
        assert_eq!(waited, StatusCode::SERVICE_UNAVAILABLE, "{event_type}");
        let answers = book.hear(&event, 9).await;
        assert!(answers.last().unwrap()["eventType"].as_str().unwrap().ends_with("failure"), "{answers:?}");
        book.pages.push(format!("# {event_type}\n{}", written(&answers, "  ")));
    }
    insta::assert_snapshot!(book.text());
}

#[tokio::test(start_paused = true)]
async fn a_copy_with_another_checksum_than_its_source_has_failed() {
    for (is_damaged, expected) in [(false, "response.blob.created.success"), (true, "response.failure")] {
        let world = World::quiet().await;
        world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
        let storage = world.cloud.blob_storage.router();
        let checksums = axum::middleware::map_response_with_state(
            is_damaged,
            |State(is_damaged): State<bool>, path: http::Uri, mut answer: axum::response::Response| async move {
                let is_copy = path.path().starts_with("/archive/show-17/");
                let md5 = if is_copy && is_damaged {
                    "ZGFtYWdlZCBieSBjb3B5aQ=="
                } else {
                    "YXMgaXQgd2FzIHdyaXR0ZQ=="
                };
                answer.headers_mut().insert("content-md5", md5.parse().unwrap());
                answer
            },
        );
        world.network.connect(crate::world::STORAGE, storage.layer(checksums));
        let data = json!({
            "sourceUri": format!("{INBOX}/show-17/clip.mp4"),
            "destinationUri": format!("{ARCHIVE}/show-17/clip.mp4"),
        });
        let answers = world.ask("1", "request.blob.copy", data).await;
        let last = answers.last().unwrap();
        assert_eq!(last["eventType"], expected);
        if is_damaged {
            assert_eq!(last["data"]["logEventId"], 513_901);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn request_blob_sas_url_create() {
    let mut book = Book::new("[requests]\nsas_seconds_max = 86400\n").await;
    let kind = "request.blob.sas-url.create";
    let clip = format!("{INBOX}/show-17/clip.mp4");
    let sign = |uri: &str, seconds: Value| json!({"blobUri": uri, "secToLive": seconds});
    let answers = book.page("good", kind, sign(&clip, json!(1_200))).await;
    let url = answers[1]["data"]["sasUrl"].as_str().unwrap().strip_prefix("http://127.0.0.1:10000").unwrap();
    let read = book.world.get(crate::world::STORAGE, url).await;
    // The world's day and more has passed.
    assert_eq!(read.status(), StatusCode::FORBIDDEN);
    for (name, seconds) in [
        ("zero", json!(0)),
        ("negative", json!(-1)),
        ("too long", json!(86_401)),
        ("no number", json!("soon")),
    ] {
        book.page(name, kind, sign(&clip, seconds)).await;
    }
    book.page("no uri", kind, sign("clip.mp4", json!(60))).await;
    insta::assert_snapshot!(book.text());
}

#[tokio::test(start_paused = true)]
async fn signed_urls_open_one_blob_for_reading_and_are_off_by_default() {
    let world =
        World::with(Options { config: "[requests]\nsas_seconds_max = 86400\n", ..Options::default() }).await;
    let name = "a b+c%d#e?f/ü";
    world.upload("inbox", "show-17", name, b"moving pictures").await;
    let uri = format!("{INBOX}/show-17/a%20b%2Bc%25d%23e%3Ff/%C3%BC");
    let body = json!([{
        "id": "1", "eventType": "request.blob.sas-url.create", "data": {"blobUri": uri, "secToLive": 60},
    }]);
    assert_eq!(world.deliver(body.to_string()).await.status(), StatusCode::OK);
    let answers = world.answers();
    let url = answers.last().unwrap()["data"]["sasUrl"].as_str().unwrap();
    assert!(url.starts_with(&format!("{uri}?")), "{url}");
    let path = url.strip_prefix("http://127.0.0.1:10000").unwrap();
    let read = world.get(crate::world::STORAGE, path).await;
    assert_eq!((read.status(), read.body().as_ref()), (StatusCode::OK, b"moving pictures".as_slice()));
    let other = world.get(crate::world::STORAGE, &path.replacen("a%20b", "a", 1)).await;
    assert_eq!(other.status(), StatusCode::FORBIDDEN);
    let world = World::new().await;
    assert_eq!(world.deliver(body.to_string()).await.status(), StatusCode::OK);
    let answers = world.answers();
    assert_eq!(types(&answers), ["response.acknowledge", "response.failure"]);
    assert_eq!(answers[1]["data"]["logEventId"], 502_903);
}

#[tokio::test(start_paused = true)]
async fn request_blob_container() {
    let mut book = Book::new("").await;
    let kind = |what: &str| format!("request.blob.container.{what}");
    let (create, delete, change) = (kind("create"), kind("delete"), kind("access.change"));
    let named =
        |account: &str, container: &str| json!({"storageAccountName": account, "containerName": container});
    let open = |container: &str, access: Value| {
        let mut data = named("proxy", container);
        data["accessType"] = access;
        data
    };
    book.page("good", &create, named("proxy", "show-17")).await;
    book.page("there already", &create, named("proxy", "show-17")).await;
    book.page("no name", &create, named("proxy", "Show 17")).await;
    book.page("stranger", &create, named("other", "show-17")).await;
    for (name, access) in [
        ("blobs", json!("Blob")),
        ("all", json!("blobcontainer")),
        ("private", json!("None")),
        ("private by default", json!(null)),
        ("unknown access", json!("Everybody")),
    ] {
        book.page(name, &change, open("show-17", access)).await;
    }
    book.page("nothing to open", &change, open("nothing", json!("Blob"))).await;
    book.page("deleted", &delete, named("proxy", "show-17")).await;
    book.page("nothing to delete", &delete, named("proxy", "nothing")).await;
    book.page("the processor's own", &delete, named("proxy", "gridwich-contexts")).await;
    insta::assert_snapshot!(book.text());
}

#[tokio::test(start_paused = true)]
async fn request_operation_cancel() {
    let mut book = Book::new("[requests]\nannounce = \"ours\"\n").await;
    let kind = "request.operation.cancel";
    let encode = json!([{
        "id": "encode", "eventType": "request.encode.mediaservicesv3.create", "dataVersion": "1.0",
        "data": {
            "inputs": [{"blobUri": format!("{INBOX}/show-17/clip.mp4")}],
            "outputContainer": "http://127.0.0.1:10000/proxy/show-17-mbr",
            "transformName": "AdaptiveStreaming",
            "operationContext": {"case": "encode"},
        },
    }]);
    assert_eq!(book.world.deliver(encode.to_string()).await.status(), StatusCode::OK);
    let answers = book.world.answers();
    let job = answers.last().unwrap()["data"]["workflowJobName"].as_str().unwrap().to_owned();
    book.page("good", kind, json!({"workflowJobName": job})).await;
    let named = json!({"workflowJobName": job, "transformName": "AdaptiveStreaming"});
    book.page("with its transform", kind, named).await;
    book.page("no such job", kind, json!({"workflowJobName": "nothing"})).await;
    book.page("no copy", kind, blob(&format!("{INBOX}/show-17/clip.mp4"))).await;
    book.page("no blob", kind, blob(&format!("{INBOX}/show-17/nothing"))).await;
    book.page("neither", kind, json!({})).await;
    insta::assert_snapshot!(book.text());
}

#[tokio::test(start_paused = true)]
async fn request_rollkey_storage() {
    let mut book = Book::new("").await;
    let kind = "request.rollkey.storage";
    let roll = |account: &str, key: &str| json!({"account": account, "keyName": key});
    let answers = book.page("good", kind, roll("proxy", "key2")).await;
    assert_eq!(answers[1]["subject"], "/rollkey/success");
    let answers = book.page("stranger", kind, roll("other", "key1")).await;
    assert_eq!(answers[1]["subject"], "/rollkey/failure");
    book.page("no key", kind, roll("proxy", "key3")).await;
    book.page("no account", kind, json!({"keyName": "key1"})).await;
    let storage = &book.world.cloud.blob_storage;
    assert_ne!(storage.second_account_key("proxy").unwrap(), development_key("proxy", "key2"));
    let rolled = storage.second_account_key("proxy");
    book.page("good", kind, roll("proxy", "key2")).await;
    let storage = &book.world.cloud.blob_storage;
    assert_eq!(storage.second_account_key("proxy"), rolled, "a repeated request has rolled again");
    insta::assert_snapshot!(book.text());
}

/// Names that something careless would mangle: in a URI, in a header, in a path, in XML, by normalization, by length.
fn awkward_names() -> Vec<String> {
    let names = [
        "sp ace.mp4",
        "a+b.mp4",
        "50%25 of 100%.mp4",
        "hash#1?query=&x=1.mp4",
        "/leading",
        "trailing/",
        "double//slash",
        "<a href=\"x\">&amp;.mp4",
        "\u{e9}t\u{e9} NFC.mp4",
        "e\u{301}te\u{301} NFD.mp4",
        "日本語 𝄞.mp4",
        "-rf --option",
        "C:\\temp\\x.mp4",
    ];
    names.iter().map(|name| (*name).to_owned()).chain(["x".repeat(1_024)]).collect()
}

#[tokio::test(start_paused = true)]
async fn a_source_whose_url_is_longer_than_storage_takes_is_refused_in_words() {
    let world = World::quiet().await;
    let name = "ü".repeat(1_024);
    world.upload("inbox", "show-17", &name, b"moving pictures").await;
    let source = format!("{INBOX}/show-17/{}", "%C3%BC".repeat(1_024));
    let data = json!({"sourceUri": source, "destinationUri": format!("{ARCHIVE}/show-17/short.mp4")});
    let answers = world.ask("1", "request.blob.copy", data).await;
    let failure = &answers[1]["data"];
    assert_eq!(failure["logEventId"], 611_014);
    let message = failure["logEventMessage"].as_str().unwrap();
    assert!(message.ends_with("expected at most 2048"), "{message}");
    let answers = world.ask("2", "request.blob.delete", json!({"blobUri": source})).await;
    assert_eq!(types(&answers).last(), Some(&"response.blob.delete.success"));
}

#[tokio::test(start_paused = true)]
async fn names_of_all_kinds_work_in_every_message_in_both_directions() {
    let config = "[requests]\nannounce = \"ours\"\nsas_seconds_max = 86400\n";
    let world = World::with(Options { config, ..Options::default() }).await;
    world.upload("inbox", "show-17", "clip.mp4", b"moving pictures").await;
    for (i, name) in awkward_names().into_iter().enumerate() {
        let encoded = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
        let (first, second) = (format!("{ARCHIVE}/show/{encoded}"), format!("{ARCHIVE}/again/{encoded}"));
        let steps = [
            (
                "request.blob.copy",
                json!({"sourceUri": format!("{INBOX}/show-17/clip.mp4"), "destinationUri": first}),
            ),
            (
                "request.blob.metadata.create",
                json!({"blobUri": first, "blobMetadata": {"Nr": i.to_string()}}),
            ),
            ("request.blob.copy", json!({"sourceUri": first, "destinationUri": second})),
            ("request.blob.tier.change", json!({"blobUri": first, "accessTier": "Archive"})),
            ("request.blob.tier.change", json!({"blobUri": first, "accessTier": "Hot"})),
            ("request.blob.sas-url.create", json!({"blobUri": second, "secToLive": 60})),
            ("request.blob.delete", json!({"blobUri": first})),
        ];
        for (step, (event_type, mut data)) in steps.into_iter().enumerate() {
            let before = world.answers().len();
            data["operationContext"] = json!({"name": i, "step": step});
            let answers = world.ask(&format!("{i}-{step}"), event_type, data).await.split_off(before);
            assert!(!types(&answers).contains(&"response.failure"), "{name:?} {event_type}: {answers:?}");
            for answer in &answers {
                let Some(uri) = answer["data"]["blobUri"].as_str() else { continue };
                let (_, path) = uri.split_once("/show/").or_else(|| uri.split_once("/again/")).unwrap();
                let decoded = percent_encoding::percent_decode_str(path).decode_utf8().unwrap();
                assert_eq!(decoded, name, "{answer}");
            }
            let last = answers.last().unwrap();
            if event_type == "request.blob.copy" && step == 2 {
                assert_eq!(last["data"]["blobMetadata"], json!({"Nr": i.to_string()}), "{name:?}");
            }
            if let Some(url) = last["data"]["sasUrl"].as_str() {
                assert!(url.starts_with(&format!("{ARCHIVE}/again/")), "{url}");
            }
        }
        let left = world.blobs("archive", "again").await.unwrap();
        assert!(left.contains_key(&name), "{name:?} in {left:?}");
        assert!(!world.blobs("archive", "show").await.unwrap().contains_key(&name), "{name:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_storage_reports_is_announced_or_not() {
    let mut book = Book::new("").await;
    let urls = json!({"url": format!("{INBOX}/show-17/clip.mp4"), "api": "PutBlob"});
    for (name, id) in [
        ("a context", json!(r#"{"a":1}"#)),
        ("muted", json!(r#"{"a":1,"~muted":1}"#)),
        ("a GUID", json!("1f2e3d4c-5b6a-7988-a7b6-c5d4e3f20100")),
        ("blank", json!(" ")),
        ("null", json!(null)),
        ("broken", json!(r#"{"a":"#)),
        ("an array", json!("[1]")),
        ("other text", json!("AzCopy v10")),
    ] {
        for event_type in ["Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted"] {
            let mut data = urls.clone();
            data["clientRequestId"] = id.clone();
            let event = json!([{
                "id": format!("{name} {event_type}"), "eventType": event_type, "dataVersion": "",
                "subject": "/blobServices/default/containers/show-17/blobs/clip.mp4", "data": data,
            }]);
            let answers = book.hear(&event, 0).await;
            book.world.replace_processor();
            assert_eq!(book.hear(&event, 1).await, answers, "{event}");
            book.pages.push(format!("# {name} {event_type}\n{}", written(&answers, "  ")));
        }
    }
    let event = json!([{
        "id": "no url", "eventType": "Microsoft.Storage.BlobDeleted", "subject": "/x",
        "data": {"url": "clip.mp4", "clientRequestId": r#"{"a":1}"#},
    }]);
    let answers = book.hear(&event, 0).await;
    book.pages.push(format!("# no url\n{}", written(&answers, "  ")));
    insta::assert_snapshot!(book.text());
}
