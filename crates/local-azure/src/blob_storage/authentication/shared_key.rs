//! Shared Key and Shared Key Lite ("Authorize with Shared Key"). Not shared access signatures.
//!
//! A request may be as old as it likes: the clock of this process stands still while a laptop sleeps, and a local cloud
//! has nobody to fear who repeats requests.

use http::HeaderMap;

use super::{Caller, Presented, is_signed_by};
use crate::blob_storage::call::header;
use crate::blob_storage::error::{self, StorageError};
use crate::blob_storage::query::Query;
use crate::blob_storage::storage::Storage;

/// Which of the two texts is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Full,
    Lite,
}

/// Standard headers under a full signature, in their order. A length of zero counts as absent.
const SIGNED_HEADERS: [&str; 11] = [
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

/// Standard headers under a lite signature.
const SIGNED_HEADERS_LITE: [&str; 3] = ["content-md5", "content-type", "date"];

/// Verifies `account:signature`.
pub fn verify(
    storage: &Storage,
    request: &Presented<'_>,
    credentials: &str,
    form: Form,
) -> Result<Caller, StorageError> {
    let (account, signature) = credentials.split_once(':').ok_or(error::INVALID_AUTHENTICATION_INFO)?;
    if account != request.target.account() {
        return Err(error::unauthenticated(
            "The account in the Authorization header is not the one in the URI.",
        ));
    }
    if header(request.headers, "x-ms-date").or(header(request.headers, "date")).is_none() {
        return Err(error::unauthenticated("Neither x-ms-date nor Date is specified."));
    }
    let keys = storage.account(account)?.keys.values();
    let good = [Order::Ordinal, Order::Culture]
        .into_iter()
        .any(|order| is_signed_by(&keys, &string_to_sign(request, account, form, order), signature));
    match good {
        true => Ok(Caller::Owner),
        false => Err(error::unauthenticated(
            "The MAC signature found in the HTTP request is not the same as any computed signature.",
        )),
    }
}

/// How `x-ms-` headers are sorted. The documentation says by their bytes; the service and its official clients skip
/// hyphens and put the underscore before digits. Few names tell the difference, so both are good.
#[derive(Clone, Copy)]
enum Order {
    Ordinal,
    Culture,
}

fn string_to_sign(request: &Presented<'_>, account: &str, form: Form, order: Order) -> String {
    let names = match form {
        Form::Full => SIGNED_HEADERS.as_slice(),
        Form::Lite => SIGNED_HEADERS_LITE.as_slice(),
    };
    let has_own_date = request.headers.contains_key("x-ms-date");
    let value = |name: &&str| match (*name, header(request.headers, name).unwrap_or_default()) {
        ("content-length", "0") => "",
        ("date", _) if has_own_date => "",
        (_, value) => value,
    };
    let standard: String = names.iter().map(|name| value(name).to_owned() + "\n").collect();
    let resource = format!("/{account}{}{}", request.path, resource_query(request.query, form));
    format!("{}\n{standard}{}{resource}", request.method, own_headers(request.headers, order))
}

/// Every `x-ms-` header on a line of its own.
fn own_headers(headers: &HeaderMap, order: Order) -> String {
    let mut names: Vec<&str> =
        headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("x-ms-")).collect();
    names.sort_unstable();
    if let Order::Culture = order {
        names.sort_by_key(|name| name.replace('-', "").replace('_', "!"));
    }
    let line = |name: &str| {
        let values = headers.get_all(name).iter();
        let values: Vec<_> =
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned()).collect();
        format!("{name}:{}\n", values.join(","))
    };
    names.into_iter().map(line).collect()
}

/// Every parameter on a line of its own; in the lite form only `comp`.
fn resource_query(query: &Query, form: Form) -> String {
    if form == Form::Lite {
        return query.get("comp").map(|comp| format!("?comp={comp}")).unwrap_or_default();
    }
    let mut lines = String::new();
    let mut last: Option<String> = None;
    for (name, value) in query.sorted() {
        if last.as_ref() == Some(&name) {
            lines += &format!(",{value}");
        } else {
            lines += &format!("\n{name}:{value}");
            last = Some(name);
        }
    }
    lines
}
