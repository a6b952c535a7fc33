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
    /// Takes a URI as it was spelled. Of its query only what names a version of a blob is kept, so that nobody takes the
    /// blob itself for it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = text.split('#').next().unwrap_or_default();
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let is_version = |pair: &&str| ["snapshot=", "versionid="].iter().any(|name| starts_with(pair, name));
        match query.split('&').find(is_version) {
            Some(version) => Self(format!("{path}?{version}")),
            None => Self(path.to_owned()),
        }
    }

    /// As it was spelled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

/// A sentence as a stranger may read it: cut at `characters_max`, and without the queries of whatever looks like a URL,
/// because they may be signatures.
#[must_use]
pub fn fit_for_strangers(sentence: &str, characters_max: usize) -> String {
    let clipped = sentence.chars().take(characters_max).collect::<String>();
    let mut fit = String::with_capacity(clipped.len());
    let mut rest = clipped.as_str();
    while let Some(scheme) = rest.find("://") {
        let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>');
        let end = rest[scheme..].find(is_end).map_or(rest.len(), |end| scheme + end);
        let query = rest[scheme..end].find('?').map_or(end, |query| scheme + query);
        fit.push_str(&rest[..query]);
        rest = &rest[end..];
    }
    fit + rest
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
        let snapshot = ResourceUri::new("https://a/c/b?sv=1&Snapshot=2026&sig=secret");
        assert_eq!(snapshot.as_str(), "https://a/c/b?Snapshot=2026");
    }

    #[test]
    fn sentences_lose_signatures_and_excess() {
        for (sentence, fit) in [
            ("cannot read https://a/c/b?sv=1&sig=x because", "cannot read https://a/c/b because"),
            (
                "string \"https://a/b?sig=x\", expected http://c?d",
                "string \"https://a/b\", expected http://c",
            ),
            ("a:// ?://", "a:// ?://"),
            ("what? nothing", "what? nothing"),
        ] {
            assert_eq!(fit_for_strangers(sentence, 100), fit);
        }
        assert_eq!(fit_for_strangers("ääääa", 4), "ääää");
    }
}
