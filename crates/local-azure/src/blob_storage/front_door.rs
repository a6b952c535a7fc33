//! The way of every request: admitted, performed, and its answer dressed with the headers all answers have. Not what any
//! operation does.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, DATE, HOST,
    ORIGIN, SERVER,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, request};
use http_body_util::BodyExt as _;

use super::authentication::{self, Presented};
use super::call::{Call, DEFAULT_VERSION, Origin, header};
use super::error::{self, StorageError};
use super::headers::{put_header, put_header_if};
use super::operation::{BlobOperation, ContainerOperation, Operation, ServiceOperation};
use super::path::Target;
use super::query::Query;
use super::storage::Storage;
use super::{
    acl, blocks, container, copy, dates, delete, get_blob, list_blobs, list_containers, properties, put_blob,
    service, snapshot, tier,
};

/// What an operation comes to.
pub type Answer = Result<Response<Body>, StorageError>;

/// How much of a refused body is read, so that its sender comes to read the refusal. Official clients send up to
/// 64 MiB in one piece.
const DRAIN_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long that may take.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// How long a browser may remember that it may do anything here.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("3600");

/// Answers one request.
pub async fn serve(State(storage): State<Arc<Storage>>, request: Request) -> Response<Body> {
    let request_id = storage.settings.ids.guid().to_string();
    let (parts, body) = request.into_parts();
    let answer = match parts.method {
        Method::OPTIONS => Ok(preflight(&parts.headers)),
        _ => handle(&storage, &parts, body, &request_id).await,
    };
    let now = storage.settings.clock.now();
    let refuse = |error: StorageError| {
        tracing::debug!(request.id = %request_id, status = error.status.as_u16(), code = error.code, "storage.refused");
        error.answer(&request_id, &dates::iso_ticks(now))
    };
    let mut response = answer.unwrap_or_else(refuse);
    dress(response.headers_mut(), &parts.headers, &request_id, &dates::http_date(now));
    response
}

async fn handle(storage: &Arc<Storage>, parts: &request::Parts, mut body: Body, request_id: &str) -> Answer {
    let answer = match admit(storage, parts, request_id) {
        Ok((operation, call)) => perform(storage, operation, &call, &mut body).await,
        Err(refusal) => Err(refusal),
    };
    if answer.is_err() {
        // Whether the rest comes or not, the answer is the refusal.
        let _ = tokio::time::timeout(DRAIN_MAX, drain(body)).await;
    }
    answer
}

/// Finds out what is asked and by whom, and refuses what must not be.
fn admit(
    storage: &Storage,
    parts: &request::Parts,
    request_id: &str,
) -> Result<(Operation, Call), StorageError> {
    let origin = Origin::read(request_id.to_owned(), &parts.headers)?;
    let version = header(&parts.headers, "x-ms-version");
    verify_version(version)?;
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let host = header(&parts.headers, HOST.as_str()).or(parts.uri.host()).unwrap_or_default();
    let means_container = query.get("restype").is_some();
    let target = Target::parse(host, parts.uri.path(), means_container, |name| storage.is_account(name))?;
    storage.account(target.account())?;
    let presented = Presented {
        method: &parts.method,
        path: parts.uri.path(),
        query: &query,
        headers: &parts.headers,
        target: &target,
    };
    let caller = authentication::authenticate(storage, &presented)?;
    target.verify_names()?;
    let public = target.container().and_then(|container| {
        storage.with_container(container, |container| Ok(container.public_access)).ok().flatten()
    });
    let operation = Operation::recognise(&parts.method, target.clone(), &query, &parts.headers)?;
    authentication::authorize(&caller, &operation.permit(), public, version)?;
    let (headers, spelling) = (parts.headers.clone(), parts.extensions.get().cloned().unwrap_or_default());
    Ok((operation, Call { target, headers, spelling, query, caller, origin }))
}

/// Any date will do: this service plays the newest version it knows, whatever is asked for.
fn verify_version(version: Option<&str>) -> Result<(), StorageError> {
    let is_date = |text: &str| text.len() == 10 && dates::parse_iso(text).is_some();
    match version {
        Some(version) if !is_date(version) => Err(error::invalid_header("x-ms-version")),
        _ => Ok(()),
    }
}

async fn perform(storage: &Arc<Storage>, operation: Operation, call: &Call, body: &mut Body) -> Answer {
    match operation {
        Operation::Service(operation) => perform_service(storage, operation, call, body).await,
        Operation::Container(path, operation) => match operation {
            ContainerOperation::Create => container::create(storage, call, &path).await,
            ContainerOperation::Delete => container::delete(storage, call, &path).await,
            ContainerOperation::GetProperties => container::get_properties(storage, &path),
            ContainerOperation::SetMetadata => container::set_metadata(storage, call, &path).await,
            ContainerOperation::GetAcl => acl::get(storage, &path),
            ContainerOperation::SetAcl => acl::set(storage, call, &path, body).await,
            ContainerOperation::ListBlobs => list_blobs::list(storage, call, &path),
        },
        Operation::Blob(path, operation) => match operation {
            BlobOperation::PutBlob => put_blob::put(storage, call, &path, body).await,
            BlobOperation::PutBlobFromUrl => put_blob::put_from_url(storage, call, &path).await,
            BlobOperation::PutBlock => blocks::put(storage, call, &path, body).await,
            BlobOperation::PutBlockList => blocks::put_list(storage, call, &path, body).await,
            BlobOperation::GetBlockList => blocks::get_list(storage, call, &path),
            BlobOperation::Get => get_blob::get(storage, call, &path).await,
            BlobOperation::GetProperties | BlobOperation::GetMetadata => {
                get_blob::get_properties(storage, call, &path)
            }
            BlobOperation::SetMetadata => properties::set_metadata(storage, call, &path).await,
            BlobOperation::SetProperties => properties::set(storage, call, &path).await,
            BlobOperation::Snapshot => snapshot::take(storage, call, &path).await,
            BlobOperation::Delete => delete::delete(storage, call, &path).await,
            BlobOperation::Copy => copy::start(storage, call, &path).await,
            BlobOperation::CopyFromUrl => copy::copy_at_once(storage, call, &path).await,
            BlobOperation::AbortCopy => copy::abort(storage, call, &path).await,
            BlobOperation::SetTier => tier::set(storage, call, &path).await,
        },
    }
}

async fn perform_service(
    storage: &Storage,
    operation: ServiceOperation,
    call: &Call,
    body: &mut Body,
) -> Answer {
    match operation {
        ServiceOperation::ListContainers => list_containers::list(storage, call),
        ServiceOperation::GetProperties => Ok(service::get_properties()),
        ServiceOperation::GetAccountInformation => service::get_account_information(storage, call),
        ServiceOperation::GetUserDelegationKey => service::get_user_delegation_key(storage, call, body).await,
    }
}

/// An answer without a body.
pub fn answer(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// 200 with a document.
pub fn xml_answer(document: String) -> Response<Body> {
    let mut response = Response::new(Body::from(document));
    put_header(response.headers_mut(), "content-type", "application/xml");
    response
}

/// Any page may do anything here: the service is for development, and pages need the same credentials as everybody.
fn preflight(request: &HeaderMap) -> Response<Body> {
    let mut response = answer(StatusCode::OK);
    let headers = response.headers_mut();
    let any_header = HeaderValue::from_static("*");
    let asked_for = request.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned().unwrap_or(any_header);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked_for);
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, PUT, POST, DELETE, OPTIONS"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
    response
}

fn dress(headers: &mut HeaderMap, request: &HeaderMap, request_id: &str, date: &str) {
    put_header(headers, "x-ms-request-id", request_id);
    let version = header(request, "x-ms-version").filter(|version| verify_version(Some(version)).is_ok());
    put_header(headers, "x-ms-version", version.unwrap_or(DEFAULT_VERSION));
    put_header(headers, DATE.as_str(), date);
    headers.insert(SERVER, HeaderValue::from_static("Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0"));
    let client_request_id =
        Origin::read(request_id.to_owned(), request).ok().and_then(|origin| origin.client_request_id);
    put_header_if(headers, "x-ms-client-request-id", client_request_id.as_deref());
    if request.contains_key(ORIGIN) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    }
}

async fn drain(mut body: Body) {
    let mut bytes = 0;
    while bytes < DRAIN_BYTES_MAX && !body.is_end_stream() {
        match body.frame().await {
            Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, |data| data.len() as u64),
            _ => return,
        }
    }
}
