//! The data plane: what a custom topic answers to its publishers. Not what becomes of the events.

mod cloud_events;
pub(crate) mod credentials;
pub(crate) mod event_grid_schema;
mod problem;
mod reading;

use std::sync::{Arc, PoisonError};

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::ALLOW;
use http::{HeaderName, HeaderValue, Method, StatusCode, request};

use self::credentials::Locks;
use self::problem::{ALLOWED, Problem};
use self::reading::BODY_BYTES_MAX;
use crate::body::{self, BodyError};
use crate::event_grid::event::Event;
use crate::event_grid::routes::host;
use crate::event_grid::topic::Topic;
use crate::event_grid::{EventGrid, InputSchema};

const INPUT_SCHEMA: HeaderName = HeaderName::from_static("aeg-input-event-schema");
const SUPPORTED_VERSIONS: HeaderName = HeaderName::from_static("api-supported-versions");
const VERSION: HeaderValue = HeaderValue::from_static("2018-01-01");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");

/// Answers a request to a topic's endpoint.
pub(crate) async fn answer(grid: &EventGrid, topic: &str, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answer = match (grid.0.topics.custom(topic), &parts.method) {
        (None, _) | (_, &Method::HEAD) => Err(not_found(&parts)),
        (Some(topic), &Method::POST) => publish(grid, &topic, &parts, body).await,
        (Some(topic), &Method::OPTIONS) => Ok(options(&topic)),
        (Some(_), method) => Err(Problem::method_not_allowed(method)),
    };
    finish(grid, answer)
}

/// Answers a request to a path that is nobody's.
pub(crate) fn answer_nobody(grid: &EventGrid, request: Request) -> Response {
    finish(grid, Err(not_found(&request.into_parts().0)))
}

/// Whatever the answer, it carries an id that errors repeat.
fn finish(grid: &EventGrid, answer: Result<Response, Problem>) -> Response {
    let (request_id, now) = (grid.settings().ids.guid(), grid.settings().clock.now());
    let mut response = answer.unwrap_or_else(|problem| problem.into_response(request_id, now));
    let id = HeaderValue::try_from(request_id.to_string()).expect("a GUID is ASCII");
    response.headers_mut().insert(REQUEST_ID, id);
    response.headers_mut().insert(SUPPORTED_VERSIONS, VERSION);
    response
}

/// The query may hold a key, so it is left out.
fn not_found(parts: &request::Parts) -> Problem {
    Problem::not_found(&format!("http://{}{}", host(parts), parts.uri.path()))
}

/// Reveals the topic's schema to anyone who asks.
fn options(topic: &Topic) -> Response {
    let schema = HeaderValue::from_static(topic.schema.wire_name());
    (StatusCode::OK, [(ALLOW, ALLOWED), (INPUT_SCHEMA, schema)]).into_response()
}

async fn publish(
    grid: &EventGrid,
    topic: &Topic,
    parts: &request::Parts,
    body: Body,
) -> Result<Response, Problem> {
    check_credentials(grid, topic, parts)?;
    let events = read(grid, topic, parts, body).await?;
    topic.receive(&events, None, grid.settings().clock.now());
    Ok(StatusCode::OK.into_response())
}

fn check_credentials(grid: &EventGrid, topic: &Topic, parts: &request::Parts) -> Result<(), Problem> {
    let access = topic.access.as_ref().ok_or_else(|| not_found(parts))?;
    let access = access.read().unwrap_or_else(PoisonError::into_inner);
    let strict = grid.settings().strict_auth;
    let now = grid.settings().clock.now();
    credentials::check(parts, &Locks { keys: &access.keys, bearer_only: access.bearer_only, strict, now })
}

/// Only so many bodies are in memory at a time; the others wait on their connections.
async fn read(
    grid: &EventGrid,
    topic: &Topic,
    parts: &request::Parts,
    body: Body,
) -> Result<Vec<Arc<Event>>, Problem> {
    let _turn = grid.0.readers.acquire().await;
    let body = body::read(body, BODY_BYTES_MAX).await.map_err(|error| match error {
        BodyError::TooLarge => Problem::too_large(BODY_BYTES_MAX),
        BodyError::TooSlow => Problem::body_too_slow(),
        BodyError::Broken => Problem::not_conforming(topic.schema, ""),
    })?;
    let now = grid.settings().clock.now();
    match topic.schema {
        InputSchema::EventGridSchema => event_grid_schema::read(&body, &topic.id, now),
        InputSchema::CloudEventSchemaV1_0 => cloud_events::read(&parts.headers, &body, &topic.id, now),
    }
}
