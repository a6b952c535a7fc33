//! Shared access signatures of accounts, containers and blobs, signed with an account key or a user delegation key. Not
//! Shared Key.
//!
//! Whoever may call from which address (`sip`) is not looked at: everybody here is on loopback.

use http::HeaderMap;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::{DelegationKey, Permit, is_signed_by, sign};
use crate::blob_storage::blob::Policy;
use crate::blob_storage::call::header;
use crate::blob_storage::dates;
use crate::blob_storage::error::{self, StorageError};
use crate::blob_storage::path::{ContainerPath, Target};
use crate::blob_storage::query::Query;
use crate::blob_storage::storage::Storage;

/// The parameters that replace headers of an answer, and those headers.
const OVERRIDES: [(&str, &str); 5] = [
    ("rscc", "cache-control"),
    ("rscd", "content-disposition"),
    ("rsce", "content-encoding"),
    ("rscl", "content-language"),
    ("rsct", "content-type"),
];

/// The version of the signatures made here: one that every client and this service know.
const MADE_VERSION: &str = "2022-11-02";

/// Times in the signatures made here.
const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// Why a SAS is refused whose signature is not ours.
const NO_MATCH: &str = "Signature did not match.";

/// What a SAS lets its holder do.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Letters.
    pub permissions: String,
    pub expiry: OffsetDateTime,
    /// Headers an answer is to have, with their values.
    pub overrides: Vec<(&'static str, String)>,
    reach: Reach,
}

#[derive(Clone, Debug)]
enum Reach {
    Account {
        services: String,
        resource_types: String,
    },
    /// The container or blob the signature is about.
    Resource,
}

impl Grant {
    /// Refuses what the SAS does not cover.
    pub fn verify(&self, permit: &Permit) -> Result<(), StorageError> {
        let letters = match &self.reach {
            Reach::Resource => permit.service_letters,
            Reach::Account { services, .. } if !services.contains('b') => {
                return Err(error::SERVICE_MISMATCH);
            }
            Reach::Account { resource_types, .. } if !resource_types.contains(permit.resource_type) => {
                return Err(error::RESOURCE_TYPE_MISMATCH);
            }
            Reach::Account { .. } => permit.account_letters,
        };
        match letters.chars().any(|letter| self.permissions.contains(letter)) {
            true => Ok(()),
            false => Err(error::PERMISSION_MISMATCH),
        }
    }
}

/// Verifies the SAS in the query of a URL: its signature, its time, its protocol.
pub fn verify(
    storage: &Storage,
    target: &Target,
    query: &Query,
    headers: &HeaderMap,
) -> Result<Grant, StorageError> {
    let grant = if query.get("srt").is_some() {
        let keys = storage.account(target.account())?.keys.values();
        verify_signature(query, &keys, &account_text(target.account(), query))?;
        Grant {
            reach: account_reach(query),
            overrides: Vec::new(),
            ..grant(storage, query, &Policy::default())?
        }
    } else if query.get("skoid").is_some() {
        let key = verify_delegation(storage, query)?;
        let text = delegated_text(&resource(target, query)?, query, headers);
        verify_signature(query, &[key.value(target.account())], &text)?;
        grant(storage, query, &Policy::default())?
    } else {
        let text = service_text(&resource(target, query)?, query);
        verify_signature(query, &storage.account(target.account())?.keys.values(), &text)?;
        grant(storage, query, &stored_policy(storage, target, query)?)?
    };
    verify_protocol(storage, query)?;
    Ok(grant)
}

/// Queries that let their holders do something with a container until a time, one for each key of the account.
pub fn container_sas(
    container: &ContainerPath,
    keys: &[String; 2],
    letters: &str,
    expires: OffsetDateTime,
) -> [String; 2] {
    let expires = expires.format(SECONDS).unwrap_or_default();
    let unsigned = format!("sv={MADE_VERSION}&sr=c&sp={letters}&se={expires}");
    let query = Query::parse(&unsigned);
    let text = service_text(&format!("/blob/{}/{}", container.account, container.name), &query);
    keys.each_ref().map(|key| {
        let signature = sign(key, &text);
        format!("{unsigned}&sig={}", utf8_percent_encode(&signature, NON_ALPHANUMERIC))
    })
}

fn verify_signature(query: &Query, keys: &[String], text: &str) -> Result<(), StorageError> {
    // A space can only have been a plus that was not encoded.
    let signature = query.text("sig").replace(' ', "+");
    if is_signed_by(keys, text, &signature) { Ok(()) } else { Err(error::unauthenticated(NO_MATCH)) }
}

/// What a SAS with a good signature grants at this time; a policy fills in what it leaves out.
fn grant(storage: &Storage, query: &Query, policy: &Policy) -> Result<Grant, StorageError> {
    let text = |name: &str, stored: &Option<String>| {
        query.get(name).or(stored.as_deref()).unwrap_or_default().to_owned()
    };
    let (start, expiry) = (text("st", &policy.start), text("se", &policy.expiry));
    let given = |(name, header): &(&str, &'static str)| Some((*header, query.get(name)?.to_owned()));
    Ok(Grant {
        permissions: text("sp", &policy.permission),
        expiry: verify_time(storage.settings.clock.now(), &start, &expiry)?,
        overrides: OVERRIDES.iter().filter_map(given).collect(),
        reach: Reach::Resource,
    })
}

fn account_reach(query: &Query) -> Reach {
    Reach::Account { services: query.text("ss").to_owned(), resource_types: query.text("srt").to_owned() }
}

/// The user delegation key that signed a SAS, if it is good now and for blobs.
fn verify_delegation(storage: &Storage, query: &Query) -> Result<DelegationKey, StorageError> {
    let key = DelegationKey::of_sas(query);
    verify_time(storage.settings.clock.now(), &key.start, &key.expiry)?;
    match key.service == "b" && query.get("si").is_none() {
        true => Ok(key),
        false => Err(error::unauthenticated("The user delegation key cannot be used for this.")),
    }
}

/// The policy a SAS names, from the container it is stored with.
fn stored_policy(storage: &Storage, target: &Target, query: &Query) -> Result<Policy, StorageError> {
    let (Some(id), Some(container)) = (query.get("si"), target.container()) else {
        return Ok(Policy::default());
    };
    let unknown = || error::unauthenticated("The signed identifier names no stored access policy.");
    let found = storage.with_container(container, |container| {
        container.policies.iter().find(|policy| policy.id == id).cloned().ok_or_else(unknown)
    });
    found.map_err(|_| unknown())
}

/// Refuses what is not valid yet, not valid any more or has no end. Without a start it has been valid all along.
fn verify_time(now: OffsetDateTime, start: &str, expiry: &str) -> Result<OffsetDateTime, StorageError> {
    let malformed = || error::unauthenticated("Signed start or expiry is missing or not well formed.");
    let end = dates::parse_iso(expiry).ok_or_else(malformed)?;
    let begin = if start.is_empty() { now } else { dates::parse_iso(start).ok_or_else(malformed)? };
    if begin <= now && now < end {
        return Ok(end);
    }
    Err(error::unauthenticated(format!(
        "Signature not valid in the specified time frame: Start [{start}] - Expiry [{expiry}] - Current [{}]",
        dates::http_date(now),
    )))
}

fn verify_protocol(storage: &Storage, query: &Query) -> Result<(), StorageError> {
    let secure = storage.settings.base_url.starts_with("https:");
    match query.get("spr") {
        Some("https") if !secure => Err(error::PROTOCOL_MISMATCH),
        _ => Ok(()),
    }
}

/// The canonical name of what a SAS is about. One that cannot be about this target cannot have a good signature.
fn resource(target: &Target, query: &Query) -> Result<String, StorageError> {
    let no_match = || error::unauthenticated(NO_MATCH);
    let container = target.container().ok_or_else(no_match)?;
    let whole = format!("/blob/{}/{}", container.account, container.name);
    match (query.text("sr"), target) {
        ("c", _) => Ok(whole),
        ("b" | "bs", Target::Blob(blob)) => Ok(format!("{whole}/{}", blob.name)),
        ("d", Target::Blob(blob)) => {
            let depth = query.text("sdd").parse().map_err(|_| no_match())?;
            let directory: Vec<_> = blob.name.split('/').take(depth).collect();
            Ok(format!("{whole}/{}", directory.join("/")))
        }
        _ => Err(no_match()),
    }
}

/// The time of the snapshot a SAS is about.
fn snapshot(query: &Query) -> &str {
    if query.text("sr").starts_with('b') { query.text("snapshot") } else { "" }
}

/// "Create an account SAS".
fn account_text(account: &str, query: &Query) -> String {
    let mut lines = vec![account];
    lines.extend(["sp", "ss", "srt", "st", "se", "sip", "spr", "sv"].map(|name| query.text(name)));
    if query.text("sv") >= "2020-12-06" {
        lines.push(query.text("ses"));
    }
    lines.push("");
    lines.join("\n")
}

/// "Create a service SAS".
fn service_text(resource: &str, query: &Query) -> String {
    let version = query.text("sv");
    let mut lines = vec![query.text("sp"), query.text("st"), query.text("se"), resource];
    lines.extend(["si", "sip", "spr", "sv"].map(|name| query.text(name)));
    if version >= "2018-11-09" {
        lines.extend([query.text("sr"), snapshot(query)]);
    }
    if version >= "2020-12-06" {
        lines.push(query.text("ses"));
    }
    lines.extend(OVERRIDES.map(|(name, _)| query.text(name)));
    lines.join("\n")
}

/// "Create a user delegation SAS".
fn delegated_text(resource: &str, query: &Query, headers: &HeaderMap) -> String {
    let version = query.text("sv");
    let mut lines = vec![query.text("sp"), query.text("st"), query.text("se"), resource];
    lines.extend(["skoid", "sktid", "skt", "ske", "sks", "skv"].map(|name| query.text(name)));
    if version >= "2020-02-10" {
        lines.extend(["saoid", "suoid", "scid"].map(|name| query.text(name)));
    }
    if version >= "2025-07-05" {
        lines.extend(["skdutid", "sduoid"].map(|name| query.text(name)));
    }
    lines.extend(["sip", "spr", "sv", "sr"].map(|name| query.text(name)));
    lines.push(snapshot(query));
    if version >= "2020-12-06" {
        lines.push(query.text("ses"));
    }
    let signed_headers = values(query.text("srh"), |name| header(headers, name));
    let signed_headers: String = signed_headers.iter().map(|pair| format!("{pair}\n")).collect();
    let signed_query = values(query.text("srq"), |name| query.get(name));
    let signed_query: String = signed_query.iter().map(|pair| format!("\n{pair}")).collect();
    if version >= "2026-04-06" {
        lines.extend([signed_headers.as_str(), signed_query.as_str()]);
    }
    lines.extend(OVERRIDES.map(|(name, _)| query.text(name)));
    lines.join("\n")
}

/// `name:value` for every name in a list, with the value the request has.
fn values<'a>(names: &str, value: impl Fn(&str) -> Option<&'a str>) -> Vec<String> {
    let names = names.split(',').filter(|name| !name.is_empty());
    names.map(|name| format!("{name}:{}", value(name).unwrap_or_default())).collect()
}
