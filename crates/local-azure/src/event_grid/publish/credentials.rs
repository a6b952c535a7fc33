//! Who may publish: access keys, SAS tokens and bearer tokens. Not who may manage.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use http::header::AUTHORIZATION;
use http::request;
use percent_encoding::percent_decode_str;
use sha2::Sha256;
use time::OffsetDateTime;
use url::Url;

use super::problem::Problem;
use crate::event_grid::routes::host;
use crate::event_grid::timestamp;
use crate::tokens::{self, Audience};

const KEY: &str = "aeg-sas-key";
const TOKEN: &str = "aeg-sas-token";

/// What a topic asks of its publishers.
pub(crate) struct Locks<'a> {
    pub keys: &'a [String; 2],
    /// `disableLocalAuth`: neither keys nor SAS tokens.
    pub bearer_only: bool,
    /// Whether a bearer token's audience and times are checked.
    pub strict: bool,
    pub now: OffsetDateTime,
}

/// What a request offers, in the order it is looked for.
enum Offer {
    Key(String),
    SasToken(String),
    Bearer(String),
}

/// Checks a publish request's credential.
pub(crate) fn check(parts: &request::Parts, locks: &Locks<'_>) -> Result<(), Problem> {
    match offer(parts)? {
        Offer::Key(key) if key.is_empty() => Err(Problem::empty_key()),
        Offer::Key(_) | Offer::SasToken(_) if locks.bearer_only => {
            Err(Problem::unauthorized("Local authentication is disabled for this topic."))
        }
        Offer::Key(key) => check_key(&key, locks.keys, &host(parts)),
        Offer::SasToken(token) => check_sas_token(&token, locks, parts),
        Offer::Bearer(token) => {
            let audience = locks.strict.then_some((Audience::EventGrid, locks.now));
            tokens::check(&token, audience).map_err(Problem::unauthorized)
        }
    }
}

fn offer(parts: &request::Parts) -> Result<Offer, Problem> {
    let header = |name: &str| {
        parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    if let Some(key) = header(KEY).or_else(|| key_in_query(parts)) {
        return Ok(Offer::Key(key));
    }
    if let Some(token) = header(TOKEN) {
        return Ok(Offer::SasToken(token));
    }
    let Some(authorization) = header(AUTHORIZATION.as_str()) else {
        return Err(Problem::unauthorized(
            "Request must contain one of the following authorization signature: aeg-sas-token, aeg-sas-key.",
        ));
    };
    match authorization
        .split_once(' ')
        .map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest.trim().to_owned()))
    {
        Some((scheme, token)) if scheme == "sharedaccesssignature" => Ok(Offer::SasToken(token)),
        Some((scheme, token)) if scheme == "bearer" => Ok(Offer::Bearer(token)),
        _ => Err(Problem::unauthorized("The Authorization header's scheme is not supported.")),
    }
}

/// Keys hold `+`, which a query may carry bare, so only percent escapes are decoded.
fn key_in_query(parts: &request::Parts) -> Option<String> {
    let pairs = parts.uri.query()?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, key) = pairs.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(KEY))?;
    Some(percent_decode_str(key).decode_utf8_lossy().into_owned())
}

fn check_key(key: &str, keys: &[String; 2], host: &str) -> Result<(), Problem> {
    let why = match STANDARD.decode(key) {
        Ok(_) if keys.iter().any(|known| same_secret(known, key)) => return Ok(()),
        Ok(_) => "The key is not one of this topic's.",
        Err(_) => "The input is not a valid Base-64 string.",
    };
    let host = host.to_ascii_uppercase();
    Err(Problem::unauthorized(format!(
        "The request authorization key is not authorized for {host}. This is due to the reason: {why}"
    )))
}

/// Takes as long for a key that is nearly right as for one that is all wrong.
fn same_secret(known: &str, offered: &str) -> bool {
    let differences = known.bytes().zip(offered.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    known.len() == offered.len() && differences == 0
}

/// `r=<resource>&e=<expiry>&s=<signature>`, signed over its own characters before `&s=`: platforms differ in how they
/// escape, so a re-encoded copy would not verify.
fn check_sas_token(token: &str, locks: &Locks<'_>, parts: &request::Parts) -> Result<(), Problem> {
    let refusal = |why: &str| Problem::unauthorized(format!("The SAS token is not authorized: {why}."));
    let (signed, signature) = token.rsplit_once("&s=").ok_or_else(|| refusal("it has no signature"))?;
    let signature = percent_decode_str(signature).collect::<Vec<_>>();
    let signature = STANDARD.decode(signature).map_err(|_| refusal("its signature is not Base-64"))?;
    if !locks.keys.iter().any(|key| signs(key, signed, &signature)) {
        return Err(refusal("its signature does not match"));
    }
    let field = |name: &str| signed.split('&').find_map(|pair| pair.strip_prefix(name)).map(decode);
    let resource = field("r=").ok_or_else(|| refusal("it names no resource"))?;
    if !names_this_topic(&resource, parts) {
        return Err(refusal("it is for another resource"));
    }
    let expiry = field("e=").ok_or_else(|| refusal("it has no expiry"))?;
    let expiry = timestamp::parse(&expiry).or_else(|| timestamp::parse_us_culture(&expiry));
    match expiry {
        Some(expiry) if expiry > locks.now => Ok(()),
        Some(_) => Err(refusal("it has expired")),
        None => Err(refusal("its expiry is no date")),
    }
}

fn signs(key: &str, text: &str, signature: &[u8]) -> bool {
    let Ok(key) = STANDARD.decode(key) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return false };
    mac.update(text.as_bytes());
    mac.verify_slice(signature).is_ok()
}

/// .NET writes spaces as `+`, Python as `%20`.
fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// Compares scheme, host and path. SDKs append different spellings of the version to the query, and whether TLS
/// stands in front of this service is not its to know.
fn names_this_topic(resource: &str, parts: &request::Parts) -> bool {
    let Ok(url) = Url::parse(resource) else { return false };
    let named = url.host_str().unwrap_or_default();
    let authority = url.port().map_or_else(|| named.to_owned(), |port| format!("{named}:{port}"));
    let same_path =
        url.path().trim_end_matches('/').eq_ignore_ascii_case(parts.uri.path().trim_end_matches('/'));
    matches!(url.scheme(), "http" | "https") && same_path && authority.eq_ignore_ascii_case(&host(parts))
}
