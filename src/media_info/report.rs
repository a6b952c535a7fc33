//! What MediaInfo said, as a report: the names that we made up are taken out, all else is as it was spelled. Not how it is
//! made to speak.

use std::collections::HashMap;

use gridwich_handlers::participants::AnalyzeError;
use serde_json::value::RawValue;

/// The name MediaInfo is made to believe in, before its extension.
const STEM: &str = "blob";
/// The longest extension it is told: those it knows have up to six characters.
const EXTENSION_CHARACTERS_MAX: usize = 8;

/// The name of a blob's file as MediaInfo is told it. The extension is the blob's if that is nothing but ASCII letters and
/// digits, because MediaInfo remarks on one that does not fit the content; nothing else of the blob's name gets there.
pub(super) fn file_name(blob: &str) -> String {
    let extension = blob.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_fit = (1..=EXTENSION_CHARACTERS_MAX).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_fit { format!("{STEM}.{extension}") } else { STEM.to_owned() }
}

/// Takes the report out of what MediaInfo wrote. `file` is the name it was told.
pub(super) fn report(written: Vec<u8>, file: &str) -> Result<Box<RawValue>, AnalyzeError> {
    let no_report = |what: &str| AnalyzeError::NoReport(format!("MediaInfo's report {what}"));
    let text = String::from_utf8(written).map_err(|_| no_report("is no UTF-8"))?;
    let text = without_made_up_names(text.trim(), file);
    if text.is_empty() {
        return Err(no_report("is empty"));
    }
    let members = serde_json::from_str::<HashMap<&str, &RawValue>>(&text);
    let members = members.map_err(|_| no_report("is no JSON object"))?;
    if !members.get("media").is_some_and(|media| media.get().starts_with('{')) {
        return Err(no_report("does not describe the blob"));
    }
    RawValue::from_string(text).map_err(|_| no_report("is no JSON object"))
}

/// `@ref` becomes empty, as in the original's reports; what else is derived from the made-up name goes. These members come
/// before any that the content of a file can influence, and quotes in values are escaped: the first match is theirs.
fn without_made_up_names(text: &str, file: &str) -> String {
    let mut text = text.to_owned();
    for colon in [": ", ":"] {
        text = text.replacen(&format!("\"@ref\"{colon}\"{file}\""), &format!("\"@ref\"{colon}\"\""), 1);
        for (member, value) in [("CompleteName", file), ("FileNameExtension", file), ("FileName", STEM)] {
            let spelled = format!("\"{member}\"{colon}\"{value}\",");
            text = text.replacen(&format!("{spelled}\n"), "", 1).replacen(&spelled, "", 1);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_blobs_name_but_a_plain_extension_is_told() {
        for (blob, file) in [
            ("show/master.MXF", "blob.MXF"),
            ("a.b.mp4", "blob.mp4"),
            ("--Output=XML", "blob"),
            ("x.m p4", "blob"),
            ("x.mp4?y", "blob"),
            ("x.%6d", "blob"),
            ("x.é", "blob"),
            ("x.", "blob"),
            ("x.mp4/..", "blob"),
            ("x.verylongextension", "blob"),
            ("mp4", "blob"),
        ] {
            assert_eq!(file_name(blob), file, "{blob}");
        }
    }

    #[test]
    fn a_report_keeps_its_spelling_but_for_names_we_made_up() {
        let spaced = concat!(
            "{\n\"media\": {\n\"@ref\": \"blob.mp4\",\n\"track\": [\n{\n\"CompleteName\": \"blob.mp4\",\n",
            "\"FileNameExtension\": \"blob.mp4\",\n\"FileName\": \"blob\",\n\"FileExtension\": \"mp4\",\n",
            "\"Title\": \"\\\"@ref\\\": \\\"blob.mp4\\\"\", \"Width\": 1.0\n}\n]\n}\n}\n\n",
        );
        let kept = report(spaced.into(), "blob.mp4").unwrap();
        let expected = concat!(
            "{\n\"media\": {\n\"@ref\": \"\",\n\"track\": [\n{\n\"FileExtension\": \"mp4\",\n",
            "\"Title\": \"\\\"@ref\\\": \\\"blob.mp4\\\"\", \"Width\": 1.0\n}\n]\n}\n}",
        );
        assert_eq!(kept.get(), expected);
        let tight =
            r#"{"media":{"@ref":"blob","track":[{"CompleteName":"blob","FileName":"blob","A":"b"}]}}"#;
        let kept = report(tight.into(), "blob").unwrap();
        assert_eq!(kept.get(), r#"{"media":{"@ref":"","track":[{"A":"b"}]}}"#);
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for written in ["", " \n", "{", "[]", "7", "{} x", "{}", r#"{"media":null}"#, r#"{"media":"x"}"#] {
            assert!(matches!(report(written.into(), "blob"), Err(AnalyzeError::NoReport(_))), "{written}");
        }
        assert!(report(vec![b'{', 0xff], "blob").is_err());
    }
}
