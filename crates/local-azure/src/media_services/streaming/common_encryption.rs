//! Common encryption (ISO/IEC 23001-7) of tracks, which Shaka Packager does while it cuts them into segments. Which key,
//! and what players are told of it, is decided elsewhere.

use std::ffi::OsString;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::error::StreamError;
use super::request::Part;
use super::xml;
use crate::media_services::ffmpeg::{PackagedTrack, process};
use crate::media_services::publication::KeyKind;

/// Packaging copies and encrypts: hours of media take seconds to minutes.
const PACKAGE_TIME_MAX: Duration = Duration::from_secs(600);
/// As the other packages have it.
const SEGMENT_SECONDS: u32 = 2;
/// Where the files to be packaged are, in the package's folder, by number.
pub(super) const INPUTS: &str = "inputs";
/// The list of all segments that Shaka Packager writes beside them.
pub(super) const SEGMENT_LIST: &str = "segments.mpd";
/// Holds the key while the packager runs: arguments of programs are everybody's to read.
const FLAGS: &str = "flags";
/// Paths are relative, because stream descriptors have no way to escape a comma in one.
const IN_FOLDER: &str = r#"cd "$1" && shift && exec "$@""#;

/// How samples are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// AES in counter mode.
    Cenc,
    /// AES in cipher block chaining mode, of one block in ten of pictures.
    Cbcs,
}

impl Scheme {
    /// The scheme's four characters.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cenc => "cenc",
            Self::Cbcs => "cbcs",
        }
    }

    /// The kind of its keys.
    pub fn kind(self) -> KeyKind {
        match self {
            Self::Cenc => KeyKind::CommonEncryptionCenc,
            Self::Cbcs => KeyKind::CommonEncryptionCbcs,
        }
    }
}

/// What tracks are encrypted with, and what their initializations say of it. It has no `Debug`, so that the key is never
/// logged.
pub(super) struct CommonEncryption {
    pub scheme: Scheme,
    pub key_id: Uuid,
    pub key: [u8; 16],
    /// Whether there is a header for Widevine.
    pub widevine: bool,
    /// Where licences for PlayReady are, if there is a header for it.
    pub play_ready: Option<String>,
}

/// Writes `init-N.mp4` and `segment-N-M.m4s` as the other packager does, and [`SEGMENT_LIST`], into a folder whose
/// [`INPUTS`] are there.
pub(super) async fn package(
    packager: &Path,
    tracks: &[PackagedTrack],
    encryption: &CommonEncryption,
    folder: &Path,
) -> Result<(), StreamError> {
    let flags = folder.join(FLAGS);
    write_private(&flags, &encryption.flags())?;
    let shell = ["-c", IN_FOLDER, "packager"].map(OsString::from).into_iter();
    let program = [folder.as_os_str().to_owned(), packager.as_os_str().to_owned()];
    let arguments = shell.chain(program).chain(tracks.iter().enumerate().map(descriptor));
    let arguments = arguments.chain([OsString::from(format!("--flagfile={FLAGS}"))]).collect::<Vec<_>>();
    let ended = process::run(Path::new("/bin/sh"), &arguments, PACKAGE_TIME_MAX, |_| ()).await;
    tokio::fs::remove_file(&flags).await?;
    // What it said is not repeated: it has read the key.
    match ended.map_err(|_| StreamError::internal("Shaka Packager did not run to its end."))?.code {
        0 => Ok(()),
        code => Err(StreamError::unprocessable(format!(
            "The media of the asset cannot be encrypted: Shaka Packager ended with {code}."
        ))),
    }
}

impl CommonEncryption {
    fn flags(&self) -> String {
        let systems = [("Widevine", self.widevine), ("PlayReady", self.play_ready.is_some())];
        let systems = systems.iter().filter(|(_, is_named)| *is_named).map(|(name, _)| *name);
        // The common header, for any system, is there always.
        let systems = systems.chain(["CommonSystem"]).collect::<Vec<_>>().join(",");
        let key = hex(&self.key);
        let mut flags = format!(
            "--enable_raw_key_encryption\n--keys=label=:key_id={}:key={key}\n--protection_scheme={}\n\
             --protection_systems={systems}\n--clear_lead=0\n--segment_duration={SEGMENT_SECONDS}\n\
             --generate_static_live_mpd\n--mpd_output={SEGMENT_LIST}\n",
            self.key_id.simple(),
            self.scheme.word(),
        );
        if self.scheme == Scheme::Cbcs {
            // It is in the initialization, and must fit segments of the package that is made when this one is gone. With
            // `cenc` each sample has its own, and tracks that shared one would share their key stream.
            let iv = Sha256::digest([&self.key[..], b"initialization vector"].concat());
            flags.push_str(&format!("--iv={}\n", hex(&iv[..16])));
        }
        if let Some(url) = &self.play_ready {
            let url = xml::escaped(url);
            flags.push_str(&format!("--playready_extra_header_data=<LA_URL>{url}</LA_URL>\n"));
        }
        flags
    }
}

fn descriptor((number, track): (usize, &PackagedTrack)) -> OsString {
    let (file, stream, init) = (track.file, track.stream, Part::Init(number));
    let segments = format!("segment-{number}-$Number$.m4s");
    format!("in={INPUTS}/{file},stream={stream},init_segment={init},segment_template={segments}").into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write_private(file: &Path, text: &str) -> Result<(), StreamError> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    Ok(std::io::Write::write_all(&mut file, text.as_bytes())?)
}
