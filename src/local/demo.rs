//! A whole saga on the local cloud, shown as it happens: container, copy, encode, pictures, publication, tier. The saga is
//! an orchestrator's; Gridwich only answers.

use std::path::{Path, PathBuf};

use local_azure::inside::BlobFiles as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::orchestrator::Orchestrator;
use super::places::{INBOX, Places, Ports};
use super::running::{LocalCloud, LocalSettings};
use super::{DemoArguments, Folder, Processor, clip, seed, timeline};

/// The clip's name in the inbox: a name that would be mangled by anything careless.
const CLIP: &str = "neue clips/größe #1.mp4";
const WORK_CONTAINER: &str = "show-17";
const OUTPUT_CONTAINER: &str = "show-17-mbr";
const PICTURE_CONTAINER: &str = "show-17-sprites";
/// What is published of the clip, in seconds.
const PUBLISHED: (u32, u32) = (2, 8);
/// Outputs that people look at, by the ends of their names.
const SHOWN: [&str; 2] = [".mp4", ".jpg"];

/// Runs the saga, and says where its outputs can be played.
///
/// # Errors
/// In words for the person at the terminal: the reason the saga failed.
pub async fn demo(arguments: DemoArguments, stop: CancellationToken) -> Result<(), String> {
    let folder = Folder::new(None)?;
    let settings = LocalSettings {
        ports: Ports::from_base(arguments.port_base),
        folder: folder.path().to_owned(),
        is_kept: false,
        with_tls: false,
        strict_auth: false,
        hurry: 1,
        encoder_speed: arguments.encoder_speed,
        packager: arguments.protection.packager()?,
        licence_url: arguments.protection.licence_url.clone(),
    };
    let local = LocalCloud::start(settings).await?;
    let processor = Processor::start(&local.places, "error").await?;
    seed::subscriptions(&local).await?;
    println!("The local cloud is up; its home page is {}\n", local.places.home());
    let saga = stop.run_until_cancelled(saga(&local, folder.path(), &arguments)).await;
    if arguments.stay && saga.as_ref().is_some_and(Result::is_ok) {
        println!("\nStaying up until Ctrl-C: {}", local.places.home());
        stop.cancelled().await;
    }
    processor.stop().await;
    local.stop().await;
    saga.unwrap_or_else(|| Err("stopped before the saga ended".to_owned()))
}

async fn saga(local: &LocalCloud, scratch: &Path, arguments: &DemoArguments) -> Result<(), String> {
    let made = scratch.join("clip.mp4");
    clip::make(&made).await?;
    let places = &local.places;
    let mut orchestrator = Orchestrator::new(places, timeline::watch(&local.cloud));
    let uploaded = local.cloud.blob_storage.write_from_file(INBOX, INBOX, CLIP, &made, "video/mp4").await;
    uploaded.map_err(|error| error.to_string())?;
    orchestrator.hear("the upload", "response.blob.created.success").await?;
    let source = blob_uri(places, INBOX, INBOX, CLIP);
    let work = blob_uri(places, "archive", WORK_CONTAINER, CLIP);
    orchestrator
        .request(
            "request.blob.container.create",
            json!({"storageAccountName": "proxy", "containerName": OUTPUT_CONTAINER}),
            "response.blob.container.create.success",
        )
        .await?;
    orchestrator
        .request(
            "request.blob.copy",
            json!({"sourceUri": source, "destinationUri": work}),
            "response.blob.created.success",
        )
        .await?;
    let encoded = orchestrator
        .request(
            "request.encode.mediaservicesv3.create",
            json!({
                "inputs": [{"blobUri": work}],
                "outputContainer": format!("{}/{OUTPUT_CONTAINER}", places.blob_endpoint("proxy")),
                "transformName": "AdaptiveStreaming",
            }),
            "response.encode.mediaservicesv3.success",
        )
        .await?;
    let pictures = orchestrator
        .request(
            "request.encode.mediaservicesv2.create",
            json!({
                "inputs": [{"blobUri": work}],
                "outputContainer": format!("{}/{PICTURE_CONTAINER}", places.blob_endpoint("proxy")),
                "presetName": "SpriteAndThumbnailSetting",
            }),
            "response.encode.mediaservicesv2.success",
        )
        .await?;
    let published = orchestrator
        .request(
            "request.mediaservices.locator.create",
            json!({
                "containerUri": format!("{}/{OUTPUT_CONTAINER}", places.blob_endpoint("proxy")),
                "streamingPolicyName": "clearStreamingOnly",
                "timeBasedFilter": {"startSeconds": PUBLISHED.0, "endSeconds": PUBLISHED.1},
                "generateAudioFilters": true,
            }),
            "response.mediaservices.locator.create.success",
        )
        .await?;
    orchestrator
        .request(
            "request.blob.tier.change",
            json!({"blobUri": source, "accessTier": "Cool"}),
            "response.blob.tier.success",
        )
        .await?;
    show_outputs(local, &[(OUTPUT_CONTAINER, &encoded), (PICTURE_CONTAINER, &pictures)], &arguments.outputs)
        .await?;
    show_publication(&published, arguments.stay).await
}

/// Saves what can be played, because the cloud goes with the demo, and says where it is.
async fn show_outputs(local: &LocalCloud, encodes: &[(&str, &Value)], folder: &Path) -> Result<(), String> {
    let unusable = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(|error| unusable(&error))?;
    let folder = folder.canonicalize().map_err(|error| unusable(&error))?;
    println!("\nThe outputs, to be played:\n");
    for (container, encoded) in encodes {
        let outputs = encoded["outputs"].as_array().into_iter().flatten();
        let names = outputs.filter_map(|output| shown_name(output["blobUri"].as_str()?)).collect::<Vec<_>>();
        if names.is_empty() {
            return Err(format!("an encode succeeded without leaving anything to look at in {container}"));
        }
        for name in names {
            let file = folder.join(&name);
            save(local, container, &name, &file).await?;
            let url = url::Url::from_file_path(&file)
                .map_err(|()| format!("{}: not an absolute path", file.display()))?;
            println!("  {url}\n      {}", clip::describe(&file).await?);
        }
    }
    Ok(())
}

fn shown_name(uri: &str) -> Option<String> {
    let name = percent_encoding::percent_decode_str(uri.rsplit('/').next()?).decode_utf8_lossy().into_owned();
    SHOWN.iter().any(|end| name.ends_with(end)).then_some(name)
}

async fn save(local: &LocalCloud, container: &str, name: &str, file: &PathBuf) -> Result<(), String> {
    if file.exists() {
        std::fs::remove_file(file).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let saved = local.cloud.blob_storage.read_to_file("proxy", container, name, file).await;
    saved.map_err(|error| error.to_string())
}

/// Says where the publication plays, as a player sees it there.
async fn show_publication(published: &Value, stays: bool) -> Result<(), String> {
    let (from, to) = PUBLISHED;
    let hint = if stays { "" } else { "; with `demo --stay` they can be played" };
    println!("\nThe publication, from {from} s to {to} s of the clip{hint}:\n");
    for (name, member) in [("HLS", "hlsUri"), ("DASH", "dashUri")] {
        let url = published[member].as_str().ok_or_else(|| format!("nothing was published as {name}"))?;
        println!("  {name:<5} {url}\n        {}", clip::describe_best(url).await?);
    }
    Ok(())
}

fn blob_uri(places: &Places, account: &str, container: &str, name: &str) -> String {
    let name = name
        .split('/')
        .map(|part| percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC));
    let name = name.map(|part| part.to_string()).collect::<Vec<_>>().join("/");
    format!("{}/{container}/{name}", places.blob_endpoint(account))
}
