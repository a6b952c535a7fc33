//! The query of a URL, taken apart and decoded. Not what its parameters mean.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Decoded parameters in the order they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads everything after the question mark. A plus is a space, as HTML forms and several Azure clients write it.
    pub fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self(pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(decode_pair).collect())
    }

    /// The first parameter of this name, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The same, or nothing at all.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Every parameter, by name in lower case, then by value.
    pub fn sorted(&self) -> Vec<(String, &str)> {
        let mut all: Vec<_> =
            self.0.iter().map(|(key, value)| (key.to_lowercase(), value.as_str())).collect();
        all.sort();
        all
    }
}

fn decode_pair((key, value): (&str, &str)) -> (String, String) {
    (decode(key), decode(value))
}

fn decode(text: &str) -> String {
    let text = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_found_whatever_their_case() {
        let query = Query::parse("Comp=list&prefix=a%2Fb+c%2B&empty=&flag");
        assert_eq!(query.get("comp"), Some("list"));
        assert_eq!(query.get("prefix"), Some("a/b c+"));
        assert_eq!(query.get("empty"), None);
        assert_eq!(query.sorted()[0], ("comp".to_owned(), "list"));
        assert_eq!(Query::parse(""), Query::default());
    }
}
