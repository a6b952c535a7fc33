//! Read-only signatures for blobs: for storage, which has to fetch a copy's source itself, and for requestors, where the
//! operator allows it. Not who gets one.

use azure_core::credentials::Secret as AzureSecret;
use azure_core::hmac::hmac_sha256;
use azure_core::time::{Duration, OffsetDateTime};
use gridwich_handlers::participants::BlobAddress;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::secret::Secret;

/// A copy's source must stay readable until the copy has ended; the original gave it four hours.
pub(super) const COPY_LIFETIME: Duration = Duration::hours(4);
/// Clocks differ: a signature is good from a quarter of an hour ago, as storage's "Best practices when using SAS" advises; the
/// original's five minutes are refused by an account whose clock is further behind.
pub(super) const CLOCK_SKEW: Duration = Duration::minutes(15);
/// The version of the signature's form; all services since take it.
const VERSION: &str = "2020-12-06";
const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// HMAC-SHA256 in Base64 under an access key as it is now.
pub(super) fn hmac(text: &str, key: &Secret) -> azure_core::Result<String> {
    hmac_sha256(text, &AzureSecret::new(key.reveal().to_string()))
}

/// The query of a service SAS that lets its holder read one blob, signed with the account's key.
pub(super) fn read_with_key(
    blob: &BlobAddress,
    key: &Secret,
    now: OffsetDateTime,
    lifetime: Duration,
) -> azure_core::Result<String> {
    let time = |time: OffsetDateTime| time.format(SECONDS).unwrap_or_default();
    let (start, expiry) = (time(now - CLOCK_SKEW), time(now + lifetime));
    let resource = format!("/blob/{}/{}/{}", blob.container.account, blob.container.container, blob.name);
    // Permissions, start, expiry, resource, identifier, IP, protocol, version, kind, snapshot, encryption scope, five headers.
    let text = format!("r\n{start}\n{expiry}\n{resource}\n\n\n\n{VERSION}\nb\n\n\n\n\n\n\n");
    let signature = hmac(&text, key)?;
    let encode = |value: &str| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
    let (start, expiry, signature) = (encode(&start), encode(&expiry), encode(&signature));
    Ok(format!("sv={VERSION}&st={start}&se={expiry}&sr=b&sp=r&sig={signature}"))
}
