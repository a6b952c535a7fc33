//! The home page: one plain page with the endpoints and a live timeline. Changes nothing.

use axum::Router;
use axum::body::Body;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use futures_util::StreamExt as _;
use http::header::CONTENT_TYPE;
use local_azure::cloud::Cloud;

use super::places::Places;
use super::show;
use super::timeline;

const PAGE: &str = include_str!("home.html");
/// Where the page has its text.
const ENDPOINTS: &str = "{{endpoints}}";

/// `/` is the page, `/timeline` what happens as NDJSON, `/places` what `--print json` prints.
pub(super) fn router(cloud: &Cloud, places: &Places) -> Router {
    let (cloud, text, places) = (cloud.clone(), show::for_people(places, false), show::for_scripts(places));
    Router::new()
        .route("/", get(move || std::future::ready(Html(PAGE.replace(ENDPOINTS, &escaped(&text))))))
        .route("/timeline", get(move || std::future::ready(stream(&cloud))))
        .route("/places", get(move || std::future::ready(axum::Json(places))))
}

fn stream(cloud: &Cloud) -> Response {
    let lines = timeline::watch(cloud).map(|entry| {
        let line = serde_json::to_string(&entry).unwrap_or_default();
        Ok::<_, std::convert::Infallible>(format!("{line}\n"))
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
