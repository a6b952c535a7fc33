//! Where a container or blob is: account, container, name; and how URLs say so. Not what is there.

use std::fmt;
use std::net::IpAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::error::{self, StorageError};

/// What may stand in a URL's path as it is: RFC 3986's unreserved characters and the slash.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b'$');

/// The container of blobs whose URL names none.
const ROOT_CONTAINER: &str = "$root";
/// Containers with names no other container may have.
const SYSTEM_CONTAINERS: [&str; 3] = [ROOT_CONTAINER, "$web", "$logs"];
/// Lengths of container names ("Naming and referencing containers, blobs, and metadata").
const CONTAINER_CHARS: std::ops::RangeInclusive<usize> = 3..=63;
/// The longest name of a blob, from the same page.
const BLOB_CHARS_MAX: usize = 1024;
/// The most parts between slashes, from the same page.
const BLOB_SEGMENTS_MAX: usize = 254;

/// Where a container is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContainerPath {
    pub account: String,
    pub name: String,
}

/// Where a blob is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlobPath {
    pub container: ContainerPath,
    pub name: String,
}

impl BlobPath {
    pub fn new(account: &str, container: &str, name: &str) -> Self {
        let container = ContainerPath { account: account.to_owned(), name: container.to_owned() };
        Self { container, name: name.to_owned() }
    }

    /// What an event is about: `/blobServices/default/containers/c/blobs/b`.
    pub fn event_subject(&self) -> String {
        format!("/blobServices/default/containers/{}/blobs/{}", self.container.name, self.name)
    }

    /// The path-style URL.
    pub fn url(&self, base_url: &str) -> String {
        let ContainerPath { account, name } = &self.container;
        format!("{base_url}/{account}/{name}/{}", percent_encode(&self.name))
    }
}

/// `account/container/blob`, for people.
impl fmt::Display for BlobPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.container.account, self.container.name, self.name)
    }
}

/// What a URL points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Account(String),
    Container(ContainerPath),
    Blob(BlobPath),
}

impl Target {
    /// Reads host and encoded path: `inbox.blob.localhost` + `/c/b`, or any other host + `/inbox/c/b`.
    ///
    /// `means_container` tells `/inbox/x`, the container x, from the blob x in the root container.
    pub fn parse(
        host: &str,
        path: &str,
        means_container: bool,
        is_account: impl Fn(&str) -> bool,
    ) -> Result<Self, StorageError> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let (account, rest) = match account_in_host(host, is_account) {
            Some(account) => (account.to_owned(), path),
            None => {
                let (account, rest) = path.split_once('/').unwrap_or((path, ""));
                (decode(account)?, rest)
            }
        };
        if rest.is_empty() {
            return Ok(Self::Account(account));
        }
        let (container, blob) = match rest.split_once('/') {
            Some((container, blob)) => (decode(container)?, decode(blob)?),
            None if means_container => (decode(rest)?, String::new()),
            None => (ROOT_CONTAINER.to_owned(), decode(rest)?),
        };
        let container = ContainerPath { account, name: container };
        Ok(match blob.is_empty() {
            true => Self::Container(container),
            false => Self::Blob(BlobPath { container, name: blob }),
        })
    }

    pub fn account(&self) -> &str {
        match self {
            Self::Account(account) => account,
            Self::Container(container) | Self::Blob(BlobPath { container, .. }) => &container.account,
        }
    }

    pub fn container(&self) -> Option<&ContainerPath> {
        match self {
            Self::Account(_) => None,
            Self::Container(container) | Self::Blob(BlobPath { container, .. }) => Some(container),
        }
    }

    /// Refuses names that no container or blob can have.
    pub fn verify_names(&self) -> Result<(), StorageError> {
        if let Some(container) = self.container() {
            verify_container_name(&container.name)?;
        }
        if let Self::Blob(blob) = self {
            verify_blob_name(&blob.name)?;
        }
        Ok(())
    }
}

/// A name as it stands in a URL.
pub fn percent_encode(name: &str) -> String {
    utf8_percent_encode(name, ENCODED).to_string()
}

/// Reads a part of a URL's path.
fn decode(part: &str) -> Result<String, StorageError> {
    let text = percent_decode_str(part).decode_utf8().map_err(|_| error::INVALID_URI)?;
    Ok(text.into_owned())
}

/// The account a host names as its first label; an address names none.
fn account_in_host(host: &str, is_account: impl Fn(&str) -> bool) -> Option<&str> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let (label, _) = name.split_once('.')?;
    (name.parse::<IpAddr>().is_err() && is_account(label)).then_some(label)
}

/// Refuses what cannot be the name of a container.
pub fn verify_container_name(name: &str) -> Result<(), StorageError> {
    if SYSTEM_CONTAINERS.contains(&name) {
        return Ok(());
    }
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !name.bytes().all(allowed) || name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        return Err(error::INVALID_RESOURCE_NAME);
    }
    if !CONTAINER_CHARS.contains(&name.len()) {
        return Err(error::NAME_LENGTH);
    }
    Ok(())
}

fn verify_blob_name(name: &str) -> Result<(), StorageError> {
    if name.chars().count() > BLOB_CHARS_MAX {
        return Err(error::NAME_LENGTH);
    }
    if name.split('/').count() > BLOB_SEGMENTS_MAX {
        return Err(error::INVALID_RESOURCE_NAME);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(host: &str, path: &str) -> Target {
        Target::parse(host, path, false, |name| name == "inbox" || name == "127").unwrap()
    }

    #[test]
    fn both_styles_of_url_name_the_same_blob() {
        let blob = Target::Blob(BlobPath::new("inbox", "c", "a/b"));
        assert_eq!(parse("127.0.0.1:10000", "/inbox/c/a/b"), blob);
        assert_eq!(parse("127.0.0.1:10000", "/inbox/c/a%2Fb"), blob);
        assert_eq!(parse("inbox.blob.localhost:10000", "/c/a/b"), blob);
        assert_eq!(parse("inbox.blob.core.windows.net", "/c/a/b"), blob);
        assert_eq!(parse("[::1]:10000", "/inbox/c/a/b"), blob);
        assert_eq!(parse("", "/inbox/c/a/b"), blob);
    }

    #[test]
    fn blob_names_keep_every_character() {
        let names =
            ["a b", "a+b", "100%", "#1?", "/lead", "trail/", "a//b", "a/../b", "é", "e\u{301}", "日本", "."];
        for name in names {
            let blob = BlobPath::new("inbox", "c", name);
            let url = blob.url("http://127.0.0.1:10000");
            let path = url.strip_prefix("http://127.0.0.1:10000").unwrap();
            assert_eq!(parse("127.0.0.1:10000", path), Target::Blob(blob), "{name}");
        }
    }

    #[test]
    fn a_blob_without_a_container_is_in_the_root_container() {
        assert_eq!(
            parse("", "/inbox/favicon.ico"),
            Target::Blob(BlobPath::new("inbox", "$root", "favicon.ico"))
        );
        assert_eq!(parse("", "/inbox"), Target::Account("inbox".to_owned()));
        assert_eq!(parse("", "/inbox/"), Target::Account("inbox".to_owned()));
        let container = Target::parse("", "/inbox/c", true, |_| false).unwrap();
        assert_eq!(container.container().map(|c| c.name.as_str()), Some("c"));
    }

    #[test]
    fn container_names_follow_the_rules() {
        for good in ["abc", "a-b-c", "0123", "$root", "$web"] {
            assert_eq!(verify_container_name(good), Ok(()), "{good}");
        }
        for bad in ["ABC", "a--b", "-abc", "abc-", "a.b", "$other", "a_b"] {
            assert_eq!(verify_container_name(bad), Err(error::INVALID_RESOURCE_NAME), "{bad}");
        }
        assert_eq!(verify_container_name("ab"), Err(error::NAME_LENGTH));
        assert_eq!(verify_container_name(&"a".repeat(64)), Err(error::NAME_LENGTH));
    }
}
