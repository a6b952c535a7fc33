//! How dead letters are shown to people: control characters and signatures stay out of sight. Reads and sends nothing.

use gridwich_handlers::resource_uri::fit_for_strangers;
use serde_json::value::RawValue;

/// Longer texts of strangers are cut where one line is all there is.
const LINE_CHARACTERS_MAX: usize = 200;
/// Deeper levels are not indented further: a letter may have as many levels as it has bytes.
const INDENTED_LEVELS_MAX: usize = 32;

/// The member of a CloudEvent that holds its data as Base64 (the specification of its JSON format).
const ENCODED: &str = "data_base64";

/// A stranger's text on one line.
pub(super) fn line(text: &str) -> String {
    let text = fit_for_strangers(text, LINE_CHARACTERS_MAX);
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Rows with their columns below each other.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths = (0..columns).map(width).collect::<Vec<_>>();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    });
    lines.collect()
}

/// JSON laid out for people. Everything is spelled as it was, but that URLs lose their queries, which may be signatures, and
/// that of encoded data, which may hold such URLs, only the length is shown.
pub(super) fn legible(json: &str) -> String {
    let (mut out, mut level, mut rest) = (String::with_capacity(json.len() * 2), 0_usize, json);
    let mut is_encoded = false;
    let break_line = |out: &mut String, level: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(level.min(INDENTED_LEVELS_MAX)));
    };
    while let Some(next) = rest.chars().next() {
        let token = if next == '"' { &rest[..string_end(rest)] } else { &rest[..next.len_utf8()] };
        rest = &rest[token.len()..];
        match next {
            '"' if is_encoded => {
                out.push_str(&format!("\"{} characters\"", token.len().saturating_sub(2)));
                is_encoded = false;
            }
            '"' => {
                out.push_str(&without_signatures(token));
                is_encoded = names_encoded_text(token, rest);
            }
            '{' | '[' => {
                out.push(next);
                let ahead = rest.trim_start();
                if ahead.starts_with(['}', ']']) {
                    out.push_str(&ahead[..1]);
                    rest = &ahead[1..];
                } else {
                    level += 1;
                    break_line(&mut out, level);
                }
            }
            '}' | ']' => {
                level = level.saturating_sub(1);
                break_line(&mut out, level);
                out.push(next);
            }
            ',' => {
                out.push(next);
                break_line(&mut out, level);
            }
            ':' => out.push_str(": "),
            _ if next.is_ascii_whitespace() => {}
            _ => out.push(next),
        }
    }
    out
}

/// Whether a string is the name of a text in the encoding that CloudEvents have for bytes.
fn names_encoded_text(token: &str, rest: &str) -> bool {
    let value = rest.trim_start().strip_prefix(':').map(str::trim_start);
    let is_text = value.is_some_and(|value| value.starts_with('"'));
    is_text && serde_json::from_str::<String>(token).is_ok_and(|name| name.eq_ignore_ascii_case(ENCODED))
}

/// The length of the string that a text begins with, its quotes included.
fn string_end(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

/// A string of JSON without the queries of URLs, also where it holds the text of JSON.
fn without_signatures(token: &str) -> String {
    // What cannot be decoded is judged as it is spelled.
    let text = serde_json::from_str::<String>(token).unwrap_or_else(|_| token.trim_matches('"').to_owned());
    let is_json =
        text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<&RawValue>(&text).is_ok();
    let fit = if is_json { strings_without_signatures(&text) } else { fit_for_strangers(&text, usize::MAX) };
    if fit == text { token.to_owned() } else { serde_json::Value::String(fit).to_string() }
}

fn strings_without_signatures(json: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(json.len()), json);
    while let Some(start) = rest.find('"') {
        out.push_str(&rest[..start]);
        let token = &rest[start..][..string_end(&rest[start..])];
        out.push_str(&without_signatures(token));
        rest = &rest[start + token.len()..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_with_its_spelling_and_without_signatures() {
        let json = r#"{"n":1.50, "big":12345678901234567890123,"a":[ ],"o":{"e":"\u00e9, {\"x\": \"y\"}:"},
            "uri":"https:\/\/a.example/c/b\u003fsv=1&sig=hush","in":"{\"u\":\"https://a/b?sig=hush\"}","l":[1,[true,null]]}"#;
        let expected = r#"{
  "n": 1.50,
  "big": 12345678901234567890123,
  "a": [],
  "o": {
    "e": "\u00e9, {\"x\": \"y\"}:"
  },
  "uri": "https://a.example/c/b",
  "in": "{\"u\":\"https://a/b\"}",
  "l": [
    1,
    [
      true,
      null
    ]
  ]
}"#;
        assert_eq!(legible(json), expected);
        assert!(legible(&format!("{}{}", "[".repeat(50_000), "]".repeat(50_000))).len() < 20_000_000);
    }

    #[test]
    fn of_encoded_data_the_length_is_shown() {
        let hush = "aHR0cHM6Ly9hL2I/c2lnPWh1c2g=";
        let json = format!(
            r#"{{"data_base64": "{hush}","b":"data_base64","Data\u005fBase64":"{hush}","data_base64":1,"c":"d"}}"#
        );
        let expected = "{\n  \"data_base64\": \"28 characters\",\n  \"b\": \"data_base64\",\n  \
                        \"Data\\u005fBase64\": \"28 characters\",\n  \"data_base64\": 1,\n  \"c\": \"d\"\n}";
        assert_eq!(legible(&json), expected);
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(line("a\n\u{1b}[31mb https://x/y?sig=hush"), "a\\n\\u{1b}[31mb https://x/y");
        let rows = [vec!["a".to_owned(), "bb".to_owned()], vec!["ccc".to_owned(), String::new()]];
        assert_eq!(table(&rows), "a    bb\nccc\n");
    }
}
