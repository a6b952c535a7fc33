//! What Blob Storage says when it does not do as asked: status, code and sentence. Not who decides so.
//!
//! Codes and sentences are from "Blob Storage error codes" and "Common REST API error codes" of the REST reference.

use std::fmt;

use axum::body::Body;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use super::headers::put_header;
use super::xml::Xml;

/// Where a client without credentials is told to get them. The tenant is a placeholder: nothing asks it.
const CHALLENGE: HeaderValue = HeaderValue::from_static(
    "Bearer authorization_uri=https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/oauth2/authorize \
     resource_id=https://storage.azure.com",
);

/// A refusal in Azure's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageError {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: &'static str,
    /// More elements of the body, each a name and its text.
    pub details: Vec<(&'static str, String)>,
    /// More headers of the answer.
    pub headers: Vec<(&'static str, String)>,
}

impl StorageError {
    const fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, details: Vec::new(), headers: Vec::new() }
    }

    /// With one more element in the body.
    pub fn with(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.details.push((name, text.into()));
        self
    }

    /// With one more header.
    pub fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The answer, without the headers every answer has.
    pub fn answer(&self, request_id: &str, time: &str) -> Response<Body> {
        let mut response = Response::new(self.body(request_id, time));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert("x-ms-error-code", HeaderValue::from_static(self.code));
        if self.status != StatusCode::NOT_MODIFIED {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        }
        for (name, value) in &self.headers {
            put_header(headers, name, value);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, CHALLENGE);
        }
        response
    }

    fn body(&self, request_id: &str, time: &str) -> Body {
        if self.status == StatusCode::NOT_MODIFIED {
            return Body::empty();
        }
        let mut xml = Xml::new("Error");
        xml.leaf("Code", self.code);
        xml.leaf("Message", &format!("{}\nRequestId:{request_id}\nTime:{time}", self.message));
        for (name, text) in &self.details {
            xml.leaf(name, text);
        }
        Body::from(xml.finish("Error"))
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.code)
    }
}

macro_rules! refusals {
    ($($name:ident = $status:ident, $code:literal, $message:literal;)*) => {
        $(pub const $name: StorageError = StorageError::new(StatusCode::$status, $code, $message);)*
    };
}

refusals! {
    NOT_MODIFIED = NOT_MODIFIED, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.";

    BLOCK_LIST_TOO_LONG = BAD_REQUEST, "BlockListTooLong", "The block list may not contain more than 50,000 blocks.";
    CRC64_MISMATCH = BAD_REQUEST, "Crc64Mismatch", "The CRC64 value specified in the request did not match with the CRC64 value calculated by the server.";
    EMPTY_METADATA_KEY = BAD_REQUEST, "EmptyMetadataKey", "The key for one of the metadata key-value pairs is empty.";
    INVALID_AUTHENTICATION_INFO = BAD_REQUEST, "InvalidAuthenticationInfo", "Authentication information is not given in the correct format. Check the value of Authorization header.";
    INVALID_BLOB_OR_BLOCK = BAD_REQUEST, "InvalidBlobOrBlock", "The specified blob or block content is invalid.";
    INVALID_BLOCK_LIST = BAD_REQUEST, "InvalidBlockList", "The specified block list is invalid.";
    INVALID_HEADER_VALUE = BAD_REQUEST, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format.";
    INVALID_INPUT = BAD_REQUEST, "InvalidInput", "One of the request inputs is not valid.";
    INVALID_MD5 = BAD_REQUEST, "InvalidMd5", "The MD5 value specified in the request is invalid. MD5 value must be 128 bits and base64 encoded.";
    INVALID_METADATA = BAD_REQUEST, "InvalidMetadata", "The specified metadata is invalid. It has characters that are not permitted.";
    INVALID_QUERY_PARAMETER = BAD_REQUEST, "InvalidQueryParameterValue", "Value for one of the query parameters specified in the request URI is invalid.";
    INVALID_RESOURCE_NAME = BAD_REQUEST, "InvalidResourceName", "The specified resource name contains invalid characters.";
    INVALID_URI = BAD_REQUEST, "InvalidUri", "The requested URI does not represent any resource on the server.";
    INVALID_XML = BAD_REQUEST, "InvalidXmlDocument", "XML specified is not syntactically valid.";
    INVALID_XML_NODE = BAD_REQUEST, "InvalidXmlNodeValue", "The value provided for one of the XML nodes in the request body was not in the correct format.";
    MD5_MISMATCH = BAD_REQUEST, "Md5Mismatch", "The MD5 value specified in the request did not match with the MD5 value calculated by the server.";
    METADATA_TOO_LARGE = BAD_REQUEST, "MetadataTooLarge", "The size of the specified metadata exceeds the maximum size permitted.";
    MISSING_REQUIRED_HEADER = BAD_REQUEST, "MissingRequiredHeader", "An HTTP header that's mandatory for this request is not specified.";
    MISSING_REQUIRED_QUERY = BAD_REQUEST, "MissingRequiredQueryParameter", "A query parameter that's mandatory for this request is not specified.";
    NAME_LENGTH = BAD_REQUEST, "OutOfRangeInput", "The specified resource name length is not within the permissible limits.";
    OUT_OF_RANGE_QUERY = BAD_REQUEST, "OutOfRangeQueryParameterValue", "One of the query parameters specified in the request URI is outside the permissible range.";
    UNSATISFIABLE_CONDITION = BAD_REQUEST, "UnsatisfiableCondition", "The request includes an unsatisfiable condition for this operation.";

    NO_AUTHENTICATION = UNAUTHORIZED, "NoAuthenticationInformation", "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.";
    INVALID_TOKEN = UNAUTHORIZED, "InvalidAuthenticationInfo", "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.";

    AUTHENTICATION_FAILED = FORBIDDEN, "AuthenticationFailed", "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.";
    PERMISSION_MISMATCH = FORBIDDEN, "AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission.";
    PROTOCOL_MISMATCH = FORBIDDEN, "AuthorizationProtocolMismatch", "This request is not authorized to perform this operation using this protocol.";
    RESOURCE_TYPE_MISMATCH = FORBIDDEN, "AuthorizationResourceTypeMismatch", "This request is not authorized to perform this operation using this resource type.";
    SERVICE_MISMATCH = FORBIDDEN, "AuthorizationServiceMismatch", "This request is not authorized to perform this operation using this service.";
    COPY_SOURCE_FORBIDDEN = FORBIDDEN, "CannotVerifyCopySource", "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.";

    BLOB_NOT_FOUND = NOT_FOUND, "BlobNotFound", "The specified blob does not exist.";
    CONTAINER_NOT_FOUND = NOT_FOUND, "ContainerNotFound", "The specified container does not exist.";
    COPY_SOURCE_NOT_FOUND = NOT_FOUND, "CannotVerifyCopySource", "The specified resource does not exist.";
    RESOURCE_NOT_FOUND = NOT_FOUND, "ResourceNotFound", "The specified resource does not exist.";

    UNSUPPORTED_VERB = METHOD_NOT_ALLOWED, "UnsupportedHttpVerb", "The resource doesn't support the specified HTTP verb.";

    BLOB_ALREADY_EXISTS = CONFLICT, "BlobAlreadyExists", "The specified blob already exists.";
    BLOB_ARCHIVED = CONFLICT, "BlobArchived", "This operation is not permitted on an archived blob.";
    BLOB_BEING_REHYDRATED = CONFLICT, "BlobBeingRehydrated", "This operation is not permitted because the blob is being rehydrated.";
    BLOCK_COUNT_EXCEEDS_LIMIT = CONFLICT, "BlockCountExceedsLimit", "The uncommitted block count cannot exceed the maximum limit of 100,000 blocks.";
    CONTAINER_ALREADY_EXISTS = CONFLICT, "ContainerAlreadyExists", "The specified container already exists.";
    COPY_ID_MISMATCH = CONFLICT, "CopyIdMismatch", "The specified copy ID did not match the copy ID for the pending copy operation.";
    NO_PENDING_COPY = CONFLICT, "NoPendingCopyOperation", "There is currently no pending copy operation.";
    PENDING_COPY = CONFLICT, "PendingCopyOperation", "There is currently a pending copy operation.";
    SNAPSHOTS_PRESENT = CONFLICT, "SnapshotsPresent", "This operation is not permitted while the blob has snapshots.";

    MISSING_CONTENT_LENGTH = LENGTH_REQUIRED, "MissingContentLengthHeader", "The Content-Length header was not specified.";

    BLOB_LEASE_NOT_PRESENT = PRECONDITION_FAILED, "LeaseNotPresentWithBlobOperation", "There is currently no lease on the blob.";
    CONTAINER_LEASE_NOT_PRESENT = PRECONDITION_FAILED, "LeaseNotPresentWithContainerOperation", "There is currently no lease on the container.";
    CONDITION_NOT_MET = PRECONDITION_FAILED, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.";
    SOURCE_CONDITION_NOT_MET = PRECONDITION_FAILED, "SourceConditionNotMet", "The source condition specified using HTTP conditional header(s) is not met.";
    TARGET_CONDITION_NOT_MET = PRECONDITION_FAILED, "TargetConditionNotMet", "The target condition specified using HTTP conditional header(s) is not met.";

    REQUEST_BODY_TOO_LARGE = PAYLOAD_TOO_LARGE, "RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit.";

    INVALID_RANGE = RANGE_NOT_SATISFIABLE, "InvalidRange", "The range specified is invalid for the current size of the resource.";

    INTERNAL_ERROR = INTERNAL_SERVER_ERROR, "InternalError", "The server encountered an internal error. Please retry the request.";
    NOT_IMPLEMENTED = NOT_IMPLEMENTED, "NotImplemented", "The requested operation is not implemented on the specified resource.";
}

/// 400, naming the header.
pub fn invalid_header(name: &str) -> StorageError {
    INVALID_HEADER_VALUE.with("HeaderName", name)
}

/// 400, naming the header that should have been there.
pub fn missing_header(name: &str) -> StorageError {
    MISSING_REQUIRED_HEADER.with("HeaderName", name)
}

/// 400, naming the query parameter.
pub fn invalid_query(name: &str) -> StorageError {
    INVALID_QUERY_PARAMETER.with("QueryParameterName", name)
}

/// 403, saying what about the credentials is wrong. Never with the credentials.
pub fn unauthenticated(why: impl Into<String>) -> StorageError {
    AUTHENTICATION_FAILED.with("AuthenticationErrorDetail", why)
}

/// 501, naming what this service does not play.
pub fn not_implemented(what: &str) -> StorageError {
    NOT_IMPLEMENTED.with("Reason", what)
}

/// 500, after telling the operator, who alone can do something about it.
pub fn disk_failed(error: &std::io::Error) -> StorageError {
    tracing::error!(error = %error, "storage.disk_failed");
    INTERNAL_ERROR
}
