//! Shared access signatures of accounts, containers and blobs, signed with an account key or a user delegation key. Not
//! Shared Key.
//!
//! Whoever may call from which address (`sip`) is not looked at: everybody here is on loopback.

use http::HeaderMap;
use time::OffsetDateTime;

use super::{DelegationKey, Permit, account_keys, is_signed_by};
use crate::blob_storage::blob::Policy;
use crate::blob_storage::call::header;
use crate::blob_storage::dates;
use crate::blob_storage::error::{self, StorageError};
use crate::blob_storage::path::Target;
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
    let now = storage.settings.clock.now();
    let account = target.account();
    let (signed, reach) = if query.get("srt").is_some() {
        let reach = Reach::Account {
            services: query.text("ss").to_owned(),
            resource_types: query.text("srt").to_owned(),
        };
        (Some((account_keys(account).to_vec(), account_text(account, query))), reach)
    } else if query.get("skoid").is_some() {
        (delegated(now, target, query, headers)?, Reach::Resource)
    } else {
        let text = resource(target, query).map(|resource| service_text(&resource, query));
        (text.map(|text| (account_keys(account).to_vec(), text)), Reach::Resource)
    };
    // A space can only have been a plus that was not encoded.
    let signature = query.text("sig").replace(' ', "+");
    match signed {
        Some((keys, text)) if is_signed_by(&keys, &text, &signature) => {}
        _ => return Err(error::unauthenticated("Signature did not match.")),
    }
    let policy = stored_policy(storage, target, query)?;
    let text =
        |name, stored: Option<&String>| query.get(name).or(stored.map(String::as_str)).map(str::to_owned);
    let expiry = text("se", policy.expiry.as_ref()).unwrap_or_default();
    let expiry = verify_time(now, text("st", policy.start.as_ref()).as_deref(), &expiry)?;
    verify_protocol(storage, query)?;
    let given =
        |(name, header): &(&str, &'static str)| query.get(name).map(|value| (*header, value.to_owned()));
    Ok(Grant {
        permissions: text("sp", policy.permission.as_ref()).unwrap_or_default(),
        expiry,
        overrides: OVERRIDES.iter().filter_map(given).collect(),
        reach,
    })
}

/// Keys and text of a SAS that a user delegation key signs.
fn delegated(
    now: OffsetDateTime,
    target: &Target,
    query: &Query,
    headers: &HeaderMap,
) -> Result<Option<(Vec<String>, String)>, StorageError> {
    let key = DelegationKey::of_sas(query);
    verify_time(now, Some(&key.start), &key.expiry)?;
    if key.service != "b" || query.get("si").is_some() {
        return Err(error::unauthenticated("The user delegation key cannot be used for this."));
    }
    let text = resource(target, query).map(|resource| delegated_text(&resource, query, headers));
    Ok(text.map(|text| (vec![key.value(target.account())], text)))
}

/// The policy a SAS names, from the container it is stored with.
fn stored_policy(storage: &Storage, target: &Target, query: &Query) -> Result<Policy, StorageError> {
    let (Some(id), Some(container)) = (query.get("si"), target.container()) else {
        return Ok(Policy::default());
    };
    let find = storage.with_container(container, |container| {
        Ok(container.policies.iter().find(|policy| policy.id == id).cloned())
    });
    find.ok()
        .flatten()
        .ok_or_else(|| error::unauthenticated("The signed identifier names no stored access policy."))
}

/// Refuses what is not valid yet, not valid any more or has no end.
fn verify_time(
    now: OffsetDateTime,
    start: Option<&str>,
    expiry: &str,
) -> Result<OffsetDateTime, StorageError> {
    let malformed = || error::unauthenticated("Signed start or expiry is missing or not well formed.");
    let end = dates::parse_iso(expiry).ok_or_else(malformed)?;
    let start = start.filter(|start| !start.is_empty());
    let begin = start.map(|start| dates::parse_iso(start).ok_or_else(malformed)).transpose()?;
    if now < end && begin.is_none_or(|begin| begin <= now) {
        return Ok(end);
    }
    Err(error::unauthenticated(format!(
        "Signature not valid in the specified time frame: Start [{}] - Expiry [{expiry}] - Current [{}]",
        start.unwrap_or_default(),
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

/// The canonical name of what a SAS is about: nothing when it cannot be about this target.
fn resource(target: &Target, query: &Query) -> Option<String> {
    let container = target.container()?;
    let whole = format!("/blob/{}/{}", container.account, container.name);
    match (query.text("sr"), target) {
        ("c", _) => Some(whole),
        ("b" | "bs", Target::Blob(blob)) => Some(format!("{whole}/{}", blob.name)),
        ("d", Target::Blob(blob)) => {
            let depth = query.get("sdd")?.parse().ok()?;
            let directory: Vec<_> = blob.name.split('/').take(depth).collect();
            Some(format!("{whole}/{}", directory.join("/")))
        }
        _ => None,
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
    let signed_headers = signed(query.text("srh"), |name| header(headers, name)).map(|line| line + "\n");
    let signed_headers: String = signed_headers.collect();
    let signed_query: String =
        signed(query.text("srq"), |name| query.get(name)).map(|line| "\n".to_owned() + &line).collect();
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
    if version >= "2026-04-06" {
        lines.extend([signed_headers.as_str(), signed_query.as_str()]);
    }
    lines.extend(OVERRIDES.map(|(name, _)| query.text(name)));
    lines.join("\n")
}

/// `name:value` for every name in a list, with the value the request has.
fn signed<'a>(names: &str, value: impl Fn(&str) -> Option<&'a str>) -> impl Iterator<Item = String> {
    let names: Vec<&str> = names.split(',').filter(|name| !name.is_empty()).collect();
    let lines: Vec<_> =
        names.into_iter().map(|name| format!("{name}:{}", value(name).unwrap_or_default())).collect();
    lines.into_iter()
}
