//! From a management request to its answer. Paths know no case and do not mind slashes at either end.

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue, Method, StatusCode, request};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded;

use super::{StorageManagement, resources};
use crate::arm::ArmError;
use crate::body::{self, BodyError};
use crate::inside::{KeyName, StorageAccount};
use crate::tokens::{self, Audience};

/// A key's name takes a few bytes.
const BODY_BYTES_MAX: usize = 16 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const CHALLENGE: HeaderValue =
    HeaderValue::from_static("Bearer authorization_uri=\"https://login.microsoftonline.com/\"");
const KIND: &str = "Microsoft.Storage/storageAccounts";

type Answer = Result<Response, ArmError>;

/// What a path names. Names as they were written.
enum Route {
    List { subscription: String },
    Account { subscription: String, group: String, name: String, action: Action },
}

#[derive(Clone, Copy)]
enum Action {
    Itself,
    ListKeys,
    RegenerateKey,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegenerateBody {
    key_name: String,
}

/// Answers any request.
pub(super) async fn serve(State(service): State<StorageManagement>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = decide(&service, &parts, body).await.unwrap_or_else(ArmError::into_response);
    let id = HeaderValue::try_from(service.settings().ids.guid().to_string()).expect("a GUID is ASCII");
    response.headers_mut().insert(REQUEST_ID, id);
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    response
}

async fn decide(service: &StorageManagement, parts: &request::Parts, body: Body) -> Answer {
    check_bearer(service, parts)?;
    let version = parameter(parts, "api-version").ok_or_else(|| {
        let message = "The api-version query parameter (?api-version=) is required for all requests.";
        ArmError::new(StatusCode::BAD_REQUEST, "MissingApiVersionParameter", message)
    })?;
    match (route(parts.uri.path())?, &parts.method) {
        (Route::List { subscription }, &Method::GET) => {
            check_subscription(service, &subscription)?;
            Ok(list(service, &version, parameter(parts, "$skiptoken").as_deref()))
        }
        (Route::Account { subscription, group, name, action }, method) => {
            check_subscription(service, &subscription)?;
            let account = find(service, &group, &name)?;
            answer_account(service, &account, action, method, body).await
        }
        (_, method) => Err(method_not_allowed(method)),
    }
}

async fn answer_account(
    service: &StorageManagement,
    account: &StorageAccount,
    action: Action,
    method: &Method,
    body: Body,
) -> Answer {
    match (action, method) {
        (Action::Itself, &Method::GET) => Ok(Json(resources::account(account)).into_response()),
        (Action::ListKeys, &Method::POST) => Ok(Json(resources::keys(account)).into_response()),
        (Action::RegenerateKey, &Method::POST) => {
            let key = key_name(body).await?;
            let fresh = service.settings().accounts.regenerate_key(&account.name, key);
            let fresh = fresh.ok_or_else(|| ArmError::not_found(&account.id))?;
            Ok(Json(resources::keys(&fresh)).into_response())
        }
        _ => Err(method_not_allowed(method)),
    }
}

/// Any token will do, unless authentication is strict.
fn check_bearer(service: &StorageManagement, parts: &request::Parts) -> Result<(), ArmError> {
    let unauthorized = |code, why: &str| ArmError::new(StatusCode::UNAUTHORIZED, code, why);
    let token = tokens::presented(&parts.headers).ok_or_else(|| {
        unauthorized(
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing or has no bearer token.",
        )
    })?;
    let settings = service.settings();
    if !settings.strict_auth {
        return Ok(());
    }
    let strict = Some((Audience::ResourceManager, settings.clock.now()));
    tokens::check(token, strict).map_err(|why| unauthorized("InvalidAuthenticationToken", why))
}

fn check_subscription(service: &StorageManagement, given: &str) -> Result<(), ArmError> {
    if service.settings().subscription.eq_ignore_ascii_case(given) {
        return Ok(());
    }
    let message = format!("The subscription '{given}' could not be found.");
    Err(ArmError::new(StatusCode::NOT_FOUND, "SubscriptionNotFound", message))
}

fn find(service: &StorageManagement, group: &str, name: &str) -> Result<StorageAccount, ArmError> {
    let settings = service.settings();
    if !settings.resource_group.eq_ignore_ascii_case(group) {
        let message = format!("Resource group '{group}' could not be found.");
        return Err(ArmError::new(StatusCode::NOT_FOUND, "ResourceGroupNotFound", message));
    }
    let found = settings.accounts.accounts().into_iter().find(|each| each.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let message = format!("The Resource '{KIND}/{name}' under resource group '{group}' was not found.");
        ArmError::new(StatusCode::NOT_FOUND, "ResourceNotFound", message)
    })
}

/// A page of accounts. The token of the next is the last name of this one, so that a list stays a list while accounts come
/// and go.
fn list(service: &StorageManagement, version: &str, after: Option<&str>) -> Response {
    let settings = service.settings();
    let accounts = settings.accounts.accounts();
    let mut rest =
        accounts.iter().filter(|each| after.is_none_or(|after| each.name.as_str() > after)).peekable();
    let mut page = Vec::new();
    let mut last = "";
    while page.len() < settings.page_size.get()
        && let Some(account) = rest.next()
    {
        page.push(resources::account(account));
        last = &account.name;
    }
    let mut answer = json!({"value": page});
    if rest.peek().is_some() {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        answer["nextLink"] = json!(format!(
            "{}/subscriptions/{}/providers/{KIND}?api-version={}&%24skiptoken={}",
            settings.base_url,
            settings.subscription,
            encode(version),
            encode(last),
        ));
    }
    Json(answer).into_response()
}

async fn key_name(body: Body) -> Result<KeyName, ArmError> {
    let body = body::read(body, BODY_BYTES_MAX).await.map_err(|error| match error {
        BodyError::TooLarge => {
            let message = "The request body is too large.";
            ArmError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
        }
        BodyError::TooSlow | BodyError::Broken => ArmError::bad_request("The request body did not arrive."),
    })?;
    let body = serde_json::from_slice::<RegenerateBody>(&body).map_err(|_| {
        let message = "The request content was invalid and could not be deserialized.";
        ArmError::new(StatusCode::BAD_REQUEST, "InvalidRequestContent", message)
    })?;
    match body.key_name.to_ascii_lowercase().as_str() {
        "key1" => Ok(KeyName::Key1),
        "key2" => Ok(KeyName::Key2),
        _ => {
            let message = "Values for request parameters are invalid: keyName.";
            Err(ArmError::new(StatusCode::BAD_REQUEST, "InvalidValuesForRequestParameters", message))
        }
    }
}

fn route(path: &str) -> Result<Route, ArmError> {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let parts = path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let lower_case = parts.iter().map(|part| part.to_lowercase()).collect::<Vec<_>>();
    let words = lower_case.iter().map(String::as_str).collect::<Vec<_>>();
    let account = |action| Route::Account {
        subscription: parts[1].to_owned(),
        group: parts[3].to_owned(),
        name: parts[7].to_owned(),
        action,
    };
    match words.as_slice() {
        ["subscriptions", _, "providers", "microsoft.storage", "storageaccounts"] => {
            Ok(Route::List { subscription: parts[1].to_owned() })
        }
        [
            "subscriptions",
            _,
            "resourcegroups",
            _,
            "providers",
            "microsoft.storage",
            "storageaccounts",
            _,
            rest @ ..,
        ] => match rest {
            [] => Ok(account(Action::Itself)),
            ["listkeys"] => Ok(account(Action::ListKeys)),
            ["regeneratekey"] => Ok(account(Action::RegenerateKey)),
            _ => Err(ArmError::not_found(&path)),
        },
        _ => Err(ArmError::not_found(&path)),
    }
}

/// A parameter of the query; names are compared as ARM does, without case.
fn parameter(parts: &request::Parts, name: &str) -> Option<String> {
    let query = parts.uri.query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, value) = pairs.find(|(given, _)| given.eq_ignore_ascii_case(name))?;
    (!value.is_empty()).then(|| value.into_owned())
}

fn method_not_allowed(method: &Method) -> ArmError {
    let message = format!("The resource does not support the method {method}.");
    ArmError::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
}
