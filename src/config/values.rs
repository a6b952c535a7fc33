//! How values of settings are written that are neither numbers nor text: lists, and words of which there are few.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A list as TOML has it, or, from the environment, as JSON text.
pub(super) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct List<T>(PhantomData<T>);

    impl<'de, T: DeserializeOwned> Visitor<'de> for List<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list, or one as JSON text")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(element) = elements.next_element()? {
                list.push(element);
            }
            Ok(list)
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            serde_json::from_str(text).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                // Its own words may repeat a value, which may be a secret; a missing or unknown member is none.
                let words = error.to_string();
                let is_about_names = words.starts_with("missing field") || words.starts_with("unknown field");
                let words = if is_about_names { format!(": {words}") } else { String::new() };
                E::custom(format!("expected a list, or one as JSON text; line {line} column {column}{words}"))
            })
        }
    }

    deserializer.deserialize_any(List(PhantomData))
}

/// A switch, or the word for one in any case, as environments have it.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "true or false")]
    enum Flag {
        Switch(bool),
        Word(String),
    }
    match Flag::deserialize(deserializer)? {
        Flag::Switch(switch) => Ok(switch),
        Flag::Word(word) if word.eq_ignore_ascii_case("true") => Ok(true),
        Flag::Word(word) if word.eq_ignore_ascii_case("false") || word.is_empty() => Ok(false),
        Flag::Word(_) => Err(serde::de::Error::custom("expected true or false")),
    }
}

/// One of a few words.
macro_rules! words {
    ($type:ident { $($word:literal => $variant:ident),+ $(,)? }) => {
        impl TryFrom<String> for $type {
            type Error = String;

            fn try_from(word: String) -> Result<Self, String> {
                match word.as_str() {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("expected one of {}, found {word:?}", [$($word),+].join(", "))),
                }
            }
        }
    };
}

pub(super) use words;
