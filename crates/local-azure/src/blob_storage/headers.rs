//! What a blob carries besides content: content headers and metadata, between HTTP headers and our types. Not ETags or
//! conditions.

use std::collections::BTreeMap;

use header_spelling::Spelling;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use serde::{Deserialize, Serialize};

use super::call::header;
use super::error::{self, StorageError};

/// Names and values a client gave a blob or container. Names are as the client spelled them, where that is known; no two
/// differ only in case.
pub type Metadata = BTreeMap<String, String>;

/// What the names of headers with metadata begin with; their spelling is kept.
pub const METADATA_PREFIX: &str = "x-ms-meta-";
/// Names and values together ("Setting and retrieving properties and metadata for blob resources").
const METADATA_BYTES_MAX: usize = 8 * 1024;
/// What a blob is when nobody said what it is.
const DEFAULT_CONTENT_TYPE: &str = "application/octet-stream";

/// Reads `x-ms-meta-*`. Names that differ only in case are one name, and a name that comes twice is refused ("Setting and
/// retrieving properties and metadata for blob resources").
pub fn read_metadata(headers: &HeaderMap, spelling: &Spelling) -> Result<Metadata, StorageError> {
    let mut metadata = Metadata::new();
    for name in headers.keys().filter(|name| name.as_str().starts_with(METADATA_PREFIX)) {
        let mut values = headers.get_all(name).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Err(error::INVALID_METADATA) };
        let spelled = spelling.of(name).next().unwrap_or(name.as_str());
        let name = spelled.get(METADATA_PREFIX.len()..).unwrap_or_default();
        verify_metadata_name(name)?;
        let value = value.to_str().map_err(|_| error::INVALID_METADATA)?;
        metadata.insert(name.to_owned(), value.to_owned());
    }
    match metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > METADATA_BYTES_MAX {
        true => Err(error::METADATA_TOO_LARGE),
        false => Ok(metadata),
    }
}

/// Names are C# identifiers.
fn verify_metadata_name(name: &str) -> Result<(), StorageError> {
    let Some(first) = name.chars().next() else { return Err(error::EMPTY_METADATA_KEY) };
    let good =
        !first.is_ascii_digit() && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
    if good { Ok(()) } else { Err(error::INVALID_METADATA) }
}

/// Writes `x-ms-meta-*`, and how the names are spelled.
pub fn put_metadata<B>(response: &mut Response<B>, metadata: &Metadata) {
    for (name, value) in metadata {
        put_header(response.headers_mut(), &format!("{METADATA_PREFIX}{name}"), value);
    }
    let names = metadata.keys().map(|name| format!("{METADATA_PREFIX}{name}")).collect::<Vec<_>>();
    // Names no header can carry were left out above.
    if let Ok(spelling) = Spelling::new(names.iter().map(String::as_str)) {
        response.extensions_mut().insert(spelling);
    }
}

/// Sets a header. Text no header can carry is left out, as is a name that is none.
pub fn put_header(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}

/// Sets a header if there is something to say.
pub fn put_header_if(headers: &mut HeaderMap, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        put_header(headers, name, value);
    }
}

/// What readers of a blob are told about its content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContentHeaders {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_language: Option<String>,
    pub content_disposition: Option<String>,
    pub cache_control: Option<String>,
    /// Base64, as its header.
    pub content_md5: Option<String>,
}

impl ContentHeaders {
    /// Reads `x-ms-blob-*`.
    pub fn read(headers: &HeaderMap) -> Self {
        let given = |name: &str| header(headers, &format!("x-ms-blob-{name}")).map(str::to_owned);
        Self {
            content_type: given("content-type"),
            content_encoding: given("content-encoding"),
            content_language: given("content-language"),
            content_disposition: given("content-disposition"),
            cache_control: given("cache-control"),
            content_md5: given("content-md5"),
        }
    }

    /// Reads `x-ms-blob-*`, or else the headers of the request itself, as Put Blob does.
    pub fn read_upload(headers: &HeaderMap) -> Self {
        let own = |name: &str| header(headers, name).map(str::to_owned);
        let own = Self {
            content_type: own("content-type"),
            content_encoding: own("content-encoding"),
            content_language: own("content-language"),
            cache_control: own("cache-control"),
            ..Self::default()
        };
        Self::read(headers).or(&own)
    }

    /// These, and where they say nothing, the others.
    pub fn or(self, others: &Self) -> Self {
        Self {
            content_type: self.content_type.or_else(|| others.content_type.clone()),
            content_encoding: self.content_encoding.or_else(|| others.content_encoding.clone()),
            content_language: self.content_language.or_else(|| others.content_language.clone()),
            content_disposition: self.content_disposition.or_else(|| others.content_disposition.clone()),
            cache_control: self.cache_control.or_else(|| others.cache_control.clone()),
            content_md5: self.content_md5.or_else(|| others.content_md5.clone()),
        }
    }

    /// What the blob is.
    pub fn content_type(&self) -> &str {
        self.content_type.as_deref().unwrap_or(DEFAULT_CONTENT_TYPE)
    }

    /// Writes all but the MD5, whose header depends on what is read.
    pub fn put(&self, headers: &mut HeaderMap) {
        put_header(headers, "content-type", self.content_type());
        put_header_if(headers, "content-encoding", self.content_encoding.as_deref());
        put_header_if(headers, "content-language", self.content_language.as_deref());
        put_header_if(headers, "content-disposition", self.content_disposition.as_deref());
        put_header_if(headers, "cache-control", self.cache_control.as_deref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(pairs: &[(&str, &str)]) -> Result<Metadata, &'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let spelling = Spelling::new(pairs.iter().map(|(name, _)| *name)).unwrap();
        read_metadata(&headers, &spelling).map_err(|error| error.code)
    }

    #[test]
    fn metadata_is_read_by_its_rules() {
        let good = metadata(&[("x-ms-meta-Show_17", "a b"), ("x-ms-version", "2026-04-06")]).unwrap();
        assert_eq!(good, Metadata::from([("Show_17".to_owned(), "a b".to_owned())]));
        assert_eq!(metadata(&[("x-ms-meta-", "a")]), Err("EmptyMetadataKey"));
        assert_eq!(metadata(&[("x-ms-meta-1a", "a")]), Err("InvalidMetadata"));
        assert_eq!(metadata(&[("x-ms-meta-a-b", "a")]), Err("InvalidMetadata"));
        assert_eq!(metadata(&[("x-ms-meta-Foo", "a"), ("x-ms-meta-foo", "b")]), Err("InvalidMetadata"));
        assert_eq!(metadata(&[("x-ms-meta-a", &"x".repeat(8 * 1024))]), Err("MetadataTooLarge"));
    }

    #[test]
    fn a_name_whose_spelling_is_not_known_is_in_lower_case() {
        let mut headers = HeaderMap::new();
        put_header(&mut headers, "X-MS-Meta-Show", "17");
        let read = read_metadata(&headers, &Spelling::default());
        assert_eq!(read, Ok(Metadata::from([("show".to_owned(), "17".to_owned())])));
    }

    #[test]
    fn an_upload_may_describe_its_content_by_its_own_headers() {
        let mut headers = HeaderMap::new();
        put_header(&mut headers, "content-type", "video/mp4");
        put_header(&mut headers, "x-ms-blob-content-language", "de");
        assert_eq!(ContentHeaders::read(&headers).content_type(), "application/octet-stream");
        let upload = ContentHeaders::read_upload(&headers);
        assert_eq!(upload.content_type(), "video/mp4");
        assert_eq!(upload.content_language.as_deref(), Some("de"));
    }
}
