//! The management plane: topics and event subscriptions by Azure Resource Manager's requests. Any api-version.
//! Creation is one step here, so no answer promises more to come.

mod resources;

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Method, StatusCode, request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::arm::ArmError;
use crate::body::{self, BodyError};
use crate::event_grid::routes::{Route, SubscriptionAction, TopicAction};
use crate::event_grid::subscription::Subscription;
use crate::event_grid::subscription::properties::Destination;
use crate::event_grid::topic::Topic;
use crate::event_grid::{EventGrid, InputSchema, SubscriptionProperties};
use crate::tokens::{self, Audience};

/// A subscription with every limit used up is far smaller.
const BODY_BYTES_MAX: usize = 1024 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");

type Answer = Result<Response, ArmError>;

/// A topic as it is asked for.
#[derive(Deserialize)]
struct TopicBody {
    #[serde(default)]
    properties: TopicProperties,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TopicProperties {
    input_schema: Option<InputSchema>,
    disable_local_auth: Option<bool>,
}

#[derive(Deserialize)]
struct SubscriptionBody {
    properties: SubscriptionProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegenerateBody {
    key_name: String,
}

/// Answers a management request.
pub(crate) async fn answer(grid: &EventGrid, route: Route, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = decide(grid, route, &parts, body).await.unwrap_or_else(ArmError::into_response);
    let id = HeaderValue::try_from(grid.settings().ids.guid().to_string()).expect("a GUID is ASCII");
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

async fn decide(grid: &EventGrid, route: Route, parts: &request::Parts, body: Body) -> Answer {
    check_bearer(grid, parts)?;
    match route {
        Route::Topics { group } if parts.method == Method::GET => Ok(list_topics(grid, &group)),
        Route::Topic { id, name, action } => {
            answer_topic(grid, &id, &name, action, &parts.method, body).await
        }
        Route::EventSubscriptions { scope } if parts.method == Method::GET => {
            Ok(list_subscriptions(grid, &scope))
        }
        Route::EventSubscription { scope, name, action } => {
            answer_subscription(grid, &scope, &name, action, &parts.method, body).await
        }
        _ => Err(method_not_allowed(&parts.method)),
    }
}

/// Who manages is looked at only under strict authentication.
fn check_bearer(grid: &EventGrid, parts: &request::Parts) -> Result<(), ArmError> {
    if !grid.settings().strict_auth {
        return Ok(());
    }
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|header| header.strip_prefix("Bearer ")).unwrap_or_default();
    let strict = Some((Audience::ResourceManager, grid.settings().clock.now()));
    tokens::check(token, strict)
        .map_err(|why| ArmError::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", why))
}

async fn answer_topic(
    grid: &EventGrid,
    id: &str,
    name: &str,
    action: TopicAction,
    method: &Method,
    body: Body,
) -> Answer {
    match (action, method) {
        (TopicAction::Itself, &Method::PUT) => {
            let TopicBody { properties } = read(body).await?;
            let schema = properties.input_schema.unwrap_or_default();
            let topic =
                grid.put_topic(name, id, schema, properties.disable_local_auth.unwrap_or_default())?;
            Ok(answer_with(StatusCode::CREATED, resources::topic(&topic, &grid.endpoint(&topic))))
        }
        (TopicAction::Itself, &Method::GET) => {
            let topic = custom_topic(grid, id)?;
            Ok(answer_with(StatusCode::OK, resources::topic(&topic, &grid.endpoint(&topic))))
        }
        (TopicAction::Itself, &Method::DELETE) => {
            grid.0.topics.remove(id);
            grid.0.outside.progress.notify_waiters();
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        (TopicAction::ListKeys, &Method::POST) => keys_of(&*custom_topic(grid, id)?, id),
        (TopicAction::RegenerateKey, &Method::POST) => regenerate_key(grid, id, &read(body).await?),
        _ => Err(method_not_allowed(method)),
    }
}

fn keys_of(topic: &Topic, id: &str) -> Answer {
    let access = topic.access.as_ref().ok_or_else(|| ArmError::not_found(id))?;
    let access = access.read().unwrap_or_else(PoisonError::into_inner);
    Ok(answer_with(StatusCode::OK, resources::keys(&access)))
}

fn regenerate_key(grid: &EventGrid, id: &str, body: &RegenerateBody) -> Answer {
    let topic = custom_topic(grid, id)?;
    let index = match body.key_name.to_ascii_lowercase().as_str() {
        "key1" => 0,
        "key2" => 1,
        _ => return Err(ArmError::bad_request("keyName must be key1 or key2.")),
    };
    if let Some(access) = &topic.access {
        let fresh = grid.settings().ids.key();
        access.write().unwrap_or_else(PoisonError::into_inner).keys[index] = fresh;
    }
    keys_of(&topic, id)
}

fn list_topics(grid: &EventGrid, group: &str) -> Response {
    let topics = grid.0.topics.all();
    let shown = topics
        .iter()
        .filter(|topic| topic.access.is_some() && is_within(&topic.id, group))
        .map(|topic| resources::topic(topic, &grid.endpoint(topic)));
    answer_with(StatusCode::OK, json!({"value": shown.collect::<Vec<_>>()}))
}

async fn answer_subscription(
    grid: &EventGrid,
    scope: &str,
    name: &str,
    action: SubscriptionAction,
    method: &Method,
    body: Body,
) -> Answer {
    match (action, method) {
        (SubscriptionAction::Itself, &Method::PUT) => {
            let SubscriptionBody { properties } = read(body).await?;
            put_subscription(grid, scope, name, properties).await
        }
        (SubscriptionAction::Itself, &Method::PATCH) => {
            let properties = patched(grid, scope, name, read(body).await?)?;
            put_subscription(grid, scope, name, properties).await
        }
        (SubscriptionAction::Itself, &Method::GET) => {
            let subscription = event_subscription(grid, scope, name)?;
            Ok(shown(grid, StatusCode::OK, &subscription, scope))
        }
        (SubscriptionAction::Itself, &Method::DELETE) => {
            let was_there = grid.delete_subscription(scope, name);
            Ok(if was_there { StatusCode::OK } else { StatusCode::NO_CONTENT }.into_response())
        }
        (SubscriptionAction::FullUrl, &Method::POST) => {
            let plan = event_subscription(grid, scope, name)?.plan();
            let Destination::WebHook(webhook) = &plan.properties.destination;
            Ok(answer_with(StatusCode::OK, json!({"endpointUrl": webhook.endpoint_url})))
        }
        _ => Err(method_not_allowed(method)),
    }
}

async fn put_subscription(
    grid: &EventGrid,
    scope: &str,
    name: &str,
    properties: SubscriptionProperties,
) -> Answer {
    grid.create_subscription(scope, name, properties).await?;
    let subscription = event_subscription(grid, scope, name)?;
    Ok(shown(grid, StatusCode::CREATED, &subscription, scope))
}

/// A PATCH replaces the members it names. Resource Manager has them at the top; `properties` is understood too.
fn patched(
    grid: &EventGrid,
    scope: &str,
    name: &str,
    mut patch: Map<String, Value>,
) -> Result<SubscriptionProperties, ArmError> {
    let plan = event_subscription(grid, scope, name)?.plan();
    let mut properties = json!(plan.properties);
    if let Some(Value::Object(inner)) = patch.remove("properties") {
        patch = inner;
    }
    for (member, value) in patch {
        properties[member] = value;
    }
    serde_json::from_value(properties).map_err(|error| invalid(&error))
}

fn list_subscriptions(grid: &EventGrid, scope: &str) -> Response {
    let now = grid.settings().clock.now();
    let topics = grid.0.topics.all();
    let shown = topics.iter().filter(|topic| is_within(&topic.id, scope)).flat_map(|topic| {
        let show = |each: &Arc<Subscription>| resources::subscription(each, &topic.id, now);
        topic.subscriptions(now).iter().map(show).collect::<Vec<_>>()
    });
    answer_with(StatusCode::OK, json!({"value": shown.collect::<Vec<_>>()}))
}

fn custom_topic(grid: &EventGrid, id: &str) -> Result<Arc<Topic>, ArmError> {
    grid.0.topics.by_id(id).filter(|topic| topic.access.is_some()).ok_or_else(|| ArmError::not_found(id))
}

fn event_subscription(grid: &EventGrid, scope: &str, name: &str) -> Result<Arc<Subscription>, ArmError> {
    let topic = grid.0.topics.by_id(scope);
    let subscription = topic.and_then(|topic| topic.subscription(name, grid.settings().clock.now()));
    subscription.ok_or_else(|| {
        ArmError::not_found(&format!("{scope}/providers/Microsoft.EventGrid/eventSubscriptions/{name}"))
    })
}

/// Whether a resource is the scope or lies below it.
fn is_within(id: &str, scope: &str) -> bool {
    let (id, scope) = (id.to_lowercase(), scope.to_lowercase());
    id.strip_prefix(&scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

async fn read<T: DeserializeOwned>(body: Body) -> Result<T, ArmError> {
    let body = body::read(body, BODY_BYTES_MAX).await.map_err(|error| match error {
        BodyError::TooLarge => ArmError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            "The request body is too large.",
        ),
        BodyError::TooSlow | BodyError::Broken => ArmError::bad_request("The request body did not arrive."),
    })?;
    serde_json::from_slice(&body).map_err(|error| invalid(&error))
}

/// The parser's words may quote the request, which goes back only to whoever wrote it.
fn invalid(error: &serde_json::Error) -> ArmError {
    ArmError::new(StatusCode::BAD_REQUEST, "InvalidRequest", format!("The request is invalid: {error}."))
}

fn shown(grid: &EventGrid, status: StatusCode, subscription: &Subscription, scope: &str) -> Response {
    answer_with(status, resources::subscription(subscription, scope, grid.settings().clock.now()))
}

fn answer_with(status: StatusCode, resource: Value) -> Response {
    (status, Json(resource)).into_response()
}

fn method_not_allowed(method: &Method) -> ArmError {
    let message = format!("The resource does not support the method {method}.");
    ArmError::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
}
