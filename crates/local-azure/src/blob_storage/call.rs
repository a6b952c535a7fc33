//! One request as the operations see it: who calls, with which headers and parameters. Not its body.

use axum::body::{Body, HttpBody as _};
use header_spelling::Spelling;
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::authentication::Caller;
use super::blob::Tier;
use super::conditions::Conditions;
use super::error::{self, StorageError};
use super::headers::{Metadata, read_metadata};
use super::path::Target;
use super::query::Query;
use super::storage::Terms;

/// The longest `x-ms-client-request-id` ("Troubleshooting API operations").
const CLIENT_REQUEST_ID_BYTES_MAX: usize = 1024;
/// The version of answers to requests that name none.
pub const DEFAULT_VERSION: &str = "2026-04-06";

/// The request a change goes back to; events name it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Origin {
    pub request_id: String,
    pub client_request_id: Option<String>,
}

impl Origin {
    /// Reads the client's own id, which must be visible ASCII and spaces.
    pub fn read(request_id: String, headers: &HeaderMap) -> Result<Self, StorageError> {
        let Some(id) = headers.get("x-ms-client-request-id") else {
            return Ok(Self { request_id, client_request_id: None });
        };
        let id = id.to_str().map_err(|_| error::invalid_header("x-ms-client-request-id"))?;
        if id.len() > CLIENT_REQUEST_ID_BYTES_MAX || id.contains('\t') {
            return Err(error::invalid_header("x-ms-client-request-id"));
        }
        Ok(Self { request_id, client_request_id: Some(id.to_owned()).filter(|id| !id.is_empty()) })
    }
}

/// A request that may do what it asks for.
pub struct Call {
    pub target: Target,
    pub headers: HeaderMap,
    /// How the names of headers were spelled, as far as that is known.
    pub spelling: Spelling,
    pub query: Query,
    pub caller: Caller,
    pub origin: Origin,
}

impl Call {
    /// The text of a header. Text that is not UTF-8 counts as absent.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Whether a header says `true`, in whatever case: clients differ.
    pub fn says_true(&self, name: &str) -> bool {
        self.header(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The version of the service the caller speaks to.
    pub fn version(&self) -> &str {
        self.header("x-ms-version").unwrap_or(DEFAULT_VERSION)
    }

    /// The metadata a blob or container is to have.
    pub fn metadata(&self) -> Result<Metadata, StorageError> {
        read_metadata(&self.headers, &self.spelling)
    }

    /// The conditions on the blob or container itself.
    pub fn conditions(&self) -> Result<Conditions, StorageError> {
        Conditions::read(&self.headers, "")
    }

    /// What must hold for a blob to be made or replaced.
    pub fn terms(&self) -> Result<Terms, StorageError> {
        Ok(Terms { conditions: self.conditions()?, only_new: self.caller.makes_only_new() })
    }

    /// The snapshot that is meant, if one is.
    pub fn snapshot(&self) -> Option<&str> {
        self.query.get("snapshot")
    }

    /// The tier a blob is to be in.
    pub fn tier(&self) -> Result<Option<Tier>, StorageError> {
        self.header("x-ms-access-tier").map(Tier::read).transpose()
    }

    /// How long the body is going to be, which a writer must say beforehand.
    pub fn body_bytes(&self, body: &Body) -> Result<u64, StorageError> {
        let said = self.header("content-length").and_then(|length| length.parse().ok());
        said.or_else(|| body.size_hint().exact()).ok_or(error::MISSING_CONTENT_LENGTH)
    }
}

/// The text of a header. Text that is not UTF-8 counts as absent.
pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(id: &[u8]) -> Result<Option<String>, StorageError> {
        let mut headers = HeaderMap::new();
        headers.insert("x-ms-client-request-id", HeaderValue::from_bytes(id).unwrap());
        Origin::read(String::new(), &headers).map(|origin| origin.client_request_id)
    }

    #[test]
    fn a_client_request_id_is_at_most_1024_characters_of_visible_ascii() {
        assert_eq!(read(br#"{"a": 1}"#), Ok(Some(r#"{"a": 1}"#.to_owned())));
        assert!(read(&[b'x'; 1024]).is_ok());
        assert!(read(&[b'x'; 1025]).is_err());
        assert!(read("é".as_bytes()).is_err());
    }
}
