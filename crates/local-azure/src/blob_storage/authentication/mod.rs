//! Who calls, and whether they may: account keys, shared access signatures, bearer tokens, nobody. Not what they do.

mod bearer;
mod delegation;
mod sas;
mod shared_key;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use sha2::Sha256;

use super::blob::PublicAccess;
use super::error::{self, StorageError};
use super::path::Target;
use super::query::Query;
use super::storage::Storage;

pub use bearer::{Identity, read_token};
pub use delegation::DelegationKey;
pub use sas::{Grant, container_sas, verify as verify_sas};

/// Versions from here on tell a caller without credentials where to get them.
const CHALLENGE_SINCE: &str = "2019-12-12";

/// Who calls.
#[derive(Clone, Debug)]
pub enum Caller {
    /// Holds a key of the account.
    Owner,
    /// Holds a token of the directory all accounts are in.
    Bearer(Identity),
    /// Holds a shared access signature.
    Signed(Grant),
    Anonymous,
}

impl Caller {
    /// May make blobs, but not replace them.
    pub fn makes_only_new(&self) -> bool {
        matches!(self, Self::Signed(grant) if !grant.permissions.contains('w'))
    }
}

/// What an operation asks of its caller. Letters are those of SAS permissions: any one of them is enough, and without
/// any no SAS is.
#[derive(Clone, Copy, Debug)]
pub struct Permit {
    /// For a SAS of a container or blob.
    pub service_letters: &'static str,
    /// For a SAS of the account.
    pub account_letters: &'static str,
    /// For a SAS of the account: `s`ervice, `c`ontainer or `o`bject.
    pub resource_type: char,
    /// What lets anyone do it.
    pub public: Option<PublicAccess>,
    /// Not even a key of the account is enough.
    pub bearer_only: bool,
}

/// A request as far as signatures cover it.
pub struct Presented<'a> {
    pub method: &'a Method,
    /// Encoded, as it came.
    pub path: &'a str,
    pub query: &'a Query,
    pub headers: &'a HeaderMap,
    pub target: &'a Target,
}

/// Finds out who calls, and refuses credentials that are not good.
pub fn authenticate(storage: &Storage, request: &Presented<'_>) -> Result<Caller, StorageError> {
    let Some(authorization) = request.headers.get(AUTHORIZATION) else {
        return match request.query.get("sig") {
            Some(_) => {
                sas::verify(storage, request.target, request.query, request.headers).map(Caller::Signed)
            }
            None => Ok(Caller::Anonymous),
        };
    };
    let authorization = authorization.to_str().map_err(|_| error::INVALID_AUTHENTICATION_INFO)?;
    let (scheme, credentials) = authorization.split_once(' ').ok_or(error::INVALID_AUTHENTICATION_INFO)?;
    match scheme {
        "SharedKey" => shared_key::verify(storage, request, credentials, shared_key::Form::Full),
        "SharedKeyLite" => shared_key::verify(storage, request, credentials, shared_key::Form::Lite),
        "Bearer" => bearer::verify(storage, credentials.trim()).map(Caller::Bearer),
        _ => Err(error::INVALID_AUTHENTICATION_INFO),
    }
}

/// Refuses a caller who may not do this.
pub fn authorize(
    caller: &Caller,
    permit: &Permit,
    public: Option<PublicAccess>,
    version: Option<&str>,
) -> Result<(), StorageError> {
    match caller {
        Caller::Bearer(_) => Ok(()),
        _ if permit.bearer_only => {
            Err(error::unauthenticated("Only authentication scheme Bearer is supported"))
        }
        Caller::Owner => Ok(()),
        Caller::Signed(grant) => grant.verify(permit),
        Caller::Anonymous if permit.public.is_some() && public >= permit.public => Ok(()),
        Caller::Anonymous if version.is_some_and(|version| version >= CHALLENGE_SINCE) => {
            Err(error::NO_AUTHENTICATION)
        }
        Caller::Anonymous => Err(error::RESOURCE_NOT_FOUND),
    }
}

/// HMAC-SHA256 in Base64, under a key in Base64.
fn sign(key: &str, text: &str) -> String {
    STANDARD.encode(mac(key, text).finalize().into_bytes())
}

/// Whether one of these keys made a signature.
fn is_signed_by(keys: &[String], text: &str, signature: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else { return false };
    keys.iter().any(|key| mac(key, text).verify_slice(&signature).is_ok())
}

fn mac(key: &str, text: &str) -> Hmac<Sha256> {
    let key = STANDARD.decode(key).unwrap_or_default();
    let mut mac = Hmac::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac
}
