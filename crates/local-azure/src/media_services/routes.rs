//! From the path of a request to who answers it. Not what is answered.
//!
//! ARM compares paths without case, so they are taken apart here instead of by the router.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::{HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::json;
use tower::ServiceExt as _;

use super::account::Account;
use super::admission::TokenRequest;
use super::answer::{Answer, Call, Refusal, answer};
use super::{MediaServices, assets, jobs, publication, transforms, unoffered};
use crate::arm::ArmError;
use crate::ids::Ids;

/// The whole service.
pub(super) fn router(service: &MediaServices) -> Router {
    let front =
        Front { service: service.clone(), regions: service.accounts().iter().map(region_router).collect() };
    let ids = service.ids().clone();
    let router = Router::new().route("/auth/token", post(token)).fallback(to_account);
    let router = router.with_state(front).layer(from_fn_with_state(ids, with_request_ids));
    service.faults().in_front_of(router)
}

#[derive(Clone)]
struct Front {
    service: MediaServices,
    /// In the order of the accounts.
    regions: Vec<Router>,
}

/// The segments of a path behind the account, decoded.
#[derive(Clone)]
struct Below(Vec<String>);

/// What below an account a request is about.
enum Target<'a> {
    Account,
    Assets,
    Asset(&'a str),
    AssetSas(&'a str),
    Transforms,
    Transform(&'a str),
    Jobs(&'a str),
    Job(&'a str, &'a str),
    CancelJob(&'a str, &'a str),
    Publication(publication::Target<'a>),
}

fn region_router(account: &Arc<Account>) -> Router {
    account.faults().in_front_of(Router::new().fallback(in_account).with_state(account.clone()))
}

async fn token(State(front): State<Front>, request: Request) -> Answer {
    let request = Call::read(request).await?.json::<TokenRequest>()?;
    let token = front.service.admission().token(&request)?;
    Ok(token.into_response())
}

async fn to_account(State(front): State<Front>, mut request: Request) -> Answer {
    front.service.admission().admit(request.headers())?;
    let (index, below) = find_account(&front.service, request.uri().path())?;
    let version = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
        .any(|(name, value)| name.eq_ignore_ascii_case("api-version") && !value.is_empty());
    if !version {
        let message = "The api-version query parameter (?api-version=) is required for all requests.";
        return Err(ArmError::new(StatusCode::BAD_REQUEST, "MissingApiVersionParameter", message).into());
    }
    request.extensions_mut().insert(below);
    let answer = front.regions[index].clone().oneshot(request).await;
    Ok(answer.unwrap_or_else(|never| match never {}))
}

async fn in_account(State(account): State<Arc<Account>>, request: Request) -> Answer {
    let below = request.extensions().get::<Below>().cloned().unwrap_or_else(|| Below(Vec::new()));
    let call = Call::read(request).await?;
    let segments = below.0.iter().map(String::as_str).collect::<Vec<_>>();
    if let Some(refusal) = unoffered::refusal(&segments, &call.method) {
        return Err(refusal.into());
    }
    let target = target(&segments).ok_or_else(|| unknown_type(&segments))?;
    let answer = route(&account, &target, &call).await?;
    // What is promised is on disk.
    if !target.only_reads(&call.method) && !account.is_written().await {
        let message = "The change was made and is not written yet.";
        return Err(ArmError::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message).into());
    }
    Ok(answer)
}

async fn route(account: &Arc<Account>, target: &Target<'_>, call: &Call) -> Answer {
    match (target, &call.method) {
        (Target::Account, &Method::GET) => show(account),
        (Target::Assets, &Method::GET) => assets::list(account, call),
        (Target::Asset(asset), &Method::GET) => assets::get(account, asset),
        (Target::Asset(asset), &Method::PUT) => assets::put(account, asset, call).await,
        (Target::Asset(asset), &Method::PATCH) => assets::update(account, asset, call),
        (Target::Asset(asset), &Method::DELETE) => assets::delete(account, asset),
        (Target::AssetSas(asset), &Method::POST) => assets::list_container_sas(account, asset, call),
        (Target::Transforms, &Method::GET) => transforms::list(account, call),
        (Target::Transform(transform), &Method::GET) => transforms::get(account, transform),
        (Target::Transform(transform), &Method::PUT) => transforms::put(account, transform, call),
        (Target::Transform(transform), &Method::PATCH) => transforms::update(account, transform, call),
        (Target::Transform(transform), &Method::DELETE) => transforms::delete(account, transform),
        (Target::Jobs(transform), &Method::GET) => jobs::list(account, transform, call),
        (Target::Job(transform, job), &Method::GET) => jobs::get(account, transform, job),
        (Target::Job(transform, job), &Method::PUT) => jobs::create(account, transform, job, call),
        (Target::Job(transform, job), &Method::PATCH) => jobs::update(account, transform, job, call),
        (Target::Job(transform, job), &Method::DELETE) => jobs::delete(account, transform, job),
        (Target::CancelJob(transform, job), &Method::POST) => jobs::cancel(account, transform, job),
        (Target::Publication(target), _) => publication::route(account, target, call).await,
        (target, _) => Err(Refusal::method(target.allowed())),
    }
}

impl Target<'_> {
    /// Whether a request changes nothing, and so has nothing to wait for. Not only GET: secrets are asked for with POST.
    fn only_reads(&self, method: &Method) -> bool {
        match self {
            _ if method == Method::GET => true,
            Self::AssetSas(_) => true,
            Self::Publication(target) => target.only_reads(),
            _ => false,
        }
    }

    fn allowed(&self) -> &'static str {
        match self {
            Self::Account | Self::Assets | Self::Transforms | Self::Jobs(_) => "GET",
            Self::Asset(_) | Self::Transform(_) | Self::Job(..) => "GET, PUT, PATCH, DELETE",
            Self::AssetSas(_) | Self::CancelJob(..) => "POST",
            Self::Publication(target) => target.allowed(),
        }
    }
}

/// The account whose path this is, by its index, and the rest of the path.
fn find_account(service: &MediaServices, path: &str) -> Result<(usize, Below), ArmError> {
    let decoded = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
    let segments = path.trim_matches('/').split('/').map(decoded).collect::<Vec<_>>();
    let same = |id: &str| {
        let mut own = id.trim_matches('/').split('/').zip(&segments);
        segments.len() >= 8 && own.all(|(own, given)| own.eq_ignore_ascii_case(given))
    };
    let index = service.accounts().iter().position(|account| same(account.id()));
    let index = index.ok_or_else(|| ArmError::not_found(path))?;
    Ok((index, Below(segments[8..].to_vec())))
}

fn target<'a>(segments: &[&'a str]) -> Option<Target<'a>> {
    let is = |segment: &str, word: &str| segment.eq_ignore_ascii_case(word);
    Some(match *segments {
        [] => Target::Account,
        [kind] if is(kind, "assets") => Target::Assets,
        [kind, asset] if is(kind, "assets") => Target::Asset(asset),
        [kind, asset, act] if is(kind, "assets") && is(act, "listContainerSas") => Target::AssetSas(asset),
        [kind] if is(kind, "transforms") => Target::Transforms,
        [kind, transform] if is(kind, "transforms") => Target::Transform(transform),
        [kind, transform, jobs, ref rest @ ..] if is(kind, "transforms") && is(jobs, "jobs") => match *rest {
            [] => Target::Jobs(transform),
            [job] => Target::Job(transform, job),
            [job, act] if is(act, "cancelJob") => Target::CancelJob(transform, job),
            _ => return None,
        },
        _ => Target::Publication(publication::target(segments)?),
    })
}

fn unknown_type(segments: &[&str]) -> ArmError {
    let kind = segments.first().copied().unwrap_or_default();
    let message =
        format!("The resource type '{kind}' could not be found in the namespace 'Microsoft.Media'.");
    ArmError::new(StatusCode::NOT_FOUND, "InvalidResourceType", message)
}

/// The account itself: clients ask it for its storage accounts.
fn show(account: &Account) -> Answer {
    let group = account.id().split("/providers/").next().unwrap_or_default();
    let storage = account.settings.storage_accounts.iter().enumerate().map(|(index, name)| {
        let kind = if index == 0 { "Primary" } else { "Secondary" };
        json!({"id": format!("{group}/providers/Microsoft.Storage/storageAccounts/{name}"), "type": kind})
    });
    let properties =
        json!({"storageAccounts": storage.collect::<Vec<_>>(), "provisioningState": "Succeeded"});
    let shown = json!({
        "name": account.name(),
        "id": account.id(),
        "type": "Microsoft.Media/mediaservices",
        "location": account.settings.region,
        "properties": properties,
    });
    answer(StatusCode::OK, shown)
}

/// ARM gives each answer an id, and repeats the caller's.
async fn with_request_ids(State(ids): State<Ids>, request: Request, next: Next) -> Response {
    const FROM_CALLER: &str = "x-ms-client-request-id";
    let from_caller = request.headers().get(FROM_CALLER).cloned();
    let mut response = next.run(request).await;
    let own = HeaderValue::from_str(&ids.guid().to_string()).expect("a GUID is plain ASCII");
    let headers = response.headers_mut();
    headers.insert("x-ms-correlation-request-id", own.clone());
    headers.insert("x-ms-request-id", own);
    if let Some(from_caller) = from_caller {
        headers.insert(FROM_CALLER, from_caller);
    }
    response
}
