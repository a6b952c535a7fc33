//! The rules metadata must follow for storage to take it, said before it is sent. Not how it is sent.

use std::collections::{BTreeMap, BTreeSet};

use gridwich_handlers::participants::ParticipantError;
use gridwich_handlers::resource_uri::fit_for_strangers;

/// Names and values together ("Setting and retrieving properties and metadata for blob resources").
const BYTES_MAX: usize = 8 * 1024;
/// More of a name is not repeated in an error.
const NAME_CHARACTERS_MAX: usize = 100;

/// Refuses metadata that storage would refuse, or not give back as it was given.
pub(super) fn verify(metadata: &BTreeMap<String, String>) -> Result<(), ParticipantError> {
    let mut folded = BTreeSet::new();
    for (name, value) in metadata {
        if !is_identifier(name) {
            return Err(refused(
                name,
                "expected a name of ASCII letters, digits and underscores that begins with no digit",
            ));
        }
        if !is_header_text(value) {
            return Err(refused(name, "expected a value of visible ASCII, with spaces only inside"));
        }
        if !folded.insert(name.to_ascii_lowercase()) {
            return Err(refused(name, "expected a name that differs from the others in more than case"));
        }
    }
    let bytes = metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    if bytes > BYTES_MAX {
        let message =
            format!("metadata: expected at most {BYTES_MAX} bytes of names and values, found {bytes}");
        return Err(ParticipantError::Rejected(message, None));
    }
    Ok(())
}

fn refused(name: &str, expected: &str) -> ParticipantError {
    let name = fit_for_strangers(name, NAME_CHARACTERS_MAX);
    ParticipantError::Rejected(format!("metadata.{name:?}: {expected}"), None)
}

/// A C# identifier, as far as one can be the name of a header.
fn is_identifier(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Space around the value of a header is no part of it.
fn is_header_text(value: &str) -> bool {
    value.trim() == value && value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(pairs: &[(&str, &str)]) -> Option<String> {
        let metadata = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        verify(&metadata).err().map(|error| error.to_string())
    }

    #[test]
    fn good_metadata_passes() {
        assert_eq!(refusal(&[]), None);
        assert_eq!(
            refusal(&[("DepartmentCode", "news"), ("_a1", "a b"), ("empty", ""), ("x", "{\"a\":1}")]),
            None
        );
        assert_eq!(refusal(&[("name", &"x".repeat(BYTES_MAX - 4))]), None);
    }

    #[test]
    fn a_refusal_names_the_member_and_what_was_expected() {
        let name = |name: &str| refusal(&[(name, "x")]).unwrap_or_default();
        let expected = "expected a name of ASCII letters, digits and underscores that begins with no digit";
        for bad in ["", "1a", "a-b", "a b", "größe", "a,b", "@class"] {
            assert_eq!(name(bad), format!("metadata.{bad:?}: {expected}"));
        }
        let expected = "metadata.\"Title\": expected a value of visible ASCII, with spaces only inside";
        for bad in ["ü", "a\nb", "a\tb", " a", "a ", "\u{7f}"] {
            assert_eq!(refusal(&[("Title", bad)]).unwrap(), expected);
        }
        assert_eq!(
            refusal(&[("Foo", "1"), ("foo", "2")]).unwrap(),
            "metadata.\"foo\": expected a name that differs from the others in more than case"
        );
        assert_eq!(
            refusal(&[("name", &"x".repeat(BYTES_MAX - 3))]).unwrap(),
            "metadata: expected at most 8192 bytes of names and values, found 8193"
        );
        assert!(name(&"a-".repeat(5_000)).len() < 250);
    }
}
