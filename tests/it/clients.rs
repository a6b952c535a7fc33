//! Microsoft's own clients for Python, unmodified, against the local cloud as its users start it.

use std::path::Path;
use std::process::Command;

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

#[tokio::test]
async fn programs_written_for_media_services_work() {
    let local = Local::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let film = "-f lavfi -i testsrc2=size=640x360:rate=25:duration=4,noise=alls=20:allf=t -f lavfi -i sine=duration=4 -pix_fmt yuv420p \
        -preset ultrafast";
    make_media(folder.path(), "film.mp4", film);
    make_media(
        folder.path(),
        "bumper.mp4",
        "-f lavfi -i testsrc=size=320x240:rate=30:duration=1 -pix_fmt yuv420p",
    );
    make_media(folder.path(), "logo.png", "-f lavfi -i color=red:size=64x36 -frames:v 1");
    let tones = (1..=8).map(|n| format!("-f lavfi -i sine=frequency={n}00:duration=1 "));
    let maps = (0..8).map(|n| format!("-map {n} "));
    make_media(folder.path(), "tracks.mp4", &format!("{}-ac 1", tones.chain(maps).collect::<String>()));
    let folder = folder.path().to_string_lossy();
    let printed = run_client("media_programs.py", &[&folder], &local.places.to_string());
    assert!(printed.ends_with("programs written for the service work\n"), "{printed}");
}

/// A media file, as ffmpeg is told.
fn make_media(folder: &Path, name: &str, arguments: &str) {
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(arguments.split_whitespace())
        .arg(folder.join(name))
        .status();
    assert!(made.is_ok_and(|made| made.success()), "ffmpeg is missing, or did not make {name}");
}
