//! Reads an event's data into the type a handler asks for, naming the member that does not fit. Not what the data means.
//!
//! Member names are matched without case, as callers of the original rely on; among members that differ only in case none
//! wins: that is an error, like any repeated member.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::CowStrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::text::Text;

/// Why data could not be read, in words for the sender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {expected}")]
pub struct DataError {
    /// The path of the member at fault, from `data`.
    pub member: String,
    /// What was expected, and what was found.
    pub expected: String,
}

/// Reads data: a JSON object, or a string that holds the text of one (both are in use).
///
/// # Errors
/// Names the member and what was expected of it.
pub fn read<T: DeserializeOwned>(data: &str) -> Result<T, DataError> {
    let data = unwrap_text(data)?;
    let mut json = serde_json::Deserializer::from_str(&data);
    if let Ok(value) = T::deserialize(AnyCase(&mut json)) {
        return json.end().map(|()| value).map_err(|_| not_an_object());
    }
    // Paths cost time, so they are kept only once something is known to be wrong.
    let mut json = serde_json::Deserializer::from_str(&data);
    serde_path_to_error::deserialize(AnyCase(&mut json)).map_err(|error| DataError {
        member: match error.path().to_string().as_str() {
            "." => "data".to_owned(),
            path => format!("data.{path}"),
        },
        expected: without_position(&error.into_inner().to_string()),
    })
}

/// The object's text, when `data` is a JSON string that holds one.
pub(super) fn unwrap_text(data: &str) -> Result<Cow<'_, str>, DataError> {
    if data.starts_with('{') {
        return Ok(Cow::Borrowed(data));
    }
    let text = serde_json::from_str::<String>(data).unwrap_or_default();
    if text.trim_start().starts_with('{') { Ok(Cow::Owned(text)) } else { Err(not_an_object()) }
}

fn not_an_object() -> DataError {
    let expected = "expected an object, or a string that holds the text of one".to_owned();
    DataError { member: "data".to_owned(), expected }
}

/// serde_json ends its sentences with a line and column of our own making.
fn without_position(sentence: &str) -> String {
    sentence.rsplit_once(" at line ").map_or(sentence, |(sentence, _)| sentence).to_owned()
}

/// A deserializer whose structs take their members whatever their case.
struct AnyCase<D>(D);

macro_rules! pass_on {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(AnyCaseVisitor { visitor, members: &[] })
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for AnyCase<D> {
    type Error = D::Error;

    pass_on! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_option
        deserialize_unit deserialize_seq deserialize_map deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        members: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct(name, members, AnyCaseVisitor { visitor, members })
    }

    /// Newtypes pass through untouched: among them is serde_json's own for raw values.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, AnyCaseVisitor { visitor, members: &[] })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple_struct(name, len, AnyCaseVisitor { visitor, members: &[] })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }
}

/// Carries the rule into whatever is visited: values, options, arrays and the members of objects.
struct AnyCaseVisitor<V> {
    visitor: V,
    members: &'static [&'static str],
}

macro_rules! visit {
    ($($method:ident($type:ty))*) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for AnyCaseVisitor<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    visit! {
        visit_bool(bool) visit_i64(i64) visit_i128(i128) visit_u64(u64) visit_u128(u128) visit_f64(f64)
        visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(AnyCase(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(AnyCaseSeq(seq))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(AnyCaseMap { map, members: self.members })
    }
}

struct AnyCaseSeq<A>(A);

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for AnyCaseSeq<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.0.next_element_seed(AnyCaseSeed(seed))
    }
}

struct AnyCaseMap<A> {
    map: A,
    members: &'static [&'static str],
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for AnyCaseMap<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let Some(Text(name)) = self.map.next_key::<Text<'de>>()? else { return Ok(None) };
        let known = self.members.iter().find(|known| known.eq_ignore_ascii_case(&name));
        let name = known.map_or(name, |known| Cow::Borrowed(*known));
        seed.deserialize(KeyDeserializer(CowStrDeserializer::new(name))).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.map.next_value_seed(AnyCaseSeed(seed))
    }
}

struct KeyDeserializer<'a, E>(CowStrDeserializer<'a, E>);

impl<'de, E: Error> Deserializer<'de> for KeyDeserializer<'_, E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        self.0.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct AnyCaseSeed<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for AnyCaseSeed<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(AnyCase(deserializer))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::operation_context::OperationContext;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase")]
    struct Inner {
        blob_uri: String,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase")]
    struct Outer {
        inputs: Vec<Inner>,
        time_based: Option<Inner>,
        operation_context: Option<OperationContext>,
    }

    #[test]
    fn member_names_are_matched_without_case_at_every_level() {
        let data = r#"{"INPUTS":[{"BlobUri":"a"}],"timebased":{"bloburi":"b"},"OperationContext":{"Keep":1.0},"x":{"y":1}}"#;
        let read = read::<Outer>(data).unwrap();
        assert_eq!(read.inputs, [Inner { blob_uri: "a".into() }]);
        assert_eq!(read.time_based, Some(Inner { blob_uri: "b".into() }));
        assert_eq!(read.operation_context, Some(OperationContext::parse(r#"{"Keep":1.0}"#).unwrap()));
    }

    #[test]
    fn data_may_be_the_text_of_an_object() {
        let read = read::<Inner>(r#""{\"blobUri\":\"a\"}""#).unwrap();
        assert_eq!(read.blob_uri, "a");
    }

    #[test]
    fn an_error_names_the_member_and_what_was_expected() {
        for (data, expected) in [
            ("null", "data: expected an object, or a string that holds the text of one"),
            ("[[]]", "data: expected an object, or a string that holds the text of one"),
            (r#""{\"inputs\":[]} x""#, "data: expected an object, or a string that holds the text of one"),
            ("\"\"", "data: expected an object, or a string that holds the text of one"),
            ("\"text\"", "data: expected an object, or a string that holds the text of one"),
            ("{}", "data: missing field `inputs`"),
            (
                r#"{"inputs":[{"blobUri":7}]}"#,
                "data.inputs[0].blobUri: invalid type: integer `7`, expected a string",
            ),
            (r#"{"Inputs":[{}]}"#, "data.inputs[0]: missing field `blobUri`"),
            (
                r#"{"inputs":[],"timeBased":[]}"#,
                "data.timeBased: invalid length 0, expected struct Inner with 1 element",
            ),
            (r#"{"inputs":[],"INPUTS":[]}"#, "data: duplicate field `inputs`"),
            (r#"{"inputs":[],"operationContext":"x"}"#, "data.operationContext: expected a JSON object"),
        ] {
            assert_eq!(read::<Outer>(data).unwrap_err().to_string(), expected, "{data}");
        }
    }
}
