//! Why ffmpeg failed, in the dialect's codes, from its exit code and its last words. Not what is done about it.

use std::path::Path;

use super::process::Ended;
use crate::media_services::jobs::{JobError, JobErrorCode};

/// Last words that go into an error's details.
const DETAILS_MAX: usize = 5;
const DETAIL_CHARS_MAX: usize = 300;

/// What ffmpeg 5.1 says, in lower case, and what it means; the first that is found counts.
const MEANINGS: [(&str, JobErrorCode); 18] = [
    ("no space left", JobErrorCode::ServiceTransientError),
    ("cannot allocate memory", JobErrorCode::ServiceTransientError),
    ("unknown encoder", JobErrorCode::ConfigurationUnsupported),
    ("matches no streams", JobErrorCode::ConfigurationUnsupported),
    ("not divisible by 2", JobErrorCode::ConfigurationUnsupported),
    ("error initializing complex filter", JobErrorCode::ConfigurationUnsupported),
    ("error reinitializing filters", JobErrorCode::ConfigurationUnsupported),
    ("error while opening encoder", JobErrorCode::ConfigurationUnsupported),
    ("error initializing output stream", JobErrorCode::ConfigurationUnsupported),
    ("could not find tag for codec", JobErrorCode::ContentUnsupported),
    ("codec not currently supported in container", JobErrorCode::ContentUnsupported),
    ("format not on whitelist", JobErrorCode::ContentUnsupported),
    ("decoder (codec", JobErrorCode::ContentUnsupported),
    ("moov atom not found", JobErrorCode::ContentMalformed),
    ("invalid data found", JobErrorCode::ContentMalformed),
    ("partial file", JobErrorCode::ContentMalformed),
    ("error while decoding", JobErrorCode::ContentMalformed),
    ("nothing was encoded", JobErrorCode::ContentMalformed),
];

/// How shells tell of a program that was killed (9, 15) or crashed (4, 6, 7, 8, 11): 128 and the signal. ffmpeg's own
/// codes lie in the same range, so that only these mean a signal.
const SIGNALLED: [i32; 7] = [128 + 4, 128 + 6, 128 + 7, 128 + 8, 128 + 9, 128 + 11, 128 + 15];

/// A run that failed.
pub(super) fn failure(ended: &Ended, folder: &Path) -> JobError {
    let error = match code_of(&ended.complaints) {
        // Not by us: nobody waits for what we kill.
        _ if SIGNALLED.contains(&ended.code) => {
            let message = format!("The encoder was ended by signal {}.", ended.code - 128);
            JobError::new(JobErrorCode::ServiceTransientError, message)
        }
        Some(code) => JobError::new(code, sentence(code)),
        None => JobError::new(JobErrorCode::ServiceError, sentence(JobErrorCode::ServiceError)),
    };
    with_last_words(error, ended, folder)
}

/// A run that ended well but made less than it should have: the input breaks off, or the encoder is to blame.
pub(super) fn too_short(what: &str, ended: &Ended, folder: &Path) -> JobError {
    let code = match code_of(&ended.complaints) {
        Some(JobErrorCode::ContentMalformed) => JobErrorCode::ContentMalformed,
        _ => JobErrorCode::ServiceError,
    };
    let message = format!("The output '{what}' is shorter than its input: {}", sentence(code));
    with_last_words(JobError::new(code, message), ended, folder)
}

fn code_of(complaints: &str) -> Option<JobErrorCode> {
    let complaints = complaints.to_lowercase();
    MEANINGS.iter().find(|(words, _)| complaints.contains(words)).map(|(_, code)| *code)
}

fn sentence(code: JobErrorCode) -> &'static str {
    match code {
        JobErrorCode::ContentMalformed => "The input is broken and cannot be decoded.",
        JobErrorCode::ContentUnsupported => "The input is of a kind that cannot be handled.",
        JobErrorCode::ConfigurationUnsupported => "The preset does not fit the input.",
        JobErrorCode::ServiceTransientError => "The encoder ran out of room.",
        _ => "The encoder failed.",
    }
}

fn with_last_words(error: JobError, ended: &Ended, folder: &Path) -> JobError {
    let lines = ended.complaints.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let last = lines.iter().skip(lines.len().saturating_sub(DETAILS_MAX));
    last.fold(error, |error, line| error.with_detail("EncoderMessage", redacted(line, folder)))
}

/// A line without paths of this machine and without what follows a `?` in anything that looks like a URL.
fn redacted(line: &str, folder: &Path) -> String {
    let line = line.replace(&*format!("{}/", folder.to_string_lossy()), "");
    let words = line.split(' ').map(|word| match word.split_once('?') {
        Some((before, query)) if query.contains('=') => before,
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ").chars().take(DETAIL_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(code: i32, complaints: &str) -> JobError {
        failure(&Ended { code, complaints: complaints.to_owned() }, Path::new("/scratch/job-1"))
    }

    #[test]
    fn last_words_tell_what_went_wrong() {
        assert_eq!(failed(1, "[error] moov atom not found").code, JobErrorCode::ContentMalformed);
        assert_eq!(
            failed(1, "[error] Unknown encoder 'libx265'").code,
            JobErrorCode::ConfigurationUnsupported
        );
        assert_eq!(failed(1, "[error] No space left on device").code, JobErrorCode::ServiceTransientError);
        assert_eq!(failed(1, "").code, JobErrorCode::ServiceError);
        assert_eq!(failed(137, "[error] moov atom not found").code, JobErrorCode::ServiceTransientError);
        assert_eq!(failed(183, "[error] moov atom not found").code, JobErrorCode::ContentMalformed);
    }

    #[test]
    fn details_show_neither_paths_nor_signatures() {
        let error = failed(1, "file:/scratch/job-1/in-0: Invalid data\nhttp://a/b?sv=1&sig=secret: no\n");
        let details = error.details.iter().map(|detail| detail.message.as_str()).collect::<Vec<_>>();
        assert_eq!(details, ["file:in-0: Invalid data", "http://a/b no"]);
    }
}
