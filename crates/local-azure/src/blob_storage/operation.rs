//! Which operation a request asks for, and what each asks of its caller. Not how any of them is done.

use http::{HeaderMap, Method};

use super::authentication::Permit;
use super::blob::PublicAccess;
use super::error::{self, StorageError};
use super::path::{BlobPath, ContainerPath, Target};
use super::query::Query;

/// What is asked for, and of what.
#[derive(Clone, Debug)]
pub enum Operation {
    Service(ServiceOperation),
    Container(ContainerPath, ContainerOperation),
    Blob(BlobPath, BlobOperation),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceOperation {
    ListContainers,
    GetProperties,
    /// May be asked of a container or blob as well; the answer is the account's.
    GetAccountInformation,
    GetUserDelegationKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerOperation {
    Create,
    Delete,
    GetProperties,
    SetMetadata,
    GetAcl,
    SetAcl,
    ListBlobs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobOperation {
    PutBlob,
    PutBlobFromUrl,
    PutBlock,
    PutBlockList,
    GetBlockList,
    Get,
    GetProperties,
    GetMetadata,
    SetMetadata,
    SetProperties,
    Snapshot,
    Delete,
    Copy,
    CopyFromUrl,
    AbortCopy,
    SetTier,
}

impl Operation {
    /// Recognises the operation by method, `restype`, `comp` and, for writes of blobs, headers.
    pub fn recognise(
        method: &Method,
        target: Target,
        query: &Query,
        headers: &HeaderMap,
    ) -> Result<Self, StorageError> {
        verify_played(&target, query, headers)?;
        let reads = *method == Method::GET || *method == Method::HEAD;
        if reads && query.text("restype") == "account" && query.text("comp") == "properties" {
            return Ok(Self::Service(ServiceOperation::GetAccountInformation));
        }
        match target {
            Target::Account(_) => service(method, query).map(Self::Service),
            Target::Container(container) => {
                Ok(Self::Container(container, container_operation(method, query)?))
            }
            Target::Blob(blob) => Ok(Self::Blob(blob, blob_operation(method, query, headers)?)),
        }
    }

    /// What it asks of its caller.
    pub fn permit(&self) -> Permit {
        match self {
            Self::Service(operation) => operation.permit(),
            Self::Container(_, operation) => operation.permit(),
            Self::Blob(_, operation) => operation.permit(),
        }
    }
}

/// Headers that would change what an operation means, of features this service does not play.
const UNPLAYED_HEADERS: [&str; 5] =
    ["x-ms-tags", "x-ms-if-tags", "x-ms-encryption-key", "x-ms-encryption-scope", "x-ms-structured-body"];

/// Refuses rather than misunderstands.
fn verify_played(target: &Target, query: &Query, headers: &HeaderMap) -> Result<(), StorageError> {
    if let Some(name) = UNPLAYED_HEADERS.iter().find(|name| headers.contains_key(**name)) {
        return Err(error::not_implemented(name));
    }
    if query.get("versionid").is_some() {
        return Err(error::not_implemented("versionid"));
    }
    match target {
        Target::Blob(_) if headers.contains_key("x-ms-lease-id") => Err(error::BLOB_LEASE_NOT_PRESENT),
        Target::Container(_) if headers.contains_key("x-ms-lease-id") => {
            Err(error::CONTAINER_LEASE_NOT_PRESENT)
        }
        _ => Ok(()),
    }
}

fn service(method: &Method, query: &Query) -> Result<ServiceOperation, StorageError> {
    use ServiceOperation as Op;
    match (method, query.text("restype"), query.text("comp")) {
        (&Method::GET, "", "list") => Ok(Op::ListContainers),
        (&Method::GET, "service", "properties") => Ok(Op::GetProperties),
        (&Method::POST, "service", "userdelegationkey") => Ok(Op::GetUserDelegationKey),
        (_, "" | "service", comp @ ("properties" | "stats" | "batch" | "blobs")) => {
            Err(error::not_implemented(comp))
        }
        (&Method::GET, _, _) => Err(error::INVALID_QUERY_PARAMETER),
        _ => Err(error::UNSUPPORTED_VERB),
    }
}

fn container_operation(method: &Method, query: &Query) -> Result<ContainerOperation, StorageError> {
    use ContainerOperation as Op;
    if query.text("restype") != "container" {
        return Err(error::MISSING_REQUIRED_QUERY.with("QueryParameterName", "restype"));
    }
    match (method, query.text("comp")) {
        (&Method::PUT, "") => Ok(Op::Create),
        (&Method::DELETE, "") => Ok(Op::Delete),
        (&Method::GET | &Method::HEAD, "" | "metadata") => Ok(Op::GetProperties),
        (&Method::PUT, "metadata") => Ok(Op::SetMetadata),
        (&Method::GET | &Method::HEAD, "acl") => Ok(Op::GetAcl),
        (&Method::PUT, "acl") => Ok(Op::SetAcl),
        (&Method::GET, "list") => Ok(Op::ListBlobs),
        (_, comp @ ("lease" | "undelete" | "rename" | "batch" | "blobs")) => {
            Err(error::not_implemented(comp))
        }
        (_, "" | "metadata" | "acl" | "list") => Err(error::UNSUPPORTED_VERB),
        _ => Err(error::invalid_query("comp")),
    }
}

fn blob_operation(
    method: &Method,
    query: &Query,
    headers: &HeaderMap,
) -> Result<BlobOperation, StorageError> {
    use BlobOperation as Op;
    let has_source = headers.contains_key("x-ms-copy-source");
    match (method, query.text("comp")) {
        (&Method::PUT, "") => put_operation(headers),
        (&Method::PUT, "block") if has_source => Err(error::not_implemented("Put Block From URL")),
        (&Method::PUT, "block") => Ok(Op::PutBlock),
        (&Method::PUT, "blocklist") => Ok(Op::PutBlockList),
        (&Method::GET, "blocklist") => Ok(Op::GetBlockList),
        (&Method::GET, "") => Ok(Op::Get),
        (&Method::HEAD, "") => Ok(Op::GetProperties),
        (&Method::GET | &Method::HEAD, "metadata") => Ok(Op::GetMetadata),
        (&Method::PUT, "metadata") => Ok(Op::SetMetadata),
        (&Method::PUT, "properties") => Ok(Op::SetProperties),
        (&Method::PUT, "snapshot") => Ok(Op::Snapshot),
        (&Method::DELETE, "") => Ok(Op::Delete),
        (&Method::PUT, "copy") => Ok(Op::AbortCopy),
        (&Method::PUT, "tier") => Ok(Op::SetTier),
        (_, comp @ ("page" | "pagelist" | "appendblock" | "incrementalcopy" | "seal")) => {
            Err(error::not_implemented(comp))
        }
        (
            _,
            comp
            @ ("lease" | "tags" | "undelete" | "query" | "expiry" | "immutabilityPolicies" | "legalhold"),
        ) => Err(error::not_implemented(comp)),
        (_, "" | "block" | "blocklist" | "metadata" | "properties" | "snapshot" | "copy" | "tier") => {
            Err(error::UNSUPPORTED_VERB)
        }
        _ => Err(error::invalid_query("comp")),
    }
}

/// A PUT of a whole blob: its content comes with it, or from another blob at once, or in time.
fn put_operation(headers: &HeaderMap) -> Result<BlobOperation, StorageError> {
    let text = |name| super::call::header(headers, name).unwrap_or_default();
    let kind = text("x-ms-blob-type");
    if matches!(kind, "PageBlob" | "AppendBlob") {
        return Err(error::not_implemented(kind));
    }
    match (headers.contains_key("x-ms-copy-source"), kind) {
        (false, "BlockBlob") => Ok(BlobOperation::PutBlob),
        (true, "BlockBlob") => Ok(BlobOperation::PutBlobFromUrl),
        (true, "") if text("x-ms-requires-sync").eq_ignore_ascii_case("true") => {
            Ok(BlobOperation::CopyFromUrl)
        }
        (true, "") => Ok(BlobOperation::Copy),
        (false, "") => Err(error::missing_header("x-ms-blob-type")),
        _ => Err(error::invalid_header("x-ms-blob-type")),
    }
}

/// What no SAS allows.
const KEY_OR_TOKEN: Permit =
    Permit { service_letters: "", account_letters: "", resource_type: 's', public: None, bearer_only: false };

impl ServiceOperation {
    fn permit(self) -> Permit {
        let account_letters = match self {
            Self::ListContainers => "l",
            Self::GetProperties => "r",
            Self::GetAccountInformation => {
                return Permit { service_letters: "racwdl", account_letters: "racwdl", ..KEY_OR_TOKEN };
            }
            Self::GetUserDelegationKey => return Permit { bearer_only: true, ..KEY_OR_TOKEN },
        };
        Permit { account_letters, ..KEY_OR_TOKEN }
    }
}

impl ContainerOperation {
    fn permit(self) -> Permit {
        let in_container = Permit { resource_type: 'c', ..KEY_OR_TOKEN };
        let public = Some(PublicAccess::Container);
        match self {
            Self::Create => Permit { account_letters: "cw", ..in_container },
            Self::Delete => Permit { account_letters: "d", ..in_container },
            Self::GetProperties => Permit { account_letters: "r", public, ..in_container },
            Self::SetMetadata => Permit { account_letters: "w", ..in_container },
            Self::GetAcl | Self::SetAcl => in_container,
            Self::ListBlobs => Permit { service_letters: "l", account_letters: "l", public, ..in_container },
        }
    }
}

impl BlobOperation {
    /// "Service SAS" and "account SAS" have the same letters for blobs. Making a blob takes Create or Write; replacing
    /// one takes Write, which the write itself sees to.
    pub fn permit(self) -> Permit {
        let (letters, public) = match self {
            Self::Get | Self::GetProperties | Self::GetMetadata | Self::GetBlockList => {
                ("r", Some(PublicAccess::Blob))
            }
            Self::Delete => ("d", None),
            Self::SetMetadata | Self::SetProperties | Self::SetTier | Self::AbortCopy => ("w", None),
            Self::PutBlob
            | Self::PutBlobFromUrl
            | Self::PutBlock
            | Self::PutBlockList
            | Self::Copy
            | Self::CopyFromUrl
            | Self::Snapshot => ("cw", None),
        };
        let object = Permit { resource_type: 'o', public, ..KEY_OR_TOKEN };
        Permit { service_letters: letters, account_letters: letters, ..object }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(
        method: &Method,
        query: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Result<BlobOperation, u16> {
        let headers =
            headers.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect();
        blob_operation(method, &Query::parse(query), &headers).map_err(|error| error.status.as_u16())
    }

    #[test]
    fn a_put_is_told_apart_by_its_headers() {
        let (source, kind) = (("x-ms-copy-source", "http://a"), ("x-ms-blob-type", "BlockBlob"));
        assert_eq!(blob(&Method::PUT, "", &[kind]), Ok(BlobOperation::PutBlob));
        assert_eq!(blob(&Method::PUT, "", &[kind, source]), Ok(BlobOperation::PutBlobFromUrl));
        assert_eq!(blob(&Method::PUT, "", &[source]), Ok(BlobOperation::Copy));
        assert_eq!(
            blob(&Method::PUT, "", &[source, ("x-ms-requires-sync", "true")]),
            Ok(BlobOperation::CopyFromUrl)
        );
        assert_eq!(blob(&Method::PUT, "", &[]), Err(400));
        assert_eq!(blob(&Method::PUT, "", &[("x-ms-blob-type", "PageBlob")]), Err(501));
        assert_eq!(blob(&Method::PUT, "", &[("x-ms-blob-type", "AppendBlob")]), Err(501));
    }

    #[test]
    fn what_is_not_played_is_told_apart_from_what_does_not_exist() {
        assert_eq!(blob(&Method::PUT, "comp=appendblock", &[]), Err(501));
        assert_eq!(blob(&Method::PUT, "comp=lease", &[]), Err(501));
        assert_eq!(blob(&Method::PUT, "comp=nonsense", &[]), Err(400));
        assert_eq!(blob(&Method::POST, "", &[]), Err(405));
    }
}
