//! What the local cloud needs for DRM: the packager that encrypts, and whose licences. Encrypts nothing.

use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

/// Where `scripts/need.sh packager` puts Shaka Packager, seen from the project's folder.
const INSTALLED: &str = ".tools/packager/shaka-packager";

/// What `gridwich local` and `gridwich demo` can be told of DRM.
#[derive(Args, Debug)]
pub struct ProtectionArguments {
    /// Encrypts with this Shaka Packager; without it, with the one that `scripts/need.sh packager` installed here, if it did.
    #[arg(long, value_name = "PROGRAM")]
    packager: Option<PathBuf>,
    /// Sends players to this licence provider when a streaming policy names none: a URL with {Drm}, {ContentKeyId} and
    /// {AlternativeMediaId} in it.
    #[arg(long, value_name = "TEMPLATE", value_parser = licence_url)]
    pub(super) licence_url: Option<String>,
}

impl ProtectionArguments {
    /// The packager's full path, if there is one.
    pub(super) fn packager(&self) -> Result<Option<PathBuf>, String> {
        match &self.packager {
            Some(given) => {
                let found = given.canonicalize();
                found.map(Some).map_err(|error| format!("--packager {}: {error}", given.display()))
            }
            None => Ok(Path::new(INSTALLED).canonicalize().ok()),
        }
    }
}

fn licence_url(text: &str) -> Result<String, String> {
    let filled = text.replace(['{', '}'], "");
    let is_url = Url::parse(&filled).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
    if is_url { Ok(text.to_owned()) } else { Err("expected a URL at https or http".to_owned()) }
}
