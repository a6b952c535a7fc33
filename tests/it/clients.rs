//! Microsoft's own clients for Python, unmodified, against the local cloud as its users start it.

use crate::process::{Local, make_clip, run_client};

#[tokio::test]
async fn requests_published_by_the_official_client_are_answered() {
    let local = Local::start(&[]);
    run_client("event_grid.py", &[], &local.places.to_string());
}

#[tokio::test]
async fn the_official_storage_client_finds_a_blob_storage() {
    let local = Local::start(&[]);
    run_client("blob_storage.py", &[], &local.places.to_string());
}

#[tokio::test]
async fn the_official_storage_client_is_let_in_by_token_over_tls() {
    let local = Local::start(&["--tls"]);
    run_client("blob_storage.py", &[], &local.places.to_string());
}

#[tokio::test]
async fn the_official_media_client_encodes() {
    let local = Local::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4");
    make_clip(&clip);
    local.upload("inbox/clip.mp4", std::fs::read(clip).unwrap());
    run_client("media_services.py", &[], &local.places.to_string());
}
