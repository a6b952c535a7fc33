//! Signs storage requests with an account's key, which the official client no longer does. Only for accounts whose key is
//! configured: the local cloud, and those who cannot use Entra.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::headers::{AUTHORIZATION, HeaderName, Headers};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Method, Request, Url};
use azure_core::time::to_rfc7231;

use super::signature::hmac;
use crate::clock;
use crate::secret::Secret;

const DATE: HeaderName = HeaderName::from_static("x-ms-date");
/// The headers whose values are signed in this order ("Authorize with Shared Key", versions from 2015-02-21); `Date` is
/// empty because `x-ms-date` is sent.
const SIGNED: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// Signs each try of a request with the key as it is then.
pub(super) struct SharedKeyPolicy {
    pub(super) account: String,
    pub(super) key: Secret,
}

impl std::fmt::Debug for SharedKeyPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedKeyPolicy").field("account", &self.account).finish_non_exhaustive()
    }
}

#[async_trait]
impl Policy for SharedKeyPolicy {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        request.insert_header(DATE, to_rfc7231(&clock::now()));
        let length = request.body().len().unwrap_or_default();
        let text = string_to_sign(&self.account, request.method(), request.headers(), length, request.url());
        let signature = hmac(&text, &self.key)?;
        request.insert_header(AUTHORIZATION, format!("SharedKey {}:{signature}", self.account));
        next[0].send(ctx, request, &next[1..]).await
    }
}

fn string_to_sign(account: &str, method: Method, headers: &Headers, length: u64, url: &Url) -> String {
    let mut text = method.as_str().to_owned();
    for name in SIGNED {
        text.push('\n');
        match name {
            "content-length" if length > 0 => text.push_str(&length.to_string()),
            "content-length" | "date" => {}
            name => {
                text.push_str(headers.get_optional_str(&HeaderName::from_static(name)).unwrap_or_default());
            }
        }
    }
    text.push('\n');
    let mut ms_headers =
        headers.iter().filter(|(name, _)| name.as_str().starts_with("x-ms-")).collect::<Vec<_>>();
    ms_headers.sort_by_cached_key(|(name, _)| in_azures_order(name.as_str()));
    for (name, value) in ms_headers {
        text.push_str(&format!("{}:{}\n", name.as_str(), value.as_str().trim()));
    }
    text.push_str(&format!("/{account}{}", url.path()));
    let mut query = url.query_pairs().map(|(name, value)| (name.to_lowercase(), value)).collect::<Vec<_>>();
    query.sort();
    for (name, value) in query {
        text.push_str(&format!("\n{name}:{value}"));
    }
    text
}

/// Azure sorts names as its own platform compares text: an underscore comes before digits and letters.
fn in_azures_order(name: &str) -> Vec<u8> {
    name.bytes().map(|byte| if byte == b'_' { 0 } else { byte }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn underscores_come_before_digits_and_letters() {
        let mut names = ["x-ms-meta-i0", "x-ms-meta-i_", "x-ms-meta-foo2_bar", "x-ms-meta-foo_bar"];
        names.sort_by_cached_key(|name| in_azures_order(name));
        assert_eq!(names, ["x-ms-meta-foo_bar", "x-ms-meta-foo2_bar", "x-ms-meta-i_", "x-ms-meta-i0"]);
    }

    #[test]
    fn a_listing_is_signed_as_documented() {
        // The example of "Authorize with Shared Key", Get Container Metadata.
        let mut headers = Headers::new();
        headers.insert("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT");
        headers.insert("x-ms-version", "2015-02-21");
        let url =
            "https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=metadata&timeout=20";
        let text = string_to_sign("myaccount", Method::Get, &headers, 0, &url.parse().unwrap());
        assert_eq!(
            text,
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n\
             /myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
        );
    }
}
