//! From a request to the streaming endpoint to what is sent. Not what is allowed, nor how anything is made.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};

use super::access::{Common, Opened, Protection};
use super::error::StreamError;
use super::packager::{Package, PassingFile};
use super::request::{Asked, KEY_DELIVERY, Options, Part, STREAM};
use super::server_manifest::TrackKind;
use super::signals::Signals;
use super::{Streaming, dash, files, hls, key_delivery, licences, request, selection, source};
use crate::media_services::publication::Protocol;

/// For how many seconds manifests and segments may be kept: filters change, media hardly do.
const MANIFEST_SECONDS: u32 = 60;
const SEGMENT_SECONDS: u32 = 3_600;
/// How long a browser remembers that it may ask.
const PREFLIGHT_LIFE: Duration = Duration::from_secs(3_600);
/// What stands in the names of filters as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// The streaming endpoints as a function from request to response.
pub(in crate::media_services) fn router(streaming: Streaming) -> Router {
    // `*` would leave out `Authorization`, which players send to the key delivery.
    let cors = CorsLayer::new().allow_headers(AllowHeaders::mirror_request()).max_age(PREFLIGHT_LIFE);
    let streams =
        cors.clone().allow_origin(Any).allow_methods([Method::GET, Method::HEAD]).expose_headers(Any);
    // Some players ask for licences with the credentials of the page, which browsers do not send to `*`. Only the token is
    // looked at.
    let keys = cors.allow_origin(AllowOrigin::mirror_request()).allow_credentials(true).allow_methods([
        Method::GET,
        Method::HEAD,
        Method::POST,
    ]);
    let keys = any(answer).layer(keys).with_state(streaming.clone());
    let streams = any(answer).layer(streams).with_state::<()>(streaming);
    Router::new().route_service(&format!("/{KEY_DELIVERY}/{{*key}}"), keys).fallback_service(streams)
}

async fn answer(State(streaming): State<Streaming>, request: Request) -> Response {
    let asked = request::read(request.uri().path());
    let allowed = if matches!(asked, Ok(Asked::ClearKey { .. })) { "POST" } else { "GET, HEAD" };
    if !allowed.split(", ").any(|method| method == request.method().as_str()) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, allowed)]).into_response();
    }
    let answered = match asked {
        Ok(asked) => streaming.answer(asked, request).await,
        Err(error) => Err(error),
    };
    answered.unwrap_or_else(StreamError::into_response)
}

impl Streaming {
    async fn answer(&self, asked: Asked, request: Request) -> Result<Response, StreamError> {
        match asked {
            Asked::Manifest { locator, server_manifest, protocol, options } => {
                let opened = self.open(locator)?;
                self.manifest(&opened, &server_manifest, protocol, &options).await
            }
            Asked::Part { locator, server_manifest, options, part } => {
                let opened = self.open(locator)?;
                self.part(&opened, &server_manifest, &options, part, request).await
            }
            Asked::File { locator, name } => self.file(&self.open(locator)?, &name, request).await,
            Asked::Key { locator, key } => {
                let token = key_delivery::presented(&request);
                key_delivery::deliver(&self.discovery, &self.open(locator)?, key, token).await
            }
            Asked::ClearKey { locator } => {
                key_delivery::deliver_clear_key(&self.discovery, &self.open(locator)?, request).await
            }
        }
    }

    async fn manifest(
        &self,
        opened: &Opened,
        server_manifest: &str,
        protocol: Protocol,
        options: &Options,
    ) -> Result<Response, StreamError> {
        let (protection, filters) = (opened.protection(protocol, options)?, opened.filters(options)?);
        let package = self.package(opened, server_manifest, &protection).await?;
        let selection = selection::select(&package.tracks, &filters)?;
        let stream = stream_path(options, &protection);
        let (text, content_type) = match protocol {
            Protocol::Hls => (hls::multivariant(&selection, &stream), "application/vnd.apple.mpegurl"),
            Protocol::Dash => {
                let signals = signals(&protection, &package);
                (dash::manifest(&selection, &stream, signals.as_ref()), "application/dash+xml")
            }
        };
        Ok(cached(opened, MANIFEST_SECONDS, ([(CONTENT_TYPE, content_type)], text).into_response()))
    }

    async fn part(
        &self,
        opened: &Opened,
        server_manifest: &str,
        options: &Options,
        part: Part,
        request: Request,
    ) -> Result<Response, StreamError> {
        let protection = opened.part_protection(options)?;
        let package = self.package(opened, server_manifest, &protection).await?;
        let absent = || StreamError::not_found("The presentation has no such part.");
        let (Part::Playlist(number) | Part::Init(number) | Part::Segment(number, _)) = part;
        if let Part::Playlist(_) = part {
            let filters = opened.filters(options)?;
            let selection = selection::select(&package.tracks, &filters)?;
            let selected = selection.tracks.iter().find(|selected| selected.track.number == number);
            let keys = match &protection {
                Protection::Clear => String::new(),
                Protection::Envelope(key) => hls::envelope_key(&licences::envelope_key_url(opened, key)?),
                Protection::Common(_) => signals(&protection, &package).map(|s| s.hls()).unwrap_or_default(),
            };
            let text = hls::media(selected.ok_or_else(absent)?, &keys);
            let answer = ([(CONTENT_TYPE, "application/vnd.apple.mpegurl")], text).into_response();
            return Ok(cached(opened, MANIFEST_SECONDS, answer));
        }
        let file = package.file(part).ok_or_else(absent)?;
        let is_sound =
            package.tracks.iter().any(|track| track.number == number && track.kind == TrackKind::Audio);
        let content_type = if is_sound { "audio/mp4" } else { "video/mp4" };
        let answer = files::send(request, &file, content_type, package.tag(part)).await?;
        Ok(cached(opened, SEGMENT_SECONDS, answer))
    }

    /// A file of the asset, which is fetched for this answer.
    async fn file(&self, opened: &Opened, name: &str, request: Request) -> Result<Response, StreamError> {
        opened.allow_download()?;
        self.cache.ready(&opened.account).await?;
        let busy = |_| StreamError::unavailable("Too many files are being fetched; ask again in a moment.");
        let _place = self.fetching.try_acquire().map_err(busy)?;
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let (file, blobs) = (PassingFile::new(&opened.account)?, &opened.account.environment.blobs);
        let (storage, container) = (&opened.asset.storage_account, &opened.asset.container);
        blobs.read_to_file(storage, container, name, file.path()).await?;
        let answer = files::send(request, file.path(), content_type(extension), None).await?;
        Ok(cached(opened, MANIFEST_SECONDS, answer))
    }

    async fn package(
        &self,
        opened: &Opened,
        server_manifest: &str,
        protection: &Protection<'_>,
    ) -> Result<Arc<Package>, StreamError> {
        let source = source::find(opened, server_manifest, protection).await?;
        self.cache.package(&opened.account, source).await
    }
}

/// Where what a manifest names is found, seen from the manifest: it says all that is needed to make it again.
fn stream_path(options: &Options, protection: &Protection<'_>) -> String {
    let encryption = match protection {
        Protection::Clear => "none",
        Protection::Envelope(_) => "cbc",
        Protection::Common(common) => common.scheme.word(),
    };
    let filters = options.filters.iter().map(|name| utf8_percent_encode(name, ESCAPED).to_string());
    let filters = filters.collect::<Vec<_>>().join(";");
    let filters = if filters.is_empty() { filters } else { format!("filter={filters},") };
    format!("{STREAM}({filters}encryption={encryption})")
}

/// What players are told of the key of common encryption.
fn signals<'a>(protection: &'a Protection<'_>, package: &'a Package) -> Option<Signals<'a>> {
    let Protection::Common(Common { scheme, key, licences }) = protection else { return None };
    Some(Signals { scheme: *scheme, key_id: key.id, licences, headers: &package.headers })
}

fn cached(opened: &Opened, seconds: u32, mut response: Response) -> Response {
    let value = format!("public, max-age={}", opened.cache_seconds(seconds));
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(CACHE_CONTROL, value);
    }
    response
}

/// Types of what encoders leave in an asset.
fn content_type(extension: &str) -> &'static str {
    match extension.to_ascii_lowercase().as_str() {
        "mp4" | "m4v" => "video/mp4",
        "m4a" => "audio/mp4",
        "ts" => "video/mp2t",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "vtt" => "text/vtt",
        "ism" | "ismc" => "application/xml",
        "json" => "application/json",
        _ => "application/octet-stream",
    }
}
