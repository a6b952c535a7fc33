//! Runs ffmpeg or ffprobe so that it never outlives who wanted it. What it says is read elsewhere.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use super::super::jobs::{JobError, JobErrorCode};
use super::service_error;

/// The program lives as long as somebody holds the other end of the shell's standard input: it dies when that end is
/// dropped, and also when the whole process of its owner is killed. Anything else (a parent-death signal, say) would
/// need unsafe code. The arguments are the shell's own, never parsed by it.
const SUPERVISE: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
(read -r _ <&3; kill -9 "$program") >/dev/null 2>&1 &
lifeline=$!
wait "$program"
code=$?
kill "$lifeline" 2>/dev/null
exit "$code"
"#;

/// What shells answer when a program cannot be started.
const NOT_STARTED: [i32; 2] = [126, 127];
/// Last words that are kept; a broken file makes an encoder complain about each frame.
const COMPLAINTS_BYTES_MAX: usize = 8 * 1024;

/// A line of a report is shorter; a longer one is heard in pieces.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// How a program ended.
#[derive(Debug)]
pub(in crate::media_services) struct Ended {
    /// Its exit code; for a signal 128 and the signal's number, as shells count.
    pub code: i32,
    /// The end of what it wrote to standard error.
    pub complaints: String,
}

/// Runs a program to its end, and reads its standard output line by line. Dropping the future kills the program.
pub(in crate::media_services) async fn run(
    program: &Path,
    arguments: &[OsString],
    time_max: Duration,
    on_line: impl FnMut(&str),
) -> Result<Ended, JobError> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", SUPERVISE, "supervise"])
        .arg(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // The terminal's Ctrl-C is for the owner, who then decides.
        .process_group(0)
        .spawn()
        .map_err(|error| not_started(&error.kind().to_string()))?;
    let lifeline = child.stdin.take();
    let stdout = child.stdout.take().expect("standard output is piped");
    let stderr = child.stderr.take().expect("standard error is piped");
    let waiting = async {
        let status = child.wait().await;
        // Without its shell the program is not supervised any more, and is to end too.
        drop(lifeline);
        status
    };
    let speaking = async { tokio::join!(waiting, read_lines(stdout, on_line), read_end(stderr)) };
    let (status, (), complaints) = tokio::time::timeout(time_max, speaking)
        .await
        .map_err(|_| service_error(format!("The encoder did not end within {} s.", time_max.as_secs())))?;
    let code = code_of(status.map_err(|error| not_started(&error.kind().to_string()))?);
    if NOT_STARTED.contains(&code) {
        return Err(not_started("the program is missing or not executable"));
    }
    Ok(Ended { code, complaints })
}

fn code_of(status: ExitStatus) -> i32 {
    status.code().or_else(|| Some(128 + status.signal()?)).unwrap_or(-1)
}

fn not_started(reason: &str) -> JobError {
    JobError::new(JobErrorCode::ServiceError, format!("The encoder cannot be started: {reason}."))
}

async fn read_lines(from: impl AsyncRead + Unpin, mut on_line: impl FnMut(&str)) {
    let (mut reader, mut line) = (BufReader::new(from), Vec::new());
    while let Ok(1..) = (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await {
        on_line(String::from_utf8_lossy(&line).trim_end_matches('\n'));
        line.clear();
    }
}

/// Reads all, keeps the end.
async fn read_end(mut from: impl AsyncRead + Unpin) -> String {
    let (mut end, mut chunk) = (VecDeque::new(), [0; 4096]);
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        end.extend(&chunk[..length]);
        let too_much = end.len().saturating_sub(COMPLAINTS_BYTES_MAX);
        end.drain(..too_much);
    }
    String::from_utf8_lossy(end.make_contiguous()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    async fn sh(script: &str, time_max: Duration) -> (Result<Ended, JobError>, Vec<String>) {
        let mut lines = Vec::new();
        let arguments = ["-c", script].map(OsString::from);
        let ended = run(Path::new("sh"), &arguments, time_max, |line| lines.push(line.to_owned())).await;
        (ended, lines)
    }

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn lines_complaints_and_the_exit_code_are_heard() {
        let (ended, lines) = sh("echo one; echo two; echo bad >&2; exit 3", SOON).await;
        let ended = ended.unwrap();
        assert_eq!((ended.code, ended.complaints.as_str()), (3, "bad\n"));
        assert_eq!(lines, ["one", "two"]);
    }

    #[tokio::test]
    async fn only_the_end_of_long_complaints_is_kept() {
        let (ended, _) =
            sh("i=0; while [ $i -lt 2000 ]; do echo complaint $i >&2; i=$((i+1)); done", SOON).await;
        let complaints = ended.unwrap().complaints;
        assert!(complaints.len() <= COMPLAINTS_BYTES_MAX && complaints.ends_with("complaint 1999\n"));
    }

    #[tokio::test]
    async fn a_program_that_is_missing_is_a_service_error() {
        let error = run(Path::new("/nonexistent/ffmpeg"), &[], SOON, |_| ()).await.unwrap_err();
        assert_eq!(error.code, JobErrorCode::ServiceError);
    }

    #[tokio::test]
    async fn a_program_that_is_not_wanted_any_more_is_killed() {
        let sign = SignOfLife::new("unwanted");
        let (ended, _) = sh(&sign.script(), Duration::from_millis(300)).await;
        assert_eq!(ended.unwrap_err().code, JobErrorCode::ServiceError);
        sign.ceases().await;
    }

    #[tokio::test]
    async fn a_program_whose_supervisor_is_killed_is_killed_too() {
        let sign = SignOfLife::new("unsupervised");
        let script = format!("echo $PPID; {}", sign.script());
        let kill_supervisor = |line: &str| {
            let killed = std::process::Command::new("kill").args(["-9", line]).status();
            assert!(killed.unwrap().success());
        };
        let arguments = ["-c", &script].map(OsString::from);
        let started = Instant::now();
        let ended = run(Path::new("sh"), &arguments, SOON, kill_supervisor).await;
        assert_eq!(ended.unwrap().code, 137);
        assert!(started.elapsed() < Duration::from_secs(3));
        sign.ceases().await;
    }

    /// A file that a program writes as long as it runs.
    struct SignOfLife(std::path::PathBuf);

    impl SignOfLife {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("local-azure-{name}-{}", std::process::id())))
        }

        fn script(&self) -> String {
            format!("while true; do date > '{}'; sleep 0.05; done", self.0.display())
        }

        async fn ceases(&self) {
            let started = Instant::now();
            while std::fs::remove_file(&self.0).is_ok() {
                assert!(started.elapsed() < Duration::from_secs(3), "the program still runs");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}
