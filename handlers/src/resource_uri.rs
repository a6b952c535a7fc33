//! A URI as a request spells it, without what must not be repeated. Which account it lies in is storage's to say.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// Longer ones are refused: 1,024 characters of a blob's name take up to twelve characters each once percent-encoded.
const CHARACTERS_MAX: usize = 16 * 1024;

/// The URI of a blob or a container, as spelled but for its query and fragment.
///
/// A query is dropped because it may be a signature, which no answer may repeat; Gridwich has rights of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ResourceUri(String);

impl ResourceUri {
    /// Takes a URI as it was spelled.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let end = text.find(['?', '#']).unwrap_or(text.len());
        Self(text[..end].to_owned())
    }

    /// As it was spelled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ResourceUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() > CHARACTERS_MAX {
            let expected = format!("expected a URI of at most {CHARACTERS_MAX} characters");
            return Err(serde::de::Error::custom(expected));
        }
        Ok(Self::new(&text))
    }
}

impl JsonSchema for ResourceUri {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ResourceUri".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "uri", "maxLength": CHARACTERS_MAX})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_not_kept() {
        let uri = ResourceUri::new("https://a.blob.core.windows.net/c/b%3F?sv=1&sig=secret#x");
        assert_eq!(uri.as_str(), "https://a.blob.core.windows.net/c/b%3F");
    }
}
