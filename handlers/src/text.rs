//! Strings of JSON, borrowed from what they are read from unless they have escapes. Not numbers or objects.

use std::borrow::Cow;

use serde::Deserialize;

/// A string that is read without a copy where that is possible: a bare `Cow<str>` is always a copy.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);
