//! The source of a copy: where it is and whether the caller may read it. Not the copying.

use std::sync::Arc;

use http::header::HOST;
use http::{HeaderMap, StatusCode};
use percent_encoding::{CONTROLS, utf8_percent_encode};
use time::OffsetDateTime;

use super::authentication::{self, Caller};
use super::blob::Blob;
use super::call::Call;
use super::conditions::Conditions;
use super::error::{self, StorageError};
use super::operation::BlobOperation;
use super::path::{BlobPath, Target};
use super::query::Query;
use super::storage::Storage;

/// The longest URL of a source ("Copy Blob").
const URL_BYTES_MAX: usize = 2048;

/// A blob the caller may copy.
pub struct Source {
    pub path: BlobPath,
    pub snapshot: Option<String>,
    pub blob: Arc<Blob>,
    /// Its URL without the SAS.
    pub url: String,
    /// When the SAS it is read with expires.
    pub readable_until: Option<OffsetDateTime>,
}

/// Finds the blob `x-ms-copy-source` names and sees to it that the caller may read it in the state it is in.
pub fn open(storage: &Storage, call: &Call) -> Result<Source, StorageError> {
    let url = call.header("x-ms-copy-source").ok_or_else(|| error::missing_header("x-ms-copy-source"))?;
    let (path, query) = locate(storage, call, url)?;
    let readable_until = verify_readable(storage, call, &path, &query)?;
    let snapshot = query.get("snapshot").map(str::to_owned);
    let blob = storage.blob(&path, snapshot.as_deref()).map_err(|_| error::COPY_SOURCE_NOT_FOUND)?;
    let conditions = Conditions::read(&call.headers, "x-ms-source-")?;
    conditions.allow_write(Some(blob.stamp)).map_err(|_| error::SOURCE_CONDITION_NOT_MET)?;
    blob.verify_no_pending_copy()?;
    let url = public_url(url, snapshot.as_deref());
    Ok(Source { path, snapshot, blob, url, readable_until })
}

/// Reads the URL of a blob of this cloud: below the base URL, below the host of the request, or below a host whose
/// first label is an account. What lies elsewhere cannot be fetched.
fn locate(storage: &Storage, call: &Call, url: &str) -> Result<(BlobPath, Query), StorageError> {
    if url.len() > URL_BYTES_MAX {
        return Err(error::invalid_header("x-ms-copy-source"));
    }
    let (scheme, rest) = url.split_once("://").ok_or_else(|| error::invalid_header("x-ms-copy-source"))?;
    if !matches!(scheme, "http" | "https") {
        return Err(error::invalid_header("x-ms-copy-source"));
    }
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
    let at = location.find('/').unwrap_or(location.len());
    let (host, path) = location.split_at(at);
    let target = Target::parse(host, path, false, |name| storage.is_account(name))?;
    let names_account = location.strip_prefix(target.account()).is_some_and(|rest| rest.starts_with('.'));
    let own_hosts =
        [storage.settings.base_url.split_once("://").map(|(_, host)| host), call.header(HOST.as_str())];
    match target {
        Target::Blob(path) if names_account || own_hosts.contains(&Some(host)) => {
            Ok((path, Query::parse(query)))
        }
        _ => Err(error::COPY_SOURCE_NOT_FOUND),
    }
}

/// Whether the caller may read the source, and if by a SAS, until when.
fn verify_readable(
    storage: &Storage,
    call: &Call,
    path: &BlobPath,
    query: &Query,
) -> Result<Option<OffsetDateTime>, StorageError> {
    let target = Target::Blob(path.clone());
    let permit = BlobOperation::Get.permit();
    if query.get("sig").is_some() {
        let grant = authentication::verify_sas(storage, &target, query, &HeaderMap::new());
        let grant = grant.and_then(|grant| grant.verify(&permit).map(|()| grant));
        return grant.map(|grant| Some(grant.expiry)).map_err(as_source_error);
    }
    if let Some(authorization) = call.header("x-ms-copy-source-authorization") {
        return authentication::read_token(storage, authorization).map(|_| None).map_err(as_source_error);
    }
    let public =
        storage.with_container(&path.container, |container| Ok(container.public_access)).ok().flatten();
    let readable = match &call.caller {
        Caller::Bearer(_) => true,
        Caller::Owner if path.container.account == call.target.account() => true,
        _ => public.is_some(),
    };
    // Azure does not tell a stranger whether there is a source.
    if readable { Ok(None) } else { Err(error::COPY_SOURCE_NOT_FOUND) }
}

fn as_source_error(error: StorageError) -> StorageError {
    match error.status {
        StatusCode::NOT_FOUND => error::COPY_SOURCE_NOT_FOUND,
        _ => StorageError { details: error.details, ..error::COPY_SOURCE_FORBIDDEN },
    }
}

/// The URL as a header can carry it, without its query: a SAS is nobody else's business. A snapshot stays named.
fn public_url(url: &str, snapshot: Option<&str>) -> String {
    let url = utf8_percent_encode(url.split(['?', '#']).next().unwrap_or_default(), CONTROLS);
    match snapshot {
        Some(time) => format!("{url}?snapshot={time}"),
        None => url.to_string(),
    }
}
