//! Secrets and their versions. Not how they are asked for.

use std::collections::BTreeMap;

use serde::Deserialize;
use time::OffsetDateTime;

use super::error::VaultError;

/// Secrets in a vault: Azure has no limit, this process has memory.
const SECRETS_MAX: usize = 1_000;
/// Versions kept of a secret; Azure backs up no more than these, and here older ones go.
const VERSIONS_MAX: usize = 500;
/// Documented: bytes of a value.
const VALUE_BYTES_MAX: usize = 25 * 1024;
/// Documented: characters of a name.
const NAME_CHARS_MAX: usize = 127;

/// What `PUT` is sent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewSecret {
    value: String,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    attributes: NewAttributes,
}

#[derive(Default, Deserialize)]
struct NewAttributes {
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    exp: Option<i64>,
}

/// One version of a secret.
#[derive(Clone)]
pub(super) struct Version {
    /// 32 hexadecimal digits.
    pub id: String,
    pub value: String,
    pub content_type: Option<String>,
    pub tags: Option<BTreeMap<String, String>>,
    pub enabled: bool,
    /// Seconds since 1970.
    pub not_before: Option<i64>,
    /// Seconds since 1970.
    pub expires: Option<i64>,
    pub created: OffsetDateTime,
}

/// All secrets of a vault, by their names in lower case.
#[derive(Default)]
pub(super) struct Secrets(BTreeMap<String, Vec<Version>>);

impl Secrets {
    /// Adds a version to a secret, which comes into being with its first.
    pub fn add(
        &mut self,
        name: &str,
        new: NewSecret,
        id: String,
        now: OffsetDateTime,
    ) -> Result<Version, VaultError> {
        check_name(name)?;
        if new.value.len() > VALUE_BYTES_MAX {
            return Err(VaultError::bad_parameter(format!(
                "The secret value is too long: at most {VALUE_BYTES_MAX} bytes are allowed."
            )));
        }
        let key = name.to_ascii_lowercase();
        if !self.0.contains_key(&key) && self.0.len() >= SECRETS_MAX {
            return Err(VaultError::bad_parameter(format!("This vault takes {SECRETS_MAX} secrets.")));
        }
        let version = Version {
            id,
            value: new.value,
            content_type: new.content_type,
            tags: new.tags,
            enabled: new.attributes.enabled.unwrap_or(true),
            not_before: new.attributes.nbf,
            expires: new.attributes.exp,
            created: now,
        };
        let versions = self.0.entry(key).or_default();
        if versions.len() >= VERSIONS_MAX {
            versions.remove(0);
        }
        versions.push(version.clone());
        Ok(version)
    }

    /// A version of a secret, the newest unless one is named. Not before and expiry do not keep it from being read.
    pub fn get(&self, name: &str, version: Option<&str>) -> Result<Version, VaultError> {
        check_name(name)?;
        let versions = self.0.get(&name.to_ascii_lowercase());
        let found = versions.and_then(|versions| match version {
            None => versions.last(),
            Some(id) => versions.iter().find(|each| each.id.eq_ignore_ascii_case(id)),
        });
        let id = || version.map_or_else(|| name.to_owned(), |version| format!("{name}/{version}"));
        match found {
            Some(found) if found.enabled => Ok(found.clone()),
            Some(_) => Err(VaultError::disabled()),
            None => Err(VaultError::not_found(&id())),
        }
    }
}

fn check_name(name: &str) -> Result<(), VaultError> {
    let is_name = (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match is_name {
        true => Ok(()),
        false => Err(VaultError::bad_parameter(
            "The request URI contains an invalid name: 1 to 127 letters, digits and hyphens are allowed.",
        )),
    }
}
