//! Whose request it is, by its path. Paths know no case and do not mind slashes at either end.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, StatusCode, request};
use percent_encoding::percent_decode_str;
use tower::ServiceExt as _;
use uuid::Uuid;

use super::{EventGrid, Watched, management, publish};

const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// A custom topic's endpoint, by name.
    Publish(String),
    Health,
    Watch(String),
    Validate,
    /// Custom topics of a resource group.
    Topics {
        group: String,
    },
    Topic {
        id: String,
        name: String,
        action: TopicAction,
    },
    EventSubscriptions {
        scope: String,
    },
    EventSubscription {
        scope: String,
        name: String,
        action: SubscriptionAction,
    },
    /// Something else that Azure Resource Manager manages.
    OtherProvider,
    Nowhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TopicAction {
    Itself,
    ListKeys,
    RegenerateKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SubscriptionAction {
    Itself,
    FullUrl,
}

/// Reads a path. The host matters where it names the topic, as it does in Azure.
pub(super) fn route(path: &str, host: &str) -> Route {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let parts = path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let lower_case = parts.iter().map(|part| part.to_lowercase()).collect::<Vec<_>>();
    let words = lower_case.iter().map(String::as_str).collect::<Vec<_>>();
    // The resource id that ends so many parts before the path does, and a part counted from the end.
    let id = |after: usize| format!("/{}", parts[..parts.len() - after].join("/"));
    let part = |from_end: usize| parts[parts.len() - from_end].to_owned();
    match words.as_slice() {
        ["api", "events"] => Route::Publish(host.split(['.', ':']).next().unwrap_or_default().to_owned()),
        ["topics", _, "api", "events"] => Route::Publish(part(3)),
        ["api", "health"] | ["topics", _, "api", "health"] => Route::Health,
        ["topics", _, "watch"] => Route::Watch(part(2)),
        ["validate"] => Route::Validate,
        ["subscriptions", .., "microsoft.eventgrid", "topics"] => Route::Topics { group: id(3) },
        ["subscriptions", .., "microsoft.eventgrid", "topics", _] => {
            topic(id(0), part(1), TopicAction::Itself)
        }
        ["subscriptions", .., "microsoft.eventgrid", "topics", _, "listkeys"] => {
            topic(id(1), part(2), TopicAction::ListKeys)
        }
        ["subscriptions", .., "microsoft.eventgrid", "topics", _, "regeneratekey"] => {
            topic(id(1), part(2), TopicAction::RegenerateKey)
        }
        ["subscriptions", .., "providers", "microsoft.eventgrid", "eventsubscriptions"] => {
            Route::EventSubscriptions { scope: id(3) }
        }
        ["subscriptions", .., "providers", "microsoft.eventgrid", "eventsubscriptions", _] => {
            subscription(id(4), part(1), SubscriptionAction::Itself)
        }
        ["subscriptions", .., "providers", "microsoft.eventgrid", "eventsubscriptions", _, "getfullurl"] => {
            subscription(id(5), part(2), SubscriptionAction::FullUrl)
        }
        ["subscriptions", ..] => Route::OtherProvider,
        _ => Route::Nowhere,
    }
}

fn topic(id: String, name: String, action: TopicAction) -> Route {
    Route::Topic { id, name, action }
}

fn subscription(scope: String, name: String, action: SubscriptionAction) -> Route {
    Route::EventSubscription { scope, name, action }
}

/// The host the caller named, with its port.
pub(super) fn host(parts: &request::Parts) -> String {
    let header = parts.headers.get(HOST).and_then(|value| value.to_str().ok());
    let authority = header.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str));
    authority.unwrap_or("localhost").to_ascii_lowercase()
}

/// Answers any request.
pub(super) async fn answer(grid: &EventGrid, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let route = route(parts.uri.path(), &host(&parts));
    let request = Request::from_parts(parts, body);
    match (route, request.method().clone()) {
        (Route::Publish(topic), _) => publish::answer(grid, &topic, request).await,
        (Route::Health, Method::GET) => StatusCode::OK.into_response(),
        (Route::Watch(topic), Method::GET) => watch(grid, &topic),
        (Route::Validate, Method::GET | Method::POST) => validate(grid, &request),
        (Route::OtherProvider, _) => answer_beside(grid, request).await,
        (Route::Nowhere | Route::Health | Route::Watch(_) | Route::Validate, _) => {
            publish::answer_nobody(grid, request)
        }
        (route, _) => management::answer(grid, route, request).await,
    }
}

/// Leaves a request to whoever serves beside Event Grid; without anybody there it is nobody's.
async fn answer_beside(grid: &EventGrid, request: Request) -> Response {
    let Some(service) = grid.0.beside.get() else { return publish::answer_nobody(grid, request) };
    let Ok(answer) = service.oneshot(request).await;
    answer
}

/// Streams what a topic received as lines of JSON.
fn watch(grid: &EventGrid, topic: &str) -> Response {
    let Some(seen) = grid.watch(topic) else { return StatusCode::NOT_FOUND.into_response() };
    let lines = seen.map(|seen: Watched| Ok::<_, std::convert::Infallible>(seen.to_line()));
    ([(CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response()
}

/// Somebody visits a validation URL, or an endpoint calls back.
fn validate(grid: &EventGrid, request: &Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let code =
        query.split('&').find_map(|pair| pair.strip_prefix("id=")).and_then(|id| id.parse::<Uuid>().ok());
    let Some(code) = code else {
        return (StatusCode::BAD_REQUEST, "The validation URL has no id.").into_response();
    };
    let now = grid.settings().clock.now();
    let topics = grid.0.topics.all();
    let mut subscriptions = topics.iter().flat_map(|topic| topic.subscriptions(now).to_vec());
    match subscriptions.any(|subscription| subscription.confirm(code, now)) {
        true => {
            (StatusCode::OK, "Webhook successfully validated as a subscription endpoint.").into_response()
        }
        false => (StatusCode::BAD_REQUEST, "No event subscription awaits this validation.").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "/subscriptions/s/resourceGroups/g";

    #[test]
    fn a_topic_is_named_by_the_path_or_by_the_host() {
        let named = |path, host| route(path, host);
        assert_eq!(named("/topics/Requests/api/events", "localhost"), Route::Publish("Requests".to_owned()));
        assert_eq!(named("/API/Events/", "requests.localhost:7072"), Route::Publish("requests".to_owned()));
        assert_eq!(named("/api/events", "localhost:7072"), Route::Publish("localhost".to_owned()));
        assert_eq!(named("/topics/a/b/api/events", "localhost"), Route::Nowhere);
    }

    #[test]
    fn management_paths_are_resource_ids() {
        let scope = format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/inbox");
        let path = format!("/{scope}/providers/microsoft.eventgrid/EventSubscriptions/to-app");
        assert_eq!(
            route(&path, ""),
            subscription(scope.clone(), "to-app".to_owned(), SubscriptionAction::Itself)
        );
        assert_eq!(
            route(&format!("{path}/getFullUrl"), ""),
            subscription(scope, "to-app".to_owned(), SubscriptionAction::FullUrl)
        );
        let id = format!("{GROUP}/providers/Microsoft.EventGrid/topics/t");
        assert_eq!(route(&format!("{id}/listKeys"), ""), topic(id, "t".to_owned(), TopicAction::ListKeys));
        let list = format!("{GROUP}/providers/Microsoft.EventGrid/eventSubscriptions");
        assert_eq!(route(&list, ""), Route::EventSubscriptions { scope: GROUP.to_owned() });
        assert_eq!(
            route(&format!("{GROUP}/providers/Microsoft.EventGrid/topics"), ""),
            Route::Topics { group: GROUP.to_owned() }
        );
    }
}
