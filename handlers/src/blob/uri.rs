//! An absolute URI as a request spells it: checked, and repeated as it was. Which account it lies in is storage's to say.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use url::Url;

/// Storage takes copy sources of at most 2 KiB; names of 1,024 characters take up to nine bytes each once escaped.
pub(crate) const CHARACTERS_MAX: usize = 16 * 1024;

/// A URI of a blob or a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct AbsoluteUri(String);

impl AbsoluteUri {
    /// As it was spelled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AbsoluteUri {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() > CHARACTERS_MAX {
            return Err(format!("expected an absolute URI of at most {CHARACTERS_MAX} characters"));
        }
        match Url::parse(&text) {
            Ok(url) if url.has_host() => Ok(Self(text)),
            _ => Err(
                "expected an absolute URI, for example https://account.blob.core.windows.net/container/blob"
                    .into(),
            ),
        }
    }
}

impl fmt::Display for AbsoluteUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for AbsoluteUri {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AbsoluteUri".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "uri", "maxLength": CHARACTERS_MAX})
    }
}
