//! The paths under which a locator's streams and files are found. They are served by `streaming`.

use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::content_keys::KeyKind;
use super::locators::Locator;
use super::offered::protocols;
use super::streaming_policies::Rules;
use crate::arm::ArmError;
use crate::inside::BlobFileError;
use crate::media_services::account::Account;
use crate::media_services::resource::folded;

/// What stands in a path as it is (RFC 3986, unreserved).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// How the name of a server manifest ends.
const SERVER_MANIFEST: &str = ".ism";

/// What players speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(in crate::media_services) enum Protocol {
    Hls,
    Dash,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PathsAnswer {
    streaming_paths: Vec<StreamingPath>,
    download_paths: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StreamingPath {
    streaming_protocol: Protocol,
    encryption_scheme: &'static str,
    paths: Vec<String>,
}

/// The paths that are served. Protocols that a policy enables but nobody here speaks have none.
pub(super) async fn of(account: &Account, locator: &Locator, rules: &Rules) -> Result<PathsAnswer, ArmError> {
    let files = files(account, locator).await?;
    let manifest = files.iter().find(|name| is_server_manifest(name));
    let path =
        |name: &str, rest: &str| format!("/{}/{}{rest}", locator.id, utf8_percent_encode(name, ESCAPED));
    let mut streaming_paths = Vec::new();
    for (protocol, scheme, arguments) in streams(rules) {
        let paths = manifest.map(|name| path(name, &format!("/manifest({arguments})")));
        streaming_paths.push(StreamingPath {
            streaming_protocol: protocol,
            encryption_scheme: scheme,
            paths: paths.into_iter().collect(),
        });
    }
    let download = rules.no_encryption.as_ref().is_some_and(|clear| clear.enabled_protocols.download);
    let download_paths = files.iter().filter(|_| download).map(|name| {
        let segments = name.split('/').map(|segment| utf8_percent_encode(segment, ESCAPED).to_string());
        format!("/{}/{}", locator.id, segments.collect::<Vec<_>>().join("/"))
    });
    Ok(PathsAnswer { streaming_paths, download_paths: download_paths.collect() })
}

/// Whether a file says what an asset's tracks are.
pub(in crate::media_services) fn is_server_manifest(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(SERVER_MANIFEST) && !name.contains('/')
}

/// Protocols, how they are protected, and what stands between the parentheses of their manifests.
fn streams(rules: &Rules) -> impl Iterator<Item = (Protocol, &'static str, &'static str)> {
    let clear = rules.no_encryption.as_ref().map(|clear| clear.enabled_protocols).unwrap_or_default();
    let keyed = |kind| {
        let encryption = rules.keyed().find(|(own, _)| *own == kind);
        encryption.map(|(_, encryption)| protocols(kind, encryption)).unwrap_or_default()
    };
    let envelope = keyed(KeyKind::EnvelopeEncryption);
    let (cenc, cbcs) = (keyed(KeyKind::CommonEncryptionCenc), keyed(KeyKind::CommonEncryptionCbcs));
    let all = [
        (clear.hls, Protocol::Hls, "NoEncryption", "format=m3u8-cmaf"),
        (clear.dash, Protocol::Dash, "NoEncryption", "format=mpd-time-cmaf"),
        (envelope.hls, Protocol::Hls, "EnvelopeEncryption", "format=m3u8-cmaf,encryption=cbc"),
        (cenc.dash, Protocol::Dash, "CommonEncryptionCenc", "format=mpd-time-cmaf,encryption=cenc"),
        (cbcs.hls, Protocol::Hls, "CommonEncryptionCbcs", "format=m3u8-cmaf,encryption=cbcs-aapl"),
        (cbcs.dash, Protocol::Dash, "CommonEncryptionCbcs", "format=mpd-time-cmaf,encryption=cbcs-aapl"),
    ];
    all.into_iter()
        .filter(|(enabled, ..)| *enabled)
        .map(|(_, protocol, scheme, text)| (protocol, scheme, text))
}

async fn files(account: &Account, locator: &Locator) -> Result<Vec<String>, ArmError> {
    let place = {
        let holdings = account.holdings();
        let asset = holdings.assets.get(&folded(&locator.asset));
        asset.map(|asset| (asset.storage_account.clone(), asset.container.clone()))
    };
    let absent = || ArmError::not_found(&format!("Microsoft.Media/mediaservices/assets/{}", locator.asset));
    let (storage, container) = place.ok_or_else(absent)?;
    let files = account.environment.blobs.list(&storage, &container).await;
    let files = files.map_err(|error| match error {
        BlobFileError::NotFound(_) => ArmError::not_found("the container of the asset"),
        BlobFileError::Unreadable(..) | BlobFileError::Failed(_) => {
            let message = "The container of the asset cannot be listed.";
            ArmError::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message)
        }
    })?;
    Ok(files.into_iter().map(|file| file.name).collect())
}
